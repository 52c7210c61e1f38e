"""Bugs of the objective: the numbers are wrong, the gradient is that of the loss."""

import numpy as np
import pytest

from minivae import IWAE, VAE, Bernoulli, Binomial, Gaussian
from minivae.gradcheck import check_model
from minivae.zoo import OBJECTIVES, injected

HOMES = {
    "gaussian-without-two-pi": (VAE, Gaussian(0.4)),
    "binomial-without-coefficient": (VAE, Binomial(9)),
    "average-of-the-logarithms": (IWAE, Bernoulli()),
}


def subject(name):
    """A model in which the bug can live, data and noise; no unit's KL is near zero."""
    rng = np.random.default_rng(2)
    cls, likelihood = HOMES.get(name, (VAE, Bernoulli()))
    model = cls.mlp(5, 3, (4,), likelihood, rng=rng, dtype=np.float64)
    model.theta += 0.1 * rng.standard_normal(model.theta.size)
    model.logvar_head.b += 1.0
    x = rng.integers(0, getattr(likelihood, "n", 1) + 1, (6, 5)).astype(float)
    return model, x, rng.standard_normal((2, 6, 3))


def said(model, x, eps):
    """What a model says of itself, at ordinary logits and at extreme ones."""
    with np.errstate(all="ignore"):
        for scale in (1.0, 1e3):
            model.theta *= scale
            for ask in (
                lambda: model.loss(x, eps)[0],
                lambda: VAE.elbo(model, x, eps).sum(),
                lambda: model.log_joint(x, eps[0]).sum(),
                lambda: model.loss(x / 2, eps)[0],
            ):
                try:
                    yield float(ask())
                except (ValueError, FloatingPointError) as error:
                    yield str(error)
            model.theta /= scale


@pytest.mark.parametrize("bug", OBJECTIVES, ids=lambda bug: bug.name)
def test_other_numbers_with_the_right_gradient(bug):
    model, x, eps = subject(bug.name)
    right = list(said(model, x, eps))
    with injected(bug):
        assert list(said(model, x, eps)) != right, "it changes nothing"
        report = check_model(model, x, eps, oracle="central", tolerance=1e-5)
    assert report.verdict != "WRONG", f"{bug.name}: {report}"
