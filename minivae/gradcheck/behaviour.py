"""Hypotheses about a gradient that depends on when, or how often, it is asked for."""

from itertools import pairwise

import numpy as np

from minivae.gradcheck.causes import listed, names_of
from minivae.gradcheck.oracle import Oracle


def unequal_blocks(evidence, one, two):
    """The blocks in which two flat gradients differ by more than rounding."""
    return [
        b
        for b in evidence.blocks.values()
        if not np.allclose(one[b.where], two[b.where], rtol=1e-9, atol=1e-13 * b.scale)
    ]


def repeated(evidence, pairs=1):
    """The first two consecutive claims that differ, and the blocks where, or None.

    The first pair are two full calls; the second, a call and backward once more alone.
    """
    for one, two in list(pairwise(evidence.claims))[:pairs]:
        if np.isfinite(one).all() and np.isfinite(two).all():
            blocks = unequal_blocks(evidence, one, two)
            if blocks:
                return one, two, blocks
    return None


def accumulates(evidence):
    """A second backward adds to the first."""
    found = repeated(evidence, pairs=2)
    if not found:
        return None
    one, two, blocks = found
    added = all(b.matches(b.expected, (two - one)[b.indices]) for b in blocks)
    doubled = all(np.allclose(two[b.where], 2 * one[b.where]) for b in blocks)
    if not (added or doubled):
        return None
    return names_of(blocks), (
        f"The gradient accumulates: asked for again at the same theta, {listed(blocks)}"
        " came back with one whole gradient added. Does backward use += on arrays that"
        " still hold the last gradient? Write with =, or set them to zero first."
    )


def one_call_late(evidence):
    """The first call returns a gradient of the call before it."""
    found = repeated(evidence)
    if not found:
        return None
    _, two, blocks = found
    if not all(b.matches(b.expected, two[b.indices]) for b in blocks):
        return None
    return names_of(blocks), (
        f"The gradient of {listed(blocks)} is one call late: asked for twice at the same"
        " theta it is wrong at first and right the second time. Does backward use"
        " activations that an earlier forward kept?"
    )


def unsteady(evidence):
    """The gradient changes from call to call, though the loss does not."""
    found = repeated(evidence)
    if not found:
        return None
    _, _, blocks = found
    return names_of(blocks), (
        f"The loss is the same at every call, but the gradient of {listed(blocks)}"
        " changes from call to call with the same theta. Does backward draw noise of its"
        " own, or keep something from the call before?"
    )


def stale(evidence):
    """The claimed gradient is the same at another theta."""
    if evidence.elsewhere is None:
        return None
    theta, elsewhere = evidence.elsewhere
    same = elsewhere == evidence.claims[0]
    oracle, blocks = Oracle(evidence.subject.loss, theta), []
    for block in evidence.open:
        expected, error = oracle.entries(block.indices)
        if same[block.where].all() and not block.agrees(block.expected, expected, error):
            blocks.append(block)
    if not blocks:
        return None
    return names_of(blocks), (
        f"The claimed gradient of {listed(blocks)} does not change when theta does: it"
        " was kept from an earlier call, or backward does not use what forward kept."
    )
