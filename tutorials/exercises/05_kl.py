"""Exercise 5. The KL divergence to the prior, and its gradient.

Next to chapter 4 (the KL of two Gaussians). About 40 minutes. 8 points.

q(z) = N(mu, diag(sigma^2)) with logvar = log sigma^2, and the prior is
p(z) = N(0, I). Find

    KL(q || p) = E_q[log q(z) - log p(z)]

on paper: it is a sum over the K latent dimensions, and each term is a
short formula in mu and logvar. Two properties that your result must
have: it is never negative, and it is zero at mu = 0, logvar = 0.

The gradient: given dkl = dL/dKL, one number for each image, return
dL/dmu and dL/dlogvar. Differentiate in logvar itself, not in sigma.

Shapes: mu, logvar (B, K), dkl (B,).

Check with `pytest -k 05_kl`.
"""

import numpy as np


def kl(mu, logvar):
    """Return KL(q || p) in nats for each image, shape (B,)."""
    raise NotImplementedError


def kl_grad(mu, logvar, dkl):
    """Return dmu (B, K) and dlogvar (B, K)."""
    raise NotImplementedError
