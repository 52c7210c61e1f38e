"""Exercise 2: tanh and ReLU, backwards."""

import numpy as np

from minivae.grading.compare import gradient, values

ALONE = (
    "That is the slope alone; it is still to be multiplied by dy. | dx is slope times dy"
)


def tanh_backward(student):
    """Finite differences with random dy; where tanh is flat."""
    rng = np.random.default_rng(2)
    x, dy = rng.standard_normal((2, 4, 3))
    y = np.tanh(x)

    def call(x, dy=dy):
        return student.call("tanh_backward", np.tanh(x), dy, out={"dx": x.shape})

    grows = "Your slope grows with |y|, where tanh gets flatter: look at a sign."
    mistakes = {
        ALONE: 1 - y**2,
        "You take tanh of y, but y is tanh(x) already.": dy * (1 - np.tanh(y) ** 2),
        "Your slope has y where the square of y belongs.": dy * (1 - y),
        "Your slope squares 1 - y; only y is squared.": dy * (1 - y) ** 2,
        grows: dy * (1 + y**2),
    }
    look = {"x": " | The slope is 1 - y² = (1 - y)(1 + y)."}
    error = gradient(lambda x: np.tanh(x), {"x": x}, dy, call, {"x": mistakes}, look)
    flat = np.array([[1.0, -1.0]])
    values("dx where tanh is flat (y = ±1)", 1 + call(20 * flat, flat), np.ones((1, 2)))
    return error


def relu_backward(student):
    """Finite differences with random dy, off the kink; inputs of any size."""
    rng = np.random.default_rng(3)
    x, dy = rng.standard_normal((2, 4, 5))
    x += 0.2 * np.sign(x)

    def call(x, dy=dy):
        return student.call("relu_backward", x, dy, out={"dx": x.shape})

    value = "You multiply by x: that is ReLU's value; its slope is 0 or 1."
    mistakes = {
        "You ask for the sign of dy. It is the sign of x that counts.": dy * (dy > 0),
        value: dy * np.maximum(x, 0),
        "The wrong half: where is ReLU flat, where does it rise?": dy * (x < 0),
        "dy passes everywhere; some units were off.": dy,
        ALONE: 1.0 * (x > 0),
    }
    look = {"x": " | dy passes where x > 0."}
    error = gradient(lambda x: np.maximum(x, 0), {"x": x}, dy, call, {"x": mistakes}, look)
    far = call(np.array([[1e30, -1e30]]), np.ones((1, 2)))
    values("dx at x = ±1e30", far, [[1.0, 0.0]])
    return error


TITLE, MINUTES = "tanh and ReLU backward", 15
POINTS = {tanh_backward: 3, relu_backward: 2}
