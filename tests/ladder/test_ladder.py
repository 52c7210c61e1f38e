"""The whole ladder holds on right code, for many seeds, models and likelihoods."""

import io
import time

import numpy as np
import pytest

from minivae import IWAE, VAE, Bernoulli, Binomial, Gaussian, Laplace, ladder
from minivae.ladder import RUNGS, climb, small_model, waiting


@pytest.mark.parametrize("seed", range(2))
def test_every_rung_holds_on_the_small_model(seed):
    rng = np.random.default_rng(seed)
    model, x = small_model(rng)
    table = []
    for rung in RUNGS:
        rows = climb(model, x, rng, [rung])
        assert rows, f"\n{rows}"
        assert {row.rung for row in rows} == {rung}
        table += rows
    claims = [row.claim for row in table]
    assert len(claims) == len(set(claims)), "every claim has a name of its own"


@pytest.mark.parametrize(
    ("likelihood", "K", "hidden", "activation"),
    [
        (Binomial(16), 1, (4, 3), "softplus"),
        (Bernoulli(grey=True), 2, (), "tanh"),
        (Gaussian(0.003, learned=True), 3, (4,), "relu"),
        (Laplace(0.5), 1, (3,), "sigmoid"),
        (Laplace(0.02, learned=True), 16, (4,), "relu"),
    ],
)
def test_the_model_s_own_rungs_hold_for_other_models(
    likelihood, K, hidden, activation, rng
):
    """A part of `benchmarks/false_alarms.py`, which has five hundred of them."""
    model = VAE.mlp(5, K, hidden, likelihood, activation, rng=rng, dtype=np.float64)
    x = rng.integers(0, 2, (4, 5)).astype(float)
    table = climb(model, x, rng, (2, 3, 4))
    assert table, f"\n{table}"
    exact = any("ELBO + KL" in row.claim for row in table)
    assert exact == (K <= 2), "with K > 2 the rung must say that it has no exact value"


def test_a_posterior_that_collapsed_is_no_failure(rng):
    """Dead units: all KLs alike, no gradient, a loss that no noise changes."""
    model = VAE.mlp(5, 2, (3,), Laplace(0.5), "relu", rng=rng, dtype=np.float64)
    for name in ("encoder.0", "decoder.0"):
        model.params[f"{name}.W"][...] = 0
        model.params[f"{name}.b"][...] = -1
    model.params["decoder.2.b"][...] = rng.standard_normal(5)
    table = climb(model, rng.random((3, 5)), rng, (1, 2, 3, 4, 7))
    assert table, f"\n{table}"


def test_an_iwae_is_climbed_as_the_vae_that_it_trains(rng):
    iwae = IWAE.mlp(4, 1, (3,), rng=rng, dtype=np.float64)
    x = rng.integers(0, 2, (4, 4)).astype(float)
    assert climb(iwae.as_vae(), x, rng, (2, 4))


def test_a_slow_rung_says_so(rng, monkeypatch):
    stream = io.StringIO()

    def slow_rung(model, x, rng):
        end = time.monotonic() + 20
        while not stream.getvalue() and time.monotonic() < end:
            time.sleep(0.01)
        return []

    monkeypatch.setitem(RUNGS, 4, slow_rung)
    monkeypatch.setattr(
        ladder,
        "announced",
        lambda what, stream: waiting.announced(what, stream, patience=0.01),
    )
    climb(None, None, rng, [4], stream)
    assert stream.getvalue().startswith("rung 4 of 7, slow rung: 0 s\n")
