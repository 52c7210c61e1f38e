"""Exercise 12, solved."""

import numpy as np


def logits(p, z):
    """The decoder, shape (B, D). This is given."""
    a = np.tanh(z @ p["W2"] + p["b2"])
    return a @ p["W3"] + p["b3"]


def encode(p, x):
    """Return mu (B, K) and logvar (B, K) of q(z|x)."""
    h = np.tanh(x @ p["W1"] + p["b1"])
    return h @ p["Wm"] + p["bm"], h @ p["Wv"] + p["bv"]


def loss(p, x, eps):
    """Return nelbo, rec, kl: three numbers, nelbo = rec + kl."""
    mu, logvar = encode(p, x)
    z = mu + np.exp(logvar / 2) * eps
    y = logits(p, z)
    rec = (np.logaddexp(0, y) - x * y).sum(axis=1).mean()
    each = 0.5 * (mu**2 + np.exp(logvar) - 1 - logvar)
    kl = each.sum(axis=1).mean()
    return rec + kl, rec, kl


def sample(p, n, rng):
    """Draw n new images of zeros and ones, shape (n, D)."""
    z = rng.standard_normal((n, p["W2"].shape[0]))
    prob = 1 / (1 + np.exp(-logits(p, z)))
    return (rng.random(prob.shape) < prob).astype(float)
