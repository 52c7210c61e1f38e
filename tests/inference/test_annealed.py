"""Annealed importance sampling: unbiased weights, an invariant step, and known log p(x)."""

import numpy as np
import pytest
from helpers import assert_gradient, complains, z_score

from minivae import IWAE, VAE, Bernoulli, Binomial, Gaussian, Laplace
from minivae.inference import annealed
from minivae.inference.annealed import annealed_log_likelihood, hmc_step, sandwich
from minivae.inference.bounds import importance_log_likelihood
from minivae.inference.exact.linear_gaussian import LinearGaussian
from minivae.numerics import log_sum_exp


def ppca(rng, K, D=24, c=0.3, likelihood=None):
    """A linear VAE, its known log p(x), and an encoder that is off in mean and width."""
    axes, _ = np.linalg.qr(rng.standard_normal((D, K)))
    truth = LinearGaussian(axes * rng.uniform(0.5, 2, K), rng.standard_normal(D), c)
    vae = VAE.mlp(D, K, (), likelihood or Gaussian(c), rng=rng, dtype=np.float64)
    truth.place_in(vae)
    vae.params["mu_head.b"][...] += 0.2 * rng.choice([-1, 1], K)
    vae.params["logvar_head.b"][...] += 0.4 * rng.choice([-1, 1], K)
    return vae, truth


def assert_mean_one(ratio, smallest_bias=0.2):
    """E[w / p(x)] = 1, with an error small enough to see that it is not."""
    z = z_score(ratio, 1.0)
    assert abs(z) < 4, f"E[w]/p(x) is {ratio.mean():.3f}: {z:.1f} standard errors off"
    assert ratio.std() / np.sqrt(len(ratio)) < smallest_bias / 4


@pytest.mark.parametrize("K", [10, 16])
@pytest.mark.parametrize("learned", [False, True])
def test_probabilistic_pca_within_a_twentieth_of_a_nat(rng, K, learned):
    vae, truth = ppca(rng, K, likelihood=Gaussian(0.3, learned=learned))
    x = truth.sample(40, rng)
    found = annealed_log_likelihood(vae, x, rng, temperatures=100, chains=16)
    off = found.log_p - truth.log_prob(x)
    assert abs(off.mean()) < 0.05, f"{off.mean():.3f} nats off"
    assert_mean_one(np.exp(off))
    plain = importance_log_likelihood(vae, x, 16, rng) - truth.log_prob(x)
    assert plain.mean() < off.mean() - 0.1, "as many importance samples fall short"


@pytest.mark.parametrize("temperatures", [1, 2, 10])
def test_the_weights_are_unbiased_at_any_number_of_temperatures(rng, temperatures):
    vae, truth = ppca(rng, 2)
    x = truth.sample(2000, rng)
    found = annealed_log_likelihood(vae, x, rng, temperatures, chains=8, leapfrog=2)
    assert_mean_one(np.exp(found.log_p - truth.log_prob(x)))


def plain_sum(vae, x):
    """log p(x) as a sum over the nodes of a lattice: nothing here is narrower than 0.1."""
    axis = np.linspace(-7, 7, 141)
    z = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 1, 2)
    log_joint = vae.log_joint(x, np.broadcast_to(z, (len(z), len(x), 2)))
    return log_sum_exp(log_joint, axis=0) + 2 * np.log(0.1)


@pytest.mark.parametrize("likelihood", [Bernoulli(), Binomial(5), Gaussian(), Laplace()])
def test_a_network_against_a_sum_over_its_latent_plane(rng, likelihood):
    vae = VAE.mlp(9, 2, (8,), likelihood, rng=rng, dtype=np.float64)
    vae.theta *= 2
    for head in ("mu_head", "logvar_head"):
        vae.params[f"{head}.W"][...] = 0  # q is the prior
    x = vae.sample(8, rng)
    found = annealed_log_likelihood(vae, x, rng, temperatures=100, chains=70)
    off = found.log_p - plain_sum(vae, x)
    assert (abs(off) < 5 * found.error + 0.02).all(), (off, found.error)
    error = np.sqrt((found.error**2).sum()) / len(x)
    assert abs(off.mean()) < 4 * error + 0.02, f"{off.mean():.3f} nats off"
    assert error < 0.05, "too little is known to judge"


def test_the_sandwich_encloses_the_truth_and_both_sides_are_unbiased(rng):
    vae, truth = ppca(rng, 6)
    x, lower, upper = sandwich(vae, 200, rng, temperatures=30, chains=4, leapfrog=3)
    exact = truth.log_prob(x)
    assert_mean_one(np.exp(lower.log_p - exact))
    assert_mean_one(np.exp(exact - upper.log_p))
    x, lower, upper = sandwich(vae, 600, rng, temperatures=2, chains=2)
    exact = truth.log_prob(x)
    for above in (exact - lower.log_p, upper.log_p - exact):
        assert above.mean() > 4 * above.std() / np.sqrt(len(above)), above.mean()
    x, lower, upper = sandwich(vae, 100, rng, temperatures=100, chains=16, leapfrog=3)
    width = upper.log_p - lower.log_p
    assert abs(width.mean()) < 0.05, f"the sandwich is {width.mean():.3f} nats wide"


def test_the_sandwich_draws_its_images_from_the_model(rng):
    vae, truth = ppca(rng, 3)
    x, _, _ = sandwich(vae, 400, rng, temperatures=1, chains=2)
    cov = truth.W @ truth.W.T + truth.c * np.eye(truth.D)
    assert abs(z_score(x, truth.b)).max() < 4.5
    assert abs(z_score((x - truth.b) ** 2, np.diag(cov))).max() < 4.5


@pytest.mark.parametrize("likelihood", [Binomial(3), Gaussian(0.2, learned=True)])
def test_the_gradient_in_u_is_that_of_the_log_ratio(rng, likelihood):
    vae = VAE.mlp(5, 3, (4,), likelihood, rng=rng, dtype=np.float64)
    x = vae.sample(2, rng)
    mu, logvar = vae.encode(x)
    evaluate = annealed.log_ratio(vae, x, mu, logvar)
    u = rng.standard_normal((3, 2, 3))
    delta, slope = evaluate(u)
    np.testing.assert_allclose(delta, vae.log_weights(x, u), rtol=1e-12)
    assert_gradient("u", lambda: evaluate(u)[0].sum(), u, slope)


def bell(precision):
    """delta of a target N(0, 1/precision), as (delta, gradient) from u."""

    def evaluate(u):
        return -0.5 * ((precision - 1) * u**2).sum(axis=-1), -(precision - 1) * u

    return evaluate


@pytest.mark.parametrize("beta", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("share", [0.3, 0.8])
def test_a_step_leaves_its_density_as_it_is_even_a_rough_one(rng, beta, share):
    """Without Metropolis, rough steps make the variances grow."""
    precision = np.array([1.0, 6.0, 20.0])
    tempered = 1 + beta * (precision - 1)
    evaluate = bell(precision)
    u = rng.standard_normal((400, 50, 3)) / np.sqrt(tempered)
    size = np.full((50, 1), 2 * share / np.sqrt(tempered.max()))
    state, accepted = (u, *evaluate(u)), 0.0
    for _ in range(8):
        state, came = hmc_step(evaluate, state, beta, size, 3, rng)
        accepted += came.mean() / 8
    assert 0.1 < accepted < 0.999, f"neither all nor none: {accepted}"
    ends = state[0].reshape(-1, 3)
    assert abs(z_score(ends, 0.0)).max() < 4.5
    assert abs(z_score(ends**2, 1 / tempered)).max() < 4.5
    assert abs(z_score(ends[:, :1] * ends[:, 1:], 0.0)).max() < 4.5
    np.testing.assert_allclose(state[1], evaluate(state[0])[0], rtol=1e-12)
    np.testing.assert_allclose(state[2], evaluate(state[0])[1], rtol=1e-12)


def test_small_steps_keep_the_energy_and_move_towards_the_density(rng):
    precision = np.array([4.0, 30.0])
    evaluate = bell(precision)
    u = np.full((100, 100, 2), 2.0)
    state, small = (u, *evaluate(u)), np.full((100, 1), 0.05)
    for _ in range(60):
        state, accepted = hmc_step(evaluate, state, 1.0, small, 5, rng)
        assert accepted.mean() > 0.9, f"accepted {accepted.mean()}"
    ends = state[0].reshape(-1, 2)
    assert abs(z_score(ends, 0.0)).max() < 5
    assert abs(z_score(ends**2, 1 / precision)).max() < 5


def test_a_step_that_flies_off_is_not_taken(rng):
    def evaluate(u):
        with np.errstate(all="ignore"):
            return -np.exp(u**4).sum(axis=-1), -4 * u**3 * np.exp(u**4)

    u = np.full((5, 2, 1), 1.0)
    with np.errstate(all="ignore"):
        size = np.full((2, 1), 50.0)
        state, accepted = hmc_step(evaluate, (u, *evaluate(u)), 1.0, size, 5, rng)
    assert not accepted.any() and (state[0] == u).all()


def test_the_pilot_finds_steps_that_are_accepted_as_often_as_it_aims(rng, monkeypatch):
    shares, step = [], annealed.hmc_step

    def watched(*arguments):
        state, accepted = step(*arguments)
        shares.append(accepted.mean())
        return state, accepted

    monkeypatch.setattr(annealed, "hmc_step", watched)
    vae, truth = ppca(rng, 10)
    annealed_log_likelihood(vae, truth.sample(20, rng), rng, 120, 8)
    pilot, run = np.split(np.array(shares), 2)
    for name, some in (("pilot", pilot[40:]), ("run", run[40:])):
        assert abs(some.mean() - annealed.ACCEPT) < 0.15, (name, some.mean())


def test_error_and_effective_sample_size_by_hand():
    log_w = np.log(np.array([[1.0, 1.0], [1.0, 3.0], [1.0, 1e-300]])) - 1000.0
    found = annealed._estimate(log_w)
    np.testing.assert_allclose(found.log_p, np.log([1.0, 4 / 3]) - 1000, rtol=1e-12)
    np.testing.assert_allclose(found.ess, [3.0, 16 / 10], rtol=1e-12)
    spread = np.std([0.75, 2.25, 0.0], ddof=1)
    np.testing.assert_allclose(found.error, [0.0, spread / np.sqrt(3)], atol=1e-12)


def test_the_error_is_that_of_repeated_estimates(rng):
    vae, truth = ppca(rng, 6)
    x = np.repeat(truth.sample(1, rng), 200, axis=0)
    found = annealed_log_likelihood(vae, x, rng, temperatures=30, chains=16)
    scatter, claimed = found.log_p.std(), np.sqrt((found.error**2).mean())
    assert 0.7 < scatter / claimed < 1.4, (scatter, claimed)


def test_the_temperatures_rise_from_zero_to_one_slowly_at_both_ends():
    for T in (1, 2, 7, 100):
        betas = annealed.schedule(T)
        assert len(betas) == T + 1 and betas[0] == 0 and betas[-1] == 1
        np.testing.assert_allclose(betas + betas[::-1], 1, rtol=1e-12)
        assert (np.diff(betas) > 0).all()
    sigmoid = 1 / (1 + np.exp(-4 * np.linspace(-1, 1, 101)))
    expected = (sigmoid - sigmoid[0]) / (sigmoid[-1] - sigmoid[0])
    np.testing.assert_allclose(betas, expected, rtol=1e-10, atol=1e-14)


def test_images_keep_their_order_whatever_the_portions(rng, monkeypatch):
    monkeypatch.setattr(annealed, "ROWS", 3 * 8)
    vae, truth = ppca(rng, 2)
    x = truth.sample(7, rng)
    x[::2] += 2.0  # far apart in log p(x)
    found = annealed_log_likelihood(vae, x, rng, temperatures=60, chains=8)
    np.testing.assert_allclose(found.log_p, truth.log_prob(x), atol=0.5)
    x, lower, upper = sandwich(vae, 7, rng, temperatures=150, chains=8)
    for bound in (lower, upper):
        np.testing.assert_allclose(bound.log_p, truth.log_prob(x), atol=0.5)


def test_float32_serves_the_seed_gives_the_bits_and_theta_stays(rng):
    model = IWAE.mlp(8, 3, (5,), rng=rng)
    x, theta = (rng.random((4, 8)) < 0.5).astype(np.float32), model.theta.copy()
    first, second = (
        annealed_log_likelihood(model, x, np.random.default_rng(5), 20, 4) for _ in "ab"
    )
    np.testing.assert_array_equal(first, second)
    assert first.log_p.dtype == np.float64 and first.log_p.shape == (4,)
    np.testing.assert_array_equal(model.theta, theta)
    double = annealed_log_likelihood(
        model.astype(np.float64), x.astype(float), np.random.default_rng(6), 100, 16
    )
    single = annealed_log_likelihood(model, x, np.random.default_rng(5), 100, 16)
    error = np.hypot(single.error, double.error)
    assert (abs(single.log_p - double.log_p) < 5 * error + 1e-4).all()


def test_chains_of_a_float32_model_stay_float32(rng, monkeypatch):
    model, seen = VAE.mlp(5, 2, (3,), rng=rng), set()

    def noted(evaluate, state, *rest):
        seen.update(part.dtype for part in state)
        return hmc_step(evaluate, state, *rest)

    monkeypatch.setattr(annealed, "hmc_step", noted)
    sandwich(model, 2, rng, temperatures=3, chains=2, leapfrog=1)
    assert seen == {np.dtype(np.float32)}


def test_what_it_refuses(rng):
    model = VAE.mlp(4, 2, (3,), rng=rng)
    x = np.zeros((2, 4), np.float32)
    with complains(TypeError, "rng", "Generator"):
        annealed_log_likelihood(model, x, np.random)
    with complains(TypeError, "rng", "Generator"):
        sandwich(model, 2, 0)
    with complains(ValueError, "n", "at least 1"):
        sandwich(model, 0, rng)
    for name, least in (("temperatures", 1), ("chains", 2), ("leapfrog", 1)):
        with complains(ValueError, name, f"at least {least}"):
            annealed_log_likelihood(model, x, rng, **{name: least - 1})
    with complains(ValueError, "x", "(any, 4)"):
        annealed_log_likelihood(model, x[:, :3], rng)
    with complains(ValueError, "x", "{0, 1}"):
        annealed_log_likelihood(model, x + 0.5, rng)
    with complains(ValueError, "x", "empty"):
        annealed_log_likelihood(model, x[:0], rng)
    model.params["decoder.2.b"][...] = np.nan
    with complains(FloatingPointError, "not finite"):
        annealed_log_likelihood(model, x, rng, 3, 2)


def test_a_sandwich_that_is_refused_has_drawn_nothing(rng):
    vae, _ = ppca(rng, 2)
    before = rng.bit_generator.state
    for wrong in ({"temperatures": 0}, {"chains": 1}, {"leapfrog": 0}):
        with pytest.raises(ValueError, match=f"{next(iter(wrong))}: expected at least"):
            sandwich(vae, 3, rng, **wrong)
    assert rng.bit_generator.state == before
