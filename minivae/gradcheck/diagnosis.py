"""From evidence to hints: run the hypotheses, the most specific first.

A hypothesis is a function of the `Evidence`. It returns None, or the names of the blocks
whose numbers it explains and a sentence. It speaks only when its claim holds for all the
numbers it explains, to the tolerance of the check; a wrong hint is worse than none. To
add one, write the function and put it in a list below.
"""

import numpy as np

from minivae.gradcheck import behaviour, causes, flow, heads, paths
from minivae.gradcheck.evidence import RIGHT, SAFETY, UNDECIDED, WRONG
from minivae.gradcheck.report import Hint


def loss_not_finite(evidence):
    """The loss itself is NaN or infinite."""
    if np.isfinite(evidence.losses).all():
        return None
    return [], (
        f"The loss is {evidence.losses[0]} at theta itself, before any gradient: there"
        " is nothing to differentiate. Usual causes: log of a zero (take logits instead"
        " of sigmoid-then-log), exp of a large logvar, a division by zero."
    )


def noise_not_frozen(evidence):
    """Calling the loss again with the same theta gives another number."""
    if len(set(evidence.losses)) == 1:
        return None
    first, second, third = evidence.losses
    return [], (
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
    return [], (
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
    return [], (
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
    names = ", ".join(b.name for b in blocks)
    return [], (
        f"The differences do not settle for {names}: their own error estimate exceeds the"
        f" tolerance. The loss is rough near theta (its rounding noise is about"
        f" {evidence.oracle.noise:.0e}), or not finite there. Use"
        " oracle='richardson' if you do not, a point further inside, or a larger"
        " tolerance."
    )


OBSTACLES = [loss_not_finite, noise_not_frozen]
BEHAVIOUR = [
    behaviour.accumulates,
    behaviour.one_call_late,
    paths.redrawn,
    behaviour.unsteady,
]
CAUSES = [
    causes.gradient_not_finite,
    causes.wrong_shape,
    causes.identically_zero,
    paths.part_factor,
    causes.constant_factor,
    causes.transposed,
    causes.another_block,
    causes.rearranged,
    causes.one_row,
    causes.summed_over_everything,
    causes.wrong_axis,
    causes.another_loss,
    paths.part_factor_of_a_path,
    heads.power_of_sigma,
    heads.another_draw,
    heads.kl_formula,
    flow.guilty_layer,
    causes.unnamed_factor,
    behaviour.stale,
    paths.path,
    paths.behind_a_head,
    flow.frontier,
]
LIMITS = [single_precision, kink, too_coarse]


def diagnose(evidence):
    """Hints and notes for a report, and whether the gradient misbehaves when repeated.

    Returns
    -------
    hints : list of Hint
    notes : list of str
    misbehaves : bool
        True if the numbers depend on how often the gradient was asked for.
    """
    hints = []
    for hypothesis in OBSTACLES:
        found = hypothesis(evidence)
        if found:
            return [Hint(hypothesis.__name__, *found)], [], False
    evidence.unexplained = [b.name for b in evidence.blocks_of(WRONG)]
    for hypothesis in BEHAVIOUR:
        found = hypothesis(evidence)
        if found:
            _accept(evidence, hints, hypothesis, found)
            break
    misbehaves = bool(hints)
    for hypothesis in CAUSES:
        # One mistake may be made twice: ask again as long as it explains something.
        while evidence.unexplained and (found := hypothesis(evidence)):
            _accept(evidence, hints, hypothesis, found)
    if evidence.unexplained:
        names = ", ".join(evidence.unexplained)
        hints.append(Hint("nothing_fits", list(evidence.unexplained), _nothing_fits(names)))
    for hypothesis in LIMITS:
        found = hypothesis(evidence)
        if found:
            hints.append(Hint(hypothesis.__name__, *found))
    return hints, _notes(evidence), misbehaves


def _accept(evidence, hints, hypothesis, found):
    names, text = found
    hints.append(Hint(hypothesis.__name__, names, text))
    evidence.unexplained = [n for n in evidence.unexplained if n not in names]


def _nothing_fits(names):
    return (
        f"Nothing I know explains the numbers of {names}: no constant factor of them, no"
        " transposed or rearranged gradient, no missing term. The parameters that are"
        " right say where not to look."
    )


def _notes(evidence):
    idle = [
        b.name
        for b in evidence.blocks_of(RIGHT)
        if not b.expected.any() and not any(d.expected for d in b.directions)
    ]
    if not idle:
        return []
    return [
        f"the loss does not depend on {', '.join(idle)} at all. The gradient, zero, is"
        " right; is the parameter used as it was meant to be?"
    ]
