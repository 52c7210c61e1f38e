"""One likelihood of each kind, and pixels for it: what rungs 1, 3 and 6 go through."""

import numpy as np

from minivae.likelihoods import Binomial, Gaussian, Laplace
from minivae.model import Model


def likelihoods(rng):
    """{name: likelihood}; a learned scale has been led away from where it started."""
    found = {
        "Binomial(1)": Binomial(1),
        "Binomial(16)": Binomial(16),
        "Gaussian": Gaussian(0.3),
        "Laplace": Laplace(0.4),
        "Gaussian, learned scale": Gaussian(0.3, learned=True),
        "Laplace, learned scale": Laplace(0.4, learned=True),
    }
    for likelihood in found.values():
        Model({"likelihood": likelihood}, rng, np.float64).theta[...] = 0.7
    return found


def pixels(likelihood, shape, rng):
    """Data in the support of a likelihood."""
    if getattr(likelihood, "grey", False):
        return rng.random(shape)
    if isinstance(likelihood, Binomial):
        return rng.integers(0, likelihood.n + 1, shape).astype(float)
    return rng.normal(0, 2, shape)
