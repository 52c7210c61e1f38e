"""Rung 6: probabilities sum to one, bounds are bounds, and more samples tighten them."""

from itertools import product

import numpy as np

from minivae.iwae import IWAE
from minivae.ladder.table import Row, relative, z_score
from minivae.likelihoods import Binomial, Gaussian, Laplace
from minivae.vae import VAE

GRID = np.linspace(-8, 8, 801)[:, None]  # nodes in z; the trapezoid rule is enough


def probability(model, x, rng):
    """Rung 6: sums over all images, integrals over all pixels, and the order of bounds.

    Runs on small models of its own, where every sum can be carried out.

    Parameters
    ----------
    model, x
        Arguments as on every rung; not used here.
    rng : numpy.random.Generator

    Returns
    -------
    list of Row
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
    rows = [Row(6, "p(x) over all 16 images of a small VAE sums to one", total, "", 1e-9)]
    rows += [
        _pixel_total(p) for p in (Binomial(1), Binomial(16), Gaussian(0.3), Laplace(0.4))
    ]
    rows.append(
        Row(6, "Bernoulli pixels: grey values let through", _grey_accepted(), "", 0.0)
    )
    return rows + _bounds(vae, images, log_p, rng)


def exact_log_prob(vae, x):
    """log p(x) of a VAE with one latent dimension, on a grid: shape (B,)."""
    z = np.broadcast_to(GRID[:, None, :], (len(GRID), len(x), 1))
    step = GRID[1, 0] - GRID[0, 0]
    y = vae.decoder_output(z)
    log_prior = -0.5 * z[..., 0] ** 2 - 0.5 * np.log(2 * np.pi)
    return np.log(np.exp(vae.likelihood.log_prob(x, y) + log_prior).sum(axis=0) * step)


def _pixel_total(likelihood):
    """How far the probabilities of one pixel are from summing to one."""
    name = type(likelihood).__name__
    worst = 0.0
    for y in (-2.0, 0.3, 1.5):
        if isinstance(likelihood, Binomial):
            values, width = np.arange(likelihood.n + 1.0), 1.0
            name = f"Binomial({likelihood.n})"
        else:  # y is a node of the grid: a Laplace has its kink there
            values = y + np.linspace(-20, 20, 40001)
            width = values[1] - values[0]
        log_p = likelihood.log_prob(values[:, None], np.full((len(values), 1), y))
        worst = max(worst, abs(np.exp(log_p).sum() * width - 1))
    return Row(6, f"{name}: probabilities of a pixel sum to one", worst, "", 1e-6)


def _grey_accepted():
    try:
        Binomial(1).log_prob(np.array([[0.5]]), np.array([[0.0]]))
    except ValueError:
        return 0.0
    return 1.0


def _bounds(vae, x, log_p, rng):
    """ELBO ≤ L_S ≤ log p(x), and the importance weights average to p(x)."""
    S = 4000
    log_w = vae.log_weights(x, rng.standard_normal((S, len(x), 1)))
    elbo = np.array([vae.elbo(x, e) for e in rng.standard_normal((20, 200, len(x), 1))])
    rows = [
        Row(
            6,
            "importance weights: E[w] = p(x)",
            z_score(np.exp(log_w - log_p), 1.0),
            "z",
            5.0,
        ),
        Row(
            6,
            "the ELBO exceeds log p(x) by",
            max(0.0, float((elbo.mean(axis=0) - log_p).max())),
            "nats",
            1e-2,
        ),
    ]
    # one draw of S weights, its bound, and the same noise in the ELBO of each sample
    eps = rng.standard_normal((150, 8, len(x), 1))
    bounds = -np.array([vae.loss(x, e).nelbo for e in eps])
    log_w = np.array([vae.log_weights(x, e) for e in eps])
    textbook = np.log(np.exp(log_w).mean(axis=1)).mean(axis=1)
    single = np.array([-VAE.loss(vae, x, e).nelbo for e in eps])
    gain = bounds - log_w.mean(axis=(1, 2))
    above = max(0.0, bounds.mean() - log_p.mean())
    analytic = z_score(single - log_w.mean(axis=(1, 2)), 0.0)
    gained = 0.0 if gain.min() > 0 else 1.0
    return rows + [
        Row(
            6,
            "the loss's bound is log (1/S) Σ w",
            relative(bounds, textbook),
            "relative",
            1e-9,
        ),
        Row(6, "8 samples do not tighten the bound", gained, "", 0.0),
        Row(6, "the bound of 8 samples exceeds log p(x) by", above, "nats", 1e-2),
        Row(6, "ELBO: analytic and sampled KL agree", analytic, "z", 5.0),
    ]
