"""Black-box VI: both estimators unbiased, variances ordered, the climb arrives."""

import numpy as np
import pytest

from minivae.inference.classical import bbvi
from minivae.inference.exact.linear_gaussian import LinearGaussian

MODEL = LinearGaussian([[1.0, 0.3], [-0.4, 0.8], [0.2, 0.5]], [0.1, -0.2, 0.3], 0.5)
X = np.array([[0.9, -1.1, 1.4]])
MU, LOGVAR = np.array([0.4, -0.3]), np.array([-0.6, 0.2])


def log_joint(z):
    """log N(x; W z + b, c I) + log N(z; 0, I), shape (S,)."""
    residual = X - z @ MODEL.W.T - MODEL.b
    square = (residual**2).sum(axis=1) / MODEL.c + (z**2).sum(axis=1)
    return -0.5 * (square + 3 * np.log(2 * np.pi * MODEL.c) + MODEL.K * np.log(2 * np.pi))


def log_joint_grad(z):
    residual = X - z @ MODEL.W.T - MODEL.b
    return residual @ MODEL.W / MODEL.c - z


def exact_gradient(mu, logvar):
    """dmu = P (m - mu), dlogvar = ½ (1 - P_kk σ_k²), P the posterior's precision."""
    mean, cov = MODEL.posterior(X)
    precision = np.linalg.inv(cov)
    dmu = precision @ (mean[0] - mu)
    return np.concatenate([dmu, 0.5 * (1 - np.diag(precision) * np.exp(logvar))])


def score(eps):
    return bbvi.score_terms(log_joint, MU, LOGVAR, eps)


def score_with_control(eps):
    return bbvi.score_terms(log_joint, MU, LOGVAR, eps, control_variate=True)


def score_with_biased_control(eps):
    """Bug 28: the coefficient of all samples has seen the sample it is used on."""
    plain = score(eps)
    sigma = np.exp(LOGVAR / 2)
    h = np.concatenate([eps / sigma, 0.5 * (eps**2 - 1)], axis=1)
    return plain - h * (plain * h).sum(axis=0) / (h * h).sum(axis=0)


def pathwise(eps):
    return bbvi.pathwise_terms(log_joint_grad, MU, LOGVAR, eps)


def test_the_exact_gradient_is_that_of_the_exact_elbo():
    def at(theta):
        return MODEL.elbo(X, theta[None, :2], theta[None, 2:])[0]

    theta, h = np.concatenate([MU, LOGVAR]), 1e-5
    slopes = [(at(theta + h * e) - at(theta - h * e)) / (2 * h) for e in np.eye(4)]
    np.testing.assert_allclose(exact_gradient(MU, LOGVAR), slopes, rtol=1e-8)


@pytest.mark.parametrize("estimator", [score, score_with_control, pathwise])
@pytest.mark.parametrize("S", [3, 10])
def test_unbiased(rng, estimator, S):
    row = bbvi.compare(estimator, exact_gradient(MU, LOGVAR), rng, S, replicates=2000)
    assert abs(row.z).max() < 4, f"biased: {row.z} standard errors off"
    # and the standard errors are small enough to see a bias, where it would matter
    limit = 0.3 if estimator is score else 0.15
    assert row.mean_se.max() < limit


def test_the_z_score_sees_a_baseline_that_sees_its_own_sample(rng):
    exact = exact_gradient(MU, LOGVAR)
    row = bbvi.compare(score_with_biased_control, exact, rng, S=3, replicates=2000)
    assert abs(row.z).max() > 10, f"the bias went unseen: {row.z}"


def test_the_control_variate_saves_variance_and_the_path_more(rng):
    exact = exact_gradient(MU, LOGVAR)
    plain, control, path = (
        bbvi.compare(estimator, exact, rng, S=40, replicates=2000)
        for estimator in (score, score_with_control, pathwise)
    )
    for better, worse in [(control, plain), (path, control)]:
        margin = (worse.variance - better.variance).sum()
        se = (worse.variance_se + better.variance_se).sum()
        assert margin > 4 * se, (better.variance, worse.variance, se)


def test_variance_per_sample_against_a_known_one(rng):
    """An estimator that returns eps twice has variance one, with se √(2/R)."""
    row = bbvi.compare(
        lambda eps: np.concatenate([eps, 3 * eps], axis=1), np.zeros(2), rng, 5, 4000
    )
    np.testing.assert_allclose(row.variance, [1.0, 9.0], rtol=4 * np.sqrt(2 / 4000))
    np.testing.assert_allclose(
        row.variance_se, [np.sqrt(2 / 4000), 9 * np.sqrt(2 / 4000)], rtol=0.1
    )
    np.testing.assert_allclose(row.mean_se, [1, 3] / np.sqrt(5 * 4000), rtol=0.05)


def test_pathwise_terms_are_the_derivative_of_each_sample(rng):
    """For frozen noise they differentiate log p(x, mu + σ ε) + entropy exactly."""
    eps, h = rng.standard_normal((4, 2)), 1e-5

    def values(theta):
        z = theta[:2] + np.exp(theta[2:] / 2) * eps
        return log_joint(z) + 0.5 * theta[2:].sum()

    theta = np.concatenate([MU, LOGVAR])
    slopes = [(values(theta + h * e) - values(theta - h * e)) / (2 * h) for e in np.eye(4)]
    np.testing.assert_allclose(pathwise(eps), np.transpose(slopes), rtol=1e-7, atol=1e-9)


def test_score_terms_worked_by_hand():
    """q = N(0, 1), log p = -z²: f = -½ z² + ½ log 2π, and the score is (z, ½ (z² - 1))."""
    zero = np.zeros(1)

    def terms(*values, control=False):
        eps = np.array(values)[:, None]
        return bbvi.score_terms(lambda z: -(z[:, 0] ** 2), zero, zero, eps, control)

    f, g = -0.5 + 0.5 * np.log(2 * np.pi), -2.0 + 0.5 * np.log(2 * np.pi)
    np.testing.assert_allclose(terms(1.0), [[f, 0.0]], rtol=1e-14)
    np.testing.assert_allclose(terms(2.0), [[2 * g, 1.5 * g]], rtol=1e-14)
    # of two samples, the coefficient of each is the f of the other; the score of the
    # first in logvar is zero, so the second has none there and stays as it is
    expected = [[f - g, 0.0], [2 * (g - f), 1.5 * g]]
    np.testing.assert_allclose(terms(1.0, 2.0, control=True), expected, rtol=1e-13)


def test_an_expectation_alone_against_its_closed_form(rng):
    """E[z² + sin z] = m² + s² + exp(-s²/2) sin m; nothing is to be subtracted by hand."""
    mu, logvar = np.array([0.125]), np.array([1.0])
    m, s2 = mu[0], np.exp(logvar[0])
    damping = np.exp(-s2 / 2)
    exact = np.array([2 * m + damping * np.cos(m), s2 * (1 - damping * np.sin(m) / 2)])

    def f(z):
        return (z**2 + np.sin(z)).sum(axis=1)

    for estimator in (
        lambda eps: bbvi.score_terms(f, mu, logvar, eps, entropy=False),
        lambda eps: bbvi.score_terms(f, mu, logvar, eps, True, entropy=False),
        lambda eps: bbvi.pathwise_terms(
            lambda z: 2 * z + np.cos(z), mu, logvar, eps, entropy=False
        ),
    ):
        row = bbvi.compare(estimator, exact, rng, S=10, replicates=3000)
        assert abs(row.z).max() < 4, f"{row.mean}, expected {exact}"
        assert row.mean_se[1] < 0.12, "too rough to see a half"


def test_the_steps_are_rate_times_t_to_the_minus_power(rng):
    slope = np.array([1.0, -2.0, 0.5, 4.0])
    path = bbvi.fit(
        lambda mu, logvar, eps: np.tile(slope, (len(eps), 1)),
        MU,
        LOGVAR,
        rng,
        steps=4,
        rate=0.3,
        power=0.7,
    )
    steps = np.diff(path, axis=0).reshape(4, 4)
    expected = 0.3 * np.arange(1, 5)[:, None] ** -0.7 * slope
    np.testing.assert_allclose(steps, expected, rtol=1e-12)


@pytest.mark.parametrize("method", ["score", "control", "pathwise"])
def test_the_climb_arrives_at_the_best_diagonal_gaussian(rng, method):
    def gradient(mu, logvar, eps):
        if method == "pathwise":
            return bbvi.pathwise_terms(log_joint_grad, mu, logvar, eps)
        control = method == "control"
        return bbvi.score_terms(log_joint, mu, logvar, eps, control)

    start = np.zeros(2), np.zeros(2)
    path = bbvi.fit(gradient, *start, rng, steps=2000, S=30, rate=0.2)
    np.testing.assert_array_equal(path[0], start)
    mean, cov = MODEL.posterior(X)
    best = mean, -np.log(np.diag(np.linalg.inv(cov)))[None]
    highest = MODEL.elbo(X, *best)[0]
    found = path[-500:].mean(axis=0)
    gap = highest - MODEL.elbo(X, found[:1], found[1:])[0]
    first = highest - MODEL.elbo(X, path[0, :1], path[0, 1:])[0]
    assert 0 <= gap < 0.01 < 0.5 < first, f"{method} ends {gap:.4f} nats below the best"


def test_bad_arguments(rng):
    eps = rng.standard_normal((3, 2))
    with pytest.raises(ValueError, match=r"log_joint\(z\): expected shape \(3,\)"):
        bbvi.score_terms(lambda z: z, MU, LOGVAR, eps)
    with pytest.raises(ValueError, match=r"log_joint\(z\): expected finite"):
        bbvi.score_terms(lambda z: np.full(3, np.nan), MU, LOGVAR, eps)
    with pytest.raises(ValueError, match=r"log_joint_grad\(z\): expected shape \(3, 2\)"):
        bbvi.pathwise_terms(log_joint, MU, LOGVAR, eps)
    with pytest.raises(ValueError, match="eps: a control variate needs at least 2"):
        bbvi.score_terms(log_joint, MU, LOGVAR, eps[:1], control_variate=True)
    with pytest.raises(ValueError, match=r"eps: expected shape \(any, 2\)"):
        bbvi.score_terms(log_joint, MU, LOGVAR, eps[:, :1])
    with pytest.raises(ValueError, match=r"power: expected above 0\.5"):
        bbvi.fit(lambda *a: score(a[2]), MU, LOGVAR, rng, power=0.5)
    with pytest.raises(ValueError, match="power: expected at most 1"):
        bbvi.fit(lambda *a: score(a[2]), MU, LOGVAR, rng, power=1.5)
    with pytest.raises(FloatingPointError, match="step 1 of 5"):
        bbvi.fit(lambda *a: np.full((8, 4), np.inf), MU, LOGVAR, rng, steps=5)
    with pytest.raises(ValueError, match=r"gradient.*: expected shape \(8, 4\)"):
        bbvi.fit(lambda *a: np.ones((8, 2)), MU, LOGVAR, rng, steps=5)
    with pytest.raises(ValueError, match="exact: expected finite values, got nan"):
        bbvi.compare(score, np.full(4, np.nan), rng)
    with pytest.raises(ValueError, match=r"estimator\(eps\): expected shape \(3, 4\)"):
        bbvi.compare(lambda eps: eps, np.zeros(4), rng, S=3)
    with pytest.raises(ValueError, match=r"estimator\(eps\): expected finite"):
        bbvi.compare(lambda eps: np.full((3, 4), np.nan), np.zeros(4), rng, 3, 2)
    with pytest.raises(ValueError, match="mu: expected finite values, got inf"):
        bbvi.pathwise_terms(log_joint_grad, MU + np.inf, LOGVAR, eps)
    with pytest.raises(ValueError, match="logvar: expected finite values, got nan"):
        bbvi.score_terms(log_joint, MU, LOGVAR + np.nan, eps)
    with pytest.raises(ValueError, match="mu: expected shape"):
        bbvi.fit(lambda *a: score(a[2]), MU[None], LOGVAR, rng)


def test_one_step_of_one_sample_is_a_step(rng):
    def terms(mu, logvar, eps):
        return np.full((len(eps), 2), 3.0)

    path = bbvi.fit(terms, np.zeros(1), np.zeros(1), rng, steps=1, S=1, rate=0.5)
    np.testing.assert_array_equal(path, [[[0.0], [0.0]], [[1.5], [1.5]]])
    for name in ("steps", "S"):
        with pytest.raises(ValueError, match=f"{name}: expected at least 1, got 0"):
            bbvi.fit(terms, np.zeros(1), np.zeros(1), rng, **{name: 0})
    with pytest.raises(ValueError, match="S: expected at least 1, got 0"):
        bbvi.compare(lambda eps: np.ones((len(eps), 2)), np.ones(2), rng, S=0)
    with pytest.raises(TypeError, match="estimator: expected a function, got None"):
        bbvi.compare(None, np.ones(2), rng)
