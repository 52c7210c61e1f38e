"""The words found for numbers that are wrong."""

import numpy as np
import pytest
from helpers import complains

from minivae.grading import compare
from minivae.grading.compare import gradient, values, z_score
from minivae.grading.student import Wrong

RIGHT = np.array([1.0, -2.0, 0.5])


@pytest.mark.parametrize(
    ("came", "words"),
    [
        (2 * RIGHT, "is 2 times what it should be"),
        (RIGHT / 7, "= 1/D times"),
        (-RIGHT, "wrong sign"),
        (RIGHT + 0.25, "by a constant, 0.25"),
        (np.array([1.0, np.nan, 0.5]), "nan at index [1], where -2 is right"),
        (np.array([1.0, -2.0, 0.7]), "0.7 at index [2], where 0.5 is right. Look there."),
        (RIGHT**2, "You squared it."),
    ],
)
def test_wrong_numbers_get_the_most_telling_words(came, words):
    with complains(Wrong, words):
        mistakes = {"It is the root.": abs(RIGHT) ** 0.5, "You squared it.": RIGHT**2}
        values("x", came, RIGHT, mistakes, {"D": 7}, look="Look there.")


def test_single_precision_is_right_and_the_precision_is_reported():
    assert values("x", RIGHT.astype(np.float32) * np.float32(1 + 1e-6), RIGHT) < 1e-5
    assert values("x", RIGHT, RIGHT) == 0


def test_z_score_knows_a_deviation_from_noise(rng):
    draws = 3 + rng.standard_normal((4000, 2))
    z_score("x", draws, np.array([3.0, 3.0]), "no")
    with complains(Wrong, "too high", "x is off by 1"):
        z_score("x", draws, np.array([3.0, 2.8]), "too high")
    with complains(Wrong, "too high"):
        z_score("x", np.nan * draws, np.array([3.0, 3.0]), "too high")


def square(claim, look=None):
    """Check a claimed gradient of the sum of squares of two arrays."""
    theta, mistakes = {"a": RIGHT, "b": RIGHT[:2]}, {"a": {"You cubed it.": 3 * RIGHT**2}}

    def squares(a, b):
        return np.concatenate([a, b]) ** 2

    return gradient(squares, theta, np.ones(5), claim, mistakes, look)


def test_a_right_gradient_passes_with_its_error():
    assert square(lambda a, b: [2 * a, 2 * b]) < 1e-8


def test_the_upstream_gradient_weighs_the_numbers_of_a_single_array():
    def check(claim):
        return gradient(lambda x: x**2, {"x": RIGHT}, np.arange(3.0), claim)

    assert check(lambda x: 2 * x * np.arange(3.0)) < 1e-8
    with complains(Wrong, "Already x", "is wrong"):
        check(lambda x: 2 * x)


def test_a_listed_mistake_is_named_and_places_come_before_formulas():
    with complains(Wrong, "You cubed it."):
        square(lambda a, b: [3 * a**2, 2 * b])
    with pytest.raises(Wrong) as caught:
        look = {"a": "Look at a. | 2a", "b": "Look at b. | 2b"}
        square(lambda a, b: [2 * a + 1, 2 * b + 1], look)
    hint, _, formula = str(caught.value).partition(" | ")
    assert hint.endswith("Look at a. Look at b.") and formula == "2a 2b"


def test_what_no_check_can_decide_is_not_right(monkeypatch):
    class Undecided:
        verdict, worst, blocks, hints = "undecided", 0.0, {}, ()

    monkeypatch.setattr(compare, "check_gradient", lambda *a, **k: Undecided)
    with complains(Wrong, "No check can tell"):
        square(lambda a, b: [2 * a, 2 * b])


def test_nan_is_never_right():
    with complains(Wrong, ""):
        square(lambda a, b: [np.nan * a, 2 * b])
