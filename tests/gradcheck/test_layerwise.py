"""The checker on models with one wrong layer, likelihood, or set of weights."""

from types import SimpleNamespace

import numpy as np
import pytest

from minivae import (
    VAE,
    Bernoulli,
    Binomial,
    Gaussian,
    Laplace,
    Linear,
    ReLU,
    Scale,
    Sequential,
    Sigmoid,
    Softplus,
    Tanh,
)
from minivae.gradcheck import check_layer, check_likelihood, check_model
from minivae.gradcheck.layerwise import wrong_layers

B, D, K, S = 6, 5, 3, 7  # all different, and none of them 2 or 4
N, M = 5, 3


class TanhOfInput(Tanh):
    """The derivative 1 - y² called with the input instead of the output."""

    def forward(self, x):
        self.keep(x, x)
        return np.tanh(x)


class Transposed(Linear):
    def backward(self, dy, need_dx=True):
        dx = super().backward(dy, need_dx)
        self.dW[...] = (self.kept(dy).T @ dy).T
        return dx


class FirstRow(Linear):
    def backward(self, dy, need_dx=True):
        dx = super().backward(dy, need_dx)
        self.db[...] = dy[0]
        return dx


class Backwards(Linear):
    """dx = dy W where dy Wᵀ belongs, which a square W lets through."""

    def backward(self, dy, need_dx=True):
        super().backward(dy, need_dx)
        return dy @ self.W


class TwiceTheSquare(Gaussian):
    def backward(self, dlogp):
        return 2 * super().backward(dlogp)


def custom(layer, likelihood=None, square=D):
    """A VAE with `layer` between the decoder's two Linear layers, and its data."""
    rng = np.random.default_rng(3)
    encoder = Sequential(Linear(D, D), Tanh())
    decoder = Sequential(Linear(K, square), Tanh(), layer, Linear(square, D))
    model = VAE(encoder, decoder, likelihood or Bernoulli(), rng, dtype=np.float64)
    model.theta += 0.3 * rng.standard_normal(model.theta.size)
    x = (rng.random((B, D)) < 0.5).astype(float)
    return model, x, rng.standard_normal((B, K))


LAYERS = [
    (TanhOfInput(), None, "guilty_layer", "decoder.2 (TanhOfInput)"),
    (Backwards(D, D), None, "guilty_layer", "decoder.2 (Backwards)"),
    (Transposed(D, D), None, "misplaced", "Only a square matrix hides this"),
    (FirstRow(D, D), None, "one_row", "decoder.2.b is that of the first row"),
    (Tanh(), TwiceTheSquare(0.5), "part_factor", "the reconstruction part is 2 times"),
]


@pytest.mark.parametrize(("layer", "likelihood", "cause", "words"), LAYERS)
def test_a_wrong_layer_inside_the_model_is_found(layer, likelihood, cause, words):
    report = check_model(*custom(layer, likelihood))
    assert report.verdict == "WRONG" and report.hints[0].cause == cause, str(report)
    assert words in report.hints[0].text, str(report)


def test_a_guilty_layer_says_what_it_says_alone():
    model, x, _ = custom(FirstRow(D, D))
    eps = np.random.default_rng(0).standard_normal((S, B, K))
    # The decoder sees S·B rows, and the first of them is no image's gradient by itself.
    report = check_model(model, x, eps)
    assert report.hints[0].cause == "guilty_layer", str(report)
    assert "that of the first row of the batch alone" in report.hints[0].text, str(report)


# Layers and likelihoods, with random upstream gradients.


@pytest.mark.parametrize(
    "layer",
    [
        Linear(N, M),
        Tanh(),
        ReLU(),
        Sigmoid(),
        Softplus(),
        Scale(0.3),
        Sequential(Linear(N, M), Tanh(), Linear(M, 2)),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_our_layers_pass(rng, layer):
    report = check_layer(layer, rng.standard_normal((B, N)), rng)
    report.assert_ok()
    assert report.worst < 1e-9


@pytest.mark.parametrize(
    "likelihood",
    [Binomial(16), Gaussian(0.5, learned=True), Laplace(0.5, learned=True)],
    ids=lambda likelihood: type(likelihood).__name__,
)
@pytest.mark.parametrize("samples", [(), (2,)])
def test_our_likelihoods_pass(rng, likelihood, samples):
    x = rng.integers(0, 17, (B, N)).astype(float)
    y = rng.standard_normal((*samples, B, N))
    check_likelihood(likelihood, x, y, rng).assert_ok()


def test_a_layer_of_nobodys_library_is_checked_and_its_arrays_left_alone(rng):
    class Affine:
        def __init__(self):
            self.params = {"W": rng.standard_normal((N, M)), "b": np.zeros(M)}

        def forward(self, x):
            self.x = x
            return x @ self.params["W"] + self.params["b"]

        def backward(self, dy):
            self.grads = {"W": self.x.T @ dy, "b": dy.mean(axis=0)}
            return dy @ self.params["W"].T

    layer = Affine()
    before = {name: array.copy() for name, array in layer.params.items()}
    report = check_layer(layer, rng.standard_normal((B, N)), rng)
    assert report.hints[0].blocks == ["b"] and "= 1/B" in report.hints[0].text, str(report)
    for name, array in before.items():
        np.testing.assert_array_equal(layer.params[name], array)


def test_a_backward_that_returns_nothing_is_explained(rng):
    class Silent:
        def forward(self, x):
            return 2 * x

        def backward(self, dy):
            pass

    with pytest.raises(ValueError, match="backward: expected the gradient dx"):
        check_layer(Silent(), np.ones((2, 3)), rng)


class ThriceItsScale(Gaussian):
    """dy is right, the gradient of log c is not."""

    def backward(self, dlogp):
        dy = super().backward(dlogp)
        self.grads["log_c"] *= 3
        return dy


def test_a_likelihoods_own_parameter_is_checked(rng):
    x, y = rng.standard_normal((2, B, D))
    report = check_likelihood(ThriceItsScale(0.5, learned=True), x, y, rng)
    verdicts = {name: block.verdict for name, block in report.blocks.items()}
    assert verdicts == {"x": "ok", "log_c": "WRONG"}, str(report)


def test_every_part_that_a_model_shows_is_checked_alone(rng):
    model = SimpleNamespace(
        theta=np.zeros(1),
        encoder=Backwards(D, D),
        decoder=Sequential(Linear(K, D), Transposed(D, D)),
        likelihood=ThriceItsScale(0.5, learned=True),
        right=Linear(D, K),
        number=3,
    )
    found = list(wrong_layers(model, rng.standard_normal((B, D))))
    for text, (place, wrong) in zip(
        found,
        [
            ("encoder (Backwards)", "the dx of its backward"),
            ("decoder.1 (Transposed)", "the dW of its backward"),
            ("likelihood (ThriceItsScale)", "the dlog_c of its backward"),
        ],
        strict=True,
    ):
        assert text.startswith(f"{place} is wrong when checked alone: {wrong}"), text
