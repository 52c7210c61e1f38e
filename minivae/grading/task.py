"""Tasks, their parts, and how a part is graded."""

from typing import NamedTuple

import numpy as np

from minivae.grading.process import clean
from minivae.grading.student import ToDo, Wrong

RIGHT, WRONG, TODO, MISSING = "right", "wrong", "to do", "missing"
HINT = 1200  # characters of a hint at most


class Task(NamedTuple):
    """One exercise: the file's name without .py, a title, minutes of work, its parts.

    parts : dict of callable to int
        Grader -> points. A grader has the name of the function to write. It takes a
        `Student` and raises `Wrong` with a hint, or returns what was verified, or only
        how exactly (or None): then its docstring's first line says what was verified.
    """

    name: str
    title: str
    minutes: int
    parts: dict

    @property
    def points(self):
        return sum(self.parts.values())


class Part(NamedTuple):
    """What became of one part: a verdict, points, what was verified or a hint."""

    name: str
    verdict: str
    points: int
    text: str


def grade_parts(task, student, formulas=False):
    """Grade the parts of a task, one after the other; an iterator of `Part`.

    Parameters
    ----------
    task : Task
    student : callable
        () -> the `Student` for the next part; it may raise Wrong.
    formulas : bool
        Whether hints end with the formula, where they know one.
    """
    for grader, possible in task.parts.items():
        verdict, points = WRONG, 0
        try:
            with np.errstate(all="ignore"):
                found = grader(student())
            verdict, points = RIGHT, possible
            text = (grader.__doc__ or "it passes").splitlines()[0].rstrip(".")
            if isinstance(found, str):
                text = found
            elif found is not None:
                text += f", to {max(found, 1e-16):.0e}"
        except Wrong as wrong:
            hint, _, formula = str(wrong).partition(" | ")
            text = f"{hint} {formula}".rstrip() if formulas else hint
        except ToDo:
            verdict, text = TODO, "not written yet"
        except Exception as error:  # one odd answer must not end the grading
            text = f"what came back can be read by no check: {error!r}"
        yield Part(grader.__name__, verdict, points, clean(text, HINT))
