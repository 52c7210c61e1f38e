"""A layer under a squared error, whose gradient the tests of the checker alter."""

import numpy as np

from minivae.gradcheck import check_gradient

B, N, M = 6, 5, 3  # batch, inputs, outputs


def affine(square=False, seed=0):
    """A tanh layer under a squared error: loss, parameters, right gradient, its pieces."""
    rng = np.random.default_rng(seed)
    n = m = N
    if not square:
        m = M
    x, target = rng.standard_normal((B, n)), rng.standard_normal((B, m))
    theta = {"W": rng.standard_normal((n, m)), "b": rng.standard_normal(m)}

    def loss(p):
        return ((np.tanh(x @ p["W"] + p["b"]) - target) ** 2).sum() / B

    def grad(p):
        y = np.tanh(x @ p["W"] + p["b"])
        dy = 2 * (y - target) * (1 - y * y) / B
        return {"W": x.T @ dy, "b": dy.sum(axis=0)}

    def pieces(p):
        y = np.tanh(x @ p["W"] + p["b"])
        return x, 2 * (y - target) * (1 - y * y) / B

    return loss, theta, grad, pieces


def first_hint(mistake, square=False, **options):
    """The first hint on `affine` with its gradient changed by `mistake(g, x, dy)`."""
    loss, theta, grad, pieces = affine(square)

    def wrong(p):
        g = grad(p)
        mistake(g, *pieces(p))
        return g

    report = check_gradient(loss, theta, wrong, sizes={"B": B, "D": N}, **options)
    assert report.verdict == "WRONG", str(report)
    return report.hints[0], report


def log_sum_exp(theta):
    """log Σ exp(A theta): smooth and analytic in six parameters."""
    A = np.random.default_rng(0).standard_normal((6, 6))
    return np.log(np.sum(np.exp(A @ theta)))


THETA = np.random.default_rng(1).standard_normal(6)


def gradient_of_log_sum_exp():
    A = np.random.default_rng(0).standard_normal((6, 6))
    p = np.exp(A @ THETA)
    return A.T @ (p / p.sum())
