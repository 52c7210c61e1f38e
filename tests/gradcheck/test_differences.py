"""Derivatives from values alone: how exact they are, and whether they know it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minivae.gradcheck import central, complex_step, richardson
from minivae.gradcheck.differences import EPS, noise_level

# Name, function, derivative: analytic, so that the complex step works on them too.
ANALYTIC = {
    "exp": (np.exp, np.exp),
    "sin 3t": (lambda t: np.sin(3 * t), lambda t: 3 * np.cos(3 * t)),
    "tanh": (np.tanh, lambda t: 1 - np.tanh(t) ** 2),
    "log cosh": (lambda t: np.log(np.cosh(t)), np.tanh),
    "1/(1 + t²)": (lambda t: 1 / (1 + t * t), lambda t: -2 * t / (1 + t * t) ** 2),
}
POINTS = st.floats(-2, 2)
NAMES = st.sampled_from(sorted(ANALYTIC))


@given(NAMES, POINTS)
def test_richardson_is_good_to_ten_digits_and_knows_its_error(name, t):
    f, slope = ANALYTIC[name]
    exact = slope(t)
    found = richardson(lambda h: f(t + h), noise=EPS * max(abs(f(t)), 1))
    error = abs(found.value - exact)
    assert error <= 1e-10 * max(abs(exact), 1), f"{name} at {t}: off by {error:.1e}"
    assert error <= 10 * found.error, f"{name} at {t}: {error:.1e} > {found.error:.1e}"
    assert found.error < 1e-9, f"{name} at {t}: error estimate {found.error:.1e}"


@given(NAMES, POINTS)
def test_central_differences_are_good_to_eight_digits_and_know_it(name, t):
    f, slope = ANALYTIC[name]
    found = central(lambda h: f(t + h), noise=EPS * max(abs(f(t)), 1))
    error = abs(found.value - slope(t))
    assert error <= 1e-8 and error <= 10 * found.error, f"{name} at {t}: {error:.1e}"


@given(NAMES, POINTS)
def test_the_complex_step_is_exact(name, t):
    f, slope = ANALYTIC[name]
    found = complex_step(lambda h: f(t + h))
    assert abs(found.value - slope(t)) <= 1e-14 * max(abs(slope(t)), 1)


def test_the_complex_step_refuses_a_function_that_drops_the_imaginary_part():
    with pytest.raises(TypeError, match="returns a complex number"):
        complex_step(lambda t: float(np.real(t)))


def test_richardson_retreats_from_a_kink_and_from_the_edge_of_the_domain():
    kinked = richardson(lambda t: max(t - 1e-3, 0.0) + 2 * t + t * t, noise=EPS)
    assert abs(kinked.value - 2) < 1e-8
    with np.errstate(invalid="ignore"):
        edge = richardson(lambda t: np.log(np.float64(0.01) + t), noise=EPS)
    assert abs(edge.value - 100) < 1e-8


def test_richardson_does_not_trust_a_noisy_function():
    rng = np.random.default_rng(0)
    found = richardson(lambda t: np.sin(t) + 1e-6 * rng.standard_normal(), noise=1e-6)
    assert 1e-6 < abs(found.value - 1) + found.error and found.error > 1e-5


@pytest.mark.parametrize("scale", [1e-12, 1e-7, 1e-3])
def test_the_noise_of_a_function_is_measured(rng, scale):
    t = 1e-5 * np.arange(4000)
    measured = noise_level(np.exp(t) + scale * rng.standard_normal(4000))
    assert measured == pytest.approx(scale, rel=0.1)
