"""Rung 1: a wrong derivative fails the claim that is about it."""

from types import SimpleNamespace

import numpy as np
import pytest
from ladder_breaking import assert_seen, failing

from minivae.gradcheck import check_gradient
from minivae.ladder import gradients, small_model

LINEAR = "np.matmul(x.T, dy, out=self.dW)"


def of_this_model():
    model, x = small_model(np.random.default_rng(3))
    return gradients._this_model(model, x[:3], np.random.default_rng(0))


def of_other_models():
    return gradients._other_models(np.random.default_rng(1))


def of_formulas():
    return gradients._formulas(np.random.default_rng(1))


def of_layers():
    return gradients._layers(np.random.default_rng(1))


def of_likelihoods():
    return gradients._likelihoods(np.random.default_rng(1))


@pytest.mark.parametrize(
    "rows", [of_this_model, of_other_models, of_formulas, of_layers, of_likelihoods]
)
def test_right_code_passes(rows):
    assert failing(rows) == []


def test_the_given_model():
    wrong = "vae:VAE.backward", "-1 / SB", "-1 / B"
    assert_seen(of_this_model, [wrong], "this model, 2 samples")


@pytest.mark.parametrize("mask", ["(kl_k < free_bits)", "(kl_k > 0)"])
def test_the_given_model_with_free_bits(mask):
    wrong = "vae:VAE.loss", "(kl_k > free_bits)", mask
    assert_seen(of_this_model, [wrong], "with free bits")


def test_the_other_models():
    edits = [
        ("likelihoods:Laplace.backward", "distance / self.b - D", "distance / self.b"),
        ("iwae:IWAE.backward", "dlogvar - 0.5 / B", "dlogvar + 0.5 / B"),
        ("autoencoder:Autoencoder.backward", "-1 / B", "-2 / B"),
    ]
    claims = "a small VAE", "importance-weighted bound", "plain autoencoder"
    assert_seen(of_other_models, edits, *claims)


def test_weights_that_underflow():
    wrong = "iwae:IWAE.backward", "log_w - log_w.max(axis=0)", "log_w - log_w.max()"
    assert_seen(of_other_models, [wrong], "far from all")


@pytest.mark.parametrize(
    ("edit", "claim"),
    [
        (("gaussian:kl_grad", "return mu,", "return 2 * mu,"), "KL of a Gaussian"),
        (("gaussian:kl_grad", "np.exp(logvar) - 1", "np.exp(logvar)"), "KL of a Gaussian"),
        (("gaussian:log_normal_grad", "-dmu, dmu,", "dmu, dmu,"), "log N(z; mu, σ²)"),
        (("gaussian:log_normal_grad", "-dmu, dmu,", "-dmu, -dmu,"), "log N(z; mu, σ²)"),
        (("gaussian:log_normal_grad", "precision - 1", "precision"), "log N(z; mu, σ²)"),
    ],
)
def test_the_formulas(edit, claim):
    assert_seen(of_formulas, [edit], claim)


@pytest.mark.parametrize(
    ("edit", "claims"),
    [
        (("layers:Linear.backward", LINEAR, "self.dW[...] = 0"), ["Linear 3→5"]),
        (
            (
                "layers:Linear.backward",
                LINEAR,
                "self.dW[...] = (dy.T @ x).reshape(self.dW.shape)",
            ),
            ["Linear 3→5", "Linear 4→4"],
        ),
        (("layers:Scale.backward", "self.kept(dy) * dy", "dy"), ["Scale"]),
        (("layers:Tanh.backward", "return dx", "return -dx"), ["Tanh"]),
        (("layers:ReLU.backward", "dy * self.kept(dy)", "dy * 1.0"), ["ReLU"]),
        (("layers:Softplus.backward", "sigmoid(self.kept(dy))", "1.0"), ["Softplus"]),
        (("layers:Sigmoid.backward", "dy * y * (1 - y)", "dy * y"), ["Sigmoid"]),
    ],
)
def test_the_layers(edit, claims):
    assert_seen(of_layers, [edit], *claims)


@pytest.mark.parametrize(
    ("edit", "claims"),
    [
        (("likelihoods:Binomial.backward", "p *= self.n", "p *= 1"), ["Binomial(16)"]),
        (
            ("likelihoods:Binomial.backward", "np.subtract(x, p", "np.subtract(1, p"),
            ["Binomial(1)", "Binomial(16)"],
        ),
        (
            ("likelihoods:Gaussian.backward", "(dlogp / self.c)", "dlogp"),
            ["Gaussian", "Gaussian, learned scale"],
        ),
        (
            ("likelihoods:Laplace.backward", "(dlogp / self.b)", "dlogp"),
            ["Laplace", "Laplace, learned scale"],
        ),
        (
            ("likelihoods:Gaussian.backward", "(2 * self.c) - D / 2", "(2 * self.c)"),
            ["Gaussian, learned scale"],
        ),
        (
            ("likelihoods:Laplace.backward", "distance / self.b - D", "-D"),
            ["Laplace, learned scale"],
        ),
    ],
)
def test_the_likelihoods(edit, claims):
    found = failing(of_likelihoods, edit)
    assert {f"gradient: {claim}" for claim in claims} <= set(found)


def quadratic(error):
    """The report on ½ Σ θ², whose gradient is off by `error` in one entry."""
    theta = np.array([3.0, 4.0])
    return check_gradient(lambda t: 0.5 * (t**2).sum(), theta, theta + [error, 0.0])


def test_a_row_is_the_checker_s_verdict_with_the_worst_error():
    row = gradients._row("a square", quadratic(0.0))
    assert row.verdict == "ok" and 1e-6 <= row.tolerance < 1.1e-6
    row = gradients._row("a square", quadratic(4e-3))
    assert row.verdict == "FAILED" and row.figure == pytest.approx(1e-3, rel=1e-3)


def test_what_the_oracle_cannot_tell_is_allowed_for_or_undecided():
    """An oracle's error counts in the tolerance; past all use, the row is undecided."""
    report = quadratic(4e-5)  # relative 1e-5
    assert gradients._row("", report).verdict == "FAILED"
    for block in report.blocks.values():
        block.error = np.full_like(block.error, 1e-5)
    report.place = None  # with such an oracle no entry is known to be wrong
    row = gradients._row("", report)
    assert row.verdict == "undecided" and row.figure < row.tolerance
    assert row.tolerance == pytest.approx(1e-6 + 10 * 1e-5 / 4)


def test_a_failure_of_another_kind_is_infinitely_wrong():
    block = SimpleNamespace(
        relative_error=0.0, error=np.zeros(1), worst=0, scale=1.0, name="theta"
    )
    report = SimpleNamespace(blocks={"theta": block}, tolerance=1e-6, verdict="WRONG")
    assert gradients._row("", report).figure == np.inf
    report = SimpleNamespace(blocks={}, tolerance=1e-6, verdict="undecided")
    assert gradients._row("", report).verdict == "undecided"


def test_free_bits_lie_in_the_widest_gap():
    assert gradients.between(np.array([1.0, 4.0, 1.5])) == 2.75
    assert gradients.between(np.array([3.0])) == 1.5
    assert gradients.between(np.array([3.0, 3.01])) == 1.5, "below all if they are alike"
