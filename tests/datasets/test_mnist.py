"""MNIST from files: small made-up ones, and the real ones where they are at hand."""

import gzip
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from file_examples import ARRAYS, CONTENT, flip
from hypothesis import given
from hypothesis import strategies as st

from minivae.datasets import mnist

REAL = Path(__file__).parents[3] / "shared" / "mnist"


@pytest.fixture(scope="module", autouse=True)
def small_hashes():
    """The made-up files' hashes in place of MNIST's."""
    real = dict(mnist.MNIST_SHA256)
    small = {name: sha256(content).hexdigest() for name, content in CONTENT.items()}
    mnist.MNIST_SHA256.update(small)
    yield real
    mnist.MNIST_SHA256.update(real)


def write(folder, rename="{}", pack=bytes):
    folder.mkdir(exist_ok=True)
    for name, content in CONTENT.items():
        (folder / rename.format(name)).write_bytes(pack(content))
    return folder


@pytest.mark.parametrize(
    ("rename", "pack"), [("{}", bytes), ("{}.gz", gzip.compress), ("{}", gzip.compress)]
)
@pytest.mark.parametrize("dot", [False, True])
def test_files_are_found_in_a_folder(tmp_path, rename, pack, dot):
    write(tmp_path, rename, pack)
    if dot:
        for path in list(tmp_path.iterdir()):
            path.rename(tmp_path / path.name.replace("-idx", ".idx"))
    images = mnist.load_mnist(str(tmp_path))
    np.testing.assert_array_equal(
        images.train.reshape(9, 4, 5), ARRAYS["train-images-idx3-ubyte"]
    )
    np.testing.assert_array_equal(images.test_labels, ARRAYS["t10k-labels-idx1-ubyte"])


def test_missing_files_are_listed_and_nothing_is_downloaded(tmp_path, monkeypatch):
    monkeypatch.setattr(mnist, "download", None)
    write(tmp_path)
    for name in ("train-labels-idx1-ubyte", "t10k-images-idx3-ubyte"):
        (tmp_path / name).unlink()
    wanted = "lacks train-labels-idx1-ubyte, t10k-images-idx3-ubyte "
    with pytest.raises(FileNotFoundError, match=wanted):
        mnist.load_mnist(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"folder: .*nowhere lacks"):
        mnist.load_mnist(tmp_path / "nowhere")


@given(st.data())
def test_a_flipped_byte_anywhere_is_caught(tmp_path_factory, data):
    folder = write(tmp_path_factory.getbasetemp() / "flipped")
    name = data.draw(st.sampled_from(list(CONTENT)))
    _, flipped = flip(data, CONTENT[name])
    (folder / name).write_bytes(flipped)
    with pytest.raises(ValueError, match=name):
        mnist.load_mnist(folder)


def test_files_that_changed_places_are_caught(tmp_path):
    write(tmp_path)
    a, b = (tmp_path / f"{part}-labels-idx1-ubyte" for part in ("train", "t10k"))
    a.write_bytes(CONTENT[b.name])
    with pytest.raises(
        ValueError, match=r"train-labels.*content with sha256.*; other sets"
    ):
        mnist.load_mnist(tmp_path)


def test_the_real_files(small_hashes, monkeypatch):
    if not REAL.is_dir():
        pytest.skip("MNIST is not at hand")
    monkeypatch.setattr(mnist, "MNIST_SHA256", small_hashes)
    images = mnist.load_mnist(REAL)
    assert (images.max_count, images.shape) == (255, (28, 28))
    assert images.train.shape == (60_000, 784) and images.test.shape == (10_000, 784)
    assert images.train.dtype == np.uint8
    # As the authors give them: the first training image is a five.
    assert images.train_labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert images.test_labels[:5].tolist() == [7, 2, 1, 0, 4]
    assert np.bincount(images.test_labels).tolist() == [
        *(980, 1135, 1032, 1010, 982),
        *(892, 958, 1028, 974, 1009),
    ]
    # The mean grey value of the training images, known to everyone who standardises.
    assert abs(images.train.mean() / 255 - 0.1307) < 5e-5


def test_loading_the_real_files_needs_little_memory():
    """55 MB of pixels and little more: no copy in floats, no second copy of bytes."""
    if not REAL.is_dir():
        pytest.skip("MNIST is not at hand")
    program = (
        "import sys, tracemalloc, minivae.datasets.mnist as m; tracemalloc.start();"
        " m.load_mnist(sys.argv[1]); print(tracemalloc.get_traced_memory()[1])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(REAL)],
        capture_output=True,
        text=True,
        check=True,
    )
    peak = int(done.stdout) / 1e6
    assert 55 < peak < 75, f"expected a peak of 55 to 75 MB, got {peak:.0f}"
