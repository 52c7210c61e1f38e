"""The linear-Gaussian model, probabilistic PCA, and the linear VAE that equals them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minivae.inference.exact.linear_gaussian import (
    LinearGaussian,
    fit_ppca,
    max_log_likelihood,
)
from minivae.likelihoods import Bernoulli, Gaussian
from minivae.optim import Adam
from minivae.schedules import cosine_decay
from minivae.vae import VAE


def random_model(rng, D, K):
    return LinearGaussian(
        rng.normal(size=(D, K)), rng.normal(size=D), rng.uniform(0.05, 2.0)
    )


def random_data(rng, B=200, D=5):
    return rng.normal(size=(B, D)) @ rng.normal(size=(D, D)) + rng.normal(size=D)


def sigma_points(K, B):
    """Noise (2K, B, K) whose mean of any quadratic is exact: eps = ±√K e_k."""
    axes = np.sqrt(K) * np.eye(K)
    return np.repeat(np.concatenate([axes, -axes])[:, None, :], B, axis=1)


@given(st.integers(1, 6), st.integers(1, 4), st.integers(1, 5), st.integers(0, 999))
def test_log_prob_is_that_of_the_full_covariance(D, K, B, seed):
    rng = np.random.default_rng(seed)
    model, x = random_model(rng, D, K), 3 * rng.normal(size=(B, D))
    cov = model.W @ model.W.T + model.c * np.eye(D)
    r = x - model.b
    square = np.einsum("bi,ij,bj->b", r, np.linalg.inv(cov), r)
    expected = -0.5 * (np.linalg.slogdet(2 * np.pi * cov)[1] + square)
    np.testing.assert_allclose(model.log_prob(x), expected, rtol=1e-9)


@given(st.integers(1, 6), st.integers(1, 4), st.integers(1, 5), st.integers(0, 999))
def test_bayes_rule_at_any_z(D, K, B, seed):
    """log p(x|z) + log p(z) - log p(z|x) is log p(x), whatever z is put in."""
    rng = np.random.default_rng(seed)
    model, x = random_model(rng, D, K), 3 * rng.normal(size=(B, D))
    z = rng.normal(size=(B, K))
    mean, cov = model.posterior(x)
    square = np.einsum("bi,ij,bj->b", z - mean, np.linalg.inv(cov), z - mean)
    log_posterior = -0.5 * (np.linalg.slogdet(2 * np.pi * cov)[1] + square)
    noise = x - z @ model.W.T - model.b
    log_joint = -0.5 * (
        D * np.log(2 * np.pi * model.c)
        + (noise**2).sum(axis=1) / model.c
        + K * np.log(2 * np.pi)
        + (z**2).sum(axis=1)
    )
    np.testing.assert_allclose(log_joint - log_posterior, model.log_prob(x), atol=1e-8)


@given(st.integers(1, 6), st.integers(1, 4), st.integers(1, 5), st.integers(0, 999))
def test_elbo_plus_kl_is_log_prob_for_any_q(D, K, B, seed):
    rng = np.random.default_rng(seed)
    model, x = random_model(rng, D, K), 3 * rng.normal(size=(B, D))
    mu, logvar = rng.normal(size=(B, K)), rng.uniform(-3, 1, (B, K))
    kl = model.kl_to_posterior(x, mu, logvar)
    assert (kl > -1e-10).all(), f"KL(q || posterior) is negative: {kl.min()}"
    total = model.elbo(x, mu, logvar) + kl
    np.testing.assert_allclose(total, model.log_prob(x), rtol=1e-10, atol=1e-9)


def test_elbo_agrees_with_the_vae_and_with_monte_carlo(rng):
    model = fit_ppca(random_data(rng), 2)
    vae = VAE.mlp(5, 2, hidden=(), likelihood=Gaussian(model.c), rng=rng, dtype=np.float64)
    vae.params["decoder.0.W"][...] = model.W.T
    vae.params["decoder.0.b"][...] = model.b
    x = random_data(rng, B=4)
    exact = model.elbo(x, *vae.encode(x))
    np.testing.assert_allclose(vae.elbo(x, sigma_points(2, 4)), exact, rtol=1e-12)
    log_w = vae.log_weights(x, rng.standard_normal((20_000, 4, 2)))
    z = (log_w.mean(axis=0) - exact) / (log_w.std(axis=0) / np.sqrt(len(log_w)))
    assert abs(z).max() < 4, f"the Monte-Carlo ELBO is off by {z} standard errors"


def test_samples_have_the_covariance_of_the_model(rng):
    model = random_model(rng, D=3, K=2)
    n = 200_000
    x = model.sample(n, rng) - model.b
    products = x[:, :, None] * x[:, None, :]
    cov = model.W @ model.W.T + model.c * np.eye(3)
    z = (products.mean(axis=0) - cov) / (products.std(axis=0) / np.sqrt(n))
    assert abs(z).max() < 4, f"the sample covariance is off by {z} standard errors"
    z = x.mean(axis=0) / np.sqrt(np.diag(cov) / n)
    assert abs(z).max() < 4, f"the sample mean is off by {z} standard errors"


def test_no_cancellation_with_little_noise():
    """On the line x = (z, z) with c = 1e-12 the square is z², lost by Woodbury."""
    model = LinearGaussian([[1.0], [1.0]], [0.0, 0.0], 1e-12)
    z = 3.0
    log_det = np.log(1e-12) + np.log(2.0 + 1e-12)
    expected = -0.5 * (2 * np.log(2 * np.pi) + log_det + 2 * z**2 / (2 + 1e-12))
    np.testing.assert_allclose(model.log_prob(np.array([[z, z]])), expected, rtol=1e-12)


def test_columns_of_very_different_length_lose_no_digits(rng):
    """In Wᵀ W the short one would have seven digits left."""
    turn = np.linalg.qr(rng.normal(size=(2, 2)))[0]
    model = LinearGaussian(np.diag([1e5, 1.0]) @ turn, np.zeros(2), 0.5)
    x = np.array([[1e5, 1.0]])
    expected = [-0.5 * np.log(2 * np.pi * (s**2 + 0.5)) for s in (1e5, 1.0)]
    expected = sum(expected) - 0.5 * (1e10 / (1e10 + 0.5) + 1 / 1.5)
    np.testing.assert_allclose(model.log_prob(x), expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("c", [None, 0.3, 4.0])
def test_ppca_reaches_the_maximum_that_the_formula_gives(rng, c):
    x = random_data(rng)
    model, best = fit_ppca(x, 2, c), max_log_likelihood(x, 2, c)
    np.testing.assert_allclose(model.log_prob(x).mean(), best, rtol=1e-12)


@pytest.mark.parametrize("c", [None, 0.3, 4.0])
def test_every_move_away_from_ppca_lowers_the_likelihood(rng, c):
    x = random_data(rng)
    model = fit_ppca(x, 2, c)
    best = model.log_prob(x).mean()
    for _ in range(50):
        moved = LinearGaussian(
            model.W + 0.02 * rng.normal(size=model.W.shape),
            model.b + 0.02 * rng.normal(size=model.b.shape),
            model.c * np.exp(0.02 * rng.normal()) if c is None else model.c,
        )
        assert moved.log_prob(x).mean() < best


def test_latents_below_the_noise_are_switched_off(rng):
    x = rng.normal(size=(500, 4)) * [3.0, 0.5, 0.4, 0.3]
    W = fit_ppca(x, 2, c=1.0).W
    assert np.abs(W[:, 0]).max() > 1 and np.all(W[:, 1] == 0)


def test_latents_below_a_given_noise_count_as_noise():
    """c above λ_2, so that one column is zero: by hand, with Σ = diag(9, c, c)."""
    x = np.array([[3.0, 0, 0], [-3, 0, 0], [0, 1, 0], [0, -1, 0]]) * np.sqrt(2)
    x[:, 2] = np.array([0.5, 0.5, -0.5, -0.5])
    variances, c = np.array([9.0, 1.0, 0.25]), 2.0
    expected = -0.5 * (3 * np.log(2 * np.pi) + np.log(9) + 1)
    expected -= 0.5 * (2 * np.log(c) + variances[1:].sum() / c)
    assert max_log_likelihood(x, 2, c) == pytest.approx(expected, rel=1e-12)
    assert fit_ppca(x, 2, c).log_prob(x).mean() == pytest.approx(expected, rel=1e-12)


def linear_vae(rng, likelihood, D=5, K=2):
    return VAE.mlp(D, K, hidden=(), likelihood=likelihood, rng=rng, dtype=np.float64)


@pytest.mark.parametrize("learned", [False, True])
def test_a_linear_vae_put_at_ppca_has_elbo_equal_to_log_p(rng, learned):
    x = random_data(rng)
    model = fit_ppca(x, 2)
    vae = linear_vae(rng, Gaussian(1.0 if learned else model.c, learned=learned))
    model.place_in(vae)
    gap = model.log_prob(x) - vae.elbo(x, sigma_points(2, len(x)))
    assert abs(gap).max() < 1e-9, f"ELBO misses log p(x) by {abs(gap).max():.2e} nats"
    mu, logvar = vae.encode(x)
    mean, cov = model.posterior(x)
    np.testing.assert_allclose(mu, mean, atol=1e-12)
    np.testing.assert_allclose(np.exp(logvar), np.tile(np.diag(cov), (len(x), 1)))


@pytest.mark.parametrize("learned", [False, True])
def test_the_gradient_vanishes_at_ppca(rng, learned):
    x = random_data(rng)
    model = fit_ppca(x, 2)
    vae = linear_vae(rng, Gaussian(1.0 if learned else model.c, learned=learned))
    model.place_in(vae)
    vae.loss(x, sigma_points(2, len(x)))
    vae.backward()
    assert abs(vae.grad).max() < 1e-9, f"the largest slope is {abs(vae.grad).max():.2e}"


@pytest.mark.parametrize("learned", [False, True])
def test_adam_brings_a_linear_vae_to_the_maximum_likelihood(rng, learned):
    """Sigma points make the expectation exact, so the optimizer sees the true ELBO.

    The logvar head starts at zero: drawn, it lets exp(logvar) swing over orders of
    magnitude from point to point, and some starts then need ten times the steps.
    """
    turn, _ = np.linalg.qr(rng.normal(size=(4, 4)))
    x = rng.normal(size=(64, 4)) * [2.0, 1.2, 0.5, 0.4] @ turn + rng.normal(size=4)
    c = None if learned else 0.5
    vae = linear_vae(rng, Gaussian(1.0 if learned else c, learned=learned), D=4)
    vae.params["logvar_head.W"][...] = 0
    eps, steps = sigma_points(2, len(x)), 1500
    adam = Adam(cosine_decay(0.1, steps))
    for _ in range(steps):
        vae.loss(x, eps)
        vae.backward()
        adam.step(vae.theta, vae.grad)
    shortfall = max_log_likelihood(x, 2, c) + vae.loss(x, eps).nelbo
    assert -1e-9 < shortfall < 1e-3, f"{shortfall:.2e} nats below the best log p(x)"


def test_place_in_refuses_what_cannot_be_exact(rng):
    model = fit_ppca(random_data(rng), 2)
    with pytest.raises(ValueError, match="expected a Gaussian"):
        model.place_in(linear_vae(rng, Bernoulli()))
    with pytest.raises(ValueError, match="expected a Gaussian"):
        model.place_in(linear_vae(rng, Gaussian(2 * model.c)))
    with pytest.raises(ValueError, match="expected a linear VAE"):
        deep = VAE.mlp(5, 2, (3,), Gaussian(model.c), rng=rng, dtype=np.float64)
        model.place_in(deep)
    tilted = LinearGaussian(model.W @ [[0.6, -0.8], [0.8, 0.6]], model.b, model.c)
    vae = linear_vae(rng, Gaussian(model.c))
    before = vae.theta.copy()
    with pytest.raises(ValueError, match="W: expected orthogonal columns"):
        tilted.place_in(vae)
    np.testing.assert_array_equal(vae.theta, before)


def test_bad_arguments(rng):
    x = random_data(rng)
    with pytest.raises(ValueError, match="K: expected fewer latents than D = 5"):
        fit_ppca(x, 5)
    with pytest.raises(ValueError, match="K: 2 directions hold all the variance"):
        fit_ppca(x[:, :1] @ np.ones((1, 4)) + x[:, 1:2] @ [[1.0, 0, 0, 0]], 2)
    with pytest.raises(TypeError, match="x: expected real floating"):
        fit_ppca(np.zeros((4, 3), int), 1)
    with pytest.raises(ValueError, match="c: expected above 0"):
        LinearGaussian(np.ones((3, 2)), np.zeros(3), 0.0)
    model = fit_ppca(x, 2)
    with pytest.raises(ValueError, match=r"x: expected shape \(any, 5\)"):
        model.log_prob(x[:, :3])
    with pytest.raises(ValueError, match=r"mu: expected shape \(200, 2\)"):
        model.elbo(x, np.zeros((3, 2)), np.zeros((3, 2)))
