"""The examples in the docstring of `check_gradient`, run as they stand there."""

import doctest
import re
import textwrap

import numpy as np
import pytest

from minivae.gradcheck import check_gradient

RECIPES = [
    textwrap.dedent(text)
    for text in re.findall(r"::\n\n((?:        .*\n|\n)+)", check_gradient.__doc__)
]


def test_the_example_prints_what_it_says():
    globs = {"np": np, "check_gradient": check_gradient}
    tests = doctest.DocTestFinder().find(check_gradient, globs=globs)
    runner = doctest.DocTestRunner(verbose=False)
    for test in tests:
        runner.run(test)
    assert runner.tries > 5 and not runner.failures


def recipe(word):
    (text,) = [r for r in RECIPES if word in r]
    assert len(text.strip().splitlines()) <= 4
    return text.replace("check_gradient(", "report = check_gradient(")


@pytest.mark.parametrize("factor", [1.0, 2.0])
def test_torch(factor):
    torch = pytest.importorskip("torch")

    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx, y):
            ctx.save_for_backward(y)
            return y**2

        @staticmethod
        def backward(ctx, dy):
            return factor * 2 * ctx.saved_tensors[0] * dy

    def loss(y):
        return Square.apply(y).sum()

    torch.manual_seed(0)
    module = torch.nn.Sequential(
        torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2)
    )
    module, x = module.double(), torch.randn(5, 3, dtype=torch.float64)
    loss(module(x)).backward()
    names = {"torch": torch, "module": module, "x": x, "loss": loss}
    names["check_gradient"] = check_gradient
    exec(recipe("torch"), names)
    report = names["report"]
    assert bool(report) is (factor == 1), str(report)
    if factor == 2:
        assert (
            report.place.first_wrong == ("2.weight", "2.bias")
            and not report.place.last_right
        )


@pytest.mark.parametrize("factor", [1.0, 2.0])
def test_jax(factor):
    jax = pytest.importorskip("jax")

    @jax.custom_vjp
    def square(y):
        return y**2

    square.defvjp(lambda y: (y**2, y), lambda y, dy: (factor * 2 * y * dy,))

    def loss(p):
        h = jax.numpy.tanh(x @ p["encoder"]["W"] + p["encoder"]["b"])
        return square(h @ p["decoder"][0] + p["decoder"][1]).sum()

    rng = np.random.default_rng(0)
    x, n = rng.standard_normal((5, 3)), rng.standard_normal
    params = {"encoder": {"W": n((3, 4)), "b": n(4)}, "decoder": [n((4, 2)), n(2)]}
    order = ["encoder.W", "encoder.b", "decoder.0", "decoder.1"]
    params = jax.tree.map(np.asarray, params)  # as JAX does: sorted
    assert next(iter(params)) == "decoder"
    names = {"jax": jax, "np": np, "loss": loss, "params": params, "order": order}
    names["check_gradient"] = check_gradient
    exec(recipe("jax"), names)
    report = names["report"]
    assert bool(report) is (factor == 1), str(report)
    if factor == 2:
        assert report.place.first_wrong[0] == "decoder.0", str(report)


def test_a_training_step():
    shift = np.random.default_rng(0).standard_normal()

    def train_step(p, x, rng, lr):
        p["W"] -= lr * (2 * p["W"] + rng.standard_normal())

    names = {"np": np, "x": None, "train_step": train_step}
    exec(recipe("train_step"), names)
    p = {"W": np.arange(3.0)}
    check_gradient(
        lambda p: (p["W"] ** 2 + shift * p["W"]).sum(), p, names["grad"]
    ).assert_ok()
