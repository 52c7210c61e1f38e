"""What training reports: one row per epoch, one column per quantity."""

import numpy as np

from minivae.atomic import replacing
from minivae.errors import check_choice, check_whole

COLUMNS = (
    *("epoch", "step", "beta", "lr"),
    *("train_objective", "train_nelbo", "train_rec", "train_kl"),
    *("test_objective", "test_nelbo", "test_rec", "test_kl"),
    "seconds",
)


class History:
    """A table of training: `history["test_nelbo"]` is a column, an array over epochs.

    ==================  ==============================================================
    epoch, step         how many of each were completed, from the very beginning
    beta, lr            KL weight and learning rate of the epoch's last step
    train_nelbo         rec + kl, always with β = 1 and without free bits: the ELBO's
                        negative, in nats per image, whatever was minimised
    train_rec           -E_q[log p(x|z)], in nats per image
    train_kl            KL(q(z|x) ‖ p(z)), in nats per image
    train_objective     what was minimised: rec + β·kl with its free bits, or the
                        importance-weighted -L_S of an `IWAE`
    test_...            the same four on the test part, with the same noise each epoch
    seconds             time spent, tests and earlier runs included
    ==================  ==============================================================

    The train columns average the mini-batches of the epoch, each as it was before its
    own step: they cost nothing, and lag behind the test columns by half an epoch. A
    plain autoencoder has kl = 0, and its "nelbo" is rec, a bound on nothing.

    Parameters
    ----------
    rows : iterable of sequences
        Numbers in the order of `COLUMNS`, a row for each epoch.

    Attributes
    ----------
    rows : list of tuple of float
    interrupted : bool
        Whether the last `fit` was ended by Ctrl-C.
    """

    def __init__(self, rows=()):
        self.rows = [tuple(float(value) for value in row) for row in rows]
        for row in self.rows:
            if len(row) != len(COLUMNS):
                raise ValueError(f"rows: expected {len(COLUMNS)} numbers each, got {row}")
        self.interrupted = False

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, column):
        """The column as a float array of shape (epochs,); KeyError for an unknown name."""
        if column not in COLUMNS:
            raise KeyError(f"{column!r}: expected one of {', '.join(COLUMNS)}")
        i = COLUMNS.index(column)
        return np.array([row[i] for row in self.rows])

    def append(self, **row):
        """Add an epoch: a number for each of `COLUMNS`, by name."""
        self.rows.append(tuple(float(row[name]) for name in COLUMNS))

    def __repr__(self):
        if not self.rows:
            return "<History of 0 epochs>"
        row = dict(zip(COLUMNS, self.rows[-1], strict=True))
        end = ", interrupted" if self.interrupted else ""
        return (
            f"<History of {len(self)} epochs, {row['step']:.0f} steps,"
            f" {row['seconds']:.1f} s{end}: train nelbo {row['train_nelbo']:.2f},"
            f" test nelbo {row['test_nelbo']:.2f}"
            f" (rec {row['test_rec']:.2f} + kl {row['test_kl']:.2f})>"
        )

    def to_csv(self, path):
        """Write the table to `path`, whole or not at all; every float reads back exactly.

        Raises
        ------
        OSError
            If the folder is missing or cannot be written to.
        """
        rows = [(int(epoch), int(step), *rest) for epoch, step, *rest in self.rows]
        lines = [",".join(map(str, row)) + "\n" for row in (COLUMNS, *rows)]
        with replacing(path) as file:
            file.write("".join(lines).encode())


def patience(epochs, column="test_nelbo"):
    """A `stop` for `fit`: true once `column` has not fallen for `epochs` epochs.

    It looks at the history alone and remembers nothing, so a resumed training stops
    where an unbroken one would have. The weights at the end are those of the last epoch,
    `epochs` after the best. Where the test part decides when to stop, its nelbo is a
    little too good to be reported as that of unseen images.

    Parameters
    ----------
    epochs : int
    column : str
        One of the columns of `History`, the smaller the better.

    Returns
    -------
    callable
        Takes a `History`, returns a bool.
    """
    check_whole("epochs", epochs, minimum=1)
    check_choice("column", column, COLUMNS)

    def stop(history):
        values = history[column]
        return len(values) > 0 and len(values) - 1 - int(values.argmin()) >= epochs

    return stop
