"""Gradients that depend on when, or how often, they are asked for."""

import numpy as np
import pytest
from gradcheck_examples import M, affine

from minivae.gradcheck import check_gradient

LOSS, THETA, GRAD, _ = affine()


class Accumulating:
    """Adds each gradient to what was there, of the parameters named."""

    def __init__(self, *names):
        self.names, self.store = names, {}

    def __call__(self, p):
        g = GRAD(p)
        for name in self.names:
            g[name] = self.store[name] = self.store.get(name, 0) + g[name]
        return {name: value.copy() for name, value in g.items()}


class Late:
    """Hands out what it found at the call before."""

    def __init__(self):
        self.waiting = GRAD({name: value + 0.1 for name, value in THETA.items()})

    def __call__(self, p):
        found, self.waiting = self.waiting, GRAD(p)
        return found


class Unsteady:
    def __init__(self):
        self.rng = np.random.default_rng(0)

    def __call__(self, p):
        g = GRAD(p)
        return g | {"b": g["b"] + self.rng.standard_normal(M)}


def both():
    one, two = Accumulating("W"), Unsteady()
    return lambda p: {"W": one(p)["W"], "b": two(p)["b"]}


@pytest.mark.parametrize(
    ("claim", "cause", "blocks", "words"),
    [
        (lambda: Accumulating("W", "b"), "repetition", ["W", "b"], "accumulates: asked"),
        (lambda: Accumulating("b"), "repetition", ["b"], "one whole gradient added"),
        (both, "repetition", ["W", "b"], "changes from call to call"),
        (Late, "repetition", ["W", "b"], "one call late"),
        (Unsteady, "repetition", ["b"], "draw noise of its own"),
    ],
)
def test_the_first_hint(claim, cause, blocks, words):
    report = check_gradient(LOSS, THETA, claim())
    hint = report.hints[0]
    assert report.verdict == "WRONG" and hint.cause == cause, str(report)
    assert hint.blocks == blocks and words in hint.text, str(report)


def test_the_same_gradient_at_each_call_is_no_finding():
    check_gradient(LOSS, THETA, GRAD).assert_ok()
    assert check_gradient(LOSS, THETA, GRAD(THETA)), "an array cannot be asked twice"
