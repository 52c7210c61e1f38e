"""Settings shared by all tests."""

import os

# Small matrices: threads of the linear-algebra library only get in each other's way.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import matplotlib
import numpy as np
import pytest
from hypothesis import settings

matplotlib.use("Agg")

# `MINIVAE_BUG=kl-without-its-half pytest -x` runs the tests with a bug of the zoo at
# large; they must fail.
if "MINIVAE_BUG" in os.environ:
    from minivae.zoo import BUGS, injected

    cage = injected(BUGS[os.environ["MINIVAE_BUG"]])
    cage.__enter__()

settings.register_profile("minivae", deadline=None, max_examples=25, derandomize=True)
settings.load_profile("minivae")


# `MINIVAE_SEED=3 pytest` runs the tests that take `rng`, with other random numbers; with
# MINIVAE_PARTS=3 besides, every third of them, others for each seed.
SEED = int(os.environ.get("MINIVAE_SEED", "0"))
PARTS = int(os.environ.get("MINIVAE_PARTS", "1"))


@pytest.fixture
def rng():
    """A generator with a fixed seed, new for each test."""
    return np.random.default_rng([20140610, SEED] if SEED else 20140610)


def pytest_collection_modifyitems(config, items):
    """With another seed only those tests are run that it changes."""
    if SEED:
        drawn = [item for item in items if "rng" in item.fixturenames]
        mine = set(drawn[SEED % PARTS :: PARTS])
        config.hook.pytest_deselected(items=[i for i in items if i not in mine])
        items[:] = [item for item in items if item in mine]
