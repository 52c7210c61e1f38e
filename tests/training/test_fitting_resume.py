"""Training that goes on from a checkpoint ends with the bits of one that never stopped."""

import signal

import numpy as np
import pytest

from minivae import IWAE, SGD, VAE, Adam, Autoencoder, Bernoulli, Binomial, Gaussian
from minivae.datasets import load_digits
from minivae.datasets.images import Images
from minivae.layers import Tanh
from minivae.schedules import cosine_decay, linear_warmup
from minivae.training import fit
from minivae.training.checkpoints import load

DIGITS = load_digits()
IMAGES = Images(DIGITS.train[:70], DIGITS.test[:20], 16, (8, 8), "some digits")

CASES = {
    "VAE, binarized anew": (VAE, Bernoulli, {"binarize": "stochastic"}),
    "VAE, all settings": (
        VAE,
        lambda: Binomial(16),
        {"beta": linear_warmup(1.0, 20), "free_bits": 0.1, "samples": 2},
    ),
    "VAE, learned variance": (VAE, lambda: Gaussian(0.1, learned=True), {}),
    "IWAE": (IWAE, Bernoulli, {"binarize": "stochastic", "samples": 3}),
    "autoencoder": (Autoencoder, lambda: Binomial(16), {}),
}
OPTIMIZERS = {
    "Adam": lambda: Adam(cosine_decay(1e-2, 40)),
    "SGD": lambda: SGD(1e-4, momentum=0.9),
}


def fresh(cls, likelihood, dtype=np.float32):
    rng = np.random.default_rng(1)
    return cls.mlp(64, 2, (6,), likelihood(), rng=rng, dtype=dtype)


def state(model, optimizer, rng, history):
    """Everything that must agree to the last bit; the seconds of course do not."""
    memory = {k: np.asarray(v).tobytes() for k, v in optimizer.state().items()}
    rows = [row[:-1] for row in history.rows]
    return model.theta.tobytes(), memory, rng.bit_generator.state, rows


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_resumed_is_unbroken_bit_for_bit(tmp_path, case, optimizer):
    cls, likelihood, settings = CASES[case]
    path = tmp_path / "model.npz"
    usual = {"batch_size": 32, "progress": False}

    model, rng, make = (
        fresh(cls, likelihood),
        np.random.default_rng(2),
        OPTIMIZERS[optimizer],
    )
    unbroken = make()
    history = fit(model, IMAGES, unbroken, epochs=6, rng=rng, **usual | settings)
    expected = state(model, unbroken, rng, history)

    model, rng = fresh(cls, likelihood), np.random.default_rng(2)
    fit(model, IMAGES, make(), epochs=2, rng=rng, checkpoint=path, **usual | settings)
    for epochs in (3, 6):
        saved = load(path)
        fit(
            saved.model,
            IMAGES,
            saved.optimizer,
            epochs=epochs,
            rng=saved.rng,
            history=saved.history,
            checkpoint=path,
            progress=False,
            **saved.settings,
        )
    saved = load(path)
    assert state(saved.model, saved.optimizer, saved.rng, saved.history) == expected
    assert saved.data == {"name": "some digits", "max_count": 16, "shape": (8, 8)}


@pytest.fixture
def sigint():
    """Python's own answer to Ctrl-C, which a process in the background starts without."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupted_at(optimizer, t, path, seen):
    """Press Ctrl-C half-way through step `t`."""
    step = optimizer.step

    def stepping(theta, grad):
        if optimizer.t + 1 == t:
            seen.append(path.exists())
            theta[::2] -= 0.1
            signal.raise_signal(signal.SIGINT)
        step(theta, grad)

    optimizer.step = stepping
    return optimizer


def test_control_c_saves_the_last_whole_epoch(sigint, tmp_path):
    path, seen = tmp_path / "model.npz", []
    model, rng = fresh(VAE, Bernoulli), np.random.default_rng(2)
    optimizer = interrupted_at(Adam(1e-2), 8, path, seen)
    settings = {"batch_size": 32, "binarize": "threshold", "progress": False}
    settings["checkpoint"] = path
    history = fit(model, IMAGES, optimizer, epochs=9, rng=rng, **settings)
    assert history.interrupted and len(history) == 2
    assert seen == [False], "what is saved was saved after Ctrl-C"
    saved = load(path)
    assert state(saved.model, saved.optimizer, saved.rng, saved.history) == state(
        model, optimizer, rng, history
    )
    whole, rng = fresh(VAE, Bernoulli), np.random.default_rng(2)
    del settings["checkpoint"]
    fit(whole, IMAGES, Adam(1e-2), epochs=2, rng=rng, **settings)
    assert np.array_equal(saved.model.theta, whole.theta)


@pytest.mark.parametrize("cause", ["nan", "interrupt"])
def test_no_whole_epoch_leaves_the_file_that_was_there(sigint, tmp_path, cause):
    path = tmp_path / "model.npz"
    path.write_bytes(b"of an earlier training")
    model = fresh(VAE, Bernoulli)
    settings = {"batch_size": 32, "binarize": "threshold", "progress": False}
    settings |= {"epochs": 9, "rng": np.random.default_rng(2), "checkpoint": path}
    if cause == "nan":
        with pytest.raises(FloatingPointError, match="epoch 1, after step"):
            fit(model, IMAGES, SGD(1e38), **settings)
    else:
        assert fit(
            model, IMAGES, interrupted_at(Adam(), 2, path, []), **settings
        ).interrupted
    assert path.read_bytes() == b"of an earlier training"
    assert [p.name for p in tmp_path.iterdir()] == ["model.npz"]


def test_a_loss_that_is_not_finite_leaves_the_last_good_checkpoint(tmp_path):
    path = tmp_path / "model.npz"
    model, rng = fresh(VAE, Bernoulli), np.random.default_rng(2)
    explodes = Adam(lambda step: 1e-2 if step < 8 else 1e30)  # in the third epoch
    settings = {"batch_size": 32, "binarize": "threshold", "progress": False, "rng": rng}
    with pytest.raises(FloatingPointError, match="epoch 3, after step 9: "):
        fit(model, IMAGES, explodes, epochs=9, checkpoint=path, **settings)
    saved = load(path)
    assert len(saved.history) == 2 and saved.optimizer.t == 6
    expected = fresh(VAE, Bernoulli)
    settings["rng"] = np.random.default_rng(2)
    fit(expected, IMAGES, Adam(1e-2), epochs=2, **settings)
    assert np.array_equal(saved.model.theta, expected.theta)


def test_checkpoints_are_written_in_between(tmp_path, monkeypatch):
    monkeypatch.setattr("minivae.training.fitting.SAVE_EVERY", 0.0)
    path, found = tmp_path / "model.npz", []

    def look(history):
        found.append(len(load(path).history))
        return False

    rng = np.random.default_rng(2)
    fit(
        fresh(Autoencoder, lambda: Binomial(16)),
        IMAGES,
        Adam(),
        epochs=4,
        rng=rng,
        checkpoint=path,
        stop=look,
        progress=False,
    )
    # The last epoch needs no question whether to stop.
    assert found == [1, 2, 3] and len(load(path).history) == 4


class Softsign(Tanh):
    """A layer that `saving` does not know."""


def test_a_model_that_cannot_be_saved_is_refused_before_training(tmp_path):
    model = fresh(VAE, lambda: Binomial(16))
    model.encoder.layers[-1] = Softsign()
    theta = model.theta.copy()
    settings = {"epochs": 1, "rng": np.random.default_rng(0), "progress": False}
    with pytest.raises(TypeError, match=r"layer: expected .*Softsign"):
        fit(model, IMAGES, Adam(), checkpoint=tmp_path / "model.npz", **settings)
    assert np.array_equal(model.theta, theta)
    assert len(fit(model, IMAGES, Adam(), **settings)) == 1, "without a file it may train"
