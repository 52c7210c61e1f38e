"""Exercise 10, solved from the data's singular values; W is rotated."""

import numpy as np


def posterior(x, W, b, c):
    """Return the mean (B, K) and covariance (K, K) of p(z|x)."""
    precision = np.eye(W.shape[1]) + W.T @ W / c
    cov = np.linalg.solve(precision, np.eye(W.shape[1]))
    return np.einsum("kl,dl,bd->bk", cov, W, x - b) / c, cov


def elbo(x, mu, logvar, W, b, c):
    """Return the exact ELBO in nats for each point, shape (B,)."""
    result = np.zeros(len(x), np.float32)
    for r, (m, s) in enumerate(zip(mu, logvar, strict=True)):
        cov = np.diag(np.exp(s))
        rest = x[r] - W @ m - b
        square = rest @ rest + np.trace(W @ cov @ W.T)
        result[r] -= 0.5 * (len(b) * np.log(2 * np.pi * c) + square / c)
        result[r] -= 0.5 * (m @ m + np.trace(cov) - len(m) - s.sum())
    return result


def fit(x, K):
    """Return W (D, K), b (D,) and the variance c of most likelihood."""
    b = x.mean(axis=0)
    _, s, Vt = np.linalg.svd((x - b) / np.sqrt(len(x)))
    c = (s[K:] ** 2).mean()
    W = Vt[:K].T * np.sqrt(s[:K] ** 2 - c)
    turn, _ = np.linalg.qr(
        np.arange(K * K).reshape(K, K) ** 1.5 + np.eye(K)
    )
    return W @ turn, b, c
