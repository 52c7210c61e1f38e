"""Gradients, normalisation and extremes; `test_likelihoods_draws.py` has the sampling."""

import math
from itertools import product

import numpy as np
import pytest
from helpers import alone, assert_gradient, complains
from hypothesis import given
from hypothesis import strategies as st

from minivae.likelihoods import Bernoulli, Binomial, Gaussian, Laplace
from minivae.model import Model

seeds = st.integers(0, 2**32 - 1)
sizes = st.integers(1, 4)
leading = st.sampled_from([(), (1,), (3,)])  # no S, S = 1, S = 3

MAKERS = {
    "bernoulli": lambda: Bernoulli(),
    "grey": lambda: Bernoulli(grey=True),
    "binomial": lambda: Binomial(16),
    "gaussian": lambda: Gaussian(0.3),
    "gaussian learned": lambda: Gaussian(1.7, learned=True),
    "laplace": lambda: Laplace(0.3),
    "laplace learned": lambda: Laplace(1.7, learned=True),
}


def draw_x(likelihood, shape, rng):
    """Data in the support, of this shape."""
    if isinstance(likelihood, Binomial):
        if likelihood.grey:
            return rng.random(shape)
        return rng.integers(0, likelihood.n + 1, shape).astype(float)
    return rng.standard_normal(shape)


@pytest.mark.parametrize("name", MAKERS)
@given(S=leading, B=sizes, D=sizes, seed=seeds)
def test_gradients(name, S, B, D, seed):
    rng = np.random.default_rng(seed)
    likelihood = alone(MAKERS[name](), rng)
    x = draw_x(likelihood, (B, D), rng)
    y = 2 * rng.standard_normal((*S, B, D))
    if isinstance(likelihood, Laplace):  # away from the kink
        y += np.where(y > x, 0.01, -0.01)
    dlogp = rng.standard_normal((*S, B))

    def loss():
        return float((dlogp * likelihood.log_prob(x, y)).sum())

    assert likelihood.log_prob(x, y).shape == dlogp.shape
    dy = likelihood.backward(dlogp)
    assert_gradient("y", loss, y, dy)
    for parameter, values in likelihood.params.items():
        assert_gradient(parameter, loss, values, likelihood.grads[parameter].copy())


@pytest.mark.parametrize(("n", "D"), [(1, 4), (2, 3), (16, 2)])
def test_binomial_probabilities_sum_to_one(n, D, rng):
    x = np.array(list(product(range(n + 1), repeat=D)), float)
    y = np.broadcast_to(2 * rng.standard_normal(D), x.shape)
    total = np.exp(Binomial(n).log_prob(x, y)).sum()
    assert total == pytest.approx(1, rel=1e-12)


def test_binomial_is_the_textbook_formula(rng):
    y = np.array([[-1.2, 0.0, 2.3]])
    p = 1 / (1 + np.exp(-y))
    expected = sum(
        math.log(math.comb(16, k)) + k * math.log(q) + (16 - k) * math.log(1 - q)
        for k, q in zip((0, 5, 16), p[0], strict=True)
    )
    came = Binomial(16).log_prob(np.array([[0.0, 5.0, 16.0]]), y)
    assert came == pytest.approx(expected, rel=1e-13)


def test_grey_pixels_have_no_probability_that_sums_to_one():
    x = np.linspace(0, 1, 2001)[:, None]
    y = np.full_like(x, 0.4)
    p = np.exp(Bernoulli(grey=True).log_prob(x, y))
    integral = (p.sum() - (p[0] + p[-1]) / 2) * (x[1, 0] - x[0, 0])
    assert abs(integral - 1) > 0.4
    assert "no likelihood" in Binomial.__doc__


@pytest.mark.parametrize(
    "likelihood", [Gaussian(0.3), Gaussian(2.5), Laplace(0.3), Laplace(2.5)]
)
def test_densities_integrate_to_one(likelihood):
    # midpoints, with the Laplace's kink (x = y) on the border of two cells
    width = 200 / 80_000
    x = 0.7 + (np.arange(80_000) - 40_000 + 0.5)[:, None] * width
    p = np.exp(likelihood.log_prob(x, np.full_like(x, 0.7)))
    assert p.sum() * width == pytest.approx(1, rel=1e-5)


@pytest.mark.parametrize("likelihood", [Gaussian(0.3), Laplace(0.3), Binomial(3)])
def test_pixels_are_summed_and_never_averaged(likelihood, rng):
    x, y = draw_x(likelihood, (4, 3), rng), rng.standard_normal((4, 3))
    once = likelihood.log_prob(x, y)
    twice = likelihood.log_prob(np.tile(x, 2), np.tile(y, 2))
    np.testing.assert_allclose(twice, 2 * once, rtol=1e-13)
    pixels = [likelihood.log_prob(x[:, [d]], y[:, [d]]) for d in range(3)]
    np.testing.assert_allclose(once, sum(pixels), rtol=1e-13)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [1, 16])
@pytest.mark.parametrize("size", [1e2, 1e4])
def test_extreme_logits_are_finite_and_right(dtype, n, size):
    x = np.array([[0, n, 0, n]], dtype)
    y = np.array([[-size, size, size, -size]], dtype)
    likelihood = Binomial(n)
    log_p = likelihood.log_prob(x, y)
    dy = likelihood.backward(np.ones(1, dtype))
    assert log_p.dtype == dy.dtype == dtype
    np.testing.assert_allclose(log_p, -2 * n * size, rtol=1e-6)
    np.testing.assert_allclose(dy, [[0, 0, -n, n]], atol=1e-6)
    np.testing.assert_allclose(likelihood.mean(y), [[0, n, n, 0]], atol=1e-6)


def test_small_probabilities_keep_their_logarithms():
    for y in (-40.0, -500.0):
        logits = np.array([[y]])
        assert Bernoulli().log_prob(np.ones((1, 1)), logits) == pytest.approx(y, rel=1e-15)
        assert Bernoulli().log_prob(np.zeros((1, 1)), logits) == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize("kind", [Gaussian, Laplace])
def test_learned_scale_starts_where_asked_and_moves(kind, rng):
    name = {"Gaussian": "c", "Laplace": "b"}[kind.__name__]
    fixed, learned = kind(0.3), kind(0.3, learned=True)
    assert getattr(learned, name) == pytest.approx(0.3)  # also before there is a model
    model = Model({"likelihood": learned}, rng, np.float64)
    x, y = rng.standard_normal((2, 3, 4))
    assert list(model.layout) == [f"likelihood.log_{name}"]
    np.testing.assert_allclose(learned.log_prob(x, y), fixed.log_prob(x, y), rtol=1e-13)
    model.theta += math.log(2)
    assert getattr(learned, name) == pytest.approx(0.6)
    assert getattr(fixed, name) == pytest.approx(0.3)
    np.testing.assert_allclose(learned.log_prob(x, y), kind(0.6).log_prob(x, y), rtol=1e-13)


@pytest.mark.parametrize("name", MAKERS)
def test_backward_needs_log_prob_and_can_be_repeated(name, rng):
    likelihood = alone(MAKERS[name](), rng)
    with complains(RuntimeError, type(likelihood).__name__, "before forward"):
        likelihood.backward(np.ones(2))
    likelihood.log_prob(draw_x(likelihood, (2, 3), rng), np.ones((2, 3)))
    first = likelihood.backward(np.ones(2)), *(g.copy() for g in likelihood.grads.values())
    again = likelihood.backward(np.ones(2)), *likelihood.grads.values()
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(
    ("likelihood", "bad", "support"),
    [
        (Bernoulli(), 0.5, "{0, 1}"),
        (Bernoulli(), 2.0, "{0, 1}"),
        (Bernoulli(), -1.0, "grey=True"),
        (Bernoulli(grey=True), 1.01, "[0, 1]"),
        (Bernoulli(grey=True), -0.01, "[0, 1]"),
        (Binomial(16), 17.0, "0..16"),
        (Binomial(16), -1.0, "0..16"),
        (Binomial(16), 2.5, "0..16"),
    ],
)
def test_values_outside_the_support_are_located(likelihood, bad, support):
    x = np.ones((3, 4))
    likelihood.check(x)
    for value in (bad, np.nan, np.inf, -np.inf):
        x[1, 2] = value
        with complains(ValueError, "x: expected", support, str(value), "(1, 2)"):
            likelihood.log_prob(x, np.zeros((3, 4)))


@pytest.mark.parametrize("likelihood", [Gaussian(), Laplace()])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_continuous_data_must_be_finite(likelihood, bad):
    x = np.zeros((3, 4))
    x[2, 1] = bad
    with complains(ValueError, "x: expected finite", str(bad), "(2, 1)"):
        likelihood.log_prob(x, np.zeros((3, 4)))


@pytest.mark.parametrize("name", MAKERS)
def test_shapes_and_dtypes_must_agree(name, rng):
    likelihood = alone(MAKERS[name](), rng)
    x = draw_x(likelihood, (3, 4), rng)
    for shape in [(3, 5), (2, 4), (4,), (5, 3, 1), (3, 3, 4, 1)]:
        with complains(ValueError, "y: expected shape", str(shape)):
            likelihood.log_prob(x, np.zeros(shape))
    for dtype in (np.float32, np.int64, complex):
        with complains(TypeError, "x", "float64", np.dtype(dtype).name):
            likelihood.log_prob(np.ones((3, 4), dtype), np.zeros((3, 4)))


def test_bad_arguments_are_named():
    for n, kind in [(0, ValueError), (-1, ValueError), (1.0, TypeError), (True, TypeError)]:
        with complains(kind, "n: expected", repr(n)):
            Binomial(n)
    with complains(ValueError, "grey", "n = 1", "16"):
        Binomial(16, grey=True)
    for kind, name in [(Gaussian, "c"), (Laplace, "b")]:
        for value in (0.0, -1.0, np.nan, np.inf):
            with complains(ValueError, f"{name}: expected", str(value)):
                kind(value)
        with complains(TypeError, f"{name}: expected", "'1'"):
            kind("1")


@pytest.mark.parametrize("name", MAKERS)
def test_config_builds_the_likelihood_again(name):
    likelihood = MAKERS[name]()
    again = type(likelihood)(**likelihood.config)
    assert again.config == likelihood.config
    assert again.shapes == likelihood.shapes
    x = np.ones((2, 3))
    np.testing.assert_array_equal(again.log_prob(x, x), likelihood.log_prob(x, x))
