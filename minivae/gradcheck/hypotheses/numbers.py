"""The right numbers times a factor, in other places, or of another thing."""

import numpy as np

from minivae.gradcheck.evidence import listed
from minivae.gradcheck.factors import factor_names, factor_reason, factor_text


def gradient_not_finite(evidence, blocks):
    """NaN or infinity in the claimed gradient."""
    blocks = [b for b in blocks if b.given is None and not b.readable]
    if not blocks:
        return None
    first = blocks[0]
    bad = np.flatnonzero(~np.isfinite(first.claimed))
    return blocks, (
        f"The gradient is not finite in {listed(blocks)}, though the loss is: the first"
        f" is {first.claimed[bad[0]]} at {first.name}{first.entry_name(bad[0])}"
        f" ({len(bad)} of {len(first.indices)} entries looked at there). Look for 0/0,"
        " a logarithm of zero, or an overflowing exp in backward."
    )


def wrong_shape(evidence, blocks):
    """The gradient of a parameter does not have the parameter's shape."""
    block = next((b for b in blocks if b.given is not None), None)
    return block and (
        [block],
        f"The gradient of {block.name} has shape {block.given.shape}, the parameter"
        f" {block.shape}. {_shape_story(block)}",
    )


def _shape_story(block):
    given, expected = block.given, block.expected
    if not block.complete:
        return "It was not compared further."

    def right(values):
        return values.size == block.size and block.matches(expected, values.ravel())

    if right(given):
        if given.ndim == len(block.shape) == 2 and 1 not in given.shape:
            return "Its numbers are right, in order, but reshaped."
        result = np.broadcast_shapes(given.shape, block.shape)
        mend = "no keepdims" if given.ndim > len(block.shape) else "keepdims=True"
        return (
            "Its numbers are right, its axes are not: b = b - lr * gradient would make an"
            f" array of shape {result} of it. The sum wants {mend}, or a reshape."
        )
    if given.T.shape == block.shape and right(given.T):
        return "Its numbers are those of the transposed gradient: it lacks a .T."
    for axis in range(given.ndim):
        if right(given.sum(axis=axis)):
            return (
                f"Summed over axis {axis} it is right: the sum over the batch is missing."
            )
    if given.ndim < 2 and np.isclose(given.sum(), expected.sum(), rtol=1e-6):
        return "Its total is right: it was summed over the wrong axis."
    return "Neither transposing nor summing it makes it right."


def identically_zero(evidence, blocks):
    """Nothing was written, or nothing arrives."""
    blocks = [b for b in blocks if not b.claimed.any()]
    if not blocks:
        return None
    return blocks, (
        f"The claimed gradient of {listed(blocks)} is exactly zero everywhere, but the"
        " loss does depend on it: it is never written, or no gradient arrives there."
    )


def constant_factor(evidence, blocks):
    """The claimed gradient is the right one times one number, best one with a name."""
    sizes = evidence.subject.sizes
    ratios = [(b, c) for b in blocks if (c := _ratio(b)) is not None]
    groups = []
    for _, c in ratios:
        group = [b for b, other in ratios if np.isclose(other, c, rtol=1e-5)]
        names = factor_names(c, sizes)
        # A name is met by chance once in thousands of times, any number easily.
        enough = sum(np.count_nonzero(b.expected) for b in group) > 1
        if enough if names else max(b.freedom for b in group) > 2:
            groups.append((bool(names), len(group), group, c, names))
    if not groups:
        return None
    *_, group, c, names = max(groups, key=lambda g: g[:2])
    reason = factor_reason(names) or _whole_number(c)
    if "2" in names and len(evidence.claims) == 1:
        reason += " Or backward ran twice and adds."
    return group, (
        f"The claimed gradient of {listed(group)} is {factor_text(c, names)} times the"
        f" right one, in every entry looked at.{reason}"
    )


def _ratio(block):
    """c with claimed = c · expected throughout, or None."""
    square = block.expected @ block.expected
    c = float(block.claimed @ block.expected / square) if square else 0.0
    fits = c and block.matches(c * block.expected, error=abs(c) * block.error)
    return c if fits else None


def _whole_number(c):
    """A question about a factor without a name that is a whole number or one over it."""
    for number in (abs(c), 1 / abs(c)):
        if round(number) > 2 and np.isclose(number, round(number), rtol=1e-6):
            return (
                f" Is {round(number)} the batch size, or a number of samples or dimensions?"
                " Then one takes a mean where the other takes a sum."
            )
    return " Some constant is forgotten or doubled."


def penalty(evidence, blocks):
    """The difference is a multiple of the parameter itself."""
    found = []
    for block in blocks:
        theta = evidence.oracle.theta[block.indices]
        if block.readable and theta.any() and block.freedom > 2:
            c = float((block.claimed - block.expected) @ theta / (theta @ theta))
            if block.matches(block.expected + c * theta):
                found.append((block, c))
    found = [(b, c) for b, c in found if np.isclose(c, found[0][1], rtol=1e-4)]
    if not found:
        return None
    blocks, c = [b for b, _ in found], found[0][1]
    has, lacks = ("gradient", "loss") if c > 0 else ("loss", "gradient")
    return blocks, (
        f"The claimed gradient of {listed(blocks)} is the right one {'+' if c > 0 else '-'}"
        f" {abs(c):.6g} times the parameter itself: a penalty on its square that the {has}"
        f" has and the {lacks} lacks, or with another weight."
    )


def misplaced(evidence, blocks):
    """The right numbers in the wrong places, or added up over the wrong axis."""
    stories = {}
    for block in blocks:
        story = block.complete and block.readable and _rearrangement(block)
        if story:
            stories.setdefault(story, []).append(block)
    if not stories:
        return None
    story, blocks = next(iter(stories.items()))
    return blocks, f"The claimed gradient of {listed(blocks)} {story}"


def _rearrangement(block):
    expected, shape = block.array(block.expected), block.shape
    if block.size < 2:
        return None
    if len(shape) == 2 and min(shape) > 1:
        if block.matches(expected.T.ravel()):
            if shape[0] == shape[1]:
                return (
                    "is the right one, transposed. Only a square matrix hides this from the"
                    " shapes."
                )
            return "is the transposed one, only reshaped to the parameter's shape."
    values = np.unique(expected)
    if len(values) > 2 and block.matches(
        np.sort(block.expected), np.sort(block.claimed), block.error.max()
    ):
        return (
            "holds the right numbers in the wrong places: look at the order of axes, a"
            " reshape, or an index."
        )
    total, error = block.expected.sum(), block.error.sum()
    if total and block.matches(np.full(block.size, total), error=error):
        return (
            "is one and the same number in every entry, the sum of the right entries: it"
            " was summed over all axes, where only the batch should be."
        )
    vector = sum(n > 1 for n in shape) == 1 and block.size > 2
    if vector and block.matches(np.array([total]), block.claimed.sum(keepdims=True), error):
        return (
            "has the right total in the wrong entries: it was summed over the wrong axis,"
            f" which the shape hides because both axes have the length {block.size}."
        )
    return None


def another_block(evidence, blocks):
    """The claimed gradient is that of another parameter of the same shape."""
    for block in blocks:
        for other in evidence.blocks.values():
            if other is block or other.shape != block.shape or block.size < 2:
                continue
            inside = block.indices - block.where.start + other.where.start
            expected, error = evidence.oracle.entries(inside)
            if expected.any() and block.matches(expected, error=error):
                return [block], (
                    f"The claimed gradient of {block.name} is that of {other.name}: were"
                    " the two exchanged?"
                )
    return None


def one_row(evidence, blocks):
    """One example's gradient instead of the batch's."""
    rows, B = evidence.subject.rows, evidence.subject.sizes.get("B", 1)
    if not rows or B < 2:
        return None
    for r in (0, B - 1):
        oracle, which = evidence.differentiate(rows(r)), "last" if r else "first"
        for c, how in ((1, ""), (B, ", times B"), (1 / B, ", divided by B")):
            found = [b for b in blocks if _is_gradient_of(oracle, b, c)]
            if found:
                return found, (
                    f"The claimed gradient of {listed(found)} is that of the {which} row"
                    f" of the batch alone{how}: the sum over the batch is missing, or an"
                    " = in a loop should be +=."
                )
    return None


def _is_gradient_of(oracle, block, c):
    """Whether a block's claims are c times another loss's derivatives, not all zero."""
    if block.size < 2 or not block.readable:
        return False
    largest = np.argsort(-np.abs(block.claimed))[:2]  # two entries rule most of it out
    for chosen in (largest, np.arange(len(block.indices))):
        expected, error = oracle.entries(block.indices[chosen])
        fits = block.matches(c * expected, block.claimed[chosen], abs(c) * error)
        if not expected.any() or not fits:
            return False
    return True
