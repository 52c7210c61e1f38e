"""Exercise 1. The linear layer, backwards.

Next to chapter 6 (backpropagation). About 20 minutes. 5 points.

The layer is y = x W + b, or with indices

    y[r, j] = sum_i x[r, i] W[i, j] + b[j].

Somebody computed a loss L from y and hands you dy = dL/dy, of the shape
of y. Hand back dL/dx, dL/dW and dL/db, each of the shape of the array
it belongs to. The mean over the batch is in dy already: nothing here
divides by B.

Shapes: x (B, n), W (n, m), b (m,), dy (B, m). B, n and m are all
different, and B may be 1.

In all exercises: plain NumPy, loops are fine, float32 or float64 as you
like. Return new arrays and leave the arguments as they came. Check with

    pytest -k 01_linear

and where its hint is not enough, ask `minivae grade . --formulas`.
"""

import numpy as np


def linear_backward(x, W, dy):
    """Return dx (B, n), dW (n, m), db (m,)."""
    raise NotImplementedError
