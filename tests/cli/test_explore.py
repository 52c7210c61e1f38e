"""`minivae explore`: one page for one model or two; one line for what is wrong."""

import numpy as np
import pytest

from minivae import VAE, Binomial, Condition
from minivae.cli import explore, main
from minivae.explorer import likelihood
from minivae.layers import Linear, Sequential
from minivae.training import checkpoints

DATA = {"name": "digits", "max_count": 16, "shape": (8, 8)}


@pytest.fixture(autouse=True)
def little_work(monkeypatch, tmp_path):
    monkeypatch.setattr(likelihood, "QUADRATURE", 0)
    monkeypatch.chdir(tmp_path)


def saved(path, model=None, **settings):
    rng = np.random.default_rng(0)
    model = model or VAE.mlp(64, 2, (8,), Binomial(16), rng=rng)
    path.parent.mkdir(exist_ok=True)
    checkpoints.save(path, model, settings=settings, data=DATA)
    return str(path)


def test_one_model_gets_a_page(tmp_path, capsys):
    model = saved(tmp_path / "run" / "model.npz", beta=4.0)
    assert main(["explore", model]) == 0
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert '"title": "run"' in page and "β = 4" in page
    assert capsys.readouterr().out.startswith("page.html: 0.")


def test_two_models_share_a_page_which_opens_if_asked(tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr(explore.webbrowser, "open", opened.append)
    a, b = (saved(tmp_path / name / "model.npz") for name in "ab")
    assert main(["explore", a, b, "-o", "two.html", "--open"]) == 0
    text = (tmp_path / "two.html").read_text(encoding="utf-8")
    assert '"title": "a"' in text and '"title": "b"' in text
    assert opened == [(tmp_path / "two.html").as_uri()]


def test_what_is_wrong_takes_one_line(tmp_path, capsys):
    model = saved(tmp_path / "model.npz")
    decoder = Sequential(Condition(2, 10), Linear(12, 64))
    rng = np.random.default_rng(0)
    other = VAE(Sequential(Condition(64, 10)), decoder, Binomial(16), rng)
    conditional = saved(tmp_path / "conditional.npz", other)
    cases = [
        (["nowhere.npz"], "nowhere.npz: No such file"),
        ([model, "-o", "no/folder/page.html"], "no/folder/page.html"),
        ([model, "-o", model], "--out: expected a new file"),
        ([conditional], "model: the page has no Condition layer"),
    ]
    for words, message in cases:
        assert main(["explore", *words]) == 2
        error = capsys.readouterr().err
        assert message in error and error.count("\n") == 1, error
    assert not (tmp_path / "page.html").exists()
