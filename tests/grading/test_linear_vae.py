"""Exercise 10: right answers, wrong answers, the file handed out."""

import runpy

import numpy as np
from exercise_answers import SOLUTIONS, checks_of, solution

from minivae.grading import TASKS
from minivae.grading.compare import z_score
from minivae.grading.linear_vae import _linear, _log_p

TASK = TASKS[9]
test_right_answers, test_wrong_answers, test_handed_out = checks_of(TASK)


def test_the_grader_knows_the_truth(rng):
    """What it takes for right: the ELBO by Monte Carlo; nothing nearby has more."""
    solution(TASK)
    functions = runpy.run_path(SOLUTIONS / "10_linear_vae.py")
    x, W, b, c, mu, logvar = _linear()
    z = mu + np.exp(logvar / 2) * rng.standard_normal((20_000, *mu.shape))
    log_q = log_normal(z, mu, np.exp(logvar))
    draws = log_normal(x, z @ W.T + b, c) + log_normal(z, 0.0, 1.0) - log_q
    z_score("ELBO", draws, functions["elbo"](x, mu, logvar, W, b, c), "not its definition")
    x = rng.standard_normal((40, 5)) @ rng.standard_normal((5, 5)) + 3.0
    W, b, c = functions["fit"](x, 2)
    best = _log_p(x, W, b, c).mean()
    for _ in range(50):
        near = W + 0.05 * rng.standard_normal(W.shape)
        assert _log_p(x, near, b, c * np.exp(0.05 * rng.normal())).mean() < best


def log_normal(x, mean, variance):
    square = (x - mean) ** 2 / variance
    return -0.5 * (np.log(2 * np.pi * variance) + square).sum(axis=-1)
