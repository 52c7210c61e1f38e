"""Exercise 6: reparameterization, and its gradient."""

import numpy as np

from minivae.grading.compare import agree, gradient, named, require, values, z_score
from minivae.grading.student import Wrong


def _posterior(B, K, seed):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((B, K)), 1.2 * rng.standard_normal((B, K)) - 0.5


def reparameterize(student):
    """Mean and variance of 5000 draws; the same eps gives the same z; (B, K) too."""
    mu, logvar = _posterior(2, 3, seed=9)
    sigma, eps = np.exp(logvar / 2), np.random.default_rng(8).standard_normal((5000, 2, 3))

    def call(eps):
        return student.call("reparameterize", mu, logvar, eps, out={"z": eps.shape})

    formula = " | mu + exp(logvar / 2) eps"
    z, right = np.float64(call(eps)), mu + sigma * eps
    decides = agree(call(eps), z) and not agree(call(-eps), z)
    require(decides, "eps does not decide z: use the eps you were given, and draw nothing.")
    variance = "You multiply by the variance exp(logvar); what is the standard deviation?"
    mistakes = {
        variance: mu + sigma**2 * eps,
        "You multiply by logvar itself; it is a logarithm, of σ².": mu + logvar * eps,
        "sigma is missing: the noise has the standard deviation 1.": mu + eps,
        "The mean of z is to be mu; yours is -mu.": sigma * eps - mu,
    }
    hint = named(z, right, mistakes, formula)
    if hint:
        raise Wrong(hint)
    z_score("z", z, mu, f"The mean of z should be mu.{formula}")
    spread = float(np.mean(z.std(axis=0) / sigma))
    hint = f"The standard deviation of z is about {spread:.2g} times sigma."
    z_score("the variance of z", (z - mu) ** 2, sigma**2, hint)
    return values("z", call(eps[0]), right[0], look=formula)


def reparameterize_grad(student):
    """Finite differences with random dz, for one sample and for five."""
    rng = np.random.default_rng(10)
    one = "There is one sample here: dz has the shape (B, K), and nothing is summed."
    five = "There are S = 5 samples here: they share mu and logvar, so sum over axis 0."
    stories = {(4, 3): one, (5, 4, 3): five}
    return max(_error(student, rng, *item) for item in stories.items())


def _error(student, rng, shape, story):
    mu, logvar = _posterior(4, 3, seed=11)
    sigma, (eps, dz) = np.exp(logvar / 2), rng.standard_normal((2, *shape))

    def claim(mu, logvar):
        out = {"dmu": mu.shape, "dlogvar": mu.shape}
        try:
            return student.call("reparameterize_grad", dz, logvar, eps, out=out)
        except Wrong as wrong:
            raise Wrong(f"{wrong} {story}") from None

    def forward(mu, logvar):
        return mu + np.exp(logvar / 2) * eps

    more = "wants one more factor: the derivative of sigma in logvar."
    mistakes = {
        "Your gradient for logvar is exactly twice what it should be: look at the ½ in"
        " the derivative of sigma.": dz * eps * sigma,
        "The derivative of exp(logvar / 2) has sigma itself in it.": dz * eps / 2,
        f"That is the derivative with respect to sigma; logvar {more}": dz * eps,
        "z = mu + sigma eps, so a factor eps belongs there.": dz * sigma / 2,
        "sigma² stands where sigma = exp(logvar / 2) belongs.": dz * eps * sigma**2 / 2,
    }
    over_S = tuple(range(eps.ndim - 2))
    mistakes = {"logvar": {hint: a.sum(axis=over_S) for hint, a in mistakes.items()}}
    look = {"mu": " | dmu = dz", "logvar": " | dlogvar = dz eps sigma / 2"}
    theta, sizes = {"mu": mu, "logvar": logvar}, {"B": 4, "K": 3, "S": eps.size // mu.size}
    return gradient(forward, theta, dz, claim, mistakes, look, sizes)


TITLE, MINUTES = "reparameterization", 25
POINTS = {reparameterize: 2, reparameterize_grad: 3}
