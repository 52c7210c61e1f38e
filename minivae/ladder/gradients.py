"""Rung 1: every gradient against finite differences, with noise held fixed."""

import copy

import numpy as np

from minivae import gaussian
from minivae.autoencoder import Autoencoder
from minivae.conv import Conv2d, ConvTranspose2d
from minivae.gradcheck import check_gradient, check_layer, check_likelihood, check_model
from minivae.gradcheck.evidence import SAFETY
from minivae.iwae import IWAE
from minivae.ladder.pixels import likelihoods, pixels
from minivae.ladder.table import Row
from minivae.layers import Linear, ReLU, Scale, Sequential, Sigmoid, Softplus, Tanh
from minivae.likelihoods import Gaussian, Laplace
from minivae.vae import VAE

ENTRIES = 200  # beyond so many parameters a sample of each, and random directions


def finite_differences(model, x, rng):
    """Rung 1: `backward` writes the derivative of what `loss` returns.

    The given model first, then the formulas of the Gaussian, each layer and each
    likelihood by itself with a random upstream gradient, and the other models on a small
    scale. The oracle is Richardson's extrapolation, and a gradient may be off by its
    estimated error besides the tolerance.

    Parameters
    ----------
    model : VAE
        In float64.
    x : ndarray, shape (B, D)
    rng : numpy.random.Generator

    Yields
    ------
    Row
    """
    yield from _this_model(model, x[:3], rng)
    yield from _formulas(rng)
    yield from _layers(rng)
    yield from _likelihoods(rng)
    yield from _other_models(rng)


def _this_model(model, x, rng):
    """At a point next to the given one, where no ReLU stands exactly on its corner."""
    model = copy.deepcopy(model)
    model.theta += 1e-3 * rng.standard_normal(model.theta.size)
    eps = rng.standard_normal((2, len(x), model.K))
    how = {"rng": rng, "max_entries": ENTRIES}
    report = check_model(model, x, eps, beta=0.7, **how)
    yield _row("this model, 2 samples, β = 0.7", report)
    # a collapsed posterior has KLs of zero, all alike: with other biases they differ
    mu, logvar = model.encode(x)
    model.params["mu_head.b"][...] += np.linspace(1, 2, model.K) - mu.mean(axis=0)
    model.params["logvar_head.b"][...] -= logvar.mean(axis=0)
    free_bits = between(gaussian.kl(*model.encode(x)).mean(axis=0))
    report = check_model(model, x, eps[0], free_bits=free_bits, **how)
    yield _row("... with free bits and other biases", report)


def between(kl_k):
    """Free bits that some latent dimensions exceed and others do not, where they differ.

    In the middle of the widest gap between them, or half of the smallest.
    """
    kl_k = np.sort(kl_k)
    gaps = np.diff(kl_k, prepend=0.0)
    gap = int(np.argmax(gaps[1:])) + 1 if len(kl_k) > 1 else 0
    gap = gap if gaps[gap] > 0.05 else 0
    return float(kl_k[gap] - gaps[gap] / 2)


def _other_models(rng):
    bits = (rng.random((3, 3)) < 0.5).astype(float)
    far = bits + [[0.0], [0.0], [40.0]]  # the last one at a log w of some -6000 nats
    double = {"rng": rng, "dtype": np.float64}
    mixed = VAE(
        Sequential(Linear(3, 2), Softplus(), Linear(2, 2), Sigmoid()),
        Sequential(Linear(2, 2), Sigmoid(), Linear(2, 2), Softplus(), Linear(2, 3)),
        Laplace(0.4, learned=True),
        **double,
    )
    iwae = IWAE.mlp(3, 2, (2,), Gaussian(0.4, learned=True), **double)
    plain = Autoencoder.mlp(3, 2, (2,), **double)
    one, three = rng.standard_normal((3, 2)), rng.standard_normal((3, 3, 2))
    for name, model, x, eps in (
        ("a small VAE, softplus, sigmoid, learned b", mixed, bits, one),
        ("importance-weighted bound, S = 3", iwae, bits, three),
        ("... with an image far from all samples", iwae, far, three),
        ("plain autoencoder", plain, bits, None),
    ):
        yield _row(name, check_model(model, x, eps, rng=rng))


def _formulas(rng):
    """∂KL and ∂log N, under a random upstream gradient."""
    theta = {name: rng.normal(0, 1.5, (2, 3)) for name in ("z", "mu", "logvar")}
    up = rng.standard_normal((2, 3))

    def kl(at):
        return (up * gaussian.kl(at["mu"], at["logvar"])).sum()

    def log_normal(at):
        return (up * gaussian.log_normal(**at)).sum()

    dmu, dlogvar = gaussian.kl_grad(theta["mu"], theta["logvar"])
    of_kl = {"z": 0 * up, "mu": up * dmu, "logvar": up * dlogvar}
    parts = gaussian.log_normal_grad(**theta)
    of_log_normal = {n: up * d for n, d in zip(theta, parts, strict=True)}
    yield _row("KL of a Gaussian", check_gradient(kl, theta, of_kl, rng=rng))
    yield _row(
        "log N(z; mu, σ²)", check_gradient(log_normal, theta, of_log_normal, rng=rng)
    )


def _layers(rng):
    layers = (
        *(Linear(3, 5), Linear(4, 4), Conv2d((4, 4, 1), 2), ConvTranspose2d((2, 2, 2), 1)),
        Scale(0.3),
        *(Tanh(), ReLU(), Softplus(), Sigmoid()),
    )
    for layer in layers:
        x = rng.normal(0, 1.5, (6, layer.n_in or 4))
        size = f" {layer.n_in}→{layer.n_out}" if layer.n_in else ""
        yield _row(type(layer).__name__ + size, check_layer(Sequential(layer), x, rng))


def _likelihoods(rng):
    for name, likelihood in likelihoods(rng).items():
        x, y = pixels(likelihood, (3, 4), rng), rng.standard_normal((2, 3, 4))
        yield _row(name, check_likelihood(likelihood, x, y, rng))


def _row(name, report):
    """The worst entry's relative error, and the checker's verdict on the whole.

    The tolerance is the checker's plus what it allows for the error of its own oracle at
    that entry. A failure of another kind (a wrong direction, another gradient the second
    time) is shown as infinite.
    """
    block = max(report.blocks.values(), key=lambda b: b.relative_error, default=None)
    figure, tolerance = np.inf, report.tolerance
    if block is not None:
        figure = block.relative_error
        blur = SAFETY * block.error[block.worst] / block.scale if block.scale else 0.0
        tolerance += blur if np.isfinite(blur) else 0.0
    if report.verdict == "WRONG" and figure <= tolerance:
        figure = np.inf
    undecided = report.verdict == "undecided"
    return Row(1, f"gradient: {name}", figure, "relative", tolerance, undecided)
