"""Gradients that depend on when, or how often, they are asked for."""

import numpy as np

from minivae.gradcheck.evidence import listed
from minivae.gradcheck.oracle import Oracle


def repetition(evidence, blocks):
    """The gradient changes from call to call, though the loss does not."""
    blocks = [b for b in blocks if b in evidence.restless]
    if not blocks:
        return None
    one, two = evidence.claims[0], evidence.claims[-1]
    more = two if evidence.once_more is None else evidence.once_more
    for earlier, later in ((one, two), (two, more)):
        added = later - earlier
        if all(_whole(b, earlier, added) for b in blocks):
            return blocks, (
                "The gradient accumulates: asked for again at the same point,"
                f" {listed(blocks)} came back with one whole gradient added. Does backward"
                " use += on arrays that still hold the last gradient? Write with =, or set"
                " them to zero first."
            )
    if all(b.matches(b.expected, two[b.indices]) for b in blocks):
        return blocks, (
            f"The gradient of {listed(blocks)} is one call late: asked for twice at the"
            " same point it is wrong at first and right the second time. Does backward use"
            " what an earlier forward kept?"
        )
    return blocks, (
        f"The loss is the same at every call, but the gradient of {listed(blocks)} changes"
        " from call to call with the same parameters. Does backward draw noise of its own,"
        " or keep something from the call before? Where noise was drawn going forward,"
        " backward needs that very noise."
    )


def _whole(block, earlier, added):
    """Whether what came on top is a gradient: the right one, or the one that was there."""
    doubled = np.allclose(added[block.where], earlier[block.where])
    return bool(added[block.where].any()) and (
        doubled or block.matches(block.expected, added[block.indices])
    )


def stale(evidence, blocks):
    """The claimed gradient is the same at another theta."""
    if evidence.elsewhere is None:
        return None
    theta, elsewhere = evidence.elsewhere
    same = elsewhere == evidence.claims[0]
    oracle, found = Oracle(evidence.subject.loss, theta), []
    for block in (b for b in blocks if same[b.where].all()):
        there, error = oracle.entries(block.indices)
        if not block.matches(there, block.expected, error):
            found.append(block)
    if not found:
        return None
    return found, (
        f"The claimed gradient of {listed(found)} does not change when the parameters do:"
        " it was kept from an earlier call, or backward does not use what forward kept."
    )
