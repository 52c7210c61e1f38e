"""The page's forward pass against NumPy in float64 with the same stored weights."""

import json

import numpy as np
import pytest
from browser import needs_browser, run_in_page

from minivae import VAE, Bernoulli, Binomial, Gaussian, Laplace, gaussian
from minivae.autoencoder import Autoencoder
from minivae.datasets.images import Images
from minivae.explorer import build_page, collect, likelihood
from minivae.iwae import IWAE
from minivae.layers import Linear, ReLU, Scale, Sequential, Sigmoid, Softplus, Tanh

IMAGES = 200  # of the first model; a tenth of that for each of the others


def some_images(D, max_count, rng):
    """Images of noise: the engine must be right for any."""
    shape = (4, D // 4)
    if max_count is None:
        pixels = [rng.standard_normal((IMAGES, D)).astype(np.float32) for _ in "ab"]
    else:
        pixels = [
            rng.integers(max_count + 1, size=(IMAGES, D), dtype=np.uint8) for _ in "ab"
        ]
    return Images(*pixels, max_count, shape, "noise", None, np.arange(IMAGES) % 10)


def nested(rng):
    encoder = Sequential(Scale(0.2), Sequential(Linear(16, 9), Tanh()), Sigmoid())
    decoder = Sequential(Linear(3, 9), Sequential(ReLU(), Sequential(Linear(9, 16))))
    return VAE(encoder, decoder, Gaussian(0.3, learned=True), rng, np.float64)


def identity(rng):
    decoder = Sequential(Linear(2, 16), Softplus(), Linear(16, 16))
    return VAE(Sequential(), decoder, Laplace(0.3), rng)


MODELS = {
    "binomial": (16, lambda r: VAE.mlp(64, 2, (32,), Binomial(16), rng=r)),
    "bernoulli": (1, lambda r: VAE.mlp(16, 5, (9, 7), Bernoulli(), "relu", rng=r)),
    "iwae": (255, lambda r: IWAE.mlp(16, 2, (9,), Gaussian(), "softplus", rng=r)),
    "grey": (255, lambda r: VAE.mlp(16, 1, (9,), Bernoulli(True), "sigmoid", rng=r)),
    "laplace": (None, lambda r: VAE.mlp(16, 3, (), Laplace(0.7, True), rng=r)),
    "code": (16, lambda r: Autoencoder.mlp(16, 3, (8,), Binomial(16), rng=r)),
    "conv": (16, lambda r: VAE.conv((8, 8), 2, (3, 5), Binomial(16), rng=r)),
    "nested": (None, nested),
    "identity": (None, identity),
}


def example(name):
    """(model in its own precision, what the page gets, x and eps in float64)."""
    max_count, make = MODELS[name]
    rng = np.random.default_rng(len(name))
    model = make(rng)
    # Far from the symmetric start, and biases that count. Convolutions add many terms.
    model.theta += 0.2 * rng.standard_normal(model.theta.size).astype(model.dtype)
    images = some_images(model.D, max_count, rng)
    scaled = max_count == 255
    with pytest.MonkeyPatch.context() as patch:  # log p(x) is the business of others
        patch.setattr(likelihood, "DECODED", 0)  # sampled,
        patch.setattr(likelihood, "SAMPLING", 0)  # of one image
        spec = collect(model, images, name, rng, scaled=scaled)
    n = IMAGES if name == "binomial" else IMAGES // 10
    x = images.test[:n].astype(np.float64) / (255 if scaled else 1)
    return model, spec, x, rng.standard_normal((n, model.K))


SCRIPT = """
const queries = QUERIES;
return queries.map(({ spec, eps, n }) => {
  const model = Engine.load(spec), D = spec.D;
  const pixels = Engine.unpack(spec.pixels, spec.pixelType);
  return eps.map((e, i) => {
    const stored = pixels.subarray(i * D, (i + 1) * D);
    const x = Float64Array.from(stored, (v) => v / spec.divisor);
    const way = model.way(x, e), plain = (a) => a && Array.from(a);
    const { rec, kl, nelbo } = way;
    return { mu: plain(way.mu), logvar: plain(way.logvar), z: plain(way.z),
      y: plain(way.y), mean: plain(way.mean), rec, kl, nelbo };
  });
});"""


@pytest.fixture(scope="module")
def computed(tmp_path_factory):
    """{name: what the page computed of each image}, in one run of the browser."""
    examples = {name: example(name) for name in MODELS}
    queries = [{"spec": spec, "eps": eps.tolist()} for _, spec, _, eps in examples.values()]
    page = build_page(examples["binomial"][1])
    report, errors = run_in_page(
        tmp_path_factory.mktemp("engine"),
        page,
        SCRIPT.replace("QUERIES", json.dumps(queries).replace("<", "\\u003c")),
    )
    assert not errors
    return {
        name: (*examples[name], ways) for name, ways in zip(MODELS, report, strict=True)
    }


@needs_browser
@pytest.mark.parametrize("name", MODELS)
def test_every_step_of_the_way_agrees_with_numpy(computed, name):
    model, _, x, eps, ways = computed[name]
    model = model.astype(np.float64)
    expected = {}
    if isinstance(model, Autoencoder):
        z = expected["mu"] = model.code(x)
    else:
        mu, logvar = model.encode(x)
        z = gaussian.reparameterize(mu, logvar, eps)
        expected |= {"mu": mu, "logvar": logvar}
        expected["kl"] = gaussian.kl(mu, logvar).sum(axis=1)
    expected |= {"z": z, "y": model.decoder_output(z), "mean": model.decode(z)}
    expected["rec"] = -model.likelihood.log_prob(x, expected["y"])
    if "kl" in expected:
        expected["nelbo"] = expected["rec"] + expected["kl"]
    for step, values in expected.items():
        came = np.array([way[step] for way in ways])
        assert came.shape == values.shape, step
        # 1e-9, of a value's size where that is above 1: rec may be thousands of nats
        error = np.abs(came - values) / np.maximum(1, np.abs(values))
        assert error.max() < 1e-9, f"{step}: {error.max():.2g}"


@needs_browser
def test_an_autoencoder_has_no_kl_and_no_bound(computed):
    for way in computed["code"][-1]:
        assert way["kl"] is None and way["nelbo"] is None and way["logvar"] is None


@needs_browser
def test_the_engine_has_the_layers_and_likelihoods_that_collect_lets_through(tmp_path):
    from minivae.explorer.collect import LAYERS, LIKELIHOODS

    page = build_page(example("code")[1])
    script = "return [Object.keys(Engine.layers), Object.keys(Engine.likelihoods)];"
    (layers, likelihoods), errors = run_in_page(tmp_path, page, script)
    assert not errors
    assert set(layers) == set(LAYERS) and set(likelihoods) == set(LIKELIHOODS)
