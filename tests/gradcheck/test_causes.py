"""Each general hypothesis fires on its own mistake, first, and on no right gradient."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minivae import (
    Binomial,
    Gaussian,
    Laplace,
    Linear,
    ReLU,
    Scale,
    Sequential,
    Sigmoid,
    Softplus,
    Tanh,
)
from minivae.gradcheck import check_gradient, check_layer, check_likelihood
from minivae.gradcheck.factors import factor_names, factor_text

B, N, M = 6, 5, 3  # batch, inputs, outputs


def affine(square=False, seed=0):
    """A tanh layer under a squared error: loss, parameters, right gradient, its pieces."""
    rng = np.random.default_rng(seed)
    n = m = N
    if not square:
        m = M
    x, target = rng.standard_normal((B, n)), rng.standard_normal((B, m))
    theta = {"W": rng.standard_normal((n, m)), "b": rng.standard_normal(m)}

    def loss(p):
        return ((np.tanh(x @ p["W"] + p["b"]) - target) ** 2).sum() / B

    def grad(p):
        y = np.tanh(x @ p["W"] + p["b"])
        dy = 2 * (y - target) * (1 - y * y) / B
        return {"W": x.T @ dy, "b": dy.sum(axis=0)}

    def pieces(p):
        y = np.tanh(x @ p["W"] + p["b"])
        return x, 2 * (y - target) * (1 - y * y) / B

    return loss, theta, grad, pieces


def first_hint(mistake, square=False, **options):
    """The first hint on `affine` with its gradient changed by `mistake(g, x, dy)`."""
    loss, theta, grad, pieces = affine(square)

    def wrong(p):
        g = grad(p)
        mistake(g, *pieces(p))
        return g

    report = check_gradient(loss, theta, wrong, sizes={"B": B, "D": N}, **options)
    assert report.verdict == "WRONG", str(report)
    return report.hints[0], report


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
    assert hint.cause == "unnamed_factor" and "1.2345 times" in hint.text, str(report)


def shuffle(g, x, dy):
    g["W"][...] = g["W"][::-1, :].copy()


def reshape(g, x, dy):
    g["W"] = (dy.T @ x).reshape(N, M)


def overflow(g, x, dy):
    g["W"][1, 1] = np.inf


def stop(g, x, dy):
    g["b"][...] = 0


def noise(g, x, dy):
    g["W"] += np.cos(np.arange(15).reshape(N, M))


GENERAL = [
    ("transposed", True, lambda g, x, dy: g.update(W=dy.T @ x), "Only a square W"),
    ("transposed", False, reshape, "only reshaped"),
    ("wrong_shape", False, lambda g, x, dy: g.update(W=dy.T @ x), "lacks a .T"),
    (
        "wrong_shape",
        False,
        lambda g, x, dy: g.update(b=dy),
        "sum over the batch is missing",
    ),
    ("wrong_shape", False, lambda g, x, dy: g.update(b=dy.sum(1)), "over the wrong axis"),
    ("wrong_shape", False, lambda g, x, dy: g.update(b=np.ones(7)), "Neither transposing"),
    ("summed_over_everything", False, lambda g, x, dy: g["b"].fill(dy.sum()), "all axes"),
    ("rearranged", False, shuffle, "wrong places"),
    ("identically_zero", False, stop, "never written"),
    ("gradient_not_finite", False, overflow, "inf at W[1, 1]"),
    ("nothing_fits", False, noise, "Nothing I know explains the numbers of W"),
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
    assert report.hints[0].cause == "wrong_axis", str(report)


@pytest.mark.parametrize(
    ("row", "words"), [(0, "first row of the batch"), (-1, "last row of the batch")]
)
def test_one_row_instead_of_the_batch(row, words):
    rng = np.random.default_rng(0)

    class OneRow(Linear):
        def backward(self, dy, need_dx=True):
            dx = super().backward(dy, need_dx)
            self.db[...] = dy[row]
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
    assert [h.cause for h in report.hints] == ["another_block"] * 2, str(report)


def test_two_different_mistakes_get_two_hints():
    def both(g, x, dy):
        g["W"] *= 2
        g["b"] *= -1

    _, report = first_hint(both)
    assert [h.blocks for h in report.hints] == [["W"], ["b"]], str(report)


def test_a_missing_term_is_found_from_functions_alone():
    loss, theta, grad, _ = affine()

    def penalised(p):
        return loss(p) + 0.1 * (p["W"] ** 2).sum()

    parts = {"data": loss, "penalty": lambda p: 0.1 * (p["W"] ** 2).sum()}
    report = check_gradient(penalised, theta, grad, parts=parts)
    assert report.hints[0].cause == "part_factor", str(report)
    assert "the part 'penalty' is missing" in report.hints[0].text, str(report)


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

    for claim, cause in (
        (accumulating, "accumulates"),
        (both, "unsteady"),
        (stale, "stale"),
        (unsteady, "unsteady"),
    ):
        report = check_gradient(loss, theta, claim)
        assert report.verdict == "WRONG" and report.hints[0].cause == cause, str(report)


# Layers and likelihoods, with random upstream gradients.


@pytest.mark.parametrize(
    "layer",
    [
        Linear(N, M),
        Tanh(),
        ReLU(),
        Sigmoid(),
        Softplus(),
        Scale(0.3),
        Sequential(Linear(N, M), Tanh(), Linear(M, 2)),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_our_layers_pass(rng, layer):
    report = check_layer(layer, rng.standard_normal((B, N)), rng)
    report.assert_ok()
    assert report.worst < 1e-9


@pytest.mark.parametrize(
    "likelihood",
    [Binomial(16), Gaussian(0.5, learned=True), Laplace(0.5, learned=True)],
    ids=lambda likelihood: type(likelihood).__name__,
)
@pytest.mark.parametrize("samples", [(), (2,)])
def test_our_likelihoods_pass(rng, likelihood, samples):
    x = rng.integers(0, 17, (B, N)).astype(float)
    y = rng.standard_normal((*samples, B, N))
    check_likelihood(likelihood, x, y, rng).assert_ok()


def test_a_layer_of_nobodys_library_is_checked_and_its_arrays_left_alone(rng):
    class Affine:
        def __init__(self):
            self.params = {"W": rng.standard_normal((N, M)), "b": np.zeros(M)}

        def forward(self, x):
            self.x = x
            return x @ self.params["W"] + self.params["b"]

        def backward(self, dy):
            self.grads = {"W": self.x.T @ dy, "b": dy.mean(axis=0)}
            return dy @ self.params["W"].T

    layer = Affine()
    before = {name: array.copy() for name, array in layer.params.items()}
    report = check_layer(layer, rng.standard_normal((B, N)), rng)
    assert report.hints[0].blocks == ["b"] and "= 1/B" in report.hints[0].text, str(report)
    for name, array in before.items():
        np.testing.assert_array_equal(layer.params[name], array)


def test_factor_names_prefer_the_simple_and_list_coincidences():
    assert factor_names(2.0, {"B": 8}) == ["2"]
    assert factor_names(2.0, {"B": 2}) == ["B", "2"]
    assert factor_names(-0.125, {"B": 8}) == ["−1/B"]
    assert factor_names(3.7, {"B": 8}) == []
