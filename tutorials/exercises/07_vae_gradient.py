"""Exercise 7. The whole gradient of a VAE.

Next to chapter 8 (the whole gradient). About 90 minutes. 15 points.

Below is the whole forward pass of a VAE with one hidden layer on each
side, a Bernoulli likelihood, and as its loss the negative ELBO with a
weight beta on its KL:

    nelbo = rec + beta kl      (mean over the batch, sum over the rest)

Write its gradient with respect to every parameter. p is a dict of
arrays; return a dict with the same names and shapes. Go through `loss`
from its last line to its first: each line has its backward line, and you
have written most of them in exercises 1 to 6. Two things are new. mu and
logvar each get a gradient from two places, rec and kl; and h gets one
from each of the two heads.

Put the gradients that you compute on the way into the dict as well: dy,
da, dz, dmu, dlogvar, dh, each the derivative of nelbo in the array of
that name in `loss`, of its shape. They earn no points, but they are
checked one after the other, which shows where a mistake is. Each of the
five pairs W, b earns 3 points if it is right.

Shapes: x (B, D), zeros and ones; eps (B, K).
    encoder W1 (D, H), b1 (H,); heads Wm, Wv (H, K), bm, bv (K,)
    decoder W2 (K, H), b2 (H,), W3 (H, D), b3 (D,)

Check with `pytest -k 07_vae_gradient`.
"""

import numpy as np


def loss(p, x, eps, beta=1.0):
    """Return nelbo, rec, kl in nats per image. This is given."""
    h = np.tanh(x @ p["W1"] + p["b1"])
    mu = h @ p["Wm"] + p["bm"]
    logvar = h @ p["Wv"] + p["bv"]
    z = mu + np.exp(logvar / 2) * eps
    a = np.tanh(z @ p["W2"] + p["b2"])
    y = a @ p["W3"] + p["b3"]
    rec = (np.logaddexp(0, y) - x * y).sum(axis=1).mean()
    each = 0.5 * (mu**2 + np.exp(logvar) - 1 - logvar)
    kl = each.sum(axis=1).mean()
    return rec + beta * kl, rec, kl


def loss_grad(p, x, eps, beta=1.0):
    """Return the gradient of nelbo: a dict like p, and dy, da and so on."""
    raise NotImplementedError
