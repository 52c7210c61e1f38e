"""Rung 4: a bound that is none, or an integral that is unsure, shows in its own row."""

import numpy as np
import pytest
from ladder_breaking import assert_seen, failing

from minivae import VAE, Gaussian
from minivae.inference.exact import quadrature
from minivae.inference.exact.quadrature import Estimate
from minivae.ladder import small_model, truth

IDENTITY = "ELBO + KL(q ‖ posterior) = log p(x)"


def rows(model=None):
    rng = np.random.default_rng(3)
    small, x = small_model(rng)
    return truth.exact_truth(model or small, x, rng)


def wide(K=3):
    """A model whose exact log p(x) is out of reach."""
    return VAE.mlp(6, K, (4,), rng=np.random.default_rng(1), dtype=np.float64)


def test_right_code_passes():
    assert failing(rows) == [] and failing(lambda: rows(wide())) == []


@pytest.mark.parametrize(
    ("where", "right", "wrong", "claims"),
    [
        ("vae:VAE.loss", "/ log_p.size", "/ log_p.size / self.D", ["the loss is the mean"]),
        (
            "vae:VAE._log_weights",
            "return log_p + log_prior - log_q",
            "return log_p + log_prior - 0.9 * log_q",
            ["E[log w] is the ELBO"],
        ),
        (
            "gaussian:kl",
            "0.5 * (mu * mu + np.exp(logvar) - 1 - logvar)",
            "mu * mu + np.exp(logvar) - 1 - logvar",
            [IDENTITY],
        ),
        (
            "vae:VAE.elbo",
            "result = log_p",
            "result = 0.9 * log_p",
            ["elbo() is the ELBO"],
        ),
    ],
)
def test_another_bound(where, right, wrong, claims):
    assert_seen(rows, [(where, right, wrong)], *claims)


def test_a_bound_above_its_estimate_where_nothing_is_exact():
    wrong = "vae:VAE.elbo", "result = log_p -", "result = log_p +"
    claim = "ELBO not above its estimate"
    assert_seen(lambda: rows(wide()), [wrong], claim)


@pytest.mark.parametrize("name", ["log_prob", "kl_to_posterior", "elbo"])
def test_an_integral_is_trusted_as_far_as_it_trusts_itself(name, monkeypatch):
    """Off by 0.01 nats: wrong if it claims to be exact, allowed if it says so."""
    right = getattr(quadrature, name)

    def off(*args, error=0.0, **keywords):
        value, _ = right(*args, **keywords)
        return Estimate(value + 0.01, np.full_like(value, error))

    monkeypatch.setattr(quadrature, name, off)
    assert IDENTITY in failing(rows)
    monkeypatch.setattr(quadrature, name, lambda *a, **k: off(*a, error=2e-3, **k))
    assert IDENTITY not in failing(rows)


def test_a_negative_divergence(monkeypatch):
    right = quadrature.kl_to_posterior

    def negative(*args, **keywords):
        value, error = right(*args, **keywords)
        return Estimate(-value, error)

    monkeypatch.setattr(quadrature, "kl_to_posterior", negative)
    assert any("≥ 0" in claim for claim in failing(rows))


def test_an_integral_that_is_refused_decides_nothing(monkeypatch):
    def refuse(*args, **keywords):
        raise ArithmeticError("no lattice")

    monkeypatch.setattr(quadrature, "log_prob", refuse)
    found = list(rows())
    assert [row.verdict for row in found if IDENTITY in row.claim] == ["undecided"]
    assert "FAILED" not in {row.verdict for row in found}


def test_a_collapsed_posterior_is_not_judged_by_rounding():
    """Without a z in the decoder every noise gives the same ELBO, to the last digits."""
    model = VAE.mlp(
        6, 2, (), Gaussian(1e-3), rng=np.random.default_rng(0), dtype=np.float64
    )
    for name in ("decoder.0.W", "mu_head.W", "logvar_head.W"):
        model.params[name][...] = 0
    assert failing(lambda: rows(model)) == []
