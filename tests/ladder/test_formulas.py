"""Rung 2: a formula that is not what it claims to be fails the claim that is about it."""

import numpy as np
import pytest
from ladder_breaking import assert_seen, failing

from minivae.ladder import formulas, small_model

KL = "0.5 * (mu * mu + np.exp(logvar) - 1 - logvar)"


def rows():
    rng = np.random.default_rng(3)
    return formulas.monte_carlo(*small_model(rng), rng)


def test_right_code_passes():
    assert failing(rows) == []


@pytest.mark.parametrize(
    ("where", "right", "wrong", "claims"),
    [
        ("gaussian:kl", KL, f"2 * {KL}", ["the loss's KL", "KL of random Gaussians"]),
        ("gaussian:kl", KL, f"{KL} - 5.0", ["KL ≥ 0"]),
        ("gaussian:kl", KL, f"{KL} + 1e-9", ["KL of the prior to itself"]),
        (
            "gaussian:kl",
            "np.exp(logvar) - 1 - logvar)",
            "np.exp(logvar) - 1 - np.maximum(logvar, -6))",
            ["KL of wide, narrow and distant Gaussians"],
        ),
        ("gaussian:log_normal", "LOG_2PI + logvar", "logvar", ["log N(z; mu, σ²), by"]),
        (
            "vae:VAE.loss",
            "float(kl_k.sum())",
            "float(0.9 * kl_k.sum())",
            ["the loss's KL"],
        ),
        (
            "inference.classical.bbvi:score_terms",
            "(f * square).sum(axis=0) - f * square",
            "(f * square).sum(axis=0) + 0 * f",
            ["score function with control variate"],
        ),
        (
            "inference.classical.bbvi:pathwise_terms",
            "return",
            "return 1.1 *",
            ["pathwise"],
        ),
    ],
)
def test_a_wrong_formula(where, right, wrong, claims):
    assert_seen(rows, [(where, right, wrong)], *claims)


def test_the_density_of_the_rung_itself():
    """log N(1; 3, 2²) = -log(2 √2π) - ½, and two dimensions are summed."""
    one = -np.log(2 * np.sqrt(2 * np.pi)) - 0.5
    found = formulas.log_density(np.array([1.0, 1.0]), np.full(2, 3.0), np.full(2, 2.0))
    assert found == pytest.approx(2 * one)
