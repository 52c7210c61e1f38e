"""Rung 7: what a model and its surroundings must do whatever their numbers are."""

import copy

import numpy as np

from minivae.datasets.images import Images
from minivae.ladder import reference
from minivae.ladder.moments import latents
from minivae.ladder.optimizers import optimizers
from minivae.ladder.table import Row, by_loops, refuses, relative
from minivae.likelihoods import Binomial
from minivae.optim import SGD
from minivae.training import fit
from minivae.vae import VAE


def behaviour(model, x, rng):
    """Rung 7: heads that reach any value, noise that matters, pictures, steps by hand.

    Parameters
    ----------
    model : VAE
        In float64; it is copied before anything is changed.
    x : ndarray, shape (B, D)
    rng : numpy.random.Generator

    Yields
    ------
    Row
    """
    eps = rng.standard_normal((len(x), model.K))
    yield from _architecture(model, x, rng)
    yield from _noise(model, x, eps, rng)
    yield from _batches(model, x, eps)
    yield from _extremes(model, x, eps)
    yield from _pictures(model, x)
    yield from _training(rng)
    yield from optimizers(rng)


def _architecture(model, x, rng):
    """With zero weights a head's output is its bias; widths are what was asked for."""
    model = copy.deepcopy(model)
    for head in ("mu_head", "logvar_head"):
        model.params[f"{head}.W"][...] = 0
    far = 0.0
    for mu_bias, logvar_bias in ((-7.0, 2.0), (5.0, -6.0)):
        model.params["mu_head.b"][...] = mu_bias
        model.params["logvar_head.b"][...] = logvar_bias
        mu, logvar = model.encode(x)
        far = max(far, np.abs(mu - mu_bias).max(), np.abs(logvar - logvar_bias).max())
    yield Row(7, "mu and logvar reach any value, each alone", far, "", 1e-12)
    built = VAE.mlp(7, 2, (5, 4), rng=rng, dtype=np.float64).params
    shapes = [array.shape for name, array in built.items() if name.endswith("W")]
    wanted = [(7, 5), (5, 4), (4, 2), (4, 2), (2, 4), (4, 5), (5, 7)]
    other_shape = float(shapes != wanted)
    yield Row(7, "mlp(7, 2, (5, 4)) is 7-5-4-2 and 2-4-5-7", other_shape, "", 0.0)
    scaled = VAE.mlp(3, 2, (2,), Binomial(16), rng=rng, dtype=np.float64)
    plain = VAE.mlp(3, 2, (2,), rng=rng, dtype=np.float64)
    plain.theta[...] = scaled.theta
    ink = rng.integers(0, 17, (4, 3)) / 16
    codes = relative(scaled.encode(16 * ink), plain.encode(ink))
    yield Row(7, "counts 0..16 are encoded as x in 0..1", codes, "relative", 1e-12)
    other = model.astype(np.float64)
    other.theta[...] += 1.0
    shared = np.abs(other.theta - model.theta - 1.0).max()
    yield Row(7, "a copy by astype() has weights of its own", shared, "", 1e-9)


def _noise(model, x, eps, rng):
    change = abs(model.loss(x, eps).nelbo - model.loss(x, eps).nelbo)
    yield Row(7, "the same noise gives the same loss", change, "nats", 0.0)
    noises = eps, rng.standard_normal(eps.shape)
    z, other = (latents(model, lambda e=e: model.loss(x, e))[0] for e in noises)
    yield Row(7, "other noise gives another z", float((z == other).any()), "", 0.0)


def _batches(model, x, eps):
    """Sum over dimensions, mean over the batch: every image twice changes nothing."""

    def run(*arguments, **keywords):
        loss = model.loss(*arguments, **keywords)
        model.backward()
        return loss, model.grad.copy()

    once, gradient = run(x, eps)
    size = 1 + abs(once.rec) + once.kl
    model.backward()
    again = relative(model.grad, gradient)
    twice, doubled = run(np.concatenate([x, x]), np.concatenate([eps, eps]))
    free = model.loss(x, eps, free_bits=10.0)
    change = abs(twice.nelbo - once.nelbo) / size
    halves, freed = relative(doubled, gradient), abs(free.kl - once.kl)
    yield Row(7, "a batch repeated has the same loss", change, "relative", 1e-10)
    yield Row(7, "... and the same gradient", halves, "relative", 1e-9)
    yield Row(7, "a second backward() gives the same gradient", again, "relative", 0.0)
    yield Row(7, "free bits leave the reported KL alone", freed, "nats", 1e-9)


def _extremes(model, x, eps):
    y = np.full((2, model.D), 1e4) * [[1.0], [-1.0]]
    with np.errstate(all="ignore"):
        log_p = model.likelihood.log_prob(x[[0, 0]], y)
    wild = copy.deepcopy(model)
    wild.params["logvar_head.b"][...] = 1e4  # sigma = exp(5000)
    silent = 1.0 - refuses(FloatingPointError, wild.loss, x, eps)
    lost = float(np.sum(~np.isfinite(log_p)))
    outside = 0.0
    if hasattr(model.likelihood, "n"):  # a mean count lies in 0..n
        mean, n = model.likelihood.mean(y / 1e3), model.likelihood.n
        outside = float(np.sum((mean < 0) | (mean > n)))
    yield Row(7, "decoder outputs of ±1e4: infinite log-likelihoods", lost, "", 0.0)
    yield Row(7, "an overflowing logvar is refused, not returned", silent, "", 0.0)
    yield Row(7, "mean() lies in the support: pixels outside", outside, "", 0.0)


def _pictures(model, x):
    """decode, reconstruct and interpolate are E[x|z] at the z that they should be at."""
    a, b = x[:1], x[-1:]
    z_a, z_b = (reference.encode(model, image[0])[0] for image in (a, b))

    def picture(z):
        return reference.mean(model.likelihood, reference.decode(model, z))

    way = [
        [picture([(1 - t) * u + t * v for u, v in zip(z_a, z_b, strict=True)])]
        for t in (0.0, 1 / 3, 2 / 3, 1.0)
    ]
    pairs = {
        "decode()": (model.decode(np.array([z_a, z_b])), [way[0][0], way[3][0]]),
        "reconstruct()": (model.reconstruct(a), way[0]),
        "interpolate()": (model.interpolate(a, b, 4), way),
    }
    for name, (found, expected) in pairs.items():
        yield by_loops(7, name, found, expected)


def _training(rng):
    """Two short epochs with β = 0.3: new noise at each step, and an honest report."""
    pixels = rng.integers(0, 2, (24, 4), dtype=np.uint8)
    images = Images(pixels, pixels[:8], 1, (2, 2), "dice")
    vae = VAE.mlp(4, 2, (3,), rng=rng, dtype=np.float64)
    noise, loss = [], vae.loss
    vae.loss = lambda x, eps, *rest: (noise.append(eps.tobytes()), loss(x, eps, *rest))[1]
    history = fit(
        vae, images, SGD(0.01), epochs=2, rng=rng, batch_size=8, beta=0.3, progress=False
    )
    training = noise[:3] + noise[4:7]  # after each epoch comes one test batch
    repeated = len(training) - len(set(training))
    report = np.array(history["test_nelbo"])
    parts = np.array(history["test_rec"]) + np.array(history["test_kl"])
    yield Row(7, "training draws new noise: steps that repeat it", float(repeated), "", 0.0)
    yield Row(7, "the reported nelbo has β = 1", relative(report, parts), "relative", 1e-12)
