"""`minivae check`: the ladder from the command line."""

import re
import sys
from contextlib import contextmanager

import numpy as np
import pytest

from minivae import IWAE, VAE, Adam, Autoencoder, Binomial, ladder
from minivae.cli import main
from minivae.datasets import load_digits
from minivae.ladder import RUNGS, Row
from minivae.training.checkpoints import save
from minivae.zoo import BUGS, injected

DIGITS = {"name": "digits", "max_count": 16, "shape": (8, 8)}


def keep_rungs(monkeypatch, *numbers):
    """All of them climb without a model, below."""
    for number in set(RUNGS) - set(numbers):
        monkeypatch.setitem(RUNGS, number, rung())


@pytest.mark.parametrize("cls", [VAE, IWAE])
def test_a_saved_float32_model_is_checked_in_float64(
    cls, tmp_path, capsys, rng, monkeypatch
):
    keep_rungs(monkeypatch, 2, 4)
    model = cls.mlp(64, 3, (5,), Binomial(16), rng=rng)
    save(tmp_path / "model.npz", model, data=DIGITS)
    assert main(["check", str(tmp_path / "model.npz")]) == 0
    printed = capsys.readouterr().out
    assert "0 failed" in printed and "K > 2, no exact log p(x)" in printed
    # to the last digits: a z-score of rounding errors gave false alarms
    assert re.search(r"mean over images of -elbo\(\) .* 1[.0-9]*e-09  nats", printed), (
        printed
    )


def test_without_a_model_a_trained_one_meets_the_exact_log_p(capsys):
    assert main(["check"]) == 0
    printed = capsys.readouterr().out
    assert "ELBO + KL(q ‖ posterior) = log p(x)" in printed and "FAILED" not in printed


def test_a_bug_gives_exit_code_1_and_names_the_claim(capsys, tmp_path, rng, monkeypatch):
    keep_rungs(monkeypatch, 2)
    model = VAE.mlp(64, 2, (5,), Binomial(16), rng=rng)
    save(tmp_path / "model.npz", model, data=DIGITS)
    with injected(BUGS["kl-without-its-half"]):
        assert main(["check", str(tmp_path / "model.npz")]) == 1
    failed = [line for line in capsys.readouterr().out.splitlines() if "FAILED" in line]
    assert any("E_q[log q - log p]" in line for line in failed), failed


def test_an_autoencoder_has_no_bound_to_check(capsys, tmp_path, rng):
    save(
        tmp_path / "model.npz",
        Autoencoder.mlp(64, 2, (), Binomial(16), rng=rng),
        data=DIGITS,
    )
    assert main(["check", str(tmp_path / "model.npz")]) == 2
    assert "expected a VAE or IWAE, got an Autoencoder" in capsys.readouterr().err


def test_astype_copies_the_weights_and_leaves_the_model_alone(rng):
    model = VAE.mlp(64, 2, (5,), Binomial(16), rng=rng)
    double = model.astype(np.float64)
    assert double.dtype == double.theta.dtype == double.grad.dtype == np.float64
    np.testing.assert_array_equal(double.theta, model.theta)
    double.theta[...] = 0
    assert model.theta.any() and model.dtype == np.float32
    assert not double.params["decoder.0.W"].any(), "the layers look at the copy's memory"
    x = load_digits().test[:3].astype(float)
    model.loss(x, np.zeros((3, 2)))
    with pytest.raises(RuntimeError, match="backward"):
        model.astype(np.float64).backward()
    Adam().step(double.theta, double.grad)
    with pytest.raises(TypeError, match="dtype: expected float32 or float64, got"):
        model.astype(np.int64)


def rung(*rows):
    return lambda model, x, rng: rows


def test_what_no_oracle_can_tell_is_said_and_is_no_failure(
    capsys, tmp_path, rng, monkeypatch
):
    save(tmp_path / "model.npz", VAE.mlp(64, 2, (5,), Binomial(16), rng=rng), data=DIGITS)
    sure, unsure = Row(1, "a", 0, "", 1), Row(4, "b", np.nan, "nats", 1, undecided=True)
    for number in RUNGS:
        monkeypatch.setitem(RUNGS, number, rung())
    monkeypatch.setitem(RUNGS, 4, rung(sure, unsure))
    assert main(["check", str(tmp_path / "model.npz")]) == 0
    assert "2 claims checked, 0 failed, 1 undecided" in capsys.readouterr().out
    monkeypatch.setitem(RUNGS, 7, rung(Row(7, "c", 2, "", 1)))
    assert main(["check", str(tmp_path / "model.npz")]) == 1


def test_an_arithmetic_error_is_one_line_and_no_traceback(
    capsys, tmp_path, rng, monkeypatch
):
    def refuse(model, x, rng):
        raise ArithmeticError("the estimated error exceeds tol")

    save(tmp_path / "model.npz", VAE.mlp(64, 2, (5,), Binomial(16), rng=rng), data=DIGITS)
    monkeypatch.setitem(RUNGS, 1, refuse)
    assert main(["check", str(tmp_path / "model.npz")]) == 1
    printed = capsys.readouterr()
    assert printed.err == "minivae check: the estimated error exceeds tol\n"
    assert printed.out == ""


def test_a_slow_rung_is_announced_on_stderr(capsys, tmp_path, rng, monkeypatch):
    """The waiting itself is tested where it lives; here, that check hands it stderr."""
    save(tmp_path / "model.npz", VAE.mlp(64, 2, (5,), Binomial(16), rng=rng), data=DIGITS)
    announced = []

    @contextmanager
    def note(what, stream):
        announced.append((what, stream is sys.stderr))
        yield

    monkeypatch.setattr(ladder, "announced", note)
    for number in RUNGS:
        monkeypatch.setitem(RUNGS, number, rung(Row(number, "a", 0, "", 1)))
    assert main(["check", str(tmp_path / "model.npz")]) == 0
    assert len(announced) == 7 and all(to_stderr for _, to_stderr in announced)
