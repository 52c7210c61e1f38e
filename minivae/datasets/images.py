"""What every data set becomes: an `Images` object, and mini-batches made of it.

Pixels stay as they were stored (60,000 MNIST images are 47 MB of bytes and would be 188
MB of float32). Only the mini-batch at hand is turned into floats, by `prepare`.
"""

import math
from dataclasses import dataclass

import numpy as np

from minivae import errors

BINARIZE = ("none", "threshold", "stochastic")


@dataclass(frozen=True, eq=False, repr=False)
class Images:
    """Training and test images, one row of D pixels each.

    Attributes
    ----------
    train : ndarray, shape (N, D)
        uint8 counts from 0 to `max_count`, or floating-point values (see `max_count`).
    test : ndarray, shape (M, D)
        The same for the images kept away from training.
    max_count : int or None
        n, the largest count a pixel can hold: 16 for the shipped digits, 255 for MNIST,
        1 for binary images. None says that the pixels are real numbers; they are kept
        as they are, in their own floating-point precision and range.
    shape : tuple of int
        (rows, columns) of one image, with rows · columns = D.
    name : str
        What to call the data in titles and messages.
    train_labels, test_labels : ndarray of integers, shape (N,) and (M,), or None
        The class of each image: for pictures, and for models under a condition.
    train_factors, test_factors : ndarray of floats, shape (N, F) and (M, F), or None
        What each image was drawn from, where that is known.
    offset, scale : float
        Real values are kept as (x - offset) / scale of the x that came; 0 and 1 if they
        are kept as they came, and always for counts.

    Raises
    ------
    TypeError, ValueError
        At construction, where a field does not fit the description above or does not
        fit the other fields; the message names the field.
    """

    train: np.ndarray
    test: np.ndarray
    max_count: int | None
    shape: tuple
    name: str
    train_labels: np.ndarray | None = None
    test_labels: np.ndarray | None = None
    train_factors: np.ndarray | None = None
    test_factors: np.ndarray | None = None
    offset: float = 0.0
    scale: float = 1.0

    @property
    def scale_nats(self):
        """D log(scale): what is to be added to -log p of the pixels as kept here.

        Then it is that of the values as they came, as p(x) = p((x - offset) / scale) /
        scale^D, and compares with all others of the same data.
        """
        return self.train.shape[1] * math.log(self.scale)

    def __post_init__(self):
        if not isinstance(self.name, str) or not self.name:
            raise TypeError(f"name: expected a non-empty string, got {self.name!r}")
        if not isinstance(self.shape, tuple) or len(self.shape) != 2:
            raise ValueError(f"shape: expected (rows, columns), got {self.shape!r}")
        rows, columns = (errors.check_whole("shape", side, 1) for side in self.shape)
        if self.max_count is not None and (self.offset, self.scale) != (0, 1):
            raise ValueError("offset, scale: expected 0 and 1 with counts")
        errors.check_number("offset", self.offset)
        errors.check_number("scale", self.scale, minimum=0, exclusive=True)
        for part in ("train", "test"):
            pixels = getattr(self, part)
            _check_pixels(part, pixels, self.max_count, rows * columns)
            if self.max_count is None:
                errors.check_finite(part, pixels)
            for kind, check in (("labels", _check_labels), ("factors", _check_factors)):
                known = getattr(self, f"{part}_{kind}")
                if known is not None:
                    check(f"{part}_{kind}", known, len(pixels))

    def __repr__(self):
        real = self.max_count is None
        values = f"{self.train.dtype} values" if real else f"0..{self.max_count}"
        return (
            f"<Images {self.name!r}: {len(self.train)} train, {len(self.test)} test,"
            f" {self.shape[0]}x{self.shape[1]} pixels of {values}>"
        )


def _check_pixels(name, pixels, max_count, D=None):
    """Refuse what are not images of D pixels: counts 0..max_count, or real values."""
    if max_count is not None and errors.check_whole("max_count", max_count, 1) > 255:
        raise ValueError(f"max_count: expected 1 to 255 (or None), got {max_count}")
    kind, wanted = np.uint8, f"uint8 counts, as max_count={max_count}"
    if max_count is None:
        kind, wanted = np.floating, "floating-point values, as max_count is None"
    if not isinstance(pixels, np.ndarray) or not np.issubdtype(pixels.dtype, kind):
        came = getattr(pixels, "dtype", type(pixels).__name__)
        raise TypeError(f"{name}: expected an array of {wanted}, got {came}")
    errors.check_shape(name, pixels, (None, D))
    if pixels.size == 0:
        raise ValueError(
            f"{name}: expected at least one image, got an empty array {pixels.shape}"
        )
    if max_count is not None and (largest := int(pixels.max())) > max_count:
        raise ValueError(
            f"{name}: expected counts 0..{max_count} (max_count={max_count}), got {largest}"
        )


def _check_labels(name, labels, N):
    if not isinstance(labels, np.ndarray) or labels.dtype.kind not in "iu":
        kind = getattr(labels, "dtype", type(labels).__name__)
        raise TypeError(f"{name}: expected an array of integers, got {kind}")
    errors.check_shape(name, labels, (N,))


def _check_factors(name, factors, N):
    errors.check_instance(name, factors, np.ndarray)
    errors.as_float_array(name, factors, np.float64, (N, None), finite=True)


def prepare(batch, max_count, dtype=np.float32, binarize="none", scaled=False, rng=None):
    """Turn a mini-batch of stored pixels into floats a model can take.

    With c a stored count and n = `max_count`, each pixel becomes

    ========================  =================================================
    binarize="none"           c, a count 0..n, as Binomial(n) expects it
    the same, scaled=True     c / n in [0, 1], for Gaussian, Laplace, grey values
    binarize="threshold"      1 where c > n / 2, else 0 (exactly one half gives 0)
    binarize="stochastic"     1 with probability c / n, else 0, drawn at every call
    ========================  =================================================

    The stochastic draw compares c with a whole number u uniform on 0, ..., n - 1:
    P(u < c) = c / n, exactly. Called on each mini-batch it gives every epoch its own
    binary images, as in Burda, Grosse and Salakhutdinov (2016, arXiv 1509.00519). Binary
    pixels are the business of Binomial(1), the Bernoulli likelihood.

    Parameters
    ----------
    batch : ndarray, shape (B, D)
        uint8 counts, or floating-point values where `max_count` is None.
    max_count : int or None
        The `max_count` of the `Images` that the batch was taken from. With None the pixels
        are real numbers already: "none" passes them on in the model's precision, and
        the two ways to binarize read x in [0, 1] as c / n.
    dtype : numpy dtype
        The precision of the model, float32 or float64.
    binarize : {"none", "threshold", "stochastic"}
    scaled : bool
        Whether counts are divided by n; binary pixels are 0 and 1 either way.
    rng : numpy.random.Generator, optional
        Needed by "stochastic", and untouched otherwise.

    Returns
    -------
    x : ndarray of `dtype`, shape (B, D)
        Always a new array.

    Raises
    ------
    TypeError
        If the dtype of `batch` does not go with `max_count`, if `dtype` is not a floating
        one, or if "stochastic" gets no generator.
    ValueError
        If `binarize` is unknown, the batch is empty or not (B, D), a count lies
        above n, or real values are to be binarized and leave [0, 1].

    Examples
    --------
    >>> import numpy as np
    >>> from minivae.datasets import prepare
    >>> counts = np.array([[0, 4, 16]], dtype=np.uint8)
    >>> prepare(counts, 16, scaled=True)
    array([[0.  , 0.25, 1.  ]], dtype=float32)
    """
    errors.check_choice("binarize", binarize, BINARIZE)
    if not np.issubdtype(dtype, np.floating):
        raise TypeError(f"dtype: expected a floating-point dtype, got {dtype!r}")
    if binarize == "stochastic":
        errors.check_generator("rng", rng)
    _check_pixels("batch", batch, max_count)
    real = max_count is None
    if binarize == "none":
        divide = scaled and not real
        return np.divide(batch, max_count, dtype=dtype) if divide else batch.astype(dtype)
    if real and not (batch.min() >= 0 and batch.max() <= 1):  # a NaN fails it too
        raise ValueError(
            f"batch: expected values in [0, 1] to binarize, got {batch.min():g} to"
            f" {batch.max():g}"
        )
    if binarize == "threshold":  # c whole: c > n/2 is c > floor(n/2)
        return (batch > (0.5 if real else max_count // 2)).astype(dtype)
    shape = batch.shape
    u = rng.random(shape) if real else rng.integers(max_count, size=shape, dtype=np.uint8)
    return (u < batch).astype(dtype)
