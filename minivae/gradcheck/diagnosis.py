"""From evidence to hints: first where, then why.

A hypothesis is a function of the `Evidence` and of the blocks to explain. It returns None,
or the blocks whose numbers it explains and a sentence. It speaks only when its
claim holds for all the numbers it explains, to the tolerance of the check, and when they
are too many to fit by chance; a wrong hint is worse than none. One that raises is passed
over. To add one, write the function and put it in a list of `hypotheses`; one that looks
at a single parameter is only a sentence or None (see `numbers.each`).
"""

import numpy as np

from minivae.gradcheck.evidence import RIGHT, listed, names_of
from minivae.gradcheck.hypotheses import CAUSES, CONDITIONS
from minivae.gradcheck.place import Place, locate
from minivae.gradcheck.report import Hint


def diagnose(evidence):
    """The place of the first mistake, hints and notes.

    Returns
    -------
    place : Place
    hints : list of Hint
        One for the place, one for what is wrong elsewhere and follows from nothing, and
        one for each limit of the check that was met.
    notes : list of str
    """
    place = locate(evidence) if evidence.blocks else Place()
    hints = _explained(evidence, place) if place else []
    for condition in CONDITIONS:
        if text := _ask(condition, evidence):
            hints.append(Hint(condition.__name__, [], "", text))
    return place, hints, _notes(evidence)


def _explained(evidence, place):
    """The place with its causes, then whatever is wrong elsewhere with its own."""
    wrong = evidence.wrong
    causes = _causes(evidence, [b for b in wrong if b.name in place.first_wrong], wrong)
    cause = causes[0].cause if causes else "place"
    why = " ".join(hint.why for hint in causes) or place.look
    hints = [Hint(cause, list(place.first_wrong), place.where, why)]
    known = {*place.first_wrong, *place.behind}.union(*(hint.blocks for hint in causes))
    rest = [b for b in wrong if b.name not in known]
    hints += _causes(evidence, rest, rest)
    rest = [b for b in rest if not any(b.name in hint.blocks for hint in hints)]
    if rest:
        hints.append(Hint("place", names_of(rest), f"Wrong, too: {listed(rest)}.", ""))
    return hints


def _causes(evidence, blocks, wrong):
    """A `Hint` for each cause found, until `blocks` are explained or nothing fits.

    A mistake in one term of the loss explains all that is wrong; so all is tried first.
    """
    hints, left = [], list(blocks)
    for hypothesis in [*CAUSES, *evidence.subject.hypotheses]:
        asked = wrong
        while left and asked:
            explained, why = _ask(hypothesis, evidence, asked) or ([], "")
            if any(b in explained for b in left):
                hints.append(Hint(hypothesis.__name__, names_of(explained), "", why))
                left = asked = [b for b in left if b not in explained]
            else:
                asked = left if asked is wrong and left != wrong else []
    return hints


def _ask(hypothesis, evidence, *blocks):
    """What a hypothesis says; nothing, if the model cannot be asked what it asks."""
    try:
        with np.errstate(all="ignore"):
            return hypothesis(evidence, *blocks)
    except Exception:
        return None


def _notes(evidence):
    idle = [b for b in evidence.blocks_of(RIGHT) if b.idle]
    if not idle:
        return []
    return [
        f"the loss does not depend on {listed(idle)} at all. The gradient, zero, is right;"
        " is the parameter used as it was meant to be?"
    ]
