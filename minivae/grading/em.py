"""Exercise 11: EM for a mixture of Gaussians."""

import numpy as np

from minivae.grading.compare import agree, require, values


def _mixture():
    rng = np.random.default_rng(20)
    x = 1.5 * rng.standard_normal((7, 2))
    means, spread = rng.standard_normal((2, 3, 2))
    return x, np.array([0.6, 0.3, 0.1]), means, np.exp(0.7 * spread)


def e_step(student):
    """Bayes' rule with the densities themselves; rows sum to one; points 1000 away."""
    x, weights, means, variances = _mixture()

    def call(x, means=means):
        out = {"r": (len(x), len(weights))}
        return student.call("e_step", x, weights, means, variances, out=out)

    square = (x[:, None] - means) ** 2

    def bayes(log_n, w=weights):
        joint = w * np.exp(log_n)
        return joint / joint.sum(axis=1, keepdims=True)

    log_n = -0.5 * (square / variances + np.log(2 * np.pi * variances)).sum(axis=2)
    right, came = bayes(log_n), call(x)
    hard = 1.0 * (right == right.max(axis=1, keepdims=True))
    no_log = bayes(log_n, np.exp(weights))
    wide = -0.5 * (square / variances**2 + 2 * np.log(variances)).sum(axis=2)
    unnormalised = bayes(-0.5 * (square / variances).sum(axis=2))
    mistakes = {
        "The prior probabilities weights[k] are missing from the joint.": bayes(log_n, 1.0),
        "That is k-means: all or nothing. The posterior is soft.": hard,
        "The log variance in the density's normaliser is missing.": unnormalised,
        "variances are variances, not standard deviations: no square.": bayes(wide),
        "It is log weights[k] that is added to the log-density.": no_log,
        "The ½ of the Gaussian's exponent is missing.": bayes(2 * log_n),
    }
    one = np.ones(len(x))
    points = "Normalise over k, the components (axis 1), not over the points."
    require(not agree(came.sum(axis=0), np.ones(len(weights))), points)
    sums = agree(came.sum(axis=1), one)
    require(sums, "The responsibilities of a point must sum to one over k; divide by it.")
    error = values("r", came, right, mistakes)
    underflow = (
        "For points far from every component all densities underflow to 0/0: take the"
        " largest logarithm out before exp."
    )
    require(agree(call(x + 1000.0, means + 1e-3).sum(axis=1), one), underflow)
    return error


def m_step(student):
    """The weighted averages of most expected log-likelihood."""
    x, *_ = _mixture()
    rng = np.random.default_rng(21)
    r = rng.random((len(x), 3)) ** 2
    r /= r.sum(axis=1, keepdims=True)
    (B, D), C = x.shape, 3
    out = {"weights": (C,), "means": (C, D), "variances": (C, D)}
    weights, means, variances = student.call("m_step", x, r, out=out)
    N = r.sum(axis=0)[:, None]
    right = r.T @ x / N
    spread = np.array([r[:, k] @ (x - right[k]) ** 2 for k in range(C)])
    overall = np.array([r[:, k] @ (x - x.mean(axis=0)) ** 2 for k in range(C)]) / N
    alike = "The weights are not equal: each component takes its share of the points."
    wrong = {"The weights must sum to one.": N[:, 0], alike: np.ones(C) / C}
    values("weights", weights, N[:, 0] / B, wrong, look=" | N_k / B")
    share = "Divide by N_k, the number of points the component takes{}."
    wrong = {share.format(""): r.T @ x, share.format(", not by B"): r.T @ x / B}
    error = values("means", means, right, wrong)
    own = "The variance is about the component's own mean."
    wrong = {
        own: overall,
        own + " (Not about zero.)": r.T @ x**2 / N,
        "You return standard deviations; variances were asked for.": np.sqrt(spread / N),
        "Divide by N_k, not N_k - 1: the maximum of the likelihood.": spread / (N - 1),
        "The variances are divided by B; they are to be divided by N_k.": spread / B,
    }
    return max(error, values("variances", variances, spread / N, wrong))


TITLE, MINUTES, POINTS = "EM for a mixture", 60, {e_step: 4, m_step: 4}
