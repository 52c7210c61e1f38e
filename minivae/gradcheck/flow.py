"""Hypotheses about where along the backward pass of a model the gradient goes wrong."""

import numpy as np

from minivae.gradcheck.causes import listed, names_of
from minivae.gradcheck.evidence import RIGHT
from minivae.gradcheck.paths import role

# Backward meets the likelihood first; whatever is not named here (the heads) comes third.
STAGES = {"likelihood": 0, "decoder": 1, "encoder": 3}
HEADS_STAGE = 2


def guilty_layer(evidence):
    """A layer of the model is wrong when checked alone."""
    if evidence.subject.model is None or not evidence.open:
        return None
    order = _flow(evidence)
    found = evidence.subject.model.wrong_layers()
    found.sort(key=lambda f: (stage(f[0]), -number(f[0])))
    for place, kind, inner in found:
        ranks = [i for i, b in enumerate(order) if _reaches(place, b)]
        upstream = [order[i] for i in ranks if order[i] in evidence.open]
        if upstream:
            others = [f"{p} ({k})" for p, k, _ in found if p != place]
            also = f" So are {', '.join(others)}." if others else ""
            what = " and ".join("dx" if n == "x" else n for n in inner)
            return names_of(upstream), (
                f"{place} ({kind}) is wrong when checked alone: its {what} does not fit"
                f" its forward.{also} {listed(upstream)} lie behind it."
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
    if evidence.subject.model is None or not evidence.open:
        return None
    order = _flow(evidence)
    first = next(i for i, b in enumerate(order) if b in evidence.open)
    wrong, before = evidence.open, order[:first]
    if first == 0 or any(b.verdict != RIGHT for b in before):
        return None
    others = [b for b in order if b not in wrong]
    if len(wrong) == 1 and any(_reaches(wrong[0].name, b) for b in others):
        return names_of(wrong), (
            f"{wrong[0].name} alone is wrong. What lies behind it is right, so the"
            " gradient that passes through is right: look at the one line that writes it."
        )
    return names_of(wrong), (
        f"Backward is right as far as {before[-1].name} and wrong from"
        f" {order[first].name} on: look at what happens to the gradient between them."
        " Each layer checked alone is right, so look at how they are joined: are all"
        " paths added up?"
    )
