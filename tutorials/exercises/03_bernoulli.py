"""Exercise 3. The Bernoulli log-likelihood from logits, and its gradient.

Next to chapter 7 (the reconstruction term). About 40 minutes. 8 points.

A pixel x is 0 or 1. It is 1 with probability p = 1 / (1 + exp(-y)),
where the logit y is the decoder's output. For an image of D pixels, in
nats,

    log p(x) = sum_d  x[d] log p[d] + (1 - x[d]) log(1 - p[d]).

A trained decoder is sure of some pixels: logits of 40, 1000 or -10000
must give finite and accurate results. So do not take the logarithm of a
rounded p. Simplify the formula on paper first, until it contains only
x y and log(1 + exp(y)), and think how to compute that for large y.

The gradient: given dlogp = dL/d log p(x), one number for each image,
return dL/dy.

Shapes: x and logits (B, D), dlogp (B,).

Check with `pytest -k 03_bernoulli`.
"""

import numpy as np


def log_prob(x, logits):
    """Return log p(x) in nats for each image, shape (B,)."""
    raise NotImplementedError


def log_prob_grad(x, logits, dlogp):
    """Return dlogits (B, D) from dlogp (B,)."""
    raise NotImplementedError
