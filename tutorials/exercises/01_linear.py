"""Exercise 1. The linear layer, backwards.

Next to chapter 6 (backpropagation). About 20 minutes. 5 points.

The layer is y = x W + b, or with indices

    y[r, j] = sum_i x[r, i] W[i, j] + b[j].

A loss L was computed from y, and you get dy = dL/dy, of the shape of y.
Return dL/dx, dL/dW and dL/db, each of the shape of its array. If L is a
mean over the batch, the factor 1/B is in dy already: do not divide by B.

Shapes: x (B, n), W (n, m), b (m,), dy (B, m). B, n and m are all
different, and B may be 1.

In all exercises: use plain NumPy, with loops if you like, in float32 or
float64. Return new arrays and do not change the arguments. Check with

    pytest -k 01_linear

and if its hint is not enough, run `minivae grade . --formulas`.
"""

import numpy as np


def linear_backward(x, W, dy):
    """Return dx (B, n), dW (n, m), db (m,)."""
    raise NotImplementedError
