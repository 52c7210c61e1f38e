"""`minivae sample`: pictures, arrays, and nothing written over."""

import numpy as np
import pytest
from cli.test_training import no_figures, train  # noqa: F401
from numpy.testing import assert_array_equal

from minivae import cli
from minivae.training import checkpoints


@pytest.mark.usefixtures("no_figures")
def test_sample_writes_pictures_and_arrays_and_never_over_another(
    tmp_path, monkeypatch, capsys
):
    path = str(train(tmp_path) / "model.npz")
    monkeypatch.chdir(tmp_path)
    capsys.readouterr()
    for expected in ("samples.png", "samples-2.png"):
        assert cli.main(["sample", path, "-n", "5"]) == 0
        assert capsys.readouterr().out == f"{expected}\n"
        assert (tmp_path / expected).read_bytes().startswith(b"\x89PNG")
    for options, mean in (([], True), (["--draw-pixels"], False)):
        out = f"samples-{mean}.npy"
        assert (
            cli.main(["sample", path, "-n", "5", "--seed", "3", "--out", out, *options])
            == 0
        )
        model = checkpoints.load(path).model
        expected = model.sample(5, np.random.default_rng(3), mean=mean)
        assert_array_equal(np.load(out), expected.reshape(5, 8, 8))
    before = (tmp_path / "samples.png").stat().st_mtime_ns
    assert cli.main(["sample", path, "--out", "samples.png"]) == 2
    assert "expected a new file, got samples.png, which exists" in capsys.readouterr().err
    assert (tmp_path / "samples.png").stat().st_mtime_ns == before
