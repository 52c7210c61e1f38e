"""Rung 5: at the optimum of a linear VAE a wrong bound is no longer log p(x)."""

import numpy as np
import pytest
from ladder_breaking import assert_seen, failing

from minivae.ladder.linear import linear_vae

ELBO, BEST, ZERO = "ELBO = log p(x)", "maximal likelihood", "its gradient is zero"


def rows(seed=0):
    return linear_vae(None, None, np.random.default_rng(seed))


def test_right_code_passes():
    for seed in range(20):
        assert failing(lambda s=seed: rows(s)) == []


@pytest.mark.parametrize(
    ("where", "right", "wrong", "claims"),
    [
        ("likelihoods:Gaussian._log_prob", "(LOG_2PI + self.log_c)", "self.log_c", [ELBO]),
        ("vae:VAE.elbo", "log_p.mean(axis=0)", "log_p.max(axis=0)", [ELBO]),
        ("vae:VAE.loss", "/ log_p.size", "/ log_p.size / self.D", [BEST]),
        ("vae:VAE.backward", "-1 / SB", "-1.01 / SB", [ZERO]),
    ],
)
def test_another_bound(where, right, wrong, claims):
    assert_seen(rows, [(where, right, wrong)], *claims)
