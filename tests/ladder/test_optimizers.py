"""Rung 7: optimizers and schedules that go another way."""

import math

import numpy as np
import pytest
from ladder_breaking import assert_seen, failing

from minivae.ladder import optimizers

ROOT = "self.beta2**self.t"


def rows():
    return optimizers.optimizers(np.random.default_rng(3))


def test_right_code_passes():
    assert failing(rows) == []


@pytest.mark.parametrize(
    ("where", "right", "wrong", "claims"),
    [
        (
            "optim:Adam.step",
            ROOT,
            "self.beta2**min(self.t, 1400)",
            ["Adam with its defaults"],
        ),
        ("optim:Adam.step", "self.eps * root", "1e-8 * root", ["Adam with others"]),
        ("optim:SGD.step", "self.v += grad", "self.v += lr * grad", ["SGD with momentum"]),
        (
            "optim:Optimizer._begin",
            "value_at(self.lr, self.t)",
            "value_at(self.lr, self.t + 1)",
            ["Adam with its defaults", "SGD with momentum"],
        ),
        (
            "optim:Adam.step",
            "range(0, theta.size, self.BLOCK)",
            "[0]",
            ["Adam: a long vector"],
        ),
        (
            "optim:SGD.step",
            "theta -= lr * self.v",
            "theta[:999] -= lr * self.v[:999]",
            ["SGD: a long vector"],
        ),
        (
            "optim:Optimizer.state",
            "getattr(self, name).copy()",
            "getattr(self, name)",
            ["Adam: steps after load_state", "SGD: steps after load_state"],
        ),
        (
            "optim:Optimizer.load_state",
            "self.t = t",
            "self.t = min(1, t)",
            ["Adam: steps after load_state"],
        ),
    ],
)
def test_another_way(where, right, wrong, claims):
    assert_seen(rows, [(where, right, wrong)], *claims)


@pytest.mark.parametrize("name", ["linear_warmup", "cosine_decay", "piecewise_constant"])
def test_another_schedule(name, monkeypatch):
    """Each late by a step."""
    right = getattr(optimizers, name)

    def late(*arguments):
        schedule = right(*arguments)
        return lambda step: schedule(max(step - 1, 0))

    monkeypatch.setattr(optimizers, name, late)
    assert any("warm-up, cosine and steps" in claim for claim in failing(rows))


def test_the_recursions_themselves_by_hand():
    """The first step of Adam is lr · sign(g), whatever the betas; SGD gathers speed."""
    path = optimizers.adam([4.0, 0.0], lambda t: 0.1, 0.5, 0.75, 1e-300)
    # second: m = 1, v = 3, m̂ = 4/3, v̂ = 48/7
    expected = [-0.1, -0.1 - 0.1 * (4 / 3) / math.sqrt(48 / 7)]
    assert path == pytest.approx(expected)
    assert optimizers.sgd([1.0, 1.0], lambda t: 0.5, 0.5) == [-0.5, -1.25]
    assert optimizers.rate(0) == 0.01 and optimizers.rate(1000) == pytest.approx(0.005)
