"""float32 stays float32, and what is not finite stops with a message."""

import numpy as np
import pytest
from helpers import complains

from minivae import IWAE, VAE, Autoencoder, Bernoulli, Binomial, Gaussian, Laplace

MAKERS = [
    Bernoulli,
    lambda: Binomial(16),
    lambda: Gaussian(0.5, learned=True),
    lambda: Laplace(0.5, learned=True),
]


def losses(model, x, eps):
    """Every way to call this model's loss."""
    if isinstance(model, Autoencoder):
        return [lambda: model.loss(x)]
    if isinstance(model, IWAE):
        return [lambda: model.loss(x, eps)]
    return [
        lambda: model.loss(x, eps, beta=np.float64(0.3)),
        lambda: model.loss(x, eps, beta=np.float64(0.3), free_bits=np.float64(0.1)),
    ]


def watch(model, monkeypatch):
    """Record the dtype of all that passes through the layers, forward and backward."""
    seen = {}

    def spy(name, method):
        def spied(*arrays, **options):
            result = method(*arrays, **options)
            for array in (*arrays, result):
                if isinstance(array, np.ndarray):
                    seen.setdefault(name, set()).add(array.dtype.name)
            return result

        return spied

    parts = [model.encoder, model.decoder, model.likelihood]
    for part in parts + [getattr(model, head) for head in model.heads]:
        for verb in ("forward", "backward", "log_prob"):
            if hasattr(part, verb):
                name = f"{type(part).__name__}.{verb}"
                monkeypatch.setattr(part, verb, spy(name, getattr(part, verb)))
    return seen


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", [VAE, IWAE, Autoencoder])
@pytest.mark.parametrize("make", MAKERS)
def test_nothing_leaves_the_models_precision(kind, make, dtype, rng, monkeypatch):
    model = kind.mlp(5, 2, (4,), make(), "softplus", rng=rng, dtype=dtype)
    x, eps = np.ones((3, 5)), rng.standard_normal((6, 3, 2))  # float64 both
    seen = watch(model, monkeypatch)
    for noise in (eps, eps[0]):
        for loss in losses(model, x, noise):
            loss()
            model.backward()
    assert set(seen) >= {"Sequential.forward", "Sequential.backward", "Linear.backward"}
    assert {name: kinds for name, kinds in seen.items() if kinds != {dtype}} == {}
    results = [model.theta, model.grad, model.latent(x), model.reconstruct(x)]
    results += [model.interpolate(x, x), model.decode(np.zeros((1, 2)))]
    if kind is not Autoencoder:
        results += [*model.encode(x), model.sample(2, rng), model.sample(2, rng, mean=True)]
        results += [model.elbo(x, eps), model.log_weights(x, eps), model.log_joint(x, eps)]
    assert [result.dtype.name for result in results] == [dtype] * len(results)


@pytest.mark.parametrize("make", MAKERS)
def test_float32_agrees_with_float64(make, rng):
    models = []
    for dtype in (np.float32, np.float64):
        model = VAE.mlp(5, 2, (4,), make(), rng=np.random.default_rng(3), dtype=dtype)
        models.append(model)
    x, eps = np.ones((3, 5)), rng.standard_normal((2, 3, 2))
    single, double = (model.loss(x, eps) for model in models)
    np.testing.assert_allclose(single, double, rtol=1e-5, atol=1e-6)
    for model in models:
        model.backward()
    np.testing.assert_allclose(models[0].grad, models[1].grad, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", [VAE, IWAE])
def test_a_huge_logvar_is_an_error_that_says_so(kind, dtype, rng):
    model = kind.mlp(5, 2, (4,), rng=rng, dtype=dtype)
    x, eps = np.ones((3, 5)), rng.standard_normal((2, 3, 2))
    model.params["logvar_head.W"][...] = 0
    model.params["logvar_head.b"][1] = 2000
    for door in (model.elbo, model.log_weights):
        with complains(FloatingPointError, "the result is", "|logvar| 2000", "overflows"):
            door(x, eps)
    for loss in losses(model, x, eps):
        with complains(FloatingPointError, "the result is", "|logvar| 2000", "overflows"):
            loss()
        with complains(RuntimeError, "loss()"):
            model.backward()


def test_a_decoder_that_overflows_is_named(rng):
    model = VAE.mlp(5, 2, (4,), Gaussian(), rng=rng, dtype=np.float64)
    x, eps = np.ones((3, 5)), rng.standard_normal((2, 3, 2))
    model.params["decoder.2.b"][...] = 1e200  # its square overflows
    for door in (model.elbo, model.log_weights, model.log_joint, model.loss):
        with complains(FloatingPointError, "the result is", "overflows", "|y| 1e+200"):
            door(x, eps)


@pytest.mark.parametrize("kind", [VAE, IWAE, Autoencoder])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_theta_that_is_not_finite_is_named(kind, bad, rng):
    model = kind.mlp(5, 2, (4,), Gaussian(learned=True), rng=rng)
    x, eps = np.ones((3, 5)), rng.standard_normal((2, 3, 2))
    before = model.theta.copy()
    model.params["decoder.2.b"][...] = bad
    for loss in losses(model, x, eps):
        with complains(FloatingPointError, "theta is not finite"):
            loss()
    model.theta = before
    for loss in losses(model, x, eps):
        assert np.isfinite(loss()).all()


@pytest.mark.parametrize("kind", [Gaussian, Laplace])
@pytest.mark.parametrize("model_kind", [VAE, IWAE, Autoencoder])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_learned_scale_that_ran_away_is_an_error_too(kind, model_kind, dtype, rng):
    model = model_kind.mlp(5, 2, (4,), kind(learned=True), rng=rng, dtype=dtype)
    x, eps = np.ones((3, 5)), rng.standard_normal((2, 3, 2))
    scale = next(name for name in model.params if name.startswith("likelihood"))
    model.params[scale][0] = -1000  # a variance of exp(-1000) is zero in any precision
    for loss in losses(model, x, eps):
        with complains(FloatingPointError, "the result is inf", "overflows"):
            loss()
    model.params[scale][0] = 1000
    for loss in losses(model, x, eps):
        assert loss().rec > 1000


def test_a_diverged_autoencoder_says_which_array_is_largest(rng):
    model = Autoencoder.mlp(5, 2, (), Gaussian(), rng=rng)
    model.theta[...] = 1e15
    with complains(FloatingPointError, "the result is inf", "|z|", "|y|", "float32"):
        model.loss(np.ones((3, 5)))
