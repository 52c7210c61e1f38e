"""A loss as a function of many parameters, and its derivatives by `differences`."""

from functools import cached_property

import numpy as np

from minivae.errors import check_choice
from minivae.gradcheck import differences
from minivae.gradcheck.differences import EPS, Estimate
from minivae.gradcheck.parameters import detached

ORACLES = ("richardson", "central", "complex")


def scalar(value):
    """The loss as one number: the first item of a tuple, real or complex.

    Raises
    ------
    ValueError
        If it is an array of more than one element.
    """
    array = first(value)
    if array.size != 1 or array.dtype.kind not in "fiubc":
        came = f"shape {array.shape}" if array.size != 1 else f"dtype {array.dtype}"
        raise ValueError(
            "f: expected a scalar loss (or a tuple that begins with it), got an array of"
            f" {came}; sum or average an array first, or see `check_vjp`"
        )
    value = array.reshape(())[()]
    return complex(value) if np.iscomplexobj(value) else float(value)


def first(value):
    """What f returned, or the first item of a tuple, as an array, also from a tensor."""
    if isinstance(value, tuple) and value:
        value = value[0]
    return np.asarray(detached(value))


class Oracle:
    """Derivatives of f at theta, entry by entry or along directions, each kept.

    Parameters
    ----------
    f : callable
        Flat float64 theta, shape (P,) -> scalar loss.
    theta : ndarray, shape (P,)
        Where to differentiate. Never changed: f gets copies.
    method : {"richardson", "central", "complex"}
    noise : float, optional
        That of f, below, if it is known.

    Attributes
    ----------
    value : float
        f(theta).
    """

    def __init__(self, f, theta, method="richardson", noise=None):
        check_choice("oracle", method, ORACLES)
        self.f, self.theta, self.method = f, theta, method
        self.value = scalar(f(theta.copy()))
        self._entries = {}
        if noise is not None:
            self.noise = noise

    def along(self, v):
        """The derivative in the direction v, shape (P,): v · ∇f, an `Estimate`."""
        return self._differentiate(lambda t: self.theta + t * v)

    def entries(self, indices):
        """Derivatives and their errors, two arrays of the length of `indices`."""
        found = []
        for i in map(int, indices):
            if i not in self._entries:
                self._entries[i] = self._differentiate(lambda t, i=i: self._moved(i, t))
            found.append(self._entries[i])
        return np.array([e.value for e in found]), np.array([e.error for e in found])

    def kink(self, i):
        """The slopes (left, right) of f in theta[i] if it has a kink there, else None.

        The jump between one-sided slopes over a step h shrinks like h where f is smooth.
        A kink within h keeps the jump, so that jump / h grows as h comes down to it.
        """
        steps = 10.0 ** np.arange(-2, -7, -1)
        right = np.array([(self._at(i, h) - self.value) / h for h in steps])
        left = np.array([(self.value - self._at(i, -h)) / h for h in steps])
        jump = np.abs(right - left)
        visible = np.isfinite(jump) & (jump > 40 * self.noise / steps)
        curvature = np.where(visible, jump / steps, 0)
        peak = int(np.argmax(curvature))
        if peak < 2 or curvature[peak] < 10 * np.nanmin(jump[:2] / steps[:2]):
            return None
        return float(left[peak]), float(right[peak])

    def _at(self, i, t):
        return self._evaluate(self._moved(i, t))

    def _moved(self, i, t):
        theta = self.theta.astype(np.result_type(self.theta, type(t)))
        theta[i] += t
        return theta

    def _evaluate(self, theta):
        """f, or NaN where a step has left the domain: then a smaller step is tried."""
        try:
            with np.errstate(all="ignore"):
                return scalar(self.f(theta))
        except (ArithmeticError, ValueError):  # ValueError: math.log of a negative
            return np.nan

    def _differentiate(self, path):
        if self.method == "complex":
            return differences.complex_step(lambda t: scalar(self.f(path(t))))
        richardson = self.method == "richardson"
        rule = differences.richardson if richardson else differences.central
        estimate = rule(lambda t: self._evaluate(path(t)), noise=self.noise)
        return Estimate(float(estimate.value), float(estimate.error))

    @cached_property
    def noise(self):
        """Size of the rounding errors in f near theta.

        About 1e-16 times the loss in float64, 1e-7 times in float32. It is the median over
        a few entries, chosen at random: one that stands on a kink must not decide.
        """
        floor, levels = EPS * max(abs(self.value), 1e-300), []
        P, rng = self.theta.size, np.random.default_rng(0)
        for i in rng.choice(P, size=min(7, P), replace=False):
            step = 1e-5 * max(1.0, abs(self.theta[i]))
            values = [self._at(i, k * step) for k in range(-3, 4)]
            if len(set(values)) > 1 and np.isfinite(values).all():
                levels.append(differences.noise_level(values))
        return max(float(np.median(levels)), floor) if levels else floor
