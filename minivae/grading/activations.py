"""Exercise 2: tanh and ReLU, backwards."""

import numpy as np

from minivae.grading.compare import gradient, precision, values
from minivae.grading.task import Task

ALONE = (
    "That is the slope alone; it is still to be multiplied by dy. | dx is slope times dy"
)


def tanh_backward(student):
    """The slope from the output, also where tanh is flat."""
    rng = np.random.default_rng(2)
    x, dy = rng.standard_normal((4, 3)), rng.standard_normal((4, 3))

    def call(y, dy):
        return student.call("tanh_backward", y, dy, out={"dx": y.shape})

    y, slope = np.tanh(x), " | The slope is 1 - y² = (1 - y)(1 + y)."
    wrong = {
        f"You take tanh of y, but y is tanh(x) already.{slope}": 1 - np.tanh(y) ** 2,
        f"Your slope has y where the square of y belongs.{slope}": 1 - y,
        f"Your slope squares 1 - y; only y is squared.{slope}": (1 - y) ** 2,
        f"Your slope grows with |y|, where tanh gets flatter: look at a sign.{slope}": 1
        + y**2,
    }
    worst = gradient(
        lambda p: float((dy * np.tanh(p["x"])).sum()),
        {"x": x},
        lambda p: [call(np.tanh(p["x"]), dy)],
        mistakes={"x": {**{hint: dy * s for hint, s in wrong.items()}, ALONE: 1 - y**2}},
    )
    flat = np.array([[1.0, -1.0]])
    values("dx where tanh is flat (y = ±1)", 1 + call(flat, flat), np.ones((1, 2)))
    return f"agrees with finite differences, random dy, {precision(worst)}"


def relu_backward(student):
    """Off the kink, and for inputs of any size."""
    rng = np.random.default_rng(3)
    x, dy = rng.standard_normal((4, 5)), rng.standard_normal((4, 5))
    x += 0.2 * np.sign(x)

    def call(x, dy):
        return student.call("relu_backward", x, dy, out={"dx": x.shape})

    rule = " | dy passes where x > 0."
    mistakes = {
        f"You ask for the sign of dy. It is the sign of x that counts.{rule}": dy
        * (dy > 0),
        f"You multiply by x: that is ReLU's value; its slope is 0 or 1.{rule}": dy
        * np.maximum(x, 0),
        f"The wrong half: where is ReLU flat, where does it rise?{rule}": dy * (x < 0),
        f"dy passes everywhere; some units were off.{rule}": dy,
        ALONE: 1.0 * (x > 0),
    }
    worst = gradient(
        lambda p: float((dy * np.maximum(p["x"], 0)).sum()),
        {"x": x},
        lambda p: [call(p["x"], dy)],
        mistakes={"x": mistakes},
    )
    far = call(np.array([[1e30, -1e30]]), np.ones((1, 2)))
    values("dx at x = ±1e30", far, np.array([[1.0, 0.0]]))
    return f"agrees with finite differences, random dy, {precision(worst)}"


TASK = Task(
    "02_activations",
    "tanh and ReLU backward",
    15,
    {"tanh_backward": (3, tanh_backward), "relu_backward": (2, relu_backward)},
)
