"""The Taylor remainder of a gradient: its slope, and what it refuses."""

import numpy as np
import pytest
from gradcheck_examples import THETA, gradient_of_log_sum_exp, log_sum_exp

from minivae.plots import taylor_test


def test_the_taylor_remainder_has_slope_two_for_a_right_gradient_and_one_for_a_wrong(rng):
    g = gradient_of_log_sum_exp()
    right = taylor_test(log_sum_exp, THETA, g, rng)
    assert right and right.slope == pytest.approx(2, abs=0.05)
    for factor in (1.001, 0.5, -1):
        wrong = taylor_test(log_sum_exp, THETA, factor * g, rng)
        assert not wrong and wrong.slope == pytest.approx(1, abs=0.05), factor


def test_the_taylor_test_knows_a_linear_function_and_takes_dicts(rng):
    f = lambda p: p["w"].sum() + 3 * p["b"][0]  # noqa: E731
    theta = {"w": np.ones((2, 3)), "b": np.zeros(1)}
    right = taylor_test(f, theta, {"w": np.ones((2, 3)), "b": np.array([3.0])}, rng)
    assert right and np.isinf(right.slope)
    assert not taylor_test(f, theta, {"w": np.ones((2, 3)), "b": np.array([2.0])}, rng)
    with pytest.raises(ValueError, match="w has the wrong shape"):
        taylor_test(f, theta, {"w": np.ones((3, 2)), "b": np.zeros(1)}, rng)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_the_taylor_test_refuses_what_is_not_finite(rng, bad):
    g = gradient_of_log_sum_exp()
    with pytest.raises(ValueError, match="grad: expected finite values"):
        taylor_test(log_sum_exp, THETA, bad * g, rng)
    with pytest.raises(ValueError, match=r"f at theta and at steps .*: expected finite"):
        taylor_test(lambda t: bad, THETA, g, rng)
    with pytest.raises(ValueError, match="f at theta and at steps"):
        taylor_test(lambda t: log_sum_exp(t) if (t == THETA).all() else bad, THETA, g, rng)


def test_a_change_below_the_rounding_errors_decides_nothing(rng):
    found = taylor_test(lambda t: log_sum_exp(t) + 1e14, THETA, 0 * THETA, rng)
    assert not found and np.isnan(found.slope)
    assert not taylor_test(lambda t: 1.0, THETA, 0 * THETA, rng)
