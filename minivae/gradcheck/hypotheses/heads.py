"""Models whose loss takes a `beta`: which term is wrong, and the two heads of a VAE.

Which parameters are the biases of mu and logvar is seen from the model's `encode`: moved by
t, they move mu, or logvar, by t. From a batch of one image the gradient in such a bias *is*
dmu or dlogvar, and can be held against logvar and eps themselves. `power_of_sigma` and
`another_draw` speak only of models whose own loss obeys dlogvar = c·dmu·eps·sigma/2.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from minivae.gradcheck.evidence import listed
from minivae.gradcheck.hypotheses.terms import PART

IMAGES = 8  # how many batches of one image are looked at


class Head(NamedTuple):
    """The gradient of "rec" and "kl" in a head's bias, for each image; (n, K) as logvar."""

    claimed: dict
    expected: dict
    logvar: np.ndarray
    bias: object


def which_term(evidence, blocks):
    """Of two terms that both reach the blocks only one is differentiated wrongly."""
    test = evidence.subject.model
    if test is None or not test.takes_beta:
        return None
    right, reached = {}, []
    for part in PART:
        claimed = test.claimed_term(part, evidence.oracle.theta)
        found = [(b, *evidence.part(part, b.indices)) for b in blocks]
        right[part] = all(b.matches(e, claimed[b.indices], error) for b, e, error in found)
        reached.append(max(np.max(np.abs(e)) for _, e, _ in found))
    if right["rec"] == right["kl"] or min(reached) <= 1e-6 * max(reached):
        return None
    said = "right" if right["rec"] else "wrong, too, and what beta adds is right"
    return blocks, (
        f"With beta = 0 the gradient of {listed(blocks)} is {said}: the mistake is in the"
        f" {PART['kl' if right['rec'] else 'rec']}."
    )


@lru_cache(maxsize=1)  # several hypotheses and blocks ask in turn
def _heads(evidence):
    """{"mu": Head, "logvar": Head} and the c of the loss; raises for other models."""
    test, theta = evidence.subject.model, evidence.oracle.theta
    before, heads = test.encode(theta), {}
    for block in evidence.blocks.values():
        if block.size == before[0].shape[-1]:
            moved, steps = theta.copy(), 0.1 * np.arange(1, block.size + 1)
            moved[block.where] += steps
            for name, old, new in zip(PATHS, before, test.encode(moved), strict=True):
                if np.allclose(new - old, steps, rtol=0, atol=1e-6):
                    heads[name] = _head(evidence, block)
    mu, logvar = heads["mu"], heads["logvar"]
    images = len(logvar.logvar)
    path = mu.expected["rec"] * _noise(test)[:images] * np.exp(mu.logvar / 2) / 2
    c = float((logvar.expected["rec"] * path).sum() / (path * path).sum())
    if not np.allclose(logvar.expected["rec"], c * path, rtol=1e-5, atol=1e-8):
        raise ValueError("z is not mu + sigma·eps")
    return heads, c


PATHS = ("mu", "logvar")


def _noise(test):
    """eps of one sample, (B, K)."""
    return test.eps.reshape(-1, *test.eps.shape[-2:])[0]


def _head(evidence, bias):
    test, theta = evidence.subject.model, evidence.oracle.theta
    claimed, expected = {part: [] for part in PART}, {part: [] for part in PART}
    rows = [slice(r, r + 1) for r in range(min(len(test.x), IMAGES))]
    for part in PART:
        for row in rows:
            one = {"rows": row, "eps": _noise(test)}
            f = evidence.differentiate(lambda t, p=part, one=one: test.term(p, t, **one))
            expected[part].append(f.entries(range(bias.where.start, bias.where.stop))[0])
            claimed[part].append(test.claimed_term(part, theta, **one)[bias.where])
        claimed[part], expected[part] = np.stack(claimed[part]), np.stack(expected[part])
    logvar = np.concatenate([test.encode(theta, row)[1] for row in rows])
    return Head(claimed, expected, logvar, bias)


def power_of_sigma(evidence, blocks):
    """A part of a head's gradient is off by a power of sigma: sigma for sigma², say."""
    for head in _heads(evidence)[0].values():
        powers = {part: _power(head, part) for part in PART}
        known = head.bias in blocks and None not in powers.values()
        if not known or all(p == 0 for _, p in powers.values()):
            continue
        said = []
        for part, (c, p) in powers.items():
            factor = "" if np.isclose(c, 1, rtol=1e-5) else f" {c:.6g}"
            factor += {0: "", 1: " sigma"}.get(p, f" sigma^{p}")
            times = f"{factor} times the right one" if factor else " right"
            said.append(f"the {PART[part]} is{times}")
        mine = [b for b in blocks if b.shape[-1:] == head.bias.shape]
        return mine, (
            f"In {listed(mine)} {', '.join(said)} (sigma = exp(logvar/2), a standard"
            " deviation)."
        )
    return None


def _power(head, part):
    """(c, p) with claimed = c sigma^p expected, or None."""
    claimed, expected = head.claimed[part], head.expected[part]
    seen = np.abs(expected) > 1e-4 * np.abs(expected).max()
    if seen.sum() < 4 or (claimed[seen] == 0).any():
        return None
    ratio, log_sigma = claimed[seen] / expected[seen], head.logvar[seen] / 2
    if len(set(np.sign(ratio))) > 1 or np.ptp(log_sigma) < 1e-3:
        return None
    slope, log_c = np.polyfit(log_sigma, np.log(np.abs(ratio)), 1)
    p, c = round(slope), float(np.sign(ratio[0]) * np.exp(log_c))
    fits = np.allclose(ratio, c * np.exp(p * log_sigma), rtol=1e-5)
    return (c, p) if fits and abs(slope - p) <= 1e-4 else None


def another_draw(evidence, blocks):
    """Backward multiplies by a noise that is not the eps it was given.

    On the right path, dlogvar = dmu·eps·sigma/2 in the reconstruction part. So the claimed
    dlogvar shows which noise backward used. A constant multiple of eps is no other noise.
    """
    heads, c = _heads(evidence)
    mu, logvar = heads["mu"], heads["logvar"]
    if logvar.bias not in blocks or mu.bias in blocks or not np.isclose(c, 1, rtol=1e-5):
        return None
    given = _noise(evidence.subject.model)[: len(logvar.logvar)]
    used = logvar.claimed["rec"] / (mu.claimed["rec"] * np.exp(logvar.logvar / 2) / 2)
    ratio = used / given
    if not np.isfinite(ratio).all() or np.ptp(ratio) <= 1e-6 * np.abs(ratio).max():
        return None
    if len(used) < 2 or not np.allclose(used, used[0], rtol=1e-6):
        return None
    mine = [b for b in blocks if b.shape[-1:] == logvar.bias.shape]
    if np.allclose(used, 1, rtol=1e-6):
        return mine, f"In {listed(mine)} backward leaves out the factor eps."
    one, other = (", ".join(f"{e:.3f}" for e in noise[0, :3]) for noise in (used, given))
    return mine, (
        f"For the first image alone backward used the noise {one}, forward {other}. Was"
        " the noise drawn again between forward and backward? dlogvar = dz·eps·sigma/2"
        " needs the very eps that made z."
    )
