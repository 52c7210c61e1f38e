"""A hunt: one bug of the zoo is at large, and nobody says which.

    release(7)                          # the package has a bug now, in this process
    ...                                 # look for it with any check there is
    answer(7, "kl-without-its-half")    # True or False
    mend()

The seed picks the bug, so a class with one seed hunts the same one, and everybody's
notebook can hunt another. On the command line it is `minivae zoo --hunt 7`.
"""

from contextlib import ExitStack
from dataclasses import replace

import numpy as np

from minivae.errors import check_choice, check_whole
from minivae.zoo import BUGS
from minivae.zoo.mutation import injected

_at_large = ExitStack()  # of the bug, if there is one; to close it is to mend


def release(seed):
    """Inject the bug of a seed into the package, for this process, until `mend()`.

    Parameters
    ----------
    seed : int
        Any whole number from 0.
    """
    mend()
    # Its name stands in every traceback through the function that it changed.
    bug = replace(BUGS[_name_of(seed)], name="the bug of the hunt")
    _at_large.enter_context(injected(bug))


def mend():
    """Put the right code back; without a bug at large it does nothing."""
    _at_large.close()


def answer(seed, name):
    """Whether `name` is the bug of this seed.

    Raises
    ------
    ValueError
        If the zoo has no bug of that name.
    """
    check_choice("name", name, BUGS)
    return name == _name_of(seed)


def _name_of(seed):
    rng = np.random.default_rng(check_whole("seed", seed, minimum=0))
    return sorted(BUGS)[rng.integers(len(BUGS))]
