"""Where the posterior of an image has its hills: a coarse scan, then a climb from each.

A posterior with K = 1 or 2 may be a needle of width 1e-4, a tilted ridge or several
hills, so no lattice serves every image. `find_hills` gives each hill a centre and the
square root L of its covariance, and `Hills.log_shares` splits any function among them:

    1 = Σ_j share_j(z),   share_j = m_j N(z; c_j, L_j L_jᵀ) / Σ_k m_k N(z; c_k, L_k L_kᵀ)

Times its share, the posterior is one hill, smooth where the posterior is: if it is a
mixture of Gaussians, exactly one of them. The shares sum to one whatever the hills are;
hills badly placed cost nodes, not truth.
"""

from typing import NamedTuple

import numpy as np

from minivae.numerics import log_sum_exp

CANDIDATES = 64  # local maxima of the scan that are followed, the highest ones
SIDE, REACH = 11, 3.75  # nodes per axis of the climbing window, and its half width


class Hills(NamedTuple):
    """J hills of one posterior: centres (J, K), roots L (J, K, K), log masses (J,)."""

    centre: np.ndarray
    root: np.ndarray
    log_mass: np.ndarray

    def coordinates(self, z):
        """Return u with z = centre_j + L_j u, shape (J, G, K), for z of shape (G, K)."""
        away = z - self.centre[:, None]
        return np.linalg.solve(self.root, away.transpose(0, 2, 1)).transpose(0, 2, 1)

    def log_shares(self, z):
        """Return log share_j(z), shape (J, G), for z of shape (G, K)."""
        u = self.coordinates(z)
        log_det = np.log(np.abs(np.linalg.det(self.root)))
        bell = (self.log_mass - log_det)[:, None] - 0.5 * (u**2).sum(axis=-1)
        return bell - log_sum_exp(bell, axis=0)


def lattice(K, nodes, limit):
    """Return the nodes (G, K) of [-limit, limit]^K, their indices (G, K) and the step."""
    axis, h = np.linspace(-limit, limit, nodes, retstep=True)
    index = np.indices((nodes,) * K).reshape(K, -1).T
    return axis[index], index, h


def signed_lattice(K, nodes, limit, shift=0.0):
    """Return the nodes (G, K) of a lattice and the weights of its sums, (G, 2^K + 1).

    The first weight, h^K, is that of the sum wanted. For each s in {0, 1}^K but zero
    follows h^K (-1)^(s·i) at the node of index i: half the difference between the
    lattices of even and of odd s·i, and so the difference of either to the whole. The
    last is h^(K-1) on the outermost nodes and shows what may lie outside. The lattice is
    moved by shift · h.
    """
    z, index, h = lattice(K, nodes, limit)
    patterns = np.indices((2,) * K).reshape(K, -1)
    border = ((index == 0) | (index == nodes - 1)).any(axis=1)
    weights = [h**K * (-1.0) ** (index @ patterns), border[:, None] * h ** (K - 1)]
    return z + shift * h, np.concatenate(weights, axis=1)


def find_hills(log_joint, scan, values, nodes, step):
    """Return the `Hills` of one image, from its values on the scan.

    Parameters
    ----------
    log_joint : callable
        Maps z (G, K) to log p(x, z), shape (G,).
    scan : (nodes^K, K) array
    values : (nodes^K,) array, log p(x, z) on the scan
    nodes, step : int and float, of the scan
    """
    centre, root = _climb(log_joint, scan[_summits(values, nodes, scan.shape[1])], step)
    window, _, h = lattice(centre.shape[1], SIDE, REACH)
    heights = _on_window(log_joint, centre, root, window)
    cell = np.log(h) * centre.shape[1] + np.log(np.abs(np.linalg.det(root)))
    log_mass = log_sum_exp(heights, axis=1) + cell
    kept = []
    for j in np.argsort(-log_mass):  # the same hill is found from many sides
        known = any(_same(centre[j], root[j], centre[k], root[k]) for k in kept)
        if not known and log_mass[j] > log_mass.max() - 46:  # e^-46 of it is no digit
            kept.append(j)
    return Hills(centre[kept], root[kept], log_mass[kept])


def _summits(values, nodes, K):
    """Indices of the highest nodes that no neighbour exceeds."""
    square = values.reshape((nodes,) * K)
    around = np.pad(square, 1, constant_values=-np.inf)
    summit = np.ones(square.shape, bool)
    for shift in np.indices((3,) * K).reshape(K, -1).T:
        summit &= square >= around[tuple(slice(s, s + nodes) for s in shift)]
    found = np.flatnonzero(summit)
    return found[np.argsort(-values[found])][:CANDIDATES]


def _on_window(log_joint, centre, root, window):
    z = centre[:, None] + window @ root.transpose(0, 2, 1)
    return log_joint(z.reshape(-1, z.shape[2])).reshape(z.shape[:2])


def _climb(log_joint, centre, step):
    """Move and shape a window over each hill until it shows a bell of unit covariance.

    The window is a lattice in u, z = centre + L u. Mean and covariance of the weights
    p(x, z) on it give the next centre and L. No derivative is taken. A hill narrower than
    a step of the window leaves one node, and L shrinks fourfold; one that is wider than
    the window makes L grow; a maximum on the window's edge moves it there.
    """
    K = centre.shape[1]
    window, _, h = lattice(K, SIDE, REACH)
    centre, root = centre.copy(), np.tile(step / 2 * np.eye(K), (len(centre), 1, 1))
    moving = np.arange(len(centre))
    for _ in range(80):
        heights = _on_window(log_joint, centre[moving], root[moving], window)
        weights = np.exp(heights - heights.max(axis=1, keepdims=True))
        weights /= weights.sum(axis=1, keepdims=True)
        mean = weights @ window
        away = window - mean[:, None]
        cov = np.einsum("cg,cgi,cgj->cij", weights, away, away)
        top = window[heights.argmax(axis=1)]
        edge = (np.abs(top) > REACH - h / 2).any(axis=1)
        settled = ~edge & (np.abs(mean) < 0.3).all(axis=1)
        settled &= (np.abs(cov - np.eye(K)) < 0.4).all(axis=(1, 2))
        mean[edge] = top[edge]
        cov += (0.3 * h) ** 2 * np.eye(K)
        cov[edge] += np.eye(K) / 2 + top[edge, :, None] * top[edge, None, :] / 9
        centre[moving] += np.einsum("cij,cj->ci", root[moving], mean)
        root[moving] = root[moving] @ np.linalg.cholesky(cov)
        moving = moving[~settled]
        if not len(moving):
            break
    return centre, root


def _same(centre, root, other, other_root):
    """Is it the hill `other` once more: less than a third of a σ apart, of like size?"""
    apart = np.linalg.solve(other_root, centre - other)
    ratio = np.linalg.det(root) / np.linalg.det(other_root)
    return (apart**2).sum() < 0.1 and 0.5 < abs(ratio) < 2
