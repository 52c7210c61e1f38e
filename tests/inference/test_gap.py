"""The gap report, on models whose gaps are known."""

import numpy as np
import pytest

from minivae import VAE, Gaussian
from minivae.inference.bounds import importance_log_likelihood
from minivae.inference.exact import quadrature
from minivae.inference.exact.linear_gaussian import LinearGaussian, fit_ppca
from minivae.inference.gap import _elbo_draws, fit_posterior, gap_report


@pytest.fixture
def linear(rng):
    """A linear VAE with the exact posterior as encoder, and its data."""
    x = rng.standard_normal((60, 2)) @ rng.standard_normal((2, 5))
    x = x + 0.5 * rng.standard_normal((60, 5))
    exact = fit_ppca(x, 2)
    vae = VAE.mlp(5, 2, (), Gaussian(exact.c), rng=rng, dtype=np.float64)
    exact.place_in(vae)
    return vae, exact, x[:20]


def test_a_perfect_encoder_leaves_no_gap(linear, rng):
    vae, exact, x = linear
    report = gap_report(vae, x, rng)
    assert report.truth == "exact"
    log_p = report.rows[-1][1]
    assert abs(log_p - exact.log_prob(x).mean()) < 1e-9, report
    for gap, se in (report.amortization, report.approximation):
        assert abs(gap) < 5 * se + 1e-3, report


def test_the_means_of_many_images_are_taken_in_double_precision(rng):
    """A mean of float32 rounds at 1e-5 nats; a standard error may be smaller than that."""
    single = VAE.mlp(5, 2, (3,), Gaussian(), rng=rng)
    x = rng.standard_normal((20, 5)).astype(np.float32)
    draws = _elbo_draws(single, x, *single.encode(x), rng, 2)
    assert {draw.dtype for draw in draws} == {np.dtype(np.float64)}


def test_a_shifted_encoder_costs_what_the_kl_says(linear, rng):
    vae, exact, x = linear
    vae.params["mu_head.b"][...] += 0.5
    mu, logvar = vae.encode(x)
    expected = exact.kl_to_posterior(x, mu, logvar).mean()
    report = gap_report(vae, x, rng)
    gap, se = report.amortization
    assert expected > 0.3
    assert abs(gap - expected) < 5 * se + 1e-2, (expected, str(report))
    assert abs(report.approximation[0]) < 5 * report.approximation[1] + 1e-2, report
    means = [mean for _, mean, _ in report.rows]
    assert means[0] < means[1] < means[2] < means[-1], "tighter from row to row"


def test_fit_posterior_finds_the_exact_one_and_leaves_theta_alone(linear, rng):
    vae, exact, x = linear
    vae.params["mu_head.b"][...] += 0.5
    vae.params["logvar_head.b"][...] -= 1.0
    theta = vae.theta.copy()
    mu, logvar = fit_posterior(vae, x, rng)
    np.testing.assert_array_equal(vae.theta, theta)
    before = exact.kl_to_posterior(x, *vae.encode(x)).mean()
    after = exact.kl_to_posterior(x, mu, logvar)
    assert before > 0.5 and after.mean() < 0.02, (before, after)


def test_each_row_has_the_error_of_its_own_draws(linear, rng):
    """The errors of the gaps are those of the rows between which they lie."""
    vae, _, x = linear
    vae.params["mu_head.b"][...] += 0.5
    report = gap_report(vae, x, rng, samples=(2,), draws=50)
    (_, low, low_se), (_, _, bound_se), (_, high, high_se), (_, top, top_se) = report.rows
    assert top_se == 0 and report.truth == "exact"
    assert report.approximation == (top - high, high_se)
    assert report.amortization == (high - low, pytest.approx(np.hypot(high_se, low_se)))
    shape = (len(x), vae.K)
    elbos = [vae.elbo(x, rng.standard_normal(shape)).mean() for _ in range(2000)]
    assert 0.6 < low_se / (np.std(elbos) / np.sqrt(50)) < 1.5
    assert abs(low - np.mean(elbos)) < 5 * low_se
    bounds = [importance_log_likelihood(vae, x, 2, rng).mean() for _ in range(300)]
    ratio = bound_se / (np.std(bounds) / np.sqrt(10))
    assert 0.2 < ratio < 2.5, "of ten runs, whose scatter has a chi of nine"


def test_a_dead_unit_is_counted_as_dead(linear, rng):
    vae, _, x = linear
    vae.params["mu_head.W"][:, 1] = 0
    report = gap_report(vae, x, rng, samples=(2,), draws=5)
    assert (report.active, report.latent) == (1, 2)
    assert "1 of 2 units active" in str(report)


def test_the_truth_of_a_narrow_tilted_posterior(rng):
    """Far narrower than any fixed grid of the prior's box."""
    exact = LinearGaussian([[90.0, 40.0], [-50.0, 60.0]], [0.0, 0.0], 0.01)
    vae = VAE.mlp(2, 2, (), Gaussian(0.01), rng=rng, dtype=np.float64)
    vae.params["decoder.0.W"][...] = exact.W.T
    vae.params["mu_head.W"][...] = np.linalg.inv(exact.W).T
    vae.params["logvar_head.W"][...] = 0
    vae.params["logvar_head.b"][...] = -13
    x = exact.sample(4, rng)
    report = gap_report(vae, x, rng, samples=(), draws=5)
    assert report.rows[-1][1] == pytest.approx(exact.log_prob(x).mean(), abs=1e-8)


def test_fit_posterior_is_the_best_gaussian_of_a_nonlinear_model(rng):
    vae = VAE.mlp(6, 1, (5,), rng=rng, dtype=np.float64)
    vae.theta *= 2
    vae.params["logvar_head.W"][...] = 0  # from a σ of 10 the default steps do not return
    x = (rng.random((8, 6)) < 0.5).astype(float)
    mu, logvar = fit_posterior(vae, x, rng)
    best = quadrature.elbo(vae, x, mu, logvar).value.mean()
    for shift in (0.3, -0.3):
        assert quadrature.elbo(vae, x, mu + shift, logvar).value.mean() < best
        assert quadrature.elbo(vae, x, mu, logvar + shift).value.mean() < best


def test_three_dimensions_fall_back_on_importance_sampling_and_say_so(rng):
    vae = VAE.mlp(6, 3, (5,), rng=rng)
    x = (rng.random((4, 6)) < 0.5).astype(np.float32)
    report = gap_report(vae, x, rng, samples=(2,), draws=5)
    assert report.truth == "importance sampling"
    text = str(report)
    assert "log p(x) by importance sampling" in text and "of 3 units active" in text


def test_bad_input_is_named(rng):
    vae = VAE.mlp(6, 3, (5,), rng=rng)
    x = (rng.random((4, 6)) < 0.5).astype(np.float32)
    with pytest.raises(TypeError, match="x: expected real floating-point"):
        gap_report(vae, x.astype(int), rng)
    with pytest.raises(ValueError, match="draws: expected at least 2"):
        gap_report(vae, x, rng, draws=1)
    with pytest.raises(TypeError, match=r"rng: expected a numpy\.random\.Generator"):
        fit_posterior(vae, x, np.random)
