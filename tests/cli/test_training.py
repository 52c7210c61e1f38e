"""`minivae train`: what it writes, what it refuses, and how it ends."""

import csv
import re

import pytest
from numpy.testing import assert_array_equal

from minivae import Adam, cli
from minivae.cli import training
from minivae.plots import drawing
from minivae.training import checkpoints

TINY = ["--hidden", "6", "--latent", "2", "--batch-size", "300"]
FIGURES = {"curves", "reconstructions", "samples", "interpolations", "latent", "manifold"}


@pytest.fixture(autouse=True)
def coarse_figures(monkeypatch):
    monkeypatch.setattr(drawing, "DPI", 30)


@pytest.fixture
def no_figures(monkeypatch):
    monkeypatch.setattr(training, "_draw", lambda *arguments: None)


def train(tmp_path, *options, out="run"):
    """Run `minivae train` on the digits and return its folder."""
    folder = tmp_path / out
    assert cli.main(["train", *TINY, "--epochs", "2", *options, "--out", str(folder)]) == 0
    return folder


def test_train_writes_model_history_and_figures_and_lists_them(tmp_path, capsys):
    folder = train(tmp_path, "--epochs", "3")
    names = {path.name for path in folder.iterdir()}
    assert names == {"model.npz", "history.csv"} | {f"{name}.png" for name in FIGURES}
    printed = capsys.readouterr().out
    assert f"{folder}:" in printed
    for name in names:
        assert f"\n  {name} " in printed, f"{name} is written, but not announced"
    for name in FIGURES:
        assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    rows = list(csv.DictReader((folder / "history.csv").read_text().splitlines()))
    history = checkpoints.load(folder / "model.npz").history
    assert [float(row["test_nelbo"]) for row in rows] == list(history["test_nelbo"])
    assert f"test nelbo {history['test_nelbo'][-1]:.2f} = rec" in printed


def test_train_draws_no_samples_of_an_autoencoder(tmp_path, capsys):
    folder = train(tmp_path, "--model", "autoencoder", "--latent", "3")
    drawn = {path.stem for path in folder.glob("*.png")}
    assert drawn == FIGURES - {"samples", "manifold"}
    assert cli.main(["evaluate", str(folder / "model.npz")]) == 0
    printed = capsys.readouterr().out
    (kl,) = re.findall(r"^kl +([\d.]+) ±", printed, re.MULTILINE)
    assert float(kl) == 0
    assert cli.main(["sample", str(folder / "model.npz")]) == 2
    assert "expected one with a prior" in capsys.readouterr().err


def test_resumed_training_ends_with_the_bits_of_an_unbroken_one(tmp_path, no_figures):
    straight = train(tmp_path, "--epochs", "3", out="straight")
    first = train(tmp_path, "--epochs", "1", out="first")
    words = ["train", "--resume", str(first / "model.npz"), "--epochs", "3"]
    assert cli.main([*words, "--out", str(tmp_path / "second")]) == 0
    whole, resumed = (
        checkpoints.load(folder / "model.npz") for folder in (straight, tmp_path / "second")
    )
    assert_array_equal(whole.model.theta, resumed.model.theta)
    assert_array_equal(whole.history["test_nelbo"], resumed.history["test_nelbo"])


def test_the_seed_decides(tmp_path, no_figures):
    thetas = [
        checkpoints.load(train(tmp_path, "--seed", seed, out=out) / "model.npz").model.theta
        for seed, out in (("5", "a"), ("5", "b"), ("6", "c"))
    ]
    assert_array_equal(thetas[0], thetas[1])
    assert (thetas[0] != thetas[2]).any()


def test_two_trainings_in_one_second_get_folders_of_their_own(
    tmp_path, no_figures, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    for _ in range(3):
        assert cli.main(["train", *TINY, "--epochs", "1"]) == 0
    folders = re.findall(
        r"^(runs/digits-\d{8}-\d{6}[-\d]*):$", capsys.readouterr().out, re.M
    )
    assert len(set(folders)) == 3
    assert all((tmp_path / folder / "model.npz").is_file() for folder in folders)


def test_a_folder_in_use_is_left_alone(tmp_path, no_figures, capsys):
    folder = train(tmp_path)
    before = {path: path.read_bytes() for path in folder.iterdir()}
    assert cli.main(["train", *TINY, "--out", str(folder)]) == 2
    assert "--out: expected a new or an empty folder" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def interrupt_after(steps, monkeypatch):
    original = Adam.step

    def step(self, theta, grad):
        if self.t == steps:
            raise KeyboardInterrupt
        original(self, theta, grad)

    monkeypatch.setattr("minivae.optim.Adam.step", step)


def test_ctrl_c_keeps_the_whole_epochs(tmp_path, monkeypatch, capsys):
    interrupt_after(7, monkeypatch)  # five steps make an epoch
    folder = tmp_path / "run"
    assert cli.main(["train", *TINY, "--out", str(folder)]) == 130
    captured = capsys.readouterr()
    assert f"{folder}:" in captured.out and "Traceback" not in captured.err
    saved = checkpoints.load(folder / "model.npz")
    assert len(saved.history) == 1 and saved.optimizer.t == 5
    assert (folder / "samples.png").exists()


def test_ctrl_c_in_the_first_epoch_leaves_nothing(tmp_path, monkeypatch, capsys):
    interrupt_after(3, monkeypatch)
    assert cli.main(["train", *TINY, "--out", str(tmp_path / "run")]) == 130
    assert capsys.readouterr().err.endswith("minivae train: interrupted\n")
    assert list(tmp_path.iterdir()) == []


def test_a_loss_that_blows_up_says_where_and_fails(tmp_path, capsys):
    words = ["train", *TINY, "--lr", "1e30", "--out", str(tmp_path / "run")]
    assert cli.main(words) == 1
    assert re.search(
        r"minivae train: epoch 1, .*step 1: .* is not finite", capsys.readouterr().err
    )
    assert list(tmp_path.iterdir()) == []
