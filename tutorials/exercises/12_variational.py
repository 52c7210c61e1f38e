"""Exercise 12. An autoencoder made variational.

Next to chapter 10 (autoencoder against VAE). About 45 minutes.
8 points.

Below is a plain autoencoder for images of zeros and ones: it encodes an
image as a code z and decodes it again. It has no p(z), so it does not
say from which z one should draw new images.

Make it variational. Its code becomes the mean of q(z|x), and a second
head, Wv and bv, gives the log-variance. z is sampled with the noise eps
that you are given, and the KL to N(0, I) is added to the loss. Then new
images can be drawn: first z from the prior, then every pixel of x from
its Bernoulli distribution.

p is a dict with W1, b1, Wm, bm (the autoencoder's code), Wv, bv (new),
W2, b2, W3, b3. All losses: sum over pixels and latent dimensions, mean
over the batch, in nats.

Shapes: x (B, D), eps (B, K).

Check with `pytest -k 12_variational`.
"""

import numpy as np


def code(p, x):
    """The autoencoder's code, shape (B, K). This is given."""
    h = np.tanh(x @ p["W1"] + p["b1"])
    return h @ p["Wm"] + p["bm"]


def logits(p, z):
    """The decoder, shape (B, D). This is given."""
    a = np.tanh(z @ p["W2"] + p["b2"])
    return a @ p["W3"] + p["b3"]


def autoencoder_loss(p, x):
    """Minus log p(x|z), the mean over images. This is given."""
    y = logits(p, code(p, x))
    return (np.logaddexp(0, y) - x * y).sum(axis=1).mean()


def encode(p, x):
    """Return mu (B, K) and logvar (B, K) of q(z|x)."""
    raise NotImplementedError


def loss(p, x, eps):
    """Return nelbo, rec, kl: three numbers, nelbo = rec + kl."""
    raise NotImplementedError


def sample(p, n, rng):
    """Draw n new images of zeros and ones, shape (n, D).

    rng is a numpy.random.Generator: rng.standard_normal(shape),
    rng.random(shape). The same rng state gives the same images.
    """
    raise NotImplementedError
