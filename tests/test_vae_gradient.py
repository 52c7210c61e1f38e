"""The whole gradient of the VAE against central differences, with frozen noise."""

import numpy as np
import pytest
from helpers import assert_model_gradient, five_points, kink_distance
from hypothesis import assume, given
from hypothesis import strategies as st

from minivae import VAE, Bernoulli, Binomial, Gaussian, Laplace, gaussian
from minivae.layers import ACTIVATIONS, Linear, Sequential, Softplus, Tanh

MAKERS = {
    "bernoulli": Bernoulli,
    "binomial": lambda: Binomial(16),
    "gaussian": lambda: Gaussian(0.7),
    "gaussian learned": lambda: Gaussian(0.7, learned=True),
    "laplace": lambda: Laplace(0.7),
    "laplace learned": lambda: Laplace(0.7, learned=True),
}
architectures = {
    "D": st.integers(1, 5),
    "K": st.integers(1, 3),
    "hidden": st.lists(st.integers(1, 4), max_size=2).map(tuple),
    "activation": st.sampled_from(list(ACTIVATIONS)),
    "B": st.integers(1, 4),
    "S": st.sampled_from([(), (1,), (3,)]),
    "seed": st.integers(0, 2**32 - 1),
}


def draw_data(model, B, rng):
    if isinstance(model.likelihood, Binomial):
        return rng.integers(0, model.likelihood.n + 1, (B, model.D)).astype(float)
    return rng.standard_normal((B, model.D))


def assert_smooth(model, x, eps):
    """Have hypothesis draw again where central differences would cross a kink."""
    mu, logvar = model.encode(x)
    z = gaussian.reparameterize(mu, logvar, eps)
    assume(kink_distance(model, x, z) > 0.01)


def check(model, x, eps, **options):
    model.grad[...] = np.nan
    model.loss(x, eps, **options)
    model.backward()
    assert_model_gradient(model, lambda: model.loss(x, eps, **options).nelbo)


@pytest.mark.parametrize("name", MAKERS)
@given(**architectures, beta=st.sampled_from([0.0, 0.3, 1.0, 4.0]))
def test_every_entry(name, D, K, hidden, activation, B, S, seed, beta):
    rng = np.random.default_rng(seed)
    model = VAE.mlp(D, K, hidden, MAKERS[name](), activation, rng=rng, dtype=np.float64)
    model.theta += 0.3 * rng.standard_normal(model.theta.size)
    x = draw_data(model, B, rng)
    eps = rng.standard_normal((*S, B, K))
    assert_smooth(model, x, eps)
    check(model, x, eps, beta=beta)


@given(**architectures, free_bits=st.floats(0.01, 1))
def test_free_bits(D, K, hidden, activation, B, S, seed, free_bits):
    rng = np.random.default_rng(seed)
    model = VAE.mlp(D, K, hidden, Gaussian(), activation, rng=rng, dtype=np.float64)
    model.theta += 0.5 * rng.standard_normal(model.theta.size)
    x, eps = draw_data(model, B, rng), rng.standard_normal((*S, B, K))
    assert_smooth(model, x, eps)
    kl_k = gaussian.kl(*model.encode(x)).mean(axis=0)
    assume(np.abs(kl_k - free_bits).min() > 0.01)
    check(model, x, eps, beta=0.7, free_bits=free_bits)


def test_free_bits_are_free_for_some_dimensions_only(rng):
    model = VAE.mlp(4, 2, (), Gaussian(), rng=rng, dtype=np.float64)
    model.theta[...] = 0
    model.params["mu_head.b"][...] = [0.1, 3.0]  # 0.005 and 4.5 nats
    x, eps = rng.standard_normal((3, 4)), np.zeros((3, 2))
    loss = model.loss(x, eps, beta=2.0, free_bits=0.5)
    assert loss.kl == pytest.approx(4.505)
    assert loss.nelbo == pytest.approx(loss.rec + 2 * (0.5 + 4.5))
    model.backward()
    np.testing.assert_allclose(model.grads["mu_head.b"], [0, 2 * 3], atol=1e-12)
    check(model, x, eps, beta=2.0, free_bits=0.5)


def test_stacks_that_are_no_mlp(rng):
    encoder = Sequential(Tanh(), Sequential(Linear(4, 3), Softplus()), Linear(3, 2))
    decoder = Sequential(Softplus(), Linear(3, 5), Sequential(Tanh(), Linear(5, 4)))
    model = VAE(encoder, decoder, Bernoulli(grey=True), rng, np.float64)
    model.theta += 0.3 * rng.standard_normal(model.theta.size)
    assert (model.D, model.K) == (4, 3)
    check(model, rng.random((5, 4)), rng.standard_normal((2, 5, 3)), beta=0.5)


@pytest.mark.parametrize("activation", ["tanh", "softplus", "sigmoid"])
@pytest.mark.parametrize("name", ["bernoulli", "gaussian learned"])
def test_random_directions_of_a_large_model(name, activation, rng):
    model = VAE.mlp(784, 50, (200,), MAKERS[name](), activation, rng=rng, dtype=np.float64)
    x = draw_data(model, 3, rng)
    eps = rng.standard_normal((2, 3, 50))
    model.loss(x, eps)
    model.backward()
    grad, theta = model.grad.copy(), model.theta.copy()
    for part in ["", "encoder", "mu_head", "logvar_head", "decoder", "likelihood"]:
        mask = np.zeros(theta.size)
        for parameter, (where, _) in model.layout.items():
            mask[where] = parameter.startswith(part)
        if not mask.any():
            continue  # a likelihood without parameters
        v = mask * rng.standard_normal(theta.size)
        v += 3 * mask * grad / np.linalg.norm(mask * grad)  # not across the slope

        def along(h, v=v):
            model.theta[...] = theta + h * v
            return model.loss(x, eps).nelbo

        expected, came = five_points(along), grad @ v
        error = abs(came / expected - 1)
        assert error < 1e-7, (
            f"along {part or 'everything'}: central differences expect {expected:.12g},"
            f" came {came:.12g}, relative error {error:.2g}"
        )
