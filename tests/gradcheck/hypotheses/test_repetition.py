"""Gradients that depend on when, or how often, they are asked for."""

import numpy as np
from gradcheck_examples import M, affine

from minivae.gradcheck import check_gradient


def test_accumulation_stale_values_and_unsteady_gradients():
    loss, theta, grad, _ = affine()
    store, kept, rng = {}, grad(theta), np.random.default_rng(0)

    def accumulating(p):
        for name, value in grad(p).items():
            store[name] = store.get(name, 0) + value
        return {name: value.copy() for name, value in store.items()}

    def stale(p):
        return {"W": 1.7 * kept["W"] ** 2, "b": grad(p)["b"]}

    def unsteady(p):
        g = grad(p)
        return g | {"b": g["b"] + rng.standard_normal(M)}

    def both(p):
        return {"W": accumulating(p)["W"], "b": unsteady(p)["b"]}

    for claim, words in (
        (accumulating, "accumulates:"),
        (both, "changes from call to call"),
        (stale, "does not change when the parameters do"),
        (unsteady, "draw noise of its own"),
    ):
        report = check_gradient(loss, theta, claim)
        assert report.verdict == "WRONG" and words in report.hints[0].text, str(report)
