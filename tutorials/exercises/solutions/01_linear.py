"""Exercise 1, solved: shapes and sums as in chapter 6."""


def linear_backward(x, W, dy):
    """Return dx (B, n), dW (n, m), db (m,)."""
    dx = dy @ W.T
    dW = x.T @ dy
    db = dy.sum(axis=0)
    return dx, dW, db
