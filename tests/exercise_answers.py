"""What the tests of all graders share: right and wrong answers, graded in this process.

A wrong answer is an edit of a solution, in tutorials/exercises/solutions/wrong. A teacher
may have deleted the solutions; then there is nothing to test here.
"""

from io import BytesIO
from pathlib import Path

import pytest

from minivae.grading.child import Answers, answered, decode, encode
from minivae.grading.student import Student, Wrong
from minivae.grading.task import RIGHT, TODO, WRONG, grade_parts

EXERCISES = Path(__file__).parents[1] / "tutorials" / "exercises"
SOLUTIONS = EXERCISES / "solutions"


def local(source, filename="answers.py"):
    """As `Process.student`, without a process: messages in bytes all the same."""
    answers = Answers()

    def ask(request):
        reply = answered(answers, decode(BytesIO(encode(request)).read))
        return decode(BytesIO(reply).read)

    answers.look(source.encode(), filename)
    error = ask({"do": "load"})

    def student():
        if error is not None:
            raise Wrong(f"The file cannot be imported: {error}")
        return Student(ask)

    return student


def graded(task, source, formulas=False):
    """The parts of an answer."""
    return list(grade_parts(task, local(source, f"{task.name}.py"), formulas))


def solution(task):
    """The text of the first solution."""
    if not SOLUTIONS.exists():
        pytest.skip("solutions withheld")
    return (SOLUTIONS / f"{task.name}.py").read_text(encoding="utf-8")


def checks_of(task):
    """The three tests that every task's file has: right answers, wrong ones, none."""
    checks = check_right_answers, check_wrong_answers, check_handed_out
    return tuple(lambda check=check: check(task) for check in checks)


def check_right_answers(task):
    """Every solution has all points, however it is written."""
    solution(task)
    paths = sorted(SOLUTIONS.glob(f"{task.name}*.py"))
    assert len(paths) >= 2, "one way to write it proves little"
    for path in paths:
        parts = graded(task, path.read_text(encoding="utf-8"))
        for part in parts:
            assert part.verdict == RIGHT, f"{path.name}: {part.name}: {part.text}"
        assert [part.points for part in parts] == list(task.parts.values())


def check_wrong_answers(task):
    """Every answer on the list loses one part, or has the points it says; its hint fits."""
    source, complaints = solution(task), []
    answers = list(wrong_answers(task))
    assert len(answers) >= 6
    for title, old, new, hint, *points in answers:
        if source.count(old) != 1:
            complaints.append(f"{title}: {old!r} occurs {source.count(old)} times")
            continue
        parts = graded(task, source.replace(old, new))
        wrong = [part for part in parts if part.verdict == WRONG]
        left = sum(part.points for part in parts)
        fewer = f"{left}" == points[0] if points else len(wrong) == 1
        if not wrong or not fewer or hint not in wrong[0].text:
            told = [f"{p.name}: {p.text}" for p in wrong]
            complaints.append(
                f"{title}: expected {hint!r} in the first part that is wrong, and"
                f" {points or 'one such part'}; came with {left} points\n    "
                + ("\n    ".join(told) or "all right")
            )
    assert not complaints, "\n" + "\n".join(complaints)


def wrong_answers(task):
    """(title, old, new, hint) of each block of the task's list, and perhaps the points."""
    path = SOLUTIONS / "wrong" / f"{task.name}.txt"
    for block in path.read_text(encoding="utf-8").strip().split("\n\n"):
        lines = block.splitlines()
        assert [line[:2] for line in lines][:4] == ["= ", "- ", "+ ", "? "], block
        assert all(line.startswith("! ") for line in lines[4:]), block
        yield [line[2:] for line in lines]


def check_handed_out(task):
    """The file handed out is to do, and says the task's points, minutes and command."""
    source = (EXERCISES / f"{task.name}.py").read_text(encoding="utf-8")
    parts = graded(task, source)
    assert {part.verdict for part in parts} == {TODO}, parts
    assert f"{task.points} points" in source
    assert f"{task.minutes} minutes" in source
    assert f"pytest -k {task.name}" in source
    assert "\nimport numpy as np\n" in source
