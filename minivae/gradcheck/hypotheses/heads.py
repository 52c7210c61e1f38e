"""Models whose loss takes a `beta`: which term is wrong, and the two heads of a VAE.

Which parameters are the biases of mu and logvar is seen from the model's `encode`: moved by
t, they move mu, or logvar, by t. From a batch of one image the gradient in such a bias *is*
dmu or dlogvar, and can be held against logvar and eps themselves. `power_of_sigma` and
`another_draw` speak only of models whose own loss obeys dlogvar = c·dmu·eps·sigma/2.
"""

from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np

from minivae.gradcheck.evidence import listed
from minivae.gradcheck.hypotheses.terms import PART

IMAGES = 8  # how many batches of one image are looked at


class Head(NamedTuple):
    """The gradient of "rec" and "kl" in a head's bias, for each image; (n, K) as logvar."""

    bias: object
    eps: np.ndarray
    logvar: np.ndarray
    claimed: dict
    expected: dict


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
    """The `Head` of mu, that of logvar, and the c of the loss; raises for other models."""
    test, theta = evidence.subject.model, evidence.oracle.theta
    before, heads = test.encode(theta), {}
    for block in evidence.blocks.values():
        if block.size == before[0].shape[-1]:
            moved, steps = theta.copy(), 0.1 * np.arange(1, block.size + 1)
            moved[block.where] += steps
            for i, after in enumerate(test.encode(moved)):
                if np.allclose(after - before[i], steps, rtol=0, atol=1e-6):
                    heads[i] = _head(evidence, block)
    mu, logvar = heads[0], heads[1]
    path = mu.expected["rec"] * mu.eps * np.exp(mu.logvar / 2) / 2
    c = float((logvar.expected["rec"] * path).sum() / (path * path).sum())
    if not np.allclose(logvar.expected["rec"], c * path, rtol=1e-5, atol=1e-8):
        raise ValueError("z is not mu + c·sigma·eps")
    return mu, logvar, c


def _head(evidence, bias):
    test, theta = evidence.subject.model, evidence.oracle.theta
    eps = test.eps.reshape(-1, *test.eps.shape[-2:])[0]  # of one sample
    ones = [{"rows": slice(r, r + 1), "eps": eps} for r in range(len(test.x))][:IMAGES]
    claimed, expected = {}, {}
    for part in PART:
        claims = [test.claimed_term(part, theta, **one) for one in ones]
        losses = [partial(test.term, part, **one) for one in ones]
        oracles = [evidence.differentiate((part, i), f) for i, f in enumerate(losses)]
        indices = range(bias.where.start, bias.where.stop)
        claimed[part] = np.stack([claim[bias.where] for claim in claims])
        expected[part] = np.stack([oracle.entries(indices)[0] for oracle in oracles])
    logvar = np.concatenate([test.encode(theta, one["rows"])[1] for one in ones])
    return Head(bias, eps[: len(ones)], logvar, claimed, expected)


def power_of_sigma(evidence, blocks):
    """A part of a head's gradient is off by a power of sigma: sigma for sigma², say."""
    for head in _heads(evidence)[:2]:
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
    mu, logvar, c = _heads(evidence)
    if logvar.bias not in blocks or mu.bias in blocks or not np.isclose(c, 1, rtol=1e-5):
        return None
    used = logvar.claimed["rec"] / (mu.claimed["rec"] * np.exp(logvar.logvar / 2) / 2)
    ratio = used / logvar.eps
    if not np.isfinite(ratio).all() or np.ptp(ratio) <= 1e-6 * np.abs(ratio).max():
        return None
    if len(used) < 2 or not np.allclose(used, used[0], rtol=1e-6):
        return None
    mine = [b for b in blocks if b.shape[-1:] == logvar.bias.shape]
    if np.allclose(used, 1, rtol=1e-6):
        return mine, f"In {listed(mine)} backward leaves out the factor eps."
    one, other = (", ".join(f"{e:.3f}" for e in n[0, :3]) for n in (used, logvar.eps))
    return mine, (
        f"For the first image alone backward used the noise {one}, forward {other}. Was"
        " the noise drawn again between forward and backward? dlogvar = dz·eps·sigma/2"
        " needs the very eps that made z."
    )
