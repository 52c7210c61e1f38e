"""`minivae check my_vae.py:build`: other people's code from the command line."""

import sys

import pytest

from minivae.cli import main


@pytest.fixture(autouse=True)
def put_back(monkeypatch):
    """What a file of the user's leaves in the interpreter."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setitem(sys.modules, "my_vae", None)


FUNCTION = """
import numpy as np

def loss(p):
    return (p["W"] ** 2).sum() + p["b"].sum()

def grad(p):
    return {"W": FACTOR * p["W"], "b": np.ones(2)}

def build():
    return loss, {"W": np.arange(4.0).reshape(2, 2) + 1, "b": np.zeros(2)}, grad
"""
MODEL = """
import numpy as np

class Model:
    def __init__(self):
        self.theta, self.grad = np.arange(3.0) + 1, np.zeros(3)

    def loss(self, x=2.0, eps=None):
        self.x = np.mean(x)
        return np.sum(self.theta**3) * self.x

    def backward(self):
        self.grad[...] = 3 * self.theta**2 * self.x * FACTOR

def build():
    return Model()

def with_data():
    return Model(), np.ones((4, 3)), None
"""


def run(tmp_path, source, name="build", factor=1):
    path = tmp_path / "my_vae.py"
    path.write_text(source.replace("FACTOR", str(factor)), encoding="utf-8")
    return main(["check", f"{path}:{name}"])


@pytest.mark.parametrize("name", ["build", "with_data"])
def test_a_model_right_and_wrong(tmp_path, capsys, name):
    assert run(tmp_path, MODEL, name) == 0
    assert "gradient check: ok" in capsys.readouterr().out
    assert run(tmp_path, MODEL, name, factor=2) == 1
    assert "theta is 2 times the right" in " ".join(capsys.readouterr().out.split())


def test_a_function_with_its_gradient_right_and_wrong(tmp_path, capsys):
    assert run(tmp_path, FUNCTION, factor=2) == 0
    assert run(tmp_path, FUNCTION, factor=-2) == 1
    printed = capsys.readouterr().out
    assert "W alone is wrong" in printed and "the sign is wrong" in printed, printed


def test_an_undecided_check_is_not_passed(tmp_path, capsys):
    source = FUNCTION.replace('p["W"] ** 2', '(p["W"] ** 2).astype(np.float32)')
    assert run(tmp_path, source, factor=2.000001) == 1
    assert "undecided" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words", ["nothing.npz", "nothing.py:build", "my_vae.py", "nothing:build"]
)
def test_anything_else_hears_both_forms(tmp_path, capsys, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_vae.py").write_text(FUNCTION)
    assert main(["check", words]) == 2
    error = capsys.readouterr().err
    assert "model.npz" in error and "my_vae.py:build" in error and repr(words) in error


@pytest.mark.parametrize(
    ("source", "name", "words"),
    [
        (FUNCTION, "bild", "expected a function 'bild'"),
        ("def build():\n    return 3\n", "build", "or (f, params, grad), got int"),
        ("import nothing_of_that_name\n", "build", "ModuleNotFoundError"),
        ("def build():\n    return {}['x']\n", "build", "KeyError"),
        ("import sys\nsys.exit(0)\n", "build", "SystemExit"),
        ("def build(:\n", "build", "SyntaxError"),
        (FUNCTION.replace('"b": np.ones(2)', '"c": 1.0'), "build", "expected the names"),
        (FUNCTION.replace("def grad(p)", "def grad(p, q)"), "build", "positional argument"),
    ],
)
def test_code_that_cannot_be_used_gives_exit_code_2(tmp_path, capsys, source, name, words):
    assert run(tmp_path, source, name, factor=2) == 2
    assert words in capsys.readouterr().err


def test_the_file_may_import_its_neighbours(tmp_path, capsys):
    (tmp_path / "neighbour_of_my_vae.py").write_text("two = 2")
    source = "from neighbour_of_my_vae import two\n" + FUNCTION
    assert run(tmp_path, source, factor="two") == 0


def test_the_file_is_a_module_that_its_classes_find(tmp_path):
    """As a dataclass does, whose annotations are words until they are needed."""
    size = "from dataclasses import dataclass\n@dataclass\nclass Size:\n    D: int = 4\n"
    source = "from __future__ import annotations\n" + size + FUNCTION
    assert run(tmp_path, source, factor=2) == 0


def test_the_ending_may_be_left_out(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(tmp_path, FUNCTION, factor=2)
    assert main(["check", "my_vae:build"]) == 0
