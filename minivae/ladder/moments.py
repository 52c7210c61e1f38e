"""Rung 3: what is drawn has the moments that the formulas assume."""

import math

import numpy as np

from minivae.ladder import reference
from minivae.ladder.pixels import likelihoods
from minivae.ladder.table import Row, apart, by_loops, relative, z_row, z_score
from minivae.layers import ACTIVATIONS, mlp
from minivae.likelihoods import Binomial, Gaussian, Laplace
from minivae.model import Model

SAMPLES = 4000
BLOCK = 1000  # images sampled at a time


def exact_noise(K, B):
    """2K points ±√K e_k for each of B images, shape (2K, B, K).

    Their mean is exactly 0 and their covariance exactly I, so that a plain average over
    them is the exact expectation of anything quadratic in the noise.
    """
    axes = math.sqrt(K) * np.concatenate([np.eye(K), -np.eye(K)])
    return np.repeat(axes[:, None, :], B, axis=1)


def moments(model, x, rng):
    """Rung 3: what is drawn has the moments that the formulas assume.

    The z that enters the decoder has mean mu and variance σ² of the encoder's output;
    samples start from N(0, I); pixels are drawn from the density that `log_prob` gives;
    the first weights have the variance of their papers.

    Parameters
    ----------
    model : VAE
        In float64.
    x : ndarray, shape (B, D)
    rng : numpy.random.Generator

    Yields
    ------
    Row
    """
    yield from _encoded(model, x[:4], rng)
    yield from _sampled(model, rng)
    yield from _pixels(model.likelihood, "this model's pixels", rng)
    yield from _every_likelihood(rng)
    yield _first_weights(rng)


def latents(model, run):
    """The z that enters the decoder while `run()` is running, and what `run` returns."""
    seen = []
    decode = model.decoder.forward
    model.decoder.forward = lambda z: (seen.append(z), decode(z))[1]
    try:
        result = run()
    finally:
        del model.decoder.forward  # the class's own again
    return np.concatenate(seen), result


def _encoded(model, x, rng):
    """z = mu + σ ε, and over noise of mean 0 and covariance I that has q's moments."""
    mu, logvar = model.encode(x)
    noise = exact_noise(model.K, len(x))
    z = latents(model, lambda: model.loss(x, noise))[0].reshape(noise.shape)
    centred = z - mu
    cov = np.einsum("sbi,sbj->bij", centred, centred) / len(noise)
    exact = np.exp(logvar)[:, :, None] * np.eye(model.K)
    eps = rng.standard_normal((2, *mu.shape))
    drawn = latents(model, lambda: model.loss(x, eps))[0].reshape(eps.shape)
    again = reference.terms(model, x[:1], eps[:, :1])["z"]
    size = 1 + np.abs(mu).max()
    yield Row(3, "E[z] = mu", apart(z.mean(axis=0), mu) / size, "relative", 1e-10)
    yield Row(3, "Cov[z] = diag(exp(logvar))", relative(cov, exact), "relative", 1e-8)
    yield by_loops(3, "z = mu + σ ε", drawn[:, :1], again, size, 1e-10)


def _sampled(model, rng):
    """Images from the prior: their z, and the pixels round the mean that belongs to z."""

    def score(statistic):
        return lambda n: statistic(*_images(model, n, rng))

    def of_z(z, *_):
        return z_score(z, 0.0)

    def spread(z, *_):
        # cos sees more than a variance: a uniform z has another E[cos 2z] than a normal
        stats = np.concatenate([z**2 - 1, np.cos(2 * z) - math.exp(-2)], axis=1)
        return z_score(stats, 0.0)

    def independent(z, *_):
        neighbours = (z[::2] * z[1::2]).mean(axis=1, keepdims=True)
        within = (z * np.roll(z, 1, axis=1))[::2] if model.K > 1 else neighbours
        return z_score(np.concatenate([neighbours, within], axis=1), 0.0)

    def of_pixels(_, residual, variance):
        total = residual.sum(axis=1)
        width = math.sqrt(variance.sum())
        first = abs(total.sum()) / width if width > 0 else 0.0
        surplus = (residual**2 - variance).sum(axis=1)
        return max(first, z_score(surplus, 0.0))

    z, images = latents(model, lambda: model.sample(2, rng, mean=True))
    means = [reference.mean(model.likelihood, reference.decode(model, row)) for row in z]
    n = SAMPLES
    yield z_row(3, "samples: E[z] = 0", score(of_z), n)
    yield z_row(3, "samples: Var[z] = 1, and E[cos 2z] of a normal", score(spread), n)
    yield z_row(3, "samples: z of two images or dimensions", score(independent), n)
    yield z_row(3, "samples: pixels round E[x|z]", score(of_pixels), n // 4)
    yield by_loops(3, "samples' means", images, means)


def _images(model, n, rng):
    """z, residuals x - E[x|z] and their variances for n images of `model.sample`."""
    parts = []
    for start in range(0, n, BLOCK):
        size = min(BLOCK, n - start)
        z, x = latents(model, lambda size=size: model.sample(size, rng))
        y = model.decoder_output(z)
        parts.append((z, x - model.likelihood.mean(y), _variance(model.likelihood, y)))
    return [np.concatenate(part) for part in zip(*parts, strict=True)]


def _variance(likelihood, y):
    """Var[x|z] of each pixel, by the textbook."""
    if isinstance(likelihood, Binomial):
        p = 1 / (1 + np.exp(-np.clip(y, -700, 700)))
        return likelihood.n * p * (1 - p)
    scale = reference.scale_of(likelihood)
    return np.full_like(y, scale if isinstance(likelihood, Gaussian) else 2 * scale**2)


def _every_likelihood(rng):
    for name, likelihood in likelihoods(rng).items():
        yield from _pixels(likelihood, name, rng)
    for kind in (Gaussian, Laplace):
        theta = Model({"likelihood": kind(0.3, learned=True)}, rng, np.float64).theta
        off, claim = abs(np.exp(theta[0]) - 0.3), f"{kind.__name__}: a learned scale"
        yield Row(3, f"{claim} starts as told", off, "", 1e-12)


def _width(likelihood):
    """The standard deviation of a Gaussian's or a Laplace's pixel."""
    return math.sqrt(_variance(likelihood, np.zeros(1)).item())


def pixel_density(likelihood, y):
    """(values, p): all counts of a pixel, or a grid about y, and the probability of each.

    y is a node of the grid, for a Laplace has its kink there.
    """
    if isinstance(likelihood, Binomial):
        values, width = np.arange(likelihood.n + 1.0), 1.0
    else:
        values = y + _width(likelihood) * np.linspace(-30, 30, 40001)
        width = values[1] - values[0]
    log_p = likelihood.log_prob(values[:, None], np.full((len(values), 1), y))
    return values, np.exp(log_p) * width


def _pixels(likelihood, name, rng):
    """Draws of pixels against mean() and against the density of log_prob()."""
    y = rng.uniform(-1.5, 1.5)
    values, p = pixel_density(likelihood, y)
    discrete = isinstance(likelihood, Binomial)
    unit = max(1, likelihood.n / 4) if discrete else _width(likelihood)
    centre = 0.0 if discrete else y
    mean = centre + (p * (values - centre)).sum()

    def statistics(x):
        r = (x - mean) / unit
        return np.stack([r, r**2, np.cos(2 * r), np.sin(2 * r)], axis=-1)

    expected = p @ statistics(values)
    lone = expected[1]  # Var of a residual

    def score(n):
        x = likelihood.sample(np.full((n, 2), y), rng)
        r = (x - mean) / unit
        pairs = np.stack([r[:, 0] * r[:, 1], r[:, 0] * np.roll(r[:, 0], 1)], axis=-1)
        return max(z_score(statistics(x[:, 0]), expected), z_score(pairs / lone, 0.0))

    off = abs(likelihood.mean(np.array([[y]])).item() - mean) / unit
    return [
        Row(3, f"{name}: mean() is the density's", off, "", 1e-4),
        z_row(3, f"{name}: draws have that density's moments", score, SAMPLES),
    ]


def _first_weights(rng):
    """W ~ N(0, 2 / (n_in + n_out)), before a ReLU N(0, 2 / n_in); b = 0."""

    def score(n):
        stats = []
        for activation in ACTIVATIONS:
            layer = mlp([40, n // 40], activation)[0]
            Model({"layer": layer}, rng, np.float64)
            fan = layer.n_in if activation == "relu" else layer.n_in + layer.n_out
            w = layer.params["W"].ravel() * math.sqrt(fan / 2)
            w = w + 1e3 * np.abs(layer.params["b"]).max()
            stats += [w, w**2 - 1, np.cos(2 * w) - math.exp(-2)]
        return z_score(np.stack(stats, axis=-1), 0.0)

    return z_row(3, "a network's first weights have their papers' variance", score, SAMPLES)
