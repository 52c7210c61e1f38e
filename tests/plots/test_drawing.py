"""What the figures share: sizes, limits, tiles."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.testing import assert_allclose

from minivae import VAE, Bernoulli, Binomial, Gaussian
from minivae.plots import drawing


def model_of(likelihood):
    return VAE.mlp(4, 2, (3,), likelihood, rng=np.random.default_rng(0))


def test_limits_are_those_of_the_likelihood_or_of_real_data():
    real = np.linspace(-3, 7, 1001)
    assert drawing.limits_of(model_of(Binomial(16)), real) == (0, 16)
    assert drawing.limits_of(model_of(Bernoulli())) == (0, 1)
    gaussian = model_of(Gaussian())
    assert drawing.limits_of(gaussian) == (0, 1)
    assert drawing.limits_of(gaussian, real / 20 + 0.5) == (0, 1)
    assert drawing.limits_of(gaussian, real) == pytest.approx((-2.9, 6.9))


@pytest.mark.parametrize("shape", [(1, 1), (8, 8), (4, 60), (60, 4), (1, 3), (3, 1)])
def test_images_keep_their_proportions_and_a_square_ones_area(shape):
    width, height = drawing.cell_size(shape)
    assert width / height == pytest.approx(shape[1] / shape[0])
    assert min(width, height) >= 0.1 - 1e-9, "a row of pixels is still to be seen"
    if min(shape) > 3:
        assert width * height == pytest.approx(drawing.CELL**2)


def test_a_line_of_numbers_is_a_vector_of_one_size():
    assert drawing.is_vector((1, 40)) and drawing.is_vector((40, 1))
    assert not drawing.is_vector((1, 3)) and not drawing.is_vector((2, 40))
    assert drawing.cell_size((1, 40)) == drawing.cell_size((999, 1)) == drawing.VECTOR


def test_the_last_row_of_a_grid_is_filled_where_it_can_be():
    assert drawing.columns_for(64, (8, 8)) == 8
    for n in (12, 20, 30, 35):
        assert n % drawing.columns_for(n, (8, 8)) == 0, n
    assert drawing.columns_for(1, (8, 8)) == 1
    width = drawing.cell_size((4, 60))[0]
    assert drawing.columns_for(100, (4, 60)) * width <= drawing.WIDEST


def test_tiles_stand_in_order_with_gutters_of_nothing():
    grid = np.arange(6.0).reshape(2, 3, 1) + 1
    ax = Figure().subplots()
    drawing.show_tiles(ax, grid, (1, 1), (0, 6), "gray_r")
    sheet = ax.images[0].get_array()
    rows, columns = sheet.shape[0] // 2, sheet.shape[1] // 3
    for i, j in np.ndindex(2, 3):
        cell = sheet[i * rows : (i + 1) * rows, j * columns : (j + 1) * columns]
        assert cell.mask[-1].all() and cell.mask[:, -1].all(), "the gutter"
        assert (cell.compressed() == grid[i, j, 0]).all()
    assert ax.images[0].get_clim() == (0, 6)
    with pytest.raises(ValueError, match=r"shape: expected .* of 1 pixels, got \(1, 2\)"):
        drawing.show_tiles(ax, grid, (1, 2), (0, 6), "gray_r")


def test_labels_are_markers_at_their_points_in_a_colour_for_each():
    points, labels = np.arange(8.0).reshape(4, 2), np.array([3, 1, 3, 12])
    ax = Figure().subplots()
    drawing.scatter_labels(ax, points, labels)
    offsets = [c.get_offsets().tolist() for c in ax.collections]
    assert offsets == [[[2, 3]], [[0, 1], [4, 5]], [[6, 7]]]
    assert len({tuple(c.get_facecolor()[0]) for c in ax.collections}) == 3
    ax = Figure().subplots()
    drawing.scatter_labels(ax, points, None)
    assert_allclose(ax.collections[0].get_offsets(), points)


def test_circles_hold_one_two_and_three_sigma():
    ax = Figure().subplots()
    drawing.prior_circles(ax)
    assert [(c.center, c.radius) for c in ax.patches] == [((0, 0), r) for r in (1, 2, 3)]
