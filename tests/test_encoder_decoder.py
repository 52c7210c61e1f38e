import numpy as np
import pytest
from helpers import binary, complains, step

from minivae import VAE, Autoencoder, Bernoulli, Binomial
from minivae.layers import Linear, ReLU, Scale, Sequential, Tanh
from minivae.model import Model

MODELS = [VAE, Autoencoder]


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
    for door in doors:
        for shape in [(4,), (1, 3, 4)]:
            with complains(ValueError, "x: expected shape (any, 4)", str(shape)):
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
            with complains(ValueError, "z: expected shape", "2", str(shape)):
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
