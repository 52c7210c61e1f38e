"""Grade the exercises in this folder: `pytest`, or `pytest -k 05_kl` for one of them.

Each is run in a process of its own. What is not written yet is "to do" and counts as
skipped; what is wrong fails with a hint; what is right says what was verified.
"""

from pathlib import Path

import pytest

from minivae.grading import TASKS
from minivae.grading.runner import grade, report
from minivae.grading.task import TODO, WRONG

HERE = Path(__file__).resolve().parent
NAMES = [task.name for task in TASKS]


@pytest.mark.parametrize("task", TASKS, ids=NAMES)
def test_exercise(task, capsys):
    graded = grade(task, HERE / f"{task.name}.py")
    text = report(graded)
    if graded.verdict == WRONG:
        pytest.fail(text, pytrace=False)
    with capsys.disabled():
        print(f"\n{text}")
    if graded.verdict == TODO:
        pytest.skip("to do")
    assert graded.points == task.points, text
