"""Files and folders of all kinds become arrays in their roles."""

import gzip

import numpy as np
import pytest
from datasets.test_own import paste
from file_examples import ARRAYS, CONTENT
from PIL import Image

from minivae.datasets import load_images


def save_png(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


CSV = {
    "plain": ("0,1,2,3\n4,5,6,255\n7,8,9,10\n", 255, False),
    "named": ('"label";p1;p2;p3;p4\n1;0;1;2;3\n0;4;5;6;255\n1;7;8;9;10\n', 255, True),
    "real": ("\ufeff0.5\t0.25\t0\t0\n1\t0\t0\t0\n0\t0.5\t0\t0\n", None, False),
    "Kaggle": ("label,a,b,c,d\n3,0,0,0,0\n2,1,0,0,0\n2,0,0,0,1\n", 1, True),
}


def test_a_folder_of_png_files(tmp_path, rng):
    array = rng.integers(0, 256, (20, 3, 5), dtype=np.uint8)
    folder = tmp_path / "Gesichter mit Ümlaut"
    for i, pixels in enumerate(array):
        opaque = np.dstack([pixels, pixels, pixels, np.full_like(pixels, 255)])
        save_png(
            folder / f"{i:02}.{'PNG' if i == 3 else 'png'}", opaque if i % 2 else pixels
        )
    (folder / "._00.png").write_bytes(b"what macOS leaves")
    (folder / "notes.txt").write_text("not a picture")
    images = load_images(folder)
    assert (images.name, images.max_count, images.shape) == (folder.name, 255, (3, 5))
    both = np.concatenate([images.train, images.test])
    assert sorted(both.tolist()) == sorted(array.reshape(20, 15).tolist())
    assert images.train_labels is None


def test_folders_of_classes_and_deep_pixels(tmp_path, rng):
    array = rng.integers(0, 65536, (2, 6, 4, 4)).astype(np.uint16)
    for label in range(2):
        for i in range(6):
            save_png(tmp_path / "set" / f"class {label}" / f"{i}.png", array[label, i])
    images = load_images(tmp_path / "set")
    assert images.max_count is None and images.train.max() <= 1
    both = np.concatenate([images.train, images.test]) * 65535
    labels = np.concatenate([images.train_labels, images.test_labels])
    for label in range(2):
        wanted = array[label].reshape(6, 16).astype(float)
        np.testing.assert_allclose(
            sorted(both[labels == label].tolist()), sorted(wanted.tolist()), atol=0.1
        )


@pytest.mark.parametrize("odd", ["colours", "size", "cut", "none"])
def test_a_folder_that_does_not_fit_says_how_to_convert_it(tmp_path, rng, odd):
    folder = tmp_path / "a set"
    folder.mkdir()
    if odd != "none":
        for i in range(4):
            save_png(folder / f"{i}.png", rng.integers(0, 256, (6, 5), dtype=np.uint8))
    if odd == "colours":
        save_png(folder / "2.png", rng.integers(0, 256, (6, 5, 3), dtype=np.uint8))
    elif odd == "size":
        save_png(folder / "2.png", rng.integers(0, 256, (7, 5), dtype=np.uint8))
    elif odd == "cut":
        content = (folder / "2.png").read_bytes()
        (folder / "2.png").write_bytes(content[:-30])
    elif odd == "none":
        Image.fromarray(np.zeros((6, 5, 3), np.uint8)).save(folder / "photo.jpg")
    with pytest.raises(ValueError) as caught:
        load_images(folder)
    message = str(caught.value)
    assert str(folder if odd == "none" else folder / "2.png") in message
    if odd != "cut":
        paste(message, tmp_path)
        converted = sorted((tmp_path / "grey").glob("*.png"))
        assert len(converted) == len([p for p in folder.iterdir()])
        if len(converted) > 1:
            assert load_images(tmp_path / "grey").shape == (28, 28)


@pytest.mark.parametrize("kind", CSV)
def test_csv(tmp_path, kind):
    text, max_count, labelled = CSV[kind]
    (tmp_path / "a.CSV").write_text(text, encoding="utf-8")
    images = load_images(tmp_path / "a.CSV")
    assert (images.max_count, images.shape) == (max_count, (2, 2))
    assert len(images.train) + len(images.test) == 3
    assert (images.train_labels is not None) == labelled


@pytest.mark.parametrize("text", ["", "\n", "1,2\n3\n", "1,2\n3,x\n", "\0\1", "a,b\n"])
def test_wrong_csv_is_named(tmp_path, text):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(ValueError, match=r"a\.csv: "):
        load_images(tmp_path / "a.csv")


def test_idx_of_any_origin(tmp_path):
    for name, content in CONTENT.items():  # not MNIST: other hashes, other sizes
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content))
    images = load_images(tmp_path)
    assert (images.max_count, images.shape) == (255, (4, 5))
    np.testing.assert_array_equal(
        images.test, ARRAYS["t10k-images-idx3-ubyte"].reshape(3, 20)
    )
    np.testing.assert_array_equal(images.train_labels, ARRAYS["train-labels-idx1-ubyte"])
    alone = load_images(tmp_path / "train-images-idx3-ubyte.gz")
    assert (len(alone.train), len(alone.test), alone.train_labels) == (8, 1, None)


@pytest.mark.parametrize(
    "names",
    [
        ("x_train", "y_train", "x_test", "y_test"),
        ("X_train", "y_train", "X_test", "y_test"),
        ("train_images", "train_labels", "test_images", "test_labels"),
    ],
)
def test_npz_as_keras_names_it(tmp_path, names):
    x, y = np.arange(80, dtype=np.uint8).reshape(5, 4, 4), np.arange(5)[:, None]
    np.savez(tmp_path / "a.npz", **dict(zip(names, (x, y, x[:2], y[:2]), strict=True)))
    images = load_images(tmp_path / "a.npz")
    assert (len(images.train), len(images.test)) == (5, 2)
    np.testing.assert_array_equal(images.train_labels, y[:, 0])


def test_npz_as_scikit_learn_names_it(tmp_path):
    x, y = np.arange(80.0).reshape(5, 4, 4) / 80, np.array(list("babca"))
    np.savez(tmp_path / "a.npz", data=x.reshape(5, 16), target=y, images=x, DESCR="text")
    images = load_images(tmp_path / "a.npz")
    assert images.shape == (4, 4)
    assert sorted([*images.train_labels, *images.test_labels]) == [0, 0, 1, 1, 2]
    np.savez(tmp_path / "b.npz", X=x, y=np.arange(5.0))
    assert load_images(tmp_path / "b.npz").train_labels.dtype.kind == "i"
