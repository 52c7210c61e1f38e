"""Rung 7, the optimizers: many steps by the papers' own recursions, in plain Python."""

import math

import numpy as np

from minivae.ladder.table import Row, relative
from minivae.optim import SGD, Adam
from minivae.schedules import cosine_decay, linear_warmup, piecewise_constant

STEPS = 1500  # long enough for every bias correction to have faded


def optimizers(rng):
    """Adam, SGD with momentum and the schedules: a list of `Row`.

    The gradients' sizes run from 1e-6, where eps counts, to 10.
    """
    sizes = np.array([10.0, 0.3, 1e-6])
    gradients = rng.standard_normal((STEPS, 3)) * sizes
    rows = []
    for name, optimizer, recursion, arguments in (
        ("Adam with its defaults", Adam, adam, ()),
        ("Adam with others", Adam, adam, (0.7, 0.99, 1e-4)),
        ("SGD with momentum", SGD, sgd, (0.8,)),
    ):
        path = _walk(optimizer(cosine_decay(0.01, 2000), *arguments), gradients)
        expected = [recursion(g.tolist(), rate, *arguments) for g in gradients.T]
        figure = max(map(relative, path.T, expected))
        rows.append(Row(7, f"{name}: {STEPS} steps", figure, "relative", 1e-9))
    return [*rows, *_memory(gradients[:6]), _schedules()]


def rate(step):
    """½ · 0.01 (1 + cos(π step / 2000)), the first step being 0."""
    return 0.005 * (1 + math.cos(math.pi * step / 2000))


def adam(gradients, rate, beta1=0.9, beta2=0.999, eps=1e-8):
    """One parameter's path from 0 (Kingma & Ba 2015, algorithm 1)."""
    theta = m = v = 0.0
    path = []
    for t, g in enumerate(gradients, start=1):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
        theta -= rate(t - 1) * m_hat / (math.sqrt(v_hat) + eps)
        path.append(theta)
    return path


def sgd(gradients, rate, momentum):
    """One parameter's path from 0 (Polyak 1964)."""
    theta = velocity = 0.0
    path = []
    for t, g in enumerate(gradients):
        velocity = momentum * velocity + g
        theta -= rate(t) * velocity
        path.append(theta)
    return path


def _walk(optimizer, gradients):
    """The path of theta from 0, shape (steps, P)."""
    theta = np.zeros(gradients.shape[1])
    path = []
    for g in gradients:
        optimizer.step(theta, g)
        path.append(theta.copy())
    return np.array(path)


def _memory(gradients):
    """A long vector moves as its entries do alone, and `state` is all there is to know."""
    for make in (lambda: Adam(0.01), lambda: SGD(0.01, 0.8)):
        long = np.resize(np.arange(3), 2 * Adam.BLOCK + 7)
        first = make()
        alone = _walk(make(), gradients)
        tiled = _walk(first, gradients[:3, long])
        apart = relative(tiled[2], alone[2, long])
        begun, resumed = make(), make()
        _walk(begun, gradients[:3])
        state = begun.state()
        begun.step(np.zeros(3), gradients[3])  # the copy must not feel this
        resumed.load_state(state)
        rest = alone[2] + _walk(resumed, gradients[3:])
        name = type(first).__name__
        again = relative(rest, alone[3:])
        yield Row(7, f"{name}: a long vector, entry by entry", apart, "relative", 1e-12)
        yield Row(7, f"{name}: steps after load_state(state())", again, "relative", 1e-9)


def _schedules():
    """Each at its first steps, its last, and beyond."""
    pairs = []
    for step in (0, 1, 5, 9, 10, 11, 40):
        done = min(1.0, step / 10)
        pairs += [
            (linear_warmup(0.3, 10)(step), 0.3 * done),
            (cosine_decay(0.3, 10)(step), 0.15 * (1 + math.cos(math.pi * done))),
            (
                piecewise_constant([3.0, 2.0, 1.0], [1, 9, 5])(step),
                3.0 if step < 1 else 2.0 if step < 10 else 1.0,
            ),
        ]
    apart = max(abs(found - expected) for found, expected in pairs)
    return Row(7, "warm-up, cosine and steps, by their formulas", apart, "", 1e-12)
