"""`--conditional` and `--label`: train, draw, sample, go on, evaluate."""

import functools
from pathlib import Path

import numpy as np
import pytest

from minivae import cli
from minivae.cli import options, training
from minivae.datasets import load_faces
from minivae.plots import drawing
from minivae.training import load


@pytest.fixture(autouse=True)
def quick(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(drawing, "DPI", 30)


TRAIN = "train --conditional --hidden 8 --latent 2 --epochs 1 --out run".split()


def test_train_sample_and_go_on(capsys, monkeypatch):
    assert cli.main(TRAIN) == 0
    model = load("run/model.npz").model
    assert model.C == 10
    for name in ("samples", "latent", "reconstructions", "interpolations"):
        assert Path(f"run/{name}.png").read_bytes().startswith(b"\x89PNG"), name
    command = ["sample", "run/model.npz", "-n", "5", "--out"]
    for label in (3, 8):
        assert cli.main([*command, f"{label}.npy", "--label", str(label)]) == 0
        wanted = model.given(label).sample(5, np.random.default_rng(0), mean=True)
        np.testing.assert_array_equal(np.load(f"{label}.npy").reshape(5, -1), wanted)
    monkeypatch.setattr(training, "_draw", lambda *arguments: None)
    assert cli.main(["train", "--resume", "run/model.npz", "--epochs", "2"]) == 0
    capsys.readouterr()
    assert cli.main(["evaluate", "run/model.npz"]) == 0
    assert "-log p(x)" in capsys.readouterr().out
    assert cli.main([*command, "none.npy"]) == 2
    assert "--label: expected one for a model with a condition" in capsys.readouterr().err
    assert cli.main([*command, "ten.npy", "--label", "10"]) == 2
    assert "labels: expected whole numbers 0..9" in capsys.readouterr().err
    with pytest.raises(SystemExit, match=r"^2$"):
        cli.main([*command, "x.npy", "--label", "seven"])
    assert "expected a label such as 7, or factors" in capsys.readouterr().err


def test_factors_as_a_condition(capsys, monkeypatch):
    few = functools.partial(load_faces, train=30, test=12)
    monkeypatch.setattr(options, "load_faces", few)
    words = ["--data", "faces", "--conditional", "--hidden", "4", "--epochs", "1"]
    assert cli.main(["train", *words, "--out", "faces"]) == 0
    factors = "0.5,-1,0,0,0,0"
    command = ["sample", "faces/model.npz", "-n", "3", "--out", "x.npy", "--label"]
    assert cli.main([*command, factors]) == 0
    assert np.load("x.npy").shape == (3, 32, 32)
    capsys.readouterr()
    assert cli.main([*command[:-2], "y.npy", "--label", "0.5,1"]) == 2
    assert "labels: expected shape (any, 6), got (1, 2)" in capsys.readouterr().err


def test_a_label_for_a_model_without_a_condition_is_refused(capsys, monkeypatch):
    monkeypatch.setattr(training, "_draw", lambda *arguments: None)
    words = "train --hidden --latent 1 --epochs 1 --out plain".split()
    assert cli.main(words) == 0
    assert cli.main(["sample", "plain/model.npz", "--label", "1", "--out", "x.npy"]) == 2
    assert "labels: expected none, as this model has no" in capsys.readouterr().err
