"""`fit` that ends early: on request, by Ctrl-C, or because something is not finite."""

import io
import signal

import numpy as np
import pytest
from training.test_fitting import small, some_digits, still, train

from minivae import SGD, Adam, Gaussian
from minivae.training import fit
from minivae.training.history import History, patience


def test_stop_is_asked_after_each_epoch_and_ends_the_training():
    history = train(small(), epochs=50, stop=lambda history: len(history) == 4)
    assert len(history) == 4 and not history.interrupted
    history = train(small(), None, still(), epochs=50, stop=patience(3))
    assert len(history) == 4, "the first epoch was the best, and three were no better"


def test_epochs_count_from_the_first_and_seconds_add_up():
    model, optimizer = small(), Adam(1e-2)
    history = train(model, None, optimizer, epochs=2)
    theta = model.theta.copy()
    history.rows[-1] = (*history.rows[-1][:-1], 1000.0)
    assert train(model, None, optimizer, epochs=2, history=history) is history
    assert len(history) == 2 and np.array_equal(model.theta, theta)
    train(model, None, optimizer, epochs=3, history=history)
    assert len(history) == 3 and 1000 < history["seconds"][-1] < 1100
    assert history["step"][-1] == 12


def failing(optimizer, at, spoil):
    """Let `spoil(theta)` happen once, right after step number `at`."""
    step, left = optimizer.step, [spoil]

    def stepping(theta, grad):
        step(theta, grad)
        if optimizer.t == at and left:
            left.pop()(theta)

    optimizer.step = stepping
    return optimizer


@pytest.fixture
def sigint():
    """Python's own answer to Ctrl-C, which a process in the background starts without."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def control_c(theta):
    theta[: len(theta) // 2] += 1
    signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("at", [1, 4, 10])
def test_control_c_takes_everything_back_to_the_last_whole_epoch(sigint, at):
    stopped, whole = small(), small()
    optimizer = failing(Adam(1e-2), at, control_c)
    rng = np.random.default_rng(2)
    stream = io.StringIO()
    settings = {"epochs": 5, "batch_size": 16, "rng": rng, "progress": stream}
    history = fit(stopped, some_digits(), optimizer, **settings)
    done = (at - 1) // 4
    assert history.interrupted and len(history) == done
    assert f"interrupted: back to the end of epoch {done}" in stream.getvalue()
    # Going on from there is what a training without Ctrl-C would have done.
    history = fit(stopped, some_digits(), optimizer, history=history, **settings)
    expected = train(whole, epochs=5)
    assert not history.interrupted
    assert np.array_equal(stopped.theta, whole.theta)
    assert [r[:-1] for r in history.rows] == [r[:-1] for r in expected.rows]


class Untimely(History):
    """Ctrl-C comes when the row is there and the weights are not yet remembered."""

    def append(self, **row):
        super().append(**row)
        if len(self) == 2:
            raise KeyboardInterrupt


def test_control_c_between_two_lines_of_bookkeeping():
    model, history = small(), Untimely()
    assert train(model, history=history, epochs=5) is history
    expected = small()
    train(expected, epochs=1)
    assert len(history) == 1 and np.array_equal(model.theta, expected.theta)


@pytest.mark.parametrize("at, value", [(2, np.nan), (4, np.nan), (5, np.inf)])
def test_weights_that_are_not_finite_stop_it_with_epoch_and_step(at, value):
    # Step 4 is the last of an epoch: no loss of that epoch sees what it did.
    model = small()
    optimizer = failing(Adam(1e-2), at, lambda theta: theta.fill(value))
    with pytest.raises(FloatingPointError) as caught:
        train(model, None, optimizer)
    epoch = 2 if at == 5 else 1
    assert str(caught.value).startswith(f"epoch {epoch}, after step {at}: ")
    assert "theta is not finite" in str(caught.value)
    assert np.isfinite(model.theta).all(), "the last whole epoch's weights are back"


@pytest.mark.parametrize("kind", [Adam, SGD])
def test_a_gradient_that_is_not_finite_stops_it_with_epoch_and_step(kind, monkeypatch):
    model = small()
    backward = model.backward

    def overflowing():
        backward()
        model.grad[5] = np.inf

    monkeypatch.setattr(model, "backward", overflowing)
    before = model.theta.copy()
    with pytest.raises(FloatingPointError, match=r"epoch 1, after step 0: grad is not .*5"):
        train(model, None, kind(1e-2))
    assert np.array_equal(model.theta, before), "a step was taken"


def test_a_learning_rate_that_explodes_is_reported_and_not_a_row_of_nan():
    model = small(likelihood=Gaussian(1e-3))
    history_before = np.array(model.theta)
    with pytest.raises(FloatingPointError, match=r"epoch 1, after step .*smaller"):
        train(model, None, SGD(1e6))
    assert np.array_equal(model.theta, history_before)


def test_an_overflow_in_the_optimizers_memory_is_found():
    optimizer = Adam(1e-2)

    def overflow(theta):
        optimizer.v[3] = np.inf  # the weight would stand still for ever, and no loss see it

    with pytest.raises(FloatingPointError, match="optimizer's v is not finite"):
        train(small(), None, failing(optimizer, 2, overflow))


def test_other_errors_take_the_weights_back_too():
    model = small()

    def broken(history):
        if len(history) == 2:
            model.theta[:] = 7
            raise ZeroDivisionError("in a stop of my own")

    with pytest.raises(ZeroDivisionError):
        train(model, epochs=5, stop=broken)
    expected = small()
    train(expected, epochs=2)
    assert np.array_equal(model.theta, expected.theta)
