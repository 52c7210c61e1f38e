"""Settings shared by all tests."""

import os

# Small matrices: threads of the linear-algebra library only get in each other's way.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # PyTorch's

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


# `MINIVAE_SEED=3 pytest` runs the tests that take `rng`, with other random numbers;
# MINIVAE_SEED=1,2,3 each of them with one of these seeds in turn.
SEEDS = [int(seed) for seed in os.environ.get("MINIVAE_SEED", "0").split(",")]
SEED_OF = pytest.StashKey()


@pytest.fixture
def rng(request):
    """A generator with a fixed seed, new for each test."""
    seed = request.node.stash.get(SEED_OF, 0)
    request.node.add_report_section("setup", "rng", f"MINIVAE_SEED={seed}")
    return np.random.default_rng([20140610, seed] if seed else 20140610)


def pytest_collection_modifyitems(config, items):
    """With other seeds only those tests are run that they change."""
    if SEEDS != [0]:
        drawn = [item for item in items if "rng" in item.fixturenames]
        for i, item in enumerate(drawn):
            item.stash[SEED_OF] = SEEDS[i % len(SEEDS)]
        others = [item for item in items if "rng" not in item.fixturenames]
        config.hook.pytest_deselected(items=others)
        items[:] = drawn
