"""Rung 6: probabilities sum to one, bounds are bounds, and more samples tighten them."""

from itertools import product

import numpy as np

from minivae.iwae import IWAE
from minivae.ladder import reference
from minivae.ladder.moments import pixel_density
from minivae.ladder.pixels import likelihoods, pixels
from minivae.ladder.table import Row, by_loops, refuses, relative, z_row, z_score
from minivae.likelihoods import Bernoulli, Binomial, Gaussian
from minivae.vae import VAE

GRID = np.linspace(-8, 8, 801)[:, None]  # nodes in z; the trapezoid rule is enough


def probability(model, x, rng):
    """Rung 6: sums over all images, integrals over all pixels, and the order of bounds.

    Runs on small models of its own, where every sum can be carried out; of the given one
    only the likelihood is looked at.

    Parameters
    ----------
    model : VAE
    x
        An argument as on every rung; not used here.
    rng : numpy.random.Generator

    Yields
    ------
    Row
    """
    images = np.array(list(product([0.0, 1.0], repeat=4)))
    vae = IWAE.mlp(4, 1, (3,), rng=rng, dtype=np.float64)
    vae.theta[...] = rng.normal(0, 1, vae.theta.size)
    # q wider than the prior: then the weights p(x, z) / q(z|x) have finite moments
    vae.params["mu_head.W"][...] *= 0.2
    vae.params["mu_head.b"][...] *= 0.2
    vae.params["logvar_head.W"][...] *= 0.1
    vae.params["logvar_head.b"][...] = 0.5
    log_p = exact_log_prob(vae, images)
    total = abs(np.exp(log_p).sum() - 1)
    yield Row(6, "p(x) over all 16 images of a small VAE sums to one", total, "", 1e-9)
    for name, likelihood in likelihoods(rng).items():
        totals = [pixel_density(likelihood, y)[1].sum() for y in (-2.0, 0.3, 1.5)]
        worst = np.abs(np.subtract(totals, 1)).max()
        yield Row(6, f"{name}: probabilities of a pixel sum to one", worst, "", 1e-6)
    grey, y = np.array([[0.5]]), np.zeros((1, 1))
    accepted = 1.0 - refuses(ValueError, Binomial(1).log_prob, grey, y)
    yield Row(6, "Bernoulli pixels: grey values let through", accepted, "", 0.0)
    yield from _log_probs(model.likelihood, rng)
    yield from _bounds(vae, images, log_p, rng)
    yield from _iwae(rng)


def exact_log_prob(vae, x):
    """log p(x) of a VAE with one latent dimension, on a grid: shape (B,)."""
    z = np.broadcast_to(GRID[:, None, :], (len(GRID), len(x), 1))
    step = GRID[1, 0] - GRID[0, 0]
    y = vae.decoder_output(z)
    log_prior = -0.5 * z[..., 0] ** 2 - 0.5 * np.log(2 * np.pi)
    return np.log(np.exp(vae.likelihood.log_prob(x, y) + log_prior).sum(axis=0) * step)


def _log_probs(own, rng):
    """log p(x|z) at moderate and at extreme outputs of the decoder, by plain loops."""
    more = {"Binomial(255)": Binomial(255), "grey Bernoulli": Bernoulli(grey=True)}
    every = likelihoods(rng) | more | {"this model's pixels": own}
    for name, likelihood in every.items():
        y = rng.standard_normal((2, 6, 5)) * [[[1]], [[30]]]
        y[1, -1] *= 1000  # beyond where exp overflows
        x = pixels(likelihood, (6, 5), rng)
        expected = [reference.log_likelihoods(likelihood, x, sample) for sample in y]
        # of the terms' size: a sure pixel's log p is the difference of two large numbers
        size = 1 + np.abs(expected) + np.abs(y).sum(axis=-1)
        yield by_loops(6, f"log p(x|z), {name}", likelihood.log_prob(x, y), expected, size)


def _bounds(vae, x, log_p, rng):
    """ELBO ≤ L_S ≤ log p(x), and the importance weights average to p(x)."""

    def noise(*sizes):
        return rng.standard_normal((*sizes, len(x), 1))

    def weights(n):
        return z_score(np.exp(vae.log_weights(x, noise(n)) - log_p), 1.0)

    def elbo(n):
        return z_score([vae.elbo(x, e) for e in noise(n, 20)], log_p, one_sided=True)

    def bound(n):
        bounds = [-vae.loss(x, e).nelbo for e in noise(n, 8)]
        return z_score(bounds, log_p.mean(), one_sided=True)

    def analytic(n):
        eps = noise(n, 8)
        single = np.array([-VAE.loss(vae, x, e).nelbo for e in eps])
        log_w = np.array([vae.log_weights(x, e).mean() for e in eps])
        return z_score(single - log_w, 0.0)

    # one draw of S weights, its bound, and the same noise in the ELBO of each sample
    eps = noise(50, 8)
    bounds = -np.array([vae.loss(x, e).nelbo for e in eps])
    log_w = np.array([vae.log_weights(x, e) for e in eps])
    textbook = np.log(np.exp(log_w).mean(axis=1)).mean(axis=1)
    gained = 0.0 if (bounds - log_w.mean(axis=(1, 2))).min() > 0 else 1.0
    same = relative(bounds, textbook)
    yield z_row(6, "importance weights: E[w] = p(x)", weights, 4000)
    yield z_row(6, "the ELBO does not exceed log p(x)", elbo, 200)
    yield Row(6, "the loss's bound is log (1/S) Σ w", same, "relative", 1e-9)
    yield Row(6, "8 samples do not tighten the bound", gained, "", 0.0)
    yield z_row(6, "the bound of 8 samples does not exceed log p(x)", bound, 150)
    yield z_row(6, "ELBO: analytic and sampled KL agree", analytic, 150)


def _iwae(rng):
    """-L_4, rec and kl, where weights are ordinary and where they all underflow."""
    iwae = IWAE.mlp(4, 2, (3,), Gaussian(0.4), rng=rng, dtype=np.float64)
    x, eps = rng.standard_normal((3, 4)), rng.standard_normal((4, 3, 2))
    for name, shift in (("the bound of 4 samples", 0.0), ("... of images far away", 40.0)):
        far = x + shift * np.array([[0.0], [1.0], [-2.0]])  # log w down to -40000 nats
        t = reference.terms(iwae, far, eps)
        log_w = t["log_p"] + t["log_prior"] - t["log_q"]
        nelbo = -np.mean([reference.log_mean(list(column)) for column in log_w.T])
        expected = nelbo, -t["log_p"].mean(), t["kl"].sum(axis=-1).mean()
        name = f"{name}, its rec and kl"
        yield by_loops(6, name, iwae.loss(far, eps), expected, np.abs(expected))
