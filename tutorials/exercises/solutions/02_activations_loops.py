"""Exercise 2, solved entry by entry; tanh through (1 - y) (1 + y)."""

import numpy as np


def tanh_backward(y, dy):
    """Return dx (B, n), where y = tanh(x) is the layer's output."""
    dx = np.empty(y.shape, np.float32)
    for i in np.ndindex(y.shape):
        dx[i] = dy[i] * (1 - y[i]) * (1 + y[i])
    return dx


def relu_backward(x, dy):
    """Return dx (B, n), where x is the layer's input."""
    dx = dy.copy()
    dx[x <= 0] = 0
    return dx
