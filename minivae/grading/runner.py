"""Grade a folder: each task in a process of its own, the verdicts made here."""

import os
import stat
import time
from pathlib import Path
from textwrap import wrap
from typing import NamedTuple

from minivae.course import course_folder
from minivae.grading import TASKS
from minivae.grading.process import Process, clean
from minivae.grading.task import MISSING, RIGHT, TODO, WRONG, Part, grade_parts

SECONDS = 60  # for one task; a right answer takes one or two
LARGEST = 1 << 20  # bytes of a file
TASK_FILES = course_folder() / "exercises"


class Graded(NamedTuple):
    """One task of one student.

    parts : list of Part
    printed : what the file printed, cut off where it is long
    seconds : how long it took
    marks : (line, word) of what a teacher should look at
    """

    task: object
    parts: list
    printed: str = ""
    seconds: float = 0.0
    marks: tuple = ()

    @property
    def verdict(self):
        """wrong if any part is, right if all are, missing if the file is, else to do."""
        verdicts = [part.verdict for part in self.parts]
        return next(v for v in (WRONG, MISSING, TODO, RIGHT) if v in verdicts)

    @property
    def points(self):
        return sum(part.points for part in self.parts)


def grade_folder(folder, seconds=SECONDS, formulas=False):
    """Grade every task of a folder, one after another; an iterator of `Graded`.

    Raises
    ------
    NotADirectoryError
        If there is no such folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise NotADirectoryError(f"FOLDER: expected the folder of exercises, got {folder}")
    return (grade(task, folder / f"{task.name}.py", seconds, formulas) for task in TASKS)


def grade(task, path, seconds=SECONDS, formulas=False):
    """Grade one task's file in a new process; each part may take its share of the time.

    Returns
    -------
    Graded
        Whatever the file is, and whatever it does.
    """
    began = time.monotonic()
    try:
        source = read(path)
    except FileNotFoundError:
        return _alike(task, MISSING, f"there is no file {path.name} in the folder")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        return _alike(task, WRONG, clean(f"{path.name} cannot be graded: {why}.", 500))
    untouched = TASK_FILES / path.name
    if untouched.is_file() and untouched.read_bytes() == source:
        return _alike(task, TODO, "not written yet")
    with Process(source, path.name, seconds / len(task.parts)) as process:
        parts = list(grade_parts(task, process.student, formulas))
    taken = time.monotonic() - began
    return Graded(task, parts, process.printed, taken, process.marks)


def _alike(task, verdict, text):
    return Graded(task, [Part(grader.__name__, verdict, 0, text) for grader in task.parts])


def read(path):
    """The bytes of a regular file of at most LARGEST bytes.

    Raises
    ------
    OSError
        If it cannot be read; FileNotFoundError if there is none.
    ValueError
        If it is a folder, pipe or device, or too large.
    """
    regular = "expected a regular file, got a folder, a pipe or a device"
    if not stat.S_ISREG(os.stat(path).st_mode):  # opening a device can do things
        raise ValueError(regular)
    flags = sum(getattr(os, name, 0) for name in ("O_RDONLY", "O_NONBLOCK", "O_BINARY"))
    with open(os.open(path, flags), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ValueError(regular)
        source = file.read(LARGEST + 1)
    if len(source) > LARGEST:
        raise ValueError(f"expected at most {LARGEST} bytes, got more")
    return source


def said(graded):
    """(name, verdict, text) of each part; once only where all parts share one fate."""
    fates = {(part.verdict, part.text) for part in graded.parts}
    if len(fates) == 1 and len(graded.parts) > 1:
        return [("all parts", *fates.pop())]
    return [(part.name, part.verdict, part.text) for part in graded.parts]


def marked(graded):
    """Such as "line 3 has modules", or "" if there is nothing to look at."""
    return ", ".join(f"line {line} has {word}" for line, word in graded.marks)


def report(graded):
    """What `minivae grade` prints of one task: points, verdicts, hints."""
    points = f"{graded.points}/{graded.task.points}"
    lines = [f"{graded.task.name:20} {points:>7}  {graded.verdict:8} {graded.task.title}"]
    if graded.marks:
        lines.append(f"    LOOK AT THIS ONE: {marked(graded)}")
    if graded.points or graded.verdict not in (TODO, MISSING):
        lines += [f"    {name}: {verdict}. {text}" for name, verdict, text in said(graded)]
    how = {"subsequent_indent": " " * 6, "break_on_hyphens": False}
    lines = [part for line in lines for part in wrap(line, 88, **how)]
    if graded.verdict == WRONG and graded.printed:
        printed = graded.printed.splitlines()[:5]
        lines += ["    it printed:", *(f"      {line}" for line in printed)]
    return "\n".join(lines)


def results(graded):
    """All verdicts in the results.json format of Gradescope, as a dict.

    A test for each task, with `score`, `max_score`, `status` and the hints as `output`;
    the sum is `score`. Tasks that are not graded yet say so. What a teacher should look
    at is a test without points that students do not see.
    """
    tests = []
    for number, task in enumerate(TASKS, 1):
        score, status, lines = 0, "failed", ["not graded"]
        for g in graded[number - 1 : number]:
            score, status = g.points, "passed" if g.verdict == RIGHT else "failed"
            lines = [g.verdict, *(f"{n}: {v}. {t}" for n, v, t in said(g))]
            if g.printed and g.verdict == WRONG:
                lines += ["It printed:", *(f"  {line}" for line in g.printed.splitlines())]
        of_task = {"name": f"{task.name}: {task.title}", "number": str(number)}
        of_task |= {"score": score, "max_score": task.points, "status": status}
        tests.append(of_task | _output(lines))
    score, possible = (sum(t[key] for t in tests) for key in ("score", "max_score"))
    marks = [f"{g.task.name}: {marked(g)}" for g in graded if g.marks]
    if marks:
        look = {"name": "look at this one", "score": 0, "max_score": 0}
        tests.append(look | _output(marks, "hidden"))
    seconds = round(sum(g.seconds for g in graded), 3)
    whole = {"score": score, "execution_time": seconds, "tests": tests}
    return whole | _output([f"{score} of {possible} points"])


def _output(lines, visibility="visible"):
    return {"output": "\n".join(lines), "output_format": "text", "visibility": visibility}
