"""Model files that are cut, spoilt, of another version, or no model files at all."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from training.test_checkpoints import content, everything, model_of, stepped

import minivae as mv
from minivae.datasets import files
from minivae.training import checkpoints
from minivae.training.checkpoints import load, save


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return tmp_path_factory.mktemp("damage") / "model.npz"


@pytest.fixture(scope="module")
def sound(file):
    """The bytes of a sound file, and what it holds."""
    arguments = everything()
    save(file, **arguments)
    return file.read_bytes(), content(checkpoints.Checkpoint(**arguments))


@given(st.data())
def test_a_cut_file_is_an_error(file, sound, data):
    size = data.draw(st.integers(0, len(sound[0]) - 1))
    file.write_bytes(sound[0][:size])
    with pytest.raises(ValueError, match=r"model.npz: "):
        load(file)


@pytest.mark.filterwarnings("ignore")
@given(st.data())
def test_flipped_bytes_are_an_error_or_change_nothing(file, sound, data):
    spoilt = bytearray(sound[0])
    for _ in range(data.draw(st.integers(1, 3))):
        spoilt[data.draw(st.integers(0, len(spoilt) - 1))] ^= data.draw(st.integers(1, 255))
    file.write_bytes(spoilt)
    try:
        saved = load(file)
    except ValueError as error:
        assert str(error).startswith(str(file))
    else:
        assert content(saved) == sound[1]


@pytest.mark.parametrize("name", ["minivae", "theta", "history", "optimizer.v"])
def test_a_missing_or_shorter_array_is_an_error(file, name):
    right = checkpoints.pack(**everything())
    shorter = np.array("{}") if name == "minivae" else right[name].ravel()[:-1]
    for arrays in ({k: v for k, v in right.items() if k != name}, right | {name: shorter}):
        np.savez(file, **arrays)
        with pytest.raises(ValueError, match=r"model.npz: "):
            load(file)


HUGE = [{"class": "Linear", "n_in": a, "n_out": b} for a, b in ((2, 10**9), (10**9, 6))]


@pytest.mark.parametrize(
    "path, value",
    [
        (["format"], None),
        (["model"], None),
        (["model", "class"], "system"),
        (["model", "class"], "Autoencoder"),
        (["model", "dtype"], "float64"),
        (["model", "dtype"], "object"),
        (["model", "encoder"], [1]),
        (["model", "decoder", "layers"], HUGE),
        (["model", "decoder", "layers", 0, "class"], "system"),
        (["model", "decoder", "layers", 0, "n_in"], -2),
        (["model", "decoder", "layers", 0, "more"], 1),
        (["model", "likelihood"], {"class": "Binomial", "n": 0}),
        (["optimizer"], "x"),
        (["optimizer", "class"], "list"),
        (["optimizer", "t"], "x"),
        (["optimizer", "t"], -5),
        (["optimizer", "beta1"], 2),
        (["optimizer", "lr"], {"schedule": ["check_number", 1, 2]}),
        (["rng"], {}),
        (["rng", "bit_generator"], "RandomState"),
        (["rng", "state"], {}),
        (["columns"], ["epoch"]),
        (["settings"], [1]),
        (["settings", "beta"], {"schedule": ["exec", "print()"]}),
        (["settings", "more"], 1),
        (["settings", "batch_size"], "x"),
        (["settings", "beta"], -1),
        (["data"], {"name": "digits"}),
        (["data", "more"], 1),
        (["data", "name"], ""),
        (["data", "max_count"], "x"),
        (["data", "shape"], [64]),
        (["data", "shape"], [5, 5]),
        (["data", "scale"], 0),
    ],
)
def test_a_senseless_description_in_a_sound_archive_is_an_error(file, path, value):
    """Checksums tell that a file came through, not that this package wrote it."""
    right = checkpoints.pack(**everything())
    header = json.loads(str(right["minivae"]))
    place = header
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    np.savez(file, **right | {"minivae": np.array(json.dumps(header))})
    with pytest.raises(ValueError, match=r"model.npz: not a sound minivae model file: "):
        load(file)


@pytest.mark.parametrize("name, value", [("dtype", "float64"), ("class", "Autoencoder")])
def test_theta_must_be_that_of_the_model_described(file, name, value):
    right = checkpoints.pack(model_of())
    header = json.loads(str(right["minivae"]))
    header["model"][name] = value
    np.savez(file, **right | {"minivae": np.array(json.dumps(header))})
    with pytest.raises(ValueError, match=r"theta: expected \d+ values of .*, got float32"):
        load(file)


def test_a_description_of_a_huge_layer_costs_no_memory(file):
    right = checkpoints.pack(model_of())
    header = json.loads(str(right["minivae"]))
    header["model"]["decoder"]["layers"] = HUGE
    np.savez(file, **right | {"minivae": np.array(json.dumps(header))})
    with pytest.raises(ValueError, match=r"theta: expected 90000000\d\d values"):
        load(file)


def test_a_likelihood_of_huge_counts_costs_no_time(file):
    """A table of binomial coefficients for a billion counts would never be done."""
    right = checkpoints.pack(model_of())
    for n in (10**9, 2**16):
        header = json.loads(str(right["minivae"]))
        header["model"]["likelihood"]["n"] = n
        np.savez(file, **right | {"minivae": np.array(json.dumps(header))})
        with pytest.raises(ValueError, match=f"n: expected at most 65535, got {n}"):
            load(file)


def test_what_load_would_refuse_is_not_saved(file):
    model = model_of()
    save(file, model)
    before = file.read_bytes()
    data = {"name": "digits", "max_count": 16, "shape": (2, 3)}
    broken = stepped(mv.Adam(), model)
    broken.t = -5
    for arguments in (
        {"data": {"name": "x"}},
        {"data": 3},
        {"data": data | {"shape": (8, 8)}},
        {"settings": {"d": {}}},
        {"settings": {"beta": {}}},
        {"optimizer": broken},
    ):
        with pytest.raises((ValueError, TypeError)):
            save(file, model, **arguments)
        assert file.read_bytes() == before, arguments
    save(file, model, data=data)
    assert load(file).data == data


def test_a_member_that_is_not_ours_is_not_read(file, monkeypatch):
    monkeypatch.setattr(files, "ALWAYS_FINE", 10)
    arrays = checkpoints.pack(model_of())
    np.savez_compressed(file, **arrays, another=np.zeros(100_000))
    assert load(file).model.K == 2


def test_another_version_is_named(file):
    arrays = checkpoints.pack(model_of())
    text = str(arrays["minivae"]).replace('"format": 2', '"format": 1')
    np.savez(file, **arrays | {"minivae": np.array(text)})
    with pytest.raises(
        ValueError, match=r"model.npz: .*expected format 2, got 1: .*version"
    ):
        load(file)


def test_files_that_are_no_models_are_refused(file):
    np.savez(file, images=np.zeros(3), labels=np.zeros(3))
    with pytest.raises(ValueError, match=r"model.npz: expected a model .* images, labels"):
        load(file)
    file.write_bytes(b"a letter to a friend")
    with pytest.raises(ValueError, match=r"model.npz: "):
        load(file)
    objects = np.array([{"a": 1}, None], dtype=object)
    np.savez(file, minivae=objects)
    with pytest.raises(ValueError, match="Object arrays cannot be loaded"):
        load(file)
    with pytest.raises(FileNotFoundError):
        load(file.with_name("missing.npz"))


@pytest.mark.parametrize("name", ["offset", "scale", "limits"])
@pytest.mark.parametrize("bad", ["1", None, [1.0], np.nan, np.inf])
def test_units_that_are_no_numbers_are_refused(file, name, bad):
    data = {"name": "x", "max_count": None, "shape": (2, 2)}
    model = mv.VAE.mlp(4, 2, (3,), mv.Gaussian(), rng=np.random.default_rng(0))
    save(file, model, data=data | {"offset": 1.0, "scale": 2.0, "limits": [0.0, 1.0]})
    bad = [0.0, bad] if name == "limits" else bad
    with pytest.raises((TypeError, ValueError), match=f"{name}: expected a "):
        save(file, model, data=data | {name: bad})
