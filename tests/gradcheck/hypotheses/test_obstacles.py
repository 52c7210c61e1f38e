"""Why nothing, or not all, could be judged: right code whose check fails."""

import math

import numpy as np
import pytest

from minivae.gradcheck import check_gradient

RNG = np.random.default_rng(7)
A = RNG.standard_normal((6, 4))


def smooth(theta):
    return float(np.log1p((A @ theta) ** 2).sum())


def smooth_grad(theta):
    u = A @ theta
    return A.T @ (2 * u / (1 + u * u))


THETA = RNG.standard_normal(4)


def test_unfrozen_noise_is_named_and_nothing_is_compared(rng):
    def noisy(theta):
        return smooth(theta) + 0.01 * rng.standard_normal()

    report = check_gradient(noisy, THETA, smooth_grad)
    assert report.verdict == "undecided" and not report, str(report)
    assert [h.cause for h in report.hints] == ["noise_not_frozen"], str(report)
    assert "no entries compared" in str(report)


@pytest.mark.parametrize("where", ["result", "inside", "gradient", "all"])
def test_float32_is_named(where):
    A32 = A.astype(np.float32)

    def loss(theta):
        if where in ("result", "gradient"):
            value = np.log1p((A @ theta) ** 2).sum()
        else:
            value = np.log1p((A32 @ theta.astype(np.float32)) ** 2).sum()
        return np.float32(value) if where == "result" else float(value)

    def grad(theta):
        g = smooth_grad(theta)
        return g.astype(np.float32) * np.float32(1 + 4e-6) if where != "inside" else g

    if where == "gradient":
        report = check_gradient(loss, THETA, grad)
    else:
        report = check_gradient(loss, THETA.astype(np.float32), grad)
    assert report.verdict == "undecided", str(report)
    assert [h.cause for h in report.hints] == ["single_precision"], str(report)


def test_float32_does_not_hide_a_factor_of_two():
    report = check_gradient(lambda t: np.float32(smooth(t)), THETA, 2 * smooth_grad(THETA))
    assert report.verdict == "WRONG", str(report)
    assert report.hints[0].cause == "constant_factor", str(report)


def test_float32_passes_at_a_tolerance_it_can_meet():
    f32 = smooth_grad(THETA).astype(np.float32)
    assert check_gradient(smooth, THETA, f32, tolerance=1e-3)


@pytest.mark.parametrize("distance", [0.0, 3e-8])
def test_a_kink_is_named(distance):
    theta = np.array([distance, 0.7, -0.4])

    def f(t):
        return np.maximum(t, 0).sum() + (t**2).sum()

    def grad(t):
        return (t > 0) + 2 * t

    report = check_gradient(f, theta, grad)
    assert report.verdict == "undecided", str(report)
    assert [h.cause for h in report.hints] == ["kink"], str(report)
    assert "theta[0]" in report.hints[0].text


def test_a_kink_does_not_excuse_other_entries():
    theta = np.array([0.0, 0.7, -0.4])
    report = check_gradient(
        lambda t: np.maximum(t, 0).sum() + (t**2).sum(), theta, lambda t: (t > 0) + 3 * t
    )
    assert report.verdict == "WRONG", str(report)


def test_a_slope_outside_the_kink_is_wrong():
    report = check_gradient(lambda t: np.abs(t).sum(), np.zeros(1), np.array([9.0]))
    assert report.verdict == "WRONG", str(report)


def test_the_kink_at_a_small_distance_is_stepped_around():
    theta = np.array([1e-3, 0.7, -1e-3])
    f = lambda t: np.maximum(t, 0).sum() + (t**2).sum()  # noqa: E731
    check_gradient(f, theta, lambda t: (t > 0) + 2 * t).assert_ok()


def test_a_loss_that_is_not_finite_is_said_to_be_so():
    with np.errstate(divide="ignore"):
        report = check_gradient(lambda t: np.log(t[0] * 0), np.ones(1), np.ones(1))
    assert report.hints[0].cause == "loss_not_finite" and not report


def test_a_loss_of_nan_is_not_called_noise():
    """Though no NaN is equal to another."""
    report = check_gradient(lambda t: float(t[0] * np.nan), np.ones(1), np.ones(1))
    assert [h.cause for h in report.hints] == ["loss_not_finite"], str(report)


def test_a_step_out_of_the_domain_is_taken_back():
    check_gradient(lambda t: math.log(t[0]), np.array([0.03]), lambda t: 1 / t).assert_ok()
    f = lambda t: 1 / 0 if t[0] > 1.01 else t[0] ** 2  # noqa: E731
    check_gradient(f, np.ones(1), lambda t: 2 * t).assert_ok()


def test_a_rough_loss_is_undecided():
    def rough(theta):
        return round(smooth(theta) * 1e9) / 1e9

    report = check_gradient(rough, THETA, smooth_grad, oracle="central")
    assert report.verdict == "undecided", str(report)
    assert [h.cause for h in report.hints] == ["too_coarse"], str(report)


@pytest.mark.parametrize(("jumps", "verdict"), [(0.9, "undecided"), (2.1, "WRONG")])
def test_a_kink_excuses_one_jump_beyond_it_and_not_two(jumps, verdict):
    """Slopes -1 and 1, a jump of 2: several kinks at one point may mix by one jump."""
    claimed = np.array([1 + 2 * jumps])
    report = check_gradient(lambda t: np.abs(t).sum(), np.zeros(1), claimed)
    assert report.verdict == verdict, str(report)
