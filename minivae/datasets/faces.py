"""Grey faces, drawn by NumPy from six numbers each: images whose truth is known.

A face is a function of its factors, so the face between two faces exists and can be
drawn: `draw_faces` of the mean of their factors. Nobody sat for them.
"""

import numpy as np

from minivae.datasets.images import Images
from minivae.errors import as_float_array, check_whole

FACTORS = ("turn", "smile", "eyes", "brows", "width", "tone")
NOISE = 0.05  # standard deviation of the noise on every pixel
BATCH = 500  # faces drawn at once: their arrays stay in the processor's cache


def load_faces(train=10_000, test=1_000, size=32, seed=0):
    """Faces with factors drawn uniformly from [-1, 1], and a little Gaussian noise.

        x = draw_faces(f) + 0.05 ε,      f ~ U(-1, 1)⁶,      ε ~ N(0, I)

    The noise is not clipped to [0, 1]: every pixel then has a density, a Gaussian of
    variance 0.0025 around the drawing, and no likelihood's c can fall below it and be
    right.

    Parameters
    ----------
    train, test : int
        The number of faces in each part.
    size : int
        Rows and columns of a face, at least 8.
    seed : int
        The same seed gives the same faces.

    Returns
    -------
    Images
        float32 values, `max_count` None, with `train_factors` and `test_factors`, shape
        (N, 6), in the order of `FACTORS`.
    """
    check_whole("train", train, minimum=1)
    check_whole("test", test, minimum=1)
    rng = np.random.default_rng(check_whole("seed", seed, minimum=0))
    factors = rng.uniform(-1, 1, (train + test, len(FACTORS)))
    x = draw_faces(factors, size)
    x += NOISE * rng.standard_normal(x.shape, dtype=np.float32)
    known = {"train_factors": factors[:train], "test_factors": factors[train:]}
    return Images(x[:train], x[train:], None, (size, size), "faces", **known)


def draw_faces(factors, size=32):
    """The faces without noise, float32 in [0, 1], shape (N, size²).

    Parameters
    ----------
    factors : ndarray, shape (N, 6)
        turn (to the right of the picture), smile (the mouth's corners up), eyes (open),
        brows (raised), width (of the head) and tone (light skin), each from -1 to 1.
    size : int
        Rows and columns of a face, at least 8.

    Raises
    ------
    TypeError, ValueError
        If `factors` are not floats of that shape in [-1, 1], or `size` is too small.
    """
    factors = as_float_array("factors", factors, np.float32, (None, len(FACTORS)))
    check_whole("size", size, minimum=8)
    if not (np.abs(factors) <= 1).all():  # a NaN fails it too
        raise ValueError(
            f"factors: expected values in [-1, 1], got {factors.min():g} to"
            f" {factors.max():g}"
        )
    batches = np.split(factors, range(BATCH, len(factors), BATCH))
    faces = np.concatenate([_draw(batch, size) for batch in batches])
    return faces.reshape(-1, size * size)


def _draw(factors, size):
    """Faces of shape (N, size, size): x runs to the right and y upwards, from -1 to 1."""
    turn, smile, eyes, brows, width, tone = factors.T[:, :, None, None]
    centres = ((np.arange(size) + 0.5) * 2 / size - 1).astype(np.float32)
    x, y = centres[None, None, :], -centres[None, :, None]
    image = np.zeros((len(factors), size, size), np.float32)

    def ellipse(x0, y0, a, b):
        """Negative inside, and near the edge about the distance from it."""
        return (np.hypot((x - x0) / a, (y - y0) / b) - 1) * np.minimum(a, b)

    half = 0.66 + 0.14 * width
    head = ellipse(0, 0, half, 0.92)

    def paint(grey, shape):
        """Cover the part of `shape` that is inside the head; edges are a pixel wide."""
        level = np.clip(2 * size * np.maximum(shape, head), -30, 30)
        image[...] += (grey - image) / (1 + np.exp(level))

    skin, dark = 0.6 + 0.25 * tone, 0.08
    paint(skin, head)
    middle = 0.3 * turn  # between the eyes; the eye on the far side comes closer to it
    for side in (-1, 1):
        x0 = middle + half * (0.42 * side - 0.12 * turn)
        paint(0.95, ellipse(x0, 0.2, 0.15, 0.095 + 0.065 * eyes))
        paint(dark, ellipse(x0 + 0.05 * turn, 0.2, 0.065, 0.055 + 0.025 * eyes))
        brow = 0.48 + 0.12 * brows - 1.5 * (x - x0) ** 2  # bent: y0 depends on x
        paint(dark, ellipse(x0, brow, 0.17, 0.06))
    paint(0.7 * skin, ellipse(middle + 0.12 * turn, -0.1, 0.07, 0.16))
    mouth = -0.5 + smile * (2 * (x - middle) ** 2 - 0.14)
    paint(dark, ellipse(middle, mouth, 0.4 * half, 0.07))
    return image
