"""Rung 4, first half: every number of the bound once more, in plain loops."""

import numpy as np

from minivae.autoencoder import Autoencoder
from minivae.ladder import reference
from minivae.ladder.gradients import between
from minivae.ladder.table import Row, apart, by_loops
from minivae.layers import ACTIVATIONS
from minivae.likelihoods import Gaussian
from minivae.vae import VAE

TOLERANCE = 1e-10  # of the largest term


def values(model, x, rng):
    """What the model returns for two images and two samples, against `reference`.

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
    x = x[:2]
    eps = rng.standard_normal((2, len(x), model.K))
    t = reference.terms(model, x, eps)
    log_joint = t["log_p"] + t["log_prior"]
    elbo = t["log_p"].mean(axis=0) - t["kl"].sum(axis=-1)
    size = 1 + max(np.abs(part).max() for part in t.values())

    def row(name, pairs):
        """The largest difference of pairs (from the model, expected)."""
        error = max(apart(found, expected) for found, expected in pairs)
        return Row(4, f"{name}, by plain loops", error / size, "relative", TOLERANCE)

    yield row("mu and logvar", zip(model.encode(x), (t["mu"], t["logvar"]), strict=True))
    yield row("elbo() of 2 samples", [(model.elbo(x, eps), elbo)])
    yield row("log w of 2 samples", [(model.log_weights(x, eps), log_joint - t["log_q"])])
    yield row("log p(x, z) of 2 samples", [(model.log_joint(x, t["z"]), log_joint)])
    yield row("... and of one", _of_one_sample(model, x, eps[0], t))
    yield row("nelbo, rec, kl with β = 0.7", _losses(model, x, eps, t, 0.7, [0.0]))
    yield row("... with free bits", _losses(model, x, eps, t, 0.7, _free_bits(t["kl"])))
    yield _every_activation(rng)
    yield _autoencoder(rng)


def _of_one_sample(model, x, eps, t):
    """eps and z of shape (B, K): the first of the two samples."""
    log_joint = t["log_p"][0] + t["log_prior"][0]
    nelbo = t["kl"].sum(axis=-1).mean() - t["log_p"][0].mean()
    return [
        (model.elbo(x, eps), t["log_p"][0] - t["kl"].sum(axis=-1)),
        (model.log_weights(x, eps), log_joint - t["log_q"][0]),
        (model.log_joint(x, t["z"][0]), log_joint),
        (model.loss(x, eps).nelbo, nelbo),
    ]


def _losses(model, x, eps, t, beta, bits):
    """The three numbers of a `Loss` for each of some free bits."""
    kl_k, rec = t["kl"].mean(axis=0), -t["log_p"].mean()
    for free_bits in bits:
        loss = model.loss(x, eps, beta=beta, free_bits=free_bits)
        nelbo = rec + beta * sum(max(free_bits, kl) for kl in kl_k)
        yield tuple(loss), (nelbo, rec, kl_k.sum())


def _free_bits(kl):
    """For all dimensions too few, for some, more than any has; one between two images."""
    kl_k = kl.mean(axis=0)
    return [float(b) for b in (kl_k.min() / 2, between(kl_k), kl_k[0], 2 * kl_k.max())]


def _autoencoder(rng):
    """-mean log p(x|z) at the code."""
    x = rng.random((2, 3))
    model = Autoencoder.mlp(3, 2, (4,), Gaussian(0.3), rng=rng, dtype=np.float64)
    y = [reference.decode(model, *reference.encode(model, image)) for image in x]
    log_p = reference.log_likelihoods(model.likelihood, x, y)
    expected = np.array([-1, -1, 0]) * np.mean(log_p)
    name = "a plain autoencoder's loss"
    return by_loops(4, name, model.loss(x), expected, tolerance=TOLERANCE)


def _every_activation(rng):
    """Small VAEs whose units are driven far to both sides."""
    worst, x = 0.0, np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 1.0]])
    for activation in ACTIVATIONS:
        vae = VAE.mlp(3, 2, (4, 3), activation=activation, rng=rng, dtype=np.float64)
        if type(vae.decoder.layers[1]).__name__.lower() != activation:
            worst = np.inf
        vae.theta[...] = rng.normal(0, 1.5, vae.theta.size)
        vae.params["logvar_head.W"][...] *= 0.1
        eps = rng.standard_normal((1, 2, 2))
        t = reference.terms(vae, x, eps)
        expected = t["log_p"][0] - t["kl"].sum(axis=-1)
        worst = max(worst, apart(vae.elbo(x, eps), expected) / np.abs(expected).max())
    claim = "ELBO with every activation, by plain loops"
    return Row(4, claim, worst, "relative", TOLERANCE)
