"""Exercise 11. EM for a mixture of Gaussians.

Next to chapter 20 (mixtures and EM). About 60 minutes. 8 points.

The latent variable k says which of C components drew a point:

    p(x) = sum_k weights[k] N(x; means[k], diag(variances[k])).

E step: the responsibilities r[b, k] = p(k | x[b]), the exact posterior.
Compute log weights[k] + log N(x[b]; ...) for all k, and normalise over
k. With D = 64 pixels the densities may underflow: work with logarithms
until you have subtracted the largest.

M step: given r, the parameters that maximise

    sum_b sum_k r[b, k] (log weights[k] + log N(x[b]; ...)).

Set its derivatives to zero: with N_k = sum_b r[b, k] the means and
variances are weighted averages over the points, and each weight is an
average of responsibilities. (The weights must sum to one.)

Shapes: x (B, D), weights (C,), means and variances (C, D), r (B, C).

Check with `pytest -k 11_em`.
"""

import numpy as np


def e_step(x, weights, means, variances):
    """Return r (B, C)."""
    raise NotImplementedError


def m_step(x, r):
    """Return weights (C,), means (C, D), variances (C, D)."""
    raise NotImplementedError
