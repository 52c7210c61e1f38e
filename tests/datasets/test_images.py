"""The `Images` container and the mini-batches `prepare` makes of it."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minivae.datasets.images import Images, prepare


def fields(**changes):
    """A right set of fields for 5 training and 3 test images of 2x3 counts 0..16."""
    counts = np.arange(48, dtype=np.uint8).reshape(8, 6) % 17
    right = {
        "train": counts[:5],
        "test": counts[5:],
        "max_count": 16,
        "shape": (2, 3),
        "name": "made up",
        "train_labels": np.arange(5),
        "test_labels": np.arange(3),
    }
    return right | changes


def test_right_fields_are_kept_and_cannot_be_replaced():
    right = fields()
    images = Images(**right)
    assert images.train is right["train"]
    assert images.train.dtype == np.uint8
    assert "5 train, 3 test, 2x3 pixels of 0..16" in repr(images)
    with pytest.raises(dataclasses.FrozenInstanceError):
        images.max_count = 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_real_pixels_keep_their_precision(dtype):
    train, test = np.full((5, 6), -1.5, dtype), np.full((3, 6), 2.5, dtype)
    images = Images(train, test, None, (2, 3), "real")
    assert images.train.dtype == dtype
    assert dtype.__name__ in repr(images)


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"train": [[1, 2]]}, TypeError, ["train", "array", "list"]),
        ({"train": np.zeros((5, 6), int)}, TypeError, ["train", "uint8", "int64"]),
        ({"train": np.zeros((5, 6))}, TypeError, ["train", "uint8", "float64"]),
        ({"max_count": None}, TypeError, ["train", "floating", "uint8"]),
        ({"test": np.zeros((3, 5), np.uint8)}, ValueError, ["test", "(any, 6)"]),
        ({"test": np.zeros(6, np.uint8)}, ValueError, ["test", "(any, 6)", "(6,)"]),
        ({"train": np.zeros((0, 6), np.uint8)}, ValueError, ["train", "empty", "(0, 6)"]),
        ({"max_count": 15}, ValueError, ["train", "0..15", "16"]),
        ({"max_count": 256}, ValueError, ["max_count", "255", "256"]),
        ({"max_count": 0}, ValueError, ["max_count", "at least 1", "0"]),
        ({"max_count": 16.0}, TypeError, ["max_count", "whole", "16.0"]),
        ({"shape": (2, 2)}, ValueError, ["train", "(any, 4)", "(5, 6)"]),
        ({"shape": (6,)}, ValueError, ["shape", "(rows, columns)", "(6,)"]),
        ({"shape": (2, 3.0)}, TypeError, ["shape", "whole", "3.0"]),
        ({"shape": (0, 6)}, ValueError, ["shape", "at least 1", "0"]),
        ({"name": ""}, TypeError, ["name", "''"]),
        ({"train_labels": np.arange(4)}, ValueError, ["train_labels", "(5,)", "(4,)"]),
        ({"test_labels": np.ones(3)}, TypeError, ["test_labels", "float64"]),
        ({"test_labels": [1, 2, 3]}, TypeError, ["test_labels", "list"]),
        ({"train_factors": np.ones((4, 2))}, ValueError, ["train_factors", "(5, any)"]),
        ({"train_factors": np.ones(5)}, ValueError, ["train_factors", "(5, any)"]),
        ({"test_factors": np.ones((3, 2), int)}, TypeError, ["test_factors", "int64"]),
        ({"train_factors": [[1.0, 2.0]] * 5}, TypeError, ["train_factors", "ndarray"]),
        ({"test_factors": np.full((3, 2), np.nan)}, ValueError, ["test_factors", "nan"]),
    ],
)
def test_wrong_fields_are_named(changes, error, words):
    with pytest.raises(error) as caught:
        Images(**fields(**changes))
    for word in words:
        assert word in str(caught.value), f"no {word!r} in: {caught.value}"


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_real_pixels_must_be_finite(bad):
    test = np.zeros((3, 6))
    test[1, 2] = bad
    with pytest.raises(ValueError, match=r"test: expected finite .* index \(1, 2\)"):
        Images(np.zeros((5, 6)), test, None, (2, 3), "real")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("max_count", [1, 16, 255])
def test_counts_and_scaled_values(max_count, dtype):
    batch = np.arange(max_count + 1, dtype=np.uint8)[None]
    before = batch.copy()
    counts = prepare(batch, max_count, dtype)
    scaled = prepare(batch, max_count, dtype, scaled=True)
    assert counts.dtype == scaled.dtype == dtype
    np.testing.assert_array_equal(counts[0], np.arange(max_count + 1))
    np.testing.assert_allclose(scaled[0], np.linspace(0, 1, max_count + 1), rtol=2e-7)
    assert (scaled.min(), scaled.max()) == (0, 1)
    counts += 1  # a new array, not a view of the data
    np.testing.assert_array_equal(batch, before)


@given(st.integers(1, 255), st.booleans())
def test_threshold_is_above_one_half(max_count, scaled):
    counts = np.arange(max_count + 1)
    x = prepare(
        counts.astype(np.uint8)[None], max_count, scaled=scaled, binarize="threshold"
    )
    np.testing.assert_array_equal(x[0], counts / max_count > 0.5)


def test_stochastic_pixels_have_the_probability_of_their_count(rng):
    """Every count of every range: the number of ones is Binomial(N, c/n)."""
    N = 4000
    for max_count in (1, 2, 3, 16, 100, 254, 255):
        counts = np.arange(max_count + 1, dtype=np.uint8)
        batch = np.tile(counts, (N, 1))
        x = prepare(batch, max_count, binarize="stochastic", rng=rng)
        assert set(np.unique(x)) <= {0, 1}
        p = counts / max_count
        assert x[:, 0].max() == 0 and x[:, -1].min() == 1
        # Sums of independent binomials: z-scores, first of each count, then of all.
        error = x[:, 1:-1].mean(axis=0) - p[1:-1]
        se = np.sqrt(p[1:-1] * (1 - p[1:-1]) / N)
        assert (np.abs(error) < 4.5 * se).all(), f"max_count {max_count}: {error / se}"
        if max_count > 1:
            z = error.sum() / np.sqrt((se**2).sum())
            assert abs(z) < 4, f"max_count {max_count}: all pixels together, z = {z:.1f}"


def test_a_byte_of_255_levels_is_exact_to_a_part_in_a_thousand(rng):
    """Drawn from 0..255, a count would come out as c/256: 0.4 % too rare."""
    N, c = 4_000_000, 230
    batch = np.full((1000, N // 1000), c, np.uint8)
    mean = prepare(batch, 255, binarize="stochastic", rng=rng).mean(dtype=np.float64)
    se = np.sqrt(c / 255 * (1 - c / 255) / N)
    assert abs(mean - c / 255) < 4 * se, f"expected {c / 255:.5f}, got {mean:.5f}"
    assert abs(c / 256 - c / 255) > 15 * se  # the test tells the two apart


def test_stochastic_pixels_are_independent_of_each_other(rng):
    batch = np.full((20_000, 4), 8, np.uint8)
    x = prepare(batch, 16, np.float64, "stochastic", rng=rng)
    pairs = np.corrcoef(x.T)[np.triu_indices(4, 1)]
    # A sample correlation of independent pixels has a standard error of 1/sqrt(N).
    assert (np.abs(pairs) < 4 / np.sqrt(len(x))).all(), pairs


@pytest.mark.parametrize("max_count", [16, None])
def test_each_call_draws_anew_and_a_seed_repeats_it(max_count):
    batch = np.full((10, 20), 8, np.uint8)
    if max_count is None:
        batch = batch / np.float32(16)
    first, again = np.random.default_rng(3), np.random.default_rng(3)
    a = prepare(batch, max_count, binarize="stochastic", rng=first)
    b = prepare(batch, max_count, binarize="stochastic", rng=first)
    assert (a != b).any()
    repeated = prepare(batch, max_count, binarize="stochastic", rng=again)
    np.testing.assert_array_equal(a, repeated)


@pytest.mark.parametrize("binarize", ["none", "threshold"])
def test_the_generator_is_left_alone_unless_needed(binarize):
    rng = np.random.default_rng(3)
    prepare(np.ones((2, 3), np.uint8), 16, binarize=binarize, rng=rng)
    assert rng.random() == np.random.default_rng(3).random()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_real_values(dtype, rng):
    real = np.array([[-3.0, 0.5, 7.0]])
    for scaled in (False, True):  # there is no count to divide by
        x = prepare(real, None, dtype, scaled=scaled)
        assert x.dtype == dtype and x is not real
        np.testing.assert_array_equal(x, real)
    unit = np.array([[0, 0.25, 0.5, 0.75, 1]])
    binary = prepare(unit, None, dtype, "threshold")
    np.testing.assert_array_equal(binary, [[0, 0, 0, 1, 1]])
    N = 20_000
    mean = prepare(np.tile(unit, (N, 1)), None, dtype, "stochastic", rng=rng).mean(0)
    assert mean[0] == 0 and mean[4] == 1
    z = (mean - unit[0])[1:4] / np.sqrt(unit[0] * (1 - unit[0]) / N)[1:4]
    assert (np.abs(z) < 4).all(), f"z-scores {z}"


@pytest.mark.parametrize("value", [1.5, -0.1, np.nan])
@pytest.mark.parametrize("binarize", ["threshold", "stochastic"])
def test_real_values_outside_the_unit_interval_are_not_binarized(value, binarize, rng):
    with pytest.raises(ValueError, match=r"batch: expected values in \[0, 1\]"):
        prepare(np.array([[0.5, value]]), None, binarize=binarize, rng=rng)


BYTES = np.ones((2, 3), np.uint8)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((BYTES, 16, np.float32, "random"), ValueError, ["binarize", "'stochastic'"]),
        ((BYTES, 16, np.float32, "stochastic"), TypeError, ["rng", "Generator"]),
        ((BYTES, 16, np.int64), TypeError, ["dtype", "int64"]),
        ((BYTES, None), TypeError, ["batch", "floating", "uint8"]),
        ((BYTES, 0), ValueError, ["max_count", "at least 1", "0"]),
        ((BYTES, 300), ValueError, ["max_count", "255", "300"]),
        ((BYTES * 2, 1), ValueError, ["batch", "0..1", "2"]),
        ((BYTES / 2, 16), TypeError, ["batch", "uint8", "float64"]),
        ((BYTES * 1j, 16), TypeError, ["batch", "uint8", "complex"]),
        ((BYTES.tolist(), 16), TypeError, ["batch", "uint8", "list"]),
        ((BYTES[0], 16), ValueError, ["batch", "(any, any)", "(3,)"]),
        ((BYTES[:0], 16), ValueError, ["batch", "empty", "(0, 3)"]),
        ((np.ones((0, 3)), None), ValueError, ["batch", "empty", "(0, 3)"]),
    ],
)
def test_wrong_batches_are_named(arguments, error, words):
    with pytest.raises(error) as caught:
        prepare(*arguments)
    for word in words:
        assert word in str(caught.value), f"no {word!r} in: {caught.value}"
