"""`minivae zoo`: the matrix, one bug by name, and the hunt."""

import io
import re
import subprocess
import sys

import numpy as np
import pytest

from minivae import cli, gaussian
from minivae.cli import zoo
from minivae.ladder import RUNGS
from minivae.zoo import BUGS, matrix
from minivae.zoo.hunting import _name_of
from minivae.zoo.matrix import Matrix, compute_matrix

HALF = "kl-without-its-half"


def seed_of(name):
    return next(seed for seed in range(10_000) if _name_of(seed) == name)


def test_the_answer_command(capsys):
    seed = str(seed_of(HALF))
    assert cli.main(["zoo", "--hunt", seed, "--answer", HALF]) == 0
    assert capsys.readouterr().out.startswith("right: ")
    assert cli.main(["zoo", "--hunt", seed, "--answer", "missing-half-of-sigma"]) == 1
    assert capsys.readouterr().out == "wrong: look again\n"
    assert cli.main(["zoo", "--hunt", seed, "--answer", "no-such-bug"]) == 2
    assert cli.main(["zoo", "--answer", HALF]) == 2
    assert cli.main(["zoo", "--run", "x.py"]) == 2
    assert cli.main(["zoo", "no-such-bug"]) == 2
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 4 and "expected only with --hunt SEED" in errors[1]


def test_a_hunt_runs_a_file_of_checks_with_the_bug_in(tmp_path, capsys):
    file = tmp_path / "my checks.py"
    file.write_text(
        "import numpy as np\nfrom minivae import gaussian\n"
        "assert __name__ == '__main__'\n"
        "print('kl', gaussian.kl(np.ones(1), np.zeros(1)))\n"
    )
    value = gaussian.kl(np.ones(1), np.zeros(1))
    assert cli.main(["zoo", "--hunt", str(seed_of(HALF)), "--run", str(file)]) == 0
    assert capsys.readouterr().out == f"kl {2 * value}\n"
    assert gaussian.kl(np.ones(1), np.zeros(1)) == value


def test_a_hunt_opens_python_with_all_at_hand(capsys):
    lines = [
        "report = check_model(model, x, eps)",
        "print('verdict', report.verdict)",
        f"print(answer('{HALF}'), answer('missing-half-of-sigma'))",
    ]
    seed = seed_of("missing-half-of-sigma")
    words = [sys.executable, "-m", "minivae", "zoo", "--hunt", str(seed)]
    done = subprocess.run(words, input="\n".join(lines), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "verdict WRONG" in done.stdout and "wrong right" in done.stdout
    assert f"one of the {len(BUGS)} that `minivae zoo --list`" in done.stderr
    assert "missing-half-of-sigma" not in done.stderr


def test_the_list_tells_every_story(capsys):
    assert cli.main(["zoo", "--list"]) == 0
    text = capsys.readouterr().out
    assert re.findall(r"^\S+$", text, re.M) == list(BUGS)


def test_one_bug_by_name(capsys, tmp_path, monkeypatch):
    figure, computed = tmp_path / "one.png", []

    def compute(names, workers):
        assert names == ["grey-pixels-as-bernoulli"]
        computed.append(compute_matrix(names, workers=workers))
        return computed[0]

    monkeypatch.setattr(matrix, "compute_matrix", compute)
    assert cli.main(["zoo", "grey-pixels-as-bernoulli", "--figure", str(figure)]) == 0
    text = capsys.readouterr().out
    bug = BUGS["grey-pixels-as-bernoulli"]
    assert text.startswith(bug.story) and f"minivae {bug.edits[0].where}\n- " in text
    (rungs,) = re.findall(r"^caught by rung (.*)$", text, re.M)
    caught = computed[0].caught[0]
    assert caught.any() and not caught.all()
    assert re.findall(r"\d", rungs) == [
        str(r) for r, c in zip(RUNGS, caught, strict=True) if c
    ]
    assert figure.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("caught", "alarms", "code"), [(True, [], 0), (False, [], 1), (True, ["seed 3"], 1)]
)
def test_an_escaped_bug_or_a_false_alarm_is_a_failure(
    monkeypatch, capsys, caught, alarms, code
):
    table = Matrix(["a"], [1], np.array([[caught]]))

    def instead(result):
        def function(*arguments, report):
            report(10)
            return result

        return function

    monkeypatch.setattr(matrix, "compute_matrix", instead(table))
    monkeypatch.setattr(matrix, "false_alarms", instead(alarms))
    assert cli.main(["zoo"]) == code
    captured = capsys.readouterr()
    assert f"1 bugs, {1 - caught} escaped" in captured.out
    assert f"20 seeds: {', '.join(alarms) or 'none'}" in captured.out
    assert f"bug 10/{len(BUGS)}\n" in captured.err


def test_progress_on_a_terminal_is_one_line(monkeypatch):
    class Terminal(io.StringIO):
        seen = ""

        def isatty(self):
            return True

        def flush(self):
            self.seen = self.getvalue()

    monkeypatch.setattr(sys, "stderr", Terminal())
    report = zoo._progress("bug", 2)
    report(1)
    assert sys.stderr.seen == "\rbug 1/2", "a line without an end waits in the buffer"
    report(2)
    assert sys.stderr.getvalue() == "\rbug 1/2\rbug 2/2\n"
