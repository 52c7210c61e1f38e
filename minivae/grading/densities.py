"""Grader of exercise 4: Gaussian and Laplace log-likelihoods."""

import numpy as np

from minivae.grading.compare import gradient, precision, values


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


def _density_grad(student, name, centre, scale, right, mistakes, look):
    x, y, dlogp = _real_problem()

    def claim(theta):
        args = x, theta[centre], scale, dlogp
        return {centre: student.call(name, *args, out={f"d{centre}": y.shape})}

    worst = gradient(
        lambda p: float((dlogp * right(x, p[centre], scale)).sum()),
        {centre: y},
        claim,
        mistakes={centre: {h: f(x, y, dlogp[:, None]) for h, f in mistakes.items()}},
        sizes={"B": len(x), "D": x.shape[1]},
        look={centre: look},
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
        "mean",
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
        "loc",
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
