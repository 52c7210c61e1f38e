"""Checks at the door: every message names the argument, what came, what was expected.

The package calls these where a user's values enter it, so that a wrong shape or a NaN
is reported where it was passed and not three matrix products later.
"""

import math

import numpy as np


def as_float_array(name, value, dtype, ndim=None):
    """Return `value` as an array of the model's `dtype`, or say what is wrong with it.

    Parameters
    ----------
    name : str
        The argument's name, for the message.
    value : array_like
        Real floating-point values; any floating dtype is converted to `dtype`.
    dtype : numpy dtype
        The precision of the model (float32 to train, float64 to check).
    ndim : int or tuple of int, optional
        The number of axes allowed.

    Returns
    -------
    ndarray
        `value` itself where its dtype is right already.

    Raises
    ------
    TypeError
        If the values are not real floating-point numbers. Integers are refused too:
        raw pixel bytes that were never scaled are the usual cause.
    ValueError
        If the array is empty or has the wrong number of axes.
    """
    array = np.asarray(value)
    if array.dtype.kind != "f":
        hint = f" (convert with {name}.astype(np.{np.dtype(dtype).name}))"
        raise TypeError(
            f"{name}: expected real floating-point values, got dtype {array.dtype}"
            + (hint if array.dtype.kind in "biu" else "")
        )
    allowed = (ndim,) if isinstance(ndim, int) else ndim
    if allowed is not None and array.ndim not in allowed:
        wanted = " or ".join(str(n) for n in allowed)
        raise ValueError(
            f"{name}: expected an array of {wanted} axes, got shape {array.shape}"
        )
    if array.size == 0:
        raise ValueError(f"{name}: expected data, got an empty array {array.shape}")
    return array.astype(dtype, copy=False)


def check_shape(name, array, expected):
    """Raise ValueError unless `array.shape` matches `expected` (None matches any size)."""
    if array.shape == expected:  # the usual case, on the path of every training step
        return
    fits = array.ndim == len(expected) and all(
        want in (None, have) for have, want in zip(array.shape, expected, strict=True)
    )
    if not fits:
        wanted = ", ".join("any" if n is None else str(n) for n in expected)
        comma = "," * (len(expected) == 1)  # as Python writes a tuple of one
        raise ValueError(f"{name}: expected shape ({wanted}{comma}), got {array.shape}")


def check_finite(name, array):
    """Raise ValueError if `array` holds a NaN or an infinity; say where the first is."""
    finite = np.isfinite(array)
    if not finite.all():
        bad = ~finite
        index = tuple(int(i) for i in np.argwhere(bad)[0])
        raise ValueError(
            f"{name}: expected finite values, got {np.asarray(array)[index]} at index"
            f" {index} ({int(bad.sum())} of {array.size} values are not finite)"
        )


def check_whole(name, value, minimum):
    """Return `value` as an int, or raise if it is no whole number of at least `minimum`."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name}: expected a whole number, got {value!r}")
    if value < minimum:
        raise ValueError(f"{name}: expected at least {minimum}, got {value}")
    return int(value)


def check_number(name, value, minimum=None, exclusive=False):
    """Return `value` as a float, or raise if it is not finite or is below `minimum`."""
    if isinstance(value, bool) or not isinstance(
        value, (int, float, np.integer, np.floating)
    ):
        raise TypeError(f"{name}: expected a real number, got {value!r}")
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{name}: expected a finite number, got {value!r}")
    if minimum is not None and (number < minimum or (exclusive and number == minimum)):
        bound = f"above {minimum}" if exclusive else f"at least {minimum}"
        raise ValueError(f"{name}: expected {bound}, got {value!r}")
    return number


def check_choice(name, value, choices):
    """Raise ValueError, listing what is possible, unless `value` is one of `choices`."""
    if value not in choices:
        known = ", ".join(repr(c) for c in choices)
        raise ValueError(f"{name}: expected one of {known}, got {value!r}")


def check_generator(name, rng):
    """Raise TypeError unless `rng` is a `numpy.random.Generator`."""
    if not isinstance(rng, np.random.Generator):
        raise TypeError(
            f"{name}: expected a numpy.random.Generator such as"
            f" np.random.default_rng(0), got {type(rng).__name__}"
        )
