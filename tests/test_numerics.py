import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from minivae.numerics import log_mean_exp, log_sum_exp, sigmoid, softplus

values = arrays(
    np.float64,
    array_shapes(min_dims=1, max_dims=3, max_side=4),
    elements=st.floats(-30, 30),
)


@given(values)
def test_sigmoid_and_softplus_are_their_textbook_formulas(x):
    np.testing.assert_allclose(sigmoid(x), 1 / (1 + np.exp(-x)), rtol=1e-14)
    np.testing.assert_allclose(softplus(x), np.log1p(np.exp(x)), rtol=1e-14)


@given(values)
def test_symmetries(x):
    np.testing.assert_allclose(sigmoid(x) + sigmoid(-x), 1, rtol=1e-15)
    np.testing.assert_allclose(softplus(x) - softplus(-x), x, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_tails_stay_finite_and_keep_their_digits(dtype):
    x = np.array([-1e4, -80, 0, 80, 1e4], dtype)
    assert sigmoid(x).dtype == softplus(x).dtype == dtype
    small, rtol = math.exp(-80), 100 * np.finfo(dtype).eps
    np.testing.assert_allclose(sigmoid(x), [0, small, 0.5, 1, 1], rtol=rtol)
    np.testing.assert_allclose(softplus(x), [0, small, math.log(2), 80, 1e4], rtol=rtol)


@given(values, st.integers(0, 2), st.floats(-1e4, 1e4))
def test_log_sum_exp_sums_along_its_axis_whatever_the_size(a, axis, shift):
    axis = min(axis, a.ndim - 1)
    expected = np.log(np.exp(a).sum(axis=axis))
    np.testing.assert_allclose(log_sum_exp(a, axis), expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(log_sum_exp(a + shift, axis), expected + shift, atol=1e-10)
    mean = np.log(np.exp(a).mean(axis=axis))
    np.testing.assert_allclose(log_mean_exp(a, axis), mean, rtol=1e-12, atol=1e-12)


def test_log_sum_exp_of_zero_probabilities():
    a = np.array([[-np.inf, -np.inf], [-np.inf, 2.0]])
    np.testing.assert_array_equal(log_sum_exp(a, 1), [-np.inf, 2.0])
    np.testing.assert_allclose(log_mean_exp(a, 1), [-np.inf, 2.0 - math.log(2)])


def test_averages_stay_in_their_precision():
    a = np.ones((3, 4), np.float32)
    assert log_sum_exp(a, 0).dtype == log_mean_exp(a, 0).dtype == np.float32
    np.testing.assert_allclose(log_mean_exp(a, 0), 1, rtol=1e-6)
