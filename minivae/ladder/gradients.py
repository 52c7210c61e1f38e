"""Rung 1: every gradient against finite differences, with noise held fixed."""

import numpy as np

from minivae.autoencoder import Autoencoder
from minivae.conv import Conv2d, ConvTranspose2d
from minivae.gradcheck import check_layer, check_likelihood, check_model
from minivae.iwae import IWAE
from minivae.ladder.table import Row
from minivae.layers import Linear, ReLU, Sequential, Sigmoid, Softplus, Tanh
from minivae.likelihoods import Binomial, Gaussian, Laplace
from minivae.vae import VAE

TOLERANCE = 1e-7  # relative


def finite_differences(model, x, rng):
    """Rung 1: `backward` writes the derivative of what `loss` returns.

    The given model first, then each layer and each likelihood by itself with a random
    upstream gradient, and the other two models on a small scale.

    Parameters
    ----------
    model : VAE
        In float64.
    x : ndarray, shape (B, D)
    rng : numpy.random.Generator

    Returns
    -------
    list of Row
    """
    x = x[:3]
    eps = rng.standard_normal((2, len(x), model.K))
    report = check_model(model, x, eps, rng=rng, oracle="central", beta=0.7)
    rows = [_row("this model, 2 samples, β = 0.7", report)]
    bits = (rng.random((3, 4)) < 0.5).astype(float)
    small = {"hidden": (3,), "rng": rng, "dtype": np.float64}
    for activation in ("softplus", "sigmoid"):
        other = VAE.mlp(4, 2, activation=activation, **small)
        report = check_model(
            other, bits, rng.standard_normal((3, 2)), rng=rng, oracle="central"
        )
        rows.append(_row(f"a small VAE with {activation}", report))
    iwae = IWAE.mlp(4, 2, likelihood=Gaussian(0.4, learned=True), **small)
    report = check_model(
        iwae, bits, rng.standard_normal((3, 3, 2)), rng=rng, oracle="central"
    )
    rows.append(_row("importance-weighted bound, S = 3", report))
    plain = Autoencoder.mlp(4, 2, **small)
    rows.append(
        _row("plain autoencoder", check_model(plain, bits, rng=rng, oracle="central"))
    )
    activations = Tanh(), ReLU(), Softplus(), Sigmoid()
    convolutions = Conv2d((4, 4, 1), 2), ConvTranspose2d((2, 2, 2), 1)
    for layer in (Linear(3, 5), Linear(4, 4), *convolutions, *activations):
        width = layer.n_in or 4
        report = check_layer(
            Sequential(layer), rng.standard_normal((6, width)), rng, oracle="central"
        )
        size = f" {layer.n_in}→{layer.n_out}" if layer.n_in else ""
        rows.append(_row(type(layer).__name__ + size, report))
    for likelihood in (Binomial(1), Binomial(16), Gaussian(0.4), Laplace(0.4)):
        counts = rng.integers(0, getattr(likelihood, "n", 1) + 1, (3, 4)).astype(float)
        report = check_likelihood(
            likelihood, counts, rng.standard_normal((2, 3, 4)), rng, oracle="central"
        )
        n = f"({likelihood.n})" if isinstance(likelihood, Binomial) else ""
        rows.append(_row(type(likelihood).__name__ + n, report))
    return rows


def _row(name, report):
    """The worst relative error, or infinity where the check met anything else."""
    figure = report.worst if report or report.worst > TOLERANCE else np.inf
    return Row(1, f"gradient: {name}", figure, "relative", TOLERANCE)
