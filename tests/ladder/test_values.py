"""Rung 4, in loops: a number that is not the formula's fails the claim about it."""

import numpy as np
import pytest
from ladder_breaking import assert_seen, failing

from minivae.ladder import small_model, values
from minivae.layers import ACTIVATIONS, Tanh

LOSS = "rec + beta * np.maximum(kl_k, free_bits).sum()"
JOINT = "result = self.likelihood.log_prob(x, y) + log_prior"
OF_S = "(log_prior if z.ndim == 2 else log_prior[:1])"


def rows():
    rng = np.random.default_rng(3)
    return values.values(*small_model(rng), rng)


def test_right_code_passes():
    assert failing(rows) == []
    names = [row.claim for row in rows()]
    assert len(names) == len(set(names)) == 9


@pytest.mark.parametrize(
    ("where", "right", "wrong", "claims"),
    [
        (
            "vae:VAE.encode",
            "return self._encode(self._check_x(x, finite=True))",
            "return self._encode(self._check_x(x, finite=True))[::-1]",
            ["mu and logvar"],
        ),
        ("vae:VAE.elbo", "log_p.mean(axis=0)", "log_p.max(axis=0)", ["elbo() of 2"]),
        (
            "vae:VAE._log_weights",
            "return log_p + log_prior - log_q",
            "return log_p + log_prior.mean() - log_q",
            ["log w of 2", "... and of one"],
        ),
        ("vae:VAE.log_joint", JOINT, JOINT.replace("log_prior", OF_S), ["log p(x, z) of"]),
        (
            "vae:VAE.log_joint",
            JOINT,
            JOINT.replace("log_prior", "(2 if z.ndim == 2 else 1) * log_prior"),
            ["... and of one"],
        ),
        (
            "vae:VAE.loss",
            LOSS,
            "beta * rec + np.maximum(kl_k, free_bits).sum()",
            ["nelbo, rec, kl with β", "... with free bits"],
        ),
        ("vae:VAE.loss", "float(rec)", "float(-rec)", ["nelbo, rec, kl with β"]),
        ("vae:VAE.loss", "float(kl_k.sum())", "float(kl_k.mean())", ["nelbo, rec, kl"]),
        ("vae:VAE.loss", "np.maximum(kl_k,", "np.minimum(9,", ["... with free bits"]),
        (
            "vae:VAE.loss",
            "np.maximum(kl_k, free_bits).sum()",
            "np.maximum(gaussian.kl(mu, logvar), free_bits).sum() / B",
            ["... with free bits"],
        ),
        (
            "layers:Softplus.forward",
            "softplus(x)",
            "softplus(x) - 0.1",
            ["every activation"],
        ),
        (
            "autoencoder:Autoencoder.loss",
            ".mean()",
            ".mean() / self.D",
            ["a plain autoencoder's loss"],
        ),
    ],
)
def test_another_number(where, right, wrong, claims):
    assert_seen(rows, [(where, right, wrong)], *claims)


def test_an_activation_of_another_name(monkeypatch):
    monkeypatch.setitem(ACTIVATIONS, "relu", Tanh)
    assert failing(rows) == ["ELBO with every activation, by plain loops"]


def test_free_bits_on_all_sides():
    """Too few for all, between two dimensions, between two images, more than any has."""
    kl = np.array([[1.0, 5.0], [3.0, 5.0]])
    assert values._free_bits(kl) == [1.0, 3.5, 2.0, 10.0]
