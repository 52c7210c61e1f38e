"""Models under a condition: gradients, what the labels change, and what is refused."""

import copy

import numpy as np
import pytest
from helpers import assert_gradient, assert_model_gradient, complains
from hypothesis import given
from hypothesis import strategies as st

from minivae import IWAE, VAE, Autoencoder, Bernoulli, Condition, Gaussian, Linear
from minivae.datasets import Images
from minivae.gradcheck import check_model
from minivae.inference.exact import quadrature
from minivae.layers import Sequential
from minivae.optim import Adam
from minivae.training import evaluate, fit, load, save


def conditional(kind, rng, D=4, K=2, C=3, hidden=(5,), likelihood=None, dtype=np.float64):
    likelihood = likelihood or Gaussian(0.7, learned=True)
    model = kind.mlp(D, K, hidden, likelihood, condition=C, rng=rng, dtype=dtype)
    model.theta += (0.3 * rng.standard_normal(model.theta.size)).astype(dtype)
    return model


def noise(kind, rng, B, K, S=()):
    return () if kind is Autoencoder else (rng.standard_normal((*S, B, K)),)


@given(B=st.integers(1, 4), n=st.integers(1, 3), C=st.integers(1, 3), S=st.integers(1, 3))
def test_the_layer_appends_the_columns_and_drops_their_gradient(B, n, C, S):
    rng = np.random.default_rng(B + 10 * n)
    layer, x = Condition(n, C), rng.standard_normal((S * B, n))
    layer.labels = rng.standard_normal((B, C))
    y = layer.forward(x)
    for row in range(S * B):
        np.testing.assert_array_equal(y[row], [*x[row], *layer.labels[row % B]])
    dy = rng.standard_normal(y.shape)
    dx = layer.backward(dy)
    assert_gradient("x", lambda: float((dy * layer.forward(x)).sum()), x, dx)


@pytest.mark.parametrize("kind", [VAE, IWAE, Autoencoder])
@pytest.mark.parametrize("hidden", [(), (5,), (4, 3)], ids=str)
@pytest.mark.parametrize("S", [(), (3,)], ids=["one sample", "three"])
def test_every_entry_of_the_gradient(kind, hidden, S, rng):
    model, B = conditional(kind, rng, hidden=hidden), 3
    x, eps = rng.standard_normal((B, 4)), noise(kind, rng, B, 2, S)
    for labels in ([0, 2, 1], rng.standard_normal((B, 3))):
        model.grad[...] = np.nan
        model.loss(x, *eps, labels=labels)
        model.backward()
        assert_model_gradient(model, lambda: model.loss(x, *eps, labels=labels).nelbo)  # noqa: B023


def test_convolutions_too(rng):
    model = VAE.conv((4, 4), 2, (2,), Gaussian(), condition=3, rng=rng, dtype=np.float64)
    x, eps, labels = rng.standard_normal((2, 16)), rng.standard_normal((2, 2)), [0, 2]
    model.loss(x, eps, labels=labels)
    model.backward()
    assert_model_gradient(model, lambda: model.loss(x, eps, labels=labels).nelbo)


@pytest.mark.parametrize("kind", [VAE, IWAE, Autoencoder])
def test_labels_are_biases_of_the_first_layers(kind, rng):
    """One-hot columns choose a row of W: a model without condition, with other biases."""
    model = conditional(kind, rng)
    plain = kind.mlp(4, 2, (5,), Gaussian(0.7, learned=True), rng=rng, dtype=float)
    for label in range(3):
        for name, view in plain.params.items():
            place, _, last = name.rpartition(".")
            stack, _, position = place.partition(".")
            source = f"{stack}.{int(position) + 1}.{last}" if position else name
            view[...] = model.params[source][: len(view)] if last == "W" else 0
            if last != "W":
                view[...] = model.params[source]
        for place, width in (("encoder", 4), ("decoder", 2)):
            plain.params[f"{place}.0.b"][...] += model.params[f"{place}.1.W"][width + label]
        x, eps = rng.standard_normal((6, 4)), noise(kind, rng, 6, 2)
        wanted = plain.loss(x, *eps)
        np.testing.assert_allclose(model.loss(x, *eps, labels=label), wanted)
        np.testing.assert_allclose(model.given([label] * 6).loss(x, *eps), wanted)
        np.testing.assert_allclose(model.given(label).reconstruct(x), plain.reconstruct(x))


def test_given_shares_theta_and_grad_and_leaves_the_model_alone(rng):
    model = conditional(VAE, rng)
    under = model.given(1)
    x, eps = rng.standard_normal((2, 4)), rng.standard_normal((2, 2))
    under.loss(x, eps)
    under.backward()
    np.testing.assert_array_equal(under.grad, model.grad)
    before = under.loss(x, eps).nelbo
    model.theta += 0.1
    assert under.loss(x, eps).nelbo != before
    with complains(ValueError, "labels: expected a condition of 3 columns, got none"):
        model.sample(2, rng)
    with complains(RuntimeError, "before loss"):
        model.backward()


def test_labels_of_one_loss_do_not_stay(rng):
    model = conditional(VAE, rng)
    x, eps = rng.standard_normal((2, 4)), rng.standard_normal((2, 2))
    model.loss(x, eps, labels=[0, 1])
    for later in (
        lambda: model.loss(x, eps),
        lambda: model.decode(eps),
        lambda: model.encode(x),
    ):
        with complains(ValueError, "labels: expected a condition", "got none"):
            later()


def test_sampling_and_exact_log_p_under_each_label(rng):
    model = conditional(VAE, rng, K=1, likelihood=Bernoulli())
    every = np.array([[i >> k & 1 for k in range(4)] for i in range(16)], float)
    for label in range(3):
        under = model.given(label)
        assert under.sample(5, rng).shape == (5, 4)
        log_p = quadrature.log_prob(under, every).value
        assert np.exp(log_p).sum() == pytest.approx(1, abs=1e-8)
    at_zero = [model.given(label).decode(np.zeros((1, 1))) for label in (0, 1)]
    assert not np.allclose(*at_zero), "the label changes nothing"


def test_the_checker_takes_a_model_under_a_condition(rng):
    model = conditional(VAE, rng).given([0, 2, 1])
    x, eps = rng.standard_normal((3, 4)), rng.standard_normal((3, 2))
    check_model(model, x, eps).assert_ok()


def test_another_precision_and_another_copy(rng):
    model = conditional(VAE, rng, dtype=np.float32)
    x, eps = rng.standard_normal((2, 4)), rng.standard_normal((2, 2))
    single = model.given([2, 0]).loss(x.astype(np.float32), eps.astype(np.float32))
    for double in (
        model.astype(np.float64).given([2, 0]),
        model.given([2, 0]).astype(float),
    ):
        assert double.loss(x, eps).nelbo == pytest.approx(single.nelbo, rel=1e-5)
    twin = copy.deepcopy(model)
    twin.theta += 1
    assert not np.array_equal(twin.theta, model.theta)
    assert model.given(0).reconstruct(x.astype(np.float32)).dtype == np.float32


def pictures(rng, **kept):
    """Images whose pixels are told by their label alone."""
    labels = np.arange(60) % 3
    x = (np.eye(3)[labels] @ [[1, 0, 0, 1], [0, 1, 0, 1], [0, 0, 1, 0]]).astype(np.uint8)
    return Images(x, x[:30], 1, (2, 2), "told", labels, labels[:30], **kept)


@pytest.mark.parametrize("kind", [VAE, IWAE, Autoencoder])
def test_training_hands_each_image_its_label_and_resuming_is_the_same(kind, rng, tmp_path):
    images = pictures(rng)
    model = kind.mlp(4, 1, (), Bernoulli(), condition=3, rng=rng)
    optimizer = Adam(0.05)
    history = fit(
        model, images, optimizer, epochs=60, rng=rng, batch_size=20, progress=False
    )
    assert history["test_nelbo"][-1] < 0.2, "the label tells the whole image"
    if kind is not IWAE:
        assert evaluate(model, images, rng).nelbo < 0.2
    save(tmp_path / "m.npz", model, optimizer, rng)
    again = load(tmp_path / "m.npz").model
    x = images.test.astype(np.float32)
    wanted = model.given(images.test_labels).reconstruct(x)
    np.testing.assert_array_equal(again.given(images.test_labels).reconstruct(x), wanted)


def test_factors_are_a_condition_too(rng):
    factors = rng.standard_normal((60, 2))
    images = pictures(rng, train_factors=factors, test_factors=factors[:30])
    model = VAE.mlp(4, 1, (), Bernoulli(), condition=2, rng=rng)
    history = fit(model, images, Adam(0.05), epochs=2, rng=rng, progress=False)
    assert np.isfinite(history["test_nelbo"]).all()


def test_images_without_a_condition_for_the_model_are_refused(rng):
    images = pictures(rng)
    model = VAE.mlp(4, 1, (), Bernoulli(), condition=2, rng=rng)
    with complains(ValueError, "images: expected labels 0..1 or 2 factors", "told"):
        fit(model, images, Adam(), epochs=1, rng=rng, progress=False)


@pytest.mark.parametrize(
    ("labels", "parts"),
    [
        ([0, 3], ("labels: expected whole numbers 0..2", "3")),
        ([-1, 0], ("labels: expected whole numbers 0..2", "-1")),
        ([0, 1, 2], ("labels: expected one for all or one for each of 2 images", "3")),
        ([[0, 1]], ("labels: expected whole numbers 0..2", "(1, 2)")),
        ([], ("labels",)),
        (np.zeros((2, 4)), ("labels: expected shape (any, 3), got (2, 4)",)),
        (np.full((2, 3), np.nan), ("labels: expected finite values",)),
    ],
)
def test_labels_that_do_not_fit_are_named(labels, parts, rng):
    model = conditional(VAE, rng)
    x, eps = rng.standard_normal((2, 4)), rng.standard_normal((2, 2))
    with complains(ValueError, *parts):
        model.loss(x, eps, labels=labels)
    with complains(ValueError, *parts):
        model.given(labels).loss(x, eps)


def test_a_layer_by_itself_names_labels_that_do_not_fit_its_rows():
    layer = Condition(4, 3)
    layer.labels = np.eye(3)[:2]
    for B in (1, 3):
        with complains(ValueError, f"labels: expected one for all or one for each of {B}"):
            layer.forward(np.zeros((B, 4)))


def test_superfluous_and_odd_conditions_are_refused(rng):
    plain = VAE.mlp(4, 2, rng=rng)
    with complains(ValueError, "labels: expected none, as this model has no condition"):
        plain.given(0)
    with complains(ValueError, "labels: expected none"):
        plain.loss(np.zeros((1, 4), np.float32), np.zeros((1, 2), np.float32), labels=[0])
    with complains(TypeError, "labels"):
        conditional(VAE, rng).given("7")
    with complains(ValueError, "encoder, decoder: expected one C, got [2, 3]"):
        encoder = Sequential(Condition(4, 2), Linear(6, 5))
        decoder = Sequential(Condition(2, 3), Linear(5, 4))
        VAE(encoder, decoder, Gaussian(), rng)
    with complains(TypeError, "condition"):
        VAE.mlp(4, 2, condition=1.5, rng=rng)
    with complains(ValueError, "one for each of 4 images"):
        conditional(VAE, rng).given([0, 1]).decode(np.zeros((4, 2)))
