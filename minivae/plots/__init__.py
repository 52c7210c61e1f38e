"""Figures: learning curves, reconstructions, samples, latent spaces, checks.

- `curves`: the course of a training; `figures`: the pictures of a model
- `checks`: the Taylor remainder of a gradient, in numbers
- `drawing`: what they share, from tiles to the file
"""

from minivae.plots.checks import taylor_test
from minivae.plots.curves import learning_curves
from minivae.plots.drawing import save_figure
from minivae.plots.figures import (
    image_grid,
    interpolations,
    latent_space,
    manifold,
    reconstructions,
    samples,
)

__all__ = [
    "image_grid",
    "interpolations",
    "latent_space",
    "learning_curves",
    "manifold",
    "reconstructions",
    "samples",
    "save_figure",
    "taylor_test",
]
