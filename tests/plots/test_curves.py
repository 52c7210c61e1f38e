"""The course of a training: the columns that its panels name."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from minivae import plots as fg
from minivae.plots import drawing
from minivae.training.history import COLUMNS, History


def make_history(epochs):
    rows = np.random.default_rng(3).random((epochs, len(COLUMNS))) * 100
    for part in ("train", "test"):  # the nelbo is what was minimised
        rows[:, COLUMNS.index(f"{part}_objective")] = rows[
            :, COLUMNS.index(f"{part}_nelbo")
        ]
    return History(rows)


@pytest.mark.parametrize("epochs", [1, 2, 60])
def test_learning_curves_plot_the_columns_they_name(epochs):
    history = make_history(epochs)
    fig = fg.learning_curves(history)
    assert len(fig.axes) == 3
    assert fig.axes[0].get_ylabel() == "nats per image"
    for ax, name in zip(fig.axes, ("nelbo", "rec", "kl"), strict=True):
        assert name in ax.get_title() and ax.get_xlabel() == "epoch"
        assert len(ax.get_legend().get_texts()) == 2
        for line, part in zip(ax.lines, ("train", "test"), strict=True):
            assert_array_equal(line.get_xdata(), history["epoch"])
            assert_array_equal(line.get_ydata(), history[f"{part}_{name}"])
            last = history[f"{part}_{name}"][-1]
            assert line.get_label() == f"{part}, {last:.1f} at the end"


def test_the_end_of_a_curve_is_not_minus_zero():
    history = make_history(3)
    history.rows = [tuple(-0.04 for _ in row) for row in history.rows]
    line, *_ = fg.learning_curves(history).axes[0].lines
    assert line.get_label() == "train, 0.0 at the end"


def test_learning_curves_keep_the_later_epochs_in_view():
    rows = np.ones((100, len(COLUMNS)))
    rows[:, COLUMNS.index("train_nelbo")] = [900.0] * 5 + list(np.linspace(9, 5, 95))
    bottom, top = fg.learning_curves(History(rows)).axes[0].get_ylim()
    assert bottom < 1 and 9 < top < 11


def test_learning_curves_of_an_autoencoder_are_rec_alone():
    rows = np.ones((4, len(COLUMNS)))
    rows[:, [COLUMNS.index("train_kl"), COLUMNS.index("test_kl")]] = 0
    (ax,) = fg.learning_curves(History(rows)).axes
    assert ax.get_title().startswith("rec") and ax.get_ylabel() == "nats per image"


def test_learning_curves_refuse_an_empty_history():
    with pytest.raises(ValueError, match=r"history: expected at least one epoch, got none"):
        fg.learning_curves(History())


def test_what_was_minimised_has_a_panel_of_its_own_where_it_is_not_the_nelbo():
    history = make_history(4)
    assert len(fg.learning_curves(history).axes) == 3
    at = COLUMNS.index("test_objective")
    rows = [(*row[:at], row[at] + 7, *row[at + 1 :]) for row in history.rows]
    ax = fg.learning_curves(History(rows)).axes[3]
    assert ax.get_title().startswith("objective")
    assert_array_equal(ax.lines[1].get_ydata(), history["test_objective"] + 7)


@pytest.mark.parametrize(
    ("suffix", "start"), [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml")]
)
def test_save_figure_writes_what_the_suffix_says(tmp_path, suffix, start, monkeypatch):
    monkeypatch.setattr(drawing, "DPI", 30)
    path = tmp_path / f"curves.{suffix}"
    fg.save_figure(fg.learning_curves(make_history(3)), path)
    assert path.read_bytes().startswith(start)


def test_a_failed_save_leaves_the_old_picture_and_nothing_else(tmp_path):
    path = tmp_path / "curves.png"
    path.write_bytes(b"the old picture")
    fig = fg.learning_curves(make_history(3))

    def full_disk(file, **_):
        file.write(b"half a pict")
        raise OSError("no space left")

    fig.savefig = full_disk
    with pytest.raises(OSError, match="no space left"):
        fg.save_figure(fig, path)
    assert path.read_bytes() == b"the old picture"
    assert list(tmp_path.iterdir()) == [path]


def test_save_figure_names_an_unknown_suffix(tmp_path):
    with pytest.raises(
        ValueError, match=r"path: expected a name ending in .png, .* got .*doc"
    ):
        fg.save_figure(fg.learning_curves(make_history(1)), tmp_path / "curves.doc")
