"""The figure of the matrix shows a square where a bug is caught, and only there."""

import numpy as np

from minivae.zoo.figure import draw_matrix
from minivae.zoo.matrix import Matrix


def test_squares_stand_where_a_bug_is_caught():
    caught = np.array([[True, False, False], [False, False, True]])
    ax = draw_matrix(Matrix(["a", "b"], [1, 2, 5], caught)).axes[0]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["a", "b"]
    rungs = ["1 finite differences", "2 monte carlo", "5 linear vae"]
    assert [label.get_text() for label in ax.get_yticklabels()] == rungs
    (squares,) = ax.collections
    assert squares.get_offsets().tolist() == [[0, 0], [1, 2]]
    assert ax.get_xticks().tolist() == [0, 1] and ax.get_yticks().tolist() == [0, 1, 2]
    assert {label.get_rotation() for label in ax.get_xticklabels()} == {90}
    assert ax.get_xlim() == (-0.5, 1.5)
    assert ax.get_ylim() == (2.5, -0.5), "the first rung stands on top"
    # the lines of the grid run between the squares and around them
    assert ax.get_xticks(minor=True).tolist() == [-0.5, 0.5, 1.5]
    assert ax.get_yticks(minor=True).tolist() == [-0.5, 0.5, 1.5, 2.5]
