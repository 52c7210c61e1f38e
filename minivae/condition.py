"""A condition ℓ, such as the label of a digit, beside x and beside z.

A model of p(x|z, ℓ) and q(z|x, ℓ) has a `Condition` in each of its two stacks; `loss` and
`given` hand them the labels, as columns.
"""

import numpy as np

from minivae.errors import as_float_array, check_array, check_shape, check_whole
from minivae.layers import Layer


def label_columns(labels, C, dtype):
    """The columns of a condition, shape (1, C) or (B, C), in the model's `dtype`.

    Parameters
    ----------
    labels : int or array_like
        Whole numbers 0..C-1, which become one-hot columns, or floats, the C columns
        themselves. One for all images, or one for each of B images.
    C : int
        Columns; 0 for a model without a condition, which takes no labels.

    Raises
    ------
    ValueError, TypeError
        For labels that do not fit, or if C is 0.
    """
    if not C:
        raise ValueError("labels: expected none, as this model has no condition")
    whole = np.asarray(labels)
    if whole.dtype.kind not in "iu":
        columns = np.atleast_2d(as_float_array("labels", labels, dtype, finite=True))
        check_shape("labels", columns, (None, C))
        return columns
    if whole.ndim > 1 or not whole.size or whole.min() < 0 or whole.max() >= C:
        came = whole.shape if whole.ndim > 1 or not whole.size else np.unique(whole)
        raise ValueError(
            f"labels: expected whole numbers 0..{C - 1}, one for all images or"
            f" one for each, got {came}"
        )
    return np.eye(C, dtype=dtype)[np.atleast_1d(whole)]


class Condition(Layer):
    """y = [x, ℓ]: the columns of a condition ℓ beside x, and dx = dy without them.

    Nothing in ℓ is learned, so its columns of dy are dropped. What p(x|z, ℓ) and
    q(z|x, ℓ) need of ℓ is learned by the layer that comes next: its W has C more rows.

    Parameters
    ----------
    n_in, C : int
        Widths of x and of the condition.

    Attributes
    ----------
    labels : ndarray, shape (1, C) or (B, C), or None
        The condition of all rows, or of each, set by `model.given`. With S samples x
        has S·B rows, sample by sample, and the B conditions repeat.
    next_labels : the same
        Those of the next pass alone, set by `loss(..., labels=...)`.
    """

    def __init__(self, n_in, C):
        super().__init__()
        self.n_in = check_whole("n_in", n_in, minimum=1)
        self.C = check_whole("C", C, minimum=1)
        self.n_out = self.n_in + self.C
        self.config = {"n_in": self.n_in, "C": self.C}
        self.labels = self.next_labels = None

    def forward(self, x):
        """Return [x, ℓ], shape (B, n_in + C), for x of shape (B, n_in)."""
        labels = self.labels if self.next_labels is None else self.next_labels
        self.next_labels = None
        if labels is None:
            raise ValueError(
                f"labels: expected a condition of {self.C} columns, got none: pass"
                " loss(..., labels=...), or use model.given(labels)"
            )
        check_array("x", x, (None, self.n_in))
        if len(x) % len(labels):
            wanted = f"one for all or one for each of {len(x)} rows"
            raise ValueError(f"labels: expected {wanted}, got {len(labels)}")
        repeated = np.tile(labels, (len(x) // len(labels), 1))
        y = np.concatenate([x, repeated.astype(x.dtype, copy=False)], axis=1)
        return self.keep(y, self.n_in)

    def backward(self, dy):
        """Return dx, shape (B, n_in): the columns of dy that belong to x."""
        return dy[:, : self.kept(dy)]
