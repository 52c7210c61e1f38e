"""Exercise 8, solved: algorithm 1 of Kingma & Ba, line by line."""

import numpy as np


def adam_step(theta, grad, m, v, t, lr, beta1, beta2, eps):
    """Return theta, m, v after the step, each of shape (P,)."""
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    mhat = m / (1 - beta1**t)
    vhat = v / (1 - beta2**t)
    theta = theta - lr * mhat / (np.sqrt(vhat) + eps)
    return theta, m, v
