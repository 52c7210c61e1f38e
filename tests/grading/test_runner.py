"""Grading a folder: whatever a student's file is, the others are graded and it is said."""

import os
import threading
import time

import pytest

from minivae.grading import TASKS, runner
from minivae.grading.runner import (
    LARGEST,
    TASK_FILES,
    Graded,
    grade,
    grade_folder,
    report,
    results,
)
from minivae.grading.task import MISSING, RIGHT, TODO, WRONG, Part

LINEAR, ACTIVATIONS = TASKS[:2]
SOLVED = """
def linear_backward(x, W, dy):
    return dy @ W.T, x.T @ dy, dy.sum(axis=0)
"""
DARK = "def tanh_backward(y, dy): return dy * (1 - y**2)\n"


def graded(tmp_path, source, task=LINEAR, seconds=60):
    path = tmp_path / f"{task.name}.py"
    path.write_text(source, encoding="utf-8")
    return grade(task, path, seconds)


@pytest.mark.parametrize(
    ("parts", "whole"),
    [
        ((RIGHT, RIGHT), RIGHT),
        ((RIGHT, TODO), TODO),
        ((TODO, WRONG, RIGHT), WRONG),
        ((MISSING, MISSING), MISSING),
    ],
)
def test_one_wrong_part_makes_a_task_wrong_and_only_right_ones_make_it_right(parts, whole):
    graded = Graded(LINEAR, [Part("f", verdict, 0, "") for verdict in parts])
    assert graded.verdict == whole


def test_a_right_answer_has_all_points_and_leaves_its_folder_as_it_was(tmp_path):
    one = graded(tmp_path, SOLVED)
    assert (one.verdict, one.points) == (RIGHT, 5), report(one)
    assert [path.name for path in tmp_path.iterdir()] == ["01_linear.py"]


def test_a_part_that_hangs_or_ends_the_process_costs_its_own_points_only(
    tmp_path, monkeypatch
):
    started = []

    class Impatient(runner.Process):
        def student(self):
            student = super().student()
            if not started:  # the process is up: now the clock may run out
                self._deadline = time.monotonic() + 0.2
            started.append(1)
            return student

    source = "def relu_backward(x, dy): return dy * (x > 0)\ndef tanh_backward(y, dy):\n"
    with monkeypatch.context() as patch:
        patch.setattr(runner, "Process", Impatient)
        one = graded(tmp_path, f"{source}    while True: pass\n", ACTIVATIONS)
    assert [part.verdict for part in one.parts] == [WRONG, RIGHT], report(one)
    assert "Not done after" in one.parts[0].text and one.points == 2
    one = graded(tmp_path, f"{source}    import os; os._exit(3)\n", ACTIVATIONS)
    assert [part.verdict for part in one.parts] == [WRONG, RIGHT], report(one)
    assert "exit code 3" in one.parts[0].text and one.points == 2


def test_the_parts_share_the_time_of_the_task(tmp_path, monkeypatch):
    shares = []

    class Shared(runner.Process):
        def __init__(self, source, filename, seconds):
            super().__init__(source, filename, seconds)
            shares.append(seconds)

    monkeypatch.setattr(runner, "Process", Shared)
    graded(tmp_path, DARK, ACTIVATIONS, seconds=30)
    assert shares == [15]


def test_untouched_and_missing_files_start_no_process(tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "Process", None)
    for path in TASK_FILES.glob("[01]*.py"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "05_kl.py").unlink()
    found = list(grade_folder(tmp_path))
    assert {one.verdict for one in found} == {TODO, MISSING}
    assert [one.task.name for one in found if one.verdict == MISSING] == ["05_kl"]
    assert sum(one.points for one in found) == 0


def odd_files(path):
    """Name -> a function that puts something odd at `path`."""
    return {
        "pipe": lambda: os.mkfifo(path),
        "folder": path.mkdir,
        "device": lambda: path.symlink_to("/dev/zero"),
        "circle": lambda: path.symlink_to(path),
        "large": lambda: path.write_bytes(b"#" * (LARGEST + 1)),
        "sparse": lambda: path.write_bytes(b"") or os.truncate(path, 3 << 30),
    }


def patiently(work):
    """The result of `work`, or a failure after half a minute: no test may hang."""
    found = []
    thread = threading.Thread(target=lambda: found.append(work()), daemon=True)
    thread.start()
    thread.join(timeout=30)
    assert found, "the grader hangs, or raised"
    return found[0]


@pytest.mark.skipif(os.name == "nt", reason="made of what Windows has not")
@pytest.mark.parametrize("kind", ["pipe", "folder", "device", "circle", "large", "sparse"])
def test_what_is_no_file_is_wrong_and_nothing_waits_for_it(tmp_path, kind, monkeypatch):
    monkeypatch.setattr(runner, "Process", None)
    path = tmp_path / "01_linear.py"
    odd_files(path)[kind]()
    with monkeypatch.context() as patch:
        if kind in ("pipe", "folder", "device"):  # to open a device may do things
            patch.setattr(runner.os, "open", None)
        one = patiently(lambda: grade(LINEAR, path))
    assert (one.verdict, one.points) == (WRONG, 0)
    assert "01_linear.py cannot be graded: " in one.parts[0].text


@pytest.mark.skipif(os.name == "nt", reason="made of what Windows has not")
def test_a_file_that_becomes_a_pipe_while_it_is_looked_at_is_wrong(tmp_path, monkeypatch):
    path, regular = tmp_path / "01_linear.py", os.stat(__file__)
    os.mkfifo(path)
    with monkeypatch.context() as patch:
        patch.setattr(runner.os, "stat", lambda path: regular)
        one = patiently(lambda: grade(LINEAR, path))
    assert "expected a regular file" in one.parts[0].text


def test_a_file_that_may_not_be_read_is_wrong(tmp_path, monkeypatch):
    """Said by the system to all but root, whom nothing is forbidden: hence the patch."""
    path = tmp_path / "01_linear.py"
    path.write_text(SOLVED)
    path.chmod(0)

    def refused(*args):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(runner.os, "open", refused)
    one = grade(LINEAR, path)
    assert one.verdict == WRONG
    assert "01_linear.py cannot be graded: Permission denied." in report(one)


def test_one_fate_for_all_parts_is_told_once(tmp_path):
    one = graded(tmp_path, "def tanh_backward(", ACTIVATIONS)
    assert report(one).count("cannot be imported") == 1
    assert "all parts: wrong. The file cannot be imported: SyntaxError" in report(one)
    assert [part.verdict for part in one.parts] == [WRONG, WRONG]


def test_what_a_teacher_should_look_at_is_marked_in_table_and_json(tmp_path):
    one = graded(tmp_path, "import sys\nsys.modules.get('x')\n" + SOLVED)
    assert (one.verdict, one.points) == (RIGHT, 5)
    assert "LOOK AT THIS ONE: line 2 has modules" in report(one)
    found = results([one])
    look = found["tests"][-1]
    assert look["name"] == "look at this one" and look["visibility"] == "hidden"
    assert look["output"] == "01_linear: line 2 has modules"
    assert (look["score"], look["max_score"], found["score"]) == (0, 0, 5)
    assert not any("modules" in test["output"] for test in found["tests"][:-1])


def test_results_are_what_gradescope_reads(tmp_path):
    for path in TASK_FILES.glob("*.py"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "01_linear.py").write_text(SOLVED)
    (tmp_path / "05_kl.py").write_text("print('here')\ndef kl(mu, logvar):\n    exit()")
    graded = list(grade_folder(tmp_path))
    found = results(graded)
    assert found["score"] == sum(test["score"] for test in found["tests"]) == 5
    assert [test["max_score"] for test in found["tests"]] == [t.points for t in TASKS]
    first, kl = found["tests"][0], found["tests"][4]
    assert first["status"] == "passed" and "Finite differences" in first["output"]
    assert kl["status"] == "failed" and "exit()" in kl["output"]
    assert kl["output"].endswith("It printed:\n  here")
    assert found["tests"][1]["output"].startswith("to do")
    for test in found["tests"]:
        assert test["visibility"] == "visible" and test["output_format"] == "text"
        assert set(test) >= {"name", "number", "score", "max_score", "status"}
    assert found["execution_time"] > 0
    begun = results(graded[:1])["tests"]
    assert [test["output"] for test in begun[1:]] == ["not graded"] * 12


CHEATS = {
    "graders replaced": "import sys\nfor m in list(sys.modules.values()):\n"
    " t = getattr(m, 'TASKS', None)\n if t: t.clear()\n",
    "verdict written": "import sys, os\nopen(sys.argv[3], 'w').write('[]')\nos._exit(0)\n",
    "answers by importlib": "import importlib\nimportlib.import_module('minivae.layers')\n",
    "answers by __import__": "__import__('minivae.layers')\n",
    "answers by sys.modules": "import sys\nsys.modules['minivae.layers']\n",
    "frames": "import sys\nf = sys._getframe()\nwhile f.f_back: f = f.f_back\n"
    "for k in list(f.f_globals): f.f_globals[k] = lambda *a: None\n",
    "numpy bent": "import numpy as np\nnp.array_equal = np.allclose = lambda *a: True\n"
    "np.asarray = lambda *a, **k: np.ones(3)\n",
    "equal to all": "import numpy as np\nclass A(np.ndarray):\n"
    " def __sub__(s, o): return s * 0\n __rsub__ = __sub__\n"
    "def linear_backward(x, W, dy): return (x.view(A), W.view(A), dy[0].view(A))\n",
    "nan": "import numpy as np\n"
    "def linear_backward(x, W, dy): return x * np.nan, W * np.nan, dy[0] * np.nan\n",
    "long text": "raise ValueError('x ' * 30_000_000)\n",
    "odd text": "raise ValueError('\\udcff \\x1b]0;title\\x07')\n",
    "null": "\0",
    "right away": "raise SystemExit(0)\n",
}


@pytest.mark.parametrize("name", CHEATS)
def test_no_cheat_earns_a_point_or_costs_the_others_theirs(tmp_path, name):
    """Whatever 01_linear.py does, 02_activations.py is graded as it deserves."""
    wrong = "def linear_backward(x, W, dy): return x * 0, W * 0, dy[0] * 0\n"
    one = graded(tmp_path, wrong + CHEATS[name])
    assert (one.verdict, one.points) == (WRONG, 0), report(one)
    two = graded(tmp_path, DARK, ACTIVATIONS)
    assert [part.verdict for part in two.parts] == [RIGHT, WRONG]
    text = report(one) + str(results([one, two]))
    text.encode()
    assert len(text) < 20_000 and "\x1b" not in text
    shown = "graders", "verdict", "answers", "frames"
    assert bool(one.marks) == name.startswith(shown), one.marks
