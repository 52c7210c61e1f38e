"""Grader of exercise 3: the Bernoulli log-likelihood from logits."""

from itertools import product

import numpy as np

from minivae.grading.compare import gradient, precision, values


def _bernoulli_problem():
    rng = np.random.default_rng(4)
    x = (rng.random((5, 3)) < 0.5).astype(float)
    x[0] = 1.0, 0.0, 1.0
    return x, 2 * rng.standard_normal((5, 3)), rng.standard_normal(5)


def bernoulli(student):
    """Against p itself; the probabilities of all images sum to one; extreme logits."""
    x, y, _ = _bernoulli_problem()
    B, D = x.shape

    def log_prob(x, y):
        return student.call("log_prob", x, y, out={"log p": (len(x),)})

    p = 1 / (1 + np.exp(-y))
    right = np.log(np.prod(np.where(x == 1, p, 1 - p), axis=1))
    only_on = (x * np.log(p)).sum(axis=1)
    error = values(
        "log p(x)",
        log_prob(x, y),
        right,
        {
            "Only the pixels that are on count in your sum; those that are off add"
            " (1 - x) log(1 - p).": only_on,
        },
        {"B": B, "D": D},
        "The probabilities of all images should add up to one for all logits.",
    )
    every = np.array(list(product((0.0, 1.0), repeat=3)))
    total = np.exp(np.float64(log_prob(every, np.tile(y[1], (8, 1))))).sum()
    values("sum of the probabilities of all 8 images", np.array([total]), np.ones(1))
    for size in (40.0, 1000.0, 1e4):
        far = size * np.array([[1.0, -1.0], [-1.0, 1.0], [1.0, 1.0]])
        lit = np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]])
        came = log_prob(lit, far)
        broken = (
            f"At logits of ±{size:g} your log p(x) is not what it should be: you take the"
            " logarithm of a rounded p, or of an exp that overflows. Simplify on paper to"
            " x y - log(1 + exp(y)), with log(1 + exp(y)) = max(y, 0) + log(1 + exp(-|y|))."
        )
        if np.isfinite(came).all():
            broken = (
                f"At logits of ±{size:g} your log p(x) is finite and wrong: is p clipped"
                " somewhere? A pixel that the decoder gets wrong costs |y| nats, without"
                " limit. Simplify on paper to x y - log(1 + exp(y)) instead."
            )
        expected = -np.array([0.0, 2.0, 1.0]) * size
        off = np.abs(came - expected) > 1e-4 * size
        if not np.isfinite(came).all() or off.any():
            values("log p(x)", np.zeros(1), np.ones(1), {broken: np.zeros(1)})
    log_prob(x[:1], y[:1])
    return (
        f"exact values {precision(error)}; probabilities of all images sum to one; logits"
        " up to ±10000"
    )


def bernoulli_grad(student):
    """Finite differences with random upstream; extreme logits."""
    x, y, dlogp = _bernoulli_problem()
    p = 1 / (1 + np.exp(-y))
    up = dlogp[:, None]

    def call(x, y, dlogp):
        return student.call("log_prob_grad", x, y, dlogp, out={"dlogits": y.shape})

    def loss(theta):
        y = theta["logits"]
        return float((dlogp * (x * y - np.logaddexp(0, y)).sum(axis=1)).sum())

    worst = gradient(
        loss,
        {"logits": y},
        lambda theta: {"logits": call(x, theta["logits"], dlogp)},
        mistakes={
            "logits": {
                "That is the derivative with respect to p; the logits want one more factor"
                " dp/dy = p (1 - p), and then everything collects to x - p.": up
                * (x - p)
                / (p * (1 - p)),
                "A factor p (1 - p), the slope of the sigmoid, is there once too often: it"
                " cancels, and x - p is left.": up * (x - p) * p * (1 - p),
                "Each image's row is to be multiplied by its dlogp: x - p, times dlogp.": x
                - p,
                "You subtract the logits; what belongs there is p = sigmoid(y).": up
                * (x - y),
                "Your gradient does not depend on x; it is x - sigmoid(y), times dlogp.": up
                * (1 - p),
            }
        },
        sizes={"B": len(x), "D": x.shape[1]},
        look={"logits": "It is dlogp (x - sigmoid(y))."},
    )
    far = 1e4 * np.array([[1.0, -1.0, 1.0, -1.0]])
    lit = np.array([[1.0, 1.0, 0.0, 0.0]])
    came = call(lit, far, np.ones(1))
    values("dlogits at logits of ±10000", 1 + came, np.array([[1.0, 2.0, 0.0, 1.0]]))
    return f"agrees with finite differences, random dlogp, {precision(worst)}"
