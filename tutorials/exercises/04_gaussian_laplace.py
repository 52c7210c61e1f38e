"""Exercise 4. Gaussian and Laplace log-likelihoods, and their gradients.

Next to chapter 7 (the reconstruction term). About 30 minutes. 5 points.

If pixels are real numbers, the decoder gives the centre of a density.
With one constant for all pixels, the VARIANCE c of a Gaussian or the
scale b of a Laplace density,

    N(x; mean, c)      = exp(-(x - mean)^2 / (2 c)) / sqrt(2 pi c)
    Laplace(x; loc, b) = exp(-|x - loc| / b) / (2 b).

Pixels are independent given z, so the log-densities of an image's D
pixels add up. Keep all constants: a density integrates to one.

The gradients: given dlogp = dL/d log p, one number for each image,
return dL/dmean and dL/dloc. (Where x equals loc exactly nothing is
tested.)

Shapes: x, mean, loc (B, D), dlogp (B,); c and b are plain numbers.

Check with `pytest -k 04_gaussian_laplace`.
"""

import numpy as np


def gaussian_log_prob(x, mean, c):
    """Return log N(x; mean, c I) in nats, shape (B,)."""
    raise NotImplementedError


def gaussian_log_prob_grad(x, mean, c, dlogp):
    """Return dmean (B, D)."""
    raise NotImplementedError


def laplace_log_prob(x, loc, b):
    """Return log Laplace(x; loc, b) in nats, shape (B,)."""
    raise NotImplementedError


def laplace_log_prob_grad(x, loc, b, dlogp):
    """Return dloc (B, D)."""
    raise NotImplementedError
