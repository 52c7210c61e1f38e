import math

import numpy as np
import pytest
from helpers import assert_model_gradient, complains, five_points, kink_distance, z_score
from hypothesis import assume, given
from hypothesis import strategies as st

from minivae import IWAE, VAE, Bernoulli, Binomial, Gaussian, Laplace, gaussian
from minivae.layers import ACTIVATIONS

MAKERS = {
    "binomial": lambda: Binomial(4),
    "gaussian learned": lambda: Gaussian(0.7, learned=True),
    "laplace learned": lambda: Laplace(0.7, learned=True),
}


def random_iwae(seed, D=5, K=1, hidden=(4,), likelihood=None, activation="tanh"):
    rng = np.random.default_rng(seed)
    likelihood = likelihood or Bernoulli()
    model = IWAE.mlp(D, K, hidden, likelihood, activation, rng=rng, dtype=np.float64)
    model.theta += 0.5 * rng.standard_normal(model.theta.size)
    n = getattr(likelihood, "n", None)
    x = rng.integers(0, n + 1, (3, D)).astype(float) if n else rng.standard_normal((3, D))
    return model, x


@pytest.mark.parametrize("name", MAKERS)
@given(
    D=st.integers(1, 4),
    K=st.integers(1, 3),
    hidden=st.sampled_from([(), (3,), (3, 2)]),
    activation=st.sampled_from(list(ACTIVATIONS)),
    B=st.integers(1, 3),
    S=st.sampled_from([(), (1,), (2,), (5,)]),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_entry_of_the_gradient(name, D, K, hidden, activation, B, S, seed):
    model, x = random_iwae(seed, D, K, hidden, MAKERS[name](), activation)
    x = x[:B]
    eps = np.random.default_rng(seed).standard_normal((*S, B, K))
    z = gaussian.reparameterize(*model.encode(x), eps)
    assume(kink_distance(model, x, z) > 0.01)
    model.grad[...] = np.nan
    model.loss(x, eps)
    model.backward()
    assert_model_gradient(model, lambda: model.loss(x, eps).nelbo)


def test_random_directions_of_a_large_model(rng):
    model = IWAE.mlp(784, 50, (200,), rng=rng, dtype=np.float64)
    x = (rng.random((3, 784)) < 0.5).astype(float)
    eps = rng.standard_normal((4, 3, 50))
    model.loss(x, eps)
    model.backward()
    grad, theta = model.grad.copy(), model.theta.copy()
    for _ in range(3):
        v = rng.standard_normal(theta.size) + 3 * grad / np.linalg.norm(grad)

        def along(h, v=v):
            model.theta[...] = theta + h * v
            return model.loss(x, eps).nelbo

        expected = five_points(along, h=3e-5)
        assert grad @ v == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("axis", [(), (1,)])
def test_one_sample_is_the_elbo_with_a_sampled_kl(rng, axis):
    model, x = random_iwae(1, K=2)
    eps = rng.standard_normal((*axis, 3, 2))
    loss = model.loss(x, eps)
    assert loss.nelbo == pytest.approx(-model.log_weights(x, eps).mean(), rel=1e-13)
    assert loss.rec + loss.kl == pytest.approx(-model.elbo(x, eps).mean(), rel=1e-13)


def test_rec_and_kl_are_those_of_the_vae(rng):
    model, x = random_iwae(1, K=2)
    vae = VAE.mlp(5, 2, (4,), rng=rng, dtype=np.float64)
    vae.theta = model.theta
    eps = rng.standard_normal((6, 3, 2))
    np.testing.assert_allclose(model.loss(x, eps)[1:], vae.loss(x, eps)[1:], rtol=1e-13)


def test_weights_are_averaged_and_not_their_logarithms(rng):
    model, x = random_iwae(2, K=2)
    eps = rng.standard_normal((6, 3, 2))
    w = np.exp(model.log_weights(x, eps))
    loss = model.loss(x, eps)
    assert loss.nelbo == pytest.approx(-np.log(w.mean(axis=0)).mean(), rel=1e-12)
    assert [type(value) for value in loss] == [float] * 3


def test_the_bound_tightens_with_samples_and_ends_at_log_p_of_x(rng):
    model, x = random_iwae(3)
    # q(z|x) = N(0.5, 1.3), so that there is something to tighten, by weights that stay
    # below max p(x|z) times a constant: q is wider than the prior
    for head, value in [("mu_head", 0.5), ("logvar_head", math.log(1.3))]:
        model.params[f"{head}.W"][...] = 0
        model.params[f"{head}.b"][...] = value
    z = np.broadcast_to(np.linspace(-12, 12, 2001)[:, None, None], (2001, 3, 1))
    log_p_x = np.log(np.exp(model.log_joint(x, z)).sum(axis=0) * (24 / 2000)).mean()
    eps = rng.standard_normal((500, 100, 3, 1))  # 500 paired estimates of each bound
    bounds = {
        S: np.array([-model.loss(x, noise[:S]).nelbo for noise in eps]) for S in (1, 5, 100)
    }
    for few, many in [(1, 5), (5, 100)]:
        score = z_score(bounds[many] - bounds[few], 0)
        assert score > 5, f"L_{many} - L_{few} is {score:.1f} standard errors above 0"
    score = z_score(bounds[5], log_p_x)
    assert score < -4, f"L_5 is {score:.1f} standard errors from log p(x), not below it"
    assert bounds[100].mean() == pytest.approx(log_p_x, abs=0.05)


def test_the_same_noise_gives_the_same_bits():
    results = []
    for _ in range(2):
        model, x = random_iwae(4, K=2)
        eps = np.random.default_rng(5).standard_normal((6, 3, 2))
        results.append([model.loss(x, eps), model.backward(), model.grad.tobytes()])
    assert results[0] == results[1]


def test_copies_of_the_batch_and_of_the_samples_change_nothing(rng):
    model, x = random_iwae(6, K=2, likelihood=Gaussian(learned=True))
    eps = rng.standard_normal((4, 3, 2))
    losses, grads = [], []
    for data, noise in [(x, eps), (np.tile(x, (2, 1)), np.tile(eps, (1, 2, 1)))]:
        losses.append(model.loss(data, noise))
        model.backward()
        grads.append(model.grad.copy())
    losses.append(model.loss(x, np.tile(eps, (2, 1, 1))))
    model.backward()
    grads.append(model.grad.copy())
    np.testing.assert_allclose(losses, [losses[0]] * 3, rtol=1e-12)
    np.testing.assert_allclose(grads, [grads[0]] * 3, rtol=1e-9, atol=1e-13)


def test_backward_goes_with_the_loss_just_before(rng):
    model, x = random_iwae(7)
    eps = rng.standard_normal((4, 3, 1))
    with complains(RuntimeError, "before loss"):
        model.backward()
    model.loss(x, eps)
    model.backward()
    first = model.grad.copy()
    model.backward()
    np.testing.assert_array_equal(model.grad, first)
    for other in (model.elbo, model.log_weights, model.log_joint):
        model.loss(x, eps)
        other(x, eps)
        with complains(RuntimeError, "in between"):
            model.backward()


def test_extreme_weights_stay_finite(rng):
    model, x = random_iwae(8, likelihood=Gaussian(1e-5))
    eps = rng.standard_normal((5, 3, 1))
    log_w = model.log_weights(x, eps)
    assert log_w.max() < -5000  # exp(log w) is zero in any precision
    loss = model.loss(x, eps)
    assert -log_w.max(axis=0).mean() <= loss.nelbo <= -log_w.mean()
    model.backward()
    assert np.isfinite(model.grad).all()
    assert model.grad.any()


def test_bad_noise_is_named():
    model, x = random_iwae(9)
    with complains(ValueError, "eps: expected shape", "(4, 2, 1)"):
        model.loss(x, np.zeros((4, 2, 1)))
    with complains(ValueError, "eps: expected finite", "nan"):
        model.loss(x, np.full((4, 3, 1), np.nan))
    with complains(ValueError, "x: expected {0, 1}", "0.5"):
        model.loss(np.full((3, 5), 0.5), np.zeros((3, 1)))


def test_as_vae_has_the_same_weights_the_elbo_and_nothing_in_common(rng):
    iwae, x = random_iwae(3, K=2)
    eps = rng.standard_normal((len(x), 2))
    vae = iwae.as_vae()
    assert type(vae) is VAE
    np.testing.assert_array_equal(vae.theta, iwae.theta)
    np.testing.assert_allclose(vae.loss(x, eps).nelbo, -iwae.elbo(x, eps).mean())
    vae.backward()
    vae.theta += 1
    np.testing.assert_array_equal(iwae.theta, random_iwae(3, K=2)[0].theta)
    assert not iwae.grad.any(), "the copy wrote into the gradient of the original"


@pytest.mark.parametrize("logvar", [0.0, -16.0, -20.0, -30.0])
def test_weights_of_a_narrow_posterior_are_exact_in_float32(logvar, rng):
    # (z - mu) / sigma cancels where sigma is small against mu; eps itself does not.
    K, mu = 4, 5.0
    model = IWAE.mlp(3, K, (), Gaussian(), rng=rng, dtype=np.float32)
    model.theta[:] = 0
    model.params["mu_head.b"][:] = mu
    model.params["logvar_head.b"][:] = logvar
    x = rng.standard_normal((2, 3)).astype(np.float32)
    eps = rng.standard_normal((50, 2, K)).astype(np.float32)
    came, wanted = (m.log_weights(x, eps) for m in (model, model.astype(np.float64)))
    np.testing.assert_allclose(came, wanted, atol=1e-4)
    nelbos = [m.loss(x, eps).nelbo for m in (model, model.astype(np.float64))]
    assert abs(nelbos[0] - nelbos[1]) < 1e-4, f"expected {nelbos[1]}, got {nelbos[0]}"
