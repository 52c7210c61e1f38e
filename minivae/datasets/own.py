"""Anybody's own images, from a `.npy` or `.npz` file."""

from pathlib import Path

import numpy as np

from minivae.datasets.files import read_npy, read_npz
from minivae.datasets.images import Images
from minivae.errors import check_shape


def load_images(path, max_count=None):
    """Anybody's own images, from a `.npy` or `.npz` file.

    A `.npy` file holds one array of images. A `.npz` file holds either one array of
    images under any name, with `labels` beside it if you like, or `train` and, all
    optional, `test`, `train_labels` and `test_labels`.

    Images are (N, rows, columns), or (N, D): then a D that is a square number is shown
    as a square, and any other as one row. Their values decide what they are:

    - bool: binary images, 0 and 1, `max_count` 1;
    - whole numbers 0..255 of any integer dtype: counts, kept as uint8. `max_count` is what
      you pass; if you pass nothing, 1 where no value is above 1, and 255 otherwise;
    - floating point: real values, kept as they are, `max_count` None.

    Without a test part, one image in ten becomes it (at least one). Image i is taken
    where the fractional part of i·φ, φ the golden ratio, is largest: that is the same
    choice every time, needs no generator, and spreads evenly over a file, be it sorted
    by class or repeating itself.

    Parameters
    ----------
    path : path-like
        The file; which of the two it is is seen from its first bytes.
    max_count : int, optional
        n, the largest count a pixel can hold, for whole numbers.

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
        arrays other than those above; the message names the file.
    """
    path = Path(path)
    arrays = _read_arrays(path)
    try:
        train, shape = _as_rows("train", arrays["train"])
        train_labels, test_labels = (
            arrays.get("train_labels"),
            arrays.get("test_labels"),
        )
        if "test" in arrays:
            test, test_shape = _as_rows("test", arrays["test"])
            if test_shape != shape:
                raise ValueError(f"test: expected {shape} as in train, got {test_shape}")
        else:
            is_test = _every_tenth(len(train))
            train, test = train[~is_test], train[is_test]
            if train_labels is not None:
                check_shape("train_labels", train_labels, is_test.shape)
                train_labels, test_labels = (
                    train_labels[~is_test],
                    train_labels[is_test],
                )
        if train.dtype == np.uint8 and max_count is None:
            max_count = 1 if max(train.max(), test.max()) <= 1 else 255
        return Images(train, test, max_count, shape, path.stem, train_labels, test_labels)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{path}: {error}") from error


def _read_arrays(path):
    """The file's arrays under the names train, test, train_labels and test_labels."""
    with open(path, "rb") as file:
        start = file.read(6)
    if start == b"\x93NUMPY":
        return {"train": read_npy(path)}
    if start[:2] != b"PK":
        raise ValueError(
            f"{path}: expected a .npy or .npz file, got one that begins {start!r}"
        )
    arrays = read_npz(path)
    known = {"train", "test", "train_labels", "test_labels"}
    if "train" in arrays and arrays.keys() <= known:
        if "test_labels" in arrays and "test" not in arrays:
            raise ValueError(f"{path}: it holds test_labels, but no test")
        return arrays
    images = arrays.keys() - {"labels"}
    if len(images) != 1 or images <= known - {"train"}:
        raise ValueError(
            f"{path}: expected one array of images (and labels), or train, test,"
            f" train_labels and test_labels; got {', '.join(arrays) or 'nothing'}"
        )
    named = {"train": arrays[images.pop()]}
    if "labels" in arrays:
        named["train_labels"] = arrays["labels"]
    return named


def _as_rows(name, array):
    """Images as (N, D) uint8 or floats, and the shape of one."""
    if array.ndim not in (2, 3) or array.size == 0:
        raise ValueError(
            f"{name}: expected images of shape (N, rows, columns) or (N, D),"
            f" got {array.shape}"
        )
    if array.dtype.kind not in "biuf":
        raise TypeError(
            f"{name}: expected bool, whole numbers 0..255 or floats,"
            f" got dtype {array.dtype}"
        )
    if array.dtype.kind in "iu" and (array.min() < 0 or array.max() > 255):
        raise ValueError(
            f"{name}: expected whole numbers 0..255, got {array.min()} to {array.max()}"
        )
    shape = array.shape[1:]
    if len(shape) == 1:
        side = int(np.sqrt(shape[0]))
        shape = (side, side) if side * side == shape[0] else (1, shape[0])
    # Files may hold either byte order; arithmetic wants the machine's own.
    dtype = array.dtype.newbyteorder("=") if array.dtype.kind == "f" else np.uint8
    return array.astype(dtype, copy=False).reshape(len(array), -1), shape


def _every_tenth(n):
    """Which of n images become the test part: see `load_images`."""
    if n < 2:
        raise ValueError("train: expected two images or more to set some aside, got one")
    fraction = np.arange(n) * ((np.sqrt(5) - 1) / 2) % 1.0
    is_test = np.zeros(n, dtype=bool)
    is_test[np.argsort(fraction, kind="stable")[-max(1, n // 10) :]] = True
    return is_test
