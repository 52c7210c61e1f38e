"""Exercise 13: right answers, wrong answers, the file handed out."""

import pytest
from exercise_answers import checks_of, graded

from minivae.grading import TASKS

TASK = TASKS[12]
test_right_answers, test_wrong_answers, test_handed_out = checks_of(TASK)


SHAPED = """
import numpy as np
def train(x, rng):
    H, K = 5, 2
    shapes = dict(W1=(64, H), b1=H, Wm=(H, K), bm=K, Wv=(H, K), bv=K, W2=(K, H), b2=H)
    shapes = dict(shapes, W3=(H, 64), b3=64)
    p = {name: 0.1 * rng.standard_normal(shape) for name, shape in shapes.items()}
    {change}
    return p
"""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("pass", "kl is zero"),
        ("p['W3'] = np.nan * p['W3']", "rec + kl is nan"),
        ("p['W3'] = 1e200 * p['W3']", "nats"),
        ("del p['bv']", "bv of the shape ()"),
        ("p['bv'] = p['bv'][None]", "bv of the shape (1, 2)"),
        ("p['W2'] = p['W2'].T", "W2 of the shape (5, 2)"),
        ("p['bv'] = np.zeros(3)", "bv of the shape (3,)"),
        ("p['W1'] = p['W1'][:60]", "W1 of the shape (60, 5)"),
    ],
)
def test_parameters_that_are_none_are_named_and_nothing_else_happens(change, words):
    """All of the right shapes, the first is only not trained."""
    part = graded(TASK, SHAPED.replace("{change}", change))[0]
    assert (part.name, part.points) == ("train", 0)
    assert words in part.text and "no check" not in part.text, part.text
