"""Each hypothesis about numbers fires on its own mistake, and on no right gradient."""

import numpy as np
import pytest
from gradcheck_examples import B, M, N, affine, first_hint
from hypothesis import given
from hypothesis import strategies as st

from minivae import Linear
from minivae.gradcheck import check_gradient, check_layer
from minivae.gradcheck.factors import factor_text


@given(st.integers(0, 10_000), st.booleans())
def test_a_right_gradient_raises_no_alarm(seed, square):
    loss, theta, grad, _ = affine(square, seed)
    report = check_gradient(loss, theta, grad)
    report.assert_ok()
    assert report.verdict == "ok" and not report.hints and not report.notes
    assert report.worst < 1e-9, str(report)


@given(
    st.sampled_from([("W",), ("b",), ("W", "b")]),
    st.sampled_from(["2", "1/2", "4", "−1", "−2", "B", "1/B", "D", "1/D", "B·D", "2/D"]),
)
def test_constant_factors_are_named(names, factor):
    values = {"B": float(B), "D": float(N), "2": 2.0, "4": 4.0, "1": 1.0}
    c = 1.0
    for piece in factor.lstrip("−").split("·"):
        top, _, bottom = piece.partition("/")
        c *= values[top] / values[bottom or "1"]
    c = -c if factor.startswith("−") else c

    def scale(g, x, dy):
        for name in names:
            g[name] *= c

    hint, report = first_hint(scale)
    assert hint.cause == "constant_factor" and hint.blocks == list(names), str(report)
    assert factor_text(c, [factor]) in hint.text, str(report)
    assert len(report.hints) == 1, str(report)


def test_a_factor_without_a_name_is_called_just_that():
    hint, report = first_hint(lambda g, x, dy: g["W"].__imul__(1.2345))
    assert hint.cause == "constant_factor" and "1.2345 times" in hint.text, str(report)


def shuffle(g, x, dy):
    g["W"][...] = g["W"][::-1, :].copy()


def reshape(g, x, dy):
    g["W"] = (dy.T @ x).reshape(N, M)


def overflow(g, x, dy):
    g["W"][1, 1] = np.inf


def stop(g, x, dy):
    g["b"][...] = 0


def decay(g, x, dy):
    g["W"] -= 0.3 * affine()[1]["W"]


def noise(g, x, dy):
    g["W"] += np.cos(np.arange(15).reshape(N, M))


GENERAL = [
    ("misplaced", True, lambda g, x, dy: g.update(W=dy.T @ x), "Only a square matrix"),
    ("misplaced", False, reshape, "only reshaped"),
    ("wrong_shape", False, lambda g, x, dy: g.update(W=dy.T @ x), "lacks a .T"),
    ("wrong_shape", False, lambda g, x, dy: g.update(W=(x.T @ dy).ravel()), "but reshaped"),
    (
        "wrong_shape",
        False,
        lambda g, x, dy: g.update(W=(x.T @ dy)[..., None]),
        "but reshaped",
    ),
    (
        "wrong_shape",
        False,
        lambda g, x, dy: g.update(b=dy),
        "sum over the batch is missing",
    ),
    ("wrong_shape", False, lambda g, x, dy: g.update(b=dy.sum(1)), "over the wrong axis"),
    ("wrong_shape", False, lambda g, x, dy: g.update(b=np.ones(7)), "Neither transposing"),
    ("misplaced", False, lambda g, x, dy: g["b"].fill(dy.sum()), "all axes"),
    ("misplaced", False, shuffle, "wrong places"),
    ("identically_zero", False, stop, "never written"),
    ("gradient_not_finite", False, overflow, "inf at W[1, 1]"),
    ("place", False, noise, "W alone is wrong"),
    ("penalty", False, decay, "- 0.3 times the parameter itself"),
]


@pytest.mark.parametrize(("cause", "square", "mistake", "words"), GENERAL)
def test_general_mistakes(cause, square, mistake, words):
    hint, report = first_hint(mistake, square)
    assert hint.cause == cause and words in hint.text, str(report)
    assert len(report.hints) == 1, f"more hints than mistakes:\n{report}"


def test_a_sum_over_the_wrong_axis_that_the_shape_hides():
    rng = np.random.default_rng(0)

    class WrongAxis(Linear):
        def backward(self, dy, need_dx=True):
            dx = super().backward(dy, need_dx)
            self.db[...] = dy.sum(axis=1)
            return dx

    report = check_layer(WrongAxis(N, B), rng.standard_normal((B, N)), rng)
    assert report.hints[0].cause == "misplaced", str(report)


@pytest.mark.parametrize(
    ("row", "factor", "words"),
    [
        (0, 1, "first row of the batch alone: the sum"),
        (-1, 1, "last row of the batch alone: the sum"),
        (0, B, "first row of the batch alone, times B"),
        (-1, 1 / B, "last row of the batch alone, divided by B"),
    ],
)
def test_one_row_instead_of_the_batch(row, factor, words):
    rng = np.random.default_rng(0)

    class OneRow(Linear):
        def backward(self, dy, need_dx=True):
            dx = super().backward(dy, need_dx)
            self.db[...] = factor * dy[row]
            return dx

    report = check_layer(OneRow(N, M), rng.standard_normal((B, N)), rng)
    assert report.hints[0].cause == "one_row" and words in report.hints[0].text, str(report)


def test_two_parameters_exchanged():
    rng = np.random.default_rng(1)
    a, theta = rng.standard_normal(4), {"p": rng.random(4), "q": rng.random(4)}

    def f(t):
        return (a * np.sin(t["p"]) * t["q"] ** 2).sum()

    def grad(t):
        dp, dq = a * np.cos(t["p"]) * t["q"] ** 2, 2 * a * np.sin(t["p"]) * t["q"]
        return {"p": dq, "q": dp}

    report = check_gradient(f, theta, grad)
    (hint,) = report.hints
    assert hint.cause == "another_block", str(report)
    assert "of p is that of q" in hint.text and "of q is that of p" in hint.text


def test_two_different_mistakes_in_one_layer_are_both_named():
    def both(g, x, dy):
        g["W"] *= 2
        g["b"] *= -1

    hint, report = first_hint(both)
    assert hint.blocks == ["W", "b"] and len(report.hints) == 1, str(report)
    assert "of W is 2 times" in hint.text and "of b is -1 times" in hint.text, str(report)


def test_penalties_of_two_weights_are_not_given_one_number():
    def decays(g, x, dy):
        g["W"] += 0.3 * affine()[1]["W"]
        g["b"] += 0.7 * affine()[1]["b"]

    hint, report = first_hint(decays)
    assert hint.cause == "penalty", str(report)
    for name, c in (("W", 0.3), ("b", 0.7)):
        assert f"of {name} is the right one + {c} times the parameter" in hint.text, hint


@pytest.mark.parametrize(("n", "cause"), [(3, "constant_factor"), (2, "place")])
def test_a_factor_without_a_name_wants_three_numbers(n, cause):
    theta = {"p": np.arange(1.0, n + 1), "q": np.ones(2)}
    claim = {"p": 1.2345 * np.cos(theta["p"]), "q": np.ones(2)}
    report = check_gradient(lambda t: np.sin(t["p"]).sum() + t["q"].sum(), theta, claim)
    assert report.hints[0].cause == cause, str(report)


def test_a_gradient_kept_from_another_theta_is_stale():
    loss, theta, grad, _ = affine()
    kept = 1.7 * grad(theta)["W"] ** 2
    report = check_gradient(loss, theta, lambda p: grad(p) | {"W": kept})
    hint = report.hints[0]
    assert hint.cause == "stale" and hint.blocks == ["W"], str(report)
    assert "does not change when the parameters do" in hint.text


def test_a_mistake_made_anew_or_in_what_is_constant_is_not_stale():
    loss, theta, grad, _ = affine()

    def anew(p):
        g = grad(p)
        return g | {"W": g["W"] + np.cos(np.arange(g["W"].size)).reshape(g["W"].shape)}

    assert check_gradient(loss, theta, anew).hints[0].cause == "place"
    report = check_gradient(
        lambda t: (t * [1.0, 2, 5]).sum(), np.ones(3), lambda t: np.array([4.0, 1, 1])
    )
    assert report.hints[0].cause == "place", str(report)
