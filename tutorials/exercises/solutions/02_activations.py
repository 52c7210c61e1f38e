"""Exercise 2, solved: each entry's slope times what comes from above."""


def tanh_backward(y, dy):
    """Return dx (B, n), where y = tanh(x) is the layer's output."""
    return dy * (1 - y**2)


def relu_backward(x, dy):
    """Return dx (B, n), where x is the layer's input."""
    return dy * (x > 0)
