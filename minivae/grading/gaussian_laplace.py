"""Exercise 4: Gaussian and Laplace log-likelihoods, and their gradients."""

import numpy as np

from minivae.grading.compare import gradient, values

LOST = "The normalising constant is missing: without it nothing integrates to one."
ROW = "Each image's row is to be multiplied by its own number: times dlogp."


def _problem():
    rng = np.random.default_rng(5)
    x, y = rng.standard_normal((4, 3)), rng.standard_normal((4, 3))
    return x + 0.3 * np.sign(x - y), y, rng.standard_normal(4)  # off the Laplace's kink


def _gaussian(x, y, c):
    return -((x - y) ** 2 / (2 * c) + np.log(2 * np.pi * c) / 2).sum(axis=1)


def _laplace(x, y, b):
    return -(np.abs(x - y) / b + np.log(2 * b)).sum(axis=1)


def _density(student, name, scale, right, mistakes):
    x, y, _ = _problem()
    sizes, errors = {"B": x.shape[0], "D": x.shape[1]}, []

    def call(x, y, scale):
        return student.call(name, x, y, scale, out={"log p": (len(x),)})

    for s in (scale, 3 * scale):
        wrong = mistakes(np.abs(x - y), s)
        errors.append(values("log p(x)", call(x, y, s), right(x, y, s), wrong, sizes))
    grid = np.linspace(-40, 40, 16001)[:, None] * scale**0.5
    density = np.exp(np.float64(call(grid, np.zeros_like(grid), scale)))
    values("density's integral", [density.sum() * (grid[1, 0] - grid[0, 0])], [1.0])
    values("log p(x) of one image", call(x[:1], y[:1], scale), right(x[:1], y[:1], scale))
    return max(errors)


def _density_grad(student, name, centre, scale, right, mistakes, look):
    x, y, dlogp = _problem()

    def forward(**theta):
        return right(x, theta[centre], scale)

    def claim(**theta):
        args, out = (x, theta[centre], scale, dlogp), {f"d{centre}": y.shape}
        return student.call(f"{name}_log_prob_grad", *args, out=out)

    wrong = {centre: mistakes(x - y, dlogp[:, None], scale)}
    theta, look, sizes = {centre: y}, {centre: look}, {"B": 4, "D": 3}
    return gradient(forward, theta, dlogp, claim, wrong, look, sizes)


def gaussian_log_prob(student):
    """The density integrates to one; exact values for two variances."""

    def mistakes(r, c):
        D, square = r.shape[1], (r**2).sum(axis=1) / (2 * c)
        constant = np.log(2 * np.pi * c)
        root = "The density has a root in its denominator, and the log of a root has a ½."
        squared = -square / c - D * (constant + np.log(c)) / 2
        return {
            "You use c as the standard deviation; it is the variance.": squared,
            LOST: -square,
            "Half of log 2π is missing for each pixel.": -square - D * np.log(c) / 2,
            "The normalising constant is there once; it belongs to each pixel, so it counts"
            " D times.": -square - constant / 2,
            "The ½ of the square is missing.": -2 * square - D * constant / 2,
            root: -square - D * constant,
        }

    return _density(student, "gaussian_log_prob", 0.4, _gaussian, mistakes)


def gaussian_log_prob_grad(student):
    """Finite differences with random dlogp."""

    def mistakes(r, up, c):
        return {
            "The residual x - mean is not weighted. | Divide by the variance c.": up * r,
            "You divide by the square of c: c is the variance already.": up * r / c**2,
            ROW: r / c,
        }

    look = "Differentiate the square. | It is dlogp (x - mean) / c."
    return _density_grad(student, "gaussian", "mean", 0.4, _gaussian, mistakes, look)


def laplace_log_prob(student):
    """The density integrates to one; exact values for two scales."""

    def mistakes(r, b):
        distance, constant = r.sum(axis=1) / b, r.shape[1] * np.log(2 * b)
        squared = -(r**2).sum(axis=1) / b - constant
        no_2 = -distance - constant + r.shape[1] * np.log(2)
        return {
            LOST: -distance,
            "The constant of a Laplace has a 2 that is missing.": no_2,
            "You square; a Laplace has the plain distance |x - loc|.": squared,
        }

    return _density(student, "laplace_log_prob", 0.7, _laplace, mistakes)


def laplace_log_prob_grad(student):
    """Finite differences with random dlogp, off the kink."""

    def mistakes(r, up, b):
        slope = "That is a Gaussian's gradient. The slope of a distance knows only"
        return {
            f"{slope} the sign of x - loc.": up * r / b,
            "The scale is missing: divide by b.": up * np.sign(r),
            ROW: np.sign(r) / b,
        }

    look = "What is the slope of a distance? | It is dlogp sign(x - loc) / b."
    return _density_grad(student, "laplace", "loc", 0.7, _laplace, mistakes, look)


TITLE, MINUTES = "Gaussian and Laplace", 30
POINTS = {gaussian_log_prob: 2, gaussian_log_prob_grad: 1}
POINTS |= {laplace_log_prob: 1, laplace_log_prob_grad: 1}
