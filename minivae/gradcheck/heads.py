"""Hypotheses about the heads of a VAE, from batches of one image.

The gradient in a head's bias is the sum of dmu or dlogvar over the batch. From a batch of
one image it *is* dmu or dlogvar, and can be held against mu, logvar and eps themselves.
"""

from typing import NamedTuple

import numpy as np

from minivae.gradcheck.causes import listed, names_of
from minivae.gradcheck.factors import format_sum
from minivae.gradcheck.paths import PART, behind, with_role, wrong_heads

IMAGES = 8  # how many batches of one image are looked at


class PerImage(NamedTuple):
    """One part of dmu or dlogvar, claimed and expected, beside mu and logvar; all (n,)."""

    claimed: np.ndarray
    expected: np.ndarray
    mu: np.ndarray
    logvar: np.ndarray


def _per_image(evidence, head, part):
    """`PerImage` of a head and a part of the loss, or None if the model has no encode."""
    test, theta = evidence.subject.model, evidence.oracle.theta
    bias = evidence.blocks.get(f"{head}.b")
    if bias is None or not hasattr(test.model, "encode"):
        return None
    found = []
    for r in range(min(len(test.x), IMAGES)):
        row = slice(r, r + 1)
        f = evidence.differentiate(lambda t, row=row: test.term(part, t, rows=row))
        expected, _ = f.entries(range(bias.where.start, bias.where.stop))
        claimed = test.claimed_term(part, theta, rows=row)[bias.where]
        mu, logvar = test.model.encode(test.x[row])
        found.append((claimed, expected, mu[0], logvar[0]))
    return PerImage(*(np.concatenate(a) for a in zip(*found, strict=True)))


def power_of_sigma(evidence):
    """A part of a head's gradient is off by a power of sigma: sigma for sigma², say."""
    for head in wrong_heads(evidence):
        powers = {part: _power(_per_image(evidence, head, part)) for part in PART}
        if None in powers.values() or all(p == 0 for _, p in powers.values()):
            continue
        said = []
        for part, (c, p) in powers.items():
            number = "" if np.isclose(c, 1, rtol=1e-5) else f" {c:.6g}"
            factor = {0: "", 1: " sigma"}.get(p, f" sigma^{p}")
            words = (
                f"{number}{factor} times the right one" if number or factor else " right"
            )
            said.append(f"the {PART[part]} is{words}")
        blocks = with_role(evidence.open, head)
        upstream, remark = behind(evidence)
        return names_of(blocks + upstream), (
            f"On the {head.removesuffix('_head')} path ({listed(blocks)}) {', '.join(said)}"
            " (sigma = exp(logvar/2), a standard deviation). The two derivatives are"
            f" dz·eps·sigma/2 and beta·(sigma² - 1)/2.{remark}"
        )
    return None


def _power(image):
    """(c, p) with claimed = c sigma^p expected, or None."""
    if image is None:
        return None
    seen = np.abs(image.expected) > 1e-4 * np.abs(image.expected).max()
    if seen.sum() < 4 or (image.claimed[seen] == 0).any():
        return None
    ratio = image.claimed[seen] / image.expected[seen]
    log_sigma = image.logvar[seen] / 2
    if len(set(np.sign(ratio))) > 1 or np.ptp(log_sigma) < 1e-3:
        return None
    slope, log_c = np.polyfit(log_sigma, np.log(np.abs(ratio)), 1)
    p, c = round(slope), float(np.sign(ratio[0]) * np.exp(log_c))
    if abs(slope - p) > 1e-4:
        return None
    return (c, p) if np.allclose(ratio, c * np.exp(p * log_sigma), rtol=1e-5) else None


def kl_formula(evidence):
    """The KL part is another function of mu and sigma than the loss's: say which."""
    beta = evidence.subject.sizes.get("beta", 1)
    for head in wrong_heads(evidence):
        image = _per_image(evidence, head, "kl")
        if image is None:
            continue
        # Where the loss clamps a KL (free bits), its derivative is zero and says nothing.
        free = np.abs(image.expected) > 1e-8
        image = PerImage(*(a[free] for a in image))
        sigma = np.exp(image.logvar / 2)
        terms, right = {"mu": image.mu, "": sigma**0}, [1, 0]
        if head == "logvar_head":
            terms = {"sigma²": sigma**2, "": sigma**0, "logvar": image.logvar}
            terms |= {"sigma": sigma, "sigma⁴": sigma**4}
            right = [0.5, -0.5, 0, 0, 0]
        claimed, loss = (_combination(g / beta, terms) for g in image[:2])
        if claimed is None or loss is None or np.allclose(claimed, loss, atol=1e-5):
            continue
        rec = _per_image(evidence, head, "rec")
        if not np.allclose(rec.claimed, rec.expected, rtol=1e-5, atol=1e-7):
            continue  # then the KL is not all that is wrong: leave it to `path`
        guilty = ""
        if np.allclose(claimed, right, atol=1e-5):
            guilty = " So the gradient is right, and it is the KL of the loss that is not."
        elif np.allclose(loss, right, atol=1e-5):
            guilty = " So the loss is right, and its gradient is not."
        letter = head.removesuffix("_head")
        blocks = with_role(evidence.open, head)
        upstream, remark = behind(evidence)
        said = [format_sum(c, terms) for c in (loss, claimed, right)]
        return names_of(blocks + upstream), (
            f"In {listed(blocks)} the KL part is wrong, the reconstruction part right. Of"
            f" each image's KL the derivative in {letter} is {said[0]} by the loss and"
            f" {said[1]} by the gradient; of KL(N(mu, sigma²) ‖ N(0, 1)) it is"
            f" {said[2]}.{guilty}{remark}"
        )
    return None


def _combination(values, terms):
    """Coefficients of `terms` that make up `values` exactly, or None."""
    A = np.stack(list(terms.values()), axis=1)
    if len(values) < len(terms) + 2 or np.linalg.cond(A) > 1e6:
        return None
    c, *_ = np.linalg.lstsq(A, values, rcond=None)
    return c if np.allclose(A @ c, values, rtol=1e-6, atol=1e-7) else None


def another_draw(evidence):
    """Backward multiplies by a noise that is not the eps it was given.

    On the right path, dlogvar = dmu·eps·sigma/2 in the reconstruction part. So the
    claimed dlogvar shows which noise backward used: if that does not change with theta,
    noise it was.
    """
    if wrong_heads(evidence) != ["logvar_head"]:
        return None
    test, theta = evidence.subject.model, evidence.oracle.theta
    used, again = (_noise_used(evidence, t) for t in (theta, 1.01 * theta))
    if used is None or again is None or not np.allclose(used, again, rtol=1e-6, atol=1e-9):
        return None
    given = test.eps[..., :1, :].reshape(-1, test.eps.shape[-1])[0]
    ask = "Was the noise drawn again between forward and backward?"
    if np.allclose(used, 1, rtol=1e-6):
        proof, ask = "backward leaves out the factor eps", "But"
    elif not np.allclose(used, given, rtol=1e-6, atol=1e-9):
        one, other = (", ".join(f"{e:.3f}" for e in noise[:3]) for noise in (used, given))
        proof = f"for the first image alone backward used the noise {one}, forward {other}"
    else:
        ones = np.ones_like(test.eps)
        even = test.claim(theta, eps=ones)
        oracle = evidence.differentiate(lambda t: test.loss(t, eps=ones))
        for b in with_role(evidence.open, "logvar_head"):
            expected, error = oracle.entries(b.indices)
            if not b.agrees(even[b.indices], expected, error):
                return None
        proof = "with all eps = 1 it is right, with eps that differ it is not"
        ask = "Was the noise drawn again between forward and backward, or rearranged?"
    blocks = with_role(evidence.open, "logvar_head")
    upstream, remark = behind(evidence)
    return names_of(blocks + upstream), (
        f"The logvar path ({listed(blocks)}) is wrong and the decoder and the mu path are"
        f" right: {proof}. {ask} dlogvar = dz·eps·sigma/2 needs the very eps that made"
        f" z.{remark}"
    )


def _noise_used(evidence, theta):
    """eps as backward must have had it, from the first image and sample; (K,) or None."""
    test = evidence.subject.model
    mu, logvar = (evidence.blocks.get(f"{head}_head.b") for head in ("mu", "logvar"))
    if mu is None or logvar is None or not hasattr(test.model, "encode"):
        return None
    eps = test.eps if test.eps.ndim == 2 else test.eps[:1]
    claimed = test.claimed_term("rec", theta, rows=slice(0, 1), eps=eps)
    sigma = np.exp(test.model.encode(test.x[:1])[1][0] / 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        used = claimed[logvar.where] / (claimed[mu.where] * sigma / 2)
    return used if np.isfinite(used).all() else None
