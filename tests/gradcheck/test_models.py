"""The checker on our VAE, with one mistake at a time: the first hint must be right."""

import numpy as np
import pytest

from minivae import VAE
from minivae.gradcheck import check_model

B, D, K, S = 6, 5, 3, 7  # all different, and none of them 2 or 4


class Mutant(VAE):
    """A VAE whose backward is written out, with a place for each mistake.

    `mistake` names it. The loss is that of the VAE unless `loss` says otherwise.
    """

    mistake = ""

    def backward(self):
        m = self.mistake
        mu, logvar, eps, shape, beta = self._kept
        B = len(mu)
        sigma = np.exp(logvar / 2)
        dy = self.likelihood.backward(np.full(shape, -1 / np.prod(shape)))
        if m == "likelihood twice":
            dy = 2 * dy
        if m == "mean over D":
            dy = dy / D
        dz = self.decoder.backward(dy)
        dmu, dlogvar = dz, dz * eps * sigma / 2
        dmu_kl, dlogvar_kl = beta * mu / B, beta * (sigma**2 - 1) / 2 / B
        if m == "another draw":
            dlogvar = dz * np.random.default_rng(1).standard_normal(eps.shape) * sigma / 2
        if m == "shuffled noise":
            dlogvar = dz * eps[::-1] * sigma / 2
        if m == "fresh draw each time":
            dlogvar = dz * self.rng.standard_normal(eps.shape) * sigma / 2
        if m == "half of dsigma":
            dlogvar = dz * eps * sigma
        if m == "sigma squared":
            dlogvar = dz * eps * sigma**2 / 2
        if m == "easyvae":
            dlogvar, dlogvar_kl = 4 * dlogvar, sigma * dlogvar_kl
        if m == "no eps":
            dlogvar = dz * sigma / 2
        if m == "sigma in the KL":
            dlogvar_kl = beta * (sigma - 1) / 2 / B
        if m == "tangled":
            dlogvar = dlogvar * (1 + np.cos(dz))
        if m == "tangled mu":
            dmu = dmu * (1 + np.cos(logvar))
        if m == "half of the KL":
            dmu_kl, dlogvar_kl = dmu_kl * 2, dlogvar_kl * 2
        if m == "sign of the KL":
            dmu_kl, dlogvar_kl = -dmu_kl, -dlogvar_kl
        if m == "no KL":
            dmu_kl, dlogvar_kl = 0, 0
        if m == "KL mean over K":
            dmu_kl, dlogvar_kl = dmu_kl / K, dlogvar_kl / K
        if m == "KL summed over B":
            dmu_kl, dlogvar_kl = dmu_kl * B, dlogvar_kl * B
        if m == "KL minus":
            dlogvar_kl = beta * (sigma**2 + 1) / 2 / B
        if m == "cut graph":
            dmu, dlogvar = 0 * dmu, 0 * dlogvar
        dmu, dlogvar = dmu + dmu_kl, dlogvar + dlogvar_kl
        if m == "heads exchanged":
            dmu, dlogvar = dlogvar, dmu
        if m == "stop at logvar":
            dlogvar = 0 * dlogvar
        dh = self.mu_head.backward(dmu)
        dh_logvar = self.logvar_head.backward(dlogvar)
        if m != "one head":
            dh = dh + dh_logvar
        self.encoder.backward(dh, need_dx=False)
        if m == "batch mean in one W":
            self.grads["decoder.2.W"] *= B
        if m == "bias averaged":
            self.grads["encoder.0.b"] /= B
        if m == "one entry":
            self.grads["decoder.0.W"][1, 2] += 1e-3
        if m == "negative":
            self.grad *= -1
        if m == "not a number":
            self.grads["mu_head.W"][1, 1] = np.nan


class Accumulating(VAE):
    def backward(self):
        before = self.grad.copy()
        super().backward()
        self.grad += before


class Late(VAE):
    """backward uses the layers as they were before the last forward."""

    waiting = None

    def backward(self):
        super().backward()
        now = self.grad.copy()
        self.grad[:] = now if self.waiting is None else self.waiting
        self.waiting = now


def problem(cls, mistake="", activation="tanh", likelihood=None, seed=0):
    """A small model off its initial values, with data and noise."""
    rng = np.random.default_rng(seed)
    model = cls.mlp(
        D,
        K,
        hidden=(4,),
        activation=activation,
        likelihood=likelihood,
        rng=rng,
        dtype=float,
    )
    model.theta += 0.3 * rng.standard_normal(model.theta.size)
    model.mistake, model.rng = mistake, rng
    x = (rng.random((B, D)) < 0.5).astype(float)
    return model, x, rng.standard_normal((B, K))


CASES = [
    ("another draw", "another_draw", "drawn again between forward and backward"),
    ("shuffled noise", "which_term", "logvar_head.W, logvar_head.b are wrong. mu_head.W"),
    ("fresh draw each time", "repetition", "draw noise of its own"),
    ("half of dsigma", "part_factor", "the reconstruction part is 2 times"),
    ("sigma squared", "power_of_sigma", "the reconstruction part is sigma times"),
    ("easyvae", "power_of_sigma", "4 times the right one, the KL part is sigma times"),
    ("tangled", "which_term", "the mistake is in the reconstruction part"),
    ("tangled mu", "which_term", "mu_head.b are wrong. logvar_head.W"),
    ("half of the KL", "part_factor", "the KL part is 2 times"),
    ("sign of the KL", "part_factor", "the KL part is -1 times"),
    ("no KL", "part_factor", "the KL part is missing"),
    ("KL mean over K", "part_factor", "= 1/K times"),
    ("KL summed over B", "part_factor", "6 = B times"),
    ("KL minus", "which_term", "is right: the mistake is in the KL part"),
    ("sigma in the KL", "which_term", "the mistake is in the KL part"),
    ("no eps", "another_draw", "backward leaves out the factor eps"),
    ("cut graph", "part_factor", "the reconstruction part is missing"),
    ("likelihood twice", "part_factor", "the reconstruction part is 2 times"),
    ("mean over D", "part_factor", "= 1/D times"),
    ("heads exchanged", "another_block", "were the two exchanged?"),
    ("stop at logvar", "identically_zero", "logvar_head.W, logvar_head.b is exactly zero"),
    ("one head", "place", "are all of them added up?"),
    ("batch mean in one W", "constant_factor", "decoder.2.W is 6 = B times"),
    ("bias averaged", "constant_factor", "encoder.0.b is 0.166667 = 1/B times"),
    ("one entry", "place", "decoder.0.W alone is wrong"),
    ("negative", "constant_factor", "the sign is wrong"),
    ("not a number", "gradient_not_finite", "nan at mu_head.W[1, 1]"),
]


@pytest.mark.parametrize(("mistake", "cause", "words"), CASES)
def test_the_first_hint_names_the_mistake(mistake, cause, words):
    model, x, eps = problem(Mutant, mistake)
    report = check_model(model, x, eps)
    assert report.verdict == "WRONG", f"{mistake} was not caught:\n{report}"
    assert report.hints[0].cause == cause, f"{mistake}:\n{report}"
    assert words in report.hints[0].text, f"{mistake}:\n{report}"


@pytest.mark.parametrize("seed", range(5))
def test_the_written_out_backward_is_right_without_a_mistake(seed):
    report = check_model(*problem(Mutant, seed=seed))
    report.assert_ok()
    assert not report.hints and report.worst < 1e-9


def test_a_second_backward_that_adds_is_caught_though_the_first_was_right():
    report = check_model(*problem(Accumulating))
    assert report.verdict == "WRONG" and report.hints[0].cause == "repetition", str(report)
    assert len(report.hints) == 1, str(report)


def test_a_backward_that_adds_only_when_called_without_a_loss_between():
    class Clearing(Accumulating):
        def loss(self, *args, **kwargs):
            self.grad[:] = 0
            return super().loss(*args, **kwargs)

    report = check_model(*problem(Clearing))
    assert report.verdict == "WRONG" and report.hints[0].cause == "repetition", str(report)


def test_a_gradient_that_is_one_call_late():
    report = check_model(*problem(Late))
    assert "one call late" in report.hints[0].text, str(report)


def test_the_model_is_left_as_it_was():
    model, x, eps = problem(Mutant, "another draw")
    model.loss(x, eps)
    model.backward()
    theta, grad = model.theta.copy(), model.grad.copy()
    check_model(model, x, eps)
    np.testing.assert_array_equal(model.theta, theta)
    np.testing.assert_array_equal(model.grad, grad)


def test_beta_and_samples_are_told_apart_from_mistakes():
    model, x, _ = problem(VAE)
    eps = model.rng.standard_normal((S, B, K))
    check_model(model, x, eps, beta=0.3).assert_ok()
    check_model(model, x, eps, beta=0.3, free_bits=0.2).assert_ok()


def test_an_unused_head_is_noted():
    model, x, eps = problem(VAE)
    report = check_model(model, x, np.zeros_like(eps), beta=0.0)
    assert report and "does not depend on logvar_head.W" in report.notes[0], str(report)


def test_a_float32_model_is_undecided_and_told_why():
    rng = np.random.default_rng(5)
    model = VAE.mlp(D, K, hidden=(4,), rng=rng)
    x = (rng.random((B, D)) < 0.5).astype(np.float32)
    report = check_model(model, x, rng.standard_normal((B, K), dtype=np.float32))
    assert report.verdict == "undecided", str(report)
    assert [h.cause for h in report.hints] == ["single_precision"], str(report)


def test_one_wrong_entry_in_a_large_model_is_found_by_halving():
    class OneEntry(VAE):
        def backward(self):
            super().backward()
            self.grads["decoder.2.W"][37, 23] += 0.05

    rng = np.random.default_rng(6)
    model = OneEntry.mlp(60, 3, hidden=(50,), rng=rng, dtype=np.float64)
    x = (rng.random((B, 60)) < 0.5).astype(float)
    report = check_model(model, x, rng.standard_normal((B, 3)), rng=rng)
    block = report.blocks["decoder.2.W"]
    assert report.verdict == "WRONG", str(report)
    assert block.entry_name(block.worst) == [37, 23], str(report)
    assert "2 dir." in str(report)


LOSSES = [
    ("kl", lambda mu, v: mu**2 + np.exp(v) - 1 - v, "part_factor", "0.5 = 1/2 times"),
    ("kl", lambda mu, v: 0.5 * (mu**2 + np.exp(v) - 1 + v), "which_term", "in the KL part"),
    ("kl", lambda mu, v: (mu**2 + np.exp(2 * v) - 1) / 2 - v, "which_term", "the KL part"),
    ("reparameterize", lambda mu, v, e: mu + np.exp(v) * e, "which_term", "logvar_head.b"),
    (
        "reparameterize",
        lambda mu, v, e: mu + np.exp(v / 2) * e / 100,
        *("part_factor", "100 times"),
    ),
]


@pytest.mark.parametrize(("name", "formula", "cause", "words"), LOSSES)
def test_a_mistake_in_the_loss_alone_is_seen_too(monkeypatch, name, formula, cause, words):
    monkeypatch.setattr(f"minivae.gaussian.{name}", formula)
    report = check_model(*problem(VAE))
    assert report.verdict == "WRONG" and cause in report.hints[0].cause, str(report)
    assert words in report.hints[0].text, str(report)


# Anybody's models.


class Columns:
    """A linear model with batches in columns and a fixed batch size; theta is a matrix."""

    def __init__(self, factor=1.0):
        self.factor = factor
        self.theta = np.random.default_rng(0).standard_normal((3, 4))
        self.grad = np.zeros((3, 4))

    def loss(self, x, eps, beta=1.0):
        assert x.shape == (4, 7) and eps.shape == (3, 7), "seven columns, please"
        self.kept = x, self.theta @ x + eps
        return (self.kept[1] ** 2).sum() / 7

    def backward(self):
        x, y = self.kept
        self.grad[...] = self.factor * 2 * y @ x.T / 7


@pytest.mark.parametrize("factor", [1.0, 7.0])
def test_a_model_with_columns_and_a_fixed_batch_size(rng, factor):
    x, eps = rng.standard_normal((4, 7)), rng.standard_normal((3, 7))
    report = check_model(Columns(factor), x, eps, tolerance=1e-7)
    assert bool(report) is (factor == 1), str(report)
    if factor == 7:
        assert "is 7 = B times the right one" in report.hints[0].text, str(report)
        assert report.place.first_wrong == ("theta",)


@pytest.mark.parametrize(
    ("attribute", "value", "words"),
    [
        ("theta", {"W": np.ones(3)}, "whose theta is a dict; `check_gradient` takes dicts"),
        ("theta", None, "whose theta is a NoneType"),
        ("grad", [1.0], "whose grad is a list"),
        ("loss", None, "a Columns whose loss is a NoneType"),
        ("backward", None, "whose backward is a NoneType"),
    ],
)
def test_what_is_no_model_hears_what_to_pass(attribute, value, words):
    model = Columns()
    setattr(model, attribute, value)
    with pytest.raises(TypeError, match=words):
        check_model(model, np.ones((4, 7)), np.ones((3, 7)))


def test_a_model_that_holds_its_data():
    class Held(Columns):
        def loss(self):
            return super().loss(np.ones((4, 7)), np.ones((3, 7)))

    check_model(Held()).assert_ok()
    assert check_model(Held(2.0)).verdict == "WRONG"


def test_other_names_for_the_heads_are_as_good():
    model, x, eps = problem(Mutant, "another draw")
    names = {old: f"p{i}" for i, old in enumerate(model.layout)}
    layout = {names[old]: where for old, where in model.layout.items()}

    class Renamed:
        def __init__(self):
            self.theta, self.grad, self.layout = model.theta, model.grad, layout
            self.backward, self.encode, self.loss = model.backward, model.encode, model.loss

    report = check_model(Renamed(), x, eps)
    assert report.hints[0].cause == "another_draw", str(report)
    assert report.place.first_wrong == ("p4", "p5"), str(report)
