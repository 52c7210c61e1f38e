"""log p(x), the posterior and its KL as sums on lattices: exact for a VAE of K = 1 or 2.

With one or two latent dimensions the integral that makes a VAE variational can simply
be summed. On a lattice of steps h in coordinates u, z = c + L u,

    log p(x) = log Σ_i h^K |L| p(x|z_i) p(z_i) + error,

and for a smooth decoder the error falls faster than any power of h (all derivatives
vanish at the border, so by the Euler-Maclaurin formula no power of h is left), once h is
below the width of the posterior in *every* direction. So each image gets lattices of its
own: a scan of the prior's box finds the hills of the posterior (see `hills`), each with a
centre c and the root L of its covariance, and the sum over it is refined and widened until
it holds.

**The estimate of the error** is the sum of: three times the differences to the half
lattices, those of every second node along each axis and of the black squares of a
chessboard (one of them alone is blind to a posterior narrow along one axis and wider
along the other), or to the lattice before, if larger; the mass at the lattice's border;
the mass that the scan sees outside; and rounding. It is three times because a difference
may be small by chance, where a needle makes a hole in the share of a wider hill. Beyond
`tol` the result is refused. Not seen is a hill with a foot narrower than the scan's step,
0.09 in prior units (raise `nodes`). `benchmarks/quadrature.py` measures how it holds.

The three functions `log_prob`, `elbo` and `kl_to_posterior` share no sum: `elbo` has
its nodes in q's own coordinates and the analytic KL to the prior, `kl_to_posterior`
evaluates both densities on lattices of its own. That their results fulfil

    ELBO + KL(q ‖ p(z|x)) = log p(x)

is therefore a check of all three, and of the model. The model must be in float64:
`model.astype(np.float64)`.
"""

import math
from typing import NamedTuple

import numpy as np

from minivae import gaussian
from minivae.errors import as_float_array, check_number, check_whole
from minivae.inference.exact.hills import find_hills, lattice, signed_lattice

BLOCK = 2**16  # numbers in a block of nodes x images x pixels, so that it stays in cache
GOAL = 1e-10  # nats: the estimated error that a lattice of up to FINE nodes is to reach
FINE, MOST = 2**16, 2**21  # nodes; larger lattices only where the error exceeds tol
COARSEST = 0.5  # the first step of a lattice, in units of the posterior's σ
SAFETY = 3  # times a difference between lattices, as it may be small by chance
ROUNDING = 2e-15  # of a sum of nats, relative to the nats


class Estimate(NamedTuple):
    """A value for each image and an estimate of its error, both (B,) and in nats."""

    value: np.ndarray
    error: np.ndarray


class Posterior(NamedTuple):
    """p(z|x) for drawing, and its moments.

    axis : (n,) array, the nodes of the scan along each latent dimension
    density : (B, n) or (B, n, n) array, p(z|x) there; z_1 runs along the first grid axis
    mean : (B, K) array, E[z|x]
    cov : (B, K, K) array, Cov[z|x]
    """

    axis: np.ndarray
    density: np.ndarray
    mean: np.ndarray
    cov: np.ndarray


def log_prob(vae, x, nodes=201, limit=9.0, tol=1e-6):
    """Return the exact log p(x) of each image.

    Parameters
    ----------
    vae : VAE
        Any model in float64 with K of 1 or 2, a `decoder_output(z)` and a `likelihood`.
    x : (B, D) array
    nodes : int
        Per latent axis, of the scan that finds the hills of the posterior.
    limit : float
        Half the width of the box that is scanned. Hills may lie outside: a slope at the
        border is followed.
    tol : float
        Largest estimated error accepted, in nats; np.inf accepts any.

    Returns
    -------
    Estimate
        With kinks in z (ReLU, Laplace) the error falls with h² only. With K = 2 the finest
        lattice, 2^21 nodes, then estimated 3e-7 to 2e-5 nats on five digits of a ReLU model
        (true errors: 4e-8 to 1e-6); what is refused at 1e-6 is had with tol = 1e-4.

    Raises
    ------
    ArithmeticError
        If an error exceeds `tol`; the message says what to change.
    ValueError, TypeError
        If K is above 2, or x or the model's precision do not fit.
    """
    x = _check(vae, x, tol)
    totals = [total for _, total in _integrals(vae, x, nodes, limit, tol)]
    return _accept("log p(x)", _evidence(totals), tol)


def posterior(vae, x, nodes=201, limit=9.0, tol=1e-6):
    """Return p(z|x) with its mean and covariance, as a `Posterior`.

    The density p(x, z) / p(x) is right at each node of the scan, however coarse; mean and
    covariance come from the lattices of `log_prob`, and their error, in units of the
    posterior's own σ, counts like that of log p(x). Arguments and errors: `log_prob`.
    """
    x = _check(vae, x, tol)
    scanned, totals = zip(*_integrals(vae, x, nodes, limit, tol), strict=True)
    evidence = _evidence(totals)
    moments = [_moments(total) for total in totals]
    error = evidence.error + [error for _, _, error in moments]
    _accept("the posterior", Estimate(evidence.value, error), tol)
    density = np.exp(np.stack(scanned) - evidence.value[:, None])
    mean, cov = (np.stack(part) for part in list(zip(*moments, strict=True))[:2])
    axis = np.linspace(-limit, limit, nodes)
    return Posterior(axis, density.reshape(-1, *(nodes,) * vae.K), mean, cov)


@np.errstate(all="ignore")  # what is not finite is refused
def kl_to_posterior(vae, x, mu, logvar, nodes=201, limit=9.0, tol=1e-6):
    """Return KL(q ‖ p(z|x)) of each image, q = N(mu, diag(exp(logvar))).

        KL = Σ_i |Δz| q(z_i) [ log q(z_i) - log p(x, z_i) ] + log p(x)

    where q is evaluated, not sampled, on a lattice that fits q, and log p(x) is summed
    anew: both between the nodes of `elbo` and of `log_prob`. mu and logvar (B, K) may be
    `vae.encode(x)` or any other Gaussian; the other arguments, the result and the errors
    are those of `log_prob`.
    """
    x = _check(vae, x, tol)
    mu, logvar = _check_q(vae, x, mu, logvar)
    sigma = np.exp(0.5 * logvar)

    def terms(images, eps):
        z = mu[images] + sigma[images] * eps[:, None]
        log_q = gaussian.log_normal(z, mu[images], logvar[images]).sum(axis=-1)
        log_joint = vae.likelihood.log_prob(x[images], vae.decoder_output(z))
        log_joint += gaussian.log_normal(z, 0.0, 0.0).sum(axis=-1)
        mass = np.exp(log_q) * sigma[images].prod(axis=-1)
        return mass * (log_q - log_joint)

    apart = _lattice_mean(terms, x.shape, vae.K, 41, 9.0, tol, shift=0.5)
    totals = [total for _, total in _integrals(vae, x, nodes, limit, tol, shift=0.5)]
    log_p = _evidence(totals)
    estimate = Estimate(apart.value + log_p.value, apart.error + log_p.error)
    return _accept("KL(q || posterior)", estimate, tol)


@np.errstate(all="ignore")
def elbo(vae, x, mu, logvar, nodes=41, limit=9.0, tol=1e-6):
    """Return E_q[log p(x|z)] - KL(q ‖ p(z)) of each image without sampling.

    The expectation is a sum over noise on a lattice, z_i = mu + σ ⊙ ε_i weighted by
    h^K N(ε_i; 0, I), and the KL is the analytic one: what `VAE.loss` estimates from a
    few ε, in the limit of infinitely many. `nodes` and `limit` describe the lattice of
    ε, which is refined where it has to be; the other arguments, the result and the errors
    are those of `log_prob`.
    """
    x = _check(vae, x, tol)
    mu, logvar = _check_q(vae, x, mu, logvar)

    def terms(images, eps):
        z = gaussian.reparameterize(mu[images], logvar[images], eps[:, None])
        weight = np.exp(gaussian.log_normal(eps, 0.0, 0.0).sum(axis=1))
        return weight[:, None] * vae.likelihood.log_prob(x[images], vae.decoder_output(z))

    mean = _lattice_mean(terms, x.shape, vae.K, nodes, limit, tol)
    value = mean.value - gaussian.kl(mu, logvar).sum(axis=1)
    return _accept("the ELBO", Estimate(value, mean.error), tol)


class _Total(NamedTuple):
    """∫ p(x, z) (1, d, d dᵀ) dz of one image over e^top, d = z - centre, and the errors."""

    top: float
    centre: np.ndarray
    sums: np.ndarray  # (1 + K + K²,)
    error: float  # absolute, of the first entry of the sums
    spread: np.ndarray  # (K + K²,), of the others


def _integrals(vae, x, nodes, limit, tol, shift=0.0):
    """Yield (log p(x, z) on the scan, `_Total`) of each image."""
    nodes, limit = _check_lattice(nodes, limit)
    scan, _, step = lattice(vae.K, nodes, limit)
    share = max(1, 2**22 // len(scan))
    for start in range(0, len(x), share):  # a node is decoded once for all of these
        some = x[start : start + share]
        values = _log_joint(vae, some, scan)
        for image, row in zip(some, values, strict=True):

            def log_joint(z, image=image[None]):
                return _log_joint(vae, image, z)[0]

            if not np.isfinite(row).all():
                raise ArithmeticError("log p(x, z) is not finite everywhere on the scan")
            hills = find_hills(log_joint, scan, row, nodes, step)
            yield row, _integral(log_joint, hills, scan, row, step, tol, shift)


@np.errstate(all="ignore")  # what is not finite is refused
def _integral(log_joint, hills, scan, values, step, tol, shift):
    """The `_Total` of one image: a sum over its hills, each on a lattice of its own."""
    K, top = scan.shape[1], hills.log_mass.max()
    total = np.exp(hills.log_mass - top).sum()
    near = values > top - 46 - K * math.log(step)
    scan, cells = scan[near], np.exp(values[near] - top) * step**K
    reach = np.abs(hills.coordinates(scan)).max(axis=-1)  # (J, nodes)
    cells = cells * np.exp(hills.log_shares(scan))
    sums, error = np.zeros(1 + K + K * K), 0.0
    spread, goal = np.zeros(K + K * K), np.array([GOAL, tol]) * total / len(hills.centre)
    for j, (centre, root) in enumerate(zip(hills.centre, hills.root, strict=True)):
        # never coarser than the scan, which may have seen something in between
        h, limit = min(COARSEST, step / np.linalg.norm(root, 2)), 8.0
        before = np.nan
        while True:
            u, signs = signed_lattice(K, 2 * math.ceil(limit / h) + 1, limit, shift)
            volume, found = abs(np.linalg.det(root)), 0.0
            for part in _blocks(len(u), 16):
                z = centre + u[part] @ root.T
                height = np.exp(log_joint(z) - top + hills.log_shares(z)[j])
                d = z - hills.centre[0]
                squares = (d[:, :, None] * d[:, None]).reshape(len(d), -1)
                powers = np.concatenate([np.ones((len(d), 1)), d, squares], axis=1)
                found = found + volume * (signs[part] * height[:, None]).T @ powers
            halves = np.abs(found[1:-1]).sum(axis=0)
            coarse, before = SAFETY * np.fmax(halves, np.abs(found[0] - before)), found[0]
            outside = abs(found[-1, 0]) + cells[j, reach[j] > limit].sum()
            wrong = coarse[0] + outside
            if wrong <= goal[int(len(u) > FINE)] or len(u) > MOST or not wrong < np.inf:
                break
            h, limit = (h, 1.5 * limit) if outside > coarse[0] else (h / 1.5, limit)
        sums, spread = sums + found[0], spread + coarse[1:] + np.abs(found[-1, 1:])
        error += wrong
    return _Total(top, hills.centre[0], sums, error, spread)


def _evidence(totals):
    """log p(x) and its error from the first entry of the sums."""
    top, mass, error = np.array([(t.top, t.sums[0], t.error) for t in totals]).T
    value = top + np.log(mass)
    return Estimate(value, error / mass + ROUNDING * (1 + np.abs(value)))


def _moments(total):
    """Mean and covariance of one image, and their error in units of the posterior's σ."""
    K = len(total.centre)
    first, second = np.split(total.sums[1:] / total.sums[0], [K])
    cov = second.reshape(K, K) - np.outer(first, first)
    sigma = np.sqrt(np.diag(cov))
    units = np.concatenate([sigma, np.outer(sigma, sigma).ravel()])
    return total.centre + first, cov, (total.spread / total.sums[0] / units).max()


def _lattice_mean(terms, shape, K, nodes, limit, tol, shift=0.0):
    """Σ_i h^K terms(ε_i) of each image on a lattice of ε that is refined until it holds.

    `terms` maps indices of n images and ε (g, K) to (g, n); `shape` is (B, D).
    """
    nodes, limit = _check_lattice(nodes, limit)
    B, D = shape
    value, error, left = np.empty(B), np.empty(B), np.arange(B)
    while len(left):
        eps, signs = signed_lattice(K, nodes, limit, shift)
        sums, rounding = 0.0, 0.0
        for part in _blocks(len(eps), len(left) * D):
            term = terms(left, eps[part])
            sums = sums + signs[part].T @ term
            rounding = rounding + ROUNDING * np.abs(signs[part, 0] @ np.abs(term))
        coarse, border = SAFETY * np.abs(sums[1:-1]).sum(axis=0), np.abs(sums[-1])
        value[left], error[left] = sums[0], coarse + border + rounding
        if len(eps) > MOST:
            break
        goal = GOAL if len(eps) <= FINE else tol
        finer = (coarse > goal + rounding) & (coarse < np.inf)
        left = left[finer & (border <= tol)]  # what lies outside, no step will find
        nodes = 2 * nodes - 1
    return Estimate(value, error)


def _log_joint(vae, x, z):
    """log p(x|z_i) + log p(z_i), shape (B, G); decodes a node once for all images."""
    result = np.empty((len(x), len(z)))
    for part in _blocks(len(z), x.size):
        y = vae.decoder_output(z[part])[:, None]  # log_prob wants it for each image anew
        result[:, part] = vae.likelihood._log_prob(x, y).T
    return result + gaussian.log_normal(z, 0.0, 0.0).sum(axis=1)


def _blocks(G, size):
    step = max(1, BLOCK // size)
    return [slice(start, start + step) for start in range(0, G, step)]


def _accept(what, estimate, tol):
    refused = ~(np.isfinite(estimate.value) & (estimate.error <= tol))  # a NaN too
    if refused.any():
        worst = int(np.argmax(np.where(refused, estimate.error, -1.0)))
        raise ArithmeticError(
            f"{what} of image {worst}: the estimated error {estimate.error[worst]:.2g}"
            f" nats exceeds tol = {tol:g} on the finest lattice; accept it with a larger"
            " tol, or raise nodes if the posterior has hills narrower than the scan's step"
        )
    return estimate


def _check(vae, x, tol):
    if not all(hasattr(vae, name) for name in ("decoder_output", "likelihood", "K", "D")):
        raise TypeError(f"vae: expected a VAE, got {type(vae).__name__}")
    if vae.dtype != np.float64:
        hint = "take vae.astype(np.float64)"
        raise TypeError(f"vae: expected a model in float64, got {vae.dtype}; {hint}")
    if vae.K not in (1, 2):
        raise ValueError(f"vae: a grid serves K = 1 or 2 latent dimensions, got {vae.K}")
    for layer in getattr(vae, "conditions", ()):
        if layer.labels is not None and len(layer.labels) > 1:
            raise ValueError(
                "vae: expected one condition, as a node is decoded once for all images, got"
                f" {len(layer.labels)}: call with vae.given(label) for each label"
            )
    if not (isinstance(tol, float) and tol == np.inf):
        check_number("tol", tol, minimum=0, exclusive=True)
    x = as_float_array("x", x, np.float64, (None, vae.D))
    vae.likelihood.check(x)
    return x


def _check_lattice(nodes, limit):
    limit = check_number("limit", limit, minimum=0, exclusive=True)
    return check_whole("nodes", nodes, 5), limit


def _check_q(vae, x, mu, logvar):
    mu = as_float_array("mu", mu, np.float64, (len(x), vae.K), finite=True)
    logvar = as_float_array("logvar", logvar, np.float64, mu.shape, finite=True)
    return mu, logvar
