"""The zoo: bugs that were found in public VAEs, released into our own code one at a time.

    with released(ANIMALS["kl-without-its-half"]):
        ...  # the package now has that bug

Everyone makes these. What each is caught by is computed, in `matrix`.
"""

from minivae.zoo.gradients import GRADIENTS
from minivae.zoo.mutation import Animal, Edit, released
from minivae.zoo.objectives import OBJECTIVES
from minivae.zoo.sampling import SAMPLING

ANIMALS = {animal.name: animal for animal in (*GRADIENTS, *OBJECTIVES, *SAMPLING)}

__all__ = ["ANIMALS", "Animal", "Edit", "released"]
