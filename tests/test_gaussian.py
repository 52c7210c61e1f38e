import numpy as np
import pytest
from helpers import assert_gradient, z_score
from hypothesis import given
from hypothesis import strategies as st

from minivae import gaussian

seeds = st.integers(0, 2**32 - 1)
sizes = st.integers(1, 4)
leading = st.sampled_from([(), (1,), (3,)])  # no S, S = 1, S = 3

CASES = [(0.0, 0.0), (1.3, -2.0), (-0.4, 1.7), (3.0, 0.6), (0.2, -5.0)]  # (mu, logvar)


def draw(seed, S, B, K):
    """mu, logvar of shape (B, K), and noise and an upstream gradient of S + (B, K)."""
    rng = np.random.default_rng(seed)
    mu, logvar = rng.standard_normal((2, B, K))
    eps, upstream = rng.standard_normal((2, *S, B, K))
    return mu, logvar, eps, upstream


@given(S=leading, B=sizes, K=sizes, seed=seeds)
def test_density_gradient(S, B, K, seed):
    mu, logvar, z, upstream = draw(seed, S, B, K)

    def loss():
        return float((upstream * gaussian.log_normal(z, mu, logvar)).sum())

    dz, dmu, dlogvar = gaussian.log_normal_grad(z, mu, logvar)
    samples = tuple(range(len(S)))  # mu and logvar are shared by the samples
    assert_gradient("z", loss, z, upstream * dz)
    assert_gradient("mu", loss, mu, (upstream * dmu).sum(axis=samples))
    assert_gradient("logvar", loss, logvar, (upstream * dlogvar).sum(axis=samples))


@given(B=sizes, K=sizes, seed=seeds)
def test_kl_gradient(B, K, seed):
    mu, logvar, _, upstream = draw(seed, (), B, K)

    def loss():
        return float((upstream * gaussian.kl(mu, logvar)).sum())

    dmu, dlogvar = gaussian.kl_grad(mu, logvar)
    assert_gradient("mu", loss, mu, upstream * dmu)
    assert_gradient("logvar", loss, logvar, upstream * dlogvar)


@given(S=leading, B=sizes, K=sizes, seed=seeds)
def test_reparameterization_gradient(S, B, K, seed):
    mu, logvar, eps, dz = draw(seed, S, B, K)

    def loss():
        return float((dz * gaussian.reparameterize(mu, logvar, eps)).sum())

    assert gaussian.reparameterize(mu, logvar, eps).shape == eps.shape
    dmu, dlogvar = gaussian.reparameterize_grad(dz, logvar, eps)
    assert_gradient("mu", loss, mu, dmu)
    assert_gradient("logvar", loss, logvar, dlogvar)


@pytest.mark.parametrize(("mu", "logvar"), CASES)
def test_density_integrates_to_one_with_the_right_moments(mu, logvar):
    sigma = np.exp(logvar / 2)
    z = mu + sigma * np.linspace(-12, 12, 2001)
    p = np.exp(gaussian.log_normal(z, mu, logvar)) * (z[1] - z[0])
    moments = [p.sum(), (p * z).sum(), (p * (z - mu) ** 2).sum()]
    np.testing.assert_allclose(moments, [1, mu, sigma**2], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("mu", "logvar"), CASES)
def test_kl_against_quadrature(mu, logvar):
    z = mu + np.exp(logvar / 2) * np.linspace(-12, 12, 4001)
    log_q = -0.5 * np.log(2 * np.pi) - logvar / 2 - (z - mu) ** 2 / (2 * np.exp(logvar))
    log_p = -0.5 * np.log(2 * np.pi) - z**2 / 2
    expected = (np.exp(log_q) * (log_q - log_p)).sum() * (z[1] - z[0])
    came = gaussian.kl(np.array(mu), np.array(logvar))
    assert came == pytest.approx(expected, rel=1e-11, abs=1e-13), f"KL at {mu}, {logvar}"


@pytest.mark.parametrize(("mu", "logvar"), CASES[1:])
def test_kl_against_monte_carlo(rng, mu, logvar):
    # The draw is NumPy's own, so that nothing here can agree with a wrong sampler.
    z = rng.normal(mu, np.exp(logvar / 2), 200_000)
    draws = gaussian.log_normal(z, mu, logvar) - gaussian.log_normal(z, 0.0, 0.0)
    score = z_score(draws, gaussian.kl(np.array(mu), np.array(logvar)))
    assert abs(score) < 4, f"KL is {score:.1f} standard errors from its Monte Carlo mean"


@given(mu=st.floats(-50, 50), logvar=st.floats(-50, 50))
def test_kl_is_no_less_than_zero_and_zero_at_the_prior(mu, logvar):
    assert gaussian.kl(np.array(mu), np.array(logvar)) >= -1e-15
    assert gaussian.kl(np.zeros(1), np.zeros(1)) == 0


def test_draws_have_the_moments_that_the_kl_assumes(rng):
    # A sampler with exp(logvar) for sigma has a consistent gradient; this is its test.
    mu, logvar = np.array([[0.5, -2.0, 3.0]]), np.array([[-2.0, 0.0, 1.5]])
    eps = rng.standard_normal((100_000, 1, 3))
    z = gaussian.reparameterize(mu, logvar, eps)[:, 0]
    centred = z - mu
    products = centred[:, :, None] * centred[:, None, :]
    scores = z_score(z, mu[0])
    assert np.abs(scores).max() < 4, f"means are {scores} standard errors off"
    scores = z_score(products, np.diag(np.exp(logvar[0])))
    assert np.abs(scores).max() < 4, f"covariances are {scores} standard errors off"


def test_precision_is_kept_also_with_plain_numbers():
    z = np.ones((2, 3, 4), np.float32)
    mu = logvar = np.zeros((3, 4), np.float32)
    results = [
        gaussian.log_normal(z, mu, logvar),
        gaussian.log_normal(z, 0.0, 0.0),
        *gaussian.log_normal_grad(z, 0.0, 0.0),
        gaussian.kl(mu, logvar),
        *gaussian.kl_grad(mu, logvar),
        gaussian.reparameterize(mu, logvar, z),
        *gaussian.reparameterize_grad(z, logvar, z),
    ]
    assert {result.dtype for result in results} == {np.dtype(np.float32)}
