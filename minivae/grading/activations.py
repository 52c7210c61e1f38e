"""Exercise 2: tanh and ReLU, backwards."""

import numpy as np

from minivae.grading.compare import gradient, values
from minivae.grading.task import Task

ALONE = (
    "That is the slope alone; it is still to be multiplied by dy. | dx is slope times dy"
)


def tanh_backward(student):
    """Finite differences with random dy; where tanh is flat."""
    rng = np.random.default_rng(2)
    x, dy = rng.standard_normal((4, 3)), rng.standard_normal((4, 3))

    def call(y, dy):
        return student.call("tanh_backward", y, dy, out={"dx": y.shape})

    y = np.tanh(x)
    grows = "Your slope grows with |y|, where tanh gets flatter: look at a sign."
    wrong = {
        "You take tanh of y, but y is tanh(x) already.": 1 - np.tanh(y) ** 2,
        "Your slope has y where the square of y belongs.": 1 - y,
        "Your slope squares 1 - y; only y is squared.": (1 - y) ** 2,
        grows: 1 + y**2,
    }
    error = gradient(
        lambda p: float((dy * np.tanh(p["x"])).sum()),
        {"x": x},
        lambda p: [call(np.tanh(p["x"]), dy)],
        mistakes={"x": {ALONE: 1 - y**2, **{hint: dy * s for hint, s in wrong.items()}}},
        look={"x": " | The slope is 1 - y² = (1 - y)(1 + y)."},
    )
    flat = np.array([[1.0, -1.0]])
    values("dx where tanh is flat (y = ±1)", 1 + call(flat, flat), np.ones((1, 2)))
    return error


def relu_backward(student):
    """Finite differences with random dy, off the kink; inputs of any size."""
    rng = np.random.default_rng(3)
    x, dy = rng.standard_normal((4, 5)), rng.standard_normal((4, 5))
    x += 0.2 * np.sign(x)

    def call(x, dy):
        return student.call("relu_backward", x, dy, out={"dx": x.shape})

    value = "You multiply by x: that is ReLU's value; its slope is 0 or 1."
    wrong = {
        "You ask for the sign of dy. It is the sign of x that counts.": dy * (dy > 0),
        value: dy * np.maximum(x, 0),
        "The wrong half: where is ReLU flat, where does it rise?": dy * (x < 0),
        "dy passes everywhere; some units were off.": dy,
        ALONE: 1.0 * (x > 0),
    }
    error = gradient(
        lambda p: float((dy * np.maximum(p["x"], 0)).sum()),
        {"x": x},
        lambda p: [call(p["x"], dy)],
        mistakes={"x": wrong},
        look={"x": " | dy passes where x > 0."},
    )
    far = call(np.array([[1e30, -1e30]]), np.ones((1, 2)))
    values("dx at x = ±1e30", far, [[1.0, 0.0]])
    return error


GRADERS = {tanh_backward: 3, relu_backward: 2}
TASK = Task("02_activations", "tanh and ReLU backward", 15, GRADERS)
