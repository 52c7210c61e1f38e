"""Calls of a student's functions, and the words found for numbers that are wrong."""

import numpy as np
import pytest
from helpers import complains

from minivae.grading.compare import values, z_score
from minivae.grading.student import Student, ToDo, Wrong

SOURCE = """
import numpy as np

def nothing(x): pass
def one(x): return x.sum(axis=1)
def two(x): return x, x
def text(x): return "three"
def whole(x): return [[1, 2]]
def single(x): return x.astype(np.float32)
def clumsy(x):
    return x + undefined
def rude(x):
    x[0] = 0
    return x
def leaving(x): raise SystemExit
def later(x): raise NotImplementedError
def keeps(x): return x.sum(axis=1, keepdims=True)
def turned(x): return x.T
def total(x): return x.sum()
not_a_function = 3
"""


@pytest.fixture(scope="module")
def student():
    return Student(SOURCE, "answers.py")


@pytest.mark.parametrize(
    ("name", "shape", "words"),
    [
        ("missing", None, "no function `missing`"),
        ("not_a_function", None, "no function `not_a_function`"),
        ("nothing", None, "`return` missing"),
        ("text", None, "array of real numbers"),
        ("clumsy", None, "NameError in line 11: name 'undefined'"),
        ("rude", None, "argument x in place"),
        ("leaving", None, "call of exit()"),
        ("keeps", (2,), "no keepdims"),
        ("turned", (2, 3), "It is transposed"),
        ("total", (2,), "the batch included"),
    ],
)
def test_what_a_call_can_get_wrong_is_said(student, name, shape, words):
    x = np.arange(6.0).reshape(2, 3)
    with complains(Wrong, words):
        student.call(name, x, out={"y": shape})


def test_the_number_of_results_counts(student):
    with complains(Wrong, "should return a, b, c; it returned 2 values"):
        student.call("two", np.ones(2), out={"a": None, "b": None, "c": None})
    with complains(Wrong, "should return a, b; it returned one"):
        student.call("one", np.ones((2, 2)), out={"a": None, "b": None})


def test_what_is_right_in_another_form_is_taken(student):
    x = np.ones((1, 2))
    assert student.call("whole", x, out={"y": (1, 2)}).dtype == np.float64
    assert student.call("single", x, out={"y": (1, 2)}).dtype == np.float32
    a, b = student.call("two", x, out={"a": (1, 2), "b": (1, 2)})
    np.testing.assert_array_equal(a, b)
    with pytest.raises(ToDo):
        student.call("later", x, out={"y": None})


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("x = (", "SyntaxError in line 1"),
        ("\nraise RuntimeError('no')", "RuntimeError in line 2: no"),
        ("import sys; sys.exit(3)", "call of exit()"),
        ("import no_such_module", "ModuleNotFoundError in line 1"),
    ],
)
def test_a_file_that_cannot_be_imported_is_named_with_its_line(source, words):
    with complains(Wrong, "cannot be imported", words):
        Student(source, "answers.py")


@pytest.mark.parametrize(
    "line", ["import minivae", "from minivae.gaussian import kl", "import minivae.vae as v"]
)
def test_the_answers_are_not_to_be_imported(line):
    with complains(Wrong, "holds the answers"):
        Student(f"def kl(mu, logvar):\n    {line}\n", "answers.py")
    Student("import numpy, math\nfrom math import log\nglobal_name = 'minivae'", "a.py")


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
    assert z_score("x", draws, np.array([3.0, 3.0]), "no") < 5
    with complains(Wrong, "too high", "2.9673 ± 0.016", "expected 2.8"):
        z_score("x", draws, np.array([3.0, 2.8]), "too high")
