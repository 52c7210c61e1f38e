"""Where the gradient goes wrong: the first wrong layer, in the order of backward.

The parameters come in the order of the forward pass. A weight and its bias are one layer;
the sizes say which layer takes whose output, so that two heads on the same input are no
chain. Backward walks from the loss against that order. A layer in which some parameter is
right, or behind which one is, has received the right gradient: what is wrong in it is wrong
in itself. Where a layer's parameters are all wrong and all behind them too, the gradient
was spoilt on the way to it.
"""

from typing import NamedTuple

import numpy as np

from minivae.gradcheck.evidence import RIGHT, WRONG, listed, names_of
from minivae.gradcheck.graph import connected


class Place(NamedTuple):
    """The place of a mistake; false if there is none.

    first_wrong : tuple of str, the parameters of the layer, or of the layers side by side,
        that backward reaches first among the wrong ones.
    last_right : tuple of str, the parameters of the layers from which backward comes
        there, all right. Empty at the edge of the loss.
    behind : tuple of str, other wrong parameters, which must be wrong because these are.
    where : str, the same in words. look : str, what to look at.
    """

    first_wrong: tuple = ()
    last_right: tuple = ()
    behind: tuple = ()
    where: str = ""
    look: str = ""

    def __bool__(self):
        return bool(self.first_wrong)


def locate(evidence):
    """The `Place` of the first mistake, from the verdicts on all blocks."""
    layers = connected(evidence)
    for layer in layers:
        layer.wrong = [b for b in layer.blocks if b in evidence.wrong]
        layer.right = [b for b in layer.blocks if b not in layer.wrong and _is_right(b)]
    wrong = [layer for layer in layers if layer.wrong]
    if not wrong:
        return Place()
    local = [layer for layer in wrong if layer.aside or _is_reached(layer)]
    spoilt = [layer for layer in wrong if layer not in local]
    sources = [a for a in spoilt if not any(b in spoilt for b in _next(a))]
    before = [b for source in sources for b in _next(source)]
    if sources and not any(layer in before for layer in local):
        group = [s for s in sources if _next(s) == _next(sources[-1])]
        return _spoilt(group, local, [a for a in spoilt if a not in group])
    return _local([a for a in local if not sources or a in before], spoilt)


def _spoilt(group, local, behind):
    """The gradient is wrong on arrival at the layers of the `group`."""
    before = _next(group[0])
    numbers = [] if before else [layer for layer in local if layer.aside]
    first = [b for layer in group + numbers for b in layer.wrong]
    last = [b for layer in before for b in layer.right]
    names, right = listed(first), listed(last)
    beside = [
        a for b in before for a in b.takes if a not in group and a.takes == group[0].takes
    ]
    if not before:
        where = f"Already {names}, which backward reaches first, {_is(first)} wrong."
        look = (
            "Look at the edge of the loss: its derivative by the output (sign, factors, sum"
            " or mean), and the terms of the loss itself."
        )
    elif len(group) > 1:
        where = _way(right, f"{names} on, side by side")
        look = (
            "Look at what these have in common: the gradient that is handed back to both,"
            " and the terms of the loss that meet both (such as a KL)."
        )
    elif beside:
        others = listed([b for a in beside for b in a.blocks])
        where = (
            f"{names} {_is(first)} wrong. {others} beside, on the same input, and {right},"
            " from where backward comes, are right."
        )
        look = f"Look at the lines that make the gradient entering {names}, all its terms."
    elif len(before) > 1:
        where = _way(f"{right}, side by side,", f"{names} on")
        look = (
            "Look at where their paths meet (are all of them added up?) and at the"
            " derivative of the activation there."
        )
    else:
        where = _way(right, f"{names} on{_extent(first)}")
        look = (
            "Look between the two: the product with the weights, the derivative of the"
            " activation, whatever lies there without parameters, and another term of the"
            " loss that enters there."
        )
    return _place(first, last, behind, where, look)


def _local(layers, behind):
    """Single gradients are wrong though the gradient arrived at them right."""
    first = [b for layer in layers for b in layer.wrong]
    before = [n for layer in layers for n in _next(layer) if n not in layers]
    last = [b for layer in dict.fromkeys(before) for b in layer.right]
    names = listed(first)
    if behind:
        beside = [b for layer in layers for b in layer.right]
        where = _way(listed(last + beside), f"{names} on")
        look = f"Look at what the gradient of {names} shares with what lies behind it."
    else:
        where = f"{names} alone {_is(first)} wrong{_extent(first)}."
        look = (
            "The gradient that arrives there is right: look at the"
            f" {'line that writes it' if len(first) == 1 else 'lines that write them'}, and"
            " for a term of the loss in these parameters themselves."
        )
    return _place(first, last, behind, where, look)


def _place(first, last, behind, where, look):
    follow = [b.name for layer in behind for b in layer.blocks if b.verdict == WRONG]
    if follow:
        names = ", ".join(follow)
        where += f" What lies behind ({names}) is wrong with it: mend this first."
    return Place(tuple(names_of(first)), tuple(names_of(last)), tuple(follow), where, look)


def _way(right, wrong):
    return f"Backward is right as far as {right} and wrong from {wrong}."


def _is(blocks):
    return "is" if len(blocks) == 1 else "are"


def _extent(first):
    """Which rows or columns of the first wrong matrix are wrong, if not all are."""
    block = first[0]
    if len(block.shape) != 2 or not block.complete:
        return ""
    wrong = block.array(block.wrong)
    for axis, word in ((1, "row"), (0, "column")):
        bad = np.flatnonzero(wrong.any(axis=axis))
        if wrong.all(axis=axis)[bad].all() and 2 * len(bad) <= wrong.shape[1 - axis]:
            s = "s" if len(bad) > 1 else ""
            return f" ({block.name} only in {word}{s} {', '.join(map(str, bad))})"
    return ""


# Verdicts along the graph. A block that shows nothing is neither right nor wrong.


def _is_right(block):
    kinks_only = len(block.kinks) == block.undecided.sum()
    return (block.verdict == RIGHT or kinks_only) and not block.idle


def _is_reached(layer):
    """Whether what arrives at a layer is shown to be right, there or behind it."""
    shown = layer.right and not layer.aside
    return bool(shown) or any(_is_reached(other) for other in layer.takes)


def _next(layer):
    """The layers from which backward comes; those that show nothing are passed over."""
    found = []
    for other in layer.gives:
        found += [other] if other.right or other.wrong else _next(other)
    return list(dict.fromkeys(found))
