"""Exercise 4, solved pixel by pixel in float32."""

import math

import numpy as np


def gaussian_log_prob(x, mean, c):
    """Return log N(x; mean, c I) in nats, shape (B,)."""
    result = np.zeros(len(x), np.float32)
    for r, d in np.ndindex(x.shape):
        u = (x[r, d] - mean[r, d]) / math.sqrt(c)
        result[r] += -u * u / 2 - math.log(2 * math.pi) / 2
        result[r] -= math.log(c) / 2
    return result


def gaussian_log_prob_grad(x, mean, c, dlogp):
    """Return dmean (B, D)."""
    return ((x - mean).T * dlogp).T.astype(np.float32) / c


def laplace_log_prob(x, loc, b):
    """Return log Laplace(x; loc, b) in nats, shape (B,)."""
    distance = np.linalg.norm(x - loc, ord=1, axis=1)
    return -distance / b - x.shape[1] * math.log(2 * b)


def laplace_log_prob_grad(x, loc, b, dlogp):
    """Return dloc (B, D)."""
    above = np.where(x > loc, 1.0, -1.0).astype(np.float32)
    return np.einsum("b,bd->bd", dlogp / b, above)
