"""Exercise 4: Gaussian and Laplace log-likelihoods, and their gradients."""

import numpy as np

from minivae.grading.compare import gradient, precision, values
from minivae.grading.task import Task

LOG_2PI = np.log(2 * np.pi)
LOST = "The normalising constant is missing: without it nothing integrates to one."
ROW = "Each image's row is to be multiplied by its own number: times dlogp."


def _problem():
    rng = np.random.default_rng(5)
    x, y = rng.standard_normal((4, 3)), rng.standard_normal((4, 3))
    return x + 0.3 * np.sign(x - y), y, rng.standard_normal(4)  # off the Laplace's kink


def _gaussian(x, y, c):
    return -((x - y) ** 2 / (2 * c) + (LOG_2PI + np.log(c)) / 2).sum(axis=1)


def _laplace(x, y, b):
    return -(np.abs(x - y) / b + np.log(2 * b)).sum(axis=1)


def _density(student, name, scale, right, mistakes):
    """Exact values at two scales; the density integrates to one; B = 1."""
    x, y, _ = _problem()
    sizes, worst = {"B": x.shape[0], "D": x.shape[1]}, 0.0

    def call(x, y, scale):
        return student.call(name, x, y, scale, out={"log p": (len(x),)})

    for s in (scale, 3 * scale):
        came, wrong = call(x, y, s), mistakes(np.abs(x - y), s)
        worst = max(worst, values("log p(x)", came, right(x, y, s), wrong, sizes))
    grid = np.linspace(-40, 40, 16001)[:, None] * scale**0.5
    density = np.exp(np.float64(call(grid, np.zeros_like(grid), scale)))
    values("density's integral", [density.sum() * (grid[1, 0] - grid[0, 0])], [1.0])
    values("log p(x) of one image", call(x[:1], y[:1], scale), right(x[:1], y[:1], scale))
    return f"exact values {precision(worst)}; the density integrates to one"


def _density_grad(student, name, centre, scale, right, mistakes, look):
    """Finite differences with random upstream."""
    x, y, dlogp = _problem()

    def claim(p):
        args = x, p[centre], scale, dlogp
        return [student.call(name, *args, out={f"d{centre}": y.shape})]

    worst = gradient(
        lambda p: float((dlogp * right(x, p[centre], scale)).sum()),
        {centre: y},
        claim,
        mistakes={centre: mistakes(x - y, dlogp[:, None])},
        sizes={"B": len(x), "D": x.shape[1]},
        look={centre: look},
    )
    return f"agrees with finite differences, random dlogp, {precision(worst)}"


def gaussian_log_prob(student):
    """Exact values for two variances, and the integral."""

    def mistakes(r, c):
        D, square, constant = r.shape[1], (r**2).sum(axis=1) / (2 * c), LOG_2PI + np.log(c)
        return {
            "You use c as the standard deviation; it is the variance.": -square / c
            - D * (constant + np.log(c)) / 2,
            LOST: -square,
            "Half of log 2π is missing for each pixel.": -square - D * np.log(c) / 2,
            "The normalising constant is there once; it belongs to each pixel, so it counts"
            " D times.": -square - constant / 2,
            "The ½ of the square is missing.": -2 * square - D * constant / 2,
            "The density has a root in its denominator, and the root of a logarithm is a"
            " ½.": -square - D * constant,
        }

    return _density(student, "gaussian_log_prob", 0.4, _gaussian, mistakes)


def gaussian_log_prob_grad(student):
    """Finite differences with random upstream."""
    c, formula = 0.4, " | It is dlogp (x - mean) / c."

    def mistakes(r, up):
        weight = "The residual x - mean is not weighted: which divisor has the square?"
        return {
            f"{weight} Divide by the variance c.": up * r,
            "You divide by the square of c: c is the variance already.": up * r / c**2,
            ROW: r / c,
        }

    look = f"Differentiate the square.{formula}"
    name = "gaussian_log_prob_grad"
    return _density_grad(student, name, "mean", c, _gaussian, mistakes, look)


def laplace_log_prob(student):
    """Exact values for two scales, and the integral."""

    def mistakes(r, b):
        D, distance = r.shape[1], r.sum(axis=1) / b
        return {
            LOST: -distance,
            "The normalising constant of a Laplace has a 2 that is missing.": -distance
            - D * np.log(b),
            "You square; a Laplace has the plain distance |x - loc|.": -(r**2).sum(axis=1)
            / b
            - D * np.log(2 * b),
        }

    return _density(student, "laplace_log_prob", 0.7, _laplace, mistakes)


def laplace_log_prob_grad(student):
    """Finite differences with random upstream, off the kink."""
    b = 0.7

    def mistakes(r, up):
        slope = "That is a Gaussian's gradient. The slope of a distance knows only"
        return {
            f"{slope} the sign of x - loc.": up * r / b,
            "The scale is missing: divide by b.": up * np.sign(r),
            ROW: np.sign(r) / b,
        }

    look = "What is the slope of a distance? | It is dlogp sign(x - loc) / b."
    name = "laplace_log_prob_grad"
    return _density_grad(student, name, "loc", b, _laplace, mistakes, look)


TASK = Task(
    "04_gaussian_laplace",
    "Gaussian and Laplace",
    30,
    {
        "gaussian_log_prob": (2, gaussian_log_prob),
        "gaussian_log_prob_grad": (1, gaussian_log_prob_grad),
        "laplace_log_prob": (1, laplace_log_prob),
        "laplace_log_prob_grad": (1, laplace_log_prob_grad),
    },
)
