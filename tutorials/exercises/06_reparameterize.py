"""Exercise 6. Reparameterization: sampling that can be differentiated.

Next to chapter 5 (reparameterization). About 25 minutes. 5 points.

Instead of drawing z from N(mu, sigma^2) we take noise eps that was drawn
from N(0, 1), and compute

    z = mu + sigma * eps,       sigma = exp(logvar / 2),

a smooth function of mu and logvar. The backward pass gets dz = dL/dz
and the same eps.

There may be S samples for each image. Then eps, z and dz have the shape
(S, B, K), and all S samples share one mu and one logvar, so their
gradients add up. (If L is a mean over samples, the factor 1/S is in dz
already.)

Shapes: mu, logvar (B, K); eps, dz and z (B, K) or (S, B, K).

Check with `pytest -k 06_reparameterize`.
"""

import numpy as np


def reparameterize(mu, logvar, eps):
    """Return z, of the shape of eps."""
    raise NotImplementedError


def reparameterize_grad(dz, logvar, eps):
    """Return dmu (B, K) and dlogvar (B, K)."""
    raise NotImplementedError
