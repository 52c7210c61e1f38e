"""Exercise 6, solved: dz/dmu = 1, dz/dlogvar = eps sigma / 2."""

import numpy as np


def reparameterize(mu, logvar, eps):
    """Return z, of the shape of eps."""
    sigma = np.exp(logvar / 2)
    return mu + sigma * eps


def reparameterize_grad(dz, logvar, eps):
    """Return dmu (B, K) and dlogvar (B, K)."""
    dmu = dz
    dlogvar = dz * eps * np.exp(logvar / 2) / 2
    if dz.ndim == 3:
        dmu, dlogvar = dmu.sum(axis=0), dlogvar.sum(axis=0)
    return dmu, dlogvar
