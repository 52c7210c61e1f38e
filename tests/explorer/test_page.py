"""What goes into the page: data that says what it should, and a file that asks nobody."""

import base64
import json
import re

import numpy as np
import pytest
from helpers import complains, z_score

from minivae import VAE, Binomial, Gaussian, Laplace
from minivae.autoencoder import Autoencoder
from minivae.course import course_folder
from minivae.datasets import load_digits
from minivae.datasets.images import Images
from minivae.explorer import build_page, collect, likelihood, write_page
from minivae.explorer.likelihood import NODES
from minivae.explorer.sources import LINES, sources
from minivae.inference.exact import quadrature
from minivae.inference.exact.linear_gaussian import LinearGaussian
from minivae.layers import Linear, Sequential, Tanh


@pytest.fixture(autouse=True)
def little_work(monkeypatch):
    monkeypatch.setattr(likelihood, "QUADRATURE", 0)  # one image
    monkeypatch.setattr(likelihood, "NODES", {1: 201, 2: 31})
    monkeypatch.setattr(likelihood, "SAMPLING", 0)


def small(K=2, cls=VAE, likelihood=None):
    rng = np.random.default_rng(0)
    return cls.mlp(64, K, (8,), likelihood or Binomial(16), rng=rng)


def collected(model, images=None, **settings):
    images = load_digits() if images is None else images
    return collect(model, images, "small", np.random.default_rng(0), **settings)


def numbers(text, dtype):
    return np.frombuffer(base64.b64decode(text), dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_weights_keep_their_bits(dtype):
    model = small().astype(dtype)
    spec = collected(model)
    assert spec["dtype"] == np.dtype(dtype).name
    np.testing.assert_array_equal(numbers(spec["theta"], dtype), model.theta)
    for name, (start, stop) in spec["layout"].items():
        np.testing.assert_array_equal(model.theta[start:stop], model.params[name].ravel())


def test_counts_stay_counts_and_scaled_ones_are_divided():
    digits = load_digits()
    for model, scaled, divisor in (
        (small(), False, 1),
        (small(likelihood=Gaussian()), True, 16),
    ):
        spec = collected(model, scaled=scaled)
        assert (spec["pixelType"], spec["divisor"]) == ("uint8", divisor)
        pixels = numbers(spec["pixels"], np.uint8).reshape(-1, 64)
        np.testing.assert_array_equal(pixels, digits.test[: len(pixels)])
        assert spec["ink"] == {"steps": 16, "low": 0, "high": 16 / divisor}


def test_binary_pixels_are_drawn_once_and_real_values_stay_real():
    spec = collected(small(likelihood=Binomial(1)), binarize="stochastic")
    assert set(numbers(spec["pixels"], np.uint8)) == {0, 1}
    assert spec["ink"] == {"steps": 1, "low": 0, "high": 1}
    values = np.random.default_rng(0).standard_normal((20, 64)).astype(np.float32)
    real = Images(values, values, None, (8, 8), "real")
    spec = collected(small(likelihood=Laplace()), real)
    assert spec["pixelType"] == "float32" and spec["ink"]["steps"] == 0
    np.testing.assert_array_equal(numbers(spec["pixels"], np.float32), values.ravel())


def test_a_learned_scale_is_the_one_it_has_now():
    model = small(likelihood=Gaussian(2.0, learned=True))
    model.likelihood.params["log_c"][0] = -3
    assert collected(model, scaled=True)["likelihood"]["log_c"] == -3


def test_log_p_is_the_package_s(monkeypatch):
    monkeypatch.setattr(likelihood, "NODES", NODES)
    model, digits = small(), load_digits()
    spec = collected(model)
    x = digits.test[:1].astype(float)
    exact = quadrature.log_prob(model.astype(float), x, 301, tol=np.inf).value
    np.testing.assert_allclose(spec["logP"], exact, atol=1e-12)
    assert spec["method"] == "quadrature on 301 × 301 nodes"


def test_importance_sampling_brings_a_standard_error_that_holds(rng, monkeypatch):
    monkeypatch.setattr(likelihood, "DECODED", 0)  # sampled, though a grid could do it
    monkeypatch.setattr(likelihood, "SAMPLING", 1e12)
    W = np.linalg.qr(rng.standard_normal((12, 2)))[0] * [0.7, 1.5]
    truth = LinearGaussian(W, rng.standard_normal(12), 0.5)
    model = VAE.mlp(12, 2, (), Gaussian(0.5), rng=rng, dtype=np.float64)
    truth.place_in(model)
    model.params["logvar_head.b"][...] += 3  # wider than the posterior
    x = truth.sample(300, rng)
    values, errors, method = likelihood.log_likelihoods(model, x, rng)
    off = values - truth.log_prob(x)
    assert "1000 importance samples" in method and len(values) == 300
    assert abs(z_score(np.exp(off), 1)) < 4  # the mean over the runs, before the log
    # eight runs: a t distribution of seven degrees of freedom, whose median is 0.71
    z = np.abs(off) / errors
    assert z.max() < 15 and 0.5 < np.median(z) < 0.95


def test_the_cost_of_a_decoder_counts_each_place_of_a_kernel():
    rng = np.random.default_rng(0)
    assert likelihood.products(small().decoder) == 2 * 8 + 8 * 64
    conv = VAE.conv((8, 8), 2, (3,), Binomial(16), rng=rng)
    # z to 4 x 4 x 3, and each of its 16 places times a kernel of 4 x 4 x 3 weights
    assert likelihood.products(conv.decoder) == 2 * 48 + 16 * 48


def test_what_has_no_likelihood_gets_none():
    grey = small(likelihood=Binomial(1, grey=True))
    for model, scaled in ((small(cls=Autoencoder), False), (grey, True)):
        spec = collected(model, scaled=scaled)
        assert spec["logP"] == [] and spec["method"] == ""


def test_only_what_the_page_can_compute_gets_in():
    class Other(Tanh):
        pass

    rng = np.random.default_rng(0)
    model = VAE(
        Sequential(), Sequential(Linear(2, 64), Other()), Gaussian(), rng, np.float32
    )
    with complains(TypeError, "model:", "Other layer", "Conv2d"):
        collected(model)
    with complains(TypeError, "model:", "expected a VAE, IWAE or Autoencoder", "Tanh"):
        collected(Tanh())
    with complains(ValueError, "images.test", "expected shape", "64"):
        collected(VAE.mlp(9, 2, (3,), rng=rng))


def test_two_models_must_look_at_the_same_images():
    one = collected(small())
    values = np.zeros((3, 64), np.uint8)
    other = collected(small(), Images(values, values, 16, (8, 8), "zeros"))
    with complains(ValueError, "models:", "same data", "'digits' and 'zeros'"):
        build_page(one, other)
    with complains(ValueError, "models: expected one or two, got 3"):
        build_page(one, one, one)


def test_the_page_is_one_file_that_may_ask_nobody(tmp_path):
    spec = collected(small()) | {"title": "</script><b>&"}
    write_page(tmp_path / "page.html", spec)
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "default-src 'none'" in page
    assert not re.search(r"""(src|href)\s*=\s*["']""", page)
    assert "</script><b>" not in page
    data = re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1]
    assert json.loads(data)["models"][0] == spec
    assert not re.search(r"/\*(STYLE|SCRIPTS|DATA)\*/", page)


def test_sizes_of_the_default_model_and_of_the_largest_of_the_course():
    rng = np.random.default_rng(0)
    default = VAE.mlp(64, 16, (256,), Binomial(16), rng=rng)
    assert len(build_page(collected(default)).encode()) < 1e6
    largest = VAE.mlp(784, 20, (500,), Binomial(1), rng=rng)
    pixels = rng.integers(2, size=(500, 784), dtype=np.uint8)
    mnist = Images(pixels, pixels, 1, (28, 28), "mnist")
    assert len(build_page(collected(largest, mnist)).encode()) < 6e6


def test_every_box_has_its_line_and_its_chapter():
    found = sources(LINES)
    for kind, lines in found["lines"].items():
        for box, (file, number, title, path) in lines.items():
            _, needle, chapter = LINES[kind][box]
            assert needle in found["files"][file].splitlines()[number - 1], (kind, box)
            text = (course_folder().parent / path).read_text(encoding="utf-8")
            assert path.split("/")[1].startswith(chapter) and f"# # {title}\n" in text
