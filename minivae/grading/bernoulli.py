"""Exercise 3: the Bernoulli log-likelihood from logits, and its gradient."""

from itertools import product

import numpy as np

from minivae.grading.compare import agree, gradient, require, values
from minivae.grading.student import Wrong

STABLE = (
    " Simplify on paper until log(1 + exp(y)) is left. | log p = x y - log(1 + exp(y)), and"
    " log(1 + exp(y)) = max(y, 0) + log(1 + exp(-|y|))"
)


def _problem():
    rng = np.random.default_rng(4)
    x = (rng.random((5, 3)) < 0.5).astype(float)
    x[0] = 1.0, 0.0, 1.0
    return x, 2 * rng.standard_normal((5, 3)), rng.standard_normal(5)


def log_prob(student):
    """The probabilities of all images sum to one; exact values; logits up to ±10000."""
    x, y, _ = _problem()

    def call(x, y):
        return student.call("log_prob", x, y, out={"log p": (len(x),)})

    p = 1 / (1 + np.exp(-y))
    lit_only = (
        "Only the pixels that are on count in your sum; those that are off have a"
        " probability too. | They add (1 - x) log(1 - p)."
    )
    right = np.log(np.prod(np.where(x == 1, p, 1 - p), axis=1))
    mistakes = {lit_only: (x * np.log(p)).sum(axis=1)}
    look = "The probabilities of all images should add up to one for all logits."
    error = values("log p(x)", call(x, y), right, mistakes, {"B": 5, "D": 3}, look)
    every = np.array(list(product((0.0, 1.0), repeat=3)))
    total = np.exp(np.float64(call(every, np.tile(y[1], (8, 1))))).sum()
    values("sum of the probabilities of all 8 images", [total], [1.0])
    lit = np.array([[1.0, 0.0]] * 3)
    for size in (40.0, 1000.0, 1e4):
        came = call(lit, size * np.array([[1.0, -1.0], [-1.0, 1.0], [1.0, 1.0]]))
        at, bad = f"At logits of ±{size:g} your log p(x) is", came[~np.isfinite(came)]
        if bad.size:
            log = "you take the logarithm of a rounded p, or of an exp that overflows."
            raise Wrong(f"{at} {bad[0]}: {log}{STABLE}")
        clipped = (
            f"{at} finite and wrong: is p clipped somewhere? A pixel that the decoder"
            " gets wrong costs |y| nats, without limit." + STABLE
        )
        require(agree(1 + came / size, [1.0, -1.0, 0.0]), clipped)
    call(x[:1], y[:1])
    return error


def log_prob_grad(student):
    """Finite differences with random dlogp; logits of ±10000."""
    x, y, dlogp = _problem()
    p, up = 1 / (1 + np.exp(-y)), dlogp[:, None]

    def call(logits, x=x, dlogp=dlogp):
        out = {"dlogits": logits.shape}
        return student.call("log_prob_grad", x, logits, dlogp, out=out)

    def forward(logits):
        return x * logits - np.logaddexp(0, logits)

    in_p, twice = up * (x - p) / (p * (1 - p)), up * (x - p) * p * (1 - p)
    mistakes = {
        "That is the derivative with respect to p; the logits want one more factor, the"
        " slope of p in y.": in_p,
        "The slope of the sigmoid, p (1 - p), is there once too often: it cancels.": twice,
        "Your gradient does not know dlogp: each image's row is to be multiplied by its"
        " own number, times dlogp.": x - p,
        "You subtract the logits, where a probability belongs: the sigmoid.": up * (x - y),
        "Your gradient does not depend on x: what is off, pulls down.": up * (1 - p),
    }
    look = "Differentiate x y - log(1 + exp(y)). | It is dlogp (x - sigmoid(y))."
    theta, mistakes, look = {"logits": y}, {"logits": mistakes}, {"logits": look}
    error = gradient(forward, theta, up, call, mistakes, look, {"B": 5, "D": 3})
    far = 1e4 * np.array([[1.0, -1.0, 1.0, -1.0]])
    came = call(far, np.array([[1.0, 1.0, 0.0, 0.0]]), np.ones(1))
    values("dlogits at logits of ±10000, plus 1,", 1 + came, [[1.0, 2.0, 0.0, 1.0]])
    return error


TITLE, MINUTES = "Bernoulli log-likelihood", 40
POINTS = {log_prob: 4, log_prob_grad: 4}
