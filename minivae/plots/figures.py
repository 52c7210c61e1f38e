"""The pictures of a model: reconstructions, samples, and walks in latent space.

Each function draws one `matplotlib.figure.Figure` and returns it; nothing is shown and
no global state of matplotlib is touched. In a notebook the figure displays itself, and
`save_figure` writes it to a file. Matplotlib is imported only when something is drawn.

Images are rows of D pixels, as the model takes them, and `shape` is (rows, columns) of
one image. They are printed as ink on paper, the largest value black, unless
`cmap="gray"` asks for the look of a screen.
"""

from statistics import NormalDist

import numpy as np

from minivae.errors import check_shape, check_whole
from minivae.plots import drawing


def reconstructions(model, x, shape, columns=None, cmap="gray_r", limits=None):
    """Each image of x over its reconstruction E[x|z], z the code of x.

    Parameters
    ----------
    model : VAE or Autoencoder
    x : ndarray, shape (B, D)
        As the model takes it, up to a few dozen images.
    shape : tuple of int
        (rows, columns) of one image.
    columns : int, optional
        At most so many images side by side, ten if they are about square; the rest goes to
        further pairs of rows.
    limits : tuple of float, optional
        The values printed white and black, by default those of `drawing.limits_of`.

    Returns
    -------
    Figure
    """
    width, height = drawing.cell_size(shape)
    fit = max(1, int(drawing.WIDEST / width))
    usual = max(int(10 * drawing.CELL / width), min(10, fit))
    columns = usual if columns is None else check_whole("columns", columns, minimum=1)
    pairs = np.stack([x, model.reconstruct(x)])  # (2, B, D)
    columns = min(columns, len(x), fit)
    pairs = pairs[:, : columns * max(1, int(drawing.HIGHEST / (2 * height)))]
    B = pairs.shape[1]
    columns = -(-B // -(-B // columns))  # as many in the last band as in the others
    bands = range(0, B, columns)
    high = len(bands) * (2 * height + 0.1) + 0.35
    fig = drawing.new_figure(max(columns * width, 4) + 0.8, high)
    axes = np.ravel(fig.subplots(len(bands), 1))
    for ax, start in zip(axes, bands, strict=True):
        band = pairs[:, start : start + columns]
        blank = np.full((2, columns - band.shape[1], x.shape[1]), np.nan)
        grid = np.concatenate([band, blank], axis=1)
        drawing.show_tiles(ax, grid, shape, limits or drawing.limits_of(model, x), cmap)
        for y, label in ((0.75, "x"), (0.25, "E[x|z]")):
            ax.text(
                -0.015, y, label, transform=ax.transAxes, ha="right", va="center",
                fontsize=min(13, 65 * height), color=drawing.TEXT,
            )  # fmt: skip
    drawing.title_over(fig, "Images, and below each what its code gives back")
    return fig


def samples(model, shape, rng, n=64, draw_pixels=False, cmap="gray_r", limits=None):
    """n images sampled from the model: z ~ N(0, I), then the mean image E[x|z].

    Parameters
    ----------
    model : VAE
    shape : tuple of int
        (rows, columns) of one image.
    rng : numpy.random.Generator
    n : int
    draw_pixels : bool
        Draw the pixels, x ~ p(x|z), instead of showing their means.
    limits : tuple of float, optional
        As in `reconstructions`.

    Returns
    -------
    Figure
    """
    images = model.sample(n, rng, mean=not draw_pixels)
    what = "x ~ p(x|z)" if draw_pixels else "E[x|z]"
    title = f"{what} for z ~ N(0, I)"
    return image_grid(images, shape, title, limits or drawing.limits_of(model), cmap)


def image_grid(images, shape, title, limits=None, cmap="gray_r"):
    """Any images in a grid about as wide as it is high.

    Parameters
    ----------
    images : ndarray, shape (N, D)
    shape : tuple of int
        (rows, columns) of one image; ValueError if it does not make D pixels.
    title : str
    limits : tuple of float, optional
        The values printed white and black, by default the smallest and largest.

    Returns
    -------
    Figure
    """
    width, height = drawing.cell_size(shape)
    columns = drawing.columns_for(len(images), shape)
    rows = -(-len(images) // columns)
    blank = np.full((rows * columns - len(images), images.shape[1]), np.nan)
    grid = np.concatenate([images, blank]).reshape(rows, columns, -1)
    fig = drawing.new_figure(max(columns * width, 3), rows * height + 0.35)
    limits = (images.min(), images.max()) if limits is None else limits
    drawing.show_tiles(fig.subplots(), grid, shape, limits, cmap)
    drawing.title_over(fig, title)
    return fig


def manifold(model, shape, n=20, cmap="gray_r", limits=None):
    """The latent space of one or two dimensions: E[x|z] on a grid of z.

    The coordinates are the normal quantiles (i + ½)/n, so that each image stands for an
    equal share of the prior's probability.

    Parameters
    ----------
    model : VAE
        With K = 2, drawn as a plane of n x n images, or with K = 1, drawn as 2 n images in
        reading order; anything else is a ValueError.
    shape : tuple of int
        (rows, columns) of one image.
    n : int
        Images along each side.
    limits : tuple of float, optional
        As in `reconstructions`.

    Returns
    -------
    Figure

    References
    ----------
    Kingma & Welling 2014, figure 4.
    """
    check_whole("n", n, minimum=2)
    if model.K > 2:
        raise ValueError(f"model: expected a latent space of K = 1 or 2, got K = {model.K}")
    limits = limits or drawing.limits_of(model)
    if model.K == 1:
        z = np.array([[_quantile(i, 2 * n)] for i in range(2 * n)], model.dtype)
        low, high = z[[0, -1], 0]
        title = f"E[x|z] over equal shares of the prior, z from {low:.1f} to {high:.1f}"
        return image_grid(model.decode(z), shape, title, limits, cmap)
    at = [_quantile(i, n) for i in range(n)]
    z_1, z_2 = np.meshgrid(at, at[::-1])  # z_2 grows upwards, as on any map
    z = np.stack([z_1, z_2], axis=-1).astype(model.dtype)
    width, height = drawing.cell_size(shape)
    zoom = min(1.0, 0.75 * drawing.WIDEST / (n * max(width, height)))
    fig = drawing.new_figure(n * width * zoom + 0.5, n * height * zoom + 0.8)
    ax = fig.subplots()
    drawing.show_tiles(ax, model.decode(z), shape, limits, cmap)
    reach = f"{at[-1]:.1f}"
    ax.set_xlabel(f"$z_1$ from −{reach} to {reach}", fontsize=13, color=drawing.TEXT)
    ax.set_ylabel(f"$z_2$ from −{reach} to {reach}", fontsize=13, color=drawing.TEXT)
    drawing.title_over(fig, "E[x|z] over equal shares of the prior N(0, I)")
    return fig


def _quantile(i, n):
    """The middle of the i-th of n equal shares of N(0, 1)."""
    return NormalDist().inv_cdf((i + 0.5) / n)


def interpolations(model, x_a, x_b, shape, steps=9, cmap="gray_r", limits=None):
    """Straight lines through latent space, from the code of x_a to the code of x_b.

    Parameters
    ----------
    model : VAE or Autoencoder
    x_a, x_b : ndarray, shape (B, D)
        One row of the figure for each pair; of vectors and wide images, one column. What
        finds no room on the sheet is left out.
    shape : tuple of int
        (rows, columns) of one image.
    steps : int
        Images from end to end; the ends are the reconstructions of x_a and x_b.
    limits : tuple of float, optional
        As in `reconstructions`.

    Returns
    -------
    Figure
    """
    between = np.moveaxis(model.interpolate(x_a, x_b, steps), 0, 1)  # (B, steps, D)
    blank = np.full_like(x_a[:, None], np.nan)
    parts = (x_a[:, None], blank, between, blank, x_b[:, None])
    grid = np.concatenate(parts, axis=1)
    limits = limits or drawing.limits_of(model, np.concatenate([x_a, x_b]))
    width, height = drawing.cell_size(shape)
    along = grid.shape[1]
    marks = ((0.5, "$x_a$"), (along / 2, "a straight line in z"), (along - 0.5, "$x_b$"))
    downwards, size = width > 1.9 * height, 13
    if downwards:
        grid = grid.swapaxes(0, 1)[:, : max(1, int(drawing.WIDEST / width))]
        fig = drawing.new_figure(max(grid.shape[1] * width, 2) + 0.5, along * height + 0.2)
        size = 13 if along * height > 2 else 9
    else:
        zoom = max(1.0, 3.5 / (along * width))  # room for the words above
        grid = grid[: max(1, int(drawing.HIGHEST / (height * zoom)))]
        fig = drawing.new_figure(along * width * zoom, len(grid) * height * zoom + 0.4)
    ax = fig.subplots()
    style = {"transform": ax.transAxes, "fontsize": size, "color": drawing.TEXT}
    for at, words in marks:
        place, look = (at / along, 1.02), {"ha": "center"}
        if downwards:
            place, look = (-0.02, 1 - at / along), {"ha": "right", "va": "center"}
            look["rotation"] = 90 * ("line" in words)
        ax.text(*place, words, **style, **look)
    drawing.show_tiles(ax, grid, shape, limits, cmap)
    return fig


def latent_space(model, x, labels=None, limit=2000):
    """Where images fall in latent space, each drawn as its label.

    For K = 2 the plane of z itself; for K > 2 the first two principal components of the
    codes; for K = 1 the code against the label, or, without labels, how often each code
    occurs, beside the density of the prior.

    Parameters
    ----------
    model : VAE or Autoencoder
        For a VAE the point is mu(x).
    x : ndarray, shape (B, D)
    labels : ndarray of int, shape (B,), optional
    limit : int
        At most so many images are drawn, evenly taken from x.

    Returns
    -------
    Figure
    """
    from matplotlib.ticker import MaxNLocator

    if labels is not None:
        check_shape("labels", labels, (len(x),))
    taken = np.linspace(0, len(x) - 1, min(len(x), limit)).astype(int)
    z = model.latent(x[taken])
    labels = None if labels is None else labels[taken]
    is_vae = hasattr(model, "sample")
    name = "mu" if is_vae else "the code"
    what = f"{len(z)} images fall" if len(z) > 1 else "one image falls"
    fig, title = drawing.new_figure(6.4, 6.6), f"Where {what} in latent space"
    ax = fig.subplots()
    if model.K == 1 and labels is None:
        reach = max(4, 1.05 * np.abs(z).max())
        bins = np.linspace(-reach, reach, min(41, 2 * round(len(z) ** 0.5) + 3))
        ax.hist(z[:, 0], bins, density=True, color=drawing.TEST, alpha=0.6, label=name)
        if is_vae:
            at = np.linspace(-4, 4, 201)
            density = np.exp(-(at**2) / 2) / np.sqrt(2 * np.pi)
            ax.plot(at, density, color=drawing.TRAIN, lw=2.2, label="the prior N(0, 1)")
        ax.legend(fontsize=11, labelcolor=drawing.TEXT, edgecolor="none")
        drawing.plain_axes(ax, title, "$z$", "share of the images for each unit of z")
        return fig
    if model.K == 1:
        points, x_label, y_label = np.column_stack([z, labels]), name, "label"
        ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    elif model.K == 2:
        points, x_label, y_label = z, "$z_1$", "$z_2$"
        if is_vae:
            drawing.prior_circles(ax)
            x_label += "      (circles: 1, 2 and 3σ of the prior)"
    else:
        points, share = _principal_components(z)
        x_label, y_label = (
            f"principal component {i + 1} of {name} ({s:.0%} of its variance)"
            for i, s in enumerate(share)
        )
    drawing.scatter_labels(ax, points, labels)
    if model.K > 1:
        ax.set_aspect("equal", "datalim")
    drawing.plain_axes(ax, title, x_label, y_label)
    return fig


def _principal_components(code):
    """The two directions of largest variance: coordinates, and each one's share of it."""
    centred = code - code.mean(axis=0)
    variances, axes = np.linalg.eigh(centred.T @ centred)  # the largest stand last
    share = variances[[-1, -2]] / max(variances.sum(), 1e-30)
    return centred @ axes[:, [-1, -2]], share
