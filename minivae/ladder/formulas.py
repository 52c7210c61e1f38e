"""Rung 2: formulas against Monte Carlo, and against themselves written out in loops.

Gradient and value may agree perfectly and both be of the wrong thing. Here a formula
meets a plain average of log-densities written out once more.
"""

import numpy as np

from minivae import gaussian
from minivae.inference.classical import bbvi
from minivae.ladder import reference
from minivae.ladder.table import Row, by_loops, z_row, z_score

SAMPLES = 4000


def log_density(z, mu, sigma):
    """log N(z; mu, σ²) summed over dimensions, in textbook form and on its own."""
    terms = np.log(sigma * np.sqrt(2 * np.pi)) + (z - mu) ** 2 / (2 * sigma**2)
    return -terms.sum(axis=-1)


def monte_carlo(model, x, rng):
    """Rung 2: the analytic KL is E_q[log q(z|x) - log p(z)], and it is never negative.

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
    claimed = model.loss(x, rng.standard_normal((len(x), model.K))).kl
    # other posteriors than the model's own: wide and narrow, near and far
    mu, logvar = rng.normal(0, 1.5, (8, 3)), rng.normal(0, 1, (8, 3))
    kl = gaussian.kl(mu, logvar)
    at_prior = np.abs(gaussian.kl(np.zeros((1, 1)), np.zeros((1, 1)))).max()

    def of_loss(n):
        return z_score(_kl_terms(*model.encode(x), n, rng).mean(axis=0), claimed)

    def of_formula(n):
        return z_score(_kl_terms(mu, logvar, n, rng).T, kl.sum(axis=-1))

    yield z_row(2, "the loss's KL is E_q[log q - log p]", of_loss, SAMPLES)
    claim = "KL of random Gaussians, formula and Monte Carlo"
    yield z_row(2, claim, of_formula, SAMPLES)
    yield Row(2, "KL ≥ 0: how far below zero it falls", max(0.0, -kl.min()), "nats", 0.0)
    yield Row(2, "KL of the prior to itself is zero", at_prior, "nats", 0.0)
    yield from _formulas(rng)
    yield from _gradient_estimators(rng)


def _kl_terms(mu, logvar, n, rng):
    """log q(z) - log p(z) at n samples of each of B Gaussians (B, K): (B, n)."""
    mu, sigma = mu[:, None], np.exp(logvar / 2)[:, None]
    z = mu + sigma * rng.standard_normal((len(mu), n, mu.shape[-1]))
    return log_density(z, mu, sigma) - log_density(z, 0.0, np.ones(mu.shape[-1]))


def _formulas(rng):
    """KL and log N far out, where a sample would never come: by plain loops."""
    mu, logvar = rng.uniform(-30, 30, (20, 1)), rng.uniform(-12, 8, (20, 1))
    z = mu + np.exp(logvar / 2) * rng.uniform(-9, 9, (20, 1))
    kl = [reference.kl(*row) for row in zip(mu, logvar, strict=True)]
    log_n = [[reference.log_normal(*row)] for row in zip(z, mu, logvar, strict=True)]
    pairs = {
        "KL of wide, narrow and distant Gaussians": (gaussian.kl(mu, logvar), kl),
        "log N(z; mu, σ²)": (gaussian.log_normal(z, mu, logvar), log_n),
    }
    for name, (found, expected) in pairs.items():
        yield by_loops(2, name, found, expected, 1 + np.abs(expected), 1e-10)


def _gradient_estimators(rng):
    """Two estimators of the ELBO's gradient against the exact one.

    With log p(x, z) = -½ (z - 1)² / v the ELBO of q = N(mu, σ²) is, but for a constant,
    -½ ((mu - 1)² + σ²) / v + ½ logvar.
    """
    mu, logvar, v = np.array([-0.5]), np.array([0.4]), 0.5
    exact = np.array([(1 - mu[0]) / v, 0.5 - 0.5 * np.exp(logvar[0]) / v])
    estimators = {
        "score function with control variate": lambda eps: bbvi.score_terms(
            lambda z: -0.5 * (z[:, 0] - 1) ** 2 / v, mu, logvar, eps, control_variate=True
        ),
        "pathwise": lambda eps: bbvi.pathwise_terms(lambda z: (1 - z) / v, mu, logvar, eps),
    }
    for name, terms in estimators.items():

        def score(n, terms=terms):
            z = bbvi.compare(terms, exact, rng, S=4, replicates=n).z
            return float(np.abs(z).max())

        yield z_row(2, f"{name}: E[gradient] is the ELBO's", score, 800)
