"""Exercise 10: the linear VAE against probabilistic PCA."""

import numpy as np

from minivae.grading.compare import values


def _linear():
    rng, (B, D, K) = np.random.default_rng(17), (4, 5, 3)
    W, b, x = (rng.standard_normal(s) for s in ((D, K), D, (B, D)))
    return x, W, b, 0.3, 0.5 * rng.standard_normal((B, K)), rng.standard_normal((B, K)) - 1


def _log_p(x, W, b, c):
    """Exact log p(x), by the D x D covariance."""
    C = W @ W.T + c * np.eye(len(b))
    square = np.einsum("bi,ij,bj->b", x - b, np.linalg.inv(C), x - b)
    return -0.5 * (len(b) * np.log(2 * np.pi) + np.linalg.slogdet(C)[1] + square)


def posterior(student):
    """Gaussian conditioning in the joint of x and z, a D x D computation."""
    x, W, b, c, *_ = _linear()
    (B, D), K = x.shape, W.shape[1]
    out = {"mean": (B, K), "cov": (K, K)}
    mean, cov = student.call("posterior", x, W, b, c, out=out)
    gain = W.T @ np.linalg.inv(W @ W.T + c * np.eye(D))  # cov(z, x) cov(x)⁻¹
    right = (x - b) @ gain.T, np.eye(K) - gain @ W

    def with_c(c):
        return np.linalg.inv(W.T @ W + c * np.eye(K))

    def centre(inverse, b=b):
        return (x - b) @ W @ inverse

    M_inv, no_prior = with_c(c), centre(with_c(0.0))
    wrong_mean = {
        "In M = WᵀW + c I the term c I is missing: the prior is forgotten.": no_prior,
        "In M = WᵀW + c I it is c I, not the identity.": centre(with_c(1.0)),
        "x is not centred: subtract b first.": centre(M_inv, 0.0),
        "c is the variance already: do not square it.": centre(with_c(c**2)),
    }
    precision = np.linalg.inv(right[1])
    wrong_cov = {
        "The covariance is c times the inverse of M; the c is missing.": M_inv,
        "That is the precision M/c; the covariance is its inverse.": precision,
    }
    error = values("posterior mean", mean, right[0], wrong_mean, {"c": c})
    return max(error, values("posterior covariance", cov, right[1], wrong_cov, {"c": c}))


def elbo(student):
    """Exact values; log p(x) where q is the posterior."""
    x, W, b, c, mu, logvar = _linear()
    (B, D), K = x.shape, W.shape[1]

    def call(*args):
        return student.call("elbo", *args, out={"ELBO": (len(args[0]),)})

    came = call(x, mu, logvar, W, b, c)
    norms, var = (W**2).sum(axis=0), np.exp(logvar)
    square = ((x - mu @ W.T - b) ** 2).sum(axis=1)
    spread, constant = var @ norms, D * np.log(2 * np.pi * c) / 2
    kl = 0.5 * (mu**2 + var - 1 - logvar).sum(axis=1)
    rec = (square + spread) / (2 * c) + constant
    wide = rec + (np.exp(logvar / 2) @ norms - spread) / (2 * c)
    mistakes = {
        "Only the mean mu is decoded: the spread of z adds Σ_k σ_k² ‖W_k‖² to the expected"
        " square.": -rec + spread / (2 * c) - kl,
        "The normalising constant D/2 log(2πc) is missing.": -rec + constant - kl,
        "The square is divided by 2c, not by c.": -2 * rec + constant - kl,
        "The ELBO is -rec minus the KL; you add it.": -rec + kl,
        "The KL is missing.": -rec,
        "Your ELBO has the wrong sign: that is the loss.": rec + kl,
        "σ stands where σ² belongs in the spread: exp(logvar) is the variance.": -wide - kl,
    }
    error = values("ELBO", came, -rec - kl, mistakes, {"B": B, "D": D, "K": K})
    Q, _ = np.linalg.qr(W)  # orthogonal columns: then a diagonal q holds the posterior
    mean, var = (x - b) @ Q / (1 + c), np.full((B, K), np.log(c / (1 + c)))
    tight, exact = call(x, mean, var, Q, b, c), _log_p(x, Q, b, c)
    values("ELBO at q = posterior, which is log p(x),", tight, exact)
    return error


def fit(student):
    """W Wᵀ, b and c of most likelihood, whatever the rotation of W."""
    rng = np.random.default_rng(19)
    N, D, K = 40, 5, 2
    x = rng.standard_normal((N, D)) @ rng.standard_normal((D, D)) + 3.0
    W, b, c = student.call("fit", x, K, out={"W": (D, K), "b": (D,), "c": ()})
    values("b", b, x.mean(axis=0), look="b is the mean of the data.")
    eigen, U = np.linalg.eigh(np.cov(x.T, bias=True))
    eigen, U = eigen[::-1], U[:, ::-1]
    right_c, large, unbiased = eigen[K:].mean(), eigen[:-K].mean(), N / (N - 1)
    wrong_c = {
        "c comes from the largest eigenvalues: eigh sorts upwards.": large,
        "c is the mean of the discarded eigenvalues; yours is their sum.": eigen[K:].sum(),
        "There are D - K discarded eigenvalues; you divide by D.": eigen[K:].sum() / D,
        "The covariance of most likelihood is divided by N, not N - 1.": right_c * unbiased,
    }
    values("c", c, right_c, wrong_c)
    U, kept = U[:, :K], eigen[:K]
    right, plain = (U * (kept - right_c)) @ U.T, (U * kept) @ U.T
    mistakes = {
        "That is W without subtracting c, which the noise has already.": plain,
        "The lengths of W's columns are missing: the roots of what is over c.": U @ U.T,
        "The root is missing in W's lengths.": (U * (kept - right_c) ** 2) @ U.T,
    }
    name, W = "W Wᵀ (rotations and signs do not matter)", np.float64(W)
    return values(name, W @ W.T, right, mistakes, look=" | W = U_K (L_K - c I)^½")


TITLE, MINUTES = "linear VAE against probabilistic PCA", 90
POINTS = {posterior: 3, elbo: 4, fit: 3}
