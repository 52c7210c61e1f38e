"""Coordinate-ascent variational inference on a model whose posterior is known.

The model is a Gaussian of unknown mean and precision with its conjugate prior:

    tau ~ Gamma(a, b),    mu | tau ~ N(mean, 1 / (lam tau)),    x_i ~ N(mu, 1 / tau)

with b a *rate*: E[tau] = a / b. The exact posterior is Normal-Gamma again, and in it
mu and tau depend on each other. The approximation drops that, q(mu) q(tau), and takes
in turn for each factor the best one given the other:

    log q(mu) = E_q(tau)[log p(x, mu, tau)] + const.,  log q(tau) = E_q(mu)[...] + const.

Each such step maximises the ELBO over one factor, so the ELBO can never fall. A sweep
sees all data, for one data set: this is the work that an encoder amortizes.

References: Bishop (2006), Pattern Recognition and Machine Learning, section 10.1.3.
"""

import math
from typing import NamedTuple

import numpy as np

from minivae.errors import as_float_array, check_instance, check_number, check_whole
from minivae.gaussian import LOG_2PI


class NormalGamma(NamedTuple):
    """N(mu; mean, 1 / (lam tau)) Gamma(tau; a, rate b): prior and exact posterior."""

    mean: float
    lam: float
    a: float
    b: float


class Factorized(NamedTuple):
    """q(mu) q(tau) = N(mu; mean, exp(logvar)) Gamma(tau; a, rate b)."""

    mean: float
    logvar: float
    a: float
    b: float


class Ascent(NamedTuple):
    """What `fit` returns.

    q : Factorized, the result of the last sweep
    elbo : (sweeps,) array, nats, after each sweep
    path : list of Factorized, after each sweep
    """

    q: Factorized
    elbo: np.ndarray
    path: list


def exact_posterior(x, prior):
    """Return p(mu, tau | x) as a `NormalGamma`, for x of shape (n,).

    lam_n = lam + n,                      mean_n = (lam mean + Σ x_i) / lam_n
    a_n = a + n/2,     b_n = b + ½ Σ (x_i - x̄)² + ½ lam n (x̄ - mean)² / lam_n
    """
    x, prior = _check(x, prior)
    n, centre = len(x), x.mean()
    lam = prior.lam + n
    between = prior.lam * n / lam * (centre - prior.mean) ** 2
    return NormalGamma(
        mean=float((prior.lam * prior.mean + x.sum()) / lam),
        lam=lam,
        a=prior.a + n / 2,
        b=float(prior.b + 0.5 * (((x - centre) ** 2).sum() + between)),
    )


def log_evidence(x, prior):
    """Return the exact log p(x), both unknowns integrated out, in nats.

    log p(x) = log Γ(a_n) - log Γ(a) + a log b - a_n log b_n
               + ½ log(lam / lam_n) - n/2 log 2π
    """
    x, prior = _check(x, prior)
    post = exact_posterior(x, prior)
    return (
        math.lgamma(post.a)
        - math.lgamma(prior.a)
        + prior.a * math.log(prior.b)
        - post.a * math.log(post.b)
        + 0.5 * math.log(prior.lam / post.lam)
        - 0.5 * len(x) * LOG_2PI
    )


def elbo(x, prior, q):
    """Return E_q[log p(x, mu, tau)] - E_q[log q(mu)] - E_q[log q(tau)] in nats.

    In the sum E_q[log tau] stands (n + 1)/2 + a_prior - 1 times in the first term and
    a_q - 1 times in the last. Every sweep leaves a_q = a_prior + (n + 1)/2, so the two
    cancel and no digamma function is needed; another a_q is refused.

    Parameters
    ----------
    x : (n,) array
    prior : NormalGamma
    q : Factorized

    Returns
    -------
    float
    """
    x, prior = _check(x, prior)
    check_instance("q", q, Factorized)
    for name in ("mean", "logvar", "b"):
        check_number(f"q.{name}", getattr(q, name))
    best_a = prior.a + 0.5 * (len(x) + 1)
    if not abs(q.a - best_a) <= 1e-9 * best_a or q.b <= 0:
        raise ValueError(
            f"q: expected a = a_prior + (n + 1)/2 = {best_a} and b above 0, got {q}"
        )
    joint = (
        -0.5 * (len(x) + 1) * LOG_2PI
        + 0.5 * math.log(prior.lam)
        + prior.a * math.log(prior.b)
        - math.lgamma(prior.a)
        - q.a / q.b * _expected_rate(x, prior, q.mean, q.logvar)
    )
    entropy_mu = 0.5 * (LOG_2PI + 1 + q.logvar)
    entropy_tau = q.a - q.a * math.log(q.b) + math.lgamma(q.a)  # without E[log tau]
    return joint + entropy_mu + entropy_tau


def fit(x, prior, tau=1.0, sweeps=100, tol=1e-12):
    """Climb the ELBO one factor at a time, from a first guess E[tau] = `tau`.

    One sweep, in the order of Bishop's equations 10.26 to 10.30:

        q(mu):   mean = (lam_p mean_p + Σ x_i) / (lam_p + n)
                 exp(-logvar) = (lam_p + n) E[tau]
        q(tau):  a = a_p + (n + 1)/2
                 b = b_p + ½ E_q(mu)[ Σ (x_i - mu)² + lam_p (mu - mean_p)² ]

    The fixed point is known: E[mu] and E[tau] are those of the exact posterior, while
    the spread of each is too small. What q loses is the dependence, not the centre.

    Parameters
    ----------
    x : (n,) array
    prior : NormalGamma
    tau : float
        Where to start, above zero.
    sweeps : int
        At most that many.
    tol : float
        Stop when a sweep gains less than this many nats.

    Returns
    -------
    Ascent
    """
    x, prior = _check(x, prior)
    tau = check_number("tau", tau, minimum=0, exclusive=True)
    sweeps = check_whole("sweeps", sweeps, 1)
    tol = check_number("tol", tol, minimum=0)
    lam = prior.lam + len(x)
    mean = float((prior.lam * prior.mean + x.sum()) / lam)
    a = prior.a + 0.5 * (len(x) + 1)
    values, path = [], []
    for _ in range(sweeps):
        logvar = -math.log(lam * tau)
        b = _expected_rate(x, prior, mean, logvar)
        tau = a / b
        path.append(Factorized(mean, logvar, a, b))
        values.append(elbo(x, prior, path[-1]))
        if len(values) > 1 and values[-1] - values[-2] < tol:
            break
    return Ascent(path[-1], np.array(values), path)


def _expected_rate(x, prior, mean, logvar):
    """Return b + ½ E_q(mu)[Σ (x_i - mu)² + lam (mu - mean)²], by E(mu - c)² = ... + var."""
    var = math.exp(logvar)
    data = ((x - mean) ** 2).sum() + len(x) * var
    return float(prior.b + 0.5 * (data + prior.lam * ((mean - prior.mean) ** 2 + var)))


def _check(x, prior):
    x = as_float_array("x", x, np.float64, (None,), finite=True)
    check_instance("prior", prior, NormalGamma)
    check_number("prior.mean", prior.mean)
    for name in ("lam", "a", "b"):
        check_number(f"prior.{name}", getattr(prior, name), minimum=0, exclusive=True)
    return x, prior
