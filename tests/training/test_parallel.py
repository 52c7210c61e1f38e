"""Ranks: rows and sums without MPI, and one model from any number of processes with it."""

import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from helpers import MPIEXEC, complains, mpi
from hypothesis import given
from hypothesis import strategies as st

from minivae import VAE, Bernoulli, cli
from minivae.training import fit, load
from minivae.training.parallel import Ranks, ranks_of_this_run
from minivae.vae import Loss


class Alone:
    """A communicator of one process out of `size`, whose sums stay as they are."""

    def __init__(self, rank, size):
        self.rank, self.size = rank, size

    def Get_rank(self):
        return self.rank

    def Get_size(self):
        return self.size


@given(B=st.integers(0, 50), size=st.integers(1, 9))
def test_every_row_belongs_to_one_rank(B, size):
    parts = [Ranks(Alone(rank, size)).rows(B) for rank in range(size)]
    rows = [row for part in parts for row in range(B)[part]]
    assert rows == list(range(B))
    counts = [len(range(B)[part]) for part in parts]
    assert max(counts) - min(counts) <= 1, f"unequal parts: {counts}"


@pytest.mark.parametrize("counts", [(3, 2), (5, 0), (1, 1, 3)], ids=str)
def test_parts_are_weighted_by_their_rows(counts, rng, monkeypatch):
    """The sum over ranks, done here by hand, is the mean over all images."""
    g, B = rng.standard_normal((sum(counts), 4)), sum(counts)
    total, losses, start = np.zeros(4), np.zeros(3), 0
    for rank, count in enumerate(counts):
        ranks, summed = Ranks(Alone(rank, len(counts))), []
        monkeypatch.setattr(ranks, "_sum", summed.append)
        mine = g[start : start + count]
        start += count
        grad = mine.mean(axis=0) if count else np.full(4, np.nan)
        loss = Loss(*mine[:, :3].mean(axis=0)) if count else None
        ranks.mean(grad, loss, count, B)
        total += summed[0]
        losses += summed[1]
    np.testing.assert_allclose(total, g.mean(axis=0))
    np.testing.assert_allclose(losses, g.mean(axis=0)[:3])


def test_a_process_by_itself_has_no_ranks(monkeypatch):
    for name in ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "SLURM_NTASKS"):
        monkeypatch.delenv(name, raising=False)
    for _ in range(2):
        ranks, grad, loss = ranks_of_this_run(), np.ones(3), Loss(3.0, 2.0, 1.0)
        assert (ranks.communicator, ranks.rank, ranks.size) == (None, 0, 1)
        assert range(7)[ranks.rows(7)] == range(7)
        assert ranks.mean(grad, loss, 7, 7) is loss and grad.tolist() == [1.0] * 3
        assert ranks.share(loss) is loss
        assert ranks.abort(ValueError("the caller raises it")) is None
        monkeypatch.setenv("PMI_SIZE", "1")


def test_without_mpi4py_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setenv("PMI_SIZE", "2")
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    with complains(ValueError, "mpi4py", "pip install 'minivae[mpi]'"):
        ranks_of_this_run()


def test_free_bits_are_refused(rng):
    model = VAE.mlp(4, 1, (), Bernoulli(), rng=rng)
    x = (rng.random((10, 4)) < 0.5).astype(np.float32)
    with complains(ValueError, "free_bits: expected 0 with several ranks", "0.5"):
        fit(model, x, free_bits=0.5, rng=rng, ranks=Ranks(Alone(0, 2)))


WORKER = """
import sys, numpy as np
from minivae import IWAE, VAE, Adam, Autoencoder, Bernoulli, Binomial, Gaussian
from minivae.datasets import Images
from minivae.training import fit, load
from minivae.training.parallel import ranks_of_this_run

def train(kind, out, epochs):
    rng = np.random.default_rng(7)
    pixels = rng.integers(0, 17, (47, 6)).astype(np.uint8)
    labels = np.arange(47) % 3
    images = Images(pixels[:37], pixels[37:], 16, (2, 3), "some", labels[:37], labels[37:])
    settings = {"batch_size": 10, "progress": False, "epochs": epochs}
    common = {"rng": rng, "dtype": np.float64}
    if kind == "small":
        settings["batch_size"] = 3
        model = VAE.mlp(6, 2, (5,), Binomial(16), **common)
    elif kind == "iwae":
        settings["samples"] = 3
        model = IWAE.mlp(6, 2, (5,), Binomial(16), **common)
    elif kind == "binarized":
        settings |= {"binarize": "stochastic", "beta": 0.5, "samples": 2}
        model = VAE.mlp(6, 2, (5,), Bernoulli(), **common)
    elif kind == "learned":
        model = VAE.mlp(6, 2, (5,), Gaussian(1.0, learned=True), condition=3, **common)
    elif kind == "conv":
        wide = np.tile(pixels, 4)[:, :16]
        images = Images(wide[:37], wide[37:], 16, (4, 4), "some")
        model = VAE.conv((4, 4), 2, (2,), Binomial(16), **common)
    else:
        model = Autoencoder.mlp(6, 2, (5,), Binomial(16), **common)
    ranks, optimizer, history = ranks_of_this_run(), Adam(1e-3), None
    if kind == "resumed":
        saved = load(out)
        model, optimizer, rng = saved.model, saved.optimizer, saved.rng
        history, settings = saved.history, settings | saved.settings
    settings |= {"history": history, "checkpoint": out, "ranks": ranks}
    history = fit(model, images, optimizer, rng=rng, **settings)
    if ranks.size > 1:
        theta = ranks.communicator.allgather(model.theta)
        assert all(np.array_equal(t, theta[0]) for t in theta), "different models"
        rows = ranks.communicator.allgather(history.rows)
        assert all(row == rows[0] for row in rows), "different histories"

for kind, out, epochs in zip(*[iter(sys.argv[1:])] * 3):
    train(kind, out, int(epochs))
"""
KINDS = ["plain", "iwae", "binarized", "learned", "conv"]


def train(folder, size, *jobs):
    """(theta, history) after each of the trainings (kind, epochs, file) by `size` ranks."""
    (folder / "worker.py").write_text(WORKER)
    command = [sys.executable, str(folder / "worker.py")]
    for kind, epochs, out in jobs:
        command += [kind, str(folder / out), str(epochs)]
    if size > 1:
        command = [MPIEXEC, "-n", str(size), *command]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    found = []
    for _, _, out in jobs:
        with np.load(folder / out) as arrays:
            found.append((arrays["theta"], arrays["history"]))
    return found


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """{kind: its (theta, history) by one process and by two}, every kind in one go."""
    folder, jobs = tmp_path_factory.mktemp("ranks"), [(k, 25, f"{k}.npz") for k in KINDS]
    one, two = (train(folder, n, *jobs) for n in (1, 2))
    return {kind: (one[i], two[i]) for i, kind in enumerate(KINDS)}


@mpi
@pytest.mark.parametrize("kind", KINDS)
def test_two_ranks_agree_with_one_process_after_a_hundred_steps(kind, trained):
    (one, told), (two, told_by_two) = trained[kind]
    np.testing.assert_allclose(two, one, rtol=0, atol=1e-12, err_msg=kind)
    np.testing.assert_allclose(told_by_two[:, :-1], told[:, :-1], rtol=1e-11)


@mpi
@pytest.mark.parametrize("size", [3, 4])
def test_more_ranks_than_images_in_a_batch(size, tmp_path):
    [(one, _)], [(many, _)] = (train(tmp_path, n, ("small", 4, "x.npz")) for n in (1, size))
    np.testing.assert_allclose(many, one, rtol=0, atol=1e-12)


@mpi
def test_another_number_of_ranks_goes_on_and_the_same_number_repeats_its_bits(
    tmp_path, trained
):
    _, (whole, _) = trained["plain"]
    jobs = ("plain", 25, "again.npz"), ("plain", 10, "2.npz")
    [(again, _), _] = train(tmp_path, 2, *jobs)
    assert whole.tobytes() == again.tobytes(), "two ranks, run twice"
    shutil.copy(tmp_path / "2.npz", tmp_path / "1.npz")
    for size in (2, 1):
        [(resumed, _)] = train(tmp_path, size, ("resumed", 25, f"{size}.npz"))
        np.testing.assert_allclose(resumed, whole, rtol=0, atol=1e-12)
        if size == 2:
            assert resumed.tobytes() == whole.tobytes(), "resumed with as many ranks"


@mpi
def test_an_error_in_one_rank_ends_them_all(tmp_path):
    script = tmp_path / "fails.py"
    script.write_text(
        "import numpy as np\n"
        "from minivae import VAE, Bernoulli\n"
        "from minivae.training import fit\n"
        "from minivae.training.parallel import ranks_of_this_run\n"
        "ranks, rng = ranks_of_this_run(), np.random.default_rng(0)\n"
        "model = VAE.mlp(4, 1, (), Bernoulli(), rng=rng)\n"
        "x = np.zeros((40, 4), np.float32)\n"
        "def stop(history):\n"
        "    if ranks.rank == 1:\n"
        "        raise ValueError('stop: it broke here')\n"
        "fit(model, x, rng=rng, epochs=500, stop=stop, progress=False, ranks=ranks)\n"
    )
    done = subprocess.run(
        [MPIEXEC, "-n", "2", sys.executable, str(script)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode != 0
    assert "rank 1: ValueError: stop: it broke here" in done.stderr
    assert "Traceback" not in done.stderr, done.stderr


def command_line(size, *words):
    minivae = [sys.executable, "-m", "minivae", "train", "--hidden", "8", *words]
    return [MPIEXEC, "-n", str(size), *minivae]


@mpi
def test_the_command_line_trains_one_model_and_rank_0_writes(tmp_path, monkeypatch):
    words = ["--epochs", "2", "--latent", "2", "--out"]
    done = subprocess.run(
        command_line(2, *words, "2"),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=99,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("test nelbo") == 1, done.stdout
    monkeypatch.setattr(cli.training, "_draw", lambda *arguments: None)
    assert cli.main(["train", "--hidden", "8", *words, str(tmp_path / "1")]) == 0
    one, two = (load(tmp_path / size / "model.npz") for size in ("1", "2"))
    np.testing.assert_allclose(two.model.theta, one.model.theta, atol=1e-4)
    done = subprocess.run(
        command_line(2, "--epochs", "0"), capture_output=True, text=True, timeout=99
    )
    assert done.returncode != 0 and "Traceback" not in done.stderr, done.stderr


@mpi
def test_a_killed_rank_ends_all_and_the_checkpoint_goes_on(tmp_path, monkeypatch):
    running = subprocess.Popen(
        command_line(2, "--epochs", "100000", "--out", "run"),
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    path, began = tmp_path / "run" / "model.npz", time.monotonic()
    while not path.exists() and time.monotonic() < began + 60:
        time.sleep(0.1)
    ranks = subprocess.run(
        ["pgrep", "-f", "minivae train.*100000"], capture_output=True, text=True
    ).stdout.split()
    victims = [int(pid) for pid in ranks if int(pid) != running.pid]
    os.kill(max(victims), signal.SIGKILL)
    assert running.wait(timeout=30) != 0
    done = len(load(path).history)
    assert done > 0
    monkeypatch.setattr(cli.training, "_draw", lambda *arguments: None)
    words = ["--resume", str(path), "--epochs", str(done + 1)]
    assert cli.main(["train", *words, "--out", str(tmp_path / "more")]) == 0
