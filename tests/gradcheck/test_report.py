"""False alarms are told from mistakes, and the report says what it looked at."""

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


def test_the_row_of_a_wrong_direction_shows_its_two_derivatives():
    """Half a unit beside a slope of a million: right in each entry, wrong in their sum."""
    slope, wrong = np.ones(6000), np.full(6000, 0.5)
    slope[0], wrong[0] = 1e6, 0
    report = check_gradient(lambda t: slope @ t, np.zeros(6000), slope + wrong)
    (block,) = report.blocks.values()
    assert report.verdict == "WRONG" and not block.wrong.any(), str(report)
    row = next(line for line in str(report).splitlines() if line.endswith("  WRONG"))
    shown = block.wrong_directions[0]
    numbers = [f"{shown.claimed:.7g}", f"{shown.expected:.7g}", "WRONG"]
    assert row.split()[-4:] == ["direction", *numbers], str(report)
    assert f" {abs(shown.claimed - shown.expected) / shown.scale:.1e} " in row, row
