"""Rung 7: what a model and an optimizer must do whatever their numbers are."""

import copy

import numpy as np

from minivae.datasets.images import Images
from minivae.ladder.table import Row, relative
from minivae.optim import SGD, Adam
from minivae.training import fit
from minivae.vae import VAE


def behaviour(model, x, rng):
    """Rung 7: heads that reach any value, noise that matters, steps worked by hand.

    Parameters
    ----------
    model : VAE
        In float64; it is copied before anything is changed.
    x : ndarray, shape (B, D)
    rng : numpy.random.Generator

    Returns
    -------
    list of Row
    """
    eps = rng.standard_normal((len(x), model.K))
    return [
        *_heads(model, x),
        *_noise(model, x, eps, rng),
        *_batches(model, x, eps),
        *_extremes(model, x, eps),
        *_optimizers(),
        *_training(rng),
    ]


def _heads(model, x):
    """With zero weights a head's output is its bias, whatever the bias."""
    model = copy.deepcopy(model)
    for head in ("mu_head", "logvar_head"):
        model.params[f"{head}.W"][...] = 0
    far = 0.0
    for mu_bias, logvar_bias in ((-7.0, 2.0), (5.0, -6.0)):
        model.params["mu_head.b"][...] = mu_bias
        model.params["logvar_head.b"][...] = logvar_bias
        mu, logvar = model.encode(x)
        far = max(far, np.abs(mu - mu_bias).max(), np.abs(logvar - logvar_bias).max())
    return [Row(7, "mu and logvar reach any value, each alone", far, "", 1e-12)]


def _noise(model, x, eps, rng):
    first, again = model.loss(x, eps), model.loss(x, eps)
    other = model.loss(x, rng.standard_normal(eps.shape))
    return [
        Row(
            7,
            "the same noise gives the same loss",
            abs(first.nelbo - again.nelbo),
            "nats",
            0.0,
        ),
        Row(
            7, "other noise gives another loss", float(first.nelbo == other.nelbo), "", 0.0
        ),
    ]


def _batches(model, x, eps):
    """Sum over dimensions, mean over the batch: every image twice changes nothing."""
    once = model.loss(x, eps).nelbo
    model.backward()
    gradient = model.grad.copy()
    twice = model.loss(np.concatenate([x, x]), np.concatenate([eps, eps])).nelbo
    model.backward()
    rows = [
        Row(
            7,
            "a batch repeated has the same loss",
            relative(twice, once),
            "relative",
            1e-10,
        ),
        Row(
            7,
            "... and the same gradient",
            relative(model.grad, gradient),
            "relative",
            1e-10,
        ),
    ]
    loss = model.loss(x, eps)
    model.backward()
    gradient = model.grad.copy()
    model.backward()
    again = relative(model.grad, gradient)
    free = model.loss(x, eps, free_bits=10.0)
    return rows + [
        Row(7, "a second backward() gives the same gradient", again, "relative", 0.0),
        Row(
            7,
            "free bits leave the reported KL alone",
            abs(free.kl - loss.kl),
            "nats",
            1e-12,
        ),
    ]


def _extremes(model, x, eps):
    y = np.full((2, model.D), 1e4) * [[1.0], [-1.0]]
    with np.errstate(all="ignore"):
        log_p = model.likelihood.log_prob(x[[0, 0]], y)
    wild = copy.deepcopy(model)
    wild.params["logvar_head.b"][...] = 1e4  # sigma = exp(5000)
    try:
        with np.errstate(all="ignore"):
            wild.loss(x, eps)
        silent = 1.0
    except FloatingPointError:
        silent = 0.0
    lost = float(np.sum(~np.isfinite(log_p)))
    outside = 0.0
    if hasattr(model.likelihood, "n"):  # a mean count lies in 0..n
        mean, n = model.likelihood.mean(y / 1e3), model.likelihood.n
        outside = float(np.sum((mean < 0) | (mean > n)))
    return [
        Row(7, "decoder outputs of ±1e4: infinite log-likelihoods", lost, "", 0.0),
        Row(7, "an overflowing logvar is refused, not returned", silent, "", 0.0),
        Row(7, "mean() lies in the support: pixels outside", outside, "", 0.0),
    ]


def _optimizers():
    """Three steps on gradients as small as 1e-6, by the papers' own recursions."""
    gradients = np.array([[0.3, -1e-6], [-0.2, 2e-6], [0.25, 1e-6]])
    theta, expected = np.zeros(2), np.zeros(2)
    m, v = np.zeros(2), np.zeros(2)
    adam = Adam(lr=0.01, beta1=0.9, beta2=0.999, eps=1e-8)
    for t, g in enumerate(gradients, start=1):
        adam.step(theta, g)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        m_hat, v_hat = m / (1 - 0.9**t), v / (1 - 0.999**t)
        expected = expected - 0.01 * m_hat / (np.sqrt(v_hat) + 1e-8)
    rows = [
        Row(7, "Adam's first three steps", relative(theta, expected), "relative", 1e-12)
    ]
    theta, expected, velocity = np.zeros(2), np.zeros(2), np.zeros(2)
    sgd = SGD(lr=0.1, momentum=0.9)
    for g in gradients:
        sgd.step(theta, g)
        velocity = 0.9 * velocity + g
        expected = expected - 0.1 * velocity
    error = relative(theta, expected)
    return rows + [
        Row(7, "SGD's first three steps, with momentum", error, "relative", 1e-12)
    ]


def _training(rng):
    """Two short epochs with β = 0.3: new noise at each step, and an honest report."""
    pixels = rng.integers(0, 2, (24, 4), dtype=np.uint8)
    images = Images(pixels, pixels[:8], 1, (2, 2), "dice")
    vae = VAE.mlp(4, 2, (3,), rng=rng, dtype=np.float64)
    noise, loss = [], vae.loss
    vae.loss = lambda x, eps, *rest: (noise.append(eps.tobytes()), loss(x, eps, *rest))[1]
    history = fit(
        vae, images, SGD(0.01), epochs=2, rng=rng, batch_size=8, beta=0.3, progress=False
    )
    training = noise[:3] + noise[4:7]  # after each epoch comes one test batch
    repeated = len(training) - len(set(training))
    report = np.array(history["test_nelbo"])
    parts = np.array(history["test_rec"]) + np.array(history["test_kl"])
    return [
        Row(7, "training draws new noise: steps that repeat it", float(repeated), "", 0.0),
        Row(7, "the reported nelbo has β = 1", relative(report, parts), "relative", 1e-12),
    ]
