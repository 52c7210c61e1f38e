"""Exercise 9. The importance-weighted bound.

Next to chapter 12 (how tight is the bound?). About 45 minutes.
8 points.

Draw S samples z_s from q(z|x) and compute a weight of each,

    w_s = p(x|z_s) p(z_s) / q(z_s|x),      E[w_s] = p(x),

with p(z) = N(0, I) and q(z|x) = N(mu, diag(exp(logvar))). Then

    L_S = log( (w_1 + ... + w_S) / S ),    E[L_S] <= log p(x),

which estimates the ELBO for S = 1; E[L_S] never falls as S grows. Work
with log w only: for images it is a number like -90 or -5000, where exp
may give zero. Take the largest one out of the sum first.

Given dbound = dL/dL_S for each image, return the gradient in each
log w_s. The backward pass needs nothing else that is new: it mixes the
samples' gradients with weights that sum to one.

Shapes: z (S, B, K), mu and logvar (B, K), log_px (S, B) = log p(x|z_s),
log_w (S, B), dbound (B,).

Check with `pytest -k 09_iwae`.
"""

import numpy as np


def log_weights(log_px, z, mu, logvar):
    """Return log w, shape (S, B)."""
    raise NotImplementedError


def bound(log_w):
    """Return L_S in nats for each image, shape (B,)."""
    raise NotImplementedError


def bound_grad(log_w, dbound):
    """Return dlog_w (S, B) from dbound (B,)."""
    raise NotImplementedError
