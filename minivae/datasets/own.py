"""Anybody's own images: what the values of an array mean, and which images are for test."""

import math
from pathlib import Path

import numpy as np

from minivae.datasets.images import Images
from minivae.datasets.sources import read_arrays
from minivae.errors import check_finite, check_shape, check_whole

SHIPPED = ("digits", "mnist", "faces")  # these names mean our own sets


def load_images(path, max_count=None, shape=None, standardised=None):
    """Anybody's own images, from a file or a folder (see `sources.read_arrays`).

    A `.npz` file holds one array of images, `labels` beside it if you like; or `train`
    and, all optional, `test`, `train_labels` and `test_labels`, under these names or
    those of Keras and scikit-learn.

    Images are (N, rows, columns), with an axis of one for a single channel if you like,
    or (N, D): then a D that is a square number is shown as a square, and any other as
    one row, a vector, unless you pass `shape`. Their values decide what they are:

    - bool: binary images, 0 and 1, `max_count` 1;
    - whole numbers 0..255 of any integer dtype: counts, kept as uint8. `max_count` is what
      you pass; if you pass nothing, 1 where no value is above 1, and 255 otherwise;
    - floating point with `max_count` passed: counts too, if all are whole;
    - floating point in [0, 1]: real values, kept as they are, `max_count` None;
    - other floating point: real values x, standardised by one constant for all pixels,
      (x - offset) / scale with mean and standard deviation of the training part.

    Without a test part, one image in ten becomes it (at least one). Image i is taken
    where the fractional part of i·φ, φ the golden ratio, is largest: that is the same
    choice every time, needs no generator, and spreads evenly over a file, be it sorted
    by class or repeating itself.

    Parameters
    ----------
    path : path-like
    max_count : int, optional
        n, the largest count a pixel can hold, for whole numbers.
    shape : tuple of int, optional
        (rows, columns) of images that come as rows of D numbers.
    standardised : tuple of float, optional
        The (offset, scale) to use in place of the data's own: those that a model was
        trained with.

    Returns
    -------
    Images
        `name` is the file's name without its suffix.

    Raises
    ------
    OSError
        If the file is missing or cannot be opened.
    TypeError, ValueError
        If it is damaged, holds Python objects (never unpickled), NaN, no image, or
        arrays other than those above; the message names the file, and where an array
        can be made fit, the line of Python that does it.
    """
    path = Path(path)
    arrays, expressions = read_arrays(path)
    name = f"own-{path.stem}" if path.stem in SHIPPED else path.stem
    try:
        return as_images(arrays, name, max_count, shape, standardised, expressions)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{path}: {error}") from error


def as_images(
    arrays, name, max_count=None, shape=None, standardised=None, expressions=None
):
    """`Images` of arrays by their role: the second half of `load_images`, see there.

    Parameters
    ----------
    arrays : dict of str to ndarray
        "train", and as far as they are there "test", "train_labels", "test_labels".
    name : str
    max_count, shape, standardised
        As in `load_images`.
    expressions : dict of str to str, optional
        Python that reads each array, for the line that a refusal proposes.

    Raises
    ------
    TypeError, ValueError
        For arrays that are no images or do not fit each other.
    """
    advice = expressions or {}
    labels = [_as_labels(arrays.get(f"{part}_labels")) for part in ("train", "test")]
    train, shape = _as_rows("train", arrays["train"], shape, max_count, advice)
    if "test" in arrays:
        test, came = _as_rows("test", arrays["test"], None, max_count, advice)
        if test.shape[1] != train.shape[1]:
            raise ValueError(f"test: expected {shape} as in train, got {came}")
    else:
        is_test = _every_tenth(len(train))
        train, test = train[~is_test], train[is_test]
        if labels[0] is not None:
            check_shape("train_labels", labels[0], is_test.shape)
            labels = [labels[0][~is_test], labels[0][is_test]]
    units = 0.0, 1.0
    if train.dtype.kind == "f" == test.dtype.kind:
        max_count = None
        units = standardised or _location_and_scale(train, test)
        train, test = _standardise(train, *units), _standardise(test, *units)
    elif train.dtype == np.uint8 and max_count is None:
        max_count = 1 if max(train.max(), test.max()) <= 1 else 255
    offset, scale = units
    return Images(train, test, max_count, shape, name, *labels, offset=offset, scale=scale)


def whole_numbers(images):
    """M, if real-valued images hold nothing but whole numbers 0..M, M up to 255; or None.

    That is what counts look like that a program has stored as floats. They are looked at
    in the units that came, to 1e-4, for standardised values have been rounded.
    """
    if images.max_count is not None:
        return None
    values = images.train.astype(np.float64) * images.scale + images.offset
    whole = np.rint(values)
    M = int(min(whole.max(), 256))
    close = np.abs(values - whole).max() < 1e-4 and whole.min() >= 0
    return M if close and 1 <= M <= 255 else None


def _as_rows(name, array, shape, max_count, expressions):
    """Images as (N, D) uint8 or floats, and the shape of one."""
    if array.ndim == 4 and 1 in (array.shape[3], array.shape[1]):
        array = array.squeeze(3 if array.shape[3] == 1 else 1)  # one channel
    advice = _advice(array, expressions.get(name))
    if array.ndim not in (2, 3) or array.size == 0:
        raise ValueError(
            f"{name}: expected grey images of shape (N, rows, columns) or (N, D),"
            f" got {array.shape}{advice}"
        )
    if array.dtype.kind not in "biuf":
        raise TypeError(
            f"{name}: expected bool, whole numbers 0..255 or floats,"
            f" got dtype {array.dtype}"
        )
    if array.dtype.kind == "f":
        check_finite(name, array)
        if max_count is not None:
            broken = array != np.rint(array)
            if broken.any():
                raise ValueError(
                    f"{name}: expected whole numbers for max_count={max_count}, got"
                    f" {array[broken][0]}"
                )
            array = array.astype(np.int64)
    if array.dtype.kind in "iu" and (array.min() < 0 or array.max() > 255):
        raise ValueError(
            f"{name}: expected whole numbers 0..255, got {array.min()} to"
            f" {array.max()}{advice}"
        )
    if array.dtype.kind != "f":
        array = array.astype(np.uint8, copy=False)
    else:  # files may hold either byte order; arithmetic wants the machine's own
        array = array.astype(np.promote_types(array.dtype, np.float32), copy=False)
    return array.reshape(len(array), -1), _shape_of(array, shape)


def _advice(array, expression):
    """The line that makes an array fit, to be pasted into a shell of any system, or ""."""
    if expression is None or array.size == 0 or array.dtype.kind not in "iuf":
        return ""
    if array.ndim == 4 and {3, 4} & {array.shape[1], array.shape[3]}:  # colours
        last = array.shape[3] in (3, 4)
        expression += "[..., :3].mean(axis=-1)" if last else "[:, :3].mean(axis=1)"
        if array.dtype == np.uint8:
            expression += ".round().astype('uint8')"
    elif array.ndim in (2, 3):
        expression += f" / {array.max()}" if array.min() >= 0 else ".astype(float)"
    else:
        return ""
    return (
        "; convert it by\npython -c \"import numpy as np; np.save('converted.npy',"
        f' {expression})"'
    )


def _shape_of(array, shape):
    """(rows, columns) of the images: their own, those asked for, or a guess."""
    came = array.shape[1:]
    if shape is not None:
        shape = tuple(check_whole("shape", side, minimum=1) for side in shape)
        if came not in (shape, (math.prod(shape),)):
            raise ValueError(f"shape: expected one that fits {came}, got {shape}")
        return shape
    if len(came) == 2:
        return came
    side = math.isqrt(came[0])
    return (side, side) if side * side == came[0] else (1, came[0])


def _as_labels(labels):
    """Labels as one whole number each: names are numbered in alphabetical order."""
    if labels is None:
        return None
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.dtype.kind in "US":
        return np.unique(labels, return_inverse=True)[1]
    if labels.dtype.kind == "f" and (labels == np.rint(labels)).all():
        return labels.astype(np.int64)
    return labels


def _location_and_scale(train, test):
    """0 and 1 for values in [0, 1], else mean and standard deviation of train."""
    if min(train.min(), test.min()) >= 0 and max(train.max(), test.max()) <= 1:
        return 0.0, 1.0
    offset = float(train.mean(dtype=np.float64))
    scale = float(train.std(dtype=np.float64))
    if not math.isfinite(scale):
        raise ValueError(f"train: expected values below 1e150, got {train.max():g}")
    # Of equal values rounding leaves a spread that is none.
    return offset, (scale if scale > 1e-6 * abs(offset) else 1.0)


def _standardise(values, offset, scale):
    if (offset, scale) == (0.0, 1.0):
        return values
    return ((values.astype(np.float64) - offset) / scale).astype(values.dtype)


def _every_tenth(n):
    """Which of n images become the test part: see `load_images`."""
    if n < 2:
        raise ValueError("train: expected two images or more to set some aside, got one")
    fraction = np.arange(n) * ((np.sqrt(5) - 1) / 2) % 1.0
    is_test = np.zeros(n, dtype=bool)
    is_test[np.argsort(fraction, kind="stable")[-max(1, n // 10) :]] = True
    return is_test
