"""The checker's two figures show the numbers that they are given."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from minivae.gradcheck import error_curve, taylor_test
from minivae.plots import draw_error_curve, draw_taylor

THETA = np.array([0.3, -0.7, 1.1])


def f(theta):
    return np.exp(theta).sum()


@pytest.mark.parametrize("factor, slope, words", [(1, 2, "is right"), (2, 1, "is wrong")])
def test_the_guide_has_the_slope_that_it_names(rng, factor, slope, words):
    test = taylor_test(f, THETA, factor * np.exp(THETA), rng)
    ax = draw_taylor(test)
    change, remainder, guide = ax.lines
    assert_allclose(change.get_ydata(), np.maximum(test.change, test.floor / 100))
    assert_allclose(remainder.get_ydata(), np.maximum(test.remainder, test.floor / 100))
    log_h, log_y = np.log(guide.get_xdata()), np.log(guide.get_ydata())
    assert_allclose(np.diff(log_y) / np.diff(log_h), slope)
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert f"guide of slope {slope}" in names and words in ax.get_title()


def test_each_formula_has_its_curve_and_an_error_of_zero_is_shown():
    curve = error_curve(f, THETA, np.eye(3)[0])
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
    assert draw_taylor(taylor_test(f, THETA, np.exp(THETA), rng), ax) is ax and ax.lines
