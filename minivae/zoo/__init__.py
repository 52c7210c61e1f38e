"""The zoo: bugs that were found in public VAEs, injected into our own code one at a time.

    with injected(BUGS["kl-without-its-half"]):
        ...  # the package now has that bug

Everyone makes these. What each is caught by is computed, in `matrix`.
"""

from minivae.zoo.gradients import GRADIENTS
from minivae.zoo.mutation import Bug, Edit, injected
from minivae.zoo.objectives import OBJECTIVES
from minivae.zoo.sampling import SAMPLING

BUGS = {bug.name: bug for bug in (*GRADIENTS, *OBJECTIVES, *SAMPLING)}

__all__ = ["BUGS", "Bug", "Edit", "injected"]
