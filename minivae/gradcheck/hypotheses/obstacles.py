"""Why nothing, or not all, could be judged: right code may meet any of these."""

import numpy as np

from minivae.gradcheck.evidence import SAFETY, UNDECIDED, listed


def loss_not_finite(evidence):
    """The loss itself is NaN or infinite."""
    if np.isfinite(evidence.losses).all():
        return None
    return (
        f"The loss is {evidence.losses[0]} at theta itself, before any gradient: there"
        " is nothing to differentiate. Usual causes: log of a zero (take logits instead"
        " of sigmoid-then-log), exp of a large logvar, a division by zero."
    )


def noise_not_frozen(evidence):
    """Calling the loss again with the same theta gives another number."""
    if not np.isfinite(evidence.losses).all() or len(set(evidence.losses)) == 1:
        return None
    first, second, third = evidence.losses
    return (
        f"The noise is not frozen: three calls of the loss with the same theta gave"
        f" {first:.8g}, {second:.8g} and {third:.8g}. Differences of it measure the"
        " noise, so no gradient was compared and nothing is said against yours. Draw eps"
        " (and dropout masks, and mini-batches) once, outside, and pass them in."
    )


def single_precision(evidence):
    """float32 blurs the comparison."""
    if not evidence.single or not evidence.blocks_of(UNDECIDED):
        return None
    blurred = SAFETY * max(
        float(np.max(b.error[np.isfinite(b.error)], initial=0)) / max(b.scale, 1e-300)
        for b in evidence.blocks_of(UNDECIDED)
    )
    return (
        f"This is float32: of the loss or of the gradient only about seven digits exist,"
        f" so that the comparison is blurred by up to {blurred:.0e} where"
        f" {evidence.blocks_of(UNDECIDED)[0].tolerance:g} was asked. Within that blur"
        " nothing is wrong with what is marked undecided. Check in float64 (float32 is"
        " for training)."
    )


def kink(evidence):
    """The function is not differentiable at the point, or within a tiny step of it."""
    blocks = [b for b in evidence.blocks.values() if b.kinks]
    if not blocks:
        return None
    block = blocks[0]
    index, (left, right) = next(iter(block.kinks.items()))
    position = int(np.flatnonzero(block.indices == index)[0])
    claimed = block.claimed[position]
    between = min(left, right) - 1e-6 <= claimed <= max(left, right) + 1e-6
    count = sum(len(b.kinks) for b in blocks)
    return (
        f"A kink: at {block.name}{block.entry_name(position)} the loss has slope"
        f" {left:.6g} to the left and {right:.6g} to the right; the claimed {claimed:.6g}"
        f" {'lies between' if between else 'is not far from'} them. A ReLU or an"
        " absolute value stands exactly at, or next to, its corner, where no difference"
        f" can judge ({count} such {'entry' if count == 1 else 'entries'}). Move theta or"
        " x a little off (biases of exactly zero are a usual cause) and check again."
    )


def too_coarse(evidence):
    """The oracle is not good enough, for no reason that is known."""
    if evidence.single:
        return None
    blocks = [b for b in evidence.blocks_of(UNDECIDED) if len(b.kinks) < b.undecided.sum()]
    if not blocks:
        return None
    return (
        f"The differences do not settle for {listed(blocks)}: their own error estimate"
        " exceeds the tolerance. The loss is rough near theta (its rounding noise is about"
        f" {evidence.oracle.noise:.0e}), or not finite there. Use oracle='richardson' if"
        " you do not, a point further inside, or a larger tolerance."
    )
