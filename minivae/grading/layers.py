"""Graders of exercises 1 and 2: the linear layer, tanh and ReLU."""

import numpy as np

from minivae.grading.compare import gradient, precision, values
from minivae.grading.student import Wrong

FORMULAS = "Compare the shapes with dx = dy Wᵀ, dW = xᵀ dy, db = the sum of dy's rows."


def linear_backward(student):
    """Finite differences with random dy: B = 5, B = 1, and B = m, which hides an axis."""
    rng, worst = np.random.default_rng(1), 0.0
    for B, n, m in ((5, 4, 3), (1, 3, 6), (4, 2, 4)):
        x, W, b = (rng.standard_normal(s) for s in ((B, n), (n, m), m))
        dy = rng.standard_normal((B, m))
        open_shapes = {"dx": None, "dW": None, "db": None}

        def claim(theta, dy=dy, open_shapes=open_shapes):
            found = student.call(
                "linear_backward",
                theta["x"],
                theta["W"],
                dy,
                out=open_shapes,
                look=FORMULAS,
            )
            return dict(zip(("x", "W", "b"), found, strict=True))

        _, dW, db = claim({"x": x, "W": W}).values()
        if B == 5 and dW.shape == (m,) and db.shape == (n, m):
            raise Wrong("Return the three gradients in the order dx, dW, db.")
        if db.shape == () or (m > 1 and db.shape == (1,)):
            raise Wrong(
                f"db has shape {db.shape}, b has ({m},): it was summed over all axes, where"
                " only the batch should be (axis=0)."
            )
        ones = np.ones_like(dy)
        ignores = "Your gradient does not use dy: it is right only for a dy of all ones."
        worst = max(
            worst,
            gradient(
                lambda p, dy=dy: float((dy * (p["x"] @ p["W"] + p["b"])).sum()),
                {"x": x, "W": W, "b": b},
                claim,
                mistakes={
                    "x": {ignores: ones @ W.T},
                    "W": {ignores: x.T @ ones},
                    "b": {
                        ignores: ones.sum(axis=0),
                        "Your db is dy[0]: the sum over the batch is missing.": dy[0],
                    },
                },
                sizes={"B": B, "n": n, "m": m},
                look={
                    "x": "For y = x W + b it is dx = dy Wᵀ.",
                    "W": "For y = x W + b it is dW = xᵀ dy.",
                    "b": "b[j] is added to every row, so db[j] sums dy over the batch.",
                },
            ),
        )
        found = {"x": x, "W": W, "b": b}
        student.call(
            "linear_backward", x, W, dy, out={f"d{k}": v.shape for k, v in found.items()}
        )
    return f"dx, dW, db agree with finite differences, random dy, {precision(worst)}"


def tanh_backward(student):
    """The slope from the output, also where tanh is flat."""
    rng = np.random.default_rng(2)
    x, dy = rng.standard_normal((4, 3)), rng.standard_normal((4, 3))

    def claim(theta):
        y = np.tanh(theta["x"])
        return {"x": student.call("tanh_backward", y, dy, out={"dx": y.shape})}

    y = np.tanh(x)
    worst = gradient(
        lambda p: float((dy * np.tanh(p["x"])).sum()),
        {"x": x},
        claim,
        mistakes={
            "x": {
                "You take tanh of y, but y is tanh(x) already: 1 - y².": dy
                * (1 - np.tanh(y) ** 2),
                "The slope is 1 - y², with the square of y.": dy * (1 - y),
                "The slope is 1 - y² = (1 - y)(1 + y), not (1 - y)².": dy * (1 - y) ** 2,
                "The slope is 1 - y², not 1 + y².": dy * (1 + y**2),
                "That is the slope alone; dx is the slope times dy.": 1 - y**2,
            }
        },
    )
    flat = np.array([[1.0, -1.0]])
    came = student.call("tanh_backward", flat, flat, out={"dx": (1, 2)})
    values("dx where tanh is flat (y = ±1)", 1 + came, np.ones((1, 2)))
    return f"agrees with finite differences, random dy, {precision(worst)}"


def relu_backward(student):
    """Off the kink, and for inputs of any size."""
    rng = np.random.default_rng(3)
    x, dy = rng.standard_normal((4, 5)), rng.standard_normal((4, 5))
    x += 0.2 * np.sign(x)

    def claim(theta):
        return {"x": student.call("relu_backward", theta["x"], dy, out={"dx": x.shape})}

    worst = gradient(
        lambda p: float((dy * np.maximum(p["x"], 0)).sum()),
        {"x": x},
        claim,
        mistakes={
            "x": {
                "You ask for the sign of dy. What counts is the sign of x: where the unit"
                " was on, dy passes, whatever its sign.": dy * (dy > 0),
                "You multiply by x. The slope of ReLU is 1 where x > 0, not x.": dy
                * np.maximum(x, 0),
                "The wrong half: dy passes where x > 0.": dy * (x < 0),
                "That is the slope alone; dx is the slope times dy.": 1.0 * (x > 0),
                "dy passes everywhere; where x < 0 the unit was off and passes none.": dy,
            }
        },
    )
    far = np.array([[1e30, -1e30]])
    came = student.call("relu_backward", far, np.ones((1, 2)), out={"dx": (1, 2)})
    values("dx at x = ±1e30", came, np.array([[1.0, 0.0]]))
    return f"agrees with finite differences, random dy, {precision(worst)}"
