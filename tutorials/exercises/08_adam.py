"""Exercise 8. Adam.

Next to chapter 9 (training). About 20 minutes. 5 points.

One step of Adam (Kingma & Ba 2015, algorithm 1). The moments m and v
start at zero; t counts the steps and is 1 in the first.

    m <- beta1 m + (1 - beta1) grad
    v <- beta2 v + (1 - beta2) grad^2
    mhat = m / (1 - beta1^t),      vhat = v / (1 - beta2^t)
    theta <- theta - lr mhat / (sqrt(vhat) + eps)

The next step needs m and v, not mhat and vhat. Return new arrays; do not
change the ones you got.

Shapes: theta, grad, m, v (P,); the others are plain numbers.

Check with `pytest -k 08_adam`.
"""

import numpy as np


def adam_step(theta, grad, m, v, t, lr, beta1, beta2, eps):
    """Return theta, m, v after the step, each of shape (P,)."""
    raise NotImplementedError
