"""How the pictures look: one style for all axes and grids, and how they reach a file."""

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
CELL = 0.5  # inches, the width of one image in a grid
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


def limits_of(model, images):
    """The pixel values printed as paper and as ink.

    0 and n for counts; for real values what 98 % of the pixels span, so that a few
    extreme ones do not turn all others grey.
    """
    n = getattr(model.likelihood, "n", None)
    return (0, n) if n is not None else tuple(np.nanquantile(images, (0.01, 0.99)))


def show_tiles(ax, grid, shape, limits, cmap):
    """Draw images of shape (rows, columns, D) side by side, a white gutter between.

    They become one large image, so that no axes come between them; NaN stays blank.
    """
    import matplotlib

    rows, columns, D = grid.shape
    if len(shape) != 2 or shape[0] * shape[1] != D:
        raise ValueError(
            f"shape: expected (rows, columns) of an image of {D} pixels, got {shape}"
        )
    scale = max(1, -(-64 // max(shape)))  # so that a gutter can be thinner than a pixel
    gutter = max(1, scale * max(shape) // 16)
    tiles = np.kron(
        grid.reshape(rows, columns, *shape), np.ones((scale, scale), grid.dtype)
    )
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
    ax.set_xticks([])
    ax.set_yticks([])
    ax.spines[:].set_visible(False)


def prior_circles(ax):
    """Circles that hold 1, 2 and 3 standard deviations of the two-dimensional prior."""
    from matplotlib.patches import Circle

    for radius in (1, 2, 3):
        ax.add_patch(Circle((0, 0), radius, fill=False, color="#8A919C", lw=1.2, ls="--"))
    note = "circles: 1, 2 and 3σ of the prior"
    ax.text(0.99, 0.01, note, transform=ax.transAxes, ha="right", fontsize=11, color=TEXT)


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
