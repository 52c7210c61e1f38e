"""The Taylor remainder and the V of the step size: their numbers, and their figures."""

import numpy as np
import pytest
from gradcheck_examples import THETA, gradient_of_log_sum_exp, log_sum_exp
from numpy.testing import assert_allclose

from minivae.plots import draw_error_curve, draw_taylor, error_curve, taylor_test


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


@pytest.mark.parametrize("factor, slope, words", [(1, 2, "is right"), (2, 1, "is wrong")])
def test_the_guide_has_the_slope_that_it_names(rng, factor, slope, words):
    test = taylor_test(log_sum_exp, THETA, factor * gradient_of_log_sum_exp(), rng)
    ax = draw_taylor(test)
    change, remainder, guide = ax.lines
    assert_allclose(change.get_ydata(), np.maximum(test.change, test.floor / 100))
    assert_allclose(remainder.get_ydata(), np.maximum(test.remainder, test.floor / 100))
    log_h, log_y = np.log(guide.get_xdata()), np.log(guide.get_ydata())
    assert_allclose(np.diff(log_y) / np.diff(log_h), slope)
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert f"guide of slope {slope}" in names and words in ax.get_title()


def test_each_formula_has_its_curve_and_an_error_of_zero_is_shown():
    curve = error_curve(log_sum_exp, THETA, np.eye(6)[0])
    curve.errors["complex"] = np.zeros_like(curve.h)
    ax = draw_error_curve(curve)
    drawn = {line.get_label().split()[0].rstrip(":"): line for line in ax.lines[:3]}
    assert set(drawn) == {"forward", "central", "complex"}
    for name, line in drawn.items():
        assert_allclose(line.get_xdata(), curve.h)
        assert_allclose(line.get_ydata(), np.maximum(curve.errors[name], 1e-16))


def test_axes_of_ones_own_are_drawn_on(rng):
    from matplotlib.figure import Figure

    ax = Figure().subplots()
    test = taylor_test(log_sum_exp, THETA, gradient_of_log_sum_exp(), rng)
    assert draw_taylor(test, ax) is ax and ax.lines


def test_both_figures_say_what_they_show(rng):
    ax = draw_error_curve(error_curve(log_sum_exp, THETA, np.eye(6)[0]))
    assert ax.get_title() == "Too large a step truncates, too small a step rounds"
    assert ax.get_xlabel().startswith("step h") and ax.get_ylim() == (1e-17, 10)
    assert ax.get_ylabel() == "relative error of the derivative"
    dotted = [line.get_xdata()[0] for line in ax.lines if line.get_linestyle() == ":"]
    assert_allclose(dotted, [1e-8, 6e-6])
    assert len(ax.get_legend().get_texts()) == 3
    ax = draw_taylor(taylor_test(log_sum_exp, THETA, gradient_of_log_sum_exp(), rng))
    assert ax.get_title().endswith("the gradient is right")
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("step length h", "size, in units of f")
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names[2:] == ["guide of slope 2", "rounding"]
