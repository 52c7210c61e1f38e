"""Exercise 3, solved with numpy's logaddexp, image by image, in float32."""

import numpy as np


def log_prob(x, logits):
    """Return log p(x) in nats for each image, shape (B,)."""
    x, logits = x.astype(np.float32), logits.astype(np.float32)
    sign = 1 - 2 * x  # log p = -log(1 + exp(-y)) if x is 1
    return np.array(
        [
            -np.logaddexp(0, s * y).sum()
            for s, y in zip(sign, logits, strict=True)
        ]
    )


def log_prob_grad(x, logits, dlogp):
    """Return dlogits (B, D) from dlogp (B,)."""
    p = 0.5 * (1 + np.tanh(0.5 * logits))
    return np.einsum("b,bd->bd", dlogp, x - p)
