"""The course's checks: what passes, what must not, and that NaN never does."""

import importlib.util
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

PATH = Path(__file__).parents[2] / "tutorials" / "checks.py"
SPEC = importlib.util.spec_from_file_location("checks", PATH)
checks = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(checks)


def test_check_prints_number_tolerance_and_verdict(capsys):
    checks.check("half of one", 0.5 + 1e-9, 0.5, 1e-8)
    line = capsys.readouterr().out
    assert line == "half of one: 0.5, expected 0.5, |difference| 1.0e-09 <= 1e-08  ok\n"


@pytest.mark.parametrize("value", [0.6, np.nan, np.inf, -0.5])
def test_check_refuses_what_is_too_far(value):
    with pytest.raises(AssertionError, match=r"half: .* > 1e-08  NOT OK"):
        checks.check("half", value, 0.5, 1e-8)


def test_check_looks_at_every_element():
    checks.check("zeros", np.zeros((3, 2)), 0.0, 0.0)
    value = np.zeros((3, 2))
    value[2, 1] = 1e-3
    with pytest.raises(AssertionError, match=r"zeros: 6 numbers, \|difference\| 1.0e-03"):
        checks.check("zeros", value, np.zeros((3, 2)), 1e-4)
    value[2, 1] = np.nan
    with pytest.raises(AssertionError):
        checks.check("zeros", value, np.zeros((3, 2)), 1e-4)


@pytest.mark.parametrize("shape", [(3, 1), (2, 3), (4,)])
def test_check_does_not_broadcast(shape):
    with pytest.raises(AssertionError, match=r"got shape .* expected \(3,\)"):
        checks.check("shapes", np.zeros(shape), np.zeros(3), 1.0)


def test_check_refuses_nothing_at_all():
    with pytest.raises(AssertionError):
        checks.check("empty", np.zeros(0), 0.0, 1.0)


def test_check_mc_knows_the_standard_error(rng, capsys):
    samples = 3 + 2 * rng.standard_normal(10_000)
    checks.check_mc("mean", samples, 3.0)
    assert "± 0.02, expected 3, |z|" in capsys.readouterr().out
    error = samples.std(ddof=1) / 100
    checks.check_mc("mean", samples, samples.mean() - 3.9 * error)
    with pytest.raises(AssertionError, match=r"mean: .* > 4  NOT OK"):
        checks.check_mc("mean", samples, samples.mean() + 4.1 * error)
    with pytest.raises(AssertionError):
        checks.check_mc("mean", samples + np.nan, 3.0)


def test_check_mc_of_several_means(rng):
    expected = np.array([1.0, -2.0])
    samples = expected + rng.standard_normal((1_000, 2))
    checks.check_mc("two", samples, expected)
    with pytest.raises(AssertionError, match="two: 2 means"):
        checks.check_mc("two", samples, expected[::-1])
    with pytest.raises(AssertionError, match="means of shape"):
        checks.check_mc("two", samples, np.zeros(3))


def test_check_less(capsys):
    checks.check_less("bound", -3.0, -2.0)
    assert capsys.readouterr().out == "bound: -3 < -2  ok\n"
    for smaller in (-2.0, 0.0, np.nan):
        with pytest.raises(AssertionError, match="bound"):
            checks.check_less("bound", smaller, -2.0)


def test_must_fail_wants_a_failure(capsys):
    with checks.must_fail():
        checks.check("wrong on purpose", 2.0, 1.0, 0.1)
    assert capsys.readouterr().out.startswith("caught: wrong on purpose: 2")
    with pytest.raises(AssertionError, match="the check passed"), checks.must_fail():
        checks.check("right", 1.0, 1.0, 0.1)
    with pytest.raises(ZeroDivisionError), checks.must_fail():
        raise ZeroDivisionError  # a crash is not a check that caught something


def test_style_changes_what_matplotlib_draws():
    with mpl.rc_context():
        checks.style()
        assert mpl.rcParams["font.size"] >= 11
        assert not mpl.rcParams["axes.spines.top"]


def test_the_environment_moves_the_seed(monkeypatch):
    monkeypatch.delenv("MINIVAE_SEED", raising=False)
    usual = checks.generator(7).random()
    assert usual == np.random.default_rng(7).random()
    monkeypatch.setenv("MINIVAE_SEED", "0")
    assert checks.generator(7).random() == usual
    monkeypatch.setenv("MINIVAE_SEED", "3")
    moved = checks.generator(7).random()
    assert moved != usual and moved != checks.generator(8).random()


def test_measured_rows_have_numbers_and_words():
    row = checks.measured("burda_results.csv")[0]
    assert row["objective"] == "VAE" and row["S"] == 1.0


def test_a_row_is_held_against_the_table_of_its_seed(monkeypatch, capsys):
    table = [{"seed": 0.0, "nelbo": 90.0}, {"seed": 3.0, "nelbo": 80.0}]
    monkeypatch.setattr(checks, "measured", lambda name: table)
    monkeypatch.setenv("MINIVAE_SEED", "3")
    checks.measured_row("t.csv", nelbo=(80.2, 0.5))
    assert 'row {"seed": 3, "nelbo": 80.2}' in capsys.readouterr().out
    with pytest.raises(AssertionError, match="nelbo as measured: 90"):
        checks.measured_row("t.csv", nelbo=(90.0, 0.5))
    monkeypatch.setenv("MINIVAE_SEED", "4")  # no such row: nothing to compare with
    checks.measured_row("t.csv", nelbo=(1.0, 0.5))


def test_a_row_is_found_by_further_columns(monkeypatch, capsys):
    table = [{"seed": 0.0, "K": k, "nelbo": 100.0 - k} for k in (2.0, 8.0)]
    monkeypatch.setattr(checks, "measured", lambda name: table)
    monkeypatch.delenv("MINIVAE_SEED", raising=False)
    checks.measured_row("t.csv", {"K": 8}, nelbo=(92.2, 0.5))
    assert 'row {"seed": 0, "K": 8, "nelbo": 92.2}' in capsys.readouterr().out
    with pytest.raises(AssertionError, match=r"nelbo as measured: 92\.2, expected 98"):
        checks.measured_row("t.csv", {"K": 2}, nelbo=(92.2, 0.5))


def test_the_judges_probabilities_sum_to_one_and_em_raises_them(rng):
    """Over all 4³ images of three pixels with counts 0 to 3."""
    every = np.stack(np.meshgrid(*[np.arange(4)] * 3), axis=-1).reshape(-1, 3)
    x = rng.binomial(3, rng.choice([0.1, 0.8], size=(200, 1)), size=(200, 3))
    scores = []
    for rounds in (0, 1, 20):
        judge = checks.Judge(x, 3, 4, rounds, np.random.default_rng(1))
        assert np.exp(-judge.score(every)).sum() == pytest.approx(1, abs=1e-12)
        scores.append(judge.score(x).mean())
    assert scores[0] > scores[1] > scores[2]
    average = x.mean(axis=0) / 3  # of an M step, but for the pseudo-counts
    assert judge.w @ judge.P == pytest.approx(average, abs=0.01)


def test_tiles_have_titles_gaps_and_frames():
    axes = Figure().add_subplot()
    wrong = np.zeros((2, 3), bool)
    wrong[1, 2] = True
    checks.tiles(axes, np.ones((2, 3, 4)), ["a", "b"], (2, 2), 1, frames=wrong)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b"]
    assert list(axes.images[-1].get_extent()) == pytest.approx([2, 2.88, 1.88, 1])
    red = mpl.colors.to_rgba(checks.VERMILLION)
    assert [patch.get_edgecolor() == red for patch in axes.patches] == [False] * 5 + [True]


def test_differences_are_paired(monkeypatch):
    table = [{"a": 1.0, "b": 0.5}, {"a": 11.0, "b": 10.3}, {"a": 4.0, "b": 3.1}]
    monkeypatch.setattr(checks, "measured", lambda name: table)
    mean, error = checks.difference("t.csv", "a", "b")
    assert mean == pytest.approx(0.7)
    assert error == pytest.approx(np.std([0.5, 0.7, 0.9], ddof=1) / 3**0.5)
