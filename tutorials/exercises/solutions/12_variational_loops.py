"""Exercise 12, solved image by image in float32."""

import math

import numpy as np


def decoder(p, z):
    """The probability of a one, pixel by pixel."""
    a = np.tanh(p["W2"].T @ z + p["b2"])
    return 1 / (1 + np.exp(-(p["W3"].T @ a + p["b3"])))


def encode(p, x):
    """Return mu (B, K) and logvar (B, K) of q(z|x)."""
    h = np.tanh(np.einsum("bd,dh->bh", x, p["W1"]) + p["b1"])
    mu = [p["bm"] + p["Wm"].T @ row for row in h]
    logvar = [p["bv"] + p["Wv"].T @ row for row in h]
    return np.float32(mu), np.float32(logvar)


def loss(p, x, eps):
    """Return nelbo, rec, kl: three numbers, nelbo = rec + kl."""
    rec = kl = 0.0
    mu, logvar = encode(p, x)
    for r in range(len(x)):
        sigma = np.sqrt(np.exp(logvar[r]))
        for pixel, prob in zip(
            x[r], decoder(p, mu[r] + sigma * eps[r]), strict=True
        ):
            rec -= math.log(prob if pixel else 1 - prob) / len(x)
        for m, s in zip(mu[r], sigma, strict=True):
            kl += (0.5 * (m * m + s * s - 1) - math.log(s)) / len(x)
    return rec + kl, rec, kl


def sample(p, n, rng):
    """Draw n new images of zeros and ones, shape (n, D)."""
    images = []
    for _ in range(n):
        prob = decoder(p, rng.normal(size=len(p["W2"])))
        images.append(rng.binomial(1, prob))
    return images
