import copy
import pickle
import re

import numpy as np
import pytest
from helpers import binary, complains, step

import minivae
from minivae import SGD, VAE, Adam, Autoencoder, Bernoulli, Binomial, Gaussian, Laplace
from minivae.layers import Linear, ReLU, Scale, Sequential, Tanh
from minivae.schedules import linear_warmup

MODELS = [VAE, Autoencoder]


def test_layout_covers_theta_once_and_params_are_views(rng):
    vae = VAE.mlp(5, 2, (4, 3), Gaussian(0.5, learned=True), rng=rng, dtype=np.float64)
    assert vae.layout["encoder.0.W"] == (slice(0, 20), (5, 4))
    stops = [0]
    for name, (where, shape) in vae.layout.items():
        assert where.start == stops[-1], name
        assert where.stop - where.start == np.prod(shape), name
        stops.append(where.stop)
    assert stops[-1] == vae.theta.size == vae.grad.size
    weights = 5 * 4 + 4 * 3 + 2 * (3 * 2) + 2 * 3 + 3 * 4 + 4 * 5
    biases = 4 + 3 + 2 * 2 + 3 + 4 + 5
    assert vae.theta.size == weights + biases + 1
    for flat, views in [(vae.theta, vae.params), (vae.grad, vae.grads)]:
        flat[...] = np.arange(flat.size)
        for name, (where, shape) in vae.layout.items():
            np.testing.assert_array_equal(views[name], flat[where].reshape(shape))
    assert vae.decoder.layers[0].W[0, 0] == vae.params["decoder.0.W"][0, 0]


def test_the_seed_settles_the_weights():
    thetas = [VAE.mlp(6, 2, rng=np.random.default_rng(s)).theta for s in (1, 1, 2)]
    np.testing.assert_array_equal(thetas[0], thetas[1])
    assert (thetas[0] != thetas[2]).any()


@pytest.mark.parametrize("kind", MODELS)
def test_assigning_to_theta_or_grad_reaches_the_layers(kind, rng):
    model = kind.mlp(4, 2, (3,), rng=rng, dtype=np.float64)
    x = binary(rng, 5, 4)
    memory = model.theta
    model.theta = np.linspace(-1, 1, model.theta.size)
    assert model.theta is memory
    assert model.encoder.layers[0].W[0, 0] == model.params["encoder.0.W"][0, 0] == -1
    model.grad = np.zeros(model.grad.size)
    step(model, x, rng)
    assert model.grad.any()
    with pytest.raises(ValueError, match=r"theta: expected shape \(\d+,\), got \(3,\)"):
        model.theta = np.zeros(3)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
@pytest.mark.parametrize("kind", MODELS)
def test_a_copy_is_whole_and_independent(kind, copied, rng):
    model = kind.mlp(4, 2, (3,), Gaussian(learned=True), rng=rng, dtype=np.float64)
    x = rng.standard_normal((5, 4))
    other = copied(model)
    before = step(model, x, np.random.default_rng(1))
    assert not other.grad.any()
    assert step(other, x, np.random.default_rng(1)) == before
    np.testing.assert_array_equal(other.grad, model.grad)
    other.theta -= 0.1 * other.grad
    assert step(other, x, np.random.default_rng(1)).nelbo < before.nelbo
    assert step(model, x, np.random.default_rng(1)) == before


@pytest.mark.parametrize("kind", MODELS)
def test_another_precision_has_the_same_weights(kind, rng):
    single = kind.mlp(4, 2, (3,), Gaussian(learned=True), rng=rng)
    x = rng.standard_normal((5, 4))
    before = step(single, x, np.random.default_rng(1))
    double = single.astype(np.float64)
    assert (double.dtype, single.dtype) == (np.float64, np.float32)
    with complains(RuntimeError, "loss()"):
        double.backward()
    assert step(double, x, np.random.default_rng(1)) == pytest.approx(before, rel=1e-5)
    assert double.theta.dtype == double.grad.dtype == np.float64
    np.testing.assert_array_equal(double.theta, single.theta)
    np.testing.assert_allclose(double.grad, single.grad, rtol=1e-3, atol=1e-5)
    double.params["decoder.0.W"][...] = 7
    assert double.decoder.layers[0].W[0, 0] == 7
    assert step(single, x, np.random.default_rng(1)) == before
    with complains(TypeError, "dtype: expected float32 or float64", "float16"):
        single.astype(np.float16)


def test_parts_belong_to_one_model(rng):
    likelihood = Bernoulli()
    VAE.mlp(4, 2, likelihood=likelihood, rng=rng)
    with complains(ValueError, "Bernoulli", "new object"):
        Autoencoder.mlp(4, 2, likelihood=likelihood, rng=rng)
    stack = Sequential(Linear(4, 4))
    with complains(ValueError, "Sequential", "new object"):
        VAE(stack, stack, Bernoulli(), rng)


def test_a_model_prints_its_parts_shapes_and_size(rng):
    text = str(VAE.mlp(64, 2, (5,), Binomial(16), rng=rng))
    assert text.splitlines()[0] == "VAE: 748 parameters, float32"
    for line in (
        r"  encoder      Scale\(factor=0.0625\)",
        r" +Linear\(n_in=64, n_out=5, init='glorot'\) +W \(64, 5\), b \(5,\)",
        r"  logvar_head  Linear\(n_in=5, n_out=2, init='glorot'\) +W \(5, 2\), b \(2,\)",
        r"  likelihood   Binomial\(n=16, grey=False\)",
    ):
        assert re.search(f"^{line}$", text, re.M), f"no line {line!r} in\n{text}"
    linear = str(Autoencoder.mlp(4, 2, (), Gaussian(learned=True), rng=rng))
    assert "  encoder      Sequential()" in linear, linear
    assert re.search(r"Gaussian\(c=1.0, learned=True\) +log_c \(1,\)$", linear), linear


@pytest.mark.parametrize(
    "thing",
    [
        Linear(3, 2, "he"),
        Sequential(Linear(3, 2), Tanh(), Scale(0.5), ReLU()),
        Binomial(16),
        Bernoulli(grey=True),
        Gaussian(0.25, learned=True),
        Laplace(2.0),
        SGD(0.1, momentum=0.9),
        Adam(linear_warmup(0.1, 50), beta1=0.5),
    ],
    ids=lambda thing: type(thing).__name__,
)
def test_what_is_printed_is_the_call_that_makes_it(thing):
    names = {**vars(minivae), "linear_warmup": linear_warmup}
    again = eval(repr(thing), names)
    assert type(again) is type(thing) and repr(again) == repr(thing)
