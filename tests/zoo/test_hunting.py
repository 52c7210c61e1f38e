"""A hunt: the seed picks the bug, one is at large at a time, and `mend` ends it."""

import numpy as np
import pytest

from minivae import gaussian
from minivae.zoo import BUGS
from minivae.zoo.hunting import _name_of, answer, mend, release

HALF = "kl-without-its-half"


def seed_of(name):
    return next(seed for seed in range(10_000) if _name_of(seed) == name)


def test_every_bug_has_a_seed_and_seeds_are_shared_out_fairly():
    names = [_name_of(seed) for seed in range(50 * len(BUGS))]
    counts = np.array([names.count(name) for name in BUGS])
    assert (abs(counts - 50) < 5 * 50**0.5).all(), counts
    assert _name_of(7) == _name_of(7)


def test_release_and_mend():
    right, value = gaussian.kl, gaussian.kl(np.ones(1), np.zeros(1))
    seed = seed_of(HALF)
    try:
        release(seed)
        assert gaussian.kl(np.ones(1), np.zeros(1)) == 2 * value
        assert "half" not in gaussian.kl.__code__.co_filename, "a traceback would tell"
        release(seed_of("missing-half-of-sigma"))
        assert gaussian.kl is right, "one bug at a time"
    finally:
        mend()
    assert gaussian.kl is right
    mend()  # with nothing at large


def test_the_answer():
    seed = seed_of(HALF)
    assert answer(seed, HALF) and not answer(seed, "missing-half-of-sigma")
    with pytest.raises(ValueError, match=r"name: expected one of .*, got 'x'"):
        answer(seed, "x")
    with pytest.raises(ValueError, match=r"seed: expected .*, got -1"):
        answer(-1, HALF)
