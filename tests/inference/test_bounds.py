"""log p(x) by importance sampling: exact where it can be, and a bound that tightens."""

import tracemalloc

import numpy as np
import pytest
from helpers import complains

from minivae import IWAE, VAE, Gaussian
from minivae.inference.bounds import importance_log_likelihood, mean_and_error
from minivae.inference.exact.linear_gaussian import LinearGaussian


@pytest.fixture
def truth(rng):
    """A linear-Gaussian model with orthogonal axes, whose log p(x) is known."""
    axes, _ = np.linalg.qr(rng.standard_normal((6, 2)))
    return LinearGaussian(axes * [1.5, 0.8], rng.standard_normal(6), 0.3)


@pytest.fixture
def vae(truth, rng):
    """The same model as a VAE, with its exact posterior as encoder."""
    vae = VAE.mlp(6, 2, (), likelihood=Gaussian(0.3), rng=rng, dtype=np.float64)
    truth.place_in(vae)
    return vae


@pytest.fixture
def worse(vae):
    """The same p(x), with an encoder that is off: it needs its samples."""
    vae.params["mu_head.b"][...] += 0.15
    vae.params["logvar_head.b"][...] += 0.3
    return vae


def test_with_the_exact_posterior_one_sample_is_enough(truth, vae, rng):
    x = truth.sample(20, rng)
    came = importance_log_likelihood(vae, x, 1, rng)
    assert came.shape == (20,) and came.dtype == np.float64
    np.testing.assert_allclose(came, truth.log_prob(x), rtol=1e-10)


@pytest.mark.parametrize(("samples", "block"), [(4000, 512), (4000, 7000), (4000, 3)])
def test_with_another_posterior_it_converges_to_the_exact_value(
    truth, worse, rng, samples, block
):
    x = truth.sample(20 if block > 3 else 2, rng)
    error = importance_log_likelihood(worse, x, samples, rng, block) - truth.log_prob(x)
    log_w = worse.log_weights(x, rng.standard_normal((4000, len(x), 2)))
    w = np.exp(log_w - truth.log_prob(x))  # mean one; its spread gives the error to expect
    z = error / (w.std(axis=0) / np.sqrt(samples))
    assert np.abs(z).max() < 4, f"log p(x) off by {error} nats: z-scores {z}"
    # averaging the logarithms instead would be off by the whole gap of the ELBO
    assert np.abs(log_w.mean(axis=0) - truth.log_prob(x)).min() > 4 * np.abs(error).max()


def test_in_expectation_more_samples_never_loosen_the_bound(truth, worse, rng):
    # independent estimates of one value, so many that each gain is 5 of its errors or more
    x = np.repeat(truth.sample(1, rng), 40_000, axis=0)
    counts = (1, 2, 5, 20, 100)
    estimates = [importance_log_likelihood(worse, x, S, rng) for S in counts]
    for S, looser, tighter in zip(counts[1:], estimates, estimates[1:], strict=False):
        gain, error = mean_and_error(tighter - looser)
        assert gain > 2 * error, f"from fewer samples to {S}: gained {gain} ± {error} nats"
    last, error = mean_and_error(truth.log_prob(x) - estimates[-1])
    assert -3 * error < last < 0.01, f"log p(x) lies {last} ± {error} nats above"


def test_one_sample_is_the_elbo_in_expectation(truth, worse, rng):
    x = np.repeat(truth.sample(1, rng), 20_000, axis=0)
    mean, error = mean_and_error(importance_log_likelihood(worse, x, 1, rng))
    elbo = truth.elbo(x[:1], *worse.encode(x[:1]))[0]
    assert abs(mean - elbo) < 4 * error, f"{mean} ± {error}, the ELBO is {elbo}"
    assert elbo < truth.log_prob(x[:1])[0] - 10 * error


def test_it_is_the_bound_that_iwae_trains_on(rng):
    iwae = IWAE.mlp(5, 2, (4,), rng=rng, dtype=np.float64)
    x = (rng.random((3, 5)) < 0.5).astype(float)
    came = importance_log_likelihood(iwae, x, 7, np.random.default_rng(3), block=100)
    eps = np.random.default_rng(3).standard_normal((7, 3, 2))
    assert -came.mean() == pytest.approx(iwae.loss(x, eps).nelbo, rel=1e-12)


@pytest.mark.parametrize("block", [3, 7, 99])
def test_a_short_last_block_counts_for_its_samples_only(worse, truth, block):
    """One image takes the same noise from the generator however it is cut."""
    x = truth.sample(1, np.random.default_rng(1)) + 1.0  # weights of very different size
    whole = importance_log_likelihood(worse, x, 100, np.random.default_rng(2), 100)
    cut = importance_log_likelihood(worse, x, 100, np.random.default_rng(2), block)
    np.testing.assert_allclose(cut, whole, rtol=1e-12)


def test_weights_beyond_the_range_of_exp_are_averaged_all_the_same(rng):
    model = VAE.mlp(2000, 2, (), likelihood=Gaussian(1e-4), rng=rng, dtype=np.float64)
    x = rng.standard_normal((2, 2000))
    came = importance_log_likelihood(model, x, 30, rng, block=8)
    assert np.isfinite(came).all() and (came < -1e6).all()


def test_the_same_seed_gives_the_same_bits_and_float32_serves(rng):
    model = VAE.mlp(8, 2, (5,), rng=rng)
    x = (rng.random((4, 8)) < 0.5).astype(np.float32)
    first, second = (
        importance_log_likelihood(model, x, 10, np.random.default_rng(5)) for _ in "ab"
    )
    np.testing.assert_array_equal(first, second)
    # by hand, from noise that has the model's precision
    eps = np.random.default_rng(5).standard_normal((10, 4, 2), dtype=np.float32)
    weights = np.exp(model.log_weights(x, eps).astype(np.float64))
    np.testing.assert_allclose(first, np.log(weights.mean(axis=0)), rtol=1e-5)


def test_memory_does_not_grow_with_the_samples(rng):
    model = VAE.mlp(64, 2, (8,), rng=rng)
    x = (rng.random((1, 64)) < 0.5).astype(np.float32)
    tracemalloc.start()
    importance_log_likelihood(model, x, 50_000, rng, block=256)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    one = 256 * 64 * 4
    assert peak < 20 * one, f"{peak} bytes; all weights' images would be {50_000 * 256}"


def test_mean_and_error_against_the_textbook():
    assert mean_and_error([1.0, 3.0, 2.0, 6.0]) == (3.0, pytest.approx(np.sqrt(14 / 3 / 4)))


def test_what_it_refuses(rng):
    model = VAE.mlp(4, 2, (3,), rng=rng)
    x = np.zeros((2, 4), np.float32)
    with complains(ValueError, "samples", "at least 1"):
        importance_log_likelihood(model, x, 0, rng)
    with complains(ValueError, "block", "at least 1"):
        importance_log_likelihood(model, x, 1, rng, block=0)
    with complains(TypeError, "rng", "Generator"):
        importance_log_likelihood(model, x, 1, np.random)
    with complains(ValueError, "x", "empty"):
        importance_log_likelihood(model, x[:0], 1, rng)
    with complains(ValueError, "x", "(any, 4)"):
        importance_log_likelihood(model, x[:, :3], 1, rng)
    with complains(ValueError, "x", "{0, 1}"):
        importance_log_likelihood(model, x + 0.5, 1, rng)
    with complains(ValueError, "values", "two or more"):
        mean_and_error([1.0])
