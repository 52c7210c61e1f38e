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
    log_p = quadrature.log_prob(vae, x).value
    elbo = quadrature.elbo(vae, x, mu, logvar).value
    kl = quadrature.kl_to_posterior(vae, x, mu, logvar).value
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
    found = quadrature.log_prob(vae, x, nodes=61, tol=1e-9)
    p, total = np.exp(found.value), np.exp(found.value).sum()
    # the estimate's promise, which is larger than the error by far
    assert abs(total - 1) <= min(p @ found.error, 3e-11), f"they sum to 1 + {total - 1:.1e}"


def test_elbo_is_what_the_model_estimates_from_noise(digits_vae, rng):
    vae, x = digits_vae
    exact = quadrature.elbo(vae, x, *vae.encode(x)).value
    draws = np.array([vae.elbo(x, e) for e in rng.standard_normal((1000, len(x), 2))])
    z = (draws.mean(axis=0) - exact) / (draws.std(axis=0) / np.sqrt(len(draws)))
    assert abs(z).max() < 4, f"the model's ELBO is off by {z} standard errors"


def exact_log_prob(W, b, c, x):
    """log N(x; b, W Wᵀ + c I) from the singular values of W, at any condition number."""
    U, s, _ = np.linalg.svd(W, full_matrices=False)
    along = (x - b) @ U
    rest = ((x - b - along @ U.T) ** 2).sum(axis=1) / c
    square = (along**2 / (s**2 + c)).sum(axis=1) + rest
    log_det = np.log(s**2 + c).sum() + (len(b) - len(s)) * np.log(c)
    return -0.5 * (len(b) * np.log(2 * np.pi) + log_det + square)


def rotation(rng, D, K):
    return np.linalg.qr(rng.normal(size=(D, K)))[0]


@pytest.mark.parametrize("place", ["prior", "shifted", "border", "outside"])
@pytest.mark.parametrize("K", [1, 2])
def test_the_error_estimate_covers_the_error_of_any_gaussian(rng, K, place):
    """Condition numbers to 1e4 in any direction, widths from 1e-5 to 1, wherever."""
    for _ in range(4):
        D = int(rng.integers(K, 5))
        s = 10 ** rng.uniform(0, 4) * 10 ** np.array([0.0, -rng.uniform(0, 4)][:K])
        W = rotation(rng, D, K) * s @ rotation(rng, K, K).T
        b, c = rng.normal(size=D), 10 ** rng.uniform(-2, 0)
        vae, z = linear_vae(rng, LinearGaussian(W, b, c)), rng.normal(size=(2, K))
        edge = {"prior": 0, "shifted": 3, "border": 9, "outside": 12}[place]
        z[:, 0] += rng.choice([-1, 1]) * edge
        x = z[:, rng.permutation(K)] @ W.T + b + np.sqrt(c) * rng.normal(size=(2, D))
        found = quadrature.log_prob(vae, x)
        error = abs(found.value - exact_log_prob(W, b, c, x))
        assert (error <= found.error + 1e-9).all(), (W, b, c, x, error, found.error)


@pytest.mark.parametrize("scale", [[50.0, 3.0], [3.0, 50.0], [100.0, 1.0]])
def test_a_posterior_narrow_along_one_axis_and_wide_along_the_other(rng, scale):
    """A chessboard alone took these for exact, 0.04 to 1.25 nats off."""
    model = LinearGaussian(np.diag(scale), np.zeros(2), 1.0)
    vae, x = linear_vae(rng, model), model.sample(10, rng)
    found = quadrature.log_prob(vae, x)
    np.testing.assert_allclose(found.value, model.log_prob(x), atol=1e-10)
    assert found.error.max() < 1e-9
    moments, (mean, cov) = quadrature.posterior(vae, x), model.posterior(x)
    np.testing.assert_allclose(moments.mean, mean, atol=1e-9)
    np.testing.assert_allclose(moments.cov, np.tile(cov, (10, 1, 1)), atol=1e-9)


@pytest.mark.parametrize("blind", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_each_half_lattice_sees_what_the_others_do_not(blind):
    """A wave along one axis or both is an error that one of the alternating sums shows."""
    z, weights = quadrature.signed_lattice(2, 101, 9.0)
    h = 0.18
    wave = np.cos(np.pi * (z / h) @ blind)
    sums = (np.exp(-0.5 * (z**2).sum(axis=1)) / (2 * np.pi) * wave) @ weights
    seen = np.argmax(abs(sums[:4]))
    assert sums[seen] == pytest.approx(1, abs=1e-9)
    assert seen == blind[0] * 2 + blind[1] and abs(sums[:4]).sum() < 1 + 1e-9


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("side", [-1, 1])
def test_the_border_is_watched_on_every_side(axis, side):
    z, weights = quadrature.signed_lattice(2, 81, 4.0)
    z[:, axis] -= side * 4.0
    bell = np.exp(-0.5 * (z**2).sum(axis=1)) / (2 * np.pi)
    border = bell @ weights[:, -1]
    assert border == pytest.approx(1 / np.sqrt(2 * np.pi), rel=1e-3)


class Mixture:
    """As much of a VAE as the quadrature needs: x = 0, and hills put in by hand.

    p(x=0|z) p(z) = Σ_k w_k N(z; m_k, s_k² I), since `y` is the log of the ratio.
    """

    D, dtype = 1, np.dtype("float64")

    def __init__(self, K, centres, sigmas, weights):
        self.K, self.likelihood, self.total = K, self, np.sum(weights)
        self.hills = list(zip(np.atleast_2d(centres), sigmas, weights, strict=True))

    def check(self, x):
        pass

    def decoder_output(self, z):
        joint = [
            np.log(w) - 0.5 * ((z - m) ** 2).sum(axis=-1) / s**2 - self.K * np.log(s)
            for m, s, w in self.hills
        ]
        return np.logaddexp.reduce(joint)[..., None] + 0.5 * (z**2).sum(-1, keepdims=True)

    def _log_prob(self, x, y):
        return y[..., 0] + 0 * x[:, 0]

    log_prob = _log_prob


def test_rounding_counts_the_more_the_larger_the_nats():
    total = quadrature._Total(-1e6, np.zeros(1), np.array([1.0, 0, 0]), 0.0, np.zeros(2))
    small = total._replace(top=0.0)
    value, error = quadrature._evidence([total, small])
    assert value.tolist() == [-1e6, 0.0]
    assert 1e-10 < error[0] < 1e-8 and 1e-16 < error[1] < 1e-14


def test_images_of_several_conditions_are_refused(rng):
    """A node is decoded for all images; with as many nodes as labels nothing would show."""
    vae = VAE.mlp(3, 1, (4,), condition=2, rng=rng, dtype=np.float64)
    x = np.ones((2, 3))
    for labels, nodes in (([0, 1], 5), (np.eye(2)[[0, 1, 1, 0, 1]], 5)):
        given, q = vae.given(labels), (np.zeros((2, 1)), np.zeros((2, 1)))
        for call in (quadrature.log_prob, quadrature.posterior):
            with pytest.raises(ValueError, match="vae: expected one condition"):
                call(given, x, nodes=nodes, limit=6.0, tol=np.inf)
        for call in (quadrature.elbo, quadrature.kl_to_posterior):
            with pytest.raises(ValueError, match="vae: expected one condition"):
                call(given, x, *q, nodes=nodes, limit=6.0, tol=np.inf)
    assert np.isfinite(quadrature.log_prob(vae.given(1), x).value).all()


@pytest.mark.parametrize("sigma", [0.3, 0.012])
def test_a_second_hill_is_not_missed(rng, sigma):
    """Far from the first or within it, even much narrower than a step of the scan."""
    for K in (1, 2):
        for _ in range(2):
            centres, sigmas = rng.uniform(-3, 3, (3, K)), np.array([0.7, sigma, sigma])
            model = Mixture(K, centres, sigmas, weights=[0.5, 0.3, 1.7])
            found = quadrature.log_prob(model, np.zeros((1, 1)), tol=np.inf)
            error = abs(found.value - np.log(model.total))
            # twice, as one needle in a hundred exceeds its estimate, by up to 1.2 times;
            # a hill missed would be 0.1 nats
            assert (error <= 2 * found.error + 1e-9).all(), (centres, error, found.error)


@pytest.mark.parametrize("K", [1, 2])
def test_hills_far_apart_are_all_counted(K):
    """Two needles and a broad hill that share nothing: 68 % and 12 % of the mass."""
    centres = np.array([[-2.5, 1.0], [2.51, -1.3], [0.013, 2.7]])[:, :K]
    model = Mixture(K, centres, [0.4, 0.012, 0.02], weights=[0.5, 0.3, 1.7])
    found = quadrature.log_prob(model, np.zeros((1, 1)), tol=1e-4)
    error = abs(found.value - np.log(model.total))
    assert (error < 1e-6).all(), (error, found.error)


@pytest.mark.parametrize(
    "centres",
    [
        [[-1.22468494, 0.69291038], [2.72876869, 0.22387397], [-2.12297015, -1.88087963]],
        [[0.81232080, -0.74092485], [1.79114007, -1.83584714], [-0.65724652, 1.78760332]],
    ],
    ids=["factor", "lattice before"],
)
def test_the_estimate_covers_a_difference_small_by_chance(centres):
    """1.9 and 3.2 times the half lattices' differences; the second needs both mends."""
    model = Mixture(2, centres, [0.7, 0.012, 0.012], [0.5, 0.3, 1.7])
    found = quadrature.log_prob(model, np.zeros((1, 1)), tol=1e-4)
    error = abs(found.value - np.log(model.total))
    assert (error <= found.error).all(), (error, found.error)


def test_the_estimate_of_an_elbo_covers_a_difference_small_by_chance(monkeypatch):
    """The error is 1.97 times the difference to the half lattice."""
    model = Mixture(1, [[0.657], [0.641], [-1.661]], [0.7, 0.03, 0.03], [0.5, 0.3, 1.7])
    q = np.array([[0.164]]), np.array([[-0.528]])
    exact = quadrature.elbo(model, np.zeros((1, 1)), *q, nodes=20_001, tol=1e-3).value
    monkeypatch.setattr(quadrature, "MOST", 1)
    rough = quadrature.elbo(model, np.zeros((1, 1)), *q, tol=np.inf)
    error = abs(rough.value - exact)
    assert (error > 0.1).all() and (error < rough.error).all(), (error, rough.error)


def test_a_broad_pedestal_below_a_needle_counts(rng):
    """It has no hill of its own; on a lattice that fits the needle it lies outside."""
    model = Mixture(2, [[1.0, 0.5], [0.9, 0.0]], [0.01, 1.0], [1.0, 1e-5])
    found = quadrature.log_prob(model, np.zeros((1, 1)), tol=1e-3)
    error = abs(found.value - np.log(model.total))
    assert (error <= found.error + 1e-9).all(), (error, found.error)


def test_the_estimate_covers_the_error_where_the_lattice_may_not_grow(
    digits_vae, monkeypatch
):
    vae, x = digits_vae
    mu, logvar = vae.encode(x)
    exact = quadrature.log_prob(vae, x).value
    kl = quadrature.kl_to_posterior(vae, x, mu, logvar - 3).value
    monkeypatch.setattr(quadrature, "MOST", 1)
    seen = 0.0
    for shrink in (1.0, 2.0, 3.0, 4.0):
        monkeypatch.setattr(quadrature, "COARSEST", 0.5 * shrink)
        rough = quadrature.log_prob(vae, x, nodes=41, tol=np.inf)
        error = abs(rough.value - exact)
        assert (error <= rough.error + 1e-12).all(), (shrink, error, rough.error)
        seen = max(seen, error.max())
        rough = quadrature.kl_to_posterior(vae, x, mu, logvar - 3, nodes=41, tol=np.inf)
        error = abs(rough.value - kl)
        assert (error <= rough.error + 1e-12).all(), (shrink, error, rough.error)
    assert seen > 1e-3, "the lattices were to be coarse enough to err"


def test_what_no_lattice_reaches_is_refused(digits_vae, monkeypatch):
    vae, x = digits_vae[0], digits_vae[1][:1]
    q = vae.encode(x)
    monkeypatch.setattr(quadrature, "MOST", 1)
    monkeypatch.setattr(quadrature, "COARSEST", 1.5)
    with pytest.raises(ArithmeticError, match=r"log p\(x\) of image 0: .* exceeds tol"):
        quadrature.log_prob(vae, x, nodes=41)
    with pytest.raises(ArithmeticError, match="the posterior of image"):
        quadrature.posterior(vae, x, nodes=41)
    with pytest.raises(ArithmeticError, match="KL"):
        quadrature.kl_to_posterior(vae, x, *q, nodes=41)
    with pytest.raises(ArithmeticError, match="the ELBO"):
        quadrature.elbo(vae, x, *q, nodes=11)
    monkeypatch.undo()
    with pytest.raises(ArithmeticError, match="the ELBO"):
        quadrature.elbo(vae, x, *q, limit=2.0)


@pytest.mark.parametrize("shift", [20.0, -20.0])
def test_a_q_far_from_the_posterior_or_far_too_narrow_is_served(rng, shift):
    model = LinearGaussian([[2.0, 0.3], [0.5, 1.0]], [0.1, 0.2], 0.3)
    vae, x = linear_vae(rng, model), model.sample(3, rng)
    mu, logvar = np.full((3, 2), shift), np.full((3, 2), -12.0)
    kl = quadrature.kl_to_posterior(vae, x, mu, logvar)
    np.testing.assert_allclose(kl.value, model.kl_to_posterior(x, mu, logvar), rtol=1e-11)
    elbo = quadrature.elbo(vae, x, mu, logvar)
    np.testing.assert_allclose(elbo.value, model.elbo(x, mu, logvar), rtol=1e-11)


def test_what_lies_outside_a_fine_elbo_lattice_is_in_the_error(digits_vae):
    vae, x = digits_vae
    q = vae.encode(x)
    exact = quadrature.elbo(vae, x, *q).value
    for nodes in (65, 91):
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
    with pytest.raises(ValueError, match="tol: expected above 0"):
        quadrature.log_prob(vae, x, tol=0.0)
    broken = vae.astype(np.float64)
    broken.theta[...] = np.nan
    with pytest.raises(ArithmeticError, match="not finite everywhere on the scan"):
        quadrature.log_prob(broken, x, tol=np.inf)
    with pytest.raises(TypeError, match="vae: expected a VAE, got NoneType"):
        quadrature.log_prob(None, x)
    zero, inf = np.zeros((2, 2)), np.full((2, 2), np.inf)
    for f in (quadrature.elbo, quadrature.kl_to_posterior):
        with pytest.raises(ValueError, match="mu: expected finite values, got inf"):
            f(vae, x, inf, zero, tol=np.inf)
        with pytest.raises(ValueError, match="logvar: expected finite values, got -inf"):
            f(vae, x, zero, -inf, tol=np.inf)
        with pytest.raises(ArithmeticError, match="of image 0"):
            f(vae, x, zero, zero + 2000.0, tol=np.inf)
