"""Bugs of what is drawn, reported or updated: each changes what its story says, no more."""

import numpy as np
import pytest

from minivae import VAE, Adam, Bernoulli, Laplace, fit, gaussian
from minivae.inference.classical import bbvi
from minivae.zoo import SAMPLING, injected

ONES = np.ones((1, 3))


def model():
    rng = np.random.default_rng(0)
    return VAE.mlp(5, 3, (4,), Bernoulli(), rng=rng, dtype=np.float64)


def loss(free_bits=0.0):
    return model().loss(np.eye(5), np.ones((5, 3)), free_bits=free_bits)


def training(what):
    """theta, or what is reported, after an epoch of two steps at which beta is ½."""
    vae = model()
    rng, options = np.random.default_rng(3), {"batch_size": 5, "progress": False}
    history = fit(vae, np.tile(np.eye(5), (2, 1)), epochs=1, rng=rng, beta=0.5, **options)
    return vae.theta if what == "theta" else history[what]


def second_step(eps=1e-8):
    theta, adam = np.zeros(2), Adam(lr=0.1, eps=eps)
    for _ in range(2):
        adam.step(theta, np.array([1e-6, 1.0]))
    return theta


def control_variate():
    eps = np.random.default_rng(4).standard_normal((4, 2))
    return bbvi.score_terms(lambda z: z.sum(axis=1), np.zeros(2), np.ones(2), eps, True)


def drawn(likelihood):
    return likelihood.sample(np.zeros((400, 3)), np.random.default_rng(0)).var()


LOOKS = {
    "z": lambda: gaussian.reparameterize(ONES, ONES, ONES),
    "loss": loss,
    "reported KL": lambda: loss(free_bits=0.5)[2],
    "mean": lambda: Bernoulli().mean(3 * ONES),
    "pixels": lambda: drawn(Bernoulli()),
    "laplace": lambda: drawn(Laplace(0.7)),
    "small steps": second_step,
    "score": control_variate,
    "theta": lambda: training("theta"),
    "nelbo": lambda: training("train_nelbo"),
}
CHANGES = {
    "variance-for-deviation": {"loss", "theta", "nelbo"},
    "whispered-noise": {"z", "score", "loss", "theta", "nelbo"},
    "logits-shown-as-pixels": {"mean"},
    "softplus-as-probability": {"pixels"},
    "laplace-of-the-wrong-width": {"laplace"},
    "adam-eps-inside-the-root": {"small steps", "theta"},
    "adam-correction-never-decays": {"small steps", "theta"},
    "free-for-everybody": {"reported KL"},
    "annealed-report": {"nelbo"},
    "noise-of-the-first-day": {"theta", "nelbo"},
    "baseline-that-saw-the-sample": {"score"},
}


@pytest.mark.parametrize("bug", SAMPLING, ids=lambda bug: bug.name)
def test_it_changes_what_it_tells_of_and_nothing_else(bug):
    right = {name: look() for name, look in LOOKS.items()}
    with injected(bug):
        wrong = {name: look() for name, look in LOOKS.items()}
    changed = {n for n in LOOKS if not np.allclose(right[n], wrong[n], rtol=1e-6, atol=0)}
    assert changed == CHANGES[bug.name]
