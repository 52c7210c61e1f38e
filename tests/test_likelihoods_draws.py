"""`sample` and `mean` against each other and against `log_prob`, with z-scores."""

import math

import numpy as np
import pytest
from helpers import alone, z_score

from minivae.likelihoods import Bernoulli, Binomial, Gaussian, Laplace

N = 40_000
Y = np.array([-2.0, -0.5, 0.3, 3.0])
LIKELIHOODS = [Bernoulli(), Binomial(16), Gaussian(0.3), Gaussian(2.0), Laplace(0.3)]


def variance(likelihood):
    if isinstance(likelihood, Binomial):
        p = 1 / (1 + np.exp(-Y))
        return likelihood.n * p * (1 - p)
    if isinstance(likelihood, Gaussian):
        return np.full(4, likelihood.c)
    return np.full(4, 2 * likelihood.b**2)


def entropy(likelihood):
    """-E log p(x|z), summed over the four pixels, from the definition."""
    if isinstance(likelihood, Binomial):
        n, p = likelihood.n, 1 / (1 + np.exp(-Y))[:, None]
        k = np.arange(n + 1)
        choose = np.array([math.comb(n, i) for i in k])
        pmf = choose * p**k * (1 - p) ** (n - k)
        return -(pmf * np.log(pmf)).sum()
    if isinstance(likelihood, Gaussian):
        return 2 * math.log(2 * math.pi * math.e * likelihood.c)
    return 4 * (1 + math.log(2 * likelihood.b))


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_draws_have_the_mean_and_the_variance(likelihood, rng):
    y = np.broadcast_to(Y, (N, 4))
    x = likelihood.sample(y, rng)
    likelihood.check(x)
    mean = likelihood.mean(Y[None])[0]
    scores = z_score(x, mean)
    assert np.abs(scores).max() < 4, f"means are {scores} standard errors off"
    scores = z_score((x - mean) ** 2, variance(likelihood))
    assert np.abs(scores).max() < 4, f"variances are {scores} standard errors off"


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_draws_have_the_log_density_claimed(likelihood, rng):
    y = np.broadcast_to(Y, (N, 4))
    log_p = likelihood.log_prob(likelihood.sample(y, rng), y)
    score = z_score(log_p, -entropy(likelihood))
    assert abs(score) < 4, f"mean log p is {score:.1f} standard errors off -entropy"


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_pixels_and_images_are_drawn_independently(likelihood, rng):
    x = likelihood.sample(np.zeros((N, 2)), rng) - likelihood.mean(np.zeros((1, 2)))
    assert abs(z_score(x[:, 0] * x[:, 1], 0)) < 4
    assert abs(z_score(x[1:, 0] * x[:-1, 0], 0)) < 4


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_mean_lies_in_the_support(likelihood):
    mean = likelihood.mean(np.array([[-50.0, -1.0, 1.0, 50.0]]))
    if isinstance(likelihood, Binomial):
        assert (mean >= 0).all()
        assert (mean <= likelihood.n).all()
    else:
        np.testing.assert_array_equal(mean, [[-50, -1, 1, 50]])


@pytest.mark.parametrize(
    "make",
    [
        lambda: Binomial(16),
        lambda: Gaussian(0.3),
        lambda: Gaussian(0.3, learned=True),
        lambda: Laplace(0.3),
        lambda: Laplace(0.3, learned=True),
    ],
)
def test_float32_stays_float32(make, rng):
    likelihood = alone(make(), rng, np.float32)
    y = rng.standard_normal((3, 2, 4), dtype=np.float32)
    log_p = likelihood.log_prob(np.ones((2, 4), np.float32), y)
    results = [
        log_p,
        likelihood.backward(log_p),
        likelihood.mean(y),
        likelihood.sample(y, rng),
    ]
    assert [result.dtype for result in results] == [np.float32] * 4


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_the_same_generator_draws_the_same(likelihood):
    y = np.broadcast_to(Y, (5, 4))
    draws = [likelihood.sample(y, np.random.default_rng(s)) for s in (1, 1, 2)]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert (draws[0] != draws[2]).any()
