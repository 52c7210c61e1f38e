"""Where the hills are found, and how a function is split among them."""

import numpy as np
import pytest

from minivae.inference.exact import hills


def bells(centres, sigmas, weights):
    """log Σ_k w_k N(z; m_k, s_k² I) as a function of z (G, K)."""

    def log_joint(z):
        K = z.shape[1]
        return np.logaddexp.reduce(
            [
                np.log(w)
                - 0.5 * ((z - m) ** 2).sum(axis=-1) / s**2
                - K * (np.log(s) + 0.5 * np.log(2 * np.pi))
                for m, s, w in zip(centres, sigmas, weights, strict=True)
            ]
        )

    return log_joint


def found(log_joint, K, nodes=41, limit=6.0):
    scan, _, step = hills.lattice(K, nodes, limit)
    return hills.find_hills(log_joint, scan, log_joint(scan), nodes, step)


@pytest.mark.parametrize("K", [1, 2])
def test_each_hill_has_its_centre_width_and_mass(K):
    centres = np.array([[-3.0, 1.0], [2.5, -2.0]])[:, :K]
    got = found(bells(centres, [0.4, 0.9], [0.2, 3.0]), K)
    assert len(got.centre) == 2
    for j, (m, s, w) in enumerate(zip(centres[::-1], [0.9, 0.4], [3.0, 0.2], strict=True)):
        np.testing.assert_allclose(got.centre[j], m, atol=0.3 * s)
        np.testing.assert_allclose(
            got.root[j] @ got.root[j].T, s**2 * np.eye(K), atol=0.45 * s**2
        )
        assert got.log_mass[j] == pytest.approx(np.log(w), abs=0.05)


@pytest.mark.parametrize("K", [1, 2])
def test_a_needle_between_the_nodes_of_the_scan_is_climbed(K):
    """A fifteenth of a step wide, and five of its σ from the nearest node."""
    centre, sigma = np.array([[0.1, -0.1]])[:, :K], 0.02
    got = found(bells(centre, [sigma], [1.0]), K)
    assert len(got.centre) == 1
    np.testing.assert_allclose(got.centre, centre, atol=0.3 * sigma)
    assert got.log_mass[0] == pytest.approx(0.0, abs=0.05)


def test_a_share_is_that_of_a_bell_in_all_bells(rng):
    """share_j = m_j N(z; c_j, L_j L_jᵀ) / Σ_k m_k N(z; c_k, L_k L_kᵀ), in plain loops."""
    some = hills.Hills(
        centre=rng.standard_normal((3, 2)),
        root=np.linalg.cholesky([np.diag([1.0, 0.3]), [[2, 1], [1, 2]], np.eye(2) / 9]),
        log_mass=np.log([0.2, 1.0, 5.0]),
    )
    z = rng.standard_normal((7, 2))
    for i, point in enumerate(z):
        mass = []
        for centre, root, log_mass in zip(*some, strict=True):
            cov, away = root @ root.T, point - centre
            square = away @ np.linalg.solve(cov, away)
            mass.append(np.exp(log_mass - square / 2) / np.sqrt(np.linalg.det(cov)))
        expected = np.log(np.array(mass) / np.sum(mass))
        np.testing.assert_allclose(some.log_shares(z)[:, i], expected, atol=1e-12)


def test_a_hill_seen_from_many_sides_is_one():
    log_joint = bells([np.zeros(1)], [2.0], [1.0])
    flat = found(lambda z: np.round(log_joint(z), 2), 1)  # steps: many local maxima
    assert len(flat.centre) == 1
