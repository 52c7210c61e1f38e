"""Rung 5: a linear VAE is probabilistic PCA, so its best ELBO is known in closed form."""

import numpy as np

from minivae.inference.exact.linear_gaussian import fit_ppca, max_log_likelihood
from minivae.ladder.moments import exact_noise
from minivae.ladder.table import Row
from minivae.likelihoods import Gaussian
from minivae.vae import VAE


def linear_vae(model, x, rng):
    """Rung 5: at the maximum-likelihood solution the ELBO is log p(x), image by image.

    It says nothing of `model` and `x`, which are arguments as on every rung, but of the
    code that runs them. The ELBO of a linear VAE is quadratic in the noise, so the
    average over eps = ±√K e_k is its exact expectation.
    """
    K, D = 2, 5
    data = rng.standard_normal((40, K)) @ rng.standard_normal((K, D))
    data = data + 0.3 * rng.standard_normal((40, D)) + rng.standard_normal(D)
    exact = fit_ppca(data, K)
    vae = VAE.mlp(D, K, (), Gaussian(exact.c, learned=True), rng=rng, dtype=np.float64)
    exact.place_in(vae)
    eps = exact_noise(K, len(data))
    gap = np.abs(exact.log_prob(data) - vae.elbo(data, eps)).max()
    best = max_log_likelihood(data, K)
    loss = vae.loss(data, eps)
    vae.backward()
    figures = {
        "linear VAE at the pPCA solution: ELBO = log p(x)": gap,
        "... its loss is the maximal likelihood": abs(loss.nelbo + best),
        "... and its gradient is zero": np.abs(vae.grad).max(),
    }
    return [Row(5, claim, figure, "nats", 1e-9) for claim, figure in figures.items()]
