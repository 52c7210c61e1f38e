"""The checker on models with one wrong layer, likelihood, or set of weights."""

import numpy as np
import pytest

from minivae import IWAE, VAE, Bernoulli, Gaussian, Linear, Sequential, Tanh
from minivae.gradcheck import check_model

B, D, K, S = 6, 5, 3, 7  # all different, and none of them 2 or 4


class TanhOfInput(Tanh):
    """The derivative 1 - y² called with the input instead of the output."""

    def forward(self, x):
        self.keep(x)
        return np.tanh(x)


class Transposed(Linear):
    def backward(self, dy, need_dx=True):
        dx = super().backward(dy, need_dx)
        self.dW[...] = (self.kept().T @ dy).T
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
    (Transposed(D, D), None, "transposed", "Only a square W hides this"),
    (FirstRow(D, D), None, "one_row", "decoder.2.b is that of the first row"),
    (Tanh(), TwiceTheSquare(0.5), "part_factor", "the reconstruction part is 2 times"),
]


@pytest.mark.parametrize(("layer", "likelihood", "cause", "words"), LAYERS)
def test_a_wrong_layer_inside_the_model_is_found(layer, likelihood, cause, words):
    report = check_model(*custom(layer, likelihood))
    assert report.verdict == "WRONG" and report.hints[0].cause == cause, str(report)
    assert words in report.hints[0].text, str(report)


class IWAEMutant(IWAE):
    mistake = ""

    def backward(self):
        logvar, eps, z, log_w = self._kept
        if self.mistake == "softmax of the loss":
            self._kept = logvar, eps, z, -log_w
        if self.mistake == "equal weights":
            self._kept = logvar, eps, z, 0 * log_w
        super().backward()
        self._kept = logvar, eps, z, log_w
        if self.mistake == "weights differentiated":
            theta, step = self.theta.copy(), 1e-6
            for i in range(theta.size):  # the gradient of -sum softmax(log w) log w
                values = []
                for sign in (1, -1):
                    self.theta[:] = theta
                    self.theta[i] += sign * step
                    a = self.log_weights(self.x, self.eps)
                    w = np.exp(a - a.max(axis=0))
                    values.append(-((w * a).sum(axis=0) / w.sum(axis=0)).mean())
                self.grad[i] = (values[0] - values[1]) / (2 * step)
            self.theta[:] = theta
            self._kept = logvar, eps, z, log_w


@pytest.mark.parametrize(
    ("mistake", "words"),
    [
        ("softmax of the loss", "the worst sample weighs most"),
        ("equal weights", "the ELBO"),
        ("weights differentiated", "weights differentiated too"),
    ],
)
def test_importance_weights_gone_wrong_are_named(mistake, words):
    rng = np.random.default_rng(0)
    model = IWAEMutant.mlp(D, K, hidden=(4,), rng=rng, dtype=np.float64)
    model.theta += 0.3 * rng.standard_normal(model.theta.size)
    x = (rng.random((B, D)) < 0.5).astype(float)
    model.mistake, model.x, model.eps = mistake, x, rng.standard_normal((S, B, K))
    report = check_model(model, x, model.eps)
    assert report.hints[0].cause == "another_loss", str(report)
    assert words in report.hints[0].text, str(report)


def test_without_a_beta_the_wrong_path_is_still_located(monkeypatch):
    monkeypatch.setattr(
        "minivae.gaussian.reparameterize_grad",
        lambda dz, v, eps: (dz.sum(axis=0), (dz * eps * np.exp(v / 2)).sum(axis=0)),
    )
    rng = np.random.default_rng(0)
    model = IWAE.mlp(D, K, hidden=(4,), rng=rng, dtype=np.float64)
    x = (rng.random((B, D)) < 0.5).astype(float)
    report = check_model(model, x, rng.standard_normal((S, B, K)))
    assert report.hints[0].cause == "frontier", str(report)
    assert "look at the lines that compute dlogvar" in report.hints[0].text, str(report)


def test_a_guilty_layer_says_what_it_says_alone():
    model, x, _ = custom(FirstRow(D, D))
    eps = np.random.default_rng(0).standard_normal((S, B, K))
    # The decoder sees S·B rows, and the first of them is no image's gradient by itself.
    report = check_model(model, x, eps)
    assert report.hints[0].cause == "guilty_layer", str(report)
    assert "that of the first row of the batch alone" in report.hints[0].text, str(report)
