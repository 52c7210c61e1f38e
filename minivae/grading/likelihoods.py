"""Graders of exercises 3 and 4: Bernoulli, Gaussian and Laplace."""

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


def _real_problem():
    rng = np.random.default_rng(5)
    x, y = rng.standard_normal((4, 3)), rng.standard_normal((4, 3))
    x += 0.3 * np.sign(x - y)  # off the Laplace's kink
    return x, y, rng.standard_normal(4)


def _density(student, name, scale, right, mistakes):
    """The density integrates to one; images of several pixels; B = 1."""
    x, y, _ = _real_problem()
    B, D = x.shape

    def log_prob(x, y, scale):
        return student.call(name, x, y, scale, out={"log p": (len(x),)})

    worst = 0.0
    for s in (scale, 3 * scale):
        wrong = {hint: f(x, y, s) for hint, f in mistakes.items()}
        came = log_prob(x, y, s)
        error = values("log p(x)", came, right(x, y, s), wrong, {"B": B, "D": D})
        worst = max(worst, error)
    grid = np.linspace(-40, 40, 16001)[:, None] * scale**0.5
    density = np.exp(log_prob(grid, np.zeros_like(grid), scale).astype(np.float64))
    total = np.array([density.sum() * (grid[1, 0] - grid[0, 0])])
    values("density's integral", total, np.ones(1))
    values("log p(x) of one image", log_prob(x[:1], y[:1], scale), right(x, y, scale)[:1])
    return f"exact values {precision(worst)}; the density integrates to one"


def _density_grad(student, name, scale, right, mistakes, look):
    x, y, dlogp = _real_problem()

    def claim(theta):
        centre = theta["centre"]
        return {"centre": student.call(name, x, centre, scale, dlogp, out={"": y.shape})}

    worst = gradient(
        lambda p: float((dlogp * right(x, p["centre"], scale)).sum()),
        {"centre": y},
        claim,
        mistakes={"centre": {h: f(x, y, dlogp[:, None]) for h, f in mistakes.items()}},
        sizes={"B": len(x), "D": x.shape[1]},
        look={"centre": look},
    )
    return f"agrees with finite differences, random dlogp, {precision(worst)}"


def _gaussian(x, y, c):
    return -((x - y) ** 2 / (2 * c) + np.log(2 * np.pi * c) / 2).sum(axis=1)


def _laplace(x, y, b):
    return -(np.abs(x - y) / b + np.log(2 * b)).sum(axis=1)


def gaussian(student):
    """Exact values for two variances, and the integral."""
    lost = "The normalising constant is missing: without it nothing integrates to one."

    def square(x, y, c):
        return ((x - y) ** 2).sum(axis=1) / (2 * c)

    def changed(of_square, of_constant):
        def f(x, y, c):
            constant = x.shape[1] * np.log(2 * np.pi * c) / 2
            return -of_square * square(x, y, c) - of_constant * constant

        return f

    return _density(
        student,
        "gaussian_log_prob",
        0.4,
        _gaussian,
        {
            "You use c as the standard deviation; it is the variance.": lambda x, y, c: (
                _gaussian(x, y, c**2)
            ),
            lost: changed(1, 0),
            "Half of log 2π is missing for each pixel.": lambda x, y, c: (
                -(square(x, y, c) + x.shape[1] * np.log(c) / 2)
            ),
            "The constant ½ log(2πc) belongs to each pixel, so it counts D times.": (
                lambda x, y, c: -square(x, y, c) - np.log(2 * np.pi * c) / 2
            ),
            "The ½ of the square is missing.": changed(2, 1),
            "The density has a root, √(2πc), so its logarithm has a ½.": changed(1, 2),
        },
    )


def gaussian_grad(student):
    """Finite differences with random upstream."""
    c = 0.4
    return _density_grad(
        student,
        "gaussian_log_prob_grad",
        c,
        _gaussian,
        {
            "The residual x - mean is not weighted: divide by the variance c.": (
                lambda x, y, up: up * (x - y)
            ),
            "You divide by c²: c is the variance already.": lambda x, y, up: (
                up * (x - y) / c**2
            ),
            "Each image's row is to be multiplied by its own number: times dlogp.": (
                lambda x, y, up: (x - y) / c
            ),
        },
        "It is dlogp (x - mean) / c.",
    )


def laplace(student):
    """Exact values for two scales, and the integral."""
    return _density(
        student,
        "laplace_log_prob",
        0.7,
        _laplace,
        {
            "The normalising constant is missing: without it nothing integrates to one.": (
                lambda x, y, b: -np.abs(x - y).sum(axis=1) / b
            ),
            "The normalising constant of a Laplace is 1/(2b): its 2 is missing.": (
                lambda x, y, b: _laplace(x, y, b) + x.shape[1] * np.log(2)
            ),
            "You square; a Laplace has the plain distance |x - loc|.": lambda x, y, b: (
                -((x - y) ** 2 / b + np.log(2 * b)).sum(axis=1)
            ),
        },
    )


def laplace_grad(student):
    """Finite differences with random upstream, off the kink."""
    b = 0.7
    return _density_grad(
        student,
        "laplace_log_prob_grad",
        b,
        _laplace,
        {
            "That is a Gaussian's gradient. The slope of a distance knows only the sign of"
            " x - loc.": lambda x, y, up: up * (x - y) / b,
            "The scale is missing: divide by b.": lambda x, y, up: up * np.sign(x - y),
            "Each image's row is to be multiplied by its own number: times dlogp.": (
                lambda x, y, up: np.sign(x - y) / b
            ),
        },
        "It is dlogp sign(x - loc) / b.",
    )
