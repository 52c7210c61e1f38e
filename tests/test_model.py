import copy
import pickle
import re

import numpy as np
import pytest
from helpers import complains

import minivae
from minivae import SGD, VAE, Adam, Autoencoder, Bernoulli, Binomial, Gaussian, Laplace
from minivae.layers import Linear, ReLU, Scale, Sequential, Tanh
from minivae.model import Model
from minivae.schedules import linear_warmup

MODELS = [VAE, Autoencoder]


def step(model, x, rng):
    """One loss and its gradient, whatever the model is."""
    noise = (
        () if isinstance(model, Autoencoder) else (rng.standard_normal((len(x), model.K)),)
    )
    loss = model.loss(x, *noise)
    model.backward()
    return loss


def binary(rng, B, D):
    return (rng.random((B, D)) < 0.5).astype(float)


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


def test_heads_and_stacks_of_the_mlp(rng):
    vae = VAE.mlp(6, 2, (5, 4), Binomial(16), "relu", rng=rng)
    kinds = [type(layer) for layer in vae.encoder.layers]
    assert kinds == [Scale, Linear, ReLU, Linear, ReLU]
    assert vae.encoder.layers[0].factor == 1 / 16
    assert [type(m) for m in vae.decoder.layers] == [Linear, ReLU, Linear, ReLU, Linear]
    shapes = [s for name, (_, s) in vae.layout.items() if name.endswith("W")]
    assert shapes == [(6, 5), (5, 4), (4, 2), (4, 2), (2, 4), (4, 5), (5, 6)]
    assert (vae.D, vae.K, vae.dtype) == (6, 2, np.float32)
    linear = VAE.mlp(6, 2, (), rng=rng)
    assert [type(m) for m in linear.decoder.layers] == [Linear]
    assert linear.encoder.layers == []
    assert type(linear.likelihood) is Bernoulli


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
    with pytest.raises(ValueError, match="broadcast"):
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


@pytest.mark.parametrize("kind", MODELS)
def test_shapes_of_decode_and_logits(kind, rng):
    model = kind.mlp(5, 2, (3,), rng=rng, dtype=np.float64)
    z = rng.standard_normal((3, 4, 2))
    whole = model.decode(z)
    assert whole.shape == (3, 4, 5)
    np.testing.assert_allclose(model.decode(z[1]), whole[1], rtol=1e-13)
    np.testing.assert_allclose(model.decode(z[1, 2]), whole[1, 2], rtol=1e-13)
    p = 1 / (1 + np.exp(-model.decoder_output(z)))
    np.testing.assert_allclose(p, whole, rtol=1e-13)


@pytest.mark.parametrize("kind", MODELS)
def test_reconstruct_and_interpolate_go_through_the_code(kind, rng):
    model = kind.mlp(5, 2, (3,), Binomial(16), rng=rng, dtype=np.float64)
    model.theta += rng.standard_normal(model.theta.size)
    x_a, x_b = rng.integers(0, 17, (2, 4, 5)).astype(float)
    np.testing.assert_array_equal(model.reconstruct(x_a), model.decode(model.latent(x_a)))
    between = model.interpolate(x_a, x_b, steps=5)
    assert between.shape == (5, 4, 5)
    for i in range(5):
        z = (1 - i / 4) * model.latent(x_a) + i / 4 * model.latent(x_b)
        np.testing.assert_allclose(between[i], model.decode(z), rtol=1e-12)


def test_bad_constructor_arguments_are_named(rng):
    with complains(ValueError, "K: expected at least 1", "got 0"):
        VAE.mlp(4, 0, rng=rng)
    with complains(ValueError, "D: expected at least 1", "got -4"):
        VAE.mlp(-4, 2, rng=rng)
    with complains(TypeError, "K: expected a whole number", "2.0"):
        VAE.mlp(4, 2.0, rng=rng)
    with complains(TypeError, "hidden", "(256,)", "got 256"):
        VAE.mlp(4, 2, hidden=256, rng=rng)
    with complains(ValueError, "hidden", "at least 1", "got 0"):
        VAE.mlp(4, 2, hidden=(8, 0), rng=rng)
    with complains(ValueError, "activation", "'tanh'", "'elu'"):
        VAE.mlp(4, 2, activation="elu", rng=rng)
    with complains(TypeError, "rng", "default_rng", "int"):
        VAE.mlp(4, 2, rng=0)
    for dtype in (np.float16, int, complex):
        with complains(TypeError, "dtype: expected float32 or float64", str(dtype)):
            VAE.mlp(4, 2, rng=rng, dtype=dtype)
    for likelihood in ("bernoulli", Bernoulli):
        with complains(TypeError, "likelihood", "Bernoulli()", repr(likelihood)):
            VAE.mlp(4, 2, likelihood=likelihood, rng=rng)
    with complains(ValueError, "encoder, decoder", "got 5 and 4"):
        VAE(Sequential(Linear(5, 3)), Sequential(Linear(2, 4)), Bernoulli(), rng)
    with complains(ValueError, "encoder, decoder", "None"):
        VAE(Sequential(Linear(5, 3)), Sequential(Tanh()), Bernoulli(), rng)
    with complains(TypeError, "rng", "Generator"):
        Model({}, None, np.float64)


@pytest.mark.parametrize("kind", MODELS)
def test_bad_images_are_named(kind, rng):
    model = kind.mlp(4, 2, (3,), rng=rng)
    noise = () if kind is Autoencoder else (np.zeros((3, 2)),)
    doors = [lambda x: model.loss(x, *noise), model.latent, model.reconstruct]
    doors.append(lambda x: model.interpolate(x, x))
    for door in doors:
        for shape in [(4,), (1, 3, 4)]:
            with complains(ValueError, "x: expected an array of 2 axes", str(shape)):
                door(np.ones(shape))
        with complains(ValueError, "x: expected shape (any, 4)", "(3, 5)"):
            door(np.ones((3, 5)))
        with complains(ValueError, "x: expected data, got an empty array (0, 4)"):
            door(np.ones((0, 4)))
        for dtype in ("int64", "uint8", "bool", "complex128"):
            with complains(TypeError, "x: expected real floating-point", dtype):
                door(np.ones((3, 4), dtype))
        for bad in (np.nan, np.inf, -np.inf):
            x = np.ones((3, 4))
            x[2, 1] = bad
            with complains(ValueError, "x: expected", str(bad), "(2, 1)"):
                door(x)
    with complains(ValueError, "x: expected {0, 1}", "0.5", "(0, 0)"):
        model.loss(np.full((3, 4), 0.5), *noise)


@pytest.mark.parametrize("kind", MODELS)
def test_bad_latents_are_named(kind, rng):
    model = kind.mlp(4, 2, (3,), rng=rng)
    for door in (model.decode, model.decoder_output):
        for shape in [(3, 4), (), (2, 1)]:  # (3, 4) would pass for (6, 2) when flattened
            with complains(ValueError, "z: expected shape", "2)", str(shape)):
                door(np.ones(shape))
        with complains(TypeError, "z: expected real floating-point", "int64"):
            door(np.ones((3, 2), np.int64))
    with complains(ValueError, "z: expected finite", "nan", "(0, 0)"):
        model.decode(np.full((3, 2), np.nan))
    x = np.ones((3, 4))
    with complains(ValueError, "steps", "at least 2", "got 1"):
        model.interpolate(x, x, steps=1)
    with complains(ValueError, "x_b"):
        model.interpolate(x, x[:2])


@pytest.mark.parametrize("kind", MODELS)
def test_backward_goes_with_the_loss_just_before(kind, rng):
    model = kind.mlp(4, 2, (3,), rng=rng, dtype=np.float64)
    x = binary(rng, 5, 4)
    with complains(RuntimeError, "backward", "before loss"):
        model.backward()
    step(model, x, rng)
    first = model.grad.copy()
    model.backward()
    np.testing.assert_array_equal(model.grad, first, err_msg="backward twice adds up")
    between = [
        lambda: model.latent(x),
        lambda: model.reconstruct(x),
        lambda: model.decode(np.zeros((1, 2))),
        lambda: model.decoder_output(np.zeros((1, 2))),
        lambda: model.interpolate(x, x),
    ]
    for other in between:
        step(model, x, rng)
        other()
        with complains(RuntimeError, "in between"):
            model.backward()
    with complains(ValueError, "x"):
        model.loss(
            np.full((5, 4), 7.0), *([] if kind is Autoencoder else [np.ones((5, 2))])
        )
    with complains(RuntimeError, "loss()"):
        model.backward()


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
