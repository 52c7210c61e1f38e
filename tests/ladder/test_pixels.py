"""The likelihoods that the rungs go through, and their data."""

import numpy as np
import pytest

from minivae.ladder.pixels import likelihoods, pixels
from minivae.likelihoods import Bernoulli

KINDS = likelihoods(np.random.default_rng(0)) | {"grey": Bernoulli(grey=True)}


def test_learned_scales_are_not_where_they_started():
    logs = {name: kind.log_scale for name, kind in KINDS.items() if kind.shapes}
    assert logs == {"Gaussian, learned scale": 0.7, "Laplace, learned scale": 0.7}


@pytest.mark.parametrize("name", KINDS)
def test_data_lie_in_the_support_and_fill_it(name):
    x = pixels(KINDS[name], (20, 40), np.random.default_rng(0))
    KINDS[name].check(x)
    low, high = {"Binomial(16)": (0, 16), "Binomial(1)": (0, 1)}.get(name, (0.01, 0.99))
    assert x.shape == (20, 40) and x.min() <= low and x.max() >= high
    assert name != "grey" or len(np.unique(x)) > 700
