"""Graders of exercises 8 and 9: Adam, and the importance-weighted bound."""

import numpy as np

from minivae.grading.compare import agree, gradient, precision, values, z_score
from minivae.grading.student import Wrong

LR, BETA1, BETA2 = 0.1, 0.8, 0.95


def _adam(grads, lr=LR, beta1=BETA1, beta2=BETA2, eps=1e-3, **other):
    """theta, m, v after all steps from zero; each change of `other` is a known mistake."""
    change = {"root": np.sqrt, "square": lambda g, m: g**2, "inside": 0.0, **other}
    m = v = theta = np.zeros_like(grads[0])
    for t, g in enumerate(grads, 1):
        m = beta1 * m + change.get("new", 1 - beta1) * g
        v = beta2 * v + (1 - beta2) * change["square"](g, m)
        c1 = change.get("c1", 1 - beta1 ** (t + change.get("late", 0)))
        c2 = change.get("c2", 1 - beta2 ** (t + change.get("late2", 0)))
        with np.errstate(all="ignore"):
            theta = theta - lr * m / c1 / (change["root"](v / c2 + change["inside"]) + eps)
    return theta


def adam_step(student):
    """Six steps against sums, the first step's size, a gradient as small as eps."""
    rng = np.random.default_rng(13)
    P, eps = 5, 1e-3
    grads = rng.standard_normal((6, P)) * np.array([1.0, 0.01, 3.0, 0.1, 1.0])

    def run(grads, eps):
        theta, m, v = np.zeros((3, P))
        out = {"theta": (P,), "m": (P,), "v": (P,)}
        for t, g in enumerate(grads, 1):
            theta, m, v = student.call(
                "adam_step", theta, g, m, v, t, LR, BETA1, BETA2, eps, out=out
            )
        return theta, m, v

    theta, m, v = run(grads, eps)
    age = np.arange(6)[::-1, None]  # m is a sum: each gradient, weighted by its age
    right_m = (1 - BETA1) * (BETA1**age * grads).sum(axis=0)
    right_v = (1 - BETA2) * (BETA2**age * grads**2).sum(axis=0)
    swapped = "beta1 and beta2 are exchanged: beta1 belongs to m, beta2 to v."
    square = "v is made from the square of grad: beta2 v + (1 - beta2) grad²."
    first = run(grads[:1], eps)
    if agree(first[1], grads[0]) and agree(first[2], grads[0] ** 2):
        raise Wrong(
            "What is carried on to the next step is m and v, not mhat and vhat: otherwise"
            " they are corrected again and again."
        )
    m_mistakes = {
        swapped: (1 - BETA2) * (BETA2**age * grads).sum(axis=0),
        "The new gradient enters m with the weight (1 - beta1); it is missing.": (
            right_m / (1 - BETA1)
        ),
    }
    values("m after six steps", m, right_m, m_mistakes)
    running = np.array([right_m_at(grads, t) for t in range(1, 7)])
    v_mistakes = {
        square: (1 - BETA2) * (BETA2**age * grads).sum(axis=0),
        "v is made from the square of grad, not of m.": (1 - BETA2)
        * (BETA2**age * running**2).sum(axis=0),
    }
    values("v after six steps", v, right_v, v_mistakes)
    power = "The bias correction of {} is 1 - {}, with beta to the power t."
    mistakes = {
        "eps stands inside the root; Adam adds it outside the root.": _adam(
            grads, eps=0.0, inside=eps
        ),
        power.format("m", "beta1^t"): _adam(grads, c1=1 - BETA1),
        power.format("v", "beta2^t"): _adam(grads, c2=1 - BETA2),
        "The bias correction of m, by 1 - beta1^t, is missing.": _adam(grads, c1=1.0),
        "The bias correction of v, by 1 - beta2^t, is missing.": _adam(grads, c2=1.0),
        "t is 1 in the first step; you count one more.": _adam(grads, late=1, late2=1),
        "You go uphill: theta minus the step.": -_adam(grads),
        "The root of vhat is missing.": _adam(grads, root=lambda v: v),
        "eps is missing: a parameter without gradient gives 0/0.": _adam(grads, eps=0.0),
    }
    error = values("theta after six steps", theta, _adam(grads), mistakes)
    unit = run(1e-3 * np.ones((1, P)), 1e-12)[0]
    values("first step (its size is lr, whatever the gradient)", unit, np.full(P, -LR))
    still = run(np.zeros((2, P)), 1e-8)[0]
    values("theta + 1 without any gradient", 1 + still, np.ones(P))
    return (
        f"six steps {precision(error)}; the first step's size is lr; no gradient, no step"
    )


def right_m_at(grads, t):
    """m after t steps, as a sum."""
    age = np.arange(t)[::-1, None]
    return (1 - BETA1) * (BETA1**age * grads[:t]).sum(axis=0)


def log_weights(student):
    """Their mean is p(x) where p(x) is known: x = z + noise, with K = 2."""
    rng = np.random.default_rng(14)
    S, B, K = 4, 3, 2
    mu, logvar = 0.5 * rng.standard_normal((B, K)), 0.4 * rng.standard_normal((B, K))
    x = rng.standard_normal((B, K))

    def call(z, log_px):
        out = {"log w": log_px.shape}
        return student.call("log_weights", log_px, z, mu, logvar, out=out)

    def log_normal(z, mean, logvar):
        return -0.5 * (np.log(2 * np.pi) + logvar + (z - mean) ** 2 / np.exp(logvar)).sum(
            -1
        )

    def drawn(S):
        z = mu + np.exp(logvar / 2) * rng.standard_normal((S, B, K))
        return z, log_normal(x, z, 0.0)

    z, log_px = drawn(S)
    prior, q = log_normal(z, 0.0, 0.0), log_normal(z, mu, logvar)
    kl = 0.5 * (mu**2 + np.exp(logvar) - 1 - logvar).sum(axis=-1)
    error = values(
        "log w",
        call(z, log_px),
        log_px + prior - q,
        {
            "log p(z) is missing: the prior belongs to the joint density.": log_px - q,
            "log q(z|x) is missing: the samples were drawn from it.": log_px + prior,
            "The weight is divided by q(z|x): minus log q.": log_px + prior + q,
            "logvar is taken for log σ in q; it is log σ².": log_px
            + prior
            - log_normal(z, mu, 2 * logvar),
            "The analytic KL is an average already; a sample's weight needs its own"
            " log p(z) - log q(z|x), not the KL.": log_px - kl,
            "The term ½ logvar of log q(z|x) is missing or doubled.": log_px
            + prior
            - q
            - logvar.sum(-1) / 2,
        },
        {"S": S, "B": B, "K": K},
    )
    w = np.exp(np.float64(call(*drawn(20000))))
    exact = np.exp(log_normal(x, 0.0, np.log(2.0)))
    z_score("the mean weight", w, exact, "The weights' mean should be p(x).")
    return f"exact values {precision(error)}; their mean is the exact p(x) (Monte Carlo)"


def bound(student):
    """Exact values, S = 1, weights that under- and overflow."""
    rng = np.random.default_rng(15)
    log_w = 2 * rng.standard_normal((6, 4)) - 3

    def call(log_w):
        return student.call("bound", log_w, out={"L_S": log_w.shape[1:]})

    top, S = log_w.max(axis=0), len(log_w)
    right = np.log(np.exp(log_w).mean(axis=0))
    mistakes = {
        "You average the logarithms: that is the ELBO, and does not tighten with S. The"
        " average is inside the logarithm.": log_w.mean(axis=0),
        "That is the log of the sum; the mean has -log S as well.": right + np.log(S),
        "The largest log w, taken out of the sum, is not put back.": right - top,
        "That is the largest weight alone, not the mean of all.": top,
        "The mean is over the samples, axis 0, for each image.": top
        + np.log(np.exp(log_w - top).mean()),
    }
    came = call(log_w)
    error = values("L_S", came, right, mistakes, {"S": S, "B": 4})
    for far in (-5000.0, 5000.0):
        shifted = call(log_w + far)
        if not agree(shifted - far, right):
            raise Wrong(
                f"With log w around {far:g} your L_S is {np.float64(shifted[0]):g} instead"
                f" of {right[0] + far:g}: exp under- or overflows. Take the largest log w"
                " out of the sum first."
            )
    values("L_1, which is log w itself,", call(log_w[:1]), log_w[0])
    return f"exact values {precision(error)}; log w of ±5000; L_1 = log w"


def bound_grad(student):
    """Finite differences with random upstream; weights that underflow."""
    rng = np.random.default_rng(16)
    log_w, dbound = 1.5 * rng.standard_normal((5, 3)) - 1, rng.standard_normal(3)
    S = len(log_w)
    w, top = np.exp(log_w), np.exp(log_w - log_w.max(axis=0))

    def call(log_w):
        out = {"dlog_w": log_w.shape}
        return student.call("bound_grad", log_w, dbound, out=out)

    lost = "The weights that mix the samples must sum to one: divide by their sum."
    worst = gradient(
        lambda p: float((dbound * np.log(np.exp(p["log_w"]).mean(axis=0))).sum()),
        {"log_w": log_w},
        lambda theta: {"log_w": call(theta["log_w"])},
        mistakes={
            "log_w": {
                "Your worst sample weighs most: the weights are the softmax of plus"
                " log w.": dbound / w / (1 / w).sum(axis=0),
                lost: top * dbound,
                lost + " ": w * dbound,
                "All samples weigh alike, as in the ELBO: the gradient of log-mean-exp is"
                " the softmax of log w.": np.ones_like(w) * dbound / S,
                "Normalise over the samples, axis 0, for each image.": dbound
                * top
                / top.sum(axis=1, keepdims=True),
                "Each image's column is to be multiplied by its own number: times"
                " dbound.": w / w.sum(axis=0),
            }
        },
        sizes={"S": S, "B": 3},
    )
    far = call(log_w - 5000)
    if not agree(far, dbound * w / w.sum(axis=0)):
        raise Wrong(
            "With log w around -5000 your weights underflow to 0/0: take the largest log w"
            " out first. The weights do not change if all log w shift together."
        )
    return f"agrees with finite differences, random dbound, {precision(worst)}"
