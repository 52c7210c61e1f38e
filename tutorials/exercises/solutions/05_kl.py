"""Exercise 5, solved: equation (4.6) of chapter 4 and its derivatives."""

import numpy as np


def kl(mu, logvar):
    """Return KL(q || p) in nats for each image, shape (B,)."""
    each = 0.5 * (mu**2 + np.exp(logvar) - 1 - logvar)
    return each.sum(axis=1)


def kl_grad(mu, logvar, dkl):
    """Return dmu (B, K) and dlogvar (B, K)."""
    dmu = dkl[:, None] * mu
    dlogvar = dkl[:, None] * (np.exp(logvar) - 1) / 2
    return dmu, dlogvar
