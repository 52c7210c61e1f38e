"""The page's log p(x) and ELBO against the package's, within the errors they claim."""

import json

import numpy as np
import pytest
from browser import needs_browser, run_in_page

from minivae import VAE, Adam, Binomial, gaussian
from minivae.datasets import load_digits
from minivae.explorer import build_page, collect, likelihood
from minivae.inference.exact import quadrature
from minivae.numerics import log_mean_exp, log_sum_exp
from minivae.training import fit

IMAGES = 60
SAMPLES = 500  # of evidence.js


def trained(K, epochs):
    """A small VAE of the digits, whose posteriors a grid of 301 nodes resolves."""
    rng = np.random.default_rng(K)
    model = VAE.mlp(64, K, (16,), Binomial(16), rng=rng)
    fit(model, load_digits(), Adam(3e-3), epochs=epochs, rng=rng, progress=False)
    return model


def page_and_spec(model):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(likelihood, "DECODED", 0)  # sampled,
        patch.setattr(likelihood, "SAMPLING", 0)  # of one image
        spec = collect(model, load_digits(), "small", np.random.default_rng(0))
    return build_page(spec), spec


def images(rng):
    """Half of them test images, half blends and scribbles that nobody trained on."""
    test = load_digits().test.astype(np.float64)
    half = IMAGES // 2
    noise = rng.binomial(16, rng.random((half, 64)))
    share = rng.random((half, 1))
    odd = np.rint(share * test[half : 2 * half] + (1 - share) * noise)
    return np.concatenate([test[:half], odd])


SCRIPT = """
const data = JSON.parse(document.getElementById("data").textContent);
const model = Engine.load(data.models[0]);
return XS.map((x) => Evidence.now(Evidence.evidence(model, Float64Array.from(x))));"""


def in_page(folder, model, x):
    page, _ = page_and_spec(model)
    report, errors = run_in_page(folder, page, SCRIPT.replace("XS", json.dumps(x.tolist())))
    assert not errors
    # JSON has no infinity: null is an error that the page calls "not found"
    return {
        key: np.array([np.inf if row[key] is None else row[key] for row in report])
        for key in ("value", "error", "rec", "recError")
    }


def plain_sum(model, x):
    """log p(x) as a sum over all nodes of [-9, 9]^K, those of all images decoded once."""
    step = {1: 0.005, 2: 0.04}[model.K]
    axis = np.arange(-9, 9 + step / 2, step)
    colours = [[], []]  # log-sums over the black and the white nodes of a chessboard
    for i, first in enumerate(axis if model.K == 2 else [None]):
        z = axis[:, None] if first is None else np.stack([0 * axis + first, axis], axis=1)
        y = model.decoder_output(z)
        log_joint = x @ y.T - 16 * np.logaddexp(0, y).sum(axis=1) - (z**2).sum(axis=1) / 2
        for black in (0, 1):
            colours[(i + black) % 2].append(log_sum_exp(log_joint[:, black::2], axis=1))
    halves = np.array([log_sum_exp(np.array(rows), axis=0) for rows in colours])
    # the two sums agree, so that each of them is exact, and their mean all the more
    assert np.abs(halves[0] - halves[1]).max() < 1e-9
    choose = model.likelihood.log_prob(x, np.zeros(x.shape)) + 16 * model.D * np.log(2)
    measure = model.K * (np.log(step) - np.log(2 * np.pi) / 2)
    return log_sum_exp(halves, axis=0) + choose + measure


@needs_browser
@pytest.mark.parametrize("K", [1, 2])
def test_log_p_and_elbo_on_the_lattice_keep_their_promises(tmp_path, K):
    model, x = trained(K, 10), images(np.random.default_rng(7))
    came = in_page(tmp_path, model, x)
    double = model.astype(np.float64)
    found = np.isfinite(came["error"])
    assert found[: IMAGES // 2].all() and found.mean() > 0.8
    off = np.abs(came["value"] - plain_sum(double, x))[found]
    assert (off <= came["error"][found] + 1e-9).all(), off.max()
    assert np.median(came["error"]) < 0.01
    # E_q[log p(x|z)] by the page's other lattice
    mu, logvar = double.encode(x)
    elbo = quadrature.elbo(double, x, mu, logvar)
    rec = -elbo.value - gaussian.kl(mu, logvar).sum(axis=1)
    off = np.abs(came["rec"] - rec)
    assert (off <= came["recError"] + elbo.error + 1e-9).all(), off.max()
    assert came["recError"].max() < 0.05


@needs_browser
def test_importance_sampling_is_the_formula_with_the_page_s_own_noise(tmp_path):
    model, x = trained(4, 10), images(np.random.default_rng(7))[::10]
    came = in_page(tmp_path, model, x)
    page, _ = page_and_spec(model)
    script = (
        "const draw = Engine.normals(1);"
        f"return Array.from({{length: {SAMPLES}}}, () => Array.from(draw(4)));"
    )
    eps, errors = run_in_page(tmp_path, page, script)
    assert not errors
    eps = np.repeat(np.array(eps)[:, None], len(x), axis=1)
    double = model.astype(np.float64)
    log_w = double.log_weights(x, eps)
    np.testing.assert_allclose(came["value"], log_mean_exp(log_w, axis=0), atol=1e-9)
    w = np.exp(log_w - log_w.max(axis=0))
    error = w.std(axis=0, ddof=1) / np.sqrt(SAMPLES) / w.mean(axis=0)
    np.testing.assert_allclose(came["error"], error, rtol=1e-9)
    mu, logvar = double.encode(x)
    y = double.decoder_output(gaussian.reparameterize(mu, logvar, eps))
    log_p = double.likelihood.log_prob(x, y)
    np.testing.assert_allclose(came["rec"], -log_p.mean(axis=0), rtol=1e-12)
    error = log_p.std(axis=0, ddof=1) / np.sqrt(SAMPLES)
    np.testing.assert_allclose(came["recError"], error, rtol=1e-9)


@needs_browser
def test_the_page_s_noise_is_standard_normal(tmp_path):
    page, _ = page_and_spec(trained(1, 1))
    script = "return [1, 2, 3, 4, 5].map((seed) => Array.from(Engine.normals(seed)(4000)));"
    draws, errors = run_in_page(tmp_path, page, script)
    assert not errors
    draws = np.array(draws)
    n = draws.size
    # seeds that lie side by side give independent draws
    assert np.abs(np.corrcoef(draws)[np.triu_indices(5, 1)]).max() < 5 / np.sqrt(4000)
    for power, mean, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert abs((draws**power).mean() - mean) < 5 * np.sqrt(variance / n), power
