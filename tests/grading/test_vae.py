"""The VAE that three exercises share, and the judgement of what is drawn from it."""

import numpy as np
import pytest
from helpers import complains

from minivae import VAE, Bernoulli
from minivae.grading.student import Wrong
from minivae.grading.vae import decode, forward, judge, problem, sigmoid

OURS = {"W1": "encoder.0.W", "Wm": "mu_head.W", "Wv": "logvar_head.W"}
OURS |= {"W2": "decoder.0.W", "W3": "decoder.2.W"}


def test_its_loss_is_that_of_the_package():
    p, x, eps = problem()
    hidden = {"hidden": (4,), "activation": "tanh", "dtype": np.float64}
    model = VAE.mlp(6, 3, likelihood=Bernoulli(), rng=np.random.default_rng(0), **hidden)
    for name, ours in OURS.items():
        model.params[ours][...] = p[name]
        model.params[ours.replace(".W", ".b")][...] = p[name.replace("W", "b")]
    f, loss = forward(p, x, eps), model.loss(x, eps)
    np.testing.assert_allclose([f["rec"].mean(), f["kl"].mean()], loss[1:], rtol=1e-13)
    np.testing.assert_array_equal(decode(p, f["z"]), f["y"])


class Drawing:
    """A student whose one function is `draw(p, n, rng)`."""

    def __init__(self, draw):
        self.draw = draw

    def call(self, name, p, n, rng, out):
        images = self.draw(p, n, rng)
        assert out == {"images": images.shape}
        return images


def right(p, n, rng):
    prob = sigmoid(decode(p, rng.standard_normal((n, 3))))
    return 1.0 * (rng.random(prob.shape) < prob)


def inverted(p, n, rng):
    return 1 - right(p, n, rng)


def own_generator(p, n, rng):
    return right(p, n, np.random.default_rng())


def one_seed(p, n, rng):
    return right(p, n, np.random.default_rng(0))


def one_code(p, n, rng):
    prob = sigmoid(decode(p, np.zeros((n, 3))))
    return 1.0 * (rng.random(prob.shape) < prob)


def a_code_for_all(p, n, rng):
    prob = sigmoid(decode(p, rng.standard_normal((1, 3))))
    return 1.0 * (rng.random((n, prob.size)) < prob)


def a_code_for_each_pixel(p, n, rng):
    pixels = range(p["b3"].size)
    return np.stack([right(p, n, rng)[:, i] for i in pixels], axis=1)


def probabilities(p, n, rng):
    return sigmoid(decode(p, rng.standard_normal((n, 3))))


@pytest.mark.parametrize("D", [4, 12])
@pytest.mark.parametrize(
    ("draw", "words"),
    [
        (inverted, "The pixels are inverted"),
        (own_generator, "One seed gives two results"),
        (one_seed, "Two seeds give the same images"),
        (one_code, "one code, z = 0"),
        (a_code_for_all, "a z of its own"),
        (a_code_for_each_pixel, "they do not vary together"),
        (probabilities, "should be zeros and ones"),
        (lambda p, n, rng: 1.0 * (rng.random((n, p["b3"].size)) < 0.9), "means are [0.9"),
    ],
)
def test_what_is_wrong_with_images_is_said(draw, words, D):
    p = problem(D=D)[0]
    p = {**p, "W2": 2 * p["W2"], "W3": 3 * p["W3"]}
    judge(Drawing(right), "draw", p)
    with complains(Wrong, words):
        judge(Drawing(draw), "draw", p)
