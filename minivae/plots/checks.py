"""Two pictures of a derivative: the Taylor remainder, and the V of the step size.

Each is computed by one function and drawn by another; Matplotlib is imported only when
one is drawn.
"""

from typing import NamedTuple

import numpy as np

from minivae.errors import as_float_array, check_finite
from minivae.gradcheck.differences import EPS, central, complex_step, richardson
from minivae.gradcheck.oracle import scalar
from minivae.gradcheck.parameters import Parameters

# Okabe & Ito's colours, told apart by colour-blind readers and on projectors.
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#666666"


class TaylorTest(NamedTuple):
    """What `taylor_test` found; truthy if the slope is that of a right gradient.

    h : ndarray, the step lengths, from large to small.
    change : ndarray, |f(θ + hv) - f(θ)|, which falls like h.
    remainder : ndarray, |f(θ + hv) - f(θ) - h g·v|, which should fall like h².
    slope : float, of log remainder against log h, above the rounding errors. Infinite if
        f changes and the remainder is all rounding error: then f is linear along v, and g
        right. NaN, undecided and false, if the change is all rounding error too.
    floor : float, the size of those rounding errors.
    """

    h: np.ndarray
    change: np.ndarray
    remainder: np.ndarray
    slope: float
    floor: float

    def __bool__(self):
        return bool(self.slope > 1.8)


class ErrorCurve(NamedTuple):
    """What `error_curve` found.

    h : ndarray, the steps, from large to small.
    errors : dict of str to ndarray, relative error of "forward", "central" and, where f
        takes complex numbers, "complex" differences.
    """

    h: np.ndarray
    errors: dict


def taylor_test(f, theta, grad, rng):
    """Test a gradient by the order at which the Taylor remainder vanishes.

        |f(θ + hv) - f(θ) - h g·v| = h² |vᵀHv| / 2 + O(h³)  if g = ∇f(θ)

    In a log-log plot it falls with slope 2. With a wrong g a term linear in h is left,
    and the slope is 1: no tolerance has to be chosen.

    Parameters
    ----------
    f : callable
        theta -> scalar loss.
    theta, grad : ndarray or dict of str to ndarray
        The point, and the claimed gradient there, in the same form.
    rng : numpy.random.Generator
        Draws the direction v, of length one.

    Returns
    -------
    TaylorTest
        The slope is the median slope between neighbouring steps, over the four smallest
        whose remainders still stand clear of rounding.

    Raises
    ------
    ValueError
        If grad, or f at theta or at one of the steps, is not finite.
    """
    parameters = Parameters(theta)
    g, misshapen, _ = parameters.gradient(grad)
    if misshapen:
        name, array = next(iter(misshapen.items()))
        raise ValueError(f"grad: {name} has the wrong shape, {array.shape}")
    check_finite("grad", g)
    v = rng.standard_normal(parameters.flat.size)
    v /= np.linalg.norm(v)
    h = 2.0 ** -np.arange(2, 27)
    f0 = scalar(f(parameters.form(parameters.flat)))
    moved = [scalar(f(parameters.form(parameters.flat + step * v))) for step in h]
    check_finite("f at theta and at steps of 1/4, 1/8, ... from it", np.array([f0, *moved]))
    change = np.array(moved) - f0
    remainder = np.abs(change - h * (g @ v))
    floor = 4 * EPS * max(abs(f0), np.max(np.abs(moved)))
    clear = np.flatnonzero(remainder > 100 * floor)
    slope = np.nan
    if len(clear) < 2 and np.max(np.abs(change)) > 1e8 * floor:
        slope = np.inf
    elif len(clear) >= 2:
        slopes = np.diff(np.log2(remainder[clear])) / np.diff(np.log2(h[clear]))
        slope = float(np.median(slopes[-4:]))
    return TaylorTest(h, np.abs(change), remainder, slope, floor)


def error_curve(f, theta, v):
    """The relative error of differences along v against their step: a V.

    To the right of the bottom the truncation error rules (slope 1 for forward, 2 for
    central differences), to the left the rounding error, which grows as h shrinks. The
    complex step takes no difference and has no left arm.

    Parameters
    ----------
    f : callable
        theta -> scalar loss.
    theta, v : ndarray
        Point and direction, of the same shape.

    Returns
    -------
    ErrorCurve
        Measured against Richardson's extrapolation, or the complex step where it works.
    """
    theta = as_float_array("theta", theta, np.float64)
    v = as_float_array("v", v, np.float64)

    def phi(t):
        return scalar(f(theta + t * v))

    f0 = phi(0.0)
    exact = richardson(phi, noise=EPS * abs(f0)).value
    h = 10.0 ** -np.arange(0, 15.1, 0.25)
    slopes = {
        "forward": np.array([(phi(step) - f0) / step for step in h]),
        "central": np.array([central(phi, step).value for step in h]),
    }
    try:
        by_complex = complex_step(phi).value
    except (TypeError, ValueError):
        by_complex = np.nan
    if abs(by_complex - exact) <= 1e-8 * abs(exact):
        exact = by_complex
        slopes["complex"] = np.array([complex_step(phi, step).value for step in h])
    errors = {name: np.abs(s - exact) / abs(exact) for name, s in slopes.items()}
    return ErrorCurve(h, errors)


def _axes(ax):
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=(6.4, 4.4), layout="constrained")[1] if ax is None else ax


def draw_taylor(test, ax=None):
    """Draw a `TaylorTest` on log-log axes, with guides of slope 1 and 2.

    Parameters
    ----------
    test : TaylorTest
    ax : matplotlib Axes, optional
        A new figure's if none is given.

    Returns
    -------
    matplotlib Axes
    """
    ax = _axes(ax)
    h = test.h
    ax.loglog(h, np.maximum(test.change, test.floor / 100), "s-", color=GREY, ms=4, lw=1)
    ax.loglog(h, np.maximum(test.remainder, test.floor / 100), "o-", color=BLUE, ms=5)
    if test:
        guide, label = test.remainder[0] / 6 * (h / h[0]) ** 2, "slope 2"
    else:
        guide, label = test.remainder[-1] / 6 * (h / h[-1]), "slope 1"
    shown = guide > test.floor
    ax.loglog(h[shown], guide[shown], ":", color=ORANGE, lw=2)
    ax.axhspan(test.floor / 100, test.floor, color=GREY, alpha=0.15, lw=0)
    ax.set_ylim(bottom=test.floor / 100)
    names = ["|f(θ + hv) − f(θ)|", "|f(θ + hv) − f(θ) − h g·v|", f"guide of {label}"]
    ax.legend([*names, "rounding"], frameon=False, loc="upper left")
    ax.set_xlabel("step length h")
    ax.set_ylabel("size, in units of f")
    slope = "∞" if np.isinf(test.slope) else f"{test.slope:.2f}"
    verdict = "the gradient is right" if test else "the gradient is wrong"
    ax.set_title(f"Taylor remainder: slope {slope}, {verdict}")
    return ax


def draw_error_curve(curve, ax=None):
    """Draw an `ErrorCurve`: relative error against step size, the V.

    Parameters
    ----------
    curve : ErrorCurve
    ax : matplotlib Axes, optional
        A new figure's if none is given.

    Returns
    -------
    matplotlib Axes
    """
    ax = _axes(ax)
    styles = {"forward": (ORANGE, "s-"), "central": (BLUE, "o-"), "complex": (GREEN, "^-")}
    labels = {
        "forward": "forward: (f(θ + hv) − f(θ)) / h",
        "central": "central: (f(θ + hv) − f(θ − hv)) / 2h",
        "complex": "complex step: Im f(θ + ihv) / h",
    }
    for name, error in curve.errors.items():
        color, style = styles[name]
        # An error of exactly zero has no place on a log axis: show it as one rounding.
        ax.loglog(
            curve.h, np.maximum(error, 1e-16), style, color=color, ms=4, label=labels[name]
        )
    ax.axvline(1e-8, color=ORANGE, lw=1, ls=":")
    ax.axvline(6e-6, color=BLUE, lw=1, ls=":")
    ax.set_ylim(1e-17, 10)
    ax.set_xlabel("step h (dotted: square and cube root of the float64 precision)")
    ax.set_ylabel("relative error of the derivative")
    ax.set_title("Too large a step truncates, too small a step rounds")
    ax.legend(frameon=False, loc="upper center", ncols=1)
    return ax
