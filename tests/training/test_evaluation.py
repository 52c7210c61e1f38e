"""`evaluate`, and the decision how pixels are put to a likelihood."""

from dataclasses import replace

import numpy as np
import pytest

from minivae import (
    IWAE,
    VAE,
    Autoencoder,
    Bernoulli,
    Binomial,
    Gaussian,
    Laplace,
    Linear,
    Sequential,
)
from minivae.datasets.images import Images
from minivae.training import evaluation as module
from minivae.training.evaluation import evaluate, scaling


def images_of(max_count, N=30, M=17, name="made up"):
    rng = np.random.default_rng(4)
    if max_count is None:
        pixels = rng.random((N + M, 6))
    else:
        pixels = rng.integers(0, max_count + 1, (N + M, 6)).astype(np.uint8)
        pixels[0, 0] = max_count
    return Images(pixels[:N], pixels[N:], max_count, (2, 3), name)


def small(likelihood, cls=VAE, D=6):
    rng = np.random.default_rng(5)
    return cls(Sequential(Linear(D, 4)), Sequential(Linear(2, D)), likelihood, rng, float)


def test_short_batches_are_weighed_by_their_images(monkeypatch):
    model, images = small(Binomial(16), Autoencoder), images_of(16)
    expected = model.loss(images.test.astype(float)).rec
    for rows in (5, 16, 17, 500):
        monkeypatch.setattr(module, "ROWS", rows)
        loss = evaluate(model, images, np.random.default_rng(0))
        assert loss.rec == loss.nelbo == pytest.approx(expected, rel=1e-12), rows
        assert loss.kl == 0


def test_it_is_minus_the_elbo_of_the_part_asked_for():
    model, images = small(Binomial(16)), images_of(16)
    for part in ("train", "test"):
        x = getattr(images, part).astype(float)
        eps = np.random.default_rng(7).standard_normal((3, len(x), 2))
        loss = evaluate(model, images, np.random.default_rng(7), part=part, samples=3)
        assert loss.nelbo == pytest.approx(-model.elbo(x, eps).mean(), rel=1e-12)
        assert loss.nelbo == pytest.approx(loss.rec + loss.kl, rel=1e-12)


def test_a_number_of_samples_may_be_of_any_integer_type():
    model, images = small(Binomial(16)), images_of(16)
    one, other = (
        evaluate(model, images, np.random.default_rng(0), samples=samples)
        for samples in (3, np.uint8(3))
    )
    assert one == other


def test_many_samples_go_through_the_decoder_in_portions(monkeypatch):
    model, images, sizes = small(Binomial(16), IWAE), images_of(16), []
    loss = model.loss
    model.loss = lambda x, eps, labels: sizes.append(eps.shape) or loss(x, eps)
    monkeypatch.setattr(module, "ROWS", 50)
    many = evaluate(model, images, np.random.default_rng(0), samples=10)
    assert sizes == [(10, 5, 2)] * 3 + [(10, 2, 2)]
    assert many.nelbo < many.rec + many.kl, "the importance-weighted bound is tighter"
    evaluate(model, images, np.random.default_rng(0), samples=70)
    assert sizes[-1] == (70, 1, 2)


@pytest.mark.parametrize(
    "likelihood, max_count, binarize, values",
    [
        (Binomial(16), 16, "none", set(range(17))),
        (Binomial(255), 255, "none", set(range(256))),
        (Bernoulli(), 1, "none", {0, 1}),
        (Bernoulli(), 16, "threshold", {0, 1}),
        (Bernoulli(), 255, "stochastic", {0, 1}),
        (Bernoulli(), None, "stochastic", {0, 1}),
        (Bernoulli(grey=True), 16, "none", {c / 16 for c in range(17)}),
        (Bernoulli(grey=True), 16, "threshold", {0, 1}),
        (Gaussian(0.1), 16, "none", {c / 16 for c in range(17)}),
        (Laplace(0.1), 16, "none", {c / 16 for c in range(17)}),
        (Laplace(0.1), 1, "none", {0, 1}),
    ],
)
def test_the_model_is_given_what_its_likelihood_speaks_of(
    likelihood, max_count, binarize, values
):
    model, seen = small(likelihood), []
    loss = model.loss
    model.loss = lambda x, *rest: seen.append(x) or loss(x, *rest)
    images = images_of(max_count, M=400)
    evaluate(model, images, np.random.default_rng(0), binarize=binarize)
    found = set(np.unique(seen[0]).tolist())
    assert len(found) > 1 and found <= values, f"expected {values}, got {found}"
    assert max(found) == max(values) and seen[0].dtype == np.float64


def test_real_values_are_taken_as_they_are():
    images = images_of(None)
    for likelihood in (Gaussian(), Bernoulli(grey=True)):
        model, seen = small(likelihood), []
        loss = model.loss
        model.loss = lambda x, *rest, loss=loss, seen=seen: seen.append(x) or loss(x, *rest)
        evaluate(model, images, np.random.default_rng(0))
        assert np.array_equal(seen[0], images.test)


@pytest.mark.parametrize(
    "likelihood, max_count, binarize, words",
    [
        (
            Bernoulli(),
            16,
            "none",
            r"0\.\.16, got Binomial\(1\): take Binomial\(16\) or bin",
        ),
        (Bernoulli(), 255, "none", r"take Binomial\(255\) or binarize='stochastic'"),
        (Binomial(16), 255, "none", r"0\.\.255, got Binomial\(16\): take Binomial\(255\)"),
        (Binomial(255), 16, "none", r"0\.\.16, got Binomial\(255\): take Binomial\(16\)"),
        (Binomial(16), 1, "none", r"0\.\.1, got Binomial\(16\): take Bernoulli\(\)"),
        (Binomial(16), 16, "threshold", r"after binarize='threshold'.*or binarize='none'"),
        (Binomial(16), 255, "stochastic", r"after binarize='stochastic'.*take Bernoulli"),
        (Bernoulli(), None, "none", r"x: expected {0, 1}"),
        (Binomial(16), None, "none", r"x: expected whole numbers 0\.\.16"),
    ],
)
def test_data_that_do_not_fit_the_likelihood_are_refused(
    likelihood, max_count, binarize, words
):
    model, images = small(likelihood), images_of(max_count)
    with pytest.raises(ValueError, match=words):
        evaluate(model, images, np.random.default_rng(0), binarize=binarize)


def test_one_wrong_real_value_anywhere_is_found_before_anything_is_computed(monkeypatch):
    monkeypatch.setattr(module, "ROWS", 8)
    pixels = np.random.default_rng(0).random((40, 6)).round()
    for row in (0, 29, 30, 39):
        spoilt = pixels.copy()
        spoilt[row, 3] = 0.5
        images = Images(spoilt[:30], spoilt[30:], None, (2, 3), "spoilt")
        with pytest.raises(ValueError, match=r"x: expected {0, 1}.* got 0\.5"):
            scaling(small(Bernoulli()), images, "none")
    images = Images(pixels[:30], pixels[30:], None, (2, 3), "sound")
    assert scaling(small(Bernoulli()), images, "none") is False


@pytest.mark.parametrize(
    "settings, error, words",
    [
        ({"part": "valid"}, ValueError, "part: expected one of 'test', 'train'"),
        ({"rng": 0}, TypeError, "rng: expected a numpy.random.Generator"),
        ({"samples": 0}, ValueError, "samples: expected at least 1"),
        ({"binarize": True}, ValueError, "binarize: expected one of"),
        ({"images": np.zeros((3, 6))}, TypeError, "images: expected Images, .* ndarray"),
        ({"model": small(Binomial(16), D=7)}, ValueError, r"images.train: .* \(any, 7\)"),
    ],
)
def test_bad_arguments_are_named(settings, error, words):
    usual = {"model": small(Binomial(16)), "images": images_of(16)}
    arguments = usual | {"rng": np.random.default_rng(0)} | settings
    with pytest.raises(error, match=words):
        evaluate(**arguments)


@pytest.mark.parametrize(
    "cls, setting, words",
    [
        (Autoencoder, {"samples": 2}, "samples: expected 1, as the loss of Autoencoder"),
        (Autoencoder, {"beta": 0.5}, "beta: expected 1, as the loss of Autoencoder"),
        (IWAE, {"beta": lambda step: 1.0}, "beta: expected 1, as the loss of IWAE"),
        (IWAE, {"free_bits": 0.1}, "free_bits: expected 0, as the loss of IWAE"),
    ],
)
def test_settings_that_a_loss_has_not_got_are_refused(cls, setting, words):
    usual = {"samples": 1, "beta": 1.0, "free_bits": 0.0}
    with pytest.raises(ValueError, match=words):
        module.check_objective(small(Binomial(16), cls), **usual | setting)


@pytest.mark.parametrize("factors", [None, 2])
def test_images_without_the_models_condition_are_refused(factors):
    model = VAE.mlp(6, 2, (4,), Binomial(16), condition=3, rng=np.random.default_rng(0))
    images = images_of(16)
    if factors:
        parts = {f"{p}_factors": np.ones((n, 2)) for p, n in (("train", 30), ("test", 17))}
        images = replace(images, **parts)
    words = r"images: expected labels 0\.\.2 or 3 factors, for a model with a condition"
    with pytest.raises(ValueError, match=words):
        evaluate(model, images, np.random.default_rng(0))


def test_standardised_values_count_as_those_that_came():
    """-log p of x = offset + scale·kept is D log(scale) more; the KL is the same."""
    kept = images_of(None)
    came = replace(kept, offset=5.0, scale=3.0)
    one, other = (
        evaluate(small(Gaussian(0.5)), images, np.random.default_rng(0))
        for images in (kept, came)
    )
    shift = 6 * np.log(3)
    expected = [one.nelbo + shift, one.rec + shift, one.kl]
    np.testing.assert_allclose(other, expected, rtol=1e-12)
