"""Rung 3: what is drawn from another distribution fails the claim that is about it."""

from importlib import import_module

import numpy as np
import pytest
from ladder_breaking import assert_seen, failing

from minivae import Bernoulli, Binomial, Gaussian, Laplace
from minivae.ladder import small_model

# the package shows the function of the same name
moments = import_module("minivae.ladder.moments")

Z = "z = rng.standard_normal((n, self.K), dtype=self.dtype)"


def rows():
    rng = np.random.default_rng(3)
    return moments.moments(*small_model(rng), rng)


def test_right_code_passes():
    assert failing(rows) == []


@pytest.mark.parametrize(
    ("where", "right", "wrong", "claims"),
    [
        ("gaussian:reparameterize", "* eps", "* np.abs(eps)", ["E[z] = mu"]),
        (
            "gaussian:reparameterize",
            "* eps",
            "* eps + 0.1 * np.array([1, -1])",
            ["E[z] = mu"],
        ),
        ("gaussian:reparameterize", "* eps", "* 0.9 * eps", ["Cov[z]", "z = mu + σ ε"]),
        ("gaussian:reparameterize", "* eps", "* np.clip(eps, -1, 1)", ["z = mu + σ ε"]),
        ("vae:VAE.sample", Z, f"{Z}; z += 0.2", ["samples: E[z] = 0"]),
        ("vae:VAE.sample", Z, f"{Z}; z *= 0.8", ["samples: Var[z] = 1"]),
        (
            "vae:VAE.sample",
            "rng.standard_normal((n, self.K), dtype=self.dtype)",
            "rng.uniform(-(3**0.5), 3**0.5, (n, self.K))",
            ["E[cos 2z] of a normal"],
        ),
        ("vae:VAE.sample", Z, f"{Z}; z[:] = z[:, :1]", ["two images or dimensions"]),
        ("vae:VAE.sample", Z, f"{Z}; z[1::2] = z[::2]", ["two images or dimensions"]),
        ("vae:VAE.sample", "if mean else", "if not mean else", ["round E[x|z]", "means"]),
        (
            "likelihoods:Binomial._sample",
            "(self.n, sigmoid(y))",
            "(self.n, sigmoid(1.3 * y))",
            ["round E[x|z]", "this model's pixels: draws", "Binomial(1): draws"],
        ),
        (
            "likelihoods:Binomial.mean",
            "self.n * sigmoid(y)",
            "self.n * sigmoid(0.9 * y)",
            ["mean() is"],
        ),
        (
            "likelihoods:Binomial._sample",
            "rng.binomial(self.n, sigmoid(y))",
            "(self.n * rng.binomial(1, sigmoid(y)))",
            ["Binomial(16): draws"],
        ),
        (
            "likelihoods:Gaussian._sample",
            "math.sqrt(self.c)",
            "self.c",
            ["Gaussian: draws", "Gaussian, learned scale: draws"],
        ),
        (
            "likelihoods:Gaussian._sample",
            "rng.standard_normal(y.shape)",
            "rng.standard_normal(y.shape[:1] + (1,) * (y.ndim - 1))",
            ["Gaussian: draws"],
        ),
        (
            "likelihoods:Gaussian._sample",
            "math.sqrt(self.c)",
            "math.exp(0.5 * self._start)",
            ["Gaussian, learned scale: draws"],
        ),
        (
            "likelihoods:Laplace._sample",
            "rng.laplace(y, self.b)",
            "rng.normal(y, self.b * 2**0.5)",
            ["Laplace: draws", "Laplace, learned scale: draws"],
        ),
        (
            "likelihoods:_OneScale.initialise",
            "= self._start",
            "= 0.0",
            ["Gaussian: a learned scale starts", "Laplace: a learned scale starts"],
        ),
        (
            "layers:Weighted.initialise",
            "np.sqrt(2 / fan)",
            "np.sqrt(2.5 / fan)",
            ["a network's first weights"],
        ),
        (
            "layers:Weighted.initialise",
            'self.init == "he"',
            "False",
            ["a network's first weights"],
        ),
        (
            "layers:Weighted.initialise",
            "self.b[...] = 0",
            "self.b[...] = 0.1",
            ["a network's first weights"],
        ),
    ],
)
def test_another_distribution(where, right, wrong, claims):
    assert_seen(rows, [(where, right, wrong)], *claims)


def test_a_deaf_mean_is_seen_for_every_likelihood(monkeypatch):
    """`mean` of Gaussian and Laplace is inherited: no text of theirs could be edited."""
    for likelihood in (Bernoulli(), Binomial(16), Gaussian(0.3), Laplace(0.4)):
        monkeypatch.setattr(likelihood, "mean", lambda y: y + 0.01)
        first, _ = moments._pixels(likelihood, "pixels", np.random.default_rng(0))
        assert first.verdict == "FAILED", likelihood


@pytest.mark.parametrize("K", [1, 3])
def test_the_exact_noise_has_mean_zero_and_the_unit_matrix(K):
    noise = moments.exact_noise(K, 2)
    assert noise.shape == (2 * K, 2, K)
    np.testing.assert_allclose(noise.mean(axis=0), 0, atol=1e-15)
    cov = np.einsum("sbi,sbj->bij", noise, noise) / len(noise)
    np.testing.assert_allclose(cov, [np.eye(K)] * 2, atol=1e-15)


def test_variances_by_the_textbook():
    """n p (1 - p), c, 2 b²."""
    y = np.array([-np.log(3.0), 0.0])  # p = ¼ and ½
    np.testing.assert_allclose(moments._variance(Binomial(16), y), [3, 4])
    np.testing.assert_allclose(moments._variance(Gaussian(0.3), y), [0.3, 0.3])
    np.testing.assert_allclose(moments._variance(Laplace(0.5), y), [0.5, 0.5])


def test_the_decoder_is_left_as_it_was():
    model, _ = small_model(np.random.default_rng(0))
    with pytest.raises(RuntimeError, match="inside"):
        moments.latents(model, lambda: (_ for _ in ()).throw(RuntimeError("inside")))
    assert "forward" not in vars(model.decoder)
    z, y = moments.latents(model, lambda: model.decoder_output(np.ones((2, model.K))))
    assert z.tolist() == [[1, 1], [1, 1]] and y.shape == (2, model.D)
