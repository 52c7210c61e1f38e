"""Rows, verdicts, the table, and the z-scores that are looked at twice."""

import numpy as np
import pytest

from minivae.ladder import Row, Table
from minivae.ladder.table import (
    AGAIN,
    ALARM,
    LIMIT,
    by_loops,
    refuses,
    relative,
    z_row,
    z_score,
)


def test_a_table_is_as_good_as_its_worst_row():
    good = Row(1, "a claim", 0.5, "nats", 1.0)
    unsure = Row(4, "no grid", np.nan, "nats", 1.0, undecided=True)
    assert Table([good])
    assert not Table([good, Row(2, "another", 2.0, "nats", 1.0)])
    assert not Table([good, Row(2, "not a number", np.nan, "nats", 1.0)])
    assert Table([good, unsure]), "what the oracle cannot tell is no failure"
    assert not Table([]) and not Table([unsure]), "nothing checked is nothing shown"


def test_the_tolerance_itself_is_still_allowed():
    assert Row(1, "", 1.0, "", 1.0).verdict == "ok"
    assert Row(1, "", np.nextafter(1.0, 2.0), "", 1.0).verdict == "FAILED"
    assert Row(1, "", 0.0, "", 1.0, undecided=True).verdict == "undecided"


def test_a_table_prints_claim_figure_tolerance_verdict():
    rows = [Row(4, "ELBO + KL = log p", 2e-12, "nats", 1e-9), Row(7, "b", 3, "z", 1)]
    text = str(Table(rows))
    assert "2e-12" in text and "1e-09" in text and "nats" in text
    assert "ok" in text and "FAILED" in text
    assert text.endswith("2 claims checked, 1 failed")
    unsure = Row(4, "c", np.nan, "nats", 1.0, undecided=True)
    assert str(Table([*rows, unsure])).endswith("3 claims checked, 1 failed, 1 undecided")


def test_z_score_is_a_standard_error_count(rng):
    samples = rng.standard_normal((10_000, 3))
    exact = np.abs(samples.mean(axis=0)) / samples.std(axis=0, ddof=1) * 100
    assert z_score(samples, 0.0) == pytest.approx(exact.max())
    assert abs(z_score(samples + [0, 0.1, 0], 0.0) - 10) < 5
    assert z_score(samples - 0.1, 0.0, one_sided=True) == 0
    assert z_score(samples + 0.1, 0.0, one_sided=True) > 5
    assert z_score(samples + 0.1, 0.0, slack=0.1) < 5 < z_score(samples + 0.1, 0.0)


def test_samples_that_do_not_vary_are_not_judged_by_their_last_digit():
    samples = np.full(100, 0.1 + 0.2)
    assert z_score(samples, 0.3) < 1e-3
    assert z_score(samples, 0.3001) > 1e6
    assert np.isnan(z_score(np.full(100, np.nan), 0.0)), "and a NaN stays one"


@pytest.mark.parametrize(
    ("first", "second", "looks", "verdict"),
    [
        (ALARM, None, [100], "ok"),
        (4.1, 0.5, [100, 100 * AGAIN], "ok"),
        (4.1, LIMIT, [100, 100 * AGAIN], "ok"),
        (9.0, 5.1, [100, 100 * AGAIN], "FAILED"),
        (np.nan, np.nan, [100, 100 * AGAIN], "FAILED"),
    ],
)
def test_only_the_second_look_decides(first, second, looks, verdict):
    seen, answers = [], [first, second]

    def score(n):
        seen.append(n)
        return answers[len(seen) - 1]

    assert z_row(2, "a claim", score, 100).verdict == verdict
    assert seen == looks


def test_the_false_alarm_rate_is_the_one_that_is_documented(rng):
    """2 (1 - Φ(z)) at the two limits, and how often normal samples exceed the first."""
    from math import erfc, sqrt

    assert erfc(ALARM / sqrt(2)) == pytest.approx(6.3e-5, rel=0.01)
    assert erfc(LIMIT / sqrt(2)) == pytest.approx(5.7e-7, rel=0.01)
    assert 6.3e-5 * 5.7e-7 == pytest.approx(3.6e-11, rel=0.01)
    z = [z_score(rng.standard_normal((200, 1)), 0.0) for _ in range(1000)]
    share = np.mean(np.array(z) > 2)
    assert abs(share - erfc(2 / sqrt(2))) < 5 * np.sqrt(0.0455 / 1000)


def test_relative_is_of_the_largest_expected():
    assert relative([1.0, 2.2], [1.0, 2.0]) == pytest.approx(0.1)
    assert relative([0.0, 1e-3], [0.0, 0.0]) == 1e-3
    assert relative(np.zeros(2), np.zeros(3)) == np.inf, "shapes are not stretched"


def test_a_refusal_is_an_error_of_the_kind_asked_for():
    assert refuses(ValueError, int, "seven") == 1
    assert refuses(ValueError, int, "7") == 0
    with pytest.raises(TypeError):
        refuses(ValueError, int, [])


def test_numbers_by_loops_are_relative_to_a_size_or_to_the_largest():
    row = by_loops(4, "x", [1.0, 2.2], [1.0, 2.0])
    assert row.figure == pytest.approx(0.1) and row.claim == "x, by plain loops"
    row = by_loops(4, "x", [1.0, 2.2], [1.0, 2.0], np.array([0.1, 20.0]), 1e-3)
    assert row.figure == pytest.approx(0.01) and row.verdict == "FAILED"
    assert by_loops(4, "x", [1.0], [1.0, 2.0]).verdict == "FAILED", "another shape"
