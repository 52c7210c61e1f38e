"""Hypotheses about where along the backward pass of a model the gradient goes wrong."""

import numpy as np

from minivae.gradcheck.causes import listed, names_of
from minivae.gradcheck.evidence import RIGHT
from minivae.gradcheck.paths import HEADS, role, with_role

# Backward meets the likelihood first; whatever is not named here (the heads) comes third.
STAGES = {"likelihood": 0, "decoder": 1, "encoder": 3}
HEADS_STAGE = 2


def _known(evidence):
    """Whether this is a model whose parts, and so their order, have names we know."""
    roles = {role(b) for b in evidence.blocks.values()}
    known = all(r in STAGES or r.endswith("_head") for r in roles)
    return evidence.subject.model is not None and known and bool(evidence.open)


def guilty_layer(evidence):
    """A layer of the model is wrong when checked alone."""
    if not _known(evidence):
        return None
    layers = evidence.subject.model.layers
    guilty = [place for place, (_, wrong, _) in layers.items() if wrong]
    for place in sorted(guilty, key=lambda p: (stage(p), -number(p))):
        kind, wrong, alone = layers[place]
        own = [f"{place}.{name}" for name in wrong]
        explained = [
            b
            for b in evidence.open
            if b.name in own or ("x" in wrong and _reaches(place, b))
        ]
        if explained:
            others = [f"{p} ({layers[p][0]})" for p in guilty if p != place]
            also = f" So are {', '.join(others)}." if others else ""
            what = " and ".join("dx" if n == "x" else f"d{n}" for n in wrong)
            return names_of(explained), (
                f"{place} ({kind}) is wrong when checked alone: the {what} of its backward"
                f" does not fit its forward.{also} That explains {listed(explained)}."
                + (f" Alone it says: {alone}" if alone else "")
            )
    return None


def stage(name):
    """When backward reaches the part of the model that `name` begins with."""
    return STAGES.get(name.split(".")[0], HEADS_STAGE)


def number(name):
    """The position in its stack of "decoder.2.W" or "decoder.2", or infinity."""
    pieces = name.split(".")
    return int(pieces[1]) if len(pieces) > 1 and pieces[1].isdigit() else np.inf


def _flow(evidence):
    """The blocks in the order in which backward reaches them."""
    return sorted(
        evidence.blocks.values(),
        key=lambda b: (stage(b.name), -number(b.name)),
    )


def _reaches(place, block):
    """Whether the gradient of `block` passes through, or comes from, the layer `place`."""
    if place.split(".")[0] == role(block):
        return number(block.name) <= number(place)
    return stage(place) < stage(block.name)


def frontier(evidence):
    """Where along the backward pass the gradient stops being right."""
    if not _known(evidence):
        return None
    order = _flow(evidence)
    first = next(i for i, b in enumerate(order) if b in evidence.open)
    wrong, before = evidence.open, order[:first]
    if first == 0 or any(b.verdict != RIGHT for b in before):
        return None
    if len(wrong) == 1 and any(_reaches(wrong[0].name, b) for b in order if b not in wrong):
        return names_of(wrong), (
            f"{wrong[0].name} alone is wrong. What lies behind it is right, so the"
            " gradient that passes through is right: look at the one line that writes it."
        )
    heads = [h for h in HEADS if with_role(wrong, h)]
    if len(heads) == 1 and not with_role(wrong, "decoder", "likelihood"):
        letter = heads[0].removesuffix("_head")
        return names_of(wrong), (
            f"The {letter} path ({listed(wrong)}) is wrong, the decoder and the other head"
            f" are right: look at the lines that compute d{letter}, the gradient that"
            f" enters {heads[0]}."
        )
    checks = evidence.subject.model.layers.values()
    cleared = bool(checks) and not any(bad for _, bad, _ in checks)
    return names_of(wrong), (
        f"Backward is right as far as {before[-1].name} and wrong from"
        f" {order[first].name} on."
        + (" Each layer checked alone is right." if cleared else "")
        + " Look at how the parts are joined: are all paths added up?"
    )
