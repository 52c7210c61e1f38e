"""Exercise 1, solved with loops, index by index, in float32."""

import numpy as np


def linear_backward(x, W, dy):
    """Return dx (B, n), dW (n, m), db (m,)."""
    dx = np.zeros(x.shape, np.float32)
    dW = np.zeros(W.shape, np.float32)
    db = np.zeros(W.shape[1], np.float32)
    for r in range(x.shape[0]):
        for j in range(W.shape[1]):
            db[j] += dy[r, j]
            for i in range(x.shape[1]):
                dx[r, i] += dy[r, j] * W[i, j]
                dW[i, j] += x[r, i] * dy[r, j]
    return dx, dW, db
