"""Which rung of the ladder catches which bug: computed, not written."""

import os
import warnings
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np

from minivae.ladder import RUNGS, small_model
from minivae.zoo import BUGS, injected


@dataclass(frozen=True)
class Matrix:
    """The outcome of releasing each bug under each rung.

    Attributes
    ----------
    names : list of str
        The bugs.
    rungs : list of int
    caught : ndarray of bool, shape (bugs, rungs)
    """

    names: list
    rungs: list
    caught: np.ndarray

    @property
    def escaped(self):
        """The bugs that no rung caught."""
        return [n for n, row in zip(self.names, self.caught, strict=True) if not row.any()]

    @property
    def rung_names(self):
        """What the rungs are called, such as "1 finite differences"."""
        return [f"{rung} {RUNGS[rung].__name__.replace('_', ' ')}" for rung in self.rungs]

    def __str__(self):
        wide = max(len(name) for name in self.names)
        lines = [" " * wide + "".join(f"{rung:>4}" for rung in self.rungs)]
        for name, row in zip(self.names, self.caught, strict=True):
            lines.append(f"{name:<{wide}}" + "".join("   x" if c else "   ." for c in row))
        totals = "".join(f"{n:>4}" for n in self.caught.sum(axis=0))
        lines.append(f"{'caught':<{wide}}{totals}")
        lines.append(f"{len(self.names)} bugs, {len(self.escaped)} escaped")
        return "\n".join(lines)


def hunt(name, seed=0, rungs=tuple(RUNGS)):
    """Which rungs fail, or raise, while the bug `name` is loose: a list of bool.

    `name` may be None: then nothing is injected, and every rung ought to pass.
    """
    with injected(BUGS[name]) if name else nullcontext():
        return [_fails(rung, np.random.default_rng(seed)) for rung in rungs]


def _fails(rung, rng):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            rows = RUNGS[rung](*small_model(rng), rng)
            return any(row.verdict == "FAILED" for row in rows)  # the first one will do
    except Exception:  # a bug may break the run in any way: that too is being seen
        return True


def compute_matrix(names=tuple(BUGS), workers=None, report=None):
    """Release each of `names` in turn and climb the ladder: a `Matrix`.

    The bugs are shared out among `workers` processes, one for each core if not
    given, so that no bug of one can reach another. `report`, if given, is called with the
    number of bugs done.
    """
    caught = _all_hunts(names, [0] * len(names), workers, report)
    return Matrix(list(names), list(RUNGS), np.array(caught))


def false_alarms(seeds, report=None):
    """What fails on the right code with seeds 0, 1, ...: a list of "seed 3, rung 2".

    It is shared out to a process for each core, and reported as in `compute_matrix`.
    """
    failures = _all_hunts([None] * seeds, range(seeds), None, report)
    return [
        f"seed {seed}, rung {rung}"
        for seed, failed in enumerate(failures)
        for rung, fails in zip(RUNGS, failed, strict=True)
        if fails
    ]


def _all_hunts(names, seeds, workers, report):
    rows = []
    with ProcessPoolExecutor(min(workers or os.cpu_count(), len(names))) as pool:
        for row in pool.map(hunt, names, seeds):
            rows.append(row)
            if report is not None:
                report(len(rows))
    return rows
