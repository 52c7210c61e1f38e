"""Exercise 8, solved number by number, the corrections in one factor."""

import numpy as np


def adam_step(theta, grad, m, v, t, lr, beta1, beta2, eps):
    """Return theta, m, v after the step, each of shape (P,)."""
    theta, m, v = theta.copy(), m.copy(), v.copy()
    root = np.sqrt(1 - beta2**t)
    rate = lr * root / (1 - beta1**t)
    for i, g in enumerate(grad):
        m[i] += (1 - beta1) * (g - m[i])
        v[i] += (1 - beta2) * (g * g - v[i])
        theta[i] -= rate * m[i] / (v[i] ** 0.5 + eps * root)
    return theta, m, v
