"""Grid quadrature against closed forms, and the ELBO identity on trained VAEs."""

import itertools

import numpy as np
import pytest

from minivae import datasets
from minivae.inference.exact import quadrature
from minivae.inference.exact.linear_gaussian import LinearGaussian
from minivae.likelihoods import Bernoulli, Binomial, Gaussian, Laplace
from minivae.optim import Adam
from minivae.vae import VAE


def linear_vae(rng, model):
    """A VAE with the decoder of `model` and an encoder drawn at random."""
    likelihood = Gaussian(model.c)
    vae = VAE.mlp(model.D, model.K, (), likelihood, rng=rng, dtype=np.float64)
    vae.params["decoder.0.W"][...] = model.W.T
    vae.params["decoder.0.b"][...] = model.b
    return vae


@pytest.fixture(scope="module")
def digits_vae():
    """A small VAE of the shipped digits with K = 2, trained for a moment."""
    rng = np.random.default_rng(3)
    images = datasets.load_digits().train.astype(np.float64)
    vae = VAE.mlp(64, 2, (32,), Binomial(16), rng=rng, dtype=np.float64)
    adam = Adam(3e-3)
    for _ in range(300):
        x = images[rng.integers(len(images), size=64)]
        vae.loss(x, rng.standard_normal((64, 2)))
        vae.backward()
        adam.step(vae.theta, vae.grad)
    return vae, datasets.load_digits().test[:2].astype(np.float64)


@pytest.mark.parametrize("K", [1, 2])
def test_a_linear_decoder_agrees_with_the_closed_forms(rng, K):
    """W has tilted columns, so the posterior is correlated and q is not it."""
    model = LinearGaussian(rng.normal(size=(3, K)), rng.normal(size=3), 0.4)
    vae, x = linear_vae(rng, model), model.sample(6, rng)
    mu, logvar = 0.5 * rng.normal(size=(6, K)), rng.uniform(-2, 0, (6, K))
    log_p = quadrature.log_prob(vae, x, nodes=201)
    np.testing.assert_allclose(log_p.value, model.log_prob(x), atol=1e-11)
    kl = quadrature.kl_to_posterior(vae, x, mu, logvar, nodes=201)
    np.testing.assert_allclose(kl.value, model.kl_to_posterior(x, mu, logvar), atol=1e-11)
    elbo = quadrature.elbo(vae, x, mu, logvar)
    np.testing.assert_allclose(elbo.value, model.elbo(x, mu, logvar), atol=1e-11)
    found = quadrature.posterior(vae, x, nodes=201)
    mean, cov = model.posterior(x)
    np.testing.assert_allclose(found.mean, mean, atol=1e-11)
    np.testing.assert_allclose(found.cov, np.tile(cov, (6, 1, 1)), atol=1e-11)


def test_the_posterior_density_is_laid_out_as_its_axis(rng):
    """density[b, i, j] belongs to z = (axis[i], axis[j])."""
    model = LinearGaussian([[2.0, 0.1], [0.0, 0.7]], [0.0, 0.0], 0.3)
    vae, x = linear_vae(rng, model), np.array([[2.5, -1.0], [0.5, 2.0]])
    found = quadrature.posterior(vae, x, nodes=181)
    h = found.axis[1] - found.axis[0]
    np.testing.assert_allclose(found.density.sum(axis=(1, 2)) * h**2, 1.0, rtol=1e-12)
    mean, _ = model.posterior(x)
    for b in range(2):
        i, j = np.unravel_index(found.density[b].argmax(), found.density[b].shape)
        np.testing.assert_allclose([found.axis[i], found.axis[j]], mean[b], atol=h)


def test_elbo_plus_kl_is_log_p_on_a_trained_vae(digits_vae):
    vae, x = digits_vae
    mu, logvar = vae.encode(x)
    log_p = quadrature.log_prob(vae, x, nodes=301).value
    elbo = quadrature.elbo(vae, x, mu, logvar).value
    kl = quadrature.kl_to_posterior(vae, x, mu, logvar, nodes=301).value
    assert (kl > 0.01).all(), f"a trained encoder should leave some gap, KL = {kl}"
    gap = abs(elbo + kl - log_p).max()
    assert gap < 1e-9, f"ELBO + KL misses log p(x) by {gap:.2e} nats"


@pytest.mark.parametrize("likelihood", [Bernoulli(), Gaussian(0.3), Laplace(2.0)])
def test_the_identity_for_each_likelihood_and_any_q(rng, likelihood):
    vae = VAE.mlp(5, 1, (7,), likelihood, rng=rng, dtype=np.float64)
    x = vae.sample(4, rng)
    mu, logvar = rng.normal(size=(4, 1)), rng.uniform(-2, 0.5, (4, 1))
    # |x - y| has kinks in z, where the error falls with h² only
    fine = {"nodes": 80_001 if isinstance(likelihood, Laplace) else 801}
    tol = 1e-7 if isinstance(likelihood, Laplace) else 1e-9
    log_p = quadrature.log_prob(vae, x, **fine).value
    elbo = quadrature.elbo(vae, x, mu, logvar, **fine).value
    kl = quadrature.kl_to_posterior(vae, x, mu, logvar, **fine).value
    gap = abs(elbo + kl - log_p).max()
    assert gap < tol, f"ELBO + KL misses log p(x) by {gap:.2e} nats"


def test_the_probabilities_of_all_binary_images_sum_to_one(rng):
    vae = VAE.mlp(4, 2, (6,), Bernoulli(), rng=rng, dtype=np.float64)
    vae.theta *= 2
    x = np.array(list(itertools.product([0.0, 1.0], repeat=4)))
    total = np.exp(quadrature.log_prob(vae, x, nodes=121).value).sum()
    assert abs(total - 1) < 1e-11, f"the 16 probabilities sum to {total}"


def test_elbo_is_what_the_model_estimates_from_noise(digits_vae, rng):
    vae, x = digits_vae
    exact = quadrature.elbo(vae, x, *vae.encode(x)).value
    draws = np.array([vae.elbo(x, e) for e in rng.standard_normal((1000, len(x), 2))])
    z = (draws.mean(axis=0) - exact) / (draws.std(axis=0) / np.sqrt(len(draws)))
    assert abs(z).max() < 4, f"the model's ELBO is off by {z} standard errors"


def test_the_error_estimate_covers_the_error(digits_vae):
    vae, x = digits_vae
    mu, logvar = vae.encode(x)
    exact = quadrature.log_prob(vae, x, nodes=301).value
    kl = quadrature.kl_to_posterior(vae, x, mu, logvar, nodes=301).value
    seen = 0.0
    for nodes, limit in [(61, 9.0), (81, 9.0), (101, 3.0), (101, 4.0)]:
        rough = quadrature.log_prob(vae, x, nodes, limit, tol=np.inf)
        error = abs(rough.value - exact)
        assert (error <= rough.error + 1e-12).all(), (nodes, limit, error, rough.error)
        seen = max(seen, error.max())
        rough = quadrature.kl_to_posterior(vae, x, mu, logvar, nodes, limit, tol=np.inf)
        error = abs(rough.value - kl)
        assert (error <= rough.error + 1e-12).all(), (nodes, limit, error, rough.error)
    assert seen > 1e-3, "the grids were to be coarse enough to err"


def test_a_single_node_is_never_taken_for_exact(rng):
    """A posterior of σ = 0.001 on a grid of steps of 0.045, wherever it lies."""
    model = LinearGaussian([[1.0]], [0.0], 1e-6)
    x = rng.uniform(-2, 2, (200, 1))
    rough = quadrature.log_prob(linear_vae(rng, model), x, tol=np.inf)
    assert rough.error.min() > 0.69


def test_a_grid_that_is_too_coarse_or_too_small_is_refused(digits_vae):
    vae, x = digits_vae[0], digits_vae[1][:1]
    mu, logvar = vae.encode(x)
    with pytest.raises(ArithmeticError, match=r"log p\(x\) of image .* exceeds tol"):
        quadrature.log_prob(vae, x, nodes=41)
    with pytest.raises(ArithmeticError, match="the posterior of image"):
        quadrature.posterior(vae, x, nodes=61, limit=1.0)
    with pytest.raises(ArithmeticError, match="KL"):
        quadrature.kl_to_posterior(vae, x, mu, logvar - 9, nodes=261)
    with pytest.raises(ArithmeticError, match="KL"):
        quadrature.kl_to_posterior(vae, x, mu + 20, logvar, nodes=261)
    with pytest.raises(ArithmeticError, match="the ELBO"):
        quadrature.elbo(vae, x, mu, logvar, nodes=81, limit=2.0)


def test_what_lies_outside_a_fine_elbo_lattice_is_in_the_error(digits_vae):
    vae, x = digits_vae
    q = vae.encode(x)
    exact = quadrature.elbo(vae, x, *q).value
    for nodes in (61, 181):
        rough = quadrature.elbo(vae, x, *q, nodes, limit=3.0, tol=np.inf)
        error = abs(rough.value - exact)
        assert (error > 0.01).all() and (error < rough.error).all(), (error, rough.error)


def test_the_size_of_the_blocks_changes_nothing(digits_vae, monkeypatch):
    vae, x = digits_vae
    mu, logvar = vae.encode(x)

    def all_three():
        return np.concatenate(
            [
                quadrature.log_prob(vae, x, nodes=41, tol=np.inf),
                quadrature.elbo(vae, x, mu, logvar, nodes=31, tol=np.inf),
                quadrature.kl_to_posterior(vae, x, mu, logvar, nodes=41, tol=np.inf),
            ]
        )

    whole = all_three()
    monkeypatch.setattr(quadrature, "BLOCK", 7 * x.size)
    np.testing.assert_allclose(all_three(), whole, rtol=1e-10, atol=1e-12)


def test_bad_arguments(rng):
    vae = VAE.mlp(4, 2, (3,), Bernoulli(), rng=rng, dtype=np.float64)
    x = np.ones((2, 4))
    with pytest.raises(ValueError, match="K = 1 or 2 latent dimensions, got 3"):
        quadrature.log_prob(VAE.mlp(4, 3, (), rng=rng, dtype=np.float64), x)
    with pytest.raises(TypeError, match="vae: expected a model in float64"):
        quadrature.log_prob(VAE.mlp(4, 2, (), rng=rng), x)
    with pytest.raises(ValueError, match=r"x: expected shape \(any, 4\)"):
        quadrature.log_prob(vae, np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"x: expected {0, 1}"):
        quadrature.log_prob(vae, 0.5 * x)
    with pytest.raises(ValueError, match=r"mu: expected shape \(2, 2\)"):
        quadrature.elbo(vae, x, np.zeros((2, 1)), np.zeros((2, 1)))
    with pytest.raises(ValueError, match="nodes: expected at least 5"):
        quadrature.log_prob(vae, x, nodes=2)
    with pytest.raises(ValueError, match="tol: expected a number above 0"):
        quadrature.log_prob(vae, x, tol=0.0)
