"""Parts, points and verdicts."""

import re
from pathlib import Path

from minivae.grading import TASKS, compare
from minivae.grading.student import ToDo, Wrong
from minivae.grading.task import RIGHT, TODO, WRONG, Task, clean, grade_parts


def raising(error):
    def grader(student):
        raise error

    return grader


def parts_of(formulas=False, **graders):
    for name, grader in graders.items():
        grader.__name__ = name
    task = Task("name", "title", 1, dict.fromkeys(graders.values(), 2))
    return list(grade_parts(task, lambda: None, formulas))


def test_each_part_has_all_its_points_or_none():
    found = parts_of(
        good=lambda student: "seen",
        bad=raising(Wrong("no")),
        later=raising(ToDo()),
        odd=raising(ZeroDivisionError("what")),
    )
    assert [(p.name, p.verdict, p.points) for p in found] == [
        ("good", RIGHT, 2),
        ("bad", WRONG, 0),
        ("later", TODO, 0),
        ("odd", WRONG, 0),
    ]
    assert "ZeroDivisionError" in found[3].text


def test_what_was_verified_is_said_by_the_grader_or_its_docstring():
    def exact(student):
        """Exact values.

        More of it.
        """
        return 2e-14

    def drawn(student):
        """The seed decides."""

    found = parts_of(told=lambda student: "seen", exact=exact, drawn=drawn)
    assert [p.text for p in found] == ["seen", "Exact values, to 2e-14", "The seed decides"]


def test_the_formula_is_told_on_request_only():
    (part,) = parts_of(f=raising(Wrong("Twice too much. | It is x/2.")))
    assert part.text == "Twice too much."
    (part,) = parts_of(formulas=True, f=raising(Wrong("Twice too much. | It is x/2.")))
    assert part.text == "Twice too much. It is x/2."


def test_texts_are_bounded_and_printable():
    (part,) = parts_of(f=raising(Wrong("x\udcff\x1b[31m\x00" + "y " * 10**6)))
    assert part.text.startswith("x??[31m?y y")
    assert len(part.text) < 1300
    assert clean("a\tb\nc", 10) == "a\tb\nc"


def test_a_task_can_be_dropped_since_none_imports_another():
    """What several need is in a module that is no task."""
    modules = [task.name[3:] for task in TASKS]
    for module in modules:
        text = Path(compare.__file__).with_name(f"{module}.py").read_text(encoding="utf-8")
        used = re.findall(r"^from minivae\.grading\.(\w+) import", text, re.MULTILINE)
        assert used and not set(used) & set(modules), module


def test_points_add_up_to_one_hundred_and_tasks_stand_in_order():
    assert sum(task.points for task in TASKS) == 100
    assert [task.name[:2] for task in TASKS] == [f"{i:02}" for i in range(1, 14)]
