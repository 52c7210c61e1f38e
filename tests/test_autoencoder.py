import numpy as np
import pytest
from helpers import assert_model_gradient, kink_distance
from hypothesis import assume, given
from hypothesis import strategies as st

from minivae import VAE, Autoencoder, Bernoulli, Binomial, Gaussian, Laplace
from minivae.layers import ACTIVATIONS

MAKERS = {
    "bernoulli": Bernoulli,
    "binomial": lambda: Binomial(16),
    "gaussian learned": lambda: Gaussian(0.7, learned=True),
    "laplace": lambda: Laplace(0.7),
}


@pytest.mark.parametrize("name", MAKERS)
@given(
    D=st.integers(1, 5),
    K=st.integers(1, 3),
    hidden=st.lists(st.integers(1, 4), max_size=2).map(tuple),
    activation=st.sampled_from(list(ACTIVATIONS)),
    B=st.integers(1, 4),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_entry_of_the_gradient(name, D, K, hidden, activation, B, seed):
    rng = np.random.default_rng(seed)
    likelihood = MAKERS[name]()
    model = Autoencoder.mlp(D, K, hidden, likelihood, activation, rng=rng, dtype=float)
    model.theta += 0.3 * rng.standard_normal(model.theta.size)
    n = getattr(likelihood, "n", None)
    x = rng.integers(0, n + 1, (B, D)).astype(float) if n else rng.standard_normal((B, D))
    assume(kink_distance(model, x, model.code(x)) > 0.01)
    model.grad[...] = np.nan
    model.loss(x)
    model.backward()
    assert_model_gradient(model, lambda: model.loss(x).nelbo)


def pair(rng, likelihood):
    """An autoencoder, and a VAE of the same weights, whose mu is the code."""
    ae = Autoencoder.mlp(5, 2, (4,), likelihood(), rng=rng, dtype=np.float64)
    vae = VAE.mlp(5, 2, (4,), likelihood(), rng=rng, dtype=np.float64)
    for name, values in ae.params.items():
        vae.params[name.replace("code_head", "mu_head")][...] = values
    return ae, vae


@pytest.mark.parametrize("name", MAKERS)
def test_it_is_the_vae_without_noise_and_without_kl(rng, name):
    ae, vae = pair(rng, MAKERS[name])
    x = np.ones((3, 5))
    loss, other = ae.loss(x), vae.loss(x, np.zeros((3, 2)), beta=0.0)
    assert loss == (loss.rec, loss.rec, 0)
    assert [type(value) for value in loss] == [float] * 3
    assert loss.rec == pytest.approx(other.rec, rel=1e-14)
    ae.backward()
    vae.backward()
    for parameter, grad in ae.grads.items():
        expected = vae.grads[parameter.replace("code_head", "mu_head")]
        np.testing.assert_allclose(grad, expected, rtol=1e-12, err_msg=parameter)
    np.testing.assert_array_equal(ae.code(x), vae.posterior_mean(x))
    np.testing.assert_array_equal(ae.reconstruct(x), vae.reconstruct(x))


def test_rec_is_a_sum_over_pixels_and_a_mean_over_images(rng):
    ae, _ = pair(rng, Gaussian)
    x = rng.standard_normal((3, 5))
    squares = ((x - ae.reconstruct(x)) ** 2).sum()
    expected = squares / 2 / 3 + 5 / 2 * np.log(2 * np.pi)
    assert ae.loss(x).rec == pytest.approx(expected, rel=1e-13)
    assert ae.loss(np.tile(x, (4, 1))).rec == pytest.approx(expected, rel=1e-13)


def test_the_code_reaches_any_value(rng):
    ae, _ = pair(rng, Bernoulli)
    ae.params["code_head.W"][...] = 0
    ae.params["code_head.b"][...] = [-1e6, 1e6]
    np.testing.assert_array_equal(ae.code(np.ones((1, 5))), [[-1e6, 1e6]])
    assert not hasattr(ae, "sample")  # no prior to sample from
