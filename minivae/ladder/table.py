"""What a rung says: a claim, a figure, the tolerance, the verdict."""

from typing import NamedTuple

import numpy as np


class Row(NamedTuple):
    """One line of the table.

    Attributes
    ----------
    rung : int
    claim : str
        What ought to hold.
    figure : float
        How far from it we are: a relative error, a difference in nats, a z-score.
    unit : str
        What the figure is: "relative", "nats", "z", "" for a plain number.
    tolerance : float
    """

    rung: int
    claim: str
    figure: float
    unit: str
    tolerance: float

    @property
    def ok(self):
        """Whether the figure is within the tolerance; a NaN never is."""
        return bool(self.figure <= self.tolerance)


class Table(list):
    """Rows; truthy when every verdict is good, and prints as a table."""

    def __bool__(self):
        return len(self) > 0 and all(row.ok for row in self)

    def __str__(self):
        claims = max(len(row.claim) for row in self)
        head = (
            f"rung  {'claim':<{claims}}  {'figure':>10}  {'tolerance':>9}  {'':<8}  verdict"
        )
        lines = [head, "-" * len(head)]
        for row in self:
            verdict = "ok" if row.ok else "FAILED"
            lines.append(
                f"{row.rung:>4}  {row.claim:<{claims}}  {row.figure:>10.3g}"
                f"  {row.tolerance:>9.3g}  {row.unit:<8}  {verdict}"
            )
        failed = sum(not row.ok for row in self)
        lines.append(f"{len(self)} claims checked, {failed} failed")
        return "\n".join(lines)


def z_score(samples, expected, axis=0):
    """The largest |mean - expected| in standard errors, over all but the sample axis.

    `samples` are independent along `axis`. The rungs allow 5: one claim in 1.7 million
    exceeds it by chance.
    """
    samples = np.asarray(samples, dtype=np.float64)
    mean = samples.mean(axis=axis)
    se = samples.std(axis=axis, ddof=1) / np.sqrt(samples.shape[axis])
    return float(np.max(np.abs(mean - expected) / np.maximum(se, 1e-300)))


def relative(value, expected):
    """max |value - expected| / max |expected|."""
    value, expected = np.asarray(value), np.asarray(expected)
    return float(np.max(np.abs(value - expected)) / np.max(np.abs(expected)))
