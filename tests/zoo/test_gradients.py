"""On every bug of the zoo's backward pass the checker's first hint is the right one."""

import numpy as np
import pytest

from minivae import IWAE, VAE, Bernoulli, Binomial, Gaussian
from minivae.gradcheck import check_model
from minivae.zoo import BUGS, GRADIENTS, injected

# bug -> the hypothesis that must come first, and words that its sentence must hold
FIRST_HINT = {
    "fresh-noise-in-backward": ("another_draw", "noise drawn again"),
    "three-wrong-factors": (
        "power_of_sigma",
        "4 times the right one, the KL part is sigma",
    ),
    "missing-half-of-sigma": ("part_factor", "part is 2 times the right one"),
    "halved-gaussian-gradient": ("part_factor", "part is 0.5 = 1/2 times"),
    "batch-mean-forgotten": ("part_factor", "the KL part is 6 = B times"),
    "weight-gradient-times-batch": ("constant_factor", "6 = B times the right one"),
    "transposed-weight-gradient": ("misplaced", "transposed one, only reshaped"),
    "bias-of-one-image": ("one_row", "first row of the batch alone"),
    "derivative-of-the-input": ("guilty_layer", "(Tanh) is wrong when checked alone"),
    "stale-gradients": ("repetition", "The gradient accumulates"),
    "columns-in-reverse": ("misplaced", "the right numbers in the wrong places"),
    "graph-cut-at-the-sample": ("part_factor", "the reconstruction part is missing"),
    "differentiated-weights": ("place", "Look at the edge of the loss"),
    "worst-sample-weighs-most": ("place", "Look at the edge of the loss"),
    "binomial-forgets-n": ("guilty_layer", "likelihood (Binomial) is wrong"),
    "relu-lets-all-through": ("guilty_layer", "(ReLU) is wrong when checked alone"),
    "learned-scale-without-d": ("guilty_layer", "dlog_c of its backward does not fit"),
}
LIKELIHOODS = {
    "halved-gaussian-gradient": lambda: Gaussian(0.4, learned=True),
    "learned-scale-without-d": lambda: Gaussian(0.4, learned=True),
    "binomial-forgets-n": lambda: Binomial(9),
}


def subject(name, rng):
    """A model in which the bug can live, with sizes B, S, D and K that all differ."""
    weighted = name in ("differentiated-weights", "worst-sample-weighs-most")
    cls = IWAE if weighted else VAE
    likelihood = LIKELIHOODS.get(name, Bernoulli)()
    activation = "relu" if name == "relu-lets-all-through" else "tanh"
    model = cls.mlp(5, 3, (4,), likelihood, activation, rng=rng, dtype=np.float64)
    model.theta += 0.1 * rng.standard_normal(model.theta.size)
    x = rng.integers(0, likelihood.n + 1, (6, 5)) if hasattr(likelihood, "n") else None
    x = rng.standard_normal((6, 5)) if x is None else x.astype(float)
    return model, x, rng.standard_normal((7, 6, 3))


def test_every_bug_of_the_backward_pass_has_its_hint():
    assert set(FIRST_HINT) == {bug.name for bug in GRADIENTS}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # a bug may overflow
@pytest.mark.parametrize("name", FIRST_HINT)
def test_the_first_hint_is_the_right_one(name):
    rng = np.random.default_rng(1)
    cause, words = FIRST_HINT[name]
    model, x, eps = subject(name, rng)
    with injected(BUGS[name]):
        report = check_model(model, x, eps, rng=rng, oracle="central")
    assert report.verdict == "WRONG" and report.hints, str(report)
    assert report.hints[0].cause == cause and words in report.hints[0].text, str(report)
