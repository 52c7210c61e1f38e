"""`History` and `patience`."""

import csv

import numpy as np
import pytest

from minivae.training.history import COLUMNS, History, patience


def table(test_nelbo):
    """A history with this column, and made-up numbers in the others."""
    history, rng = History(), np.random.default_rng(0)
    for i, value in enumerate(test_nelbo):
        row = dict(zip(COLUMNS, rng.random(len(COLUMNS)), strict=True))
        history.append(**row | {"epoch": i + 1, "step": 15 * (i + 1), "test_nelbo": value})
    return history


def test_columns_are_arrays_over_epochs():
    history = table([3.0, 2.0, 2.5])
    assert len(history) == 3
    assert history["test_nelbo"].tolist() == [3.0, 2.0, 2.5]
    assert history["step"].tolist() == [15, 30, 45]
    assert History()["kl" if "kl" in COLUMNS else "test_kl"].shape == (0,)
    with pytest.raises(KeyError, match="'nelbo': expected one of epoch, step"):
        history["nelbo"]


def test_rows_must_be_whole():
    with pytest.raises(ValueError, match="rows: expected 13 numbers"):
        History([[1.0, 2.0]])
    with pytest.raises(KeyError, match="step"):
        History().append(epoch=1)


def test_csv_reads_back_exactly(tmp_path):
    history = table([1 / 3, 1e-17, 123456.789])
    path = tmp_path / "history.csv"
    history.to_csv(path)
    with open(path, encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    assert tuple(header) == COLUMNS
    assert [tuple(map(float, row)) for row in rows] == history.rows
    assert [row[:2] for row in rows] == [["1", "15"], ["2", "30"], ["3", "45"]]
    assert [p.name for p in tmp_path.iterdir()] == ["history.csv"]
    with pytest.raises(FileNotFoundError):
        history.to_csv(tmp_path / "missing" / "history.csv")


def test_repr_says_where_it_stands():
    assert repr(History()) == "<History of 0 epochs>"
    text = repr(table([3.0, 2.0]))
    assert text.startswith("<History of 2 epochs, 30 steps, 0.")
    assert "test nelbo 2.00 (rec " in text and "interrupted" not in text
    history = table([3.0])
    history.interrupted = True
    assert ", interrupted: train nelbo" in repr(history)


@pytest.mark.parametrize(
    "values, stops",
    [
        ([], False),
        ([1.0], False),
        ([3.0, 2.0, 1.0, 0.0], False),
        ([1.0, 2.0], False),
        ([1.0, 2.0, 3.0], True),
        ([1.0, 1.0, 1.0], True),
        ([3.0, 1.0, 2.0, 0.5], False),
        ([3.0, 1.0, 2.0, 1.5], True),
    ],
)
def test_patience_of_two_epochs(values, stops):
    assert patience(2)(table(values)) is stops


def test_patience_watches_the_column_asked_for():
    history = table([1.0, 2.0, 3.0])
    assert patience(2, "epoch")(history) and not patience(3, "step")(history)
    with pytest.raises(ValueError, match="column: expected one of"):
        patience(2, "nelbo")
    with pytest.raises(ValueError, match="epochs: expected at least 1"):
        patience(0)
