"""Grading a folder: whatever a student's file does, the grader survives and says so."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from minivae import cli
from minivae.grading import MISSING, RIGHT, TASKS, TODO, WRONG, runner
from minivae.grading.runner import KEPT, TASK_FILES, grade, grade_folder, results

LINEAR = TASKS[0]
SOLVED = """
def linear_backward(x, W, dy):
    return dy @ W.T, x.T @ dy, dy.sum(axis=0)
"""


def graded(tmp_path, source, seconds=60):
    path = tmp_path / "01_linear.py"
    path.write_text(source, encoding="utf-8")
    return grade(LINEAR, path, seconds)


def test_a_right_answer_that_prints_and_leaves_a_thread_behind_has_all_points(tmp_path):
    chatty = "import threading, time\nprint('hello')\n"
    chatty += "threading.Thread(target=time.sleep, args=(100,)).start()\n"
    one = graded(tmp_path, chatty + SOLVED)
    assert (one.verdict, one.points) == (RIGHT, 5), one.text
    assert one.printed.startswith("hello")
    assert not list(tmp_path.glob("__pycache__")), "the student's folder is left as it was"


def test_an_endless_loop_is_stopped_with_all_its_children(tmp_path):
    mark = tmp_path / "alive"
    child = f"import time\\nwhile 1: open({str(mark)!r}, 'w').close(); time.sleep(0.05)"
    source = f"""
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "{child}"])
while True:
    print("x" * 1000)
    time.sleep(0.002)  # the machine has other tests to run
"""
    began = time.monotonic()
    one = graded(tmp_path, source, seconds=5)
    assert one.verdict == WRONG and one.points == 0
    assert "Not done after 5 seconds" in one.text
    assert time.monotonic() - began < 30
    assert KEPT <= len(one.printed) < KEPT + 50, "what is printed is cut off"
    assert mark.exists(), "the test is worth nothing if the child never ran"
    mark.unlink()
    time.sleep(0.3)
    assert not mark.exists(), "the child is still running"


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        ("import os\nos._exit(0)", "exit code 0 before there was a verdict"),
        ("import os\nos.kill(os.getpid(), 11)", "killed by signal 11"),
        ("raise KeyboardInterrupt", "killed by signal 2"),
    ],
    ids=["os._exit", "crash", "interrupt"],
)
def test_a_process_that_ends_early_has_no_points_and_is_reported(tmp_path, source, hint):
    one = graded(tmp_path, source + SOLVED)
    assert (one.verdict, one.points) == (WRONG, 0)
    assert hint in one.text


def test_a_damaged_verdict_does_not_count(tmp_path):
    path = tmp_path / "verdict.json"
    for text in ("", "[]", "[[1, 2]]", "{", '[["other", "right", 5, 5, ""]]'):
        path.write_text(text)
        assert runner._read(LINEAR, path) == []
    assert runner._read(LINEAR, tmp_path / "none.json") == []


def test_untouched_and_missing_files_start_no_process(tmp_path, monkeypatch):
    monkeypatch.setattr(runner.subprocess, "Popen", None)
    for path in TASK_FILES.glob("[01]*.py"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "05_kl.py").unlink()
    found = list(grade_folder(tmp_path))
    assert {one.verdict for one in found} == {TODO, MISSING}
    assert [one.task.name for one in found if one.verdict == MISSING] == ["05_kl"]
    assert sum(one.points for one in found) == 0


def test_results_are_what_gradescope_reads(tmp_path):
    for path in TASK_FILES.glob("*.py"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "01_linear.py").write_text(SOLVED)
    (tmp_path / "05_kl.py").write_text("def kl(mu, logvar):\n    exit()")
    found = results(list(grade_folder(tmp_path)))
    assert found["score"] == sum(test["score"] for test in found["tests"]) == 5
    assert [test["max_score"] for test in found["tests"]] == [t.points for t in TASKS]
    first, kl = found["tests"][0], found["tests"][4]
    assert first["status"] == "passed" and "finite differences" in first["output"]
    assert kl["status"] == "failed" and "exit()" in kl["output"]
    assert found["tests"][1]["output"].startswith("to do")
    for test in found["tests"]:
        assert test["visibility"] == "visible" and test["output_format"] == "text"
        assert set(test) >= {"name", "number", "score", "max_score", "status"}
    assert found["execution_time"] > 0


def test_a_part_that_ends_the_process_costs_its_own_points_only(tmp_path):
    path = tmp_path / "02_activations.py"
    path.write_text(
        "def tanh_backward(y, dy): return dy * (1 - y**2)\n"
        "def relu_backward(x, dy):\n    import os; os._exit(3)\n"
    )
    one = grade(TASKS[1], path)
    assert [part.verdict for part in one.parts] == [RIGHT, WRONG], one.text
    assert one.points == TASKS[1].parts["tanh_backward"][0]
    assert "exit code 3" in one.parts[1].text


def test_one_fate_for_all_parts_is_told_once(tmp_path):
    path = tmp_path / "02_activations.py"
    path.write_text("def tanh_backward(")
    one = grade(TASKS[1], path)
    assert one.text.startswith("all parts: wrong. The file cannot be imported: SyntaxError")
    assert "\n".join(runner.table([one])).count("cannot be imported") == 1
    assert [part.verdict for part in one.parts] == [WRONG, WRONG]


def test_exercises_and_grade_from_the_command_line(tmp_path, capsys):
    folder = tmp_path / "answers"
    assert cli.main(["exercises", str(folder)]) == 0
    assert "13 files written, 0 kept" in capsys.readouterr().out
    (folder / "01_linear.py").write_text(SOLVED)
    (folder / "02_activations.py").unlink()
    assert cli.main(["exercises", str(folder)]) == 0
    said = capsys.readouterr().out
    assert "1 files written, 12 kept" in said
    assert "01_linear.py: kept as it is (--force replaces it)" in said
    assert (folder / "01_linear.py").read_text() == SOLVED
    path = tmp_path / "results.json"
    assert cli.main(["grade", str(folder), "--json", str(path)]) == 0
    said = capsys.readouterr().out
    assert "01_linear                5/5  right" in said
    assert "05_kl                   0/10  to do" in said
    assert f"total                  5/{sum(t.points for t in TASKS)}" in said
    assert json.loads(path.read_text())["score"] == 5
    assert cli.main(["exercises", str(folder), "--force"]) == 0
    assert "NotImplementedError" in (folder / "01_linear.py").read_text()


def test_grade_refuses_what_it_cannot_do_before_it_begins(tmp_path, capsys):
    assert cli.main(["grade", str(tmp_path / "none")]) == 2
    assert "expected the folder of exercises" in capsys.readouterr().err
    nowhere = str(tmp_path / "no" / "results.json")
    assert cli.main(["grade", str(tmp_path), "--json", nowhere]) == 2
    assert "--json" in capsys.readouterr().err


def test_pytest_reports_to_do_wrong_and_right(tmp_path):
    for name in ("test_exercises.py", "02_activations.py"):
        (tmp_path / name).write_bytes((TASK_FILES / name).read_bytes())
    (tmp_path / "01_linear.py").write_text(SOLVED)
    (tmp_path / "05_kl.py").write_text(
        "import numpy as np\n"
        "def kl(mu, logvar):\n"
        "    return (mu**2 + np.exp(logvar) - 1 - logvar).sum(axis=1)\n"
        "def kl_grad(mu, logvar, dkl):\n"
        "    raise NotImplementedError\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-rs", "-k", "01 or 02 or kl"]
    run = subprocess.run(
        [*command, "-p", "no:cacheprovider", str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(runner.__file__).parents[2])},
    )
    assert "1 failed, 1 passed, 1 skipped" in run.stdout, run.stdout + run.stderr
    for text in (
        "Your KL is exactly twice",
        "kl_grad: to do",
        "agree with finite",
        "to do",
    ):
        assert text in run.stdout, run.stdout
