"""log p(x), the posterior and its KL on a grid: exact for any VAE of K = 1 or 2.

With one or two latent dimensions the integral that makes a VAE variational can simply
be summed. On equally spaced nodes z_i of [-9, 9]^K, h apart,

    log p(x) = log Σ_i h^K p(x|z_i) p(z_i) + error,

and for a smooth decoder the error falls faster than any power of h (all derivatives
vanish at the border, so by the Euler-Maclaurin formula no power of h is left). Measured
on a 2-D model of the shipped digits, whose posteriors have σ of 0.08 to 0.23: 1e-9
nats with 201 nodes per axis, 1e-13 with 261. The box must hold the posteriors, not only
the prior: on [-7, 7]² one digit, whose posterior leans outwards, keeps an error of 2e-6
nats however fine the grid, because its tail is cut off.

The three functions `log_prob`, `elbo` and `kl_to_posterior` share no sum: `elbo` has
its nodes in q's own coordinates and the analytic KL to the prior, `kl_to_posterior` a
lattice of its own that lies between the nodes of `log_prob`. That their results fulfil

    ELBO + KL(q ‖ p(z|x)) = log p(x)

is therefore a check of all three, and of the model. Every result brings an estimate of
its error, and is refused where that exceeds `tol`. The model must be in float64: copy
a float32 one's theta into one that was made with dtype=np.float64.
"""

import math
from typing import NamedTuple

import numpy as np

from minivae import gaussian
from minivae.errors import as_float_array, check_number, check_shape, check_whole

BLOCK = 2**16  # numbers in a block of nodes x images x pixels, so that it stays in cache


class Estimate(NamedTuple):
    """A value for each image and an estimate of its error, both (B,) and in nats."""

    value: np.ndarray
    error: np.ndarray


class Posterior(NamedTuple):
    """p(z|x) on the grid.

    axis : (n,) array, the nodes of each latent dimension
    density : (B, n) or (B, n, n) array, p(z|x); z_1 runs along the first grid axis
    mean : (B, K) array, E[z|x]
    cov : (B, K, K) array, Cov[z|x]
    """

    axis: np.ndarray
    density: np.ndarray
    mean: np.ndarray
    cov: np.ndarray


class Grid(NamedTuple):
    """A lattice of G nodes, `h` apart, and three sums over it at once.

    z : (G, K) array, the nodes
    sums : (G, 3) array, the weights of three sums. The first, all ones, is the sum
        wanted. The second is 2 on every second node (the black squares of a
        chessboard), which is a lattice of its own. The third is 1/h on the outermost
        nodes and shows what may lie outside.
    """

    z: np.ndarray
    h: float
    sums: np.ndarray


def make_grid(K, nodes, limit, shift=0.0):
    """Return the `Grid` of nodes^K points on [-limit, limit]^K, moved by shift · h."""
    if K not in (1, 2):
        raise ValueError(f"vae: a grid serves K = 1 or 2 latent dimensions, got {K}")
    nodes = check_whole("nodes", nodes, 5)
    limit = check_number("limit", limit, minimum=0, exclusive=True)
    axis, h = np.linspace(-limit, limit, nodes, retstep=True)
    index = np.indices((nodes,) * K).reshape(K, -1).T
    border = ((index == 0) | (index == nodes - 1)).any(axis=1)
    half = index.sum(axis=1) % 2 == 0
    sums = np.stack([np.ones(len(index)), 2 * half, border / h], axis=1)
    return Grid(axis[index] + shift * h, h, sums)


def log_prob(vae, x, nodes=401, limit=9.0, tol=1e-6):
    """Return the exact log p(x) of each image by a sum over the grid.

    Parameters
    ----------
    vae : VAE
        Any model in float64 with K of 1 or 2, a `decoder_output(z)` and a `likelihood`.
    x : (B, D) array
    nodes : int
        Per latent axis. It should put at least one node, better two, in each standard
        deviation of the narrowest posterior; the estimated error says if it does.
    limit : float
        Half the width of the box.
    tol : float
        Largest estimated error accepted, in nats; np.inf accepts any.

    Returns
    -------
    Estimate
        log p(x) with its error: the difference to the sum over every second node
        plus the mass at the box's border. That is far above the error of a grid that
        is fine enough; on one so coarse that a single node carries the sum, the two
        sums differ by log 2 at least, so it is never taken for exact.

    Raises
    ------
    ArithmeticError
        If an error exceeds `tol`; the message says what to change.
    ValueError, TypeError
        If K is above 2, or x or the model's precision do not fit.
    """
    x = _check(vae, x, tol)
    grid = make_grid(vae.K, nodes, limit)
    evidence = _LogSum(grid, len(x))
    for part, joint in _log_joint(vae, x, grid.z):
        evidence.add(part, joint)
    return _accept("log p(x)", evidence.estimate(), tol)


def posterior(vae, x, nodes=401, limit=9.0, tol=1e-6):
    """Return p(z|x) on the grid, with its mean and covariance, as a `Posterior`.

    p(z_i|x) = p(x|z_i) p(z_i) / p(x), with the p(x) of the same grid, so the density
    sums to 1 / h^K. Arguments and errors as in `log_prob`; the densities take
    8 B nodes^K bytes.
    """
    x = _check(vae, x, tol)
    grid = make_grid(vae.K, nodes, limit)
    evidence, density = _LogSum(grid, len(x)), np.empty((len(x), len(grid.z)))
    for part, joint in _log_joint(vae, x, grid.z):
        evidence.add(part, joint)
        density[:, part] = joint
    log_p = _accept("the posterior", evidence.estimate(), tol).value
    density -= log_p[:, None]
    np.exp(density, out=density)
    mean = density @ grid.z * grid.h**vae.K
    second = np.stack([density @ (grid.z * z_k[:, None]) for z_k in grid.z.T], axis=1)
    cov = second * grid.h**vae.K - mean[:, :, None] * mean[:, None, :]
    axis = np.linspace(-limit, limit, nodes)
    return Posterior(axis, density.reshape(-1, *(nodes,) * vae.K), mean, cov)


def kl_to_posterior(vae, x, mu, logvar, nodes=401, limit=9.0, tol=1e-6):
    """Return KL(q ‖ p(z|x)) of each image, q = N(mu, diag(exp(logvar))).

        KL = Σ_i h^K q(z_i) [ log q(z_i) - log p(z_i|x) ]

    where q is evaluated, not sampled, and p(z_i|x) is normalised by its own sum. The
    nodes lie between those of `log_prob`. mu and logvar (B, K) may be `vae.encode(x)`
    or any other Gaussian; the other arguments, the result and the errors are those of
    `log_prob`.
    """
    x = _check(vae, x, tol)
    mu, logvar = _check_q(vae, x, mu, logvar)
    grid = make_grid(vae.K, nodes, limit, shift=0.5)
    evidence, mass, total = _LogSum(grid, len(x)), 0.0, 0.0
    for part, joint in _log_joint(vae, x, grid.z):
        evidence.add(part, joint)
        z = grid.z[part]
        log_q = gaussian.log_normal(z, mu[:, None], logvar[:, None]).sum(axis=-1)
        q = np.exp(log_q) * grid.h**vae.K
        mass = mass + q @ grid.sums[part]
        total = total + (q * (log_q - joint)) @ grid.sums[part]
    log_p = evidence.estimate()
    value = total[:, 0] + mass[:, 0] * log_p.value
    half = total[:, 1] + mass[:, 1] * log_p.value
    # q must fit on the lattice as well: it sums to one and is empty at the border
    lost = abs(mass[:, 0] - 1) + abs(total[:, 2]) + mass[:, 2] * abs(log_p.value)
    error = abs(value - half) + lost + log_p.error
    return _accept("KL(q || posterior)", Estimate(value, error), tol)


def elbo(vae, x, mu, logvar, nodes=81, limit=9.0, tol=1e-6):
    """Return E_q[log p(x|z)] - KL(q ‖ p(z)) of each image without sampling.

    The expectation is a sum over noise on a lattice, z_i = mu + σ ⊙ ε_i weighted by
    h^K N(ε_i; 0, I), and the KL is the analytic one: what `VAE.loss` estimates from a
    few ε, in the limit of infinitely many. `nodes` and `limit` describe the lattice of
    ε; the other arguments, the result and the errors are those of `log_prob`.
    """
    x = _check(vae, x, tol)
    mu, logvar = _check_q(vae, x, mu, logvar)
    grid = make_grid(vae.K, nodes, limit)
    log_weight = gaussian.log_normal(grid.z, 0.0, 0.0).sum(axis=1)
    weights = np.exp(log_weight)[:, None] * grid.h**vae.K * grid.sums
    total = 0.0
    for part in _blocks(len(grid.z), x.size):
        z = gaussian.reparameterize(mu, logvar, grid.z[part][:, None])
        log_p = vae.likelihood.log_prob(x, vae.decoder_output(z))
        total = total + log_p.T @ weights[part]
    value = total[:, 0] - gaussian.kl(mu, logvar).sum(axis=1)
    error = abs(total[:, 0] - total[:, 1]) + abs(total[:, 2])
    return _accept("the ELBO", Estimate(value, error), tol)


class _LogSum:
    """log Σ_i h^K exp(joint_i), fed block by block so that no grid of images is kept."""

    def __init__(self, grid, B):
        self.grid, self.top = grid, np.full((B, 1), -np.inf)
        self.sums = np.zeros((B, 3))

    def add(self, part, joint):
        """Add the nodes `part` with log p(x, z_i) = `joint`, shape (B, g)."""
        top = np.maximum(self.top, joint.max(axis=1, keepdims=True))
        self.sums *= np.exp(self.top - top)
        self.sums += np.exp(joint - top) @ self.grid.sums[part]
        self.top = top

    def estimate(self):
        total, half, border = self.sums.T
        volume = self.grid.z.shape[1] * math.log(self.grid.h)
        value = self.top[:, 0] + np.log(total) + volume
        with np.errstate(divide="ignore"):  # half = 0: the error is infinite, rightly
            return Estimate(value, abs(np.log(half / total)) + border / total)


def _log_joint(vae, x, z):
    """Yield (slice, log p(x|z_i) + log p(z_i) of shape (B, g)); decodes a node once."""
    log_prior = gaussian.log_normal(z, 0.0, 0.0).sum(axis=1)
    for part in _blocks(len(z), x.size):
        y = vae.decoder_output(z[part])[:, None]  # (g, 1, D): the same for all images
        # log_prob would want y repeated for each image, and its log(1 + e^y) with it
        yield part, vae.likelihood._log_prob(x, y).T + log_prior[part]


def _blocks(G, size):
    """Cut G nodes into slices of BLOCK / size nodes, or of one."""
    step = max(1, BLOCK // size)
    return [slice(start, start + step) for start in range(0, G, step)]


def _accept(what, estimate, tol):
    worst = int(np.argmax(estimate.error))
    if not estimate.error[worst] <= tol:  # a NaN is refused too
        raise ArithmeticError(
            f"{what} of image {worst}: the estimated error {estimate.error[worst]:.2g}"
            f" nats exceeds tol = {tol:g}; raise nodes where the posterior or q is"
            " narrower than two steps of the grid, raise limit (and nodes) where they"
            " reach its border, or accept it with a larger tol"
        )
    return estimate


def _check(vae, x, tol):
    if vae.dtype != np.float64:
        raise TypeError(
            f"vae: expected a model in float64, got {vae.dtype}; make the same model"
            " with dtype=np.float64 and copy theta into it"
        )
    if np.isnan(tol) or tol <= 0:
        raise ValueError(f"tol: expected a number above 0, got {tol}")
    x = as_float_array("x", x, np.float64, ndim=2)
    check_shape("x", x, (None, vae.D))
    vae.likelihood.check(x)
    return x


def _check_q(vae, x, mu, logvar):
    mu = as_float_array("mu", mu, np.float64, ndim=2)
    logvar = as_float_array("logvar", logvar, np.float64, ndim=2)
    check_shape("mu", mu, (len(x), vae.K))
    check_shape("logvar", logvar, mu.shape)
    return mu, logvar
