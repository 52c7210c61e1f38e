"""The figure of the matrix shows a square where a bug is caught, and only there."""

import numpy as np

from minivae.zoo.figure import draw_matrix
from minivae.zoo.matrix import Matrix


def test_squares_stand_where_a_bug_is_caught():
    caught = np.array([[True, False, False], [False, False, True]])
    ax = draw_matrix(Matrix(["a", "b"], [1, 2, 5], caught)).axes[0]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["a", "b"]
    assert [label.get_text()[:2] for label in ax.get_yticklabels()] == ["1 ", "2 ", "5 "]
    (squares,) = ax.collections
    assert squares.get_offsets().tolist() == [[0, 0], [1, 2]]
    bottom, top = ax.get_ylim()
    assert bottom > top, "the first rung stands on top"
