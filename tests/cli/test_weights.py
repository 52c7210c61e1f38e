"""`minivae export` and `minivae import`: weights for PyTorch, and back."""

import numpy as np
import pytest
from training.test_torch_weights import NAMES, model_of

import minivae as mv
from minivae import cli
from minivae.training import checkpoints
from minivae.training.torch_weights import torch_source


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder to work in, with two models in it."""
    monkeypatch.chdir(tmp_path)
    data = {"name": "digits", "max_count": 16, "shape": (2, 3)}
    settings = {"binarize": "none"}
    for seed, name in ((1, "one.npz"), (2, "other.npz")):
        model = model_of(seed, mv.IWAE, dtype=np.float32)
        checkpoints.save(
            name, model, mv.Adam(), np.random.default_rng(), None, settings, data
        )
    return tmp_path


def test_export_and_import_carry_the_weights(folder, capsys):
    assert cli.main(["export", "one.npz"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("# weights.npz: 15 arrays of float32")
    assert torch_source(model_of()) in printed and "np.load('weights.npz')" in printed
    compile(printed, "printed", "exec")
    with np.load("weights.npz") as weights:
        assert {name: weights[name].shape for name in weights} == NAMES
    words = ["import", "weights.npz", "--like", "other.npz"]
    assert cli.main(words) == 0
    assert capsys.readouterr().out == "model.npz\n"
    one, other, new = (
        checkpoints.load(f"{name}.npz") for name in ("one", "other", "model")
    )
    assert type(new.model) is mv.IWAE
    assert new.model.theta.tobytes() == one.model.theta.tobytes()
    assert (other.model.theta != one.model.theta).all(), "--like was written to"
    assert new.data == other.data and new.settings == other.settings
    assert new.optimizer is None and new.rng is None and new.history is None


@pytest.mark.parametrize("command", ["export", "import"])
def test_neither_command_writes_over_a_file_or_leaves_half_of_one(folder, command, capsys):
    assert cli.main(["export", "one.npz"]) == 0
    words = {"export": ["one.npz"], "import": ["weights.npz", "--like", "other.npz"]}
    words = [command, *words[command], "--out"]
    assert cli.main([*words, "one.npz"]) == 2
    assert "--out: expected a new file, got one.npz" in capsys.readouterr().err
    before = sorted(folder.iterdir())
    assert cli.main([*words, "missing/new.npz"]) == 2
    assert "missing/new.npz" in capsys.readouterr().err
    assert sorted(folder.iterdir()) == before
    assert cli.main([*words, "new.npz"]) == 0
    assert (folder / "new.npz").exists()


def test_a_full_disk_leaves_no_half_written_weights(folder, monkeypatch, capsys):
    def full(file, **arrays):
        file.write(b"PK")
        raise OSError(28, "No space left on device", "weights.npz")

    monkeypatch.setattr(np, "savez", full)
    before = sorted(folder.iterdir())
    assert cli.main(["export", "one.npz"]) == 2
    assert "weights.npz: No space left on device" in capsys.readouterr().err
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize("dtype, made", [(np.float32, "()"), (np.float64, "().double()")])
def test_the_printed_module_is_of_the_models_precision(folder, capsys, dtype, made):
    checkpoints.save("new.npz", model_of(dtype=dtype))
    assert cli.main(["export", "new.npz"]) == 0
    assert f"\nmodel = Model{made}\n" in capsys.readouterr().out


def test_import_complains_in_one_line(folder, capsys):
    words = ["import", "other.npz", "--like", "one.npz", "--out", "new.npz"]
    assert cli.main(words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("minivae import: arrays: expected the 15 names")
    (folder / "weights.npz").write_bytes(b"PK, but not much more")
    assert cli.main(["import", "weights.npz", "--like", "one.npz"]) == 2
    assert "weights.npz: not a sound .npz file" in capsys.readouterr().err
    assert not (folder / "new.npz").exists() and not (folder / "model.npz").exists()
