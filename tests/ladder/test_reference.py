"""The loops of the ladder against numbers worked out by hand."""

import math

import numpy as np
import pytest

from minivae import VAE, Bernoulli, Binomial, Gaussian, Laplace
from minivae.ladder import reference
from minivae.layers import Layer, Linear, ReLU, Scale, Sequential, Sigmoid, Softplus, Tanh
from minivae.model import Model


def test_layers_one_number_at_a_time(rng):
    layer = Linear(2, 2)
    Model({"layer": layer}, rng, np.float64)
    layer.params["W"][...] = [[1, 2], [3, 4]]
    layer.params["b"][...] = [0.5, -0.5]
    x = [2.0, -1.0]
    assert reference.stack([layer], x) == [2 - 3 + 0.5, 4 - 4 - 0.5]
    assert reference.stack([Scale(0.25)], x) == [0.5, -0.25]
    assert reference.stack([ReLU()], x) == [2.0, 0.0]
    assert reference.stack([Tanh()], x) == pytest.approx([0.9640275801, -0.7615941560])
    assert reference.stack([Sigmoid()], x) == pytest.approx([0.8807970780, 0.2689414214])
    assert reference.stack([Softplus()], x) == pytest.approx([2.1269280110, 0.3132616875])


def test_a_layer_that_it_does_not_know_is_believed():
    class Square(Layer):
        def forward(self, x):
            return x * x

    assert reference.stack([Square()], [3.0]) == [9.0]


def test_no_exponential_overflows():
    assert reference.sigmoid(-1e4) == 0 and reference.sigmoid(1e4) == 1
    assert reference.softplus(1e4) == 1e4 and reference.softplus(-1e4) == 0


def test_log_likelihoods_by_hand():
    third = math.log(1 / 3)  # y = -log 2 is a probability of 1/3
    y = [-math.log(2)]
    assert reference.log_likelihood(Bernoulli(), [1.0], y) == pytest.approx(third)
    expected = math.log(3) + 2 * third + math.log(2 / 3)  # two of three
    assert reference.log_likelihood(Binomial(3), [2.0], y) == pytest.approx(expected)
    grey = 0.25 * third + 0.75 * math.log(2 / 3)
    found = reference.log_likelihood(Bernoulli(grey=True), [0.25], y)
    assert found == pytest.approx(grey)
    found = reference.log_likelihood(Gaussian(4.0), [3.0, 1.0], [1.0, 1.0])
    assert found == pytest.approx(-0.5 - math.log(8 * math.pi))
    found = reference.log_likelihood(Laplace(0.5), [3.0, 1.0], [1.0, 1.0])
    assert found == pytest.approx(-4.0)


def test_a_learned_scale_is_the_one_that_was_learned(rng):
    for likelihood in (Gaussian(4.0, learned=True), Laplace(4.0, learned=True)):
        assert reference.scale_of(likelihood) == 4.0
        Model({"likelihood": likelihood}, rng, np.float64).theta[...] = math.log(0.5)
        assert reference.scale_of(likelihood) == pytest.approx(0.5)


def test_gaussian_formulas_by_hand():
    assert reference.kl([2.0], [math.log(4.0)]) == pytest.approx([3.5 - math.log(2)])
    found = reference.log_normal([3.0], [1.0], [math.log(4.0)])
    assert found == pytest.approx(-0.5 - math.log(2 * math.sqrt(2 * math.pi)))
    found = reference.log_mean([-1000.0, -1000.0 + math.log(3)])
    assert found == pytest.approx(-1000 + math.log(2))


def test_the_terms_of_a_linear_vae_by_hand(rng):
    vae = VAE(Sequential(), Sequential(Linear(1, 1)), Gaussian(1.0), rng, np.float64)
    values = {"mu_head.W": 2, "mu_head.b": 1, "logvar_head.b": math.log(4)}
    for name, value in (values | {"decoder.0.W": 3, "decoder.0.b": -1}).items():
        vae.params[name][...] = value
    vae.params["logvar_head.W"][...] = 0
    t = reference.terms(vae, np.array([[0.5]]), np.array([[[-0.5]]]))
    assert t["mu"] == 2 and t["logvar"] == math.log(4)
    assert t["z"] == 1.0  # 2 - 2 · 0.5, so y = 2
    half_log_2pi = math.log(2 * math.pi) / 2
    assert t["log_p"] == pytest.approx(-(1.5**2) / 2 - half_log_2pi)
    assert t["log_prior"] == pytest.approx(-0.5 - half_log_2pi)
    assert t["log_q"] == pytest.approx(-0.125 - math.log(2) - half_log_2pi)
    assert t["kl"] == pytest.approx(3.5 - math.log(2))
    assert reference.mean(Binomial(4), [0.0]) == [2.0]
    assert reference.mean(Gaussian(1.0), [0.3]) == [0.3]
