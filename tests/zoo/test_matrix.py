"""The matrix of bugs and rungs is computed in processes of their own."""

import numpy as np

from minivae.ladder import RUNGS
from minivae.zoo import matrix
from minivae.zoo.matrix import Matrix, compute_matrix, false_alarms, hunt


def test_the_sampler_bug_passes_finite_differences_and_fails_the_moments():
    """Value and gradient agree, so rung 1 cannot see it: the reason for the ladder."""
    assert hunt("variance-for-deviation", rungs=(1, 3, 4)) == [False, True, True]


def test_a_rung_that_a_bug_breaks_has_seen_it(monkeypatch):
    def breaks(*_):
        raise FloatingPointError

    monkeypatch.setitem(RUNGS, 3, breaks)
    assert hunt(None, rungs=(3,)) == [True]


def test_matrix_of_a_few_bugs_in_processes_of_their_own():
    names, done = ["graph-cut-at-the-sample", "grey-pixels-as-bernoulli"], []
    found = compute_matrix(names, workers=2, report=done.append)
    assert found.names == names and found.caught.shape == (2, len(RUNGS))
    assert found.caught[0, 0] and not found.escaped, str(found)
    assert not found.caught.all(), "a rung that fails whatever the bug catches nothing"
    assert done == [1, 2]


def test_an_escaped_bug_is_named():
    small = Matrix(["a", "long"], [1, 2], np.array([[True, False], [False, False]]))
    assert small.escaped == ["long"]
    assert str(small).splitlines() == [
        "       1   2",
        "a      x   .",
        "long   .   .",
        "caught   1   0",
        "2 bugs, 1 escaped",
    ]


def test_the_totals_are_those_of_the_rungs():
    caught = np.array([[True, True, False], [False, True, False]])
    assert (
        str(Matrix(["a", "b"], [1, 2, 3], caught)).splitlines()[3] == "caught   1   2   0"
    )


def test_false_alarms_name_seed_and_rung(monkeypatch):
    asked = []

    def instead(names, seeds, workers, report):
        asked.append((names, list(seeds)))
        return [[False] * len(RUNGS), [False, True] + [False] * (len(RUNGS) - 2)]

    monkeypatch.setattr(matrix, "_all_hunts", instead)
    assert false_alarms(2) == ["seed 1, rung 2"]
    assert asked == [([None, None], [0, 1])]
