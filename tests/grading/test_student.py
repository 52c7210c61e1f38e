"""Calls of a student's functions, and what is said of answers that cannot be right."""

import numpy as np
import pytest
from exercise_answers import local
from helpers import complains

from minivae.grading.student import Student, ToDo, Wrong

SOURCE = """
import numpy as np

def nothing(x): pass
def one(x): return x.sum(axis=1)
def two(x): return x, x
def text(x): return "three"
def number_as_text(x): return "3.0"
def complex_numbers(x): return x + 1j
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
def lost(x): return x[0]
def table(p): return {"W": p["W"], "dy": [1, 2]}
def grows(p): p["h"] = p["W"]; return p["W"]
def drawn(rng): return rng.standard_normal(3)
def unpickled(x): return np.array([open, print], dtype=object)
not_a_function = 3
"""


@pytest.fixture(scope="module")
def student():
    return local(SOURCE)()


@pytest.mark.parametrize(
    ("name", "shape", "words"),
    [
        ("missing", None, "no function `missing`"),
        ("not_a_function", None, "no function `not_a_function`"),
        ("nothing", None, "`return` missing"),
        ("text", None, "array of real numbers"),
        ("number_as_text", None, "array of real numbers"),
        ("complex_numbers", None, "array of real numbers"),
        ("unpickled", None, "array of real numbers"),
        ("clumsy", None, "NameError in line 13: name 'undefined'"),
        ("rude", None, "argument x in place"),
        ("leaving", None, "call of exit()"),
        ("keeps", (2,), "no keepdims"),
        ("turned", (2, 3), "It is transposed"),
        ("total", (2,), "the batch included"),
        ("lost", (2, 3), "summed over the first axis"),
    ],
)
def test_what_a_call_can_get_wrong_is_said(student, name, shape, words):
    x = np.arange(6.0).reshape(2, 3)
    with complains(Wrong, words):
        student.call(name, x, out={"y": shape})


def test_the_number_of_results_counts(student):
    with complains(Wrong, "returned 2 values, where a, b, c belong"):
        student.call("two", np.ones(2), out={"a": None, "b": None, "c": None})
    with complains(Wrong, "returned one, where a, b belong"):
        student.call("one", np.ones((2, 2)), out={"a": None, "b": None})
    with complains(Wrong, "where a dict of arrays belongs"):
        student.call("one", np.ones((2, 2)), out=None)


def test_what_is_right_in_another_form_is_taken(student):
    x = np.ones((1, 2))
    assert student.call("whole", x, out={"y": (1, 2)}).dtype == np.float64
    assert student.call("single", x, out={"y": (1, 2)}).dtype == np.float32
    a, b = student.call("two", x, out={"a": (1, 2), "b": (1, 2)})
    np.testing.assert_array_equal(a, b)
    with pytest.raises(ToDo):
        student.call("later", x, out={"y": None})


def test_dicts_of_arrays_come_and_go(student):
    found = student.call("table", {"W": np.eye(2)}, out=None)
    np.testing.assert_array_equal(found["W"], np.eye(2))
    np.testing.assert_array_equal(found["dy"], [1.0, 2.0])
    with complains(Wrong, "argument p in place"):
        student.call("grows", {"W": np.eye(2)}, out={"y": None})


def test_a_generator_is_handed_over_with_its_state(student):
    rng = np.random.default_rng(5)
    rng.standard_normal(7)
    came = student.call("drawn", rng, out={"y": (3,)})
    np.testing.assert_array_equal(came, rng.standard_normal(3))


def value(found):
    return {"status": "value", "value": found, "args": [], "names": []}


@pytest.mark.parametrize(
    "answer",
    [
        None,
        3,
        [],
        {"status": "right"},
        {"status": "value"},
        value(None),
        value(3.0),
        value([np.ones(2)]),
        value({"z": np.ones(2)}),
        value({"y": 3.0}),
        value({"y": np.ones(2, np.uint8)}),
        value({"y": np.ones(2), "z": np.ones(2)}),
        {"status": "raised", "text": 3},
    ],
)
def test_an_answer_of_another_form_is_wrong_and_nothing_else(answer):
    """A hostile file may write its own answers into the pipe."""
    student = Student(lambda request: answer)
    with complains(Wrong, "no grader can read"):
        student.call("f", np.ones(2), out={"y": None})
