"""log p(x) of test images as the package computes it, each with an error."""

import math

import numpy as np

from minivae.autoencoder import Autoencoder
from minivae.inference.bounds import importance_log_likelihood
from minivae.inference.exact import quadrature
from minivae.likelihoods import Binomial
from minivae.numerics import log_mean_exp

NODES = {1: 2001, 2: 301}  # per latent axis
RUNS, SAMPLES = 8, 125  # of importance sampling: 1000 samples of each image
# What takes some seconds: numbers to look at, products of decoded nodes, of samples.
QUADRATURE, DECODED, SAMPLING = 1e9, 1e10, 4e10


def log_likelihoods(model, x, rng):
    """log p(x) of the first images, as many as take some seconds.

    Parameters
    ----------
    model : VAE, IWAE or Autoencoder
    x : ndarray, shape (B, D)
    rng : numpy.random.Generator
        Draws the noise of importance sampling.

    Returns
    -------
    values, errors : ndarray of float64, shape (N,), N ≤ B
        Nats. With K ≤ 2 by `quadrature.log_prob`, with its estimate of the error; with
        more, or a decoder too large for so many nodes, by importance sampling, with
        the standard error

            log p̂(x) = log (1/R) Σ_r p̂_r,   error = std(p̂_r) / (√R · mean p̂_r)

        from R runs of 125 samples each. That is a lower bound in expectation, and where
        few samples carry the sum it is further off than its error says.
    method : str
        How, in words. Empty where there is nothing: an autoencoder has no p(x), and
        cross-entropy on grey pixels is no likelihood.
    """
    grey = isinstance(model.likelihood, Binomial) and model.likelihood.grey
    if isinstance(model, Autoencoder) or grey:
        return np.empty(0), np.empty(0), ""
    nodes = NODES.get(model.K)
    if nodes and nodes**model.K * products(model.decoder) <= DECODED:
        N = max(1, int(QUADRATURE / (nodes**model.K * model.D)))
        double, x = model.astype(np.float64), x[:N].astype(np.float64)
        values, errors = quadrature.log_prob(double, x, nodes, tol=np.inf)
        return values, errors, f"quadrature on {' × '.join([str(nodes)] * model.K)} nodes"
    N = max(1, int(SAMPLING / (products(model.decoder) * RUNS * SAMPLES)))
    x = x[:N].astype(model.dtype)
    runs = [importance_log_likelihood(model, x, SAMPLES, rng) for _ in range(RUNS)]
    values = log_mean_exp(np.stack(runs), axis=0)
    errors = np.exp(runs - values).std(axis=0, ddof=1) / np.sqrt(RUNS)
    return values, errors, f"{RUNS * SAMPLES} importance samples"


def products(layer):
    """How many multiplications one forward pass takes, of convolutions and all."""
    if hasattr(layer, "layers"):
        return sum(products(inner) for inner in layer.layers)
    places = layer.maps[0] * layer.maps[1] if hasattr(layer, "maps") else 1
    return places * math.prod(layer.shapes.get("W", (0,)))
