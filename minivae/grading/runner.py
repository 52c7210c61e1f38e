"""Grade a folder: each task in a process of its own, with a time limit.

A student's file that loops for ever, prints, exits or raises ends its own process and
nothing else. This is no sandbox: the file runs with the rights of whoever grades it, and
could read, write and send what they can. Where students are not trusted, run the grader in
a container or on a machine that has nothing to lose.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple

from minivae.course import course_folder
from minivae.grading import MISSING, RIGHT, TASKS, TODO, WRONG, Part, verdict_of

SECONDS = 60  # for one task; a right answer takes one or two
KEPT = 2000  # characters of what a student's file prints
TASK_FILES = course_folder() / "exercises"


class Graded(NamedTuple):
    """One task of one student.

    verdict : "right", "wrong", "to do" or "missing"
    parts : list of Part
    printed : what the file printed, at most KEPT characters
    seconds : how long it took
    """

    task: object
    verdict: str
    parts: list
    printed: str
    seconds: float

    @property
    def points(self):
        return sum(part.points for part in self.parts)

    @property
    def text(self):
        """One line for each part: its verdict and what was verified, or the hint."""
        lines = [f"{name}: {verdict}. {text}" for name, verdict, text in said(self)]
        if self.printed and self.verdict == WRONG:
            lines += ["It printed:", *(f"  {line}" for line in self.printed.splitlines())]
        return "\n".join(lines)


def grade_folder(folder, seconds=SECONDS):
    """Grade every task of a folder, one after another; an iterator of `Graded`.

    Raises
    ------
    NotADirectoryError
        If there is no such folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise NotADirectoryError(f"FOLDER: expected the folder of exercises, got {folder}")
    return (grade(task, folder / f"{task.name}.py", seconds) for task in TASKS)


def grade(task, path, seconds=SECONDS):
    """Grade one task's file in a new process.

    Returns
    -------
    Graded
        Whatever the file does.
    """
    began = time.monotonic()
    if not path.is_file():
        parts = _all(task, MISSING, f"there is no file {path.name} in the folder")
        return Graded(task, MISSING, parts, "", 0.0)
    untouched = TASK_FILES / path.name
    if untouched.is_file() and untouched.read_bytes() == path.read_bytes():
        return Graded(task, TODO, _all(task, TODO, "not written yet"), "", 0.0)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        result = Path(scratch, "verdict.json")
        ended, printed = _run(task, path.resolve(), result, scratch, seconds)
        parts = _read(task, result)
    parts += _all(task, WRONG, _obituary(ended, seconds))[len(parts) :]
    taken = time.monotonic() - began
    return Graded(task, verdict_of(parts), parts, printed, taken)


def _all(task, verdict, text):
    return [
        Part(name, verdict, 0, points, text) for name, (points, _) in task.parts.items()
    ]


def _run(task, path, result, scratch, seconds):
    """Return (exit code, or None if time ran out; what was printed)."""
    source = str(Path(__file__).resolve().parents[2])
    paths = [source, *filter(None, [os.environ.get("PYTHONPATH")])]
    process = subprocess.Popen(
        [sys.executable, "-m", "minivae.grading", task.name, str(path), str(result)],
        cwd=scratch,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(paths),
            "OPENBLAS_NUM_THREADS": "1",
            "MPLBACKEND": "Agg",
        },
    )
    kept = bytearray()
    reader = threading.Thread(target=_drain, args=(process.stdout, kept), daemon=True)
    reader.start()
    try:
        ended = process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        ended = None
    finally:  # also on Ctrl-C: nothing is left behind
        _kill(process)
    reader.join(timeout=2)
    text = bytes(kept).decode("utf-8", errors="replace")
    text = "".join(c if c.isprintable() or c in "\n\t" else "?" for c in text)
    return ended, text[:KEPT] + (" ... (cut off)" if len(text) > KEPT else "")


def _drain(pipe, kept):
    """Read all that is printed, so that nobody waits, and keep the beginning."""
    with pipe:
        while chunk := pipe.read1(65536):
            kept += chunk[: max(0, 4 * KEPT - len(kept))]


def _kill(process):
    """End the process and whatever it has started."""
    if hasattr(os, "killpg"):
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
    else:
        process.kill()
    process.wait()


def _read(task, result):
    """The parts that the process has written before it ended, in their order."""
    try:
        parts = [Part(*fields) for fields in json.loads(result.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError):
        return []
    names = [part.name for part in parts]
    return parts if names == list(task.parts)[: len(names)] else []


def _obituary(ended, seconds):
    if ended is None:
        return (
            f"Not done after {seconds:g} seconds and stopped: does a loop never end? (A"
            " right answer takes one or two.)"
        )
    if ended < 0:
        return f"The process was killed by signal {-ended}."
    return (
        f"The process ended with exit code {ended} before there was a verdict: does the"
        " file call os._exit, or end the program in another way?"
    )


def said(graded):
    """(name, verdict, text) of each part; once only where all parts share one fate."""
    fates = {(part.verdict, part.text) for part in graded.parts}
    if len(fates) == 1 and len(graded.parts) > 1:
        return [("all parts", *fates.pop())]
    return [(part.name, part.verdict, part.text) for part in graded.parts]


def table(graded):
    """The lines of the table for `minivae grade`: tasks, points, verdicts, hints."""
    for g in graded:
        points = f"{g.points}/{g.task.points}"
        yield f"{g.task.name:20} {points:>7}  {g.verdict:8} {g.task.title}"
        if g.verdict in (TODO, MISSING) and not g.points:
            continue
        for name, verdict, text in said(g):
            yield from _wrapped(f"    {name}: {verdict}. ", text)
        if g.verdict == WRONG and g.printed:
            yield "    it printed:"
            yield from (f"      {line}" for line in g.printed.splitlines()[:5])


def _wrapped(head, text, width=88):
    line, margin = head, " " * 6
    for word in text.split():
        if len(line) + len(word) > width and line.strip():
            yield line.rstrip()
            line = margin
        line += word + " "
    yield line.rstrip()


def results(graded):
    """All verdicts in the results.json format of Gradescope, as a dict.

    A test for each task, with `score`, `max_score`, `status` and the hints as `output`;
    the sum is `score`. Verified against the format's public specification: learning
    platforms that read it need nothing else.
    """
    tests = [
        {
            "name": f"{g.task.name}: {g.task.title}",
            "number": str(number),
            "score": g.points,
            "max_score": g.task.points,
            "status": "passed" if g.verdict == RIGHT else "failed",
            "output": f"{g.verdict}\n{g.text}",
            "output_format": "text",
            "visibility": "visible",
        }
        for number, g in enumerate(graded, 1)
    ]
    score, possible = (sum(t[key] for t in tests) for key in ("score", "max_score"))
    return {
        "score": score,
        "output": f"{score} of {possible} points",
        "output_format": "text",
        "visibility": "visible",
        "execution_time": round(sum(g.seconds for g in graded), 3),
        "tests": tests,
    }
