"""The ladder holds on right code, for many seeds, models and likelihoods."""

import numpy as np
import pytest

from minivae import VAE, Binomial, Gaussian, Laplace
from minivae.ladder import RUNGS, Row, Table, climb, small_model
from minivae.ladder.table import relative, z_score


@pytest.mark.parametrize("seed", range(3))
def test_every_rung_holds_on_the_small_model(seed):
    rng = np.random.default_rng(seed)
    table = climb(*small_model(rng), rng)
    assert table, f"\n{table}"
    assert {row.rung for row in table} == set(RUNGS)


@pytest.mark.parametrize(
    "likelihood", [Binomial(16), Gaussian(0.3, learned=True), Laplace(0.5)]
)
@pytest.mark.parametrize("K", [1, 3])
def test_the_model_s_own_rungs_hold_for_other_models(likelihood, K, rng):
    likelihood = type(likelihood)(**likelihood.config)
    vae = VAE.mlp(5, K, (4, 3), likelihood, "softplus", rng=rng, dtype=np.float64)
    x = rng.integers(0, 2, (4, 5)).astype(float)
    table = climb(vae, x, rng, (1, 3, 4, 7))
    assert table, f"\n{table}"
    exact = any("ELBO + KL" in row.claim for row in table)
    assert exact == (K <= 2), "with K > 2 the rung must say that it has no exact value"


def test_a_table_is_as_good_as_its_worst_row():
    good = Row(1, "a claim", 0.5, "nats", 1.0)
    assert Table([good])
    assert not Table([good, Row(2, "another", 2.0, "nats", 1.0)])
    assert not Table([good, Row(2, "not a number", np.nan, "nats", 1.0)])
    assert not Table([]), "nothing checked is nothing shown"


def test_a_table_prints_claim_figure_tolerance_verdict():
    text = str(
        Table([Row(4, "ELBO + KL = log p", 2e-12, "nats", 1e-9), Row(7, "b", 3, "z", 1)])
    )
    assert "2e-12" in text and "1e-09" in text and "nats" in text
    assert "ok" in text and "FAILED" in text and "2 claims checked, 1 failed" in text


def test_z_score_is_a_standard_error_count(rng):
    samples = rng.standard_normal((10_000, 3))
    assert z_score(samples, 0.0) < 5
    assert abs(z_score(samples + 0.1, 0.0) - 10) < 4
    assert relative([1.0, 2.2], [1.0, 2.0]) == pytest.approx(0.1)
