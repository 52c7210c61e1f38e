"""Rungs 2 and 3: formulas against Monte Carlo, and the moments of what is drawn.

Gradient and value may agree perfectly and both be of the wrong thing. Here a formula
meets a plain average of log-densities written out once more, and a sampler meets the
distribution that the formula assumes.
"""

import numpy as np

from minivae import gaussian
from minivae.inference.classical import bbvi
from minivae.ladder.table import Row, z_score
from minivae.likelihoods import Binomial, Gaussian, Laplace

SAMPLES = 4000
Z = 5.0  # standard errors


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

    Returns
    -------
    list of Row
    """
    mu, logvar = model.encode(x)
    sigma = np.exp(logvar / 2)
    z = mu + sigma * rng.standard_normal((SAMPLES, *mu.shape))
    terms = log_density(z, mu, sigma) - log_density(z, 0.0, np.ones(model.K))
    eps = rng.standard_normal(mu.shape)
    rows = [
        Row(
            2,
            "the loss's KL is E_q[log q - log p]",
            z_score(terms.mean(axis=1), model.loss(x, eps).kl),
            "z",
            Z,
        )
    ]
    # other posteriors than the model's own: wide and narrow, near and far
    mu, logvar = rng.normal(0, 1.5, (8, 3)), rng.normal(0, 1, (8, 3))
    sigma = np.exp(logvar / 2)
    z = mu + sigma * rng.standard_normal((SAMPLES, 8, 3))
    terms = log_density(z, mu, sigma) - log_density(z, 0.0, np.ones(3))
    kl = gaussian.kl(mu, logvar)
    rows.append(
        Row(
            2,
            "KL of random Gaussians, formula and Monte Carlo",
            z_score(terms, kl.sum(axis=-1)),
            "z",
            Z,
        )
    )
    rows.append(
        Row(2, "KL ≥ 0: how far below zero it falls", max(0.0, -kl.min()), "nats", 0.0)
    )
    at_prior = np.abs(gaussian.kl(np.zeros((1, 1)), np.zeros((1, 1)))).max()
    rows.append(Row(2, "KL of the prior to itself is zero", at_prior, "nats", 0.0))
    return rows + _gradient_estimators(rng)


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
    return [
        Row(
            2,
            f"{name}: E[gradient] is the ELBO's",
            float(np.abs(bbvi.compare(estimator, exact, rng, S=4, replicates=800).z).max()),
            "z",
            Z,
        )
        for name, estimator in estimators.items()
    ]


def moments(model, x, rng):
    """Rung 3: what is drawn has the moments that the formulas assume.

    The z that enters the decoder has mean mu and variance σ² of the encoder's output;
    dreams start from N(0, I); pixels are drawn from the density that `log_prob` gives.

    Parameters and result as for `monte_carlo`.
    """
    x = x[:4]
    mu, logvar = model.encode(x)
    eps = rng.standard_normal((SAMPLES, *mu.shape))
    z = _latents(model, lambda: model.loss(x, eps))
    centred = z - mu
    rows = [
        Row(3, "E[z] = mu", z_score(z, mu), "z", Z),
        Row(3, "Var[z] = exp(logvar)", z_score(centred**2, np.exp(logvar)), "z", Z),
    ]
    if model.K > 1:
        product = centred[..., 0] * centred[..., 1]
        rows.append(Row(3, "Cov[z_1, z_2] = 0", z_score(product, 0.0), "z", Z))
    z = _latents(model, lambda: model.sample(SAMPLES, rng))
    rows += [
        Row(3, "dreams: E[z] = 0", z_score(z, 0.0), "z", Z),
        Row(3, "dreams: Var[z] = 1", z_score(z**2, 1.0), "z", Z),
    ]
    for likelihood in (Binomial(1), Binomial(16), Gaussian(0.3), Laplace(0.4)):
        rows += _pixels(likelihood, rng)
    return rows


def _latents(model, run):
    """The z that enters the decoder while `run()` is running."""
    seen = []
    decode = model.decoder.forward
    model.decoder.forward = lambda z: (seen.append(z), decode(z))[1]
    try:
        run()
    finally:
        del model.decoder.forward  # the class's own again
    z = np.concatenate(seen)
    return z.reshape(SAMPLES, -1, model.K) if len(z) > SAMPLES else z


def _pixels(likelihood, rng):
    """Draws of one pixel against mean() and against the density of log_prob()."""
    name = f"{type(likelihood).__name__}({next(iter(likelihood.config.values()))})"
    y = np.array([[0.7]])
    if isinstance(likelihood, Binomial):
        values = np.arange(likelihood.n + 1.0)
        width = 1.0
    else:
        values = np.linspace(-12, 13, 5001)
        width = values[1] - values[0]
    p = np.exp([likelihood.log_prob(np.array([[v]]), y)[0] for v in values]) * width
    mean, square = (p * values).sum(), (p * values**2).sum()
    draws = likelihood.sample(np.full((SAMPLES, 1), 0.7), rng)
    return [
        Row(
            3,
            f"{name}: mean() is the density's",
            abs(likelihood.mean(y)[0, 0] - mean),
            "",
            1e-4,
        ),
        Row(3, f"{name}: draws have that mean", z_score(draws, mean), "z", Z),
        Row(3, f"{name}: draws have that E[x²]", z_score(draws**2, square), "z", Z),
    ]
