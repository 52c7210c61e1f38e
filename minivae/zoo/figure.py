"""The matrix as a figure."""

import numpy as np

from minivae.ladder import RUNGS
from minivae.plots.drawing import new_figure

CAUGHT = "#0072B2"  # Okabe & Ito's blue


def draw_matrix(matrix):
    """One row for each bug, one column for each rung, a square where it is caught.

    Parameters
    ----------
    matrix : Matrix

    Returns
    -------
    matplotlib.figure.Figure
    """
    rows, columns = matrix.caught.shape
    fig = new_figure(3.6 + 0.42 * columns, 1.2 + 0.24 * rows)
    ax = fig.subplots()
    y, x = np.nonzero(matrix.caught)
    ax.scatter(x, y, marker="s", s=95, color=CAUGHT, lw=0)
    names = [f"{rung} {RUNGS[rung].__name__.replace('_', ' ')}" for rung in matrix.rungs]
    ax.set_xticks(range(columns), names, rotation=40, ha="left", rotation_mode="anchor")
    ax.xaxis.tick_top()
    ax.set_yticks(range(rows), matrix.names)
    ax.set_ylim(rows - 0.5, -0.5)
    ax.set_xlim(-0.5, columns - 0.5)
    ax.set_xticks(np.arange(columns + 1) - 0.5, minor=True)
    ax.set_yticks(np.arange(rows + 1) - 0.5, minor=True)
    ax.grid(which="minor", color="#C9CED6", lw=0.6)
    ax.tick_params(which="both", length=0)
    ax.spines[:].set_visible(False)
    ax.set_title("Which rung catches which bug", fontsize=14)
    return fig
