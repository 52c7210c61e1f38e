"""Anybody's own images: every kind of file and folder, and what its values mean."""

import subprocess
import sys

import numpy as np
import pytest
from file_examples import flip, npy_bytes, npz_bytes
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minivae.datasets import load_images, own


def test_a_square_row_is_shown_as_a_square(tmp_path):
    for D, shape in [(16, (4, 4)), (15, (1, 15)), (1, (1, 1))]:
        np.save(tmp_path / "a.npy", np.zeros((4, D), np.uint8))
        assert load_images(tmp_path / "a.npy").shape == shape


def test_npy_of_each_kind(tmp_path, rng):
    kinds = {
        "bits": (rng.random((20, 3, 5)) < 0.5, np.uint8, 1),
        "zeros and ones": (rng.integers(0, 2, (20, 3, 5)), np.uint8, 1),
        "bytes": (rng.integers(0, 256, (20, 3, 5), dtype=np.uint8), np.uint8, 255),
        "integers": (rng.integers(0, 256, (20, 3, 5)), np.uint8, 255),
        "singles": (rng.random((20, 3, 5), dtype=np.float32), np.float32, None),
        "doubles": (rng.random((20, 3, 5)), np.float64, None),
        "swapped": (rng.random((20, 3, 5)).astype(">f8"), np.float64, None),
    }
    for name, (array, dtype, max_count) in kinds.items():
        np.save(tmp_path / f"{name}.npy", array)
        images = load_images(tmp_path / f"{name}.npy")
        assert (images.name, images.max_count, images.shape) == (name, max_count, (3, 5))
        assert images.train.dtype == images.test.dtype == dtype, name
        assert images.train.dtype.isnative
        both = np.concatenate([images.train, images.test])
        rows = {tuple(row) for row in array.reshape(20, 15).tolist()}
        assert {tuple(row) for row in both.tolist()} == rows, name
        assert (len(images.train), len(images.test)) == (18, 2)


def test_max_count_is_what_is_passed(tmp_path):
    np.save(tmp_path / "a.npy", np.full((4, 6), 16))
    assert load_images(str(tmp_path / "a.npy"), max_count=16).max_count == 16
    with pytest.raises(ValueError, match=r"a\.npy: train: expected counts 0\.\.15"):
        load_images(tmp_path / "a.npy", max_count=15)


def test_npz_with_its_own_test_part(tmp_path):
    arrays = {
        "train": np.zeros((5, 2, 3), np.uint8),
        "test": np.ones((2, 2, 3), bool),
        "train_labels": np.arange(5),
        "test_labels": np.arange(2),
    }
    path = tmp_path / "own.npz"
    np.savez(path, **arrays)
    images = load_images(path)
    assert (images.max_count, images.shape) == (1, (2, 3))
    np.testing.assert_array_equal(images.train, np.zeros((5, 6)))
    np.testing.assert_array_equal(images.test, np.ones((2, 6)))
    np.testing.assert_array_equal(images.train_labels, np.arange(5))
    np.testing.assert_array_equal(images.test_labels, np.arange(2))


@pytest.mark.parametrize(("images", "labels"), [("train", "train_labels"), ("x", "labels")])
def test_labels_follow_their_images_into_the_split(tmp_path, images, labels):
    values = np.arange(40, dtype=np.uint8)
    path = tmp_path / "own.npz"
    np.savez(path, **{images: np.tile(values[:, None], (1, 6)), labels: values})
    came = load_images(path)
    assert (len(came.train), len(came.test)) == (36, 4)
    np.testing.assert_array_equal(came.train[:, 0], came.train_labels)
    np.testing.assert_array_equal(came.test[:, 0], came.test_labels)


def test_a_last_axis_of_one_and_a_channel_axis_of_one_are_dropped(tmp_path, rng):
    array = rng.integers(0, 256, (10, 3, 5), dtype=np.uint8)
    for form in (array[..., None], array[:, None]):
        np.save(tmp_path / "a.npy", form)
        images = load_images(tmp_path / "a.npy")
        assert images.shape == (3, 5)
        assert images.train.shape == (9, 15)


def test_the_shape_of_vectors_can_be_given(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((4, 15), np.uint8))
    for shape in ((3, 5), (15, 1), (1, 15)):
        assert load_images(tmp_path / "a.npy", shape=shape).shape == shape
    with pytest.raises(
        ValueError, match=r"a\.npy: shape: expected .* \(15,\), got \(4, 4\)"
    ):
        load_images(tmp_path / "a.npy", shape=(4, 4))


def test_whole_numbers_stored_as_floats_are_counts_if_asked_for(tmp_path, rng):
    counts = rng.integers(0, 17, (20, 15))
    np.save(tmp_path / "a.npy", counts.astype(np.float32))
    images = load_images(tmp_path / "a.npy", max_count=16)
    assert images.max_count == 16 and images.train.dtype == np.uint8
    both = np.concatenate([images.train, images.test])
    assert sorted(both.tolist()) == sorted(counts.tolist())
    assert own.whole_numbers(load_images(tmp_path / "a.npy")) == counts.max()
    np.save(tmp_path / "b.npy", counts + 0.25)
    assert own.whole_numbers(load_images(tmp_path / "b.npy")) is None
    with pytest.raises(ValueError, match=r"whole numbers for max_count=16, got \d+\.25"):
        load_images(tmp_path / "b.npy", max_count=16)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_real_values_are_standardised_by_one_constant(tmp_path, rng, dtype):
    array = (100 + 40 * rng.standard_normal((200, 3, 5))).astype(dtype)
    np.save(tmp_path / "a.npy", array)
    images = load_images(tmp_path / "a.npy")
    assert images.train.mean() == pytest.approx(0, abs=1e-3)
    assert images.train.std() == pytest.approx(1, rel=1e-3)
    both = np.concatenate([images.train, images.test]) * images.scale + images.offset
    came = np.sort(array.astype(np.float64).ravel())
    np.testing.assert_allclose(np.sort(both.ravel()), came, rtol=1e-5, atol=1e-4)
    # A model is evaluated in the units it was trained in.
    again = load_images(tmp_path / "a.npy", standardised=(100.0, 20.0))
    assert (again.offset, again.scale) == (100.0, 20.0)
    assert again.train.std() == pytest.approx(images.scale / 20, rel=1e-3)
    assert again.scale_nats == pytest.approx(15 * np.log(20))


def test_constant_values_keep_their_scale(tmp_path):
    np.save(tmp_path / "a.npy", np.full((20, 4), 7.3, np.float32))
    images = load_images(tmp_path / "a.npy")
    assert images.scale == 1 and np.abs(images.train).max() < 1e-5


def paste(message, folder):
    """Do what a reader does with the last line of a message, `python` being this one."""
    line = message.splitlines()[-1]
    assert line.startswith("python -c ")
    line = line.replace("python", f'"{sys.executable}"', 1)
    subprocess.run(line, shell=True, check=True, cwd=folder)


@pytest.mark.parametrize(
    ("array", "max_count"),
    [
        (np.arange(5 * 2 * 4 * 3).reshape(5, 2, 4, 3).astype(np.uint8), 255),
        (np.arange(5 * 2 * 4 * 4).reshape(5, 2, 4, 4) / 300, None),
        (np.arange(5 * 3 * 2 * 6).reshape(5, 3, 2, 6) / 300, None),
        (np.arange(40).reshape(5, 2, 4) * 1000, None),
        (np.arange(40).reshape(5, 2, 4) - 7, None),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_the_line_that_converts_an_array_does_it(tmp_path, array, max_count, packed):
    path = tmp_path / ("my own.npz" if packed else "my own.npy")
    np.savez(path, x_train=array) if packed else np.save(path, array)
    with pytest.raises(
        ValueError, match=r"\bexpected\b.*; convert it by\npython -c "
    ) as caught:
        load_images(path)
    paste(str(caught.value), tmp_path)
    assert load_images(tmp_path / "converted.npy").max_count == max_count


def test_a_file_called_like_a_shipped_set_is_not_taken_for_it(tmp_path):
    np.save(tmp_path / "digits.npy", np.zeros((5, 4), np.uint8))
    assert load_images(tmp_path / "digits.npy").name == "own-digits"


@given(n=st.integers(2, 3000), period=st.integers(1, 20))
def test_the_split_is_fair_to_sorted_and_to_repeating_files(n, period):
    is_test = own._every_tenth(n)
    assert is_test.sum() == max(1, n // 10)
    if n >= 1000:
        # Ten classes one after the other, then classes that take turns.
        for labels in (np.arange(n) * 10 // n, np.arange(n) % period):
            share = np.bincount(labels, is_test) / np.bincount(labels)
            assert 0.03 < share.min() and share.max() < 0.25, share


NAN = np.array([[0.0, 1.0], [np.nan, 2.0]])


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        (b"", ValueError, [".npy, .npz", "b''"]),
        (b"\x89PNG\r\n\x1a\n", ValueError, ["a folder of PNG files", "x89PNG"]),
        (npy_bytes(np.zeros(5)), ValueError, ["(N, rows, columns)", "(5,)"]),
        (npy_bytes(np.zeros((5, 2, 2, 3))), ValueError, ["grey", "(5, 2, 2, 3)"]),
        (npy_bytes(np.zeros((0, 4))), ValueError, ["images", "(0, 4)"]),
        (npy_bytes(np.zeros((4, 0))), ValueError, ["images", "(4, 0)"]),
        (npy_bytes(np.zeros((1, 4))), ValueError, ["two images or more"]),
        (npy_bytes(np.zeros((5, 4), complex)), TypeError, ["floats", "complex128"]),
        (npy_bytes(np.full((5, 4), "a")), TypeError, ["floats", "<U1"]),
        (npy_bytes(np.full((5, 4), 256)), ValueError, ["0..255", "256"]),
        (npy_bytes(np.full((5, 4), -1)), ValueError, ["0..255", "-1"]),
        (npy_bytes(NAN), ValueError, ["finite", "nan"]),
        (npy_bytes(np.full((5, 4), None)), ValueError, ["Object arrays"]),
        (npz_bytes(), ValueError, ["one array", "nothing"]),
        (npz_bytes(a=NAN, b=NAN), ValueError, ["one array", "a, b"]),
        (npz_bytes(train=NAN, test_label=NAN), ValueError, ["got also test_label"]),
        (npz_bytes(labels=np.arange(3)), ValueError, ["one array", "labels"]),
        (npz_bytes(test=np.eye(4)), ValueError, ["one array", "test"]),
        (
            npz_bytes(train=np.eye(4), test_labels=np.ones(1)),
            ValueError,
            ["got train, test_labels"],
        ),
        (npz_bytes(train=np.eye(4), test=np.eye(3)), ValueError, ["(2, 2)", "(1, 3)"]),
        (npz_bytes(train=np.eye(4), test=np.eye(4, dtype=int)), TypeError, ["test"]),
        (npz_bytes(x=np.eye(4), labels=np.arange(3)), ValueError, ["(4,)", "(3,)"]),
        (npz_bytes(x=np.eye(4), labels=np.full(4, 0.5)), TypeError, ["train_labels"]),
    ],
)
def test_wrong_files_are_named(tmp_path, content, error, words):
    path = tmp_path / "wrong.file"
    path.write_bytes(content)
    with pytest.raises(error) as caught:
        load_images(path)
    for word in [str(path), *words]:
        assert word in str(caught.value), f"no {word!r} in: {caught.value}"


def test_a_missing_file_is_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.npz"):
        load_images(tmp_path / "none.npz")


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """One path for all the examples; hypothesis writes the file anew each time."""
    return tmp_path_factory.mktemp("files") / "own.npz"


@given(
    hnp.arrays(
        st.sampled_from([np.uint8, np.bool_, np.float32, np.int16]),
        hnp.array_shapes(min_dims=2, max_dims=3, min_side=2, max_side=5),
        elements={"min_value": 0, "max_value": 1},
    )
)
def test_any_images_come_back_whole(file, array):
    file.write_bytes(npz_bytes(pixels=array))
    images = load_images(file)
    D = int(np.prod(array.shape[1:]))
    assert images.train.shape[1] == D == images.shape[0] * images.shape[1]
    both = np.concatenate([images.train, images.test]).astype(float)
    wanted = array.reshape(-1, D).astype(float)
    assert sorted(both.tolist()) == sorted(wanted.tolist())


@pytest.mark.filterwarnings("ignore")
@given(data=st.data(), packed=st.booleans(), cut=st.booleans())
def test_damaged_files_are_errors_that_name_the_file(file, data, packed, cut):
    """Or right images still: see test_binaryfiles for what a flip can leave unseen."""
    array = np.arange(60, dtype=np.uint8).reshape(5, 4, 3)
    content = npz_bytes(train=array) if packed else npy_bytes(array)
    if cut:
        damaged = content[: data.draw(st.integers(0, len(content) - 1))]
    else:
        _, damaged = flip(data, content)
    file.write_bytes(damaged)
    try:
        images = load_images(file)
    except (ValueError, TypeError) as error:
        assert str(file) in str(error)
    else:
        assert not cut and images.train.size + images.test.size == array.size


def test_mean_and_deviation_are_taken_in_double_precision():
    train = np.array([[3e7], [1.0], [1.0], [2.0]], np.float32)
    offset, scale = own._location_and_scale(train, train)
    assert offset == 7500001.0 and offset != float(train.mean())
    assert scale == train.astype(float).std()
