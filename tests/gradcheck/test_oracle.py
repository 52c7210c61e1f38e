"""The derivatives of a loss of many parameters, its noise and its kinks."""

import numpy as np
import pytest
from gradcheck_examples import THETA, gradient_of_log_sum_exp, log_sum_exp

from minivae.gradcheck.oracle import Oracle, scalar


@pytest.mark.parametrize(
    ("method", "digits"), [("richardson", 1e-11), ("central", 1e-8), ("complex", 1e-14)]
)
def test_entries_and_directions_of_a_gradient(rng, method, digits):
    oracle, exact = Oracle(log_sum_exp, THETA, method), gradient_of_log_sum_exp()
    values, errors = oracle.entries(range(6))
    np.testing.assert_allclose(values, exact, rtol=0, atol=digits)
    assert (np.abs(values - exact) <= 10 * errors + 1e-15).all()
    v = rng.standard_normal(6)
    assert abs(oracle.along(v).value - exact @ v) < 10 * digits


def test_the_noise_of_a_float32_function_is_seen_through_a_float64_result():
    def f(theta):
        return float(np.float32(log_sum_exp(theta)))

    assert 1e-9 < Oracle(f, THETA).noise < 1e-6
    assert Oracle(log_sum_exp, THETA).noise < 1e-14


def test_steps_out_of_the_domain_are_tried_without_a_warning():
    """pytest makes errors of warnings: a student would see NumPy's in the report."""
    value, error = Oracle(lambda t: np.log(t[0]), np.array([1e-3])).entries([0])
    np.testing.assert_allclose(value, 1e3, rtol=1e-6)
    assert error < 1


def test_a_kink_is_told_from_a_steep_curve():
    kinked = Oracle(lambda t: abs(t[0] - 1.0) + t[0] ** 2, np.array([1.0]))
    assert kinked.kink(0) == pytest.approx((1, 3), abs=1e-3)
    for steep in (lambda t: np.exp(9 * t[0]), lambda t: np.tanh(50 * (t[0] - 1))):
        assert Oracle(steep, np.array([1.0])).kink(0) is None
    assert Oracle(lambda t: abs(t[0] - 0.9), np.array([1.0])).kink(0) is None


class Tensor:
    """What the checker asks of a tensor of PyTorch."""

    def __init__(self, value):
        self.value = value

    def detach(self):
        return self

    def cpu(self):
        return np.asarray(self.value)


@pytest.mark.parametrize(
    "loss",
    [3.0, np.float32(3), np.array(3.0), np.array([[3.0]]), (3.0, 1, 2), Tensor(3.0), 3],
)
def test_a_loss_comes_as_any_number(loss):
    assert scalar(loss) == 3.0 and isinstance(scalar(loss), float)


@pytest.mark.parametrize("loss", [np.ones(2), Tensor(np.ones(2)), "three", None, ()])
def test_what_is_no_loss_is_explained(loss):
    with pytest.raises(ValueError, match="f: expected a scalar loss"):
        scalar(loss)
