"""Exercise 10. The linear VAE against probabilistic PCA.

Next to chapter 21 (the linear VAE is probabilistic PCA). About 90 minutes.
10 points.

With a linear decoder every integral of a VAE has a closed form:

    z ~ N(0, I),    x | z ~ N(W z + b, c I),    c a variance.

posterior: p(z|x) is Gaussian. Complete the square in
log p(x|z) + log p(z). With M = W^T W + c I the mean is
M^-1 W^T (x - b); you will find the covariance on the way.

elbo: for q(z|x) = N(mu, diag(exp(logvar))) the expectation of
log p(x|z) needs only E||x - W z - b||^2, which has a closed form: no
sampling. Then subtract the KL to the prior.

fit: the W, b, c of largest likelihood (Tipping & Bishop 1999, eq. 7 and
8) from the eigenvalues l_1 >= ... >= l_D and eigenvectors U of the data's
covariance (divided by N, the number of points):

    b = the mean,  c = mean of l_(K+1) .. l_D,  W = U_K (L_K - c I)^(1/2)

Any rotation of the latent space and any signs of W's columns give the
same likelihood. For the W above W^T W is diagonal, and so is the
posterior's covariance: with the posterior as q, ELBO = log p(x). Compare
both: it is a sharp test of your ELBO.

Shapes: x (B, D), W (D, K), b (D,), mu and logvar (B, K).

Check with `pytest -k 10_linear_vae`.
"""

import numpy as np


def posterior(x, W, b, c):
    """Return the mean (B, K) and covariance (K, K) of p(z|x)."""
    raise NotImplementedError


def elbo(x, mu, logvar, W, b, c):
    """Return the exact ELBO in nats for each point, shape (B,)."""
    raise NotImplementedError


def fit(x, K):
    """Return W (D, K), b (D,) and the variance c of largest likelihood."""
    raise NotImplementedError
