"""`minivae evaluate`: its numbers are those of the functions it speaks of."""

import re

import numpy as np
import pytest
from cli.test_training import TINY, train
from numpy.testing import assert_allclose

from minivae import cli
from minivae.cli import evaluation, training
from minivae.datasets import load_digits, prepare
from minivae.inference import annealed
from minivae.inference.bounds import importance_log_likelihood
from minivae.training import checkpoints

pytestmark = pytest.mark.usefixtures("no_figures")


@pytest.fixture
def no_figures(monkeypatch):
    monkeypatch.setattr(training, "_draw", lambda *arguments: None)


def run(words, capsys):
    """{name: (mean, standard error)} of what a command prints, and the whole text."""
    capsys.readouterr()
    assert cli.main([*map(str, words)]) == 0
    text = capsys.readouterr().out
    lines = re.findall(r"^(nelbo|rec|kl|-log p\(x\)|-L_\d+) +(\S+) ± (\S+)", text, re.M)
    return {name: (float(mean), float(error)) for name, mean, error in lines}, text


def trained(tmp_path, *options):
    words = ["train", *TINY, "--epochs", "3", *map(str, options)]
    assert cli.main([*words, "--out", str(tmp_path / "run")]) == 0
    return tmp_path / "run" / "model.npz"


def test_log_p_is_that_of_importance_sampling_and_below_the_nelbo(tmp_path, capsys):
    path = trained(tmp_path)
    numbers, text = run(["evaluate", path], capsys)
    model, x = checkpoints.load(path).model, prepare(load_digits().test, 16)
    log_p = importance_log_likelihood(model, x, 500, np.random.default_rng(9))
    mean, error = numbers["-log p(x)"]
    assert mean == pytest.approx(-log_p.mean(), abs=0.2)
    assert error == pytest.approx(log_p.std(ddof=1) / 300**0.5, rel=0.05)
    assert mean < numbers["nelbo"][0]
    assert "importance sampling, 500 samples)" in text and "units active" in text
    more, text = run(["evaluate", path, "--importance", "7"], capsys)
    assert mean < more["-log p(x)"][0] < numbers["nelbo"][0] + 0.1
    assert "importance sampling, 7 samples)" in text


def test_what_takes_long_is_done_on_some_images_unless_asked_for(
    tmp_path, capsys, monkeypatch
):
    path = trained(tmp_path)
    monkeypatch.setattr(evaluation, "BUDGET", 500 * 64 * 120)
    assert "500 samples, the first 120 images)" in run(["evaluate", path], capsys)[1]
    _, text = run(["evaluate", path, "--importance", "500"], capsys)
    assert "first" not in text


def test_the_nats_are_those_of_the_values_as_they_came(tmp_path, capsys, rng):
    x = 3 + rng.standard_normal((200, 4)).astype(np.float32)
    numbers = []
    for factor in (1, 16):  # a power of two: standardised, both are the same bits
        np.save(tmp_path / "own.npy", factor * x)
        own = ["--data", tmp_path / "own.npy"]
        path = trained(tmp_path / str(factor), *own)
        numbers.append(run(["evaluate", path, *own], capsys)[0])
    for name, shift in (("nelbo", 1), ("rec", 1), ("kl", 0), ("-log p(x)", 1)):
        moved = numbers[1][name][0] - numbers[0][name][0]
        assert_allclose(moved, shift * 4 * np.log(16), atol=2e-3, err_msg=name)


def test_each_image_of_a_conditional_model_has_its_own_condition(tmp_path, capsys):
    path = trained(tmp_path, "--conditional")
    numbers, _ = run(["evaluate", path, "--importance", "20"], capsys)
    model, digits = checkpoints.load(path).model, load_digits()
    x, rng = prepare(digits.test, 16), np.random.default_rng(3)
    given = model.given(digits.test_labels)
    elbo = given.elbo(x, rng.standard_normal((10, 300, 2), dtype=np.float32))
    assert numbers["nelbo"][0] == pytest.approx(-elbo.mean(), abs=1.0)
    log_w = given.log_weights(x, rng.standard_normal((20, 300, 2), dtype=np.float32))
    log_p = np.logaddexp.reduce(log_w, axis=0) - np.log(20)
    assert numbers["-log p(x)"][0] == pytest.approx(-log_p.mean(), abs=1.0)
    assert cli.main(["evaluate", str(path), "--gaps"]) == 2
    assert "--gaps: expected a model without a condition" in capsys.readouterr().err


def test_the_gap_report_comes_when_asked_for(tmp_path, capsys, monkeypatch):
    calls = []

    def report(model, x, rng):
        calls.append((model.dtype, x.shape))
        return evaluation_report

    from minivae.inference.gap import GapReport

    rows = [("ELBO, q from the encoder", -200.0, 0.1), ("log p(x), exact", -150.0, 0.0)]
    evaluation_report = GapReport(rows, "exact", (20.0, 0.1), (30.0, 0.1), 2, 2)
    monkeypatch.setattr(evaluation, "gap_report", report)
    path = trained(tmp_path)
    _, text = run(["evaluate", path], capsys)
    assert not calls and "gap" not in text
    _, text = run(["evaluate", path, "--gaps"], capsys)
    assert calls == [(np.float64, (100, 64))], "exact for K = 2, hence in float64"
    assert re.search(r"amortization gap \(the encoder\) +30\.0000", text)


@pytest.mark.parametrize("option", [["--importance", "5"], ["--annealed"], ["--gaps"]])
def test_an_autoencoder_has_no_log_p(tmp_path, capsys, option):
    path = trained(tmp_path, "--model", "autoencoder")
    numbers, _ = run(["evaluate", path], capsys)
    assert set(numbers) == {"nelbo", "rec", "kl"}
    assert cli.main(["evaluate", str(path), *option]) == 2
    assert "got an Autoencoder" in capsys.readouterr().err


def test_annealed_is_at_least_as_tight(tmp_path, capsys, monkeypatch):
    real = annealed.annealed_log_likelihood

    def quick(model, x, rng):
        return real(model, x, rng, temperatures=20, chains=8)

    monkeypatch.setattr(annealed, "annealed_log_likelihood", quick)
    path = trained(tmp_path)
    _, text = run(["evaluate", path, "--annealed"], capsys)
    number = r"-log p\(x\) +(\S+) ± \S+  \(at most: "
    (value,) = re.findall(number + "annealed importance sampling, the first 100", text)
    model, x = checkpoints.load(path).model, prepare(load_digits().test[:100], 16)
    log_p = importance_log_likelihood(model, x, 2000, np.random.default_rng(1))
    assert float(value) == pytest.approx(-log_p.mean(), abs=0.2)

    def count(model, x, rng):
        return annealed.Annealed(np.full(len(x), -float(len(x))), None, None)

    monkeypatch.setattr(annealed, "annealed_log_likelihood", count)
    _, text = run(["evaluate", path, "--annealed", "--importance", "2"], capsys)
    assert "300.000 ± 0.000  (at most: annealed importance sampling)\n" in text


@pytest.mark.parametrize("kind", ["vae", "iwae"])
def test_evaluate_prints_means_over_the_images_and_their_errors(tmp_path, capsys, kind):
    path = train(tmp_path, "--model", kind) / "model.npz"
    capsys.readouterr()
    assert cli.main(["evaluate", str(path), "--samples", "4", "--seed", "8"]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.startswith("300 test images of digits; nats per image")
    figures = {
        line.split()[0]: np.array(line.split()[1::2], float)
        for line in lines
        if "±" in line and "p(x)" not in line
    }
    model, rng = checkpoints.load(path).model, np.random.default_rng(8)
    x = prepare(load_digits().test, 16)
    eps = [rng.standard_normal((4, 100, 2), dtype=np.float32) for _ in range(3)]
    log_w = np.concatenate(
        [
            model.log_weights(x[i : i + 100], e)
            for i, e in zip((0, 100, 200), eps, strict=True)
        ],
        axis=1,
    )
    mu, logvar = model.encode(x)
    kl = 0.5 * (mu**2 + np.exp(logvar) - 1 - logvar).sum(axis=1)
    if kind == "iwae":
        nelbo, name = -np.log(np.exp(log_w - log_w.max(0)).mean(0)) - log_w.max(0), "-L_4"
    else:
        elbos = [model.elbo(x[100 * i : 100 * i + 100], e) for i, e in enumerate(eps)]
        nelbo, name = -np.concatenate(elbos), "nelbo"
        assert_allclose(figures["rec"][0] + figures["kl"][0], figures[name][0], atol=2e-3)
    assert set(figures) == {name, "rec", "kl"}
    for key, values in ((name, nelbo), ("kl", kl)):
        assert_allclose(
            figures[key], [values.mean(), values.std(ddof=1) / 300**0.5], atol=2e-3
        )
