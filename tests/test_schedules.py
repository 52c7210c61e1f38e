import numpy as np
import pytest
from helpers import complains

from minivae.schedules import cosine_decay, linear_warmup, piecewise_constant, value_at


def test_warmup_rises_in_a_straight_line_and_stays():
    schedule = linear_warmup(2.0, 4)
    assert [schedule(t) for t in range(7)] == [0, 0.5, 1, 1.5, 2, 2, 2]


def test_cosine_falls_along_half_a_wave_and_stays():
    schedule = cosine_decay(2.0, 4)
    half = np.sqrt(0.5)
    expected = [2, 1 + half, 1, 1 - half, 0, 0, 0]
    np.testing.assert_allclose([schedule(t) for t in range(7)], expected, atol=1e-15)


def test_stages_hold_and_the_last_one_for_ever():
    schedule = piecewise_constant([3.0, 2.0, 1.0], [1, 3, 2])
    assert [schedule(t) for t in range(9)] == [3, 2, 2, 2, 1, 1, 1, 1, 1]
    assert piecewise_constant(np.array([0.5]), np.array([2]))(100) == 0.5


def test_a_number_never_changes():
    assert value_at(0.25, 0) == value_at(0.25, 10**6) == 0.25
    assert value_at(lambda step: step / 2, 3) == 1.5


@pytest.mark.parametrize(
    "schedule", [linear_warmup(np.float64(1e-3), 3), piecewise_constant([1], [2])]
)
def test_values_are_plain_floats(schedule):
    assert {type(schedule(t)) for t in range(5)} == {float}


@pytest.mark.parametrize("make", [linear_warmup, cosine_decay])
def test_bad_arguments_are_named(make):
    for top in (-1.0, np.nan):
        with complains(ValueError, "top: expected", str(top)):
            make(top, 10)
    for steps, kind in [(0, ValueError), (1.5, TypeError)]:
        with complains(kind, "steps: expected", str(steps)):
            make(1.0, steps)


def test_a_stage_may_last_one_step():
    lr = piecewise_constant([3.0, 2.0, 1.0], [1, 1, 1])
    assert [lr(t) for t in range(4)] == [3.0, 2.0, 1.0, 1.0]


def test_bad_stages_are_named():
    with complains(ValueError, "values, lengths", "2 and 1"):
        piecewise_constant([1.0, 2.0], [3])
    with complains(ValueError, "values, lengths", "0 and 0"):
        piecewise_constant([], [])
    with complains(ValueError, "values: expected at least 0", "-1"):
        piecewise_constant([-1.0], [3])
    with complains(ValueError, "lengths: expected at least 1", "0"):
        piecewise_constant([1.0], [0])
