"""Hypotheses about any gradient: factors, transpositions, sums over the wrong axis."""

import numpy as np

from minivae.gradcheck.factors import factor_names, factor_reason, factor_text


def names_of(blocks):
    """The names of blocks, as a list."""
    return [block.name for block in blocks]


def listed(blocks):
    """The names of blocks, as words."""
    return ", ".join(names_of(blocks))


def gradient_not_finite(evidence):
    """NaN or infinity in the claimed gradient."""
    blocks = [b for b in evidence.open if not np.isfinite(b.claimed).all()]
    if not blocks:
        return None
    first = blocks[0]
    bad = np.flatnonzero(~np.isfinite(first.claimed))
    return names_of(blocks), (
        f"The gradient is not finite in {listed(blocks)}, though the loss is: the first"
        f" is {first.claimed[bad[0]]} at {first.name}{first.entry_name(bad[0])}"
        f" ({len(bad)} of {len(first.indices)} entries looked at there). Look for 0/0,"
        " a logarithm of zero, or an overflowing exp in backward."
    )


def wrong_shape(evidence):
    """The gradient of a parameter does not have the parameter's shape."""
    for name in evidence.unexplained:
        block = evidence.blocks[name]
        if block.given is not None:
            return [name], (
                f"The gradient of {name} has shape {block.given.shape}, the parameter"
                f" {block.shape}. {_shape_story(block)}"
            )
    return None


def _shape_story(block):
    given, expected = block.given, block.expected
    if not block.complete:
        return "It was not compared further."
    if given.T.shape == block.shape and block.agrees(
        given.T.ravel(), expected, block.error
    ):
        return "Its numbers are those of the transposed gradient: it lacks a .T."
    if given.shape[1:] == block.shape:
        if block.agrees(given.sum(axis=0).ravel(), expected, block.error):
            return (
                "Summed over its first axis it is right: the sum over the batch is missing."
            )
    if np.isclose(given.sum(), expected.sum(), rtol=1e-6):
        return "Its total is right: it was summed over the wrong axis."
    return "Neither transposing nor summing it makes it right."


def identically_zero(evidence):
    """Nothing was written, or nothing arrives."""
    blocks = [b for b in evidence.open if not b.claimed.any()]
    if not blocks:
        return None
    return names_of(blocks), (
        f"The claimed gradient of {listed(blocks)} is exactly zero everywhere, but the"
        " loss does depend on it: it is never written, or no gradient arrives there."
    )


def _ratio(block):
    """c with claimed = c · expected throughout, or None."""
    square = float(block.expected @ block.expected)
    if square == 0 or not np.isfinite(square):
        return None
    c = float(block.claimed @ block.expected) / square
    if c == 0 or not block.matches(c * block.expected, error=abs(c) * block.error):
        return None
    return c


def _by_factor(evidence):
    """The largest group of open blocks that share one factor: (blocks, factor)."""
    ratios = [(b, c) for b in evidence.open if (c := _ratio(b)) is not None]
    groups = [
        ([b for b, other in ratios if np.isclose(other, c, rtol=1e-5)], c)
        for _, c in ratios
    ]
    named = [g for g in groups if factor_names(g[1], evidence.subject.sizes)]
    rest = [g for g in groups if g not in named]
    return (max(g, key=lambda g: len(g[0]), default=None) for g in (named, rest))


def constant_factor(evidence):
    """The claimed gradient is the right one times a number with a name."""
    group, _ = _by_factor(evidence)
    if not group:
        return None
    blocks, c = group
    names = factor_names(c, evidence.subject.sizes)
    doubled = "2" in names and len(evidence.claims) == 1
    return names_of(blocks), (
        f"The claimed gradient of {listed(blocks)} is {factor_text(c, names)} times the"
        f" right one, in every entry looked at.{factor_reason(names)}"
        + (" Or backward ran twice and adds." if doubled else "")
    )


def unnamed_factor(evidence):
    """The claimed gradient is the right one times a number that I have no name for."""
    _, group = _by_factor(evidence)
    if not group or sum(len(b.indices) for b in group[0]) < 3:
        return None
    blocks, c = group
    return names_of(blocks), (
        f"The claimed gradient of {listed(blocks)} is {c:.8g} times the right one, in"
        " every entry looked at: some constant is forgotten or doubled."
    )


def transposed(evidence):
    """The right matrix, but transposed, or reshaped where it should be transposed."""
    matrices = [b for b in evidence.open if len(b.shape) == 2 and min(b.shape) > 1]
    for square in (True, False):
        blocks = []
        for block in matrices:
            order = np.arange(block.size).reshape(block.shape).T.ravel()
            inside = block.indices - block.where.start
            expected, error = evidence.oracle.entries(order[inside] + block.where.start)
            same_kind = (block.shape[0] == block.shape[1]) == square
            if same_kind and block.matches(expected, error=error):
                blocks.append(block)
        if blocks:
            how = "right one, transposed" if square else "transposed one, only reshaped"
            return names_of(blocks), (
                f"The claimed gradient of {listed(blocks)} is the {how}. For y = x W it is"
                " xᵀ dy, of the shape of W."
                + (" Only a square W hides this from the shapes." if square else "")
            )
    return None


def another_block(evidence):
    """The claimed gradient is that of another parameter of the same shape."""
    for block in evidence.open:
        for other in evidence.blocks.values():
            if other is block or other.shape != block.shape:
                continue
            inside = block.indices - block.where.start + other.where.start
            expected, error = evidence.oracle.entries(inside)
            if block.matches(expected, error=error):
                return [block.name], (
                    f"The claimed gradient of {block.name} is that of {other.name}: were"
                    " the two exchanged?"
                )
    return None


def rearranged(evidence):
    """The right numbers in the wrong places."""
    blocks = []
    for block in evidence.open:
        if block.complete and len(set(block.expected)) > 2:
            claimed, expected = np.sort(block.claimed), np.sort(block.expected)
            if block.matches(expected, claimed, block.error.max()):
                blocks.append(block)
    if not blocks:
        return None
    return names_of(blocks), (
        f"The claimed gradient of {listed(blocks)} holds the right numbers in the wrong"
        " places: look at the order of axes, a reshape, or an index."
    )


def one_row(evidence):
    """One example's gradient instead of the batch's."""
    rows, B = evidence.subject.rows, evidence.subject.sizes.get("B", 1)
    if rows is None or B < 2 or not evidence.open:
        return None
    for r in (0, B - 1):
        oracle, which = evidence.differentiate(rows(r)), "last" if r else "first"
        for c, how in ((1, ""), (B, ", times B"), (1 / B, ", divided by B")):
            blocks = [b for b in evidence.open if _is_gradient_of(oracle, b, c)]
            if blocks:
                return names_of(blocks), (
                    f"The claimed gradient of {listed(blocks)} is that of the {which} row"
                    f" of the batch alone{how}: the sum over the batch is missing, or an"
                    " = in a loop should be +=."
                )
    return None


def _is_gradient_of(oracle, block, c=1.0):
    """Whether a block's claims are c times another loss's derivatives, not all zero."""
    largest = np.argsort(-np.abs(block.claimed))[:2]  # two entries rule most of it out
    for chosen in (largest, np.arange(len(block.indices))):
        expected, error = oracle.entries(block.indices[chosen])
        if not expected.any() or not np.isfinite(block.claimed).all():
            return False
        if not block.agrees(block.claimed[chosen], c * expected, abs(c) * error):
            return False
    return True


def summed_over_everything(evidence):
    """Each entry holds the sum over all entries."""
    blocks = []
    for block in evidence.open:
        total = np.full(len(block.indices), block.expected.sum())
        if block.complete and block.size > 1 and total.any():
            if block.matches(total, error=block.error.sum()):
                blocks.append(block)
    if not blocks:
        return None
    return names_of(blocks), (
        f"Every claimed entry of {listed(blocks)} is the same number, the sum of the right"
        " entries: it was summed over all axes, where only the batch should be (axis=0)."
    )


def wrong_axis(evidence):
    """A sum over the outputs where the batch belongs, hidden because B = n_out."""
    for block in evidence.open:
        square = block.size == evidence.subject.sizes.get("B")
        if len(block.shape) != 1 or block.size < 2 or not (square and block.complete):
            continue
        totals = np.array([block.claimed.sum()]), np.array([block.expected.sum()])
        if block.matches(totals[1], totals[0], block.error.sum()):
            return [block.name], (
                f"The claimed gradient of {block.name} has the right total in the wrong"
                " entries: it was summed over the wrong axis, which the shape hides"
                f" because B = {block.size} is also its length. Sum over axis 0."
            )
    return None


def another_loss(evidence):
    """The claimed gradient belongs to another loss, one that is often mistaken for it."""
    for description, f in evidence.subject.alternatives.items():
        oracle = evidence.differentiate(f)
        blocks = [b for b in evidence.open if _is_gradient_of(oracle, b)]
        if blocks:
            return names_of(blocks), (
                f"The claimed gradient of {listed(blocks)} is right for another loss:"
                f" {description}."
            )
    return None
