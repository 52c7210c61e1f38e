"""False alarms are told from mistakes, and the report says what it looked at."""

import math

import numpy as np
import pytest

from minivae.gradcheck import check_gradient, check_layer

RNG = np.random.default_rng(7)
A = RNG.standard_normal((6, 4))


def smooth(theta):
    return float(np.log1p((A @ theta) ** 2).sum())


def smooth_grad(theta):
    u = A @ theta
    return A.T @ (2 * u / (1 + u * u))


THETA = RNG.standard_normal(4)


# False alarms: correct code whose check fails for another reason.


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


# What the report says.


@pytest.mark.parametrize("oracle", ["richardson", "central"])
def test_a_right_report_is_truthy_and_says_what_it_looked_at(oracle):
    report = check_gradient(smooth, THETA, smooth_grad, oracle=oracle)
    assert report and report.assert_ok() is None
    assert f"4 of 4 entries; {oracle} differences; tolerance 1e-06" in str(report)


def test_the_complex_step_as_oracle():
    def analytic(theta):
        return np.log1p((A @ theta) ** 2).sum()

    assert check_gradient(analytic, THETA, smooth_grad, oracle="complex").worst < 1e-14
    with pytest.raises(TypeError, match="complex"):
        check_gradient(lambda t: smooth(np.real(t)), THETA, smooth_grad, oracle="complex")


def test_the_table_names_parameter_entry_claimed_and_expected():
    theta = {"W": np.array([[0.5, -1.0], [2.0, 3.0]]), "b": np.ones(2)}

    def grad(t):
        dW = 2 * t["W"]
        dW[1, 0] = 7.25
        return {"W": dW, "b": np.ones(2)}

    report = check_gradient(lambda t: (t["W"] ** 2).sum() + t["b"].sum(), theta, grad)
    with pytest.raises(AssertionError) as raised:
        report.assert_ok()
    assert str(report) in str(raised.value)
    row = next(line for line in str(report).splitlines() if line.startswith("W "))
    assert row.split() == ["W", "4/4", "4.5e-01", "[1,", "0]", "7.25", "4", "WRONG"]
    assert report.blocks["b"].verdict == "ok"
    # |7.25 - 4| over the largest number in the block, which is the wrong 7.25 itself
    assert report.worst == pytest.approx(3.25 / 7.25)


def test_a_tiny_entry_does_not_explode_the_relative_error():
    claimed = 2 * np.array([1e-12, 3.0]) + np.array([1e-10, 0])
    report = check_gradient(lambda t: (t**2).sum(), np.array([1e-12, 3.0]), claimed)
    assert report and report.worst < 1e-9


def test_large_problems_are_sampled_and_say_so(rng):
    theta = rng.standard_normal(6000)
    report = check_gradient(lambda t: np.cosh(t).sum(), theta, np.sinh, rng=rng)
    report.assert_ok()
    assert "32 of 6000 entries and 2 random directions" in str(report)


def test_an_unused_parameter_is_noted_without_an_alarm():
    theta = {"used": np.ones(2), "idle": np.ones(3)}
    grad = {"used": np.ones(2), "idle": np.zeros(3)}
    report = check_gradient(lambda t: t["used"].sum(), theta, grad)
    assert report and "does not depend on idle" in str(report)


# Errors at the door.


@pytest.mark.parametrize(
    ("theta", "grad", "error", "words"),
    [
        (np.arange(3), np.ones(3), TypeError, "theta: expected real floating-point"),
        (np.array([1.0, np.nan]), np.ones(2), ValueError, "theta: expected finite"),
        ({"a": np.ones(2)}, np.ones(2), TypeError, "grad: expected a dict"),
        ({"a": np.ones(2)}, {"b": np.ones(2)}, ValueError, r"names \['a'\], got \['b'\]"),
        ({}, {}, ValueError, "theta: expected parameters, got none"),
    ],
)
def test_wrong_arguments_are_explained(theta, grad, error, words):
    with pytest.raises(error, match=words):
        check_gradient(lambda t: 0.0, theta, grad)


def test_a_loss_that_is_no_scalar_is_explained():
    with pytest.raises(ValueError, match=r"scalar loss.*\(3,\)"):
        check_gradient(lambda t: t, np.ones(3), np.ones(3))
    with pytest.raises(ValueError, match="oracle"):
        check_gradient(lambda t: t.sum(), np.ones(3), np.ones(3), oracle="guess")


def test_a_backward_that_returns_nothing_is_explained(rng):
    class Silent:
        def forward(self, x):
            return 2 * x

        def backward(self, dy):
            pass

    with pytest.raises(ValueError, match="backward: expected the gradient dx"):
        check_layer(Silent(), np.ones((2, 3)), rng)
