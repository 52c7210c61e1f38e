"""Whatever the output is: any encoding, a pipe that closes, no console at all."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from minivae import cli
from minivae.cli import sample, training

SCRIPT = """
import sys
from minivae import cli
from minivae.cli import training
training._draw = lambda *arguments: None
words = ["--hidden", "4", "--epochs", "1", "--batch-size", "500", "--out", sys.argv[1]]
code = cli.main(["train", *words])
if code:
    sys.exit(code)
code = cli.main(["evaluate", sys.argv[1] + "/model.npz"])
print("\\N{GREEK SMALL LETTER SIGMA} after all that", code)
"""


PROGRAM = Path(__file__).with_name("command_line.py")


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_the_whole_command_line_in_any_encoding(tmp_path, encoding):
    folder = tmp_path / "mit Leerzeichen und Ümläuten"
    environment = os.environ | {"PYTHONIOENCODING": f"{encoding}:strict"}
    # matplotlib 3.8 with a pyparsing of today warns of its own use of it
    warnings = ["-W", "error", "-W", "ignore:warn_name_set_on_empty_Forward"]
    words = [sys.executable, *warnings, str(PROGRAM), str(folder)]
    done = subprocess.run(words, capture_output=True, env=environment)
    assert done.returncode == 0, done.stderr.decode(encoding)
    printed = done.stdout.decode(encoding)
    assert "nats per image" in printed and ("±" in printed) == (encoding != "ascii")


@pytest.mark.skipif(os.name == "nt", reason="needs the shell's >&-")
def test_the_whole_command_line_without_an_output(tmp_path):
    """Its descriptors closed: Python has None for sys.stdout then, as under pythonw."""
    words = f'exec "{sys.executable}" "{PROGRAM}" "{tmp_path}/x" >&-'
    done = subprocess.run(["sh", "-c", words], stderr=subprocess.PIPE)
    assert done.returncode == 0, done.stderr.decode()


def test_without_a_console_it_works_in_silence(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "_draw", lambda *arguments: None)
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)  # as under pythonw
    out = ["--out", str(tmp_path / "run")]
    assert cli.main(["train", "--hidden", "3", "--epochs", "1", *out]) == 0
    assert cli.main(["evaluate", str(tmp_path / "none.npz")]) == 2


def test_a_reader_who_has_seen_enough_is_no_error(tmp_path):
    words = [sys.executable, "-c", SCRIPT, str(tmp_path / "run")]
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(words, stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    assert done.returncode == 1
    assert b"epoch 1/1" in done.stderr
    assert b"roken" not in done.stderr and b"Traceback" not in done.stderr, done.stderr


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (MemoryError("Unable to allocate 186. TiB"), 1, "not enough memory: Unable to"),
        (OverflowError("math range error"), 1, "math range error"),
        (ZeroDivisionError("division by zero"), 1, "division by zero"),
        (FloatingPointError("KL is not finite"), 1, "KL is not finite"),
        (ValueError("a\ud800b"), 2, "a?b"),
    ],
)
def test_every_kind_of_failure_is_one_line(monkeypatch, capsys, error, code, words):
    def fails(arguments):
        raise error

    monkeypatch.setattr(sample, "sample", fails)
    assert cli.main(["sample", "x.npz"]) == code
    assert capsys.readouterr().err == f"minivae sample: {words}" + (
        " allocate 186. TiB\n" if code == 1 and "memory" in words else "\n"
    )


def test_python_m_minivae_reports_in_one_line_and_exits_with_2(tmp_path):
    words = [sys.executable, "-m", "minivae", "evaluate", str(tmp_path / "none.npz")]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr == (
        f"minivae evaluate: {tmp_path / 'none.npz'}: No such file or directory\n"
    )
