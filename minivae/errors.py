"""Checks at the door: every message names the argument, what came, what was expected.

The package calls these where a user's values enter it, so that a wrong shape or a NaN
is reported where it was passed and not three matrix products later.
"""

import math
from numbers import Real

import numpy as np


def as_float_array(name, value, dtype, shape=None, finite=False):
    """Return `value` as an array of the model's `dtype`, or say what is wrong with it.

    Parameters
    ----------
    name : str
        The argument's name, for the message.
    value : array_like
        Real floating-point values; any floating dtype is converted to `dtype`.
    dtype : numpy dtype
        The precision of the model (float32 to train, float64 to check).
    shape : tuple, optional
        The shape that it must have; None matches any size.
    finite : bool
        Refuse NaN and infinity too.

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
        If the array is empty, ragged, masked, of another shape or not finite.
    """
    array = value if type(value) is np.ndarray else _as_array(name, value)
    if array.dtype.kind != "f":
        hint = f" (convert with {name}.astype(np.{np.dtype(dtype).name}))"
        raise TypeError(
            f"{name}: expected real floating-point values, got dtype {array.dtype}"
            + (hint if array.dtype.kind in "biu" else "")
        )
    if array.size == 0:
        raise ValueError(f"{name}: expected data, got an empty array {array.shape}")
    if shape is not None:
        check_shape(name, array, shape)
    if finite:
        check_finite(name, array)
    return array.astype(dtype, copy=False)


def _as_array(name, value):
    if getattr(value, "mask", False) is not False and np.any(value.mask):
        raise ValueError(f"{name}: expected an array without a mask, got a masked one")
    try:
        return np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name}: expected an array, got rows that differ") from error


def check_array(name, value, shape=None, dtype=None, finite=False):
    """Raise unless `value` is an array of floats as expected; nothing is converted.

    For the doors between layers, on the path of every training step: without `finite` the
    values are not looked at. `shape` and `dtype` may be anything if they are not given.
    """
    if type(value) is not np.ndarray:
        raise TypeError(f"{name}: expected an array, got {type(value).__name__}")
    came = value.dtype  # an `is` is faster than the == of two dtypes
    if came is not dtype and (came != dtype if dtype else came.kind != "f"):
        wanted = f"dtype {dtype}" if dtype else "real floating-point values"
        raise TypeError(f"{name}: expected {wanted}, got {came}")
    if shape is not None and value.shape != shape:
        check_shape(name, value, shape)
    if finite:
        check_finite(name, value)


def check_shape(name, array, expected):
    """Raise ValueError unless `array.shape` matches `expected` (None matches any size)."""
    came = array.shape  # the usual cases first, on the path of every training step
    if came == expected or (len(came) == 2 and (None, came[1]) == expected):
        return
    if len(came) != len(expected) or any(
        want not in (None, have) for have, want in zip(came, expected, strict=True)
    ):
        wanted = str(tuple("any" if n is None else n for n in expected)).replace("'", "")
        raise ValueError(f"{name}: expected shape {wanted}, got {array.shape}")


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
    """Return `value` as an int, or raise if it is not whole or is below `minimum`."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name}: expected a whole number, got {value!r}")
    if value < minimum:
        raise ValueError(f"{name}: expected at least {minimum}, got {value}")
    return int(value)


def check_sizes(name, values, example):
    """Return `values` as a tuple of whole numbers from 1 on, or raise."""
    if not isinstance(values, (tuple, list)):
        raise TypeError(f"{name}: expected sizes such as {example}, got {values!r}")
    return tuple(check_whole(name, value, minimum=1) for value in values)


def check_number(name, value, minimum=None, exclusive=False, below=math.inf):
    """Return `value` as a float, or raise if it is not finite or not within the limits.

    At least `minimum`, or above it if that is `exclusive`, and less than `below`.
    """
    # a float at once: Real is slow to ask, and every training step comes by
    if not (type(value) is float or (isinstance(value, Real) and type(value) is not bool)):
        raise TypeError(f"{name}: expected a real number, got {value!r}")
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{name}: expected a finite number, got {value!r}")
    if minimum is not None and (number < minimum or (exclusive and number == minimum)):
        bound = f"above {minimum}" if exclusive else f"at least {minimum}"
        raise ValueError(f"{name}: expected {bound}, got {value!r}")
    if number >= below:
        raise ValueError(f"{name}: expected less than {below}, got {value!r}")
    return number


def check_choice(name, value, choices):
    """Raise ValueError, listing what is possible, unless `value` is one of `choices`."""
    if not any(type(value) is type(choice) and value == choice for choice in choices):
        known = ", ".join(repr(c) for c in choices)
        raise ValueError(f"{name}: expected one of {known}, got {value!r}")


def check_instance(name, value, kind, hint=""):
    """Raise TypeError unless `value` is an object of the class `kind`, or of several."""
    if not isinstance(value, kind):
        kinds = kind if isinstance(kind, tuple) else (kind,)
        wanted = " or ".join(k.__name__ for k in kinds)
        raise TypeError(f"{name}: expected a {wanted}{hint}, got {value!r}")


def check_function(name, value):
    """Raise TypeError unless `value` is a function; a class is not accepted."""
    if not callable(value) or isinstance(value, type):
        raise TypeError(f"{name}: expected a function, got {value!r}")


def check_generator(name, rng):
    """Raise TypeError unless `rng` is a `numpy.random.Generator`."""
    if not isinstance(rng, np.random.Generator):
        raise TypeError(
            f"{name}: expected a numpy.random.Generator such as"
            f" np.random.default_rng(0), got {type(rng).__name__}"
        )
