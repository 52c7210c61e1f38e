"""The graders: reference solutions pass, and every wrong answer hears the right hint.

A wrong answer is an edit of a solution, in tutorials/exercises/solutions/wrong. A teacher
may have deleted the solutions; then there is nothing to test here.
"""

import ast
from pathlib import Path

import pytest

from minivae.grading import RIGHT, TASKS, TODO, WRONG, grade_parts
from minivae.grading.runner import TASK_FILES

EXERCISES = Path(__file__).parents[2] / "tutorials" / "exercises"
SOLUTIONS = EXERCISES / "solutions"

needs_solutions = pytest.mark.skipif(not SOLUTIONS.exists(), reason="solutions withheld")
by_task = pytest.mark.parametrize("task", TASKS, ids=[t.name for t in TASKS])


def wrong_answers(task):
    """(title, old, new, hint) of each block of the task's list."""
    path = SOLUTIONS / "wrong" / f"{task.name}.txt"
    for block in path.read_text(encoding="utf-8").strip().split("\n\n"):
        lines = [line[2:] for line in block.splitlines()]
        assert [line[:2] for line in block.splitlines()] == ["= ", "- ", "+ ", "? "], block
        yield lines


@needs_solutions
@by_task
def test_every_wrong_answer_fails_with_the_right_hint(task):
    source = (SOLUTIONS / f"{task.name}.py").read_text(encoding="utf-8")
    answers = list(wrong_answers(task))
    assert len(answers) >= 6
    complaints = []
    for title, old, new, hint in answers:
        if source.count(old) != 1:
            complaints.append(f"{title}: {old!r} occurs {source.count(old)} times")
            continue
        parts = list(grade_parts(task, source.replace(old, new), f"{task.name}.py"))
        wrong = [part for part in parts if part.verdict == WRONG]
        if len(wrong) != 1 or hint not in wrong[0].text:
            complaints.append(
                f"{title}: expected {hint!r} in the one part that is wrong, came\n    "
                + ("\n    ".join(f"{p.name}: {p.text}" for p in wrong) or "all right")
            )
    assert not complaints, "\n" + "\n".join(complaints)


@needs_solutions
@by_task
def test_solutions_are_right_however_they_are_written(task):
    paths = sorted(SOLUTIONS.glob(f"{task.name}*.py"))
    assert len(paths) >= 2, "one way to write it proves little"
    for path in paths:
        for part in grade_parts(task, path.read_text(encoding="utf-8"), str(path)):
            assert part.verdict == RIGHT, f"{path.name}: {part.name}: {part.text}"
            assert part.points == part.possible


@by_task
def test_the_files_handed_out_are_to_do_and_define_the_functions(task):
    source = (TASK_FILES / f"{task.name}.py").read_text(encoding="utf-8")
    parts = list(grade_parts(task, source, f"{task.name}.py"))
    assert {part.verdict for part in parts} == {TODO}, parts
    assert f"{task.points} points" in source
    assert f"{task.minutes} minutes" in source


def outline(path):
    """Docstrings and signatures: all of a task that a student leaves alone."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    signatures = {f.name: (ast.unparse(f.args), ast.get_docstring(f)) for f in functions}
    return ast.get_docstring(tree), signatures


@by_task
def test_the_folder_in_the_course_holds_the_same_tasks_as_the_package(task):
    """Even if somebody has solved them there."""
    ours, theirs = (outline(f / f"{task.name}.py") for f in (EXERCISES, TASK_FILES))
    assert ours[0] == theirs[0]
    assert ours[1].items() >= theirs[1].items()
    assert set(task.parts) <= set(theirs[1])


@by_task
def test_the_instructors_table_has_the_same_minutes_and_points(task):
    lines = (EXERCISES / "README.md").read_text(encoding="utf-8").splitlines()
    (row,) = [line for line in lines if line.startswith(f"| `{task.name}` |")]
    assert row.endswith(f"| {task.minutes} | {task.points} |"), row
    chapter = row.split("|")[3].strip()
    source = (TASK_FILES / f"{task.name}.py").read_text(encoding="utf-8")
    assert f"Next to chapter {chapter} (" in source


def test_points_add_up_to_one_hundred():
    assert sum(task.points for task in TASKS) == 100


def test_an_answer_that_nobody_understands_ends_its_own_part_only():
    source = (
        "import numpy as np\n"
        "class Odd(dict):\n"
        "    def items(self): return 3\n"
        "def loss_grad(p, x, eps, beta=1.0): return Odd(p)\n"
    )
    (part,) = grade_parts(TASKS[6], source, "07_vae_gradient.py")
    assert (part.verdict, part.points) == (WRONG, 0)
