"""What the VAE's loss *is*: values, sign, reduction, sampling. Gradients have a file of
their own."""

import math

import numpy as np
import pytest
from helpers import complains, z_score

from minivae import VAE, Bernoulli, Binomial, Gaussian
from minivae.layers import Linear, Sequential

LOG_2PI = math.log(2 * math.pi)


def random_vae(rng, likelihood=None, D=5, K=2, dtype=np.float64):
    vae = VAE.mlp(D, K, (4,), likelihood or Bernoulli(), rng=rng, dtype=dtype)
    vae.theta += 0.5 * rng.standard_normal(vae.theta.size)
    return vae


def fixed_posterior(rng, mu, logvar, likelihood):
    """A VAE whose q(z|x) is N(mu, exp(logvar)) for any x, and whose y is z itself."""
    K = len(mu)
    vae = VAE(Sequential(), Sequential(Linear(K, K)), likelihood, rng, np.float64)
    vae.theta[...] = 0
    vae.params["mu_head.b"][...] = mu
    vae.params["logvar_head.b"][...] = logvar
    vae.params["decoder.0.W"][...] = np.eye(K)
    return vae


def binary(rng, B, D):
    return (rng.random((B, D)) < 0.5).astype(float)


def test_loss_is_the_formula_written_out_with_loops(rng):
    vae = random_vae(rng, Binomial(16))
    x = rng.integers(0, 17, (3, 5)).astype(float)
    eps = rng.standard_normal((4, 3, 2))
    mu, logvar = vae.encode(x)
    rec = kl = 0.0
    for b in range(3):
        for s in range(4):
            z = [mu[b, k] + math.exp(logvar[b, k] / 2) * eps[s, b, k] for k in range(2)]
            p = vae.decode(np.array(z)) / 16
            for d in range(5):
                n = int(x[b, d])
                log_p = n * math.log(p[d]) + (16 - n) * math.log(1 - p[d])
                rec -= (log_p + math.log(math.comb(16, n))) / (3 * 4)
        for k in range(2):
            kl += (mu[b, k] ** 2 + math.exp(logvar[b, k]) - 1 - logvar[b, k]) / 2 / 3
    loss = vae.loss(x, eps, beta=0.25)
    np.testing.assert_allclose(loss, [rec + 0.25 * kl, rec, kl], rtol=1e-12)
    assert [type(value) for value in loss] == [float] * 3
    elbo = vae.elbo(x, eps)
    assert elbo.shape == (3,)
    assert elbo.mean() == pytest.approx(-(rec + kl), rel=1e-12)


def test_one_sample_may_leave_out_its_axis(rng):
    vae = random_vae(rng)
    x, eps = binary(rng, 3, 5), rng.standard_normal((3, 2))
    losses, grads = [], []
    for noise in (eps, eps[None], np.stack([eps, eps])):
        losses.append(vae.loss(x, noise))
        vae.backward()
        grads.append(vae.grad.copy())
        np.testing.assert_allclose(vae.elbo(x, noise), vae.elbo(x, eps), rtol=1e-12)
    np.testing.assert_allclose(losses, [losses[0]] * 3, rtol=1e-13)
    np.testing.assert_allclose(grads, [grads[0]] * 3, rtol=1e-10, atol=1e-14)


def test_a_batch_of_copies_has_the_loss_and_the_gradient_of_one(rng):
    vae = random_vae(rng, Gaussian(0.5, learned=True))
    x, eps = rng.standard_normal((3, 5)), rng.standard_normal((2, 3, 2))
    once = vae.loss(x, eps)
    vae.backward()
    grad = vae.grad.copy()
    thrice = vae.loss(np.tile(x, (3, 1)), np.tile(eps, (1, 3, 1)))
    vae.backward()
    np.testing.assert_allclose(thrice, once, rtol=1e-12)
    np.testing.assert_allclose(vae.grad, grad, rtol=1e-10, atol=1e-14)


def test_terms_are_sums_over_pixels_and_over_latent_dimensions(rng):
    vae = fixed_posterior(rng, [0.5, -1.0, 2.0], [-1.0, 0.3, 0.0], Gaussian(0.7))
    x, eps = rng.standard_normal((4, 3)), rng.standard_normal((4, 3))
    three = vae.loss(x, eps)
    doubled = fixed_posterior(rng, [0.5, -1.0, 2.0] * 2, [-1, 0.3, 0] * 2, Gaussian(0.7))
    six = doubled.loss(np.tile(x, 2), np.tile(eps, 2))
    np.testing.assert_allclose(six, 2 * np.array(three), rtol=1e-12)


def test_beta_is_in_nelbo_alone(rng):
    vae = random_vae(rng)
    x, eps = binary(rng, 3, 5), rng.standard_normal((3, 2))
    plain = vae.loss(x, eps)
    assert plain.nelbo == pytest.approx(plain.rec + plain.kl, rel=1e-14)
    for beta in (0, 0.5, 4, np.float32(0.5), np.float64(2)):
        loss = vae.loss(x, eps, beta=beta)
        assert (loss.rec, loss.kl) == (plain.rec, plain.kl)
        assert loss.nelbo == pytest.approx(plain.rec + float(beta) * plain.kl, rel=1e-14)


def test_heads_reach_any_value_and_are_independent(rng):
    vae = random_vae(rng)
    x = binary(rng, 3, 5)
    for value in (-300.0, 0.0, 300.0):
        for head, other in [("mu_head", 1), ("logvar_head", 0)]:
            before = vae.encode(x)[other]
            vae.params[f"{head}.W"][...] = 0
            vae.params[f"{head}.b"][...] = [value, -value]
            np.testing.assert_array_equal(vae.encode(x)[1 - other], [[value, -value]] * 3)
            np.testing.assert_array_equal(vae.encode(x)[other], before)
            vae.params[f"{head}.b"][...] = 0


def test_the_z_that_is_decoded_has_the_moments_that_the_kl_assumes(rng, monkeypatch):
    # On the model itself and not only on gaussian.reparameterize: std or variance?
    mu, logvar = np.array([0.5, -2.0]), np.array([-2.0, 1.0])
    vae = fixed_posterior(rng, mu, logvar, Gaussian(0.7))
    seen, inner = [], vae.decoder_output
    monkeypatch.setattr(vae, "decoder_output", lambda z: seen.append(z) or inner(z))
    x, eps = np.zeros((1, 2)), rng.standard_normal((50_000, 1, 2))
    vae.loss(x, eps)
    vae.elbo(x, eps)
    vae.log_weights(x, eps)
    assert len(seen) == 3
    for z in seen:
        z = z[:, 0]
        centred = z - mu
        scores = z_score(z, mu)
        assert np.abs(scores).max() < 4, f"means are {scores} standard errors off"
        scores = z_score(centred[:, :, None] * centred[:, None, :], np.diag(np.exp(logvar)))
        assert np.abs(scores).max() < 4, f"covariances are {scores} standard errors off"


def test_frozen_noise_freezes_the_loss_and_other_noise_does_not(rng):
    vae = random_vae(rng)
    x, eps = binary(rng, 3, 5), rng.standard_normal((2, 3, 2))
    first = vae.loss(x, eps[0])
    vae.backward()
    grad = vae.grad.copy()
    other = vae.loss(x, eps[1])
    assert other.kl == first.kl
    assert other.rec != first.rec
    assert vae.loss(x, eps[0]) == first
    vae.backward()
    np.testing.assert_array_equal(vae.grad, grad)


def linear_vae(rng, exact_posterior):
    """A linear VAE with orthogonal loadings: p(x) and p(z|x) have closed forms.

    x = W z + m + noise of variance c gives p(x) = N(m, W Wᵀ + c I), and a posterior
    with diagonal covariance 1 / (1 + ‖w_k‖²/c) and mean linear in x.
    """
    W = np.linalg.qr(rng.standard_normal((4, 2)))[0] * [1.5, 0.6]  # (D, K)
    m, c = rng.standard_normal(4), 0.4
    variance = 1 / (1 + (W**2).sum(axis=0) / c)
    A = W * variance / c  # mu = (x - m) A
    vae = VAE(Sequential(), Sequential(Linear(2, 4)), Gaussian(c), rng, np.float64)
    vae.theta[...] = 0
    shift, wide = (0, 0) if exact_posterior else ([0.3, -0.2], [0.5, -0.7])
    vae.params["mu_head.W"][...] = A
    vae.params["mu_head.b"][...] = -m @ A + shift
    vae.params["logvar_head.b"][...] = np.log(variance) + wide
    vae.params["decoder.0.W"][...] = W.T
    vae.params["decoder.0.b"][...] = m
    x = m + rng.standard_normal((5, 4))
    cov = W @ W.T + c * np.eye(4)
    quadratic = np.einsum("bi,ij,bj->b", x - m, np.linalg.inv(cov), x - m)
    log_p_x = -0.5 * (quadratic + np.linalg.slogdet(2 * np.pi * cov)[1])
    # KL(q ‖ posterior) of two diagonal Gaussians
    ratio, gap = np.exp(wide), np.asarray(shift) ** 2 / variance
    gap = 0.5 * np.broadcast_to(ratio + gap - 1 - np.asarray(wide), (2,)).sum()
    return vae, x, log_p_x, gap


# log p(x|z) is a quadratic in eps here, and these four points give its mean exactly
CORNERS = np.array([[1.0, 1], [1, -1], [-1, 1], [-1, -1]])[:, None]


@pytest.mark.parametrize("exact_posterior", [True, False])
def test_nelbo_is_minus_log_p_of_x_plus_the_kl_to_the_posterior(rng, exact_posterior):
    vae, x, log_p_x, gap = linear_vae(rng, exact_posterior)
    eps = np.broadcast_to(CORNERS, (4, 5, 2))
    np.testing.assert_allclose(vae.elbo(x, eps), log_p_x - gap, rtol=1e-11)
    assert vae.loss(x, eps).nelbo == pytest.approx((gap - log_p_x).mean(), rel=1e-11)
    assert gap > 0.2 or exact_posterior  # so that the sign of the bound is seen


def test_weights_at_the_exact_posterior_are_all_p_of_x(rng):
    vae, x, log_p_x, _ = linear_vae(rng, exact_posterior=True)
    eps = rng.standard_normal((7, 5, 2))
    log_w = vae.log_weights(x, eps)
    assert log_w.shape == (7, 5)
    np.testing.assert_allclose(log_w, np.tile(log_p_x, (7, 1)), rtol=1e-10)
    np.testing.assert_allclose(vae.log_weights(x, eps[0]), log_p_x, rtol=1e-10)


def test_log_weights_average_to_the_elbo(rng):
    vae = random_vae(rng)
    x = binary(rng, 3, 5)
    eps = rng.standard_normal((20_000, 3, 2))
    # log w = log p(x|z) - (log q - log p): only the second term's mean is analytic in elbo
    difference = vae.log_weights(x, eps) - vae.elbo(x, eps)
    scores = z_score(difference, 0)
    assert np.abs(scores).max() < 4, f"{scores} standard errors between them"


def test_a_neural_vae_meets_its_exact_log_p_of_x(rng):
    """ELBO + KL(q ‖ p(z|x)) = log p(x), every term on a grid of one latent dimension."""
    vae = random_vae(rng, K=1)
    x = binary(rng, 3, 5)
    grid = np.linspace(-30, 30, 6001)
    width = grid[1] - grid[0]
    z = np.broadcast_to(grid[:, None, None], (6001, 3, 1))
    log_joint = vae.log_joint(x, z)
    assert log_joint.shape == (6001, 3)
    np.testing.assert_allclose(vae.log_joint(x, z[3000]), log_joint[3000], rtol=1e-12)
    log_p_x = np.log(np.exp(log_joint).sum(axis=0) * width)
    mu, logvar = vae.encode(x)
    log_q = -0.5 * (LOG_2PI + logvar + (z - mu) ** 2 / np.exp(logvar))[..., 0]
    q = np.exp(log_q) * width
    gap = (q * (log_q - (log_joint - log_p_x))).sum(axis=0)
    nodes = np.linspace(-9, 9, 401)
    weights = np.exp(-(nodes**2) / 2 - LOG_2PI / 2) * (nodes[1] - nodes[0])
    elbo = sum(
        w * vae.elbo(x, np.full((3, 1), e)) for e, w in zip(nodes, weights, strict=True)
    )
    np.testing.assert_allclose(elbo + gap, log_p_x, rtol=1e-9)
    assert (gap > 0.001).all()


def test_all_images_of_a_model_have_probability_one(rng):
    vae = random_vae(rng, K=1, D=4)
    x = np.array([[i >> d & 1 for d in range(4)] for i in range(16)], float)
    grid = np.broadcast_to(np.linspace(-12, 12, 2001)[:, None, None], (2001, 16, 1))
    p = np.exp(vae.log_joint(x, grid)).sum(axis=0) * (24 / 2000)
    assert p.sum() == pytest.approx(1, rel=1e-10)


def test_samples_come_from_the_prior_through_the_decoder(rng):
    vae = linear_vae(rng, exact_posterior=True)[0]
    W, m = vae.params["decoder.0.W"], vae.params["decoder.0.b"]
    drawn = vae.sample(50_000, rng)
    assert drawn.shape == (50_000, 4)
    scores = z_score(drawn, m)
    assert np.abs(scores).max() < 4, f"means are {scores} standard errors off"
    for images, cov in [
        (drawn, W.T @ W + 0.4 * np.eye(4)),
        (vae.sample(50_000, rng, mean=True), W.T @ W),
    ]:
        centred = images - m
        scores = z_score(centred[:, :, None] * centred[:, None, :], cov)
        assert np.abs(scores).max() < 4, f"covariances are {scores} standard errors off"


def test_reconstruction_decodes_the_posterior_mean(rng):
    vae = random_vae(rng)
    x = binary(rng, 3, 5)
    np.testing.assert_array_equal(vae.posterior_mean(x), vae.encode(x)[0])
    np.testing.assert_array_equal(vae.reconstruct(x), vae.decode(vae.encode(x)[0]))


def test_bad_arguments_are_named(rng):
    vae = random_vae(rng)
    x, eps = binary(rng, 3, 5), np.zeros((3, 2))
    doors = {"eps": [vae.loss, vae.elbo, vae.log_weights], "z": [vae.log_joint]}
    for name, door in [(name, door) for name, list_ in doors.items() for door in list_]:
        for shape in [(2,), (1, 1, 3, 2)]:
            with complains(ValueError, f"{name}: expected shape"):
                door(x, np.zeros(shape))
        for shape in [(3, 3), (4, 2), (2, 4, 2), (3, 2, 3)]:
            with complains(ValueError, f"{name}: expected shape", "3, 2)", str(shape)):
                door(x, np.zeros(shape))
        with complains(ValueError, f"{name}: expected data", "(0, 3, 2)"):
            door(x, np.zeros((0, 3, 2)))
        for dtype in ("int64", "complex128"):
            with complains(TypeError, f"{name}: expected real floating-point", dtype):
                door(x, np.zeros((3, 2), dtype))
        for bad in (np.nan, np.inf):
            noise = eps.copy()
            noise[1, 0] = bad
            with complains(ValueError, f"{name}: expected finite", str(bad), "(1, 0)"):
                door(x, noise)
    for name in ("beta", "free_bits"):
        for value in (-0.1, np.nan, np.inf):
            with complains(ValueError, f"{name}: expected", str(value)):
                vae.loss(x, eps, **{name: value})
        with complains(TypeError, f"{name}: expected a real number", "'1'"):
            vae.loss(x, eps, **{name: "1"})
    with complains(ValueError, "n: expected at least 1", "got 0"):
        vae.sample(0, rng)
    with complains(TypeError, "rng", "Generator", "int"):
        vae.sample(3, 0)
