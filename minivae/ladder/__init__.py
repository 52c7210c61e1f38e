"""The ladder of checks: seven rungs, each catching what the one below lets through.

    1  finite differences      is the gradient the derivative of the loss?
    2  formulas                are they what they claim to be? by Monte Carlo and loops
    3  moments                 is what is drawn what the formulas assume?
    4  exact log p(x)          ELBO + KL(q ‖ posterior) = log p(x), by quadrature; every
                               number of the bound in plain loops
    5  linear VAE              is its optimum probabilistic PCA?
    6  probability             do densities sum to one, do bounds bound and tighten?
    7  behaviour               heads, noise, batches, extremes, pictures, optimizers

`climb` runs them on a model. `minivae check` is the same from the command line.
"""

import numpy as np

from minivae.ladder.behaviour import behaviour
from minivae.ladder.formulas import monte_carlo
from minivae.ladder.gradients import finite_differences
from minivae.ladder.linear import linear_vae
from minivae.ladder.moments import moments
from minivae.ladder.probability import probability
from minivae.ladder.table import Row, Table
from minivae.ladder.truth import exact_truth
from minivae.ladder.waiting import announced
from minivae.likelihoods import Bernoulli
from minivae.vae import VAE

RUNGS = {
    1: finite_differences,
    2: monte_carlo,
    3: moments,
    4: exact_truth,
    5: linear_vae,
    6: probability,
    7: behaviour,
}

__all__ = ["RUNGS", "Row", "Table", "climb", "small_model"]


def climb(model, x, rng, rungs=tuple(RUNGS), stream=None):
    """Run the rungs on a model and return their rows as one `Table`.

    Right code passes for any model and seed: an oracle's estimate of its own error is in
    the tolerance, and what it cannot tell is "undecided", which is no failure. For claims
    that depend on samples see `table.z_row`.

    Parameters
    ----------
    model : VAE
        In float64: `model.astype(np.float64)` is such a copy, `as_vae()` that of an IWAE.
    x : ndarray, shape (B, D)
        A handful of images as the model takes them.
    rng : numpy.random.Generator
    rungs : sequence of int
    stream : text file, optional
        Where a rung that takes longer than two seconds says so.

    Returns
    -------
    Table
        Truthy if no claim failed.
    """
    table = Table()
    for rung in rungs:
        name = RUNGS[rung].__name__.replace("_", " ")
        with announced(f"rung {rung} of {len(RUNGS)}, {name}", stream):
            table.extend(RUNGS[rung](model, x, rng))
    return table


def small_model(rng):
    """A VAE with two latent dimensions and data for it: (model, x), to check the code.

    Its weights are drawn large enough for a posterior that is far from the prior and
    not quite Gaussian, so that no term of any formula is near zero.
    """
    model = VAE.mlp(6, 2, (5,), Bernoulli(), rng=rng, dtype=np.float64)
    model.theta *= 1.5
    for head in ("mu_head", "logvar_head"):
        model.params[f"{head}.W"][...] *= 0.4
        model.params[f"{head}.b"][...] = rng.uniform(-1, -0.5, model.K)
    return model, (rng.random((5, 6)) < 0.5).astype(float)
