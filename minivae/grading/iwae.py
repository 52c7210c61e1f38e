"""Exercise 9: the importance-weighted bound, and its gradient."""

import numpy as np

from minivae.grading.compare import agree, gradient, require, values, z_score


def log_weights(student):
    """Exact values; their mean is p(x) where that is known (Monte Carlo)."""
    rng = np.random.default_rng(14)
    S, B, K = 4, 3, 2
    mu, logvar = 0.5 * rng.standard_normal((B, K)), 0.4 * rng.standard_normal((B, K))
    x = rng.standard_normal((B, K))

    def call(z, log_px):
        out = {"log w": log_px.shape}
        return student.call("log_weights", log_px, z, mu, logvar, out=out)

    def log_normal(z, mean, logvar):
        square = (z - mean) ** 2 / np.exp(logvar)
        return -0.5 * (np.log(2 * np.pi) + logvar + square).sum(axis=-1)

    def drawn(S):
        z = mu + np.exp(logvar / 2) * rng.standard_normal((S, B, K))
        return z, log_normal(x, z, 0.0)

    z, log_px = drawn(S)
    prior, q = log_normal(z, 0.0, 0.0), log_normal(z, mu, logvar)
    kl, right = 0.5 * (mu**2 + np.exp(logvar) - 1 - logvar).sum(axis=-1), log_px + prior - q
    log_sigma = right + q - log_normal(z, mu, 2 * logvar)
    mistakes = {
        "log p(z) is missing: the prior belongs to the joint density.": log_px - q,
        "log q(z|x) is missing: the samples were drawn from it.": log_px + prior,
        "The weight is divided by q(z|x): minus log q.": log_px + prior + q,
        "logvar is taken for log σ in q; it is log σ².": log_sigma,
        "The analytic KL is an average already; a sample's weight needs its own"
        " log p(z) - log q(z|x), not the KL.": log_px - kl,
        "The term ½ logvar of log q(z|x) is missing.": right - logvar.sum(axis=-1) / 2,
    }
    error = values("log w", call(z, log_px), right, mistakes, {"S": S, "B": B, "K": K})
    w = np.exp(np.float64(call(*drawn(20000))))
    exact = np.exp(log_normal(x, 0.0, np.log(2.0)))
    z_score("the mean weight", w, exact, "The weights' mean should be p(x).")
    return error


def bound(student):
    """Exact values; log w of ±5000; L_1 = log w."""
    log_w = 2 * np.random.default_rng(15).standard_normal((6, 4)) - 3

    def call(log_w):
        return student.call("bound", log_w, out={"L_S": log_w.shape[1:]})

    top, S = log_w.max(axis=0), len(log_w)
    right = np.log(np.exp(log_w).mean(axis=0))
    over_all = top + np.log(np.exp(log_w - top).mean())
    mistakes = {
        "You average the logarithms: that is the ELBO, and does not tighten with S. The"
        " average is inside the logarithm.": log_w.mean(axis=0),
        "That is the log of the sum; the mean has -log S as well.": right + np.log(S),
        "The largest log w, taken out of the sum, is not put back.": right - top,
        "That is the largest weight alone, not the mean of all.": top,
        "The mean is over the samples, axis 0, for each image.": over_all,
    }
    error = values("L_S", call(log_w), right, mistakes, {"S": S, "B": 4})
    for far in (-5000.0, 5000.0):
        shifted = call(log_w + far)
        hint = (
            f"With log w around {far:g} your L_S is {np.float64(shifted[0]):g} instead"
            f" of {right[0] + far:g}: exp under- or overflows. Take the largest log w"
            " out of the sum first."
        )
        require(agree(shifted - far, right), hint)
    values("L_1, which is log w itself,", call(log_w[:1]), log_w[0])
    return error


def bound_grad(student):
    """Finite differences with random dbound; log w of -5000."""
    rng = np.random.default_rng(16)
    log_w, dbound = 1.5 * rng.standard_normal((5, 3)) - 1, rng.standard_normal(3)
    w, top, S = np.exp(log_w), np.exp(log_w - log_w.max(axis=0)), len(log_w)
    look = {"log_w": " | It is dbound times the softmax of log w over the samples."}

    def forward(log_w):
        return np.log(np.exp(log_w).mean(axis=0))

    def call(log_w):
        out = {"dlog_w": log_w.shape}
        return student.call("bound_grad", log_w, dbound, out=out)

    lost = "The weights that mix the samples must sum to one: divide by their sum."
    worst, over_images = 1 / w / (1 / w).sum(axis=0), top / top.sum(axis=1, keepdims=True)
    forgot = "Each image's column is to be multiplied by its own number: times dbound."
    mistakes = {
        "Your worst sample weighs most: look at the sign of log w.": dbound * worst,
        lost: top * dbound,
        lost + " ": w * dbound,
        "All samples weigh alike, as in the ELBO: where is w_s in the derivative of a"
        " log-mean-exp?": np.ones_like(w) * dbound / S,
        "Normalise over the samples, axis 0, for each image.": dbound * over_images,
        forgot: w / w.sum(axis=0),
    }
    theta, mistakes, sizes = {"log_w": log_w}, {"log_w": mistakes}, {"S": S, "B": 3}
    error = gradient(forward, theta, dbound, call, mistakes, look, sizes)
    lost = "With log w around -5000 your weights underflow to 0/0: subtract the largest"
    stable = agree(call(log_w - 5000), dbound * w / w.sum(axis=0))
    require(stable, f"{lost} log w first, which changes no weight.")
    return error


TITLE, MINUTES = "importance-weighted bound", 45
POINTS = {log_weights: 3, bound: 2, bound_grad: 3}
