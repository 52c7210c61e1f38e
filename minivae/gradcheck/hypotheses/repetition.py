"""Gradients that depend on when, or how often, they are asked for."""

from itertools import pairwise

import numpy as np

from minivae.gradcheck.evidence import listed


def repetition(evidence, blocks):
    """The gradient changes from call to call, though the loss does not."""
    blocks = [b for b in blocks if b in evidence.restless]
    if not blocks:
        return None
    for earlier, later in pairwise(evidence.claims):
        if all(_whole(b, earlier, later - earlier) for b in blocks):
            return blocks, (
                "The gradient accumulates: asked for again at the same point,"
                f" {listed(blocks)} came back with one whole gradient added. Does backward"
                " use += on arrays that still hold the last gradient? Write with =, or set"
                " them to zero first."
            )
    if all(b.matches(b.expected, evidence.claims[1][b.indices]) for b in blocks):
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
