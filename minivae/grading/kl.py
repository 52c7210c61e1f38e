"""Exercise 5: the KL divergence to the prior, and its gradient."""

import numpy as np

from minivae.grading.compare import gradient, values, z_score

FORMULA = " | KL = ½ (mu² + σ² - 1 - logvar), with σ² = exp(logvar)"


def _right(mu, logvar):
    return 0.5 * (mu**2 + np.exp(logvar) - 1 - logvar)


def _posterior(B=5, K=3):
    rng = np.random.default_rng(6)
    return rng.standard_normal((B, K)), 1.2 * rng.standard_normal((B, K)) - 0.5


def kl(student):
    """Monte Carlo of its definition; exact values; 0 at the prior."""
    mu, logvar = _posterior()
    var, sigma = np.exp(logvar), np.exp(logvar / 2)

    def call(mu, logvar):
        return student.call("kl", mu, logvar, out={"KL": (len(mu),)})

    right = mu**2 + var - 1 - logvar  # without the ½
    sign, other_way = right + 2 * logvar, (mu**2 + 1) / var - 1 + logvar
    mistaken, one = right + var**2 - var - logvar, right + 1
    mistakes = {
        "Your KL is exactly twice what it should be: the ½ in front is missing.": 2 * right,
        "The sign of logvar is wrong: the KL falls while σ grows towards 1.": sign,
        "σ stands where σ² belongs: exp(logvar) is the variance.": right + sigma - var,
        "logvar is taken for log σ; it is log σ².": mistaken,
        "It is mu² that belongs there, not mu.": right + mu - mu**2,
        "The KL must be zero at mu = 0, σ = 1, and yours is not: the -1 is missing.": one,
        "That is KL(p ‖ q). The order matters: the expectation is under q.": other_way,
        "(log σ)² stands where log σ² belongs.": right + logvar - (logvar / 2) ** 2,
        "A log 2π too many: those of q and of p cancel.": right + np.log(2 * np.pi),
    }
    mistakes = {hint: each.sum(axis=1) / 2 for hint, each in mistakes.items()}
    came, sizes = call(mu, logvar), dict(zip("BK", mu.shape, strict=True))
    exact = _right(mu, logvar).sum(axis=1)
    error = values("KL", came, exact, mistakes, sizes, look=FORMULA)
    at_prior = call(np.zeros((2, 3)), np.zeros((2, 3)))
    values("KL at the prior, plus 1", 1 + at_prior, np.ones(2))
    z = mu + sigma * np.random.default_rng(0).standard_normal((20000, *mu.shape))
    draws = 0.5 * (z**2 - (z - mu) ** 2 / var - logvar).sum(axis=-1)  # log q - log p
    z_score("E_q[log q - log p]", draws, came, "Your KL is not what its definition gives.")
    values("KL of one image", call(mu[:1], logvar[:1]), came[:1])
    return error


def kl_grad(student):
    """Finite differences with random dkl."""
    mu, logvar = _posterior()
    dkl = np.random.default_rng(7).standard_normal(len(mu))
    up, var, sigma = dkl[:, None], np.exp(logvar), np.exp(logvar / 2)
    twice = "Your gradient for {} is exactly twice what it should be: look at {}."
    forgot = "Each image's row is to be multiplied by its own number: times dkl."
    wanted = "That is the derivative with respect to {}; logvar wants one more factor, {}."
    look = {"mu": " | dmu = dkl mu", "logvar": " | dlogvar = dkl (σ² - 1)/2"}
    mistakes = {
        "mu": {
            twice.format("mu", "the derivative of ½ mu²"): 2 * up * mu,
            forgot: mu,
            "dmu and dlogvar are exchanged: return dmu first.": up * (var - 1) / 2,
        },
        "logvar": {
            twice.format("logvar", "the ½ in front, and ∂σ²/∂logvar = σ²"): up * (var - 1),
            wanted.format("σ", "∂σ/∂logvar = σ/2"): up * (sigma - 1 / sigma),
            wanted.format("σ²", "∂σ²/∂logvar = σ²"): up * (1 - 1 / var) / 2,
            "σ stands where σ² belongs: exp(logvar) is the variance.": up * (sigma - 1) / 2,
            "The derivative of the KL's term -½ logvar is forgotten: -½.": up * var / 2,
            forgot: (var - 1) / 2,
        },
    }

    def claim(mu, logvar):
        out = {"dmu": mu.shape, "dlogvar": mu.shape}
        return student.call("kl_grad", mu, logvar, dkl, out=out)

    theta, sizes = {"mu": mu, "logvar": logvar}, {"B": 5, "K": 3}
    return gradient(_right, theta, up, claim, mistakes, look, sizes)


TITLE, MINUTES, POINTS = "KL to the prior", 40, {kl: 4, kl_grad: 4}
