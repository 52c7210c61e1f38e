"""The zoo: every bug can be injected, is caught, and goes back behind its fence."""

import re

import numpy as np
import pytest

from minivae import gaussian
from minivae.ladder import RUNGS
from minivae.zoo import BUGS, Bug, Edit, injected
from minivae.zoo.figure import draw_matrix
from minivae.zoo.matrix import Matrix, compute_matrix, hunt


def test_there_are_at_least_32_animals_with_story_and_row():
    assert len(BUGS) >= 32
    for bug in BUGS.values():
        assert re.fullmatch(r"[a-z-]+", bug.name), bug.name
        assert re.fullmatch(r"\d+[a-z]?", bug.row), bug.name
        assert len(bug.story.splitlines()) <= 2 and len(bug.story) > 40, bug.name


@pytest.mark.parametrize("bug", BUGS.values(), ids=BUGS)
def test_its_edits_fit_the_source(bug):
    with injected(bug):
        pass


def test_releasing_changes_the_package_and_the_end_of_the_block_mends_it():
    before = gaussian.kl
    value = gaussian.kl(np.ones(1), np.zeros(1))
    with (
        pytest.raises(RuntimeError, match="inside"),
        injected(BUGS["kl-without-its-half"]),
    ):
        assert gaussian.kl(np.ones(1), np.zeros(1)) == 2 * value
        raise RuntimeError("inside")
    assert gaussian.kl is before


def test_an_edit_that_no_longer_fits_says_so():
    stray = Bug("stray", "0", "", (), (Edit("gaussian:kl", "no such text", ""),))
    with pytest.raises(
        ValueError, match=r"stray: expected 'no such text' once in gaussian:kl"
    ):
        with injected(stray):
            pass


def test_an_edit_of_a_comment_is_no_bug():
    text = "t = np.exp(-np.abs(y))"
    idle = Bug("idle", "0", "", (), (Edit("likelihoods:Binomial._log_prob", text, ""),))
    with pytest.raises(ValueError, match=r"idle: expected .* found it in a comment"):
        with injected(idle):
            pass


def test_the_sampler_bug_passes_finite_differences_and_fails_the_moments():
    """Value and gradient agree, so rung 1 cannot see it: the reason for the ladder."""
    fails = dict(zip(RUNGS, hunt("variance-for-deviation"), strict=True))
    assert not fails[1], "finite differences were expected to pass"
    assert fails[3] and fails[4]


def test_matrix_of_a_few_animals_in_processes_of_their_own():
    names = ["graph-cut-at-the-sample", "grey-pixels-as-bernoulli"]
    matrix = compute_matrix(names, workers=2)
    assert matrix.names == names and matrix.caught.shape == (2, len(RUNGS))
    assert matrix.caught[0, 0] and not matrix.escaped, str(matrix)
    assert "2 bugs, 0 escaped" in str(matrix)


def test_an_escaped_animal_is_named():
    matrix = Matrix(["a", "b"], [1, 2], np.array([[True, False], [False, False]]))
    assert matrix.escaped == ["b"]
    assert "2 bugs, 1 escaped" in str(matrix)
    labels = draw_matrix(matrix).axes[0].get_yticklabels()
    assert [label.get_text() for label in labels] == ["a", "b"]
