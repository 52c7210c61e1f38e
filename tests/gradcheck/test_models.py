"""The checker on our VAE, with one mistake at a time: the first hint must be right."""

import numpy as np
import pytest
from gradcheck_mutant import B, D, K, Mutant, S, problem

from minivae import VAE
from minivae.gradcheck import check_model


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


CASES = [
    ("fresh draw each time", "repetition", "draw noise of its own"),
    ("half of dsigma", "part_factor", "the reconstruction part is 2 times"),
    ("half of the KL", "part_factor", "the KL part is 2 times"),
    ("sign of the KL", "part_factor", "the KL part is -1 times"),
    ("no KL", "part_factor", "the KL part is missing"),
    ("KL mean over K", "part_factor", "= 1/K times"),
    ("KL summed over B", "part_factor", "6 = B times"),
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


def test_an_order_of_other_names_is_refused():
    with pytest.raises(ValueError, match=r"order: expected each of \['theta'\] once, got"):
        check_model(Columns(), np.ones((4, 7)), np.ones((3, 7)), order=["W"])


def test_a_model_that_holds_its_data():
    class Held(Columns):
        def loss(self):
            return super().loss(np.ones((4, 7)), np.ones((3, 7)))

    check_model(Held()).assert_ok()
    assert check_model(Held(2.0)).verdict == "WRONG"
