"""How the pictures look: one style for all axes and grids, and how they reach a file."""

import math
from pathlib import Path

import numpy as np

from minivae.atomic import replacing

# Okabe & Ito's orange and blue: far apart for every kind of colour vision, and of
# different lightness, so that they survive a projector and a grey copy.
TRAIN, TEST = "#E69F00", "#0072B2"
# Classes are drawn as digits, so the colours (after Paul Tol's schemes) only help.
CLASS_COLOURS = (
    "#332288 #CC3311 #117733 #AA4499 #0077BB #8C8C1A #882255 #2E9C8F #D98200 #555555"
).split()
TEXT, FAINT = "#222222", "#C9CED6"
CELL = 0.5  # inches, the side of one square image in a grid; others have its area
VECTOR = (1.5, 0.75)  # inches, width and height of a vector's plot
WIDEST, HIGHEST = 13, 13  # inches of a figure
DPI = 200


def new_figure(width, height):
    """A Figure of so many inches that belongs to nobody: no window, no pyplot state."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained", facecolor="white")


def save_figure(fig, path):
    """Write a figure to `path` (PNG, PDF or SVG by its suffix): whole, or not at all.

    Parameters
    ----------
    fig : matplotlib.figure.Figure
    path : path-like

    Raises
    ------
    ValueError
        If the suffix is no format that Matplotlib writes.
    OSError
        If the folder is missing or cannot be written to.
    """
    kind = Path(path).suffix.lower().removeprefix(".")
    if kind not in fig.canvas.get_supported_filetypes():
        raise ValueError(f"path: expected a name ending in .png, .pdf or .svg, got {path}")
    with replacing(path) as file:
        fig.savefig(file, format=kind, dpi=DPI, bbox_inches="tight", pad_inches=0.08)


def plain_axes(ax, title, x_label, y_label):
    """Two spines, readable labels, a faint grid, a title."""
    ax.set_title(title, fontsize=14, color=TEXT)
    ax.set_xlabel(x_label, fontsize=13, color=TEXT)
    ax.set_ylabel(y_label, fontsize=13, color=TEXT)
    ax.tick_params(labelsize=12, length=3, color=FAINT, labelcolor=TEXT)
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(FAINT)
    ax.grid(True, color=FAINT, lw=0.6, alpha=0.6)
    ax.set_axisbelow(True)


def title_over(fig, title):
    """A title over a whole figure of images."""
    fig.suptitle(title, fontsize=14, color=TEXT)


def limits_of(model, data=None):
    """The pixel values printed as paper and as ink: those that the likelihood speaks of.

    0 and n for counts, 0 and 1 for real values: black stays black, whatever happens to be
    in a picture. Where real `data` lie elsewhere, what 98 % of its pixels span.
    """
    n = getattr(model.likelihood, "n", None)
    if n is not None or data is None:
        return (0, n or 1)
    low, high = np.quantile(data, (0.01, 0.99))
    return (0, 1) if 0 <= low and high <= 1 else (float(low), float(high))


def is_vector(shape):
    """Whether an image of (rows, columns) is a line of numbers, to be plotted as one."""
    return min(shape) == 1 and max(shape) > 3


def cell_size(shape):
    """Width and height in inches of one image in a grid."""
    if is_vector(shape):
        return VECTOR
    width = CELL * (shape[1] / shape[0]) ** 0.5
    height = CELL**2 / width
    enlarged = max(1.0, 0.1 / min(width, height))  # a row of pixels still to be seen
    return width * enlarged, height * enlarged


def columns_for(n, shape):
    """How many images side by side: a sheet about as wide as high, its last row filled."""
    width, height = cell_size(shape)
    square = (n * height / width) ** 0.5
    fits = range(1, max(1, min(n, int(WIDEST / width))) + 1)
    return min(fits, key=lambda c: abs(np.log(c / square)) + 1.5 * (-n % c) / c)


def show_tiles(ax, grid, shape, limits, cmap):
    """Draw images of shape (rows, columns, D) side by side, a white gutter between.

    They become one large image, so that no axes come between them; NaN stays blank.
    Vectors become curves, each in a box of its own.
    """
    import matplotlib

    rows, columns, D = grid.shape
    if len(shape) != 2 or shape[0] * shape[1] != D:
        raise ValueError(
            f"shape: expected (rows, columns) of an image of {D} pixels, got {shape}"
        )
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_visible(False)
    if is_vector(shape):
        _show_curves(ax, grid, limits)
        return
    side = math.sqrt(D)  # of a square of as many pixels
    scale = max(1, math.ceil(64 / side))  # so that a gutter can be thinner than a pixel
    gutter = max(1, int(scale * side / 16))
    pixel = np.ones((scale, scale), grid.dtype)
    tiles = np.kron(grid.reshape(rows, columns, *shape), pixel)
    room = ((0, 0), (0, 0), (0, gutter), (0, gutter))
    tiles = np.pad(tiles, room, constant_values=np.nan)
    height, width = tiles.shape[2:]
    sheet = tiles.swapaxes(1, 2).reshape(rows * height, columns * width)
    ax.imshow(
        np.ma.masked_invalid(sheet),
        cmap=matplotlib.colormaps[cmap].with_extremes(bad="white"),
        vmin=limits[0],
        vmax=limits[1],
        interpolation="nearest",
    )


def _show_curves(ax, grid, limits):
    """Each vector of a grid (rows, columns, D) as a curve between the two limits."""
    from matplotlib.patches import Rectangle

    rows, columns, D = grid.shape
    low, high = limits
    ax.set(xlim=(0, columns), ylim=(rows, 0))  # the first row on top, as of images
    along = np.linspace(0.05, 0.95, D)
    for (i, j), values in zip(np.ndindex(rows, columns), grid.reshape(-1, D), strict=True):
        if np.isnan(values).all():
            continue
        box = Rectangle((j + 0.03, i + 0.05), 0.94, 0.9, facecolor="#F3F4F6", lw=0)
        height = 0.9 - 0.8 * (values - low) / max(high - low, 1e-30)
        (line,) = ax.plot(j + along, i + height, color=TEST, lw=0.9)
        line.set_clip_path(ax.add_patch(box))


def prior_circles(ax):
    """Circles that hold 1, 2 and 3 standard deviations of the two-dimensional prior."""
    from matplotlib.patches import Circle

    for radius in (1, 2, 3):
        ax.add_patch(Circle((0, 0), radius, fill=False, color="#8A919C", lw=1.2, ls="--"))


def scatter_labels(ax, points, labels):
    """Draw each point as its own label, in the colour of its class; dots without labels."""
    if labels is None:
        ax.scatter(*points.T, s=14, color=TEST, alpha=0.6, linewidths=0)
        return
    for label in np.unique(labels):
        colour = CLASS_COLOURS[label % len(CLASS_COLOURS)]
        chosen = points[labels == label]
        size = (55 if len(points) <= 500 else 30) * len(str(label))
        ax.scatter(*chosen.T, s=size, marker=f"${label}$", color=colour, linewidths=0)
