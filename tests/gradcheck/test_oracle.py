"""The oracles: how exact they are, and whether they know it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minivae.gradcheck import (
    central,
    complex_step,
    error_curve,
    richardson,
    taylor_test,
)
from minivae.gradcheck.differences import EPS, noise_level
from minivae.gradcheck.oracle import Oracle
from minivae.plots import draw_error_curve, draw_taylor

# Name, function, derivative: analytic, so that the complex step works on them too.
ANALYTIC = {
    "exp": (np.exp, np.exp),
    "sin 3t": (lambda t: np.sin(3 * t), lambda t: 3 * np.cos(3 * t)),
    "tanh": (np.tanh, lambda t: 1 - np.tanh(t) ** 2),
    "log cosh": (lambda t: np.log(np.cosh(t)), np.tanh),
    "1/(1 + t²)": (lambda t: 1 / (1 + t * t), lambda t: -2 * t / (1 + t * t) ** 2),
}
POINTS = st.floats(-2, 2)
NAMES = st.sampled_from(sorted(ANALYTIC))


@given(NAMES, POINTS)
def test_richardson_is_good_to_ten_digits_and_knows_its_error(name, t):
    f, slope = ANALYTIC[name]
    exact = slope(t)
    found = richardson(lambda h: f(t + h), noise=EPS * max(abs(f(t)), 1))
    error = abs(found.value - exact)
    assert error <= 1e-10 * max(abs(exact), 1), f"{name} at {t}: off by {error:.1e}"
    assert error <= 10 * found.error, f"{name} at {t}: {error:.1e} > {found.error:.1e}"
    assert found.error < 1e-9, f"{name} at {t}: error estimate {found.error:.1e}"


@given(NAMES, POINTS)
def test_central_differences_are_good_to_eight_digits_and_know_it(name, t):
    f, slope = ANALYTIC[name]
    found = central(lambda h: f(t + h), noise=EPS * max(abs(f(t)), 1))
    error = abs(found.value - slope(t))
    assert error <= 1e-8 and error <= 10 * found.error, f"{name} at {t}: {error:.1e}"


@given(NAMES, POINTS)
def test_the_complex_step_is_exact(name, t):
    f, slope = ANALYTIC[name]
    found = complex_step(lambda h: f(t + h))
    assert abs(found.value - slope(t)) <= 1e-14 * max(abs(slope(t)), 1)


def test_the_complex_step_refuses_a_function_that_drops_the_imaginary_part():
    with pytest.raises(TypeError, match="returns a complex number"):
        complex_step(lambda t: float(np.real(t)))


def test_richardson_retreats_from_a_kink_and_from_the_edge_of_the_domain():
    kinked = richardson(lambda t: max(t - 1e-3, 0.0) + 2 * t + t * t, noise=EPS)
    assert abs(kinked.value - 2) < 1e-8
    with np.errstate(invalid="ignore"):
        edge = richardson(lambda t: np.log(np.float64(0.01) + t), noise=EPS)
    assert abs(edge.value - 100) < 1e-8


def test_richardson_does_not_trust_a_noisy_function():
    rng = np.random.default_rng(0)
    found = richardson(lambda t: np.sin(t) + 1e-6 * rng.standard_normal(), noise=1e-6)
    assert 1e-6 < abs(found.value - 1) + found.error and found.error > 1e-5


@pytest.mark.parametrize("scale", [1e-12, 1e-7, 1e-3])
def test_the_noise_of_a_function_is_measured(rng, scale):
    t = 1e-5 * np.arange(4000)
    measured = noise_level(np.exp(t) + scale * rng.standard_normal(4000))
    assert measured == pytest.approx(scale, rel=0.1)


def log_sum_exp(theta):
    """log Σ exp(A theta): smooth and analytic in six parameters."""
    A = np.random.default_rng(0).standard_normal((6, 6))
    return np.log(np.sum(np.exp(A @ theta)))


THETA = np.random.default_rng(1).standard_normal(6)


def gradient_of_log_sum_exp():
    A = np.random.default_rng(0).standard_normal((6, 6))
    p = np.exp(A @ THETA)
    return A.T @ (p / p.sum())


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


def test_a_kink_is_told_from_a_steep_curve():
    kinked = Oracle(lambda t: abs(t[0] - 1.0) + t[0] ** 2, np.array([1.0]))
    assert kinked.kink(0) == pytest.approx((1, 3), abs=1e-3)
    for steep in (lambda t: np.exp(9 * t[0]), lambda t: np.tanh(50 * (t[0] - 1))):
        assert Oracle(steep, np.array([1.0])).kink(0) is None
    assert Oracle(lambda t: abs(t[0] - 0.9), np.array([1.0])).kink(0) is None


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


def test_the_error_curve_is_a_v_and_the_complex_step_has_no_left_arm():
    curve = error_curve(log_sum_exp, THETA, np.eye(6)[0])
    h, errors = curve
    for name, bottom, order in (("forward", 1e-8, 1), ("central", 6e-6, 2)):
        best = h[np.argmin(errors[name])]
        assert bottom / 100 < best < bottom * 100, f"{name}: bottom of the V at {best:.0e}"
        right = (h > 1e-4) & (h < 2e-2)
        slope = np.polyfit(np.log(h[right]), np.log(errors[name][right]), 1)[0]
        assert slope == pytest.approx(order, abs=0.1), name
        assert errors[name][-1] > 1e-3, f"{name}: no left arm"
    assert errors["complex"][h < 1e-9].max() < 1e-14


def test_the_error_curve_leaves_out_the_complex_step_where_it_does_not_work():
    curve = error_curve(lambda t: float(np.exp(np.real(t[0]))), np.zeros(1), np.ones(1))
    assert set(curve.errors) == {"forward", "central"}


def test_both_figures_are_drawn(rng, tmp_path):
    import matplotlib.pyplot as plt

    for drawn in (
        draw_taylor(taylor_test(log_sum_exp, THETA, gradient_of_log_sum_exp(), rng)),
        draw_taylor(taylor_test(log_sum_exp, THETA, 2 * gradient_of_log_sum_exp(), rng)),
        draw_error_curve(error_curve(log_sum_exp, THETA, np.eye(6)[0])),
    ):
        assert drawn.get_xscale() == drawn.get_yscale() == "log"
        assert "h" in drawn.get_xlabel() and drawn.get_legend().get_texts()
        drawn.figure.savefig(tmp_path / "figure.png")
        plt.close(drawn.figure)
