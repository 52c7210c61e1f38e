"""The figures show what they say: pixel values, positions and columns are read back."""

from statistics import NormalDist

import numpy as np
import pytest
from numpy.testing import assert_allclose

from minivae import VAE, Autoencoder, Binomial, Gaussian, Images, fit
from minivae import plots as fg
from minivae.plots import drawing

SHAPE = (3, 4)  # not square, so that rows and columns cannot be confused
D = 12


def build(K, cls=VAE, likelihood=None):
    likelihood = Binomial(16) if likelihood is None else likelihood
    return cls.mlp(D, K, (7,), likelihood, rng=np.random.default_rng(1))


@pytest.fixture
def x(rng):
    return rng.integers(0, 17, (14, D)).astype(np.float32)


def tiles(ax, rows, columns):
    """The images of a grid, shape (rows, columns, D), read back from the figure."""
    sheet = ax.images[0].get_array().filled(np.nan)
    height, width = sheet.shape[0] // rows, sheet.shape[1] // columns
    cells = sheet.reshape(rows, height, columns, width).swapaxes(1, 2)
    scale = 19  # the side of a square of 12 pixels becomes 64 or a little more
    middle = [scale * i + scale // 2 for i in range(4)]
    return cells[:, :, middle[:3]][:, :, :, middle].reshape(rows, columns, D)


@pytest.mark.parametrize("cls", [VAE, Autoencoder])
def test_reconstructions_stand_below_their_images(x, cls):
    model = build(3, cls)
    fig = fg.reconstructions(model, x, SHAPE, columns=10)
    first, second = fig.axes
    means = model.reconstruct(x)
    # Fourteen in two bands of seven rather than ten and four.
    assert_allclose(tiles(first, 2, 7), np.stack([x[:7], means[:7]]))
    assert_allclose(tiles(second, 2, 7), np.stack([x[7:], means[7:]]))
    first, second = fg.reconstructions(model, x[:13], SHAPE, columns=10).axes
    shown = tiles(second, 2, 7)
    assert_allclose(shown[:, :6], np.stack([x[7:13], means[7:13]]))
    assert np.isnan(shown[:, 6:]).all(), "places without an image must stay blank"


def test_samples_are_means_or_drawn_pixels():
    model = build(3)
    for drawn in (False, True):
        fig = fg.samples(model, SHAPE, np.random.default_rng(5), n=12, draw_pixels=drawn)
        columns = 3  # cells of 4 by 3: four rows of three are about square
        shown = tiles(fig.axes[0], 4, columns).reshape(12, D)
        expected = model.sample(12, np.random.default_rng(5), mean=not drawn)
        assert_allclose(shown, expected)
        assert (shown == np.round(shown)).all() == drawn
        assert fig.axes[0].images[0].get_clim() == (0, 16)


def test_manifold_runs_through_the_normal_quantiles_with_z2_upwards():
    model, n = build(2), 5
    shown = tiles(fg.manifold(model, SHAPE, n=n).axes[0], n, n)
    quantile = NormalDist().inv_cdf
    for row, column in ((0, 0), (0, 4), (2, 2), (4, 1)):
        z = np.array([quantile((column + 0.5) / n), quantile((n - row - 0.5) / n)])
        assert_allclose(shown[row, column], model.decode(z.astype("f4")), rtol=1e-6)


def test_manifold_of_one_dimension_is_a_walk_in_reading_order():
    model = build(1)
    shown = tiles(fg.manifold(model, SHAPE, n=6).axes[0], 4, 3).reshape(12, D)
    quantile = NormalDist().inv_cdf
    z = np.array([[quantile((i + 0.5) / 12)] for i in range(12)], np.float32)
    assert_allclose(shown, model.decode(z), rtol=1e-6)


def test_manifold_needs_one_or_two_latent_dimensions():
    with pytest.raises(ValueError, match="space of K = 1 or 2, got K = 3"):
        fg.manifold(build(3), SHAPE)


def test_black_stays_black_whatever_the_values_in_the_picture():
    model = VAE.mlp(D, 2, (7,), Gaussian(0.5), rng=np.random.default_rng(1))
    for figure in (
        fg.samples(model, SHAPE, np.random.default_rng(0), n=4),
        fg.manifold(model, SHAPE, n=3),
        fg.reconstructions(model, np.full((3, D), 0.3, np.float32), SHAPE),
    ):
        assert figure.axes[0].images[0].get_clim() == (0, 1)
    figure = fg.samples(model, SHAPE, np.random.default_rng(0), n=4, limits=(-2, 5))
    assert figure.axes[0].images[0].get_clim() == (-2, 5)
    data = np.linspace(-3, 7, 120, dtype=np.float32).reshape(10, D)
    low, high = fg.reconstructions(model, data, SHAPE).axes[0].images[0].get_clim()
    assert -3 < low < -2.8 and 6.8 < high < 7


@pytest.mark.parametrize("n", [1, 2, 5, 12, 30, 64, 100])
@pytest.mark.parametrize("shape", [(8, 8), (28, 20), (3, 100), (28, 2), (1, 560), (1, 1)])
def test_a_grid_has_no_orphans_and_fits_a_page(n, shape):
    columns = drawing.columns_for(n, shape)
    width, height = drawing.cell_size(shape)
    rows = -(-n // columns)
    in_last = n - (rows - 1) * columns
    assert in_last >= columns / 2, f"{in_last} of {columns} in the last row"
    assert columns == 1 or columns * width <= drawing.WIDEST
    if n > 9:
        assert 1 / 5 < (columns * width) / (rows * height) < 5


@pytest.mark.parametrize("shape", [(3, 100), (28, 2), (1, 300), (1, 4), (1, 1), (60, 60)])
def test_figures_of_any_shape_fit_a_page(shape, rng):
    D = shape[0] * shape[1]
    model = VAE.mlp(D, 1, (3,), Gaussian(), rng=rng)
    x = rng.random((14, D), dtype=np.float32)
    for figure in (
        fg.samples(model, shape, rng),
        fg.reconstructions(model, x, shape),
        fg.interpolations(model, x[:6], x[6:12], shape),
        fg.manifold(model, shape),
    ):
        width, height = figure.get_size_inches()
        assert 2 < width < 15 and 0.4 < height < 15, (width, height)


def test_vectors_are_curves_between_the_limits(rng):
    model = VAE.mlp(50, 2, (3,), Gaussian(), rng=rng)
    x = rng.random((4, 50), dtype=np.float32)
    (ax,) = fg.reconstructions(model, x, (1, 50)).axes
    assert not ax.images and len(ax.lines) == 8
    for k, line in enumerate(ax.lines):
        row, column = divmod(k, 4)
        values = (x if row == 0 else model.reconstruct(x))[column]
        assert_allclose(line.get_ydata(), row + 0.9 - 0.8 * values, rtol=1e-5)
        assert column < line.get_xdata().min() < line.get_xdata().max() < column + 1


def test_interpolations_of_wide_images_run_downwards(rng):
    model = VAE.mlp(50, 2, (3,), Gaussian(), rng=rng)
    x = rng.random((4, 50), dtype=np.float32)
    (ax,) = fg.interpolations(model, x[:2], x[2:], (1, 50), steps=3).axes
    first, last = ax.lines[0], ax.lines[-1]
    assert_allclose(first.get_ydata(), 0.9 - 0.8 * x[0], rtol=1e-5)
    assert_allclose(last.get_ydata(), 6.9 - 0.8 * x[3], rtol=1e-5)
    assert len(ax.lines) == 2 * 5
    first, between, last = (text.get_position() for text in ax.texts)
    assert_allclose(first, (-0.02, 1 - 0.5 / 7))  # beside the first of seven rows
    assert_allclose(between, (-0.02, 0.5))
    assert_allclose(last, (-0.02, 0.5 / 7))


def test_interpolations_begin_and_end_at_the_images(x):
    model = build(3)
    a, b = x[:4], x[4:8]
    shown = tiles(fg.interpolations(model, a, b, SHAPE, steps=5).axes[0], 4, 9)
    assert_allclose(shown[:, 0], a)
    assert_allclose(shown[:, 8], b)
    assert_allclose(shown[:, 2], model.reconstruct(a), rtol=1e-6)
    assert_allclose(shown[:, 6], model.reconstruct(b), rtol=1e-6)
    middle = (model.latent(a) + model.latent(b)) / 2
    assert_allclose(shown[:, 4], model.decode(middle), rtol=1e-5)


def test_pixels_without_a_largest_count_span_the_scale_from_paper_to_ink(x):
    model, x = build(3, likelihood=Gaussian(0.5)), x / 16
    x[0, 0] = 1000.0  # one wild pixel must not turn the others grey
    limits = fg.reconstructions(model, x, SHAPE).axes[0].images[0].get_clim()
    assert_allclose(limits, (0, 1))


def points_by_label(ax, labels):
    """Where each class was drawn: the collections come in the order of the labels."""
    drawn = [collection.get_offsets().data for collection in ax.collections]
    return dict(zip(np.unique(labels), drawn, strict=True))


@pytest.mark.parametrize("cls", [VAE, Autoencoder])
def test_latent_space_in_two_dimensions_is_the_plane_of_the_codes(x, cls):
    model, labels = build(2, cls), np.arange(14) % 11
    fig = fg.latent_space(model, x, labels)
    code = model.latent(x)
    for label, points in points_by_label(fig.axes[0], labels).items():
        assert_allclose(points, code[labels == label], rtol=1e-6)
    radii = sorted(circle.radius for circle in fig.axes[0].patches)
    assert radii == ([1, 2, 3] if cls is VAE else []), "only a VAE has a prior"


def test_latent_space_in_more_dimensions_is_the_first_two_principal_components(x):
    model, labels = build(5), np.zeros(14, int)
    fig = fg.latent_space(model, x, labels)
    mu = model.latent(x).astype(float)
    u, s, _ = np.linalg.svd(mu - mu.mean(axis=0), full_matrices=False)
    points = points_by_label(fig.axes[0], labels)[0]
    # The sign of a principal component is nobody's choice.
    assert_allclose(np.abs(points), np.abs(u[:, :2] * s[:2]), atol=1e-5)
    share = s**2 / (s**2).sum()
    assert f"component 1 of mu ({share[0]:.0%} of" in fig.axes[0].get_xlabel()
    assert f"component 2 of mu ({share[1]:.0%} of" in fig.axes[0].get_ylabel()


def test_latent_space_in_one_dimension_sets_the_code_against_the_label(x):
    model, labels = build(1), np.arange(14) % 3
    fig = fg.latent_space(model, x, labels)
    for label, points in points_by_label(fig.axes[0], labels).items():
        assert_allclose(points[:, 0], model.latent(x)[labels == label, 0], rtol=1e-6)
        assert (points[:, 1] == label).all()
    fig.canvas.draw()
    ticks = [text.get_text() for text in fig.axes[0].get_yticklabels()]
    assert "1" in ticks and not any("." in tick for tick in ticks), "labels are whole"


@pytest.mark.parametrize("K", [1, 2, 3])
def test_latent_space_without_labels_and_with_a_limit(x, K, tmp_path):
    fig = fg.latent_space(build(K), x, limit=6)
    if K > 1:
        assert len(fig.axes[0].collections[0].get_offsets()) == 6
    else:  # a histogram, the area of its bars one, and the prior's density
        bars, (curve,) = fig.axes[0].patches, fig.axes[0].lines
        assert sum(b.get_height() * b.get_width() for b in bars) == pytest.approx(1)
        assert curve.get_ydata().max() == pytest.approx((2 * np.pi) ** -0.5, rel=1e-3)
    one = fg.latent_space(build(K), x[:1])
    assert one.axes[0].get_title() == "Where one image falls in latent space"
    fg.save_figure(one, tmp_path / "one.png")


def test_labels_must_be_one_per_image(x):
    with pytest.raises(ValueError, match=r"labels: expected shape \(14,\), got \(13,\)"):
        fg.latent_space(build(2), x, np.zeros(13, int))


def test_a_shape_that_does_not_hold_the_pixels_is_named(x):
    with pytest.raises(ValueError, match=r"shape: expected .* 12 pixels, got \(5, 3\)"):
        fg.reconstructions(build(2), x, (5, 3))


@pytest.mark.parametrize(("epochs", "marker"), [(1, "o"), (3, "None")])
def test_a_single_epoch_is_a_point_and_not_an_empty_line(epochs, marker):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 17, (9, D)).astype(np.uint8)
    images = Images(pixels, pixels, 16, SHAPE, "made up")
    history = fit(build(2), images, epochs=epochs, rng=rng, progress=False)
    lines = fg.learning_curves(history).axes[0].lines
    found = {line.get_marker() for line in lines if len(line.get_xdata()) == epochs}
    assert found == {marker}


def test_each_figure_says_what_it_shows(x):
    plane, line = build(2), build(1)
    rng = np.random.default_rng(0)
    titles = {
        "Images, and below each what its code gives back": fg.reconstructions(
            plane, x, SHAPE
        ),
        "E[x|z] for z ~ N(0, I)": fg.samples(plane, SHAPE, rng, n=4),
        "x ~ p(x|z) for z ~ N(0, I)": fg.samples(plane, SHAPE, rng, 4, draw_pixels=True),
        "E[x|z] over equal shares of the prior N(0, I)": fg.manifold(plane, SHAPE, n=3),
        "E[x|z] over equal shares of the prior, z from -1.4 to 1.4": fg.manifold(
            line, SHAPE, n=3
        ),
    }
    for title, figure in titles.items():
        assert [text.get_text() for text in figure.texts] == [title]
    (ax,) = fg.manifold(plane, SHAPE, n=3).axes
    assert (ax.get_xlabel(), ax.get_ylabel()) == tuple(
        f"$z_{i}$ from −1.0 to 1.0" for i in (1, 2)
    )
    (ax,) = fg.interpolations(plane, x[:2], x[2:4], SHAPE).axes
    words = [text.get_text() for text in ax.texts]
    assert words == ["$x_a$", "a straight line in z", "$x_b$"]
    first, between, last = (text.get_position()[0] for text in ax.texts)
    assert 0 < first < between == 0.5 < last == 1 - first  # above their columns
