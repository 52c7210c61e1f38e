"""Folders and files that commands write: one training in each, nothing over another."""

import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from cli.test_training import FIGURES, TINY, coarse_figures, train  # noqa: F401

from minivae import cli
from minivae.cli import folders, training
from minivae.training import checkpoints


def names(folder):
    return {path.name for path in folder.iterdir()}


def test_a_folder_belongs_to_one_training_at_a_time(tmp_path):
    with folders.training_folder(str(tmp_path / "run"), "x") as folder:
        with pytest.raises(ValueError, match=r"run: expected a folder of one training"):
            with folders.training_folder(str(folder), "x"):
                raise AssertionError("two trainings in one folder")
        assert names(folder) == {folders.LOCK}, "the first one's claim is still there"
        (folder / "model.npz").write_text("the first one's")
    assert names(folder) == {"model.npz"}
    for taken in (folder, folder / "model.npz"):
        with pytest.raises(ValueError, match="--out: expected a new or an empty folder"):
            with folders.training_folder(str(taken), "x"):
                raise AssertionError("a folder in use, or a file")


HOLD = """
import sys, time
from minivae.cli.folders import training_folder
with training_folder(sys.argv[1], "x"):
    print("claimed", flush=True)
    time.sleep(60)
"""


def test_a_claim_dies_with_its_process(tmp_path):
    folder = tmp_path / "run"
    words = [sys.executable, "-c", HOLD, str(folder)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "claimed\n"
        with pytest.raises(ValueError, match="another training writes to at this moment"):
            with folders.training_folder(str(folder), "x"):
                raise AssertionError("two processes in one folder")
        other.kill()
        other.wait()
    assert names(folder) == {folders.LOCK}, "it had no time to clean up"
    with folders.training_folder(str(folder), "x"):
        (folder / "model.npz").write_text("ours")
    assert names(folder) == {"model.npz"}


def test_only_folders_made_here_are_removed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "runs").mkdir()
    for out in ("mine", "new/deep/run", None):
        with pytest.raises(RuntimeError), folders.training_folder(out, "x"):
            raise RuntimeError("the training failed")
    assert names(tmp_path) == {"mine", "runs"} and names(tmp_path / "runs") == set()


def test_two_processes_in_one_second_take_different_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with (
        folders.training_folder(None, "x") as first,
        folders.training_folder(None, "x") as second,
    ):
        assert first != second
    with folders.training_folder(None, "x") as first:
        # The other process has made the folder after this one had looked for a free name.
        taken = [first, first, first.with_name("free")]
        monkeypatch.setattr(folders, "free_path", lambda path: taken.pop(0))
        with folders.training_folder(None, "x") as second:
            assert second.name == "free"


@pytest.mark.parametrize(
    ("lost", "more"),
    [({"samples.png", "latent.png"}, []), ({"history.csv"}, ["--epochs", "2"])],
)
def test_a_run_stopped_while_drawing_is_completed(
    tmp_path, monkeypatch, capsys, lost, more
):
    monkeypatch.setattr("minivae.cli.training.usual_epochs", lambda images, size: 2)
    if lost == {"history.csv"}:  # whose writing no figure has a part in
        monkeypatch.setattr(training, "_draw", lambda *arguments: None)
    folder = train(tmp_path)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    for name in lost:
        (folder / name).unlink()
    (folder / "samples.png.4711.part").write_bytes(b"half of a picture")
    (folder / "notes.4711.part").write_bytes(b"somebody else's")
    times = {p.name: p.stat().st_mtime_ns for p in folder.iterdir()}
    assert cli.main(["train", "--resume", str(folder / "model.npz"), *more]) == 0
    assert f"{folder}:" in capsys.readouterr().out
    after = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert after.pop("notes.4711.part") == b"somebody else's"
    assert after == before
    for path in folder.iterdir():
        assert (path.stat().st_mtime_ns == times.get(path.name)) == (path.name not in lost)


def test_a_finished_training_is_not_completed_elsewhere(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(training, "_draw", lambda *arguments: None)
    folder = train(tmp_path)
    words = ["train", "--resume", str(folder / "model.npz"), "--epochs", "2"]
    assert cli.main([*words, "--out", str(tmp_path / "other")]) == 2
    renamed = folder / "faces.npz"
    (folder / "model.npz").rename(renamed)
    assert cli.main(["train", "--resume", str(renamed), "--epochs", "2"]) == 2
    assert capsys.readouterr().err.count("expected more than the 2 done, got 2") == 2
    assert (
        names(folder) == {"faces.npz", "history.csv"} and not (tmp_path / "other").exists()
    )


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
def test_a_training_goes_on_after_sigkill(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "_draw", lambda *arguments: None)
    folder = tmp_path / "run"
    words = [sys.executable, "-m", "minivae", "train", *TINY, "--epochs", "100000"]
    with subprocess.Popen([*words, "--out", str(folder)], stderr=subprocess.DEVNULL) as run:
        deadline = time.monotonic() + 60
        while not (folder / "model.npz").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        run.kill()
    assert folders.LOCK in names(folder)
    done = len(checkpoints.load(folder / "model.npz").history)
    again = ["train", "--resume", str(folder / "model.npz"), "--epochs", str(done + 1)]
    assert cli.main([*again, "--out", str(tmp_path / "second")]) == 0
    assert len(checkpoints.load(tmp_path / "second/model.npz").history) == done + 1
    # Nothing left to train: the killed folder itself is completed, its claim being dead.
    again[-1] = str(done)
    assert cli.main(again) == 0
    assert names(folder) == {"model.npz", "history.csv"}


def test_a_cosine_that_has_come_to_its_end_is_not_resumed(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(training, "_draw", lambda *arguments: None)
    folder = train(tmp_path, "--schedule", "cosine")
    words = ["train", "--resume", str(folder / "model.npz"), "--epochs", "9"]
    assert cli.main(words) == 2
    assert "after 2 epochs the learning rate has come to 0" in capsys.readouterr().err


def test_patience_ends_a_training_and_is_given_again(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "_draw", lambda *arguments: None)
    folder = train(tmp_path, "--patience", "1", "--lr", "1e-12", "--epochs", "30")
    history = checkpoints.load(folder / "model.npz").history
    assert len(history) < 30
    assert np.argmin(history["test_nelbo"]) == len(history) - 2
