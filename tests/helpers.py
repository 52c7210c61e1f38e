"""What several test files share: gradient checks, messages, kinks, a layer, MPI."""

import importlib.util
import os
import shutil
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from minivae import Autoencoder
from minivae.layers import ReLU, Sequential
from minivae.likelihoods import Laplace
from minivae.model import Model

PLACES = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
MPIEXEC = shutil.which("mpiexec", path=PLACES)
mpi = pytest.mark.skipif(
    importlib.util.find_spec("mpi4py") is None or MPIEXEC is None,
    reason="needs mpi4py and mpiexec: pip install 'minivae[mpi]'",
)


@contextmanager
def complains(kind, *parts):
    """Expect an exception of `kind` whose message holds every one of `parts`."""
    with pytest.raises(kind) as caught:
        yield
    for part in parts:
        assert part in str(caught.value), (
            f"expected {part!r} in the message, got {str(caught.value)!r}"
        )


def two_points(f, h=1e-5):
    """f'(0) from a central difference, to about 1e-9."""
    return (f(h) - f(-h)) / (2 * h)


def five_points(f, h=1e-4):
    """f'(0) from central differences at h and 2h: the error is of order h⁴."""
    return (8 * (f(h) - f(-h)) - (f(2 * h) - f(-2 * h))) / (12 * h)


def differentiate(rule, loss, array, index):
    """Differentiate the scalar `loss()` in one entry of `array`, perturbed in place."""
    start = array[index]

    def shifted(h):
        array[index] = start + h
        return loss()

    slope = rule(shifted)
    array[index] = start
    return slope


def assert_gradient(name, loss, array, came, tolerance=1e-7):
    """Compare `came` with central differences of `loss()`, entry by entry.

    The error is relative to the entry or, where that is larger, to the root mean square
    of the array's gradient: a gradient that vanishes is lost in rounding otherwise. An
    entry where two points leave more than `tolerance` is differentiated from four.
    """
    assert came.shape == array.shape, f"{name}: {came.shape}, not {array.shape}"
    expected = np.zeros(array.shape)

    def errors():
        rms = np.sqrt(np.mean(expected**2))
        return np.abs(came - expected) / np.maximum(np.maximum(abs(expected), rms), 1e-3)

    for index in np.ndindex(array.shape):
        expected[index] = differentiate(two_points, loss, array, index)
    for index in map(tuple, np.argwhere(~(errors() < tolerance))):
        expected[index] = differentiate(five_points, loss, array, index)
    error = errors()
    worst = np.unravel_index(np.argmax(error), error.shape)
    assert error[worst] < tolerance, (
        f"{name}[{', '.join(str(int(i)) for i in worst)}]: central differences expect"
        f" {expected[worst]:.12g}, came {came[worst]:.12g},"
        f" relative error {error[worst]:.2g} > {tolerance:g}"
    )


def assert_model_gradient(model, loss, tolerance=1e-7):
    """Check `model.grad`, as `backward` left it, against `loss()` by parameter name."""
    for name, (where, shape) in model.layout.items():
        came = model.grad[where].reshape(shape).copy()
        assert_gradient(name, loss, model.params[name], came, tolerance)


def alone(layer, rng, dtype=np.float64):
    """Give `layer` parameters of its own, none of them zero, and return it."""
    model = Model({"layer": layer}, rng, dtype)
    model.theta += 0.3 * rng.standard_normal(model.theta.size)
    model.grad[...] = np.nan  # whatever backward does not write will show
    return layer


def kink_distance(model, x, z):
    """How far the nearest ReLU input, or Laplace residual, is from its kink at zero."""
    nearest = [np.inf]

    def walk(stack, h):
        for layer in stack.layers:
            if isinstance(layer, ReLU):
                nearest.append(np.abs(h).min())
            h = walk(layer, h) if isinstance(layer, Sequential) else layer.forward(h)
        return h

    walk(model.encoder, x)
    y = walk(model.decoder, z.reshape(-1, model.K)).reshape(z.shape[:-1] + (model.D,))
    if isinstance(model.likelihood, Laplace):
        nearest.append(np.abs(x - y).min())
    return min(nearest)


def z_score(draws, expected):
    """(mean of `draws` - expected) in standard errors, along the first axis."""
    error = draws.std(axis=0, ddof=1) / np.sqrt(len(draws))
    return (draws.mean(axis=0) - expected) / error


def step(model, x, rng):
    """One loss and its gradient, whatever the model is."""
    noise = (
        () if isinstance(model, Autoencoder) else (rng.standard_normal((len(x), model.K)),)
    )
    loss = model.loss(x, *noise)
    model.backward()
    return loss


def binary(rng, B, D):
    return (rng.random((B, D)) < 0.5).astype(float)
