"""The command line: what it writes, what it refuses, and how it ends."""

import csv
import re
import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from minivae import Adam, cli
from minivae.cli import training
from minivae.datasets import load_digits, prepare
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
    folder = train(tmp_path)
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


@pytest.mark.parametrize("kind", ["vae", "iwae"])
def test_evaluate_prints_means_over_the_images_and_their_errors(
    tmp_path, no_figures, capsys, kind
):
    path = train(tmp_path, "--model", kind) / "model.npz"
    capsys.readouterr()
    assert cli.main(["evaluate", str(path), "--samples", "4", "--seed", "8"]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.startswith("300 test images of digits; nats per image")
    figures = {
        line.split()[0]: np.array(line.split()[1::2], float)
        for line in lines
        if "±" in line and "p(x)" not in line
    }
    model, rng = checkpoints.load(path).model, np.random.default_rng(8)
    x = prepare(load_digits().test, 16)
    eps = [rng.standard_normal((4, 100, 2), dtype=np.float32) for _ in range(3)]
    log_w = np.concatenate(
        [
            model.log_weights(x[i : i + 100], e)
            for i, e in zip((0, 100, 200), eps, strict=True)
        ],
        axis=1,
    )
    mu, logvar = model.encode(x)
    kl = 0.5 * (mu**2 + np.exp(logvar) - 1 - logvar).sum(axis=1)
    if kind == "iwae":
        nelbo, name = -np.log(np.exp(log_w - log_w.max(0)).mean(0)) - log_w.max(0), "-L_4"
    else:
        elbos = [model.elbo(x[100 * i : 100 * i + 100], e) for i, e in enumerate(eps)]
        nelbo, name = -np.concatenate(elbos), "nelbo"
        assert_allclose(figures["rec"][0] + figures["kl"][0], figures[name][0], atol=2e-3)
    assert set(figures) == {name, "rec", "kl"}
    for key, values in ((name, nelbo), ("kl", kl)):
        assert_allclose(
            figures[key], [values.mean(), values.std(ddof=1) / 300**0.5], atol=2e-3
        )


def test_sample_writes_pictures_and_arrays_and_never_over_another(
    tmp_path, no_figures, monkeypatch, capsys
):
    path = str(train(tmp_path) / "model.npz")
    monkeypatch.chdir(tmp_path)
    capsys.readouterr()
    for expected in ("samples.png", "samples-2.png"):
        assert cli.main(["sample", path, "-n", "5"]) == 0
        assert capsys.readouterr().out == f"{expected}\n"
        assert (tmp_path / expected).read_bytes().startswith(b"\x89PNG")
    for options, mean in (([], True), (["--draw-pixels"], False)):
        out = f"samples-{mean}.npy"
        assert (
            cli.main(["sample", path, "-n", "5", "--seed", "3", "--out", out, *options])
            == 0
        )
        model = checkpoints.load(path).model
        expected = model.sample(5, np.random.default_rng(3), mean=mean)
        assert_array_equal(np.load(out), expected.reshape(5, 8, 8))
    before = (tmp_path / "samples.png").stat().st_mtime_ns
    assert cli.main(["sample", path, "--out", "samples.png"]) == 2
    assert "expected a new file, got samples.png, which exists" in capsys.readouterr().err
    assert (tmp_path / "samples.png").stat().st_mtime_ns == before


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


def test_python_m_minivae_reports_in_one_line_and_exits_with_2(tmp_path):
    words = [sys.executable, "-m", "minivae", "evaluate", str(tmp_path / "none.npz")]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr == (
        f"minivae evaluate: {tmp_path / 'none.npz'}: No such file or directory\n"
    )
