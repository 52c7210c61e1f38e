"""The matrix as a figure."""

import numpy as np

from minivae.plots.drawing import FAINT, TEST, new_figure


def draw_matrix(matrix):
    """One column for each bug, one row for each rung, a square where it is caught.

    Parameters
    ----------
    matrix : Matrix

    Returns
    -------
    matplotlib.figure.Figure
    """
    bugs, rungs = matrix.caught.shape
    fig = new_figure(1.8 + 0.24 * bugs, 2.6 + 0.24 * rungs)
    ax = fig.subplots()
    x, y = np.nonzero(matrix.caught)
    ax.scatter(x, y, marker="s", s=110, color=TEST, lw=0)
    ax.set_yticks(range(rungs), matrix.rung_names)
    ax.set_xticks(range(bugs), matrix.names, rotation=90)
    ax.set_ylim(rungs - 0.5, -0.5)
    ax.set_xlim(-0.5, bugs - 0.5)
    ax.set_xticks(np.arange(bugs + 1) - 0.5, minor=True)
    ax.set_yticks(np.arange(rungs + 1) - 0.5, minor=True)
    ax.grid(which="minor", color=FAINT, lw=0.6)
    ax.tick_params(which="both", length=0)
    ax.set_aspect("equal")
    ax.spines[:].set_visible(False)
    return fig
