"""A Gaussian mixture fitted by EM: the tractable neighbour of the VAE.

The latent variable is which of C components drew the point, so the sum over it can
be done, and all that a VAE has to bound is exact here:

    p(x)     = sum_k weights[k] N(x; means[k], diag(variances[k]))
    p(k | x) = weights[k] N(x; means[k], diag(variances[k])) / p(x)

EM takes q(k) = p(k | x) (the E step: the bound touches log p(x)) and then raises the
bound in the parameters (the M step), so log p(x) can never fall. The VAE keeps the
second half of that and replaces the first by an encoder.
"""

import warnings
from typing import NamedTuple

import numpy as np

from minivae.errors import as_float_array, check_generator, check_number, check_whole
from minivae.gaussian import log_normal
from minivae.numerics import log_sum_exp


class GaussianMixture:
    """A mixture of C Gaussians with diagonal covariances over D dimensions.

    Diagonal, because a full covariance of 64 pixels has 2080 entries per component
    and is singular wherever a pixel of the margin is always blank.

    Parameters
    ----------
    weights : (C,) array
        Mixing proportions, not negative, summing to one.
    means : (C, D) array
    variances : (C, D) array
        Variances (not standard deviations), above zero.

    Raises
    ------
    TypeError, ValueError
        For a wrong dtype or shape, values that are not finite, weights that are no
        distribution, a variance of zero or below.
    """

    def __init__(self, weights, means, variances):
        self.means = _check("means", means, None, None)
        self.C, self.D = self.means.shape
        self.weights = _check("weights", weights, self.C)
        self.variances = _check("variances", variances, self.C, self.D)
        if (self.weights < 0).any() or abs(self.weights.sum() - 1.0) > 1e-9:
            raise ValueError(
                "weights: expected values of at least 0 that sum to 1, got"
                f" {self.weights} with the sum {self.weights.sum()}"
            )
        if (lowest := self.variances.min()) <= 0:
            raise ValueError(f"variances: expected values above 0, got {lowest}")

    def log_joint(self, x):
        """Return log p(x, k) = log weights[k] + log N(x; means[k], variances[k]).

        Parameters
        ----------
        x : (B, D) array

        Returns
        -------
        (B, C) array
            In nats; -inf for a component of weight zero.
        """
        x = _check("x", x, None, self.D)
        with np.errstate(divide="ignore"):
            log_weights = np.log(self.weights)
        joint = np.empty((len(x), self.C))
        for k in range(self.C):  # one (B, D) array at a time, never (B, C, D)
            logvar = np.log(self.variances[k])
            joint[:, k] = log_normal(x, self.means[k], logvar).sum(axis=1)
        return joint + log_weights

    def log_prob(self, x):
        """Return the exact log p(x) in nats, shape (B,), for x of shape (B, D).

        log p(x) = log sum_k exp(log_joint[:, k]), with the largest term taken out of
        the sum first: at D = 64 each term alone underflows.
        """
        return log_sum_exp(self.log_joint(x), axis=1)

    def responsibilities(self, x):
        """Return the exact posterior p(k | x) = p(x, k) / p(x).

        Parameters
        ----------
        x : (B, D) array

        Returns
        -------
        (B, C) array
            Probabilities; each row sums to one.
        """
        joint = self.log_joint(x)
        return np.exp(joint - log_sum_exp(joint, axis=1)[:, None])

    def sample(self, n, rng):
        """Draw from p(x): a component k by its weight, then x from its Gaussian.

        Parameters
        ----------
        n : int
        rng : numpy.random.Generator

        Returns
        -------
        (n, D) array
        """
        n = check_whole("n", n, 1)
        check_generator("rng", rng)
        k = rng.choice(self.C, size=n, p=self.weights)
        noise = rng.standard_normal((n, self.D))
        return self.means[k] + np.sqrt(self.variances[k]) * noise


class MixtureFit(NamedTuple):
    """What EM returns.

    mixture : the fitted `GaussianMixture`
    log_likelihood : (1 + iterations,) array, the mean log p(x) in nats per point, at
        the start and after each iteration
    degenerate : dict, component -> a sentence on what became of it
    """

    mixture: GaussianMixture
    log_likelihood: np.ndarray
    degenerate: dict


def fit_mixture(x, C, rng, var_floor=1e-3, iterations=200, tol=1e-7):
    """Fit a mixture of C diagonal Gaussians to x by expectation maximisation.

    E step: r[b, k] = p(k | x[b]). M step, with N[k] = sum_b r[b, k]:

        weights[k] = N[k] / B,     means[k] = sum_b r[b, k] x[b] / N[k],
        variances[k] = max(var_floor, sum_b r[b, k] (x[b] - means[k])^2 / N[k])

    Without a floor the likelihood has no maximum: a component that sits on a single
    point with a vanishing variance makes it infinite. In each dimension the bound,
    -N/2 (log v + s/v), rises up to v = s and falls beyond, so clipping at the floor
    is the exact maximum over v >= var_floor, and the likelihood still never falls.

    It starts from C different points of x drawn by `rng` as means, the variance of
    all data, and equal weights. Other draws end in other local maxima.

    Parameters
    ----------
    x : (B, D) array
        Real-valued data. The result is a density: on counts it compares with the
        probability of a count only after uniform noise in [0, 1) is added to x.
    C : int
        Number of components.
    rng : numpy.random.Generator
    var_floor : float
        Smallest variance allowed, in the units of x squared.
    iterations : int
        At most that many.
    tol : float
        Stop when an iteration gains less than this, in nats per point.

    Returns
    -------
    MixtureFit

    Warns
    -----
    UserWarning
        Of each component that ends without data (its mean and variance are then left
        where they were) or on a single distinct point (all variances at the floor).

    References
    ----------
    Dempster, Laird, Rubin (1977); Bishop, Pattern Recognition and Machine Learning,
    section 9.2.
    """
    x = _check("x", x, None, None)
    C = check_whole("C", C, 1)
    check_generator("rng", rng)
    var_floor = check_number("var_floor", var_floor, minimum=0, exclusive=True)
    iterations = check_whole("iterations", iterations, 1)
    tol = check_number("tol", tol, minimum=0)
    distinct = np.unique(x, axis=0)
    if C > len(distinct):
        raise ValueError(
            f"C: {C} components need as many different points, x has {len(distinct)}"
        )
    means = distinct[rng.choice(len(distinct), size=C, replace=False)]
    spread = np.maximum(x.var(axis=0), var_floor)
    mixture = GaussianMixture(np.full(C, 1.0 / C), means, np.tile(spread, (C, 1)))

    joint = mixture.log_joint(x)
    log_prob = log_sum_exp(joint, axis=1)
    history = [log_prob.mean()]
    for _ in range(iterations):
        r = np.exp(joint - log_prob[:, None])  # E step: the exact posterior
        mixture = _m_step(mixture, x, r, var_floor)
        joint = mixture.log_joint(x)
        log_prob = log_sum_exp(joint, axis=1)
        history.append(log_prob.mean())
        if history[-1] - history[-2] < tol:
            break

    degenerate = _degenerate(mixture, len(x), var_floor)
    for sentence in degenerate.values():
        warnings.warn(sentence, stacklevel=2)
    return MixtureFit(mixture, np.array(history), degenerate)


def _m_step(mixture, x, r, var_floor):
    """Return the mixture that maximises the bound for the responsibilities r (B, C)."""
    N = r.sum(axis=0)
    means, variances = mixture.means.copy(), mixture.variances.copy()
    for k in np.flatnonzero(N > np.finfo(float).tiny):
        # An empty component keeps its place: 0 / 0 says nothing about a better one.
        share = r[:, k] / N[k]
        means[k] = share @ x
        variances[k] = np.maximum(share @ (x - means[k]) ** 2, var_floor)
    return GaussianMixture(N / N.sum(), means, variances)


def _degenerate(mixture, B, var_floor):
    """Say of each component that holds no data, or one point only, that it does."""
    found = {}
    for k in range(mixture.C):
        if mixture.weights[k] * B < 1e-6:
            found[k] = (
                f"component {k} ended without data (its weight is"
                f" {mixture.weights[k]:.1e}): fewer components would do"
            )
        elif (mixture.variances[k] == var_floor).all():
            found[k] = (
                f"component {k} ended on a single point (all {mixture.D} variances at"
                f" the floor {var_floor:g}): raise var_floor or start elsewhere"
            )
    return found


def _check(name, value, *shape):
    return as_float_array(name, value, np.float64, shape, finite=True)
