"""Coordinate ascent: the ELBO rises, ends below the evidence, and the gap is the KL."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minivae.inference.classical.cavi import (
    Factorized,
    NormalGamma,
    elbo,
    exact_posterior,
    fit,
    log_evidence,
)

PRIOR = NormalGamma(mean=0.5, lam=0.7, a=2.0, b=1.5)


def data(rng, n=6):
    return rng.normal(1.5, 0.8, n)


def log_normal(v, mean, var):
    return -0.5 * (np.log(2 * np.pi * var) + (v - mean) ** 2 / var)


def log_gamma(tau, a, b):
    return a * np.log(b) - math.lgamma(a) + (a - 1) * np.log(tau) - b * tau


class Plane:
    """Nodes in mu and t = log tau: q and the posterior are smooth and decay in both."""

    def __init__(self, x, prior):
        post = exact_posterior(x, prior)
        spread = math.sqrt(post.b / post.a / post.lam)
        mu = post.mean + spread * np.linspace(-80, 80, 2001)
        t = math.log(post.a / post.b) + np.linspace(-9, 4, 401)
        self.area = (mu[1] - mu[0]) * (t[1] - t[0])
        self.mu, t = np.meshgrid(mu, t)
        self.tau = np.exp(t)  # d tau = tau dt
        self.log_joint = (
            log_normal(x[:, None, None], self.mu, 1 / self.tau).sum(axis=0)
            + log_normal(self.mu, prior.mean, 1 / (prior.lam * self.tau))
            + log_gamma(self.tau, prior.a, prior.b)
        )

    def integral(self, values):
        return (values * self.tau).sum() * self.area

    def log_q(self, q):
        return log_normal(self.mu, q.mean, np.exp(q.logvar)) + log_gamma(self.tau, q.a, q.b)


def test_log_evidence_and_posterior_by_quadrature(rng):
    x = data(rng)
    plane = Plane(x, PRIOR)
    evidence = plane.integral(np.exp(plane.log_joint))
    assert abs(np.log(evidence) - log_evidence(x, PRIOR)) < 1e-10
    post = exact_posterior(x, PRIOR)
    log_post = log_normal(plane.mu, post.mean, 1 / (post.lam * plane.tau)) + log_gamma(
        plane.tau, post.a, post.b
    )
    difference = log_post + log_evidence(x, PRIOR) - plane.log_joint
    assert abs(difference).max() < 1e-8, "the posterior is not joint / evidence"


@pytest.mark.parametrize("sweeps", [1, 100])
def test_elbo_and_kl_by_quadrature_add_up_to_the_evidence(rng, sweeps):
    """Three numbers from three sources: closed ELBO, summed KL, closed evidence."""
    x = data(rng)
    q = fit(x, PRIOR, tau=0.2, sweeps=sweeps).q
    plane = Plane(x, PRIOR)
    log_q = plane.log_q(q)
    weight = np.exp(log_q)
    summed = plane.integral(weight * (plane.log_joint - log_q))
    assert abs(summed - elbo(x, PRIOR, q)) < 1e-9
    post = exact_posterior(x, PRIOR)
    log_post = log_normal(plane.mu, post.mean, 1 / (post.lam * plane.tau)) + log_gamma(
        plane.tau, post.a, post.b
    )
    kl = plane.integral(weight * (log_q - log_post))
    assert kl > 0.01
    assert abs(elbo(x, PRIOR, q) + kl - log_evidence(x, PRIOR)) < 1e-9


@given(
    st.integers(1, 12),
    st.floats(0.01, 50),
    st.floats(0.05, 5),
    st.floats(0.2, 5),
    st.integers(0, 999),
)
def test_the_elbo_rises_with_every_sweep_up_to_the_evidence(n, tau, lam, a, seed):
    x = np.random.default_rng(seed).normal(2.0, 1.5, n)
    prior = NormalGamma(0.0, lam, a, 1.0)
    found = fit(x, prior, tau=tau, sweeps=30, tol=0.0)
    steps = np.diff(found.elbo)
    assert (steps > -1e-10).all(), f"a sweep lost {-steps.min():.2e} nats"
    assert found.elbo[-1] < log_evidence(x, prior)


def test_every_factor_is_the_best_given_the_other(rng):
    x = data(rng)
    q = fit(x, PRIOR).q
    best = elbo(x, PRIOR, q)
    for name, step in [("mean", 1e-3), ("logvar", 1e-3), ("b", 1e-3)]:
        for sign in (-1, 1):
            moved = q._replace(**{name: getattr(q, name) + sign * step})
            assert elbo(x, PRIOR, moved) < best, f"{name} was not at its optimum"


def test_the_centre_is_exact_and_the_spread_too_small(rng):
    x = data(rng)
    q, post = fit(x, PRIOR, tol=0.0).q, exact_posterior(x, PRIOR)
    np.testing.assert_allclose(q.mean, post.mean, rtol=1e-12)
    # where the ELBO no longer rises by a digit, its arguments have half as many digits
    np.testing.assert_allclose(q.a / q.b, post.a / post.b, rtol=1e-6)
    exact_variance = post.b / (post.lam * (post.a - 1))  # of Student's t
    assert np.exp(q.logvar) < exact_variance
    assert q.a / q.b**2 < post.a / post.b**2


def test_the_path_leads_from_the_first_guess_to_the_result(rng):
    x = data(rng)
    found = fit(x, PRIOR, tau=0.05)
    assert len(found.path) == len(found.elbo) and found.path[-1] == found.q
    np.testing.assert_allclose(
        np.exp(-found.path[0].logvar), (PRIOR.lam + len(x)) * 0.05, rtol=1e-12
    )
    assert len(found.elbo) < 30, "the sweeps should have converged long ago"


def test_bad_arguments(rng):
    x = data(rng)
    with pytest.raises(TypeError, match="x: expected real floating"):
        fit(np.array([1, 2]), PRIOR)
    with pytest.raises(ValueError, match="x: expected finite"):
        log_evidence(np.array([1.0, np.nan]), PRIOR)
    with pytest.raises(ValueError, match=r"prior\.b: expected above 0"):
        exact_posterior(x, PRIOR._replace(b=0.0))
    with pytest.raises(ValueError, match="tau: expected above 0"):
        fit(x, PRIOR, tau=-1.0)
    with pytest.raises(ValueError, match=r"q: expected a = a_prior"):
        elbo(x, PRIOR, Factorized(0.0, 0.0, 1.0, 1.0))
    right = fit(x, PRIOR).q
    with pytest.raises(ValueError, match="b above 0"):
        elbo(x, PRIOR, right._replace(b=0.0))
    assert np.isfinite(elbo(x, PRIOR, right._replace(b=0.5)))
