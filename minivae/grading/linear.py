"""Exercise 1: the linear layer, backwards."""

import numpy as np

from minivae.grading.compare import gradient, require


def linear_backward(student):
    """Finite differences with random dy: B = 5, B = 1, and B = m, which hides an axis."""
    rng = np.random.default_rng(1)
    return max(_error(student, rng, *s) for s in ((5, 4, 3), (1, 3, 6), (4, 2, 4)))


def _error(student, rng, B, n, m):
    x, W, b, dy = (rng.standard_normal(s) for s in ((B, n), (n, m), m, (B, m)))

    def call(x, W, b, shapes=(None, None, None)):
        look = "Which axis of dy counts images, which outputs? Compare the shapes."
        out = dict(zip(("dx", "dW", "db"), shapes, strict=True))
        return student.call("linear_backward", x, W, dy, out=out, look=look)

    _, dW, db = call(x, W, b)
    swapped = B == 5 and dW.shape == (m,) and db.shape == (n, m)
    require(not swapped, "Return the three gradients in the order dx, dW, db.")
    hint = "it was summed over all axes, not over the batch alone."
    came = f"db has shape {db.shape}, b has ({m},)"
    require(db.shape not in ((), (1,)), f"{came}: {hint}")
    ones = np.ones_like(dy)
    ignores = "Your gradient does not use dy: it is right only for a dy of all ones."
    first = "Your db is dy[0]: the sum over the batch is missing."
    mistakes = {
        "x": {ignores: ones @ W.T},
        "W": {ignores: x.T @ ones},
        "b": {ignores: ones.sum(axis=0), first: dy[0]},
    }
    look = {
        "x": "x[r, i] reaches row r of y, through row i of W. | dx = dy Wᵀ",
        "W": "W[i, j] reaches column j of y, in every image. | dW = xᵀ dy",
        "b": "b[j] is added to every row. | db[j] is the sum of dy[r, j] over r",
    }
    theta, sizes = {"x": x, "W": W, "b": b}, {"B": B, "n": n, "m": m}
    error = gradient(lambda x, W, b: x @ W + b, theta, dy, call, mistakes, look, sizes)
    call(x, W, b, (x.shape, W.shape, b.shape))
    return error


TITLE, MINUTES, POINTS = "linear layer backward", 20, {linear_backward: 5}
