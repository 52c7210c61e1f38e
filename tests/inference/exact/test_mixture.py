"""The Gaussian mixture: exact density and posterior, and an EM that never goes down."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minivae import datasets
from minivae.inference.exact import mixture as module
from minivae.inference.exact.mixture import GaussianMixture, fit_mixture


def two_humps(rng, n=600):
    return np.concatenate(
        [rng.normal(-2.0, 0.5, n // 2), rng.normal(1.0, 1.0, n - n // 2)]
    )[:, None]


def random_mixture(rng, C, D):
    weights = rng.dirichlet(np.ones(C))
    means = rng.normal(size=(C, D))
    return GaussianMixture(weights, means, rng.uniform(0.2, 2.0, (C, D)))


def test_log_prob_of_a_mixture_worked_by_hand():
    mixture = GaussianMixture([0.25, 0.75], [[0.0], [2.0]], [[1.0], [4.0]])
    # at x = 2: 0.25 e^-2 / sqrt(2 pi) + 0.75 / (2 sqrt(2 pi))
    near = 0.75 / (2 * np.sqrt(2 * np.pi))
    far = 0.25 * np.exp(-2.0) / np.sqrt(2 * np.pi)
    x = np.array([[2.0]])
    np.testing.assert_allclose(mixture.log_prob(x), np.log(near + far), rtol=1e-14)
    np.testing.assert_allclose(
        mixture.responsibilities(x), [[far / (near + far), near / (near + far)]]
    )


def test_density_integrates_to_one(rng):
    mixture = random_mixture(rng, C=3, D=2)
    axis = np.linspace(-15, 15, 301)
    nodes = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    total = np.exp(mixture.log_prob(nodes)).sum() * (axis[1] - axis[0]) ** 2
    assert abs(total - 1) < 1e-9, f"the density integrates to {total}"


@given(st.integers(1, 5), st.integers(1, 70), st.integers(1, 6), st.integers(0, 999))
def test_bayes_rule_holds_for_any_shape(C, D, B, seed):
    rng = np.random.default_rng(seed)
    mixture = random_mixture(rng, C, D)
    x = 5 * rng.normal(size=(B, D))
    r = mixture.responsibilities(x)
    assert r.shape == (B, C)
    np.testing.assert_allclose(r.sum(axis=1), 1.0, rtol=1e-12)
    # p(k|x) p(x) = p(x, k), in logarithms because D = 70 underflows
    joint = mixture.log_joint(x)
    with np.errstate(divide="ignore"):
        log_r = np.log(r)
    seen = r > 1e-300
    recomposed = log_r + mixture.log_prob(x)[:, None]
    np.testing.assert_allclose(recomposed[seen], joint[seen], atol=1e-9)


def test_points_far_from_every_component_stay_finite():
    mixture = GaussianMixture([0.5, 0.5], [[0.0], [1.0]], [[1e-3], [1e-3]])
    x = np.array([[1e3]])
    expected = np.log(0.5) - 0.5 * (999.0**2 / 1e-3 + np.log(2e-3 * np.pi))
    np.testing.assert_allclose(mixture.log_prob(x), expected, rtol=1e-14)
    np.testing.assert_allclose(mixture.responsibilities(x), [[0.0, 1.0]])


def test_samples_have_the_mixture_moments(rng):
    mixture = GaussianMixture([0.2, 0.8], [[-1.0, 0.0], [2.0, 1.0]], [[4, 1], [0.25, 9.0]])
    n = 200_000
    x = mixture.sample(n, rng)
    mean = mixture.weights @ mixture.means
    variance = mixture.weights @ (mixture.variances + mixture.means**2) - mean**2
    z_mean = (x.mean(axis=0) - mean) / np.sqrt(variance / n)
    assert abs(z_mean).max() < 4, f"sample mean is off by {z_mean} standard errors"
    squares = (x - mean) ** 2
    z_var = (squares.mean(axis=0) - variance) / (squares.std(axis=0) / np.sqrt(n))
    assert abs(z_var).max() < 4, f"sample variance is off by {z_var} standard errors"


@given(st.integers(1, 6), st.integers(1, 4), st.integers(0, 999))
def test_log_likelihood_never_falls(C, D, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(40, D)) * rng.uniform(0.1, 3, D) + rng.integers(0, 3, (40, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # six components may well starve on 40 points
        fit = fit_mixture(x, C, rng, var_floor=1e-2, iterations=40)
    steps = np.diff(fit.log_likelihood)
    assert steps.min() > -1e-12, f"EM went down by {-steps.min():.2e} nats per point"
    exact = fit.mixture.log_prob(x).mean()
    np.testing.assert_allclose(fit.log_likelihood[-1], exact, rtol=1e-12)


def test_one_component_is_the_gaussian_of_maximum_likelihood(rng):
    x = rng.normal(size=(50, 3)) * [1.0, 2.0, 0.5] + [3.0, -1.0, 0.0]
    mixture = fit_mixture(x, 1, rng, iterations=1).mixture  # one M step is enough
    np.testing.assert_allclose(mixture.means[0], x.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(mixture.variances[0], x.var(axis=0), rtol=1e-12)


def test_em_ends_where_the_gradient_vanishes(rng):
    """The likelihood falls when any parameter of the fit is moved either way."""
    x = two_humps(rng)
    m = fit_mixture(x, 2, rng, iterations=5000, tol=1e-14).mixture
    h = 1e-4

    def slope(name, direction):
        def at(step):
            moved = {n: getattr(m, n).copy() for n in ("weights", "means", "variances")}
            moved[name] = moved[name] + step * direction
            return GaussianMixture(**moved).log_prob(x).mean()

        return (at(h) - at(-h)) / (2 * h)

    slopes = {
        "weights": slope("weights", np.array([1.0, -1.0])),
        "means 0": slope("means", np.array([[1.0], [0.0]])),
        "means 1": slope("means", np.array([[0.0], [1.0]])),
        "variances 0": slope("variances", np.array([[1.0], [0.0]])),
        "variances 1": slope("variances", np.array([[0.0], [1.0]])),
    }
    for name, value in slopes.items():
        assert abs(value) < 1e-6, f"{name}: expected slope 0 at the maximum, got {value}"


def test_recovers_the_two_humps(rng):
    x = two_humps(rng, n=20_000)
    m = fit_mixture(x, 2, rng, iterations=500).mixture
    order = np.argsort(m.means[:, 0])
    np.testing.assert_allclose(m.means[order, 0], [-2.0, 1.0], atol=0.1)
    np.testing.assert_allclose(np.sqrt(m.variances[order, 0]), [0.5, 1.0], atol=0.06)
    np.testing.assert_allclose(m.weights, [0.5, 0.5], atol=0.03)


def test_the_floor_is_kept_where_pixels_are_blank(rng):
    digits = datasets.load_digits().train[:1000].astype(np.float64)
    fit = fit_mixture(digits, 4, rng, var_floor=0.05, iterations=20)
    blank = digits.var(axis=0) == 0
    assert blank.any()
    assert (fit.mixture.variances >= 0.05).all()
    assert (fit.mixture.variances[:, blank] == 0.05).all()
    assert np.diff(fit.log_likelihood).min() > -1e-10
    assert fit.log_likelihood[-1] > fit.log_likelihood[0] + 10


def test_same_generator_same_fit(rng):
    x = two_humps(rng)
    a = fit_mixture(x, 3, np.random.default_rng(5), iterations=20).mixture
    b = fit_mixture(x, 3, np.random.default_rng(5), iterations=20).mixture
    np.testing.assert_array_equal(a.means, b.means)


def test_a_component_on_one_point_is_said(rng):
    x = np.concatenate([rng.normal(size=(30, 1)), [[1e3]]])
    with warnings.catch_warnings(record=True) as said:  # others may end without data
        warnings.simplefilter("always")
        fit = fit_mixture(x, 20, rng, var_floor=1e-4)
    assert any("single point" in str(warning.message) for warning in said), said
    sentences = [s for s in fit.degenerate.values() if "single point" in s]
    assert sentences, "a component on the outlier alone was not reported"
    assert np.diff(fit.log_likelihood).min() > -1e-12


def test_a_component_without_data_is_left_in_place_and_said():
    """At a million standard deviations the responsibility is zero, not small."""
    start = GaussianMixture([0.5, 0.5], [[0.0], [1e6]], [[1.0], [1.0]])
    x = np.linspace(-1, 1, 21)[:, None]
    r = start.responsibilities(x)
    after = module._m_step(start, x, r, var_floor=1e-3)
    assert after.means[1, 0] == 1e6 and after.weights[1] == 0.0
    assert np.isfinite(after.log_prob(x)).all()
    assert "without data" in module._degenerate(after, 21, 1e-3)[1]


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"x": np.zeros((4, 2), int)}, TypeError, "x: expected real floating"),
        ({"x": np.zeros(4)}, ValueError, "x: expected shape"),
        ({"x": np.zeros((0, 2))}, ValueError, "x: expected data"),
        ({"x": np.full((4, 2), np.nan)}, ValueError, "x: expected finite"),
        ({"C": 0}, ValueError, "C: expected at least 1"),
        ({"C": 9}, ValueError, "C: 9 components need"),
        ({"var_floor": 0.0}, ValueError, "var_floor: expected above 0"),
        ({"tol": -1e-3}, ValueError, "tol: expected at least 0"),
        ({"iterations": 0}, ValueError, "iterations: expected at least 1"),
        ({"rng": 3}, TypeError, "rng: expected a numpy.random.Generator"),
    ],
)
def test_bad_arguments_of_fit(change, error, words):
    rng = np.random.default_rng(0)
    good = {"x": rng.normal(size=(6, 2)), "C": 2, "rng": rng}
    with pytest.raises(error, match=words):
        fit_mixture(**(good | change))


def test_bad_parameters():
    with pytest.raises(ValueError, match="weights: expected values of at least 0"):
        GaussianMixture([0.5, 0.6], [[0.0], [1.0]], [[1.0], [1.0]])
    with pytest.raises(ValueError, match="variances: expected values above 0"):
        GaussianMixture([0.5, 0.5], [[0.0], [1.0]], [[1.0], [0.0]])
    with pytest.raises(ValueError, match=r"variances: expected shape \(2, 1\)"):
        GaussianMixture([0.5, 0.5], [[0.0], [1.0]], [[1.0, 1.0]])
