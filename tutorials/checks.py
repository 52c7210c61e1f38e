"""What every chapter of the course imports: its checks, and the look of its figures.

A check prints one line with the number, what was expected, the tolerance and the
verdict, and raises AssertionError with the same line where the verdict is bad. NaN is
never good.
"""

import csv
import json
import math
import os
import sys
from contextlib import contextmanager

import numpy as np

from minivae.course import course_folder
from minivae.numerics import log_sum_exp

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


def measured_row(name, where=None, **numbers):
    """What a chapter measured with its seed, held against the table of many seeds.

    `python benchmarks/course.py NN` runs a chapter with several seeds and writes these
    rows to the table `name`. With one of those seeds the numbers must come out again.

    Parameters
    ----------
    name : str
        The table, such as "course_18.csv".
    where : dict, optional
        Columns that say which of a seed's rows it is, where it has several.
    **numbers : (float, float)
        By column: the number, and how far it may lie from the one in the table. Another
        processor adds in another order, and training carries that on.

    Raises
    ------
    AssertionError
        If a number differs by more.
    """
    seed = int(os.environ.get("MINIVAE_SEED", "0"))
    of = {"seed": seed, **(where or {})}
    row = {
        column: float(value) for column, (value, _) in numbers.items()
    }
    print(f"row {json.dumps({**of, **row})}")
    if measuring():  # the table is being written
        return
    for stored in measured(name):
        if all(stored[column] == of[column] for column in of):
            for column, (value, tolerance) in numbers.items():
                check(
                    f"{column} as measured",
                    value,
                    stored[column],
                    tolerance,
                )


def measuring():
    """Whether `benchmarks/course.py` runs the chapter: then long parts run in full."""
    return bool(os.environ.get("MINIVAE_MEASURE"))


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


class Judge:
    """A density that knows nothing of latent spaces: whose images are plausible?

    A mixture of M products of binomials,

        p(x) = sum_m w_m prod_d Binomial(x_d; n, P_md) ,

    fitted to counts by EM (chapter 20): a component's P is its weighted mean image.

    Parameters
    ----------
    x : ndarray, shape (N, D)
        Counts from 0 to n.
    n, M, rounds : int
        The largest count, the components, the rounds of EM.
    rng : numpy.random.Generator
    """

    def __init__(self, x, n, M, rounds, rng):
        x, a = x.astype(np.float64), 0.5  # a of each: no P is 0 or 1
        self.n = n
        choose = [math.log(math.comb(n, k)) for k in range(n + 1)]
        self.log_choose = np.array(choose)
        start = x[rng.choice(len(x), M, replace=False)]
        center = 0.5 * (start + x.mean(axis=0))
        self.P = (center + a) / (n + 2 * a)
        self.w = np.full(M, 1 / M)
        for _ in range(rounds):
            joint = self.joint(x)
            r = np.exp(joint - log_sum_exp(joint, axis=1)[:, None])
            size = r.sum(axis=0)
            self.P = (r.T @ x + a) / (n * size[:, None] + 2 * a)
            self.w = (size + 0.1) / (size + 0.1).sum()

    def joint(self, x):
        """log p(x, component), shape (B, M)."""
        x = x.astype(np.float64)
        constant = self.log_choose[x.astype(np.intp)].sum(axis=1)
        log_p = x @ np.log(self.P).T
        log_p += (self.n - x) @ np.log(1 - self.P).T
        return log_p + constant[:, None] + np.log(self.w)

    def score(self, x):
        """-log p(x) of each image, nats: low for what looks like the data."""
        return -log_sum_exp(self.joint(x), axis=1)


def tiles(
    axes, rows, titles, shape, black, gap=0.12, frames=None, size=11
):
    """Rows of small images with gaps between them, the title of each row on its left.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    rows : ndarray, shape (rows, columns, D)
    titles : list of str
        One for each row.
    shape : (int, int)
        Of an image, in pixels.
    black : float
        The pixel value that is printed black; 0 is white.
    gap : float
        Between images, as a share of their side.
    frames : ndarray of bool, shape (rows, columns), optional
        Which images get a frame in vermillion: those that are wrong.
    size : float
        Of the titles' letters, points.
    """
    from matplotlib.patches import Rectangle

    rows = np.asarray(rows)
    for i, row in enumerate(rows):
        for j, image in enumerate(row):
            at = (
                j,
                j + 1 - gap,
                i + 1 - gap,
                i,
            )  # left, right, bottom, top
            axes.imshow(
                image.reshape(shape), extent=at, vmin=0, vmax=black
            )
            wrong = frames is not None and frames[i, j]
            edge = (VERMILLION, 2.0) if wrong else ("#C9CED6", 0.6)
            frame = (j, i), 1 - gap, 1 - gap
            axes.add_patch(
                Rectangle(*frame, fill=False, ec=edge[0], lw=edge[1])
            )
    axes.set(
        xlim=(-0.05, rows.shape[1]), ylim=(len(rows), -0.05), xticks=[]
    )
    axes.set_yticks(np.arange(len(rows)) + (1 - gap) / 2, titles)
    axes.tick_params(length=0, labelsize=size)
    axes.spines[:].set_visible(False)


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


def box(axes, place, text, colour=BLACK, shape="round,pad=0.35"):
    """Draw a box of a graph: `text`, framed in `colour`, with its middle at `place`."""
    look = {"boxstyle": shape, "fc": "white", "ec": colour, "lw": 2}
    axes.text(*place, text, ha="center", va="center", bbox=look)


def link(axes, start, end, dashed=False, ends=(17, 19)):
    """Draw an arrow between the boxes at `start` and `end`, `ends` points off them."""
    look = {
        "arrowstyle": "-|>",
        "color": GREY,
        "lw": 1.8,
        "ls": "--" if dashed else "-",
        "shrinkA": ends[0],
        "shrinkB": ends[1],
    }
    axes.annotate("", end, start, arrowprops=look, zorder=0)
