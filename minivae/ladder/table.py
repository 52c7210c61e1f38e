"""What a rung says: a claim, a figure, the tolerance, the verdict."""

from typing import NamedTuple

import numpy as np

ALARM, LIMIT = 4.0, 5.0  # standard errors: look again above the one, fail above the other
AGAIN = 10  # times the samples in the second look


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
        The largest figure allowed. Where an oracle estimates its own error, that is in it.
    undecided : bool
        Whether the oracle found its own error too large to tell.
    """

    rung: int
    claim: str
    figure: float
    unit: str
    tolerance: float
    undecided: bool = False

    @property
    def verdict(self):
        """ "ok" if the figure is within the tolerance, "FAILED", or "undecided"."""
        if self.undecided:
            return "undecided"
        return "ok" if self.figure <= self.tolerance else "FAILED"  # a NaN has failed


class Table(list):
    """Rows; prints as a table.

    Truthy when no claim failed and some were decided: nothing checked is nothing shown.
    """

    def __bool__(self):
        verdicts = {row.verdict for row in self}
        return "ok" in verdicts and "FAILED" not in verdicts

    def __str__(self):
        claims = max((len(row.claim) for row in self), default=0)
        head = (
            f"rung  {'claim':<{claims}}  {'figure':>10}  {'tolerance':>9}  {'':<8}  verdict"
        )
        lines = [head, "-" * len(head)]
        for row in self:
            lines.append(
                f"{row.rung:>4}  {row.claim:<{claims}}  {row.figure:>10.3g}"
                f"  {row.tolerance:>9.3g}  {row.unit:<8}  {row.verdict}"
            )
        count = [row.verdict for row in self].count
        undecided = count("undecided")
        more = f", {undecided} undecided" if undecided else ""
        lines.append(f"{len(self)} claims checked, {count('FAILED')} failed{more}")
        return "\n".join(lines)


def z_row(rung, claim, score, samples):
    """A claim about a mean, judged by samples: a `Row`.

    A z-score above 4 is drawn again once, with ten times the samples, and only the second
    decides: it fails above 5. For a claim about m means right code exceeds 4 with a
    probability of at most 6.3e-5 m, and then 5 with 5.7e-7 m, independently: a false alarm
    in 3.6e-11 m². With some thirty such claims and m mostly 4, never above 64, that is one
    climb in a million at most. A bias that stood at 4 standard errors stands at 12.6 the
    second time.

    Parameters
    ----------
    rung, claim
        As in `Row`.
    score : callable
        n -> the z-score of n new samples.
    samples : int
    """
    z = score(samples)
    if not z <= ALARM:
        z = score(AGAIN * samples)
    return Row(rung, claim, z, "z", LIMIT)


def z_score(samples, expected, slack=0.0, one_sided=False):
    """The largest |mean - expected| in standard errors, over all but the first axis.

    `samples` are independent along that axis. `slack` is how far `expected` may be off by
    itself. Rounding counts as an error of 1e-12 of the numbers' size, so that samples which
    do not vary are not judged by their last digit. With `one_sided` only a mean above what
    is expected counts.
    """
    samples = np.asarray(samples, dtype=np.float64)
    mean = samples.mean(axis=0)
    error = samples.std(axis=0, ddof=1) / np.sqrt(len(samples))
    rounding = 1e-12 * (np.abs(samples).max(axis=0) + np.abs(expected)) + 1e-300
    apart = mean - expected
    apart = np.maximum((apart if one_sided else np.abs(apart)) - slack, 0.0)
    return float(np.max(apart / np.hypot(error, rounding)))


def apart(value, expected):
    """max |value - expected|; infinite if the shapes differ."""
    value, expected = np.asarray(value), np.asarray(expected)
    return np.inf if value.shape != expected.shape else np.max(np.abs(value - expected))


def relative(value, expected):
    """max |value - expected| / max |expected|; infinite if the shapes differ.

    Where all that is expected is zero, the difference itself.
    """
    size = np.max(np.abs(expected))
    return float(apart(value, expected) / (size if size > 0 else 1.0))


def by_loops(rung, name, found, expected, size=None, tolerance=1e-9):
    """The row of numbers that `reference` computes once more: their largest difference.

    Relative to `size`, a number or one for each; to the largest expected if not given.
    """
    size = np.max(np.abs(expected)) if size is None else size
    error = apart(np.divide(found, size), np.divide(expected, size))
    return Row(rung, f"{name}, by plain loops", error, "relative", tolerance)


def refuses(error, f, *arguments):
    """Return 1.0 if calling f with the arguments raises such an error, else 0.0."""
    try:
        with np.errstate(all="ignore"):
            f(*arguments)
    except error:
        return 1.0
    return 0.0
