"""The right numbers times a factor, in other places, or of another thing."""

from functools import wraps

import numpy as np

from minivae.gradcheck.evidence import listed
from minivae.gradcheck.factors import factor_names, factor_reason, factor_text
from minivae.gradcheck.oracle import Oracle


def each(story):
    """The hypothesis that `story(evidence, block)` is true of a block, and of those alike.

    A story goes on after "The claimed gradient of W, b "; None where it does not fit.
    """

    @wraps(story)
    def hypothesis(evidence, blocks):
        told = {}
        for block in blocks:
            told.setdefault(story(evidence, block), []).append(block)
        text = next(filter(None, told), None)
        alike = told.get(text, [])
        return text and (alike, f"The claimed gradient of {listed(alike)} {text}")

    return hypothesis


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


@each
def wrong_shape(evidence, block):
    """The gradient of a parameter does not have the parameter's shape."""
    given, shape = block.given, block.shape
    if given is None:
        return None
    said = f"has shape {given.shape}, the parameter {shape}."
    if not block.complete:
        return f"{said} It was not compared further."
    stories = [
        (given, _axes(given, shape)),
        (given.T, "Its numbers are those of the transposed gradient: it lacks a .T."),
    ]
    for axis in range(given.ndim):
        story = f"Summed over axis {axis} it is right: the sum over the batch is missing."
        stories.append((given.sum(axis=axis), story))
    for values, story in stories:
        if values.size == block.size and block.matches(block.expected, values.ravel()):
            return f"{said} {story}"
    if given.ndim < 2 and np.isclose(given.sum(), block.expected.sum(), rtol=1e-6):
        return f"{said} Its total is right: it was summed over the wrong axis."
    return f"{said} Neither transposing nor summing it makes it right."


def _axes(given, shape):
    """What to say of the right numbers, in order, in an array of another shape."""
    try:
        result = np.broadcast_shapes(given.shape, shape)
    except ValueError:
        return "Its numbers are right, in order, but reshaped."
    mend = "no keepdims" if given.ndim > len(shape) else "keepdims=True"
    return (
        "Its numbers are right, its axes are not: b = b - lr * gradient would make an array"
        f" of shape {result} of it. The sum wants {mend}, or a reshape."
    )


@each
def identically_zero(evidence, block):
    """Nothing was written, or nothing arrives."""
    if block.claimed.any():
        return None
    return (
        "is exactly zero everywhere, but the loss does depend on it: it is never written,"
        " or no gradient arrives there."
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


@each
def penalty(evidence, block):
    """The difference is a multiple of the parameter itself."""
    theta = evidence.oracle.theta[block.indices]
    if not (block.readable and theta.any() and block.freedom > 2):
        return None
    c = float((block.claimed - block.expected) @ theta / (theta @ theta))
    if not block.matches(block.expected + c * theta):
        return None
    has, lacks = ("gradient", "loss") if c > 0 else ("loss", "gradient")
    return (
        f"is the right one {'+' if c > 0 else '-'} {abs(c):.4g} times the parameter itself:"
        f" a penalty on its square that the {has} has and the {lacks} lacks, or with"
        " another weight."
    )


@each
def misplaced(evidence, block):
    """The right numbers in the wrong places, or added up over the wrong axis."""
    claimed, expected, shape = block.claimed, block.expected, block.shape
    if block.size < 2 or not (block.complete and block.readable):
        return None
    transposed = block.array(expected).T.ravel()
    if len(shape) == 2 and min(shape) > 1 and block.matches(transposed):
        if shape[0] == shape[1]:
            return (
                "is the right one, transposed. Only a square matrix hides this from the"
                " shapes."
            )
        return "is the transposed one, only reshaped to the parameter's shape."
    several = len(np.unique(expected)) > 2
    if several and block.matches(np.sort(expected), np.sort(claimed), block.error.max()):
        return (
            "holds the right numbers in the wrong places: look at the order of axes, a"
            " reshape, or an index."
        )
    total, error = expected.sum(), block.error.sum()
    if total and block.matches(total, error=error):
        return (
            "is one and the same number in every entry, the sum of the right entries: it"
            " was summed over all axes, where only the batch should be."
        )
    vector = sum(n > 1 for n in shape) == 1 and block.size > 2
    if vector and block.matches(total, claimed.sum(keepdims=True), error):
        return (
            "has the right total in the wrong entries: it was summed over the wrong axis,"
            f" which the shape hides because both axes have the length {block.size}."
        )
    return None


@each
def another_block(evidence, block):
    """The claimed gradient is that of another parameter of the same shape."""
    for other in evidence.blocks.values():
        shift = other.where.start - block.where.start
        if shift and other.shape == block.shape:
            if _is_gradient(block, evidence.oracle, shift):
                return f"is that of {other.name}: were the two exchanged?"
    return None


@each
def one_row(evidence, block):
    """One example's gradient instead of the batch's."""
    rows, B = evidence.subject.rows, evidence.subject.sizes.get("B", 1)
    for r, which in ((0, "first"), (B - 1, "last")) if rows and B > 1 else ():
        oracle = evidence.differentiate(f"row {r}", rows(r))
        for c, how in ((1, ""), (B, ", times B"), (1 / B, ", divided by B")):
            if _is_gradient(block, oracle, c=c):
                return (
                    f"is that of the {which} row of the batch alone{how}: the sum over the"
                    " batch is missing, or an = in a loop should be +=."
                )
    return None


@each
def stale(evidence, block):
    """The claimed gradient is the same at another theta, where the right one is not."""
    if evidence.elsewhere is None:
        return None
    theta, elsewhere = evidence.elsewhere
    if (elsewhere != evidence.claims[0])[block.where].any():
        return None
    there, error = Oracle(evidence.subject.loss, theta).entries(block.indices)
    if block.matches(there, block.expected, error):
        return None
    return (
        "does not change when the parameters do: it was kept from an earlier call, or"
        " backward does not use what forward kept."
    )


def _is_gradient(block, oracle, shift=0, c=1):
    """Whether a block's claims are c times derivatives of another thing, not all zero."""
    if block.size < 2 or not block.readable:
        return False
    largest = np.argsort(-np.abs(block.claimed))[:2]  # two entries rule most of it out
    for chosen in (largest, np.arange(len(block.indices))):
        expected, error = oracle.entries(block.indices[chosen] + shift)
        fits = block.matches(c * expected, block.claimed[chosen], abs(c) * error)
        if not expected.any() or not fits:
            return False
    return True
