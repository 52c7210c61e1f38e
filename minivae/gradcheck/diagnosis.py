"""From evidence to hints: first where, then why.

A hypothesis is a function of the `Evidence` and of the blocks to explain. It returns None,
or the blocks whose numbers it explains and a sentence. It speaks only when its
claim holds for all the numbers it explains, to the tolerance of the check, and when they
are too many to fit by chance; a wrong hint is worse than none. One that raises is passed
over. To add one, write the function and put it in a list of `hypotheses`.
"""

import numpy as np

from minivae.gradcheck.evidence import RIGHT, WRONG, listed, names_of
from minivae.gradcheck.hypotheses import CAUSES, LIMITS, OBSTACLES
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
    for hint in _met(OBSTACLES, evidence):
        return Place(), [hint], []
    place = locate(evidence)
    hints = _explained(evidence, place) if place else []
    return place, [*hints, *_met(LIMITS, evidence)], _notes(evidence)


def _met(conditions, evidence):
    """A hint for each of the conditions that is met; they explain no numbers."""
    for condition in conditions:
        text = _ask(condition, evidence)
        if text:
            yield Hint(condition.__name__, [], "", text)


def _explained(evidence, place):
    """The place with its causes, then whatever is wrong elsewhere with its own."""
    wrong = evidence.blocks_of(WRONG)
    wrong += [b for b in evidence.restless if b not in wrong]
    first = [b for b in wrong if b.name in place.first_wrong]
    causes = _causes(evidence, first, wrong)
    said = {name for _, names, _ in causes for name in names}
    why = " ".join(text for *_, text in causes) or place.look
    hints = [
        Hint(causes[0][0] if causes else "place", list(place.first_wrong), place.where, why)
    ]
    known = said | set(place.first_wrong) | set(place.behind)
    rest = [b for b in wrong if b.name not in known]
    for cause, names, text in _causes(evidence, rest, rest):
        hints.append(Hint(cause, names, "", text))
        rest = [b for b in rest if b.name not in names]
    if rest:
        hints.append(Hint("place", names_of(rest), f"Wrong, too: {listed(rest)}.", ""))
    return hints


def _causes(evidence, blocks, wrong):
    """(hypothesis's name, names, text) until `blocks` are explained or nothing fits.

    A mistake in one term of the loss explains all that is wrong; so all is tried first.
    """
    found = []
    for hypothesis in [*CAUSES, *evidence.subject.hypotheses]:
        tried = None
        for candidates in (wrong, blocks):
            left = [b for b in blocks if not any(b.name in names for _, names, _ in found)]
            while left:
                asked = [b for b in candidates if candidates is wrong or b in left]
                if asked == tried:
                    break  # the answer would be the same
                answer, tried = _ask(hypothesis, evidence, asked), asked
                if not answer or not any(b in answer[0] for b in left):
                    break
                found.append((hypothesis.__name__, names_of(answer[0]), answer[1]))
                left = [b for b in left if b not in answer[0]]
    return found


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
