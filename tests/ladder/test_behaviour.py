"""Rung 7: what a model must do whatever its numbers are."""

from importlib import import_module

import numpy as np
import pytest
from ladder_breaking import assert_seen, failing

from minivae import VAE, Binomial
from minivae.ladder import small_model

# the package shows the function of the same name
behaviour = import_module("minivae.ladder.behaviour")


def rows():
    rng = np.random.default_rng(3)
    return behaviour.behaviour(*small_model(rng), rng)


def test_right_code_passes():
    assert failing(rows) == []


def test_the_model_is_left_as_it_was():
    rng = np.random.default_rng(0)
    model, x = small_model(rng)
    before = model.theta.copy()
    list(behaviour.behaviour(model, x, rng))
    np.testing.assert_array_equal(model.theta, before)


def test_a_count_beyond_its_support():
    rng = np.random.default_rng(0)
    model = VAE.mlp(4, 2, (3,), Binomial(16), rng=rng, dtype=np.float64)
    x = rng.integers(0, 17, (3, 4)).astype(float)

    def rows():
        return behaviour._extremes(model, x, np.zeros((3, 2)))

    assert failing(rows) == []
    edit = "likelihoods:Binomial.mean", "self.n * sigmoid(y)", "self.n * y"
    assert_seen(rows, [edit], "mean() lies in the support")


@pytest.mark.parametrize(
    ("where", "right", "wrong", "claims"),
    [
        (
            "vae:VAE._encode",
            "return self.mu_head.forward(h)",
            "return np.tanh(self.mu_head.forward(h))",
            ["mu and logvar reach"],
        ),
        (
            "encoder_decoder:EncoderDecoder.mlp",
            "*reversed(hidden)",
            "*hidden",
            ["mlp(7, 2,"],
        ),
        (
            "encoder_decoder:EncoderDecoder._of_layers",
            "if n > 1",
            "if n > 99",
            ["counts 0..16"],
        ),
        (
            "model:Model.astype",
            "self.theta.astype(dtype)",
            "self.theta.astype(dtype, copy=False)",
            ["a copy by astype()"],
        ),
        (
            "gaussian:reparameterize",
            "* eps",
            "* np.random.default_rng().normal(size=eps.shape)",
            ["the same noise"],
        ),
        ("gaussian:reparameterize", "* eps", "* np.ones_like(eps)", ["other noise gives"]),
        ("vae:VAE.loss", "/ log_p.size", "/ log_p.size * B", ["a batch repeated"]),
        ("vae:VAE.backward", "-1 / SB", "-B / SB", ["... and the same gradient"]),
        (
            "layers:Linear.backward",
            "np.matmul(x.T, dy, out=self.dW)",
            "self.dW[...] += x.T @ dy",
            ["a second backward()"],
        ),
        (
            "vae:VAE.loss",
            "float(kl_k.sum())",
            "float(np.maximum(kl_k, free_bits).sum())",
            ["free bits leave the reported KL"],
        ),
        (
            "likelihoods:Binomial._log_prob",
            "np.maximum(y, log_1p_exp, out=log_1p_exp)",
            "log_1p_exp = np.log(1 + np.exp(y))",
            ["decoder outputs of ±1e4"],
        ),
        (
            "encoder_decoder:EncoderDecoder._refuse_non_finite",
            "if np.isfinite(result).all():",
            "if True:",
            ["an overflowing logvar"],
        ),
        (
            "encoder_decoder:EncoderDecoder.decode",
            "self.likelihood.mean(self.decoder_output(z))",
            "self.decoder_output(z)",
            ["decode()", "reconstruct()", "interpolate()"],
        ),
        (
            "encoder_decoder:EncoderDecoder.reconstruct",
            "self.latent(x)",
            "2 * self.latent(x)",
            ["reconstruct()"],
        ),
        (
            "encoder_decoder:EncoderDecoder.interpolate",
            "(1 - t) * z_a + t * z_b",
            "t * z_a + (1 - t) * z_b",
            ["interpolate()"],
        ),
        (
            "training.fitting:_Run._train",
            "draw_noise(model, len(x), rng,",
            "draw_noise(model, len(x), np.random.default_rng(0),",
            ["training draws new noise"],
        ),
        (
            "training.fitting:_Run.epoch",
            '_nelbo"] = rec + kl',
            '_nelbo"] = objective',
            ["the reported nelbo has β = 1"],
        ),
        ("optim:Adam.step", "m += g", "m += 1.1 * g", ["Adam with its defaults"]),
    ],
)
def test_another_behaviour(where, right, wrong, claims):
    assert_seen(rows, [(where, right, wrong)], *claims)
