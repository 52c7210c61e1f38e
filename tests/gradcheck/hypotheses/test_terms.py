"""A term of the loss that is missing, or has a factor."""

import numpy as np
import pytest
from gradcheck_examples import affine

from minivae.gradcheck import check_gradient


def penalised(factor, more=0.0, **options):
    """A report where the gradient of 0.1 ΣW² is `factor` times right, plus `more`."""
    loss, theta, grad, _ = affine()

    def penalty(p):
        return 0.1 * (p["W"] ** 2).sum()

    def claim(p):
        g = grad(p)
        return g | {"W": g["W"] + factor * 0.2 * p["W"] + more}

    options = {"parts": {"data": loss, "penalty": penalty}} | options
    return check_gradient(lambda p: loss(p) + penalty(p), theta, claim, **options)


@pytest.mark.parametrize(
    ("factor", "words"),
    [
        (0.0, "the part 'penalty' is missing"),
        (0.5, "the part 'penalty' is 0.5 = 1/2 times the right one"),
        (-1.0, "the part 'penalty' is -1 times the right one"),
        (1.37, "the part 'penalty' is 1.37 times the right one"),
    ],
)
def test_one_term_is_found_from_functions_alone(factor, words):
    report = penalised(factor)
    assert report.hints[0].cause == "part_factor", str(report)
    assert words in report.hints[0].text, str(report)
    assert "the part 'data' is right" in report.hints[0].text, str(report)
    assert report.hints[0].blocks == ["W"]


def test_the_right_gradient_is_no_finding():
    assert penalised(1.0) and not penalised(1.0).hints


def test_what_is_no_multiple_of_a_term_is_not_called_one():
    report = penalised(0.5, more=1e-3 * np.cos(np.arange(15.0)).reshape(5, 3))
    assert report.verdict == "WRONG" and report.hints[0].cause == "place", str(report)


def test_without_the_terms_or_with_terms_that_are_alike_nothing_is_said():
    loss, *_ = affine()
    assert penalised(0.5, parts={}).hints[0].cause != "part_factor"
    alike = {"data": loss, "again": lambda p: 2 * loss(p), "penalty": lambda p: 0.0}
    assert penalised(0.5, parts=alike).hints[0].cause != "part_factor"


@pytest.mark.parametrize("n", [3, 4])
def test_numbers_too_few_for_the_terms_prove_nothing(n):
    """Any three numbers are nearly a combination of two triples."""
    theta = {"a": np.array([0.3, -0.7, 1.1, 0.2][:n])}
    parts = {
        "cubes": lambda p: (p["a"] ** 3).sum(),
        "sines": lambda p: np.sin(p["a"]).sum(),
    }
    claim = {"a": 3 * theta["a"] ** 2 + 2 * np.cos(theta["a"])}
    report = check_gradient(
        lambda p: parts["cubes"](p) + parts["sines"](p), theta, claim, parts=parts
    )
    assert report.verdict == "WRONG", str(report)
    assert (report.hints[0].cause == "part_factor") is (n == 4), str(report)
