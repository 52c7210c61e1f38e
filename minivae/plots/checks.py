"""The Taylor remainder of a gradient: how fast it vanishes tells right from wrong."""

from typing import NamedTuple

import numpy as np

from minivae.errors import check_finite
from minivae.gradcheck.differences import EPS
from minivae.gradcheck.oracle import scalar
from minivae.gradcheck.parameters import Parameters


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
