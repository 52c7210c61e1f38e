"""`minivae exercises` and `minivae grade`, and the test that students run."""

import ast
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from exercise_answers import EXERCISES, SOLUTIONS

from minivae import cli
from minivae.cli import course
from minivae.grading import TASKS, runner
from minivae.grading.runner import TASK_FILES

SOLVED = """
def linear_backward(x, W, dy):
    return dy @ W.T, x.T @ dy, dy.sum(axis=0)
"""
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(course.__file__).parents[2])}
ENVIRONMENT.pop("PYTEST_ADDOPTS", None)  # how these tests are run is not theirs


@pytest.fixture
def folder(tmp_path, capsys):
    """A fresh copy of the exercises."""
    assert cli.main(["exercises", str(tmp_path / "answers")]) == 0
    first, then = capsys.readouterr().out.splitlines()
    assert first.endswith("15 files written, 0 kept; begin with 01_linear.py")
    assert then == f"then: minivae grade {tmp_path / 'answers'}"
    return tmp_path / "answers"


def test_exercises_keep_what_is_there_and_grade_prints_and_writes(folder, tmp_path, capsys):
    (folder / "01_linear.py").write_text(SOLVED)
    (folder / "02_activations.py").unlink()
    assert cli.main(["exercises", str(folder)]) == 0
    said = capsys.readouterr().out
    assert "1 files written, 14 kept" in said
    assert "01_linear.py: kept as it is (--force replaces it)" in said
    assert (folder / "01_linear.py").read_text() == SOLVED
    path = tmp_path / "results.json"
    assert cli.main(["grade", str(folder), "--json", str(path)]) == 0
    said = capsys.readouterr().out
    assert "01_linear                5/5  right" in said
    assert "05_kl                    0/8  to do" in said
    assert "total                  5/100" in said
    assert json.loads(path.read_text())["score"] == 5
    assert cli.main(["exercises", str(folder), "--force"]) == 0
    assert "NotImplementedError" in (folder / "01_linear.py").read_text()


def test_grade_refuses_what_it_cannot_do_before_it_begins(tmp_path, capsys, monkeypatch):
    begun = (pytest.fail("it began") for _ in "x")
    monkeypatch.setattr(runner, "grade_folder", lambda *arguments: begun)
    for path, words in (
        (tmp_path / "no" / "results.json", "expected a file that can be written"),
        (tmp_path, "no regular file"),
    ):
        assert cli.main(["grade", str(tmp_path), "--json", str(path)]) == 2
        said = capsys.readouterr()
        assert words in said.err and not said.out, said
        assert ".part" not in said.err
    for words in (["grade", ""], ["grade", str(tmp_path), "--json", ""], ["exercises", ""]):
        with pytest.raises(SystemExit, match="2"):
            cli.main(words)


def test_a_folder_that_is_none_is_refused(tmp_path, capsys):
    assert cli.main(["grade", str(tmp_path / "none")]) == 2
    assert "expected the folder of exercises" in capsys.readouterr().err


def test_the_json_is_there_before_anything_is_printed(folder, tmp_path, monkeypatch):
    """Also when the grader is killed in the middle, or nobody reads what it prints."""
    (folder / "01_linear.py").write_text(SOLVED)
    path, seen = tmp_path / "results.json", []

    def broken(text, flush):
        seen.append(json.loads(path.read_text()))
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr(course, "print", broken, raising=False)
    arguments = cli.build_parser().parse_args(["grade", str(folder), "--json", str(path)])
    with pytest.raises(BrokenPipeError):  # which the command line takes for enough
        arguments.run(arguments)
    assert len(seen) == 1, "nothing more is printed after the pipe broke"
    assert seen[0]["score"] == 5
    assert [t["output"] for t in seen[0]["tests"][1:]] == ["not graded"] * 12
    found = json.loads(path.read_text())
    assert [t["output"].split()[0] for t in found["tests"]] == ["right", *["to"] * 12]


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-16"])
def test_the_table_is_printed_in_any_encoding(folder, encoding, monkeypatch):
    (folder / "05_kl.py").write_text(
        "def kl(mu, logvar): raise ValueError('σ \\udcff')\n", encoding="utf-8"
    )
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    assert cli.main(["grade", str(folder)]) == 0
    stream.flush()
    said = stream.buffer.getvalue().decode(encoding, errors="replace")
    assert "ValueError in line 1" in said and "0/100" in said


def test_formulas_are_told_on_request(folder, capsys):
    (folder / "08_adam.py").write_text("def adam_step(*a): raise NotImplementedError\n")
    (folder / "05_kl.py").write_text("def kl(mu, logvar): return -mu.sum(axis=1)\n")
    assert cli.main(["grade", str(folder)]) == 0
    assert "KL = ½" not in capsys.readouterr().out
    assert cli.main(["grade", str(folder), "--formulas"]) == 0
    assert "KL = ½" in capsys.readouterr().out


def test_pytest_reports_to_do_wrong_and_right(folder):
    (folder / "01_linear.py").write_text(SOLVED)
    (folder / "05_kl.py").write_text(
        "import numpy as np\n"
        "def kl(mu, logvar):\n"
        "    return (mu**2 + np.exp(logvar) - 1 - logvar).sum(axis=1)\n"
        "def kl_grad(mu, logvar, dkl):\n"
        "    raise NotImplementedError\n"
    )

    names = "01_linear or 02_activations or 05_kl"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    run = subprocess.run(
        [*command, "-rsf", "-k", names],
        capture_output=True,
        text=True,
        cwd=folder,
        env=ENVIRONMENT,
    )
    said = run.stdout + run.stderr
    assert "1 failed, 1 passed, 1 skipped, 10 deselected" in said, said
    for text in ("Your KL is exactly twice", "kl_grad: to do", "Finite differences"):
        assert text in said, said
    assert "Failed: 05_kl" in said, "the summary names the task"


def test_the_name_of_a_task_is_part_of_no_other():
    """pytest -k takes what has the words anywhere in its name or its file's."""
    names = [task.name for task in TASKS]
    for name in names:
        assert [other for other in names if name in other] == [name]
        assert name not in "test_exercises.py test_exercise"


def test_the_last_exercise_draws_the_digits_by_the_students_code_alone(folder):
    """Solved and run as a program where no minivae can be imported."""
    if not SOLUTIONS.exists():
        pytest.skip("solutions withheld")
    handed_out = ast.parse((folder / "13_train.py").read_text(encoding="utf-8"))
    solved = ast.parse((SOLUTIONS / "13_train.py").read_text(encoding="utf-8"))
    answers = {node.name: node for node in solved.body if isinstance(node, ast.FunctionDef)}
    handed_out.body = [answers.get(getattr(n, "name", ""), n) for n in handed_out.body]
    path = folder / "13_train.py"
    path.write_text(ast.unparse(handed_out), encoding="utf-8")
    code = (
        "import runpy, sys; sys.modules['minivae'] = None\n"
        f"runpy.run_path({str(path)!r}, run_name='__main__')"
    )
    environment = {**os.environ, "MPLBACKEND": "Agg"}
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment
    )
    assert "digits.png: written" in run.stdout, run.stdout + run.stderr
    assert (folder / "digits.png").read_bytes()[:4] == b"\x89PNG"


def test_the_teachers_table_has_the_same_minutes_and_points():
    lines = (EXERCISES / "README.md").read_text(encoding="utf-8").splitlines()
    for task in TASKS:
        (row,) = [line for line in lines if line.startswith(f"| `{task.name}` |")]
        assert row.endswith(f"| {task.minutes} | {task.points} |"), row
        source = (TASK_FILES / f"{task.name}.py").read_text(encoding="utf-8")
        assert f"Next to chapter {row.split('|')[3].strip()} (" in source
    minutes, points = sum(t.minutes for t in TASKS), sum(t.points for t in TASKS)
    assert f"| | | | {minutes} | {points} |" in lines
