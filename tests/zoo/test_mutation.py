"""Bugs are read from patches, injected into the package, and taken out again."""

import re

import numpy as np
import pytest

from minivae import gaussian
from minivae.zoo import BUGS, Bug, Edit, injected
from minivae.zoo.mutation import read_bugs


def test_bugs_are_read_from_patches():
    one, two = read_bugs("""\
first 7b
Two lines of
a story.
found in: somebody/something #1, PR #2
found in: another
layers:Linear.backward
- one - line
+ two
+     lines: here
gaussian:kl
- before
+ after

second 8
found in public, says the story.
vae:VAE.loss
- a
- b
+ c
""")
    edits = (
        Edit("layers:Linear.backward", "one - line", "two\n    lines: here"),
        Edit("gaussian:kl", "before", "after"),
    )
    threads = "somebody/something #1, PR #2", "another"
    assert one == Bug("first", "7b", "Two lines of\na story.", threads, edits)
    edits = (Edit("vae:VAE.loss", "a\nb", "c"),)
    assert two == Bug("second", "8", "found in public, says the story.", (), edits)


def test_there_are_at_least_32_bugs_with_story_and_row():
    assert len(BUGS) >= 32
    for bug in BUGS.values():
        assert re.fullmatch(r"[a-z-]+", bug.name), bug.name
        assert re.fullmatch(r"\d+[a-z]?", bug.row), bug.name
        assert len(bug.story.splitlines()) <= 2 and len(bug.story) > 40, bug.name
        assert bug.edits and all(edit.right and edit.wrong for edit in bug.edits), bug.name


@pytest.mark.parametrize("bug", BUGS.values(), ids=BUGS)
def test_its_edits_fit_the_source(bug):
    with injected(bug):
        pass


def test_a_bug_changes_the_package_and_the_end_of_the_block_mends_it():
    before = gaussian.kl
    value = gaussian.kl(np.ones(1), np.zeros(1))
    with (
        pytest.raises(RuntimeError, match="inside"),
        injected(BUGS["kl-without-its-half"]),
    ):
        assert gaussian.kl(np.ones(1), np.zeros(1)) == 2 * value
        raise RuntimeError("inside")
    assert gaussian.kl is before


def test_two_edits_of_one_function_are_both_made():
    edits = (
        Edit("gaussian:kl", "mu * mu", "mu"),
        Edit("gaussian:kl", "np.exp(logvar) - 1", "np.exp(logvar)"),
    )
    with injected(Bug("both", "0", "", (), edits)):
        assert gaussian.kl(np.full(1, 3.0), np.zeros(1)) == 0.5 * (3 + 1)


def test_an_edit_that_no_longer_fits_says_so_and_leaves_all_as_it_was():
    before = gaussian.kl
    fits = Edit("gaussian:kl", "mu * mu", "mu")
    stray = Bug("stray", "0", "", (), (fits, Edit("gaussian:kl_grad", "no such text", "")))
    expected = r"stray: expected 'no such text' once in gaussian:kl_grad, found it 0 times"
    with pytest.raises(ValueError, match=expected):
        with injected(stray):
            pass
    assert gaussian.kl is before


def test_an_edit_of_a_comment_is_no_bug():
    text = "dy = dlogp[..., None] * (x - self.n * p)"
    idle = Bug("idle", "0", "", (), (Edit("likelihoods:Binomial.backward", text, ""),))
    with pytest.raises(ValueError, match=r"idle: expected .* found it in a comment"):
        with injected(idle):
            pass
