"""The zoo: bugs that were found in public VAEs, injected into our own code one at a time.

    with injected(BUGS["kl-without-its-half"]):
        ...  # the package now has that bug

Everyone makes these. What each is caught by is computed, in `matrix`. They are written
down as patches in the folder `bugs`:

gradients.txt
    Bugs that live in the backward pass: the loss is right and its gradient is not.
objectives.txt
    Bugs that live in the objective: value and gradient agree, and both are wrong.
    Finite differences pass all of these. It takes a rung that knows what the number ought
    to be: a Monte-Carlo KL, a density that integrates to one, or the exact log p(x).
sampling.txt
    Bugs that live where something is drawn, reported or updated.
"""

from pathlib import Path

from minivae.zoo.mutation import Bug, Edit, injected, read_bugs

GRADIENTS, OBJECTIVES, SAMPLING = (
    read_bugs((Path(__file__).parent / "bugs" / f"{file}.txt").read_text(encoding="utf-8"))
    for file in ("gradients", "objectives", "sampling")
)
BUGS = {bug.name: bug for bug in (*GRADIENTS, *OBJECTIVES, *SAMPLING)}

__all__ = ["BUGS", "Bug", "Edit", "injected"]
