"""Active units, and what a loss implies."""

import numpy as np
import pytest

from minivae import VAE, Bernoulli, Gaussian
from minivae.gradcheck import check_gradient
from minivae.inference.diagnostics import active_units, implied_beta, implied_c


def test_active_units_are_those_that_move_with_the_data(rng):
    vae = VAE.mlp(4, 3, (), Gaussian(), rng=rng, dtype=np.float64)
    vae.params["mu_head.W"][...] = 0
    vae.params["mu_head.W"][0, 1] = 1  # mu_1 = x_0, the others constant
    vae.params["mu_head.b"][...] = 5
    x = rng.standard_normal((50, 4))
    assert active_units(vae, x).tolist() == [False, True, False]
    assert active_units(vae, 0.05 * x).sum() == 0, "a variance of 0.0025 is below 0.01"
    assert active_units(vae, 0.05 * x, threshold=0.001).sum() == 1


def test_the_variance_is_that_of_the_data_and_must_exceed_the_threshold(rng):
    """mu_0 = ±½: a variance of exactly ¼, divided by N and not by N - 1."""
    vae = VAE.mlp(2, 1, (), Gaussian(), rng=rng, dtype=np.float64)
    vae.params["mu_head.W"][...] = [[0.5], [0.0]]
    x = np.array([[1.0, 0.0], [-1.0, 0.0]])
    assert not active_units(vae, x, threshold=0.25).any()
    assert active_units(vae, x, threshold=0.2499).all()


def test_the_implied_numbers_by_hand():
    assert implied_beta(D=6, K=2) == 1.0
    assert implied_beta("mean", "sum", D=6, K=2) == 6.0
    assert implied_beta("sum", "mean", D=6, K=2) == 0.5
    assert implied_beta("mean", "mean", D=6, K=2) == 3.0
    assert implied_c() == 0.5 and implied_c(2.0) == 0.25


def test_active_units_of_one_image_are_refused(rng):
    vae = VAE.mlp(4, 3, rng=rng)
    with pytest.raises(ValueError, match="x: expected at least two images, got 1"):
        active_units(vae, np.ones((1, 4), np.float32))


def losses(theta, vae, x, eps):
    vae.theta[...] = theta
    return vae.loss(x, eps)


@pytest.mark.parametrize("rec", ["sum", "mean"])
@pytest.mark.parametrize("kl", ["sum", "mean"])
def test_the_implied_beta_has_the_gradient_of_that_loss(rec, kl, rng):
    D, K = 6, 2
    vae = VAE.mlp(D, K, (4,), Bernoulli(), rng=rng, dtype=np.float64)
    x, eps = (rng.random((3, D)) < 0.5).astype(float), rng.standard_normal((3, K))
    beta = implied_beta(rec, kl, D=D, K=K)
    divisor = D if rec == "mean" else 1

    def careless(theta):
        loss = losses(theta, vae, x, eps)
        return loss.rec / divisor + loss.kl / (K if kl == "mean" else 1)

    theta = vae.theta.copy()
    vae.loss(x, eps, beta)
    vae.backward()
    check_gradient(careless, theta, vae.grad / divisor).assert_ok()


def test_the_implied_variance_has_the_gradient_of_that_weight(rng):
    vae = VAE.mlp(5, 2, (4,), Gaussian(implied_c(3.0)), rng=rng, dtype=np.float64)
    x, eps = rng.standard_normal((3, 5)), rng.standard_normal((3, 2))

    def weighted_squares(theta):
        loss = losses(theta, vae, x, eps)
        mu, logvar = vae.encode(x)
        y = vae.decoder_output(mu + np.exp(logvar / 2) * eps)
        return 3.0 * ((x - y) ** 2).sum(axis=1).mean() + loss.kl

    theta = vae.theta.copy()
    vae.loss(x, eps)
    vae.backward()
    check_gradient(weighted_squares, theta, vae.grad.copy()).assert_ok()


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="rec: expected one of 'sum', 'mean', got 'max'"):
        implied_beta("max", D=3, K=2)
    with pytest.raises(ValueError, match="K: expected at least 1, got 0"):
        implied_beta(D=3, K=0)
    with pytest.raises(ValueError, match="weight: expected above 0"):
        implied_c(0.0)
