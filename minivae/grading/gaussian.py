"""Graders of exercises 5 and 6: the KL to the prior, and reparameterization."""

import numpy as np

from minivae.grading.compare import agree, gradient, precision, values, z_score
from minivae.grading.student import Wrong


def _right_kl(mu, logvar):
    return 0.5 * (mu**2 + np.exp(logvar) - 1 - logvar)


def _posterior(B=5, K=3, seed=6):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((B, K)), 1.2 * rng.standard_normal((B, K)) - 0.5


def kl(student):
    """Monte Carlo of its definition; zero at the prior; exact values."""
    mu, logvar = _posterior()
    var, sigma = np.exp(logvar), np.exp(logvar / 2)

    def call(mu, logvar):
        return student.call("kl", mu, logvar, out={"KL": (len(mu),)})

    def changed(each):
        return 0.5 * each.sum(axis=1)

    came, B, K = call(mu, logvar), *mu.shape
    mistakes = {
        "Your KL is exactly twice what it should be: the ½ in front is missing.": changed(
            2 * (mu**2 + var - 1 - logvar)
        ),
        "The sign of logvar is wrong: KL = ½ (mu² + σ² - 1 - logvar).": changed(
            mu**2 + var - 1 + logvar
        ),
        "σ stands where σ² belongs: exp(logvar) is the variance.": changed(
            mu**2 + sigma - 1 - logvar
        ),
        "logvar is taken for log σ; it is log σ², so σ² = exp(logvar).": changed(
            mu**2 + var**2 - 1 - 2 * logvar
        ),
        "It is mu² that belongs there, not mu.": changed(mu + var - 1 - logvar),
        "The KL must be zero at mu = 0, σ = 1, and yours is not: the -1 is missing.": (
            changed(mu**2 + var - logvar)
        ),
        "That is KL(p ‖ q). The order matters: the expectation is under q.": changed(
            (mu**2 + 1) / var - 1 + logvar
        ),
        "(log σ)² stands where log σ² = 2 log σ belongs.": changed(
            mu**2 + var - 1 - (logvar / 2) ** 2
        ),
        "A log 2π too many: those of q and of p cancel.": changed(
            mu**2 + var - 1 - logvar + np.log(2 * np.pi)
        ),
    }
    error = values(
        "KL", came, _right_kl(mu, logvar).sum(axis=1), mistakes, {"B": B, "K": K}
    )
    at_prior = call(np.zeros((2, 3)), np.zeros((2, 3)))
    values("KL at the prior, plus 1", 1 + at_prior, np.ones(2))
    rng = np.random.default_rng(0)
    z = mu + sigma * rng.standard_normal((20000, B, K))
    draws = 0.5 * (z**2 - (z - mu) ** 2 / var - logvar).sum(axis=-1)  # log q - log p
    z_score("E_q[log q - log p]", draws, came, "Your KL is not what its definition gives.")
    values("KL of one image", call(mu[:1], logvar[:1]), came[:1])
    return f"exact values {precision(error)}; Monte Carlo of the definition; 0 at the prior"


def kl_grad(student):
    """Finite differences with random upstream."""
    mu, logvar = _posterior()
    dkl = np.random.default_rng(7).standard_normal(len(mu))
    up, var, sigma = dkl[:, None], np.exp(logvar), np.exp(logvar / 2)

    def claim(theta):
        args = theta["mu"], theta["logvar"], dkl
        out = {"dmu": mu.shape, "dlogvar": mu.shape}
        return dict(zip(theta, student.call("kl_grad", *args, out=out), strict=True))

    twice = "Your gradient for {} is exactly twice what it should be: look at {}."
    forgot = "Each image's row is to be multiplied by its own number: times dkl."
    worst = gradient(
        lambda p: float((up * _right_kl(p["mu"], p["logvar"])).sum()),
        {"mu": mu, "logvar": logvar},
        claim,
        mistakes={
            "mu": {
                twice.format("mu", "the derivative of ½ mu²"): 2 * up * mu,
                forgot: mu,
                "dmu and dlogvar are exchanged: return dmu first.": up * (var - 1) / 2,
            },
            "logvar": {
                twice.format("logvar", "the ½ in front, and ∂σ²/∂logvar = σ²"): up
                * (var - 1),
                "That is the derivative with respect to σ; logvar wants one more factor"
                " ∂σ/∂logvar = σ/2.": up * (sigma - 1 / sigma),
                "That is the derivative with respect to σ²; logvar wants one more factor"
                " ∂σ²/∂logvar = σ².": up * (1 - 1 / var) / 2,
                "σ stands where σ² belongs: exp(logvar) is the variance.": up
                * (sigma - 1)
                / 2,
                "The term -½ logvar of the KL is forgotten, whose derivative is -½.": up
                * var
                / 2,
                forgot: (var - 1) / 2,
            },
        },
        sizes={"B": len(mu), "K": mu.shape[1]},
        look={"mu": "It is dkl mu.", "logvar": "It is dkl (σ² - 1)/2."},
    )
    return f"agrees with finite differences, random dkl, {precision(worst)}"


def reparameterize(student):
    """Moments of z, and the same eps gives the same z."""
    rng = np.random.default_rng(8)
    mu, logvar = _posterior(2, 3, seed=9)
    sigma = np.exp(logvar / 2)

    def call(eps):
        return student.call("reparameterize", mu, logvar, eps, out={"z": eps.shape})

    eps = rng.standard_normal((5000, 2, 3))
    z = call(eps)
    if not agree(call(eps), z) or agree(call(-eps), z):
        raise Wrong(
            "Two calls with the same eps give different z, or eps does not matter: use"
            " the eps you were given, and draw nothing."
        )
    mistakes = {
        "You multiply by the variance exp(logvar); the standard deviation is"
        " exp(logvar / 2).": mu + sigma**2 * eps,
        "You multiply by logvar itself; the standard deviation is exp(logvar / 2).": mu
        + logvar * eps,
        "sigma is missing: the noise has the standard deviation 1.": mu + eps,
        "It is mu + sigma eps; yours is sigma eps - mu.": sigma * eps - mu,
    }
    for hint, numbers in mistakes.items():
        if agree(z, numbers):
            raise Wrong(hint)
    z = np.float64(z)
    spread = float(np.mean(z.std(axis=0) / sigma))
    z_score("z", z, mu, "The mean of z should be mu.")
    hint = f"The standard deviation of z is about {spread:.2g} times sigma."
    z_score("the variance of z", (z - mu) ** 2, sigma**2, hint)
    error = values("z", call(eps[0]), mu + sigma * eps[0])
    return f"mean and variance of 5000 draws; exact values {precision(error)}; (B, K) too"


def reparameterize_grad(student):
    """Finite differences with random dz, for one sample and for several."""
    rng, worst = np.random.default_rng(10), 0.0
    mu, logvar = _posterior(4, 3, seed=11)
    sigma = np.exp(logvar / 2)
    for S in (None, 5):
        shape = mu.shape if S is None else (S, *mu.shape)
        eps, dz = rng.standard_normal(shape), rng.standard_normal(shape)

        def claim(theta, eps=eps, dz=dz, S=S):
            look = f"There are S = {S} samples here: sum over the first axis." if S else ""
            out = {"dmu": mu.shape, "dlogvar": mu.shape}
            try:
                found = student.call(
                    "reparameterize_grad", dz, theta["logvar"], eps, out=out
                )
            except Wrong as wrong:
                raise Wrong(f"{wrong} {look}") from None
            return dict(zip(theta, found, strict=True))

        def summed(a, S=S):
            return a if S is None else a.sum(axis=0)

        worst = max(
            worst,
            gradient(
                lambda p, eps=eps, dz=dz: float(
                    (dz * (p["mu"] + np.exp(p["logvar"] / 2) * eps)).sum()
                ),
                {"mu": mu, "logvar": logvar},
                claim,
                mistakes={
                    "logvar": {
                        "Your gradient for logvar is exactly twice what it should be: look"
                        " at ∂sigma/∂logvar = sigma/2.": summed(dz * eps * sigma),
                        "The derivative of exp(logvar / 2) has sigma itself in it:"
                        " ∂sigma/∂logvar = sigma/2.": summed(dz * eps / 2),
                        "That is the derivative with respect to sigma; logvar wants one"
                        " more factor ∂sigma/∂logvar = sigma/2.": summed(dz * eps),
                        "z = mu + sigma eps, so a factor eps belongs there.": summed(
                            dz * sigma / 2
                        ),
                        "sigma² stands where sigma = exp(logvar / 2) belongs.": summed(
                            dz * eps * sigma**2 / 2
                        ),
                    },
                },
                sizes={"B": 4, "K": 3, **({"S": S} if S else {})},
                look={"logvar": "It is dz eps sigma / 2.", "mu": "It is dz."},
            ),
        )
    return f"agrees with finite differences, random dz, S = 1 and 5, {precision(worst)}"
