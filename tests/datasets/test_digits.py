"""The digits that ship with the package."""

import subprocess
import sys
from hashlib import sha256
from importlib import resources

import numpy as np

from minivae.datasets import load_digits


def test_digits():
    digits = load_digits()
    assert digits.train.shape == (1497, 64) and digits.test.shape == (300, 64)
    assert (digits.max_count, digits.shape, digits.name) == (16, (8, 8), "digits")
    assert digits.train.dtype == digits.train_labels.dtype == np.uint8
    assert digits.train.max() == digits.test.max() == 16
    assert set(digits.train_labels) == set(digits.test_labels) == set(range(10))
    # How many of each digit, as the data set's description counts them.
    counts = np.bincount(np.concatenate([digits.train_labels, digits.test_labels]))
    assert counts.tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def test_digits_in_their_stored_order_are_the_original_file():
    file = resources.files("minivae.datasets") / "digits.npz"
    with file.open("rb") as stream:
        order = np.load(stream, allow_pickle=False)["order"]
    assert sorted(order) == list(range(1797))
    digits = load_digits()
    original = np.empty((1797, 64), np.uint8)
    original[order] = np.concatenate([digits.train, digits.test])
    # The hash of the pixels in UCI's order, as scikit-learn's copy has them.
    wanted = "8f26b2bd9d135c256808f68f14fdabddde6d9c7f869ae419704b051f0f14b3b3"
    assert sha256(original.tobytes()).hexdigest() == wanted
    labels = np.empty(1797, np.uint8)
    labels[order] = np.concatenate([digits.train_labels, digits.test_labels])
    assert labels[:30].tolist() == 3 * list(range(10))
    # The first writer's block is split among both parts: this is no split by position.
    assert (order[:1497] < 130).any() and (order[1497:] < 130).any()


def test_the_shipped_file_is_small_and_credited():
    folder = resources.files("minivae.datasets")
    assert len((folder / "digits.npz").read_bytes()) < 100_000
    credit = (folder / "README.md").read_text(encoding="utf-8")
    for word in ("Alpaydin", "Kaynak", "10.24432/C50P49", "CC BY 4.0"):
        assert word in credit and word in load_digits.__doc__, f"no {word}"


def test_importing_the_data_sets_imports_no_network():
    program = "import sys, minivae.datasets; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    for module in ("urllib.request", "http.client", "zipfile", "gzip", "matplotlib"):
        assert module not in loaded, f"import minivae.datasets imports {module}"
