"""Derivatives by evaluating the function alone: the oracles a gradient is judged by.

Each takes a function phi of one real number and returns phi'(0) with an estimate of its
own error. A gradient needs one such phi for each entry, phi(t) = f(theta + t e_i), or
for a direction v, phi(t) = f(theta + t v).
"""

from typing import NamedTuple

import numpy as np

EPS = float(np.finfo(np.float64).eps)


class Estimate(NamedTuple):
    """A derivative and an upper estimate of its error, both in the units of phi'."""

    value: float
    error: float


def central(phi, h=6e-6, noise=0.0):
    """phi'(0) by central differences.

        D(h) = (phi(h) - phi(-h)) / 2h = phi'(0) + O(h²)

    Parameters
    ----------
    phi : callable
        float -> float.
    h : float
        The step. The default is the cube root of the float64 precision, near where the
        error is smallest: a larger step is spoilt by phi''', a smaller one by rounding.
    noise : float
        Size of the rounding errors in phi, added to the error estimate as noise / h.

    Returns
    -------
    Estimate
        The error is judged by the difference to D(2h), a third of which is D(h)'s own.
    """
    fine = (phi(h) - phi(-h)) / (2 * h)
    coarse = (phi(2 * h) - phi(-2 * h)) / (4 * h)
    error = abs(fine - coarse) / 3 + noise / h
    return Estimate(fine, error if np.isfinite(error) else np.inf)


def richardson(phi, h=0.0625, noise=0.0, levels=8):
    """phi'(0) by central differences at shrinking steps, extrapolated to h = 0.

    D(h) has an expansion in h², so two of them with steps h and h/4 cancel its first
    term, three the second, and so on: row i, column j of Neville's table is

        T[i, 0] = D(h / 4^i),  T[i, j] = T[i, j-1] + (T[i, j-1] - T[i-1, j-1])/(16^j - 1).

    Parameters
    ----------
    phi : callable
        float -> float, smooth within h. Where phi is not finite, or has a kink at a
        distance, the table goes on to smaller steps.
    h : float
        The first and largest step.
    noise : float
        Size of the rounding errors in phi.
    levels : int
        The largest number of rows. The last step is h / 4^(levels - 1), 4e-6 as it is.

    Returns
    -------
    Estimate
        The entry of the table whose neighbours agree best. The error is the larger
        difference to its two neighbours, and never less than noise / step. On smooth
        functions of size one the result is good to about 1e-12.

    References
    ----------
    Ridders 1982, "Accurate computation of F'(x) and F'(x) F''(x)", Advances in
    Engineering Software 4(2), 75-76.
    """
    best, above = Estimate(np.nan, np.inf), []
    for level in range(levels):
        step = h / 4**level
        row = [(phi(step) - phi(-step)) / (2 * step)]
        floor = noise / step + EPS * abs(row[0])
        for j, upper in enumerate(above):
            row.append(row[j] + (row[j] - upper) / (16 ** (j + 1) - 1))
            error = max(abs(row[-1] - row[j]), abs(row[-1] - upper), floor)
            if error < best.error:
                best = Estimate(row[-1], error)
        if best.error <= max(4 * noise / step, 1e-13 * abs(best.value)):
            break  # the next row, with four times the rounding error, cannot be better
        above = row
    return best


def complex_step(phi, h=1e-30):
    """phi'(0) as Im phi(ih) / h: no difference is taken, so nothing cancels.

    Parameters
    ----------
    phi : callable
        complex -> complex, built from analytic operations only: no abs, no comparison,
        no conversion to a real dtype.
    h : float
        The imaginary step, so small that its square vanishes.

    Returns
    -------
    Estimate
        Exact to a few roundings.

    Raises
    ------
    TypeError
        If phi returns a real number: somewhere it drops the imaginary part.

    References
    ----------
    Squire & Trapp 1998, "Using complex variables to estimate derivatives of real
    functions", SIAM Review 40(1), 110-112.
    """
    value = phi(1j * h)
    if not np.iscomplexobj(value):
        raise TypeError(
            "f: the complex step needs a function that returns a complex number for"
            f" complex theta, got {type(value).__name__}; use oracle='richardson'"
        )
    slope = float(np.imag(value)) / h
    return Estimate(slope, 8 * EPS * abs(slope))


def noise_level(values):
    """Size of the rounding errors in values at equally spaced points close together.

    The k-th differences of a smooth function vanish as spacing^k, those of independent
    errors of variance s² have the variance s² (2k)! / (k!)². So what is left of the
    fourth differences, divided by sqrt(70), is the noise.

    Parameters
    ----------
    values : array_like, shape (n,), n ≥ 5

    Returns
    -------
    float

    References
    ----------
    Hamming 1971, "Introduction to Applied Numerical Analysis"; Moré & Wild
    2011, "Estimating computational noise", SIAM J. Sci. Comput. 33(3), 1292-1314.
    """
    fourth = np.diff(np.asarray(values, dtype=np.float64), n=4)
    return float(np.sqrt(np.mean(fourth**2) / 70))
