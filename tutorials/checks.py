"""What every chapter of the course imports: its checks, and the look of its figures.

A check prints one line with the number, what was expected, the tolerance and the
verdict, and raises AssertionError with the same line where the verdict is bad. NaN is
never good.
"""

import csv
import json
import os
import sys
from contextlib import contextmanager

import numpy as np

from minivae.course import course_folder

# Windows' code pages lack letters of ours; a notebook's output takes them all.
if hasattr(sys.stdout, "reconfigure"):
    sys.stdout.reconfigure(errors="replace")

# The palette of Okabe and Ito, which survives colour blindness and a projector, with
# the parts that the colours play throughout the course.
BLACK = "#000000"  # nelbo, log p(x), whatever is exact
BLUE = "#0072B2"  # rec; the approximation q
VERMILLION = "#D55E00"  # kl; whatever is wrong
GREEN = "#009E73"  # the true posterior; whatever is right
ORANGE = "#E69F00"
SKY = "#56B4E9"
PURPLE = "#CC79A7"
GREY = "#7F7F7F"  # the prior p(z); whatever stands behind


def generator(seed):
    """The random generator of a chapter; the environment can move its seed.

    `MINIVAE_SEED=3 python NN_chapter.py` runs the chapter with other random numbers.
    Its checks must pass with any: `python build.py run --seeds 20` tries twenty.
    """
    moved = int(os.environ.get("MINIVAE_SEED", "0"))
    return np.random.default_rng([seed, moved] if moved else seed)


def measured(name):
    """The rows of a table that a program in `benchmarks/` has written.

    What takes longer than a chapter may was measured once, by a command that the
    chapter names. Numbers come as floats, all else as text.

    Parameters
    ----------
    name : str
        The file's name, such as "burda_results.csv".

    Returns
    -------
    list of dict
    """
    path = course_folder().parent / "benchmarks" / name
    with open(path, newline="", encoding="utf-8") as file:
        return [
            {column: _number(text) for column, text in row.items()}
            for row in csv.DictReader(file)
        ]


def measured_row(name, **numbers):
    """What a chapter measured with its seed, held against the table of many seeds.

    `python benchmarks/course.py NN` runs a chapter with several seeds and writes these
    rows to the table `name`. With one of those seeds the numbers must come out again.

    Parameters
    ----------
    name : str
        The table, such as "course_18.csv".
    **numbers : (float, float)
        By column: the number, and how far it may lie from the one in the table. Another
        processor adds in another order, and training carries that on.

    Raises
    ------
    AssertionError
        If a number differs by more.
    """
    seed = int(os.environ.get("MINIVAE_SEED", "0"))
    row = {
        column: float(value) for column, (value, _) in numbers.items()
    }
    print(f"row {json.dumps({'seed': seed, **row})}")
    if os.environ.get("MINIVAE_MEASURE"):  # the table is being written
        return
    for stored in measured(name):
        if stored["seed"] == seed:
            for column, (value, tolerance) in numbers.items():
                check(
                    f"{column} as measured",
                    value,
                    stored[column],
                    tolerance,
                )


def difference(name, column, other):
    """Mean and standard error over seeds of `column` - `other`, paired."""
    pairs = np.array(
        [row[column] - row[other] for row in measured(name)]
    )
    return pairs.mean(), pairs.std(ddof=1) / np.sqrt(len(pairs))


def _number(text):
    try:
        return float(text)
    except ValueError:
        return text


def check(name, value, expected, tolerance):
    """Assert that |value - expected| <= tolerance, everywhere if they are arrays.

    Parameters
    ----------
    name : str
        What is compared with what, for the printed line.
    value, expected : float or ndarray
        Of one shape; `expected` may also be one number for all of `value`.
    tolerance : float
        The largest absolute difference that passes.

    Raises
    ------
    AssertionError
        If a difference is larger, or is NaN, or if the shapes differ.
    """
    value, expected = np.asarray(value), np.asarray(expected)
    if value.size == 0 or expected.shape not in ((), value.shape):
        raise AssertionError(
            f"{name}: got shape {value.shape}, expected {expected.shape}"
        )
    difference = np.abs(value - expected).max()
    if value.ndim == 0:
        line = f"{name}: {value:.7g}, expected {expected:.7g}"
    else:
        line = f"{name}: {value.size} numbers"
    line += f", |difference| {difference:.1e}"
    _verdict(
        line,
        difference <= tolerance,
        f"<= {tolerance:.2g}",
        f"> {tolerance:.2g}",
    )


def check_mc(name, samples, expected, z=4.0):
    """Assert that the mean of random samples is `expected`, within z standard errors.

    Parameters
    ----------
    name : str
        What is estimated, for the printed line.
    samples : ndarray, shape (n,) or (n, ...)
        Independent samples along the first axis; means are taken over it.
    expected : float or ndarray
        One number, or one for each mean.
    z : float
        The largest |mean - expected| / standard error that passes. A right
        implementation exceeds 4 once in 16,000 seeds.

    Raises
    ------
    AssertionError
        If a mean lies further away, or is NaN.
    """
    samples, expected = np.asarray(samples), np.asarray(expected)
    mean = samples.mean(axis=0)
    if expected.shape not in ((), mean.shape):
        raise AssertionError(
            f"{name}: got means of shape {mean.shape}, expected {expected.shape}"
        )
    error = samples.std(axis=0, ddof=1) / np.sqrt(len(samples))
    score = np.abs(mean - expected) / error
    if mean.ndim == 0:
        line = (
            f"{name}: {mean:.5g} ± {error:.2g}, expected {expected:.7g}"
        )
    else:
        line = f"{name}: {mean.size} means, ± {error.max():.2g} or less"
    line += f", |z| {score.max():.1f}"
    _verdict(line, (score <= z).all(), f"<= {z:g}", f"> {z:g}")


def check_less(name, smaller, larger):
    """Assert that smaller < larger, both numbers; print both and the verdict."""
    line = f"{name}: {smaller:.5g}"
    _verdict(
        line, smaller < larger, f"< {larger:.5g}", f">= {larger:.5g}"
    )


def _verdict(line, good, relation, broken_relation):
    if not good:
        raise AssertionError(f"{line} {broken_relation}  NOT OK")
    print(f"{line} {relation}  ok")


@contextmanager
def must_fail():
    """Show a check that catches a mistake: the block has to raise AssertionError.

    Its message is printed and the chapter goes on. If the block passes, the check was
    worth nothing, and that is an AssertionError.
    """
    try:
        yield
    except AssertionError as error:
        print(f"caught: {error}")
    else:
        raise AssertionError(
            "the check passed, although the code in it is wrong"
        )


def style():
    """Set the look of all figures of a chapter: called once, in its first code cell."""
    from cycler import cycler
    from matplotlib import rcParams

    colours = [BLUE, VERMILLION, GREEN, ORANGE, SKY, PURPLE, BLACK]
    rcParams.update(
        {
            "figure.figsize": (7.0, 3.6),
            "figure.dpi": 110,
            "figure.constrained_layout.use": True,
            "font.size": 12,
            "axes.titlesize": 13,
            "axes.titlelocation": "left",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.prop_cycle": cycler(color=colours),
            "lines.linewidth": 2.2,
            "legend.frameon": False,
            "image.cmap": "gray_r",
        }
    )
