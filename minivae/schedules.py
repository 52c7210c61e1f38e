"""Learning rates and KL weights as plain functions of the step, 0 for the first.

Each function here returns such a function; anything else that takes a step number and
returns a number will do as well. `lr=linear_warmup(1e-3, 100)` warms up a learning rate,
`beta=linear_warmup(1.0, 2000)` anneals the KL.

A function is code, and code is not saved. Those made here carry `spec`, the way they
were made, from which `checkpoints.load` makes them again.
"""

import math

import numpy as np

from minivae.errors import check_instance, check_number, check_whole


def value_at(schedule, step):
    """The value at `step` of a number (which never changes) or of a schedule."""
    return schedule(step) if callable(schedule) else schedule


def text_of(schedule):
    """A number or a schedule as text: the call that made it, where that is known."""
    if not hasattr(schedule, "spec"):
        return repr(schedule)
    name, *arguments = schedule.spec
    return f"{name}({', '.join(map(repr, arguments))})"


def _made_by(schedule, *spec):
    """The schedule, with a note of the call that made it: a name and the arguments."""
    schedule.spec = list(spec)
    return schedule


def linear_warmup(top, steps):
    """Rise in a straight line from 0 to `top` in `steps` steps, then stay there.

    Examples
    --------
    >>> from minivae.schedules import linear_warmup
    >>> beta = linear_warmup(1.0, 100)
    >>> beta(0), beta(50), beta(500)
    (0.0, 0.5, 1.0)
    """
    top = check_number("top", top, minimum=0)
    steps = check_whole("steps", steps, minimum=1)

    def warmup(step):
        return top * min(1.0, step / steps)

    return _made_by(warmup, "linear_warmup", top, steps)


def cosine_decay(top, steps):
    """Fall along half a cosine from `top` to 0 in `steps` steps (Loshchilov & Hutter 2017).

    top · ½ (1 + cos(π step / steps))

    Examples
    --------
    >>> from minivae.schedules import cosine_decay
    >>> lr = cosine_decay(2.0, 100)
    >>> round(lr(0), 6), round(lr(50), 6), round(lr(100), 6)
    (2.0, 1.0, 0.0)
    """
    top = check_number("top", top, minimum=0)
    steps = check_whole("steps", steps, minimum=1)

    def decay(step):
        return top * 0.5 * (1 + math.cos(math.pi * min(1.0, step / steps)))

    return _made_by(decay, "cosine_decay", top, steps)


def piecewise_constant(values, lengths):
    """Hold `values[i]` for `lengths[i]` steps each; the last one holds for ever.

    Examples
    --------
    >>> from minivae.schedules import piecewise_constant
    >>> lr = piecewise_constant([1e-3, 1e-4], [100, 100])
    >>> lr(99), lr(100), lr(1000)
    (0.001, 0.0001, 0.0001)
    """
    check_instance("values", values, (list, tuple, np.ndarray))
    check_instance("lengths", lengths, (list, tuple, np.ndarray))
    values = [check_number("values", v, minimum=0) for v in values]
    lengths = [check_whole("lengths", n, minimum=1) for n in lengths]
    if len(values) != len(lengths) or not values:
        raise ValueError(
            f"values, lengths: expected as many of each and at least one, got"
            f" {len(values)} and {len(lengths)}"
        )

    def stage(step):
        for value, length in zip(values, lengths, strict=True):
            if step < length:
                return value
            step -= length
        return values[-1]

    return _made_by(stage, "piecewise_constant", values, lengths)
