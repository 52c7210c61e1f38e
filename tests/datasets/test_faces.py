"""Drawn faces: every factor moves what it is named after, and the noise is what it says."""

import numpy as np
import pytest
from helpers import complains
from numpy.testing import assert_allclose, assert_array_equal

from minivae.datasets.faces import FACTORS, NOISE, draw_faces, load_faces

SIZE = 64
X = (np.arange(SIZE) + 0.5) * 2 / SIZE - 1  # the middle of each column
Y = -X  # and of each row: upwards


def face(size=SIZE, **factors):
    """One face as (size, size); factors not named are 0, in the middle."""
    f = np.array([[factors.pop(name, 0.0) for name in FACTORS]])
    assert not factors
    return draw_faces(f, size).reshape(size, size).astype(float)


def dark(image, x=(-1, 1), y=(-1, 1)):
    """How much darker than the skin each pixel of the head in a window is, else 0."""
    skin = image[np.argmin(abs(Y - 0.78)), SIZE // 2]  # the forehead
    inside = np.outer((y[0] < Y) & (y[1] > Y), (x[0] < X) & (x[1] > X))
    inside &= np.hypot(X / 0.62, Y[:, None] / 0.87) < 1
    return np.where(inside, np.maximum(skin - image, 0), 0)


def centre(weight):
    """The centre of mass (x, y)."""
    return weight.sum(0) @ X / weight.sum(), weight.sum(1) @ Y / weight.sum()


MOUTH = {"x": (-0.45, 0.45), "y": (-0.75, -0.27)}


def test_the_same_seed_gives_the_same_faces():
    one, two, other = (load_faces(20, 10, 16, seed) for seed in (3, 3, 4))
    for part in ("train", "test", "train_factors", "test_factors"):
        assert_array_equal(getattr(one, part), getattr(two, part))
        assert (getattr(one, part) != getattr(other, part)).all()
    assert one.train.shape == (20, 256) and one.test.shape == (10, 256)
    assert one.train.dtype == np.float32 and one.max_count is None
    assert (one.shape, one.name) == ((16, 16), "faces")
    assert (load_faces(1, 1).shape, len(FACTORS)) == ((32, 32), 6)


def test_the_images_are_their_drawings_and_gaussian_noise_that_is_not_clipped():
    faces = load_faces(600, 200, 16)
    assert np.abs(faces.train_factors).max() <= 1
    for part in ("train", "test"):
        drawn = draw_faces(getattr(faces, f"{part}_factors"), 16)
        noise = (getattr(faces, part) - drawn).astype(float) / NOISE
        n = noise.size
        assert abs(noise.mean()) < 4.5 / np.sqrt(n)
        assert abs((noise**2).mean() - 1) < 4.5 * np.sqrt(2 / n)
        assert abs((noise**4).mean() - 3) < 4.5 * np.sqrt(96 / n), "not Gaussian"
        neighbours = (noise[:, 1:] * noise[:, :-1]).mean()
        assert abs(neighbours) < 4.5 / np.sqrt(n)
        background = getattr(faces, part)[:, 0] < 0  # a corner, where nothing is drawn
        assert abs(background.mean() - 0.5) < 4.5 * 0.5 / np.sqrt(len(background))


def test_the_factors_are_uniform_and_independent():
    f = load_faces(4000, 1, 8).train_factors
    assert_allclose(f.mean(0), 0, atol=4.5 * np.sqrt(1 / 3 / 4000))
    assert_allclose((f**2).mean(0), 1 / 3, atol=4.5 * np.sqrt(4 / 45 / 4000))
    products = (f.T @ f / len(f))[np.triu_indices(6, 1)]
    assert_allclose(products, 0, atol=4.5 / 3 / np.sqrt(4000))


def test_a_face_does_not_depend_on_those_drawn_with_it(rng):
    f = rng.uniform(-1, 1, (1100, 6))
    some = [0, 499, 500, 1099]
    assert_array_equal(draw_faces(f, 8)[some], draw_faces(f[some], 8))


def test_a_head_turned_the_other_way_is_the_mirror_image(rng):
    f = rng.uniform(-1, 1, (5, 6))
    width = FACTORS.index(
        "width"
    )  # in a narrow head the eyes meet, and one is over the other
    f[:, width] = abs(f[:, width])
    mirrored = f * np.where(np.array(FACTORS) == "turn", -1, 1)
    one, other = (draw_faces(g, SIZE).reshape(-1, SIZE, SIZE) for g in (f, mirrored))
    assert_allclose(one, other[:, :, ::-1], atol=2e-3)


def test_turn_moves_the_features_to_the_right():
    at = [
        centre(dark(face(turn=turn), **MOUTH | {"x": (-0.6, 0.6)}))[0]
        for turn in (-1, 0, 1)
    ]
    assert_allclose(at, [-0.3, 0, 0.3], atol=0.03)


def test_a_smile_lifts_the_corners_and_lowers_the_middle():
    for smile in (-1, -0.5, 0.5, 1):
        image = face(smile=smile)
        corner = centre(dark(image, (0.17, 0.24), MOUTH["y"]))[1]
        middle = centre(dark(image, (-0.05, 0.05), MOUTH["y"]))[1]
        assert middle == pytest.approx(-0.5 - 0.14 * smile, abs=0.02)
        assert (corner - middle) * np.sign(smile) > 0.04 * abs(smile)


def test_eyes_open():
    white = [(face(eyes=eyes) > 0.75).sum() for eyes in (-1, -0.5, 0, 0.5, 1)]
    assert (np.diff(white) > 10).all(), white


def test_brows_are_raised():
    at = [
        centre(dark(face(brows=brows, eyes=-1), (0.1, 0.42), (0.27, 0.75)))[1]
        for brows in (-1, 0, 1)
    ]
    assert_allclose(np.diff(at), 0.12, atol=0.03)


def test_width_is_that_of_the_head():
    row = np.argmin(abs(Y - 0.02))
    half = [(face(width=width)[row] > 0.3).sum() / SIZE for width in (-1, 0, 1)]
    assert_allclose(half, [0.52, 0.66, 0.80], atol=0.02)


def test_tone_is_the_grey_of_the_skin():
    grey = [face(tone=tone)[SIZE // 2, np.argmin(abs(X - 0.4))] for tone in (-1, 0, 1)]
    assert_allclose(grey, [0.35, 0.6, 0.85], atol=0.01)


@pytest.mark.parametrize("y", [(-0.2, 0.0), (-0.75, -0.33)], ids=["nose", "mouth"])
def test_features_move_by_more_than_their_own_width(y):
    left, right = (dark(face(turn=turn), (-0.62, 0.62), y).sum(0) for turn in (-1, 1))
    assert (left * right).sum() < 0.02 * np.sqrt((left**2).sum() * (right**2).sum())


def test_half_of_each_of_two_faces_has_two_noses_and_the_face_between_has_one():
    def noses(image):
        row = image[np.argmin(abs(Y + 0.1)), abs(X) < 0.6]
        low = row < row.max() - 0.05
        return (np.diff(low.astype(int)) == 1).sum()

    assert noses((face(turn=-1) + face(turn=1)) / 2) == 2
    assert noses(face(turn=0)) == 1


def test_a_large_face_made_small_is_the_small_face(rng):
    f = rng.uniform(-1, 1, (20, 6))
    large = draw_faces(f, 128).reshape(20, 32, 4, 32, 4).mean((2, 4))
    small = draw_faces(f, 32).reshape(20, 32, 32)
    assert np.sqrt(np.mean((large - small) ** 2)) < 0.03


def test_no_feature_leaves_the_head(rng):
    f = rng.uniform(-1, 1, (50, 6))
    f[:, 4], f[::2, 0], f[1::2, 0] = -1, 1, -1  # narrow heads, turned all the way
    outside = np.hypot(X / 0.52, Y[:, None] / 0.92) > 1.25
    assert draw_faces(f, SIZE).reshape(-1, SIZE, SIZE)[:, outside].max() < 0.02


def test_bad_arguments_are_named():
    f = np.zeros((2, 6))
    with complains(ValueError, "factors", "(any, 6)", "(2, 5)"):
        draw_faces(f[:, :5])
    with complains(ValueError, "factors", "[-1, 1]", "1.5"):
        draw_faces(f + 1.5)
    with complains(ValueError, "factors", "[-1, 1]", "nan"):
        draw_faces(f + np.nan)
    with complains(TypeError, "factors", "int64"):
        draw_faces(f.astype(int))
    with complains(ValueError, "size", "at least 8", "7"):
        draw_faces(f, 7)
    with complains(ValueError, "size", "at least 8", "7"):
        load_faces(2, 2, 7)
    for name in ("train", "test"):
        with complains(ValueError, name, "at least 1", "0"):
            load_faces(**{name: 0})
    with complains(ValueError, "seed", "-1"):
        load_faces(2, 2, seed=-1)
