"""What becomes of the evidence: where, why, and what is left."""

import numpy as np
from gradcheck_examples import affine

from minivae.gradcheck import check_gradient, diagnosis


def broken(evidence, blocks):
    raise RuntimeError("a hypothesis that asks too much")


def test_a_hypothesis_that_raises_loses_only_itself(monkeypatch):
    loss, theta, grad, _ = affine()
    wrong = {name: 2 * g for name, g in grad(theta).items()}
    for place in ("CAUSES", "CONDITIONS"):
        monkeypatch.setattr(diagnosis, place, [broken, *getattr(diagnosis, place)])
    report = check_gradient(loss, theta, wrong)
    assert report.hints[0].cause == "constant_factor", str(report)
    assert report.hints[0].text.startswith("Already W, b, which backward reaches first")


def test_without_a_cause_the_place_says_where_to_look(monkeypatch):
    loss, theta, grad, _ = affine()
    monkeypatch.setattr(diagnosis, "CAUSES", [])
    report = check_gradient(loss, theta, {name: 2 * g for name, g in grad(theta).items()})
    (hint,) = report.hints
    assert hint.cause == "place" and hint.why == report.place.look
    assert "Look at the edge of the loss" in hint.text


def test_a_second_mistake_elsewhere_is_told_too():
    """Two chains that do not touch; b of the first and W of the second are wrong."""
    rng = np.random.default_rng(0)
    x, n = rng.standard_normal((6, 3)), rng.standard_normal
    p = {"A": n((3, 4)), "a": n(4), "B": n((4, 2)), "b": n(2), "s": n(5)}

    def f(p):
        return (np.tanh(x @ p["A"] + p["a"]) @ p["B"] + p["b"]).sum() + (p["s"] ** 3).sum()

    def grad(p):
        h = np.tanh(x @ p["A"] + p["a"])
        dy = np.ones((6, 2))
        dh = dy @ p["B"].T * (1 + h**2)
        return {
            "A": x.T @ dh,
            "a": dh.sum(0),
            "B": h.T @ dy,
            "b": 3 * dy.sum(0),
            "s": 3 * p["s"] ** 2,
        }

    report = check_gradient(f, p, grad)
    assert report.place.first_wrong in (("b",), ("A", "a")), str(report)
    named = {n for hint in report.hints for n in hint.blocks}
    assert {"b", "A", "a"} <= named | set(report.place.behind), str(report)
