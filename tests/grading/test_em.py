"""Exercise 11: right answers, wrong answers, the file handed out."""

import runpy

import numpy as np
from exercise_answers import SOLUTIONS, checks_of, solution

from minivae.grading import TASKS
from minivae.grading.em import _mixture

TASK = TASKS[10]
test_right_answers, test_wrong_answers, test_handed_out = checks_of(TASK)


def test_the_grader_knows_the_truth(rng):
    """No parameters near the averages have more expected log-likelihood."""
    solution(TASK)
    x, *_ = _mixture()
    r = rng.dirichlet(np.ones(3), size=len(x))

    def expected(w, m, v):
        log_n = -0.5 * ((x[:, None] - m) ** 2 / v + np.log(2 * np.pi * v)).sum(axis=2)
        return (r * (np.log(w) + log_n)).sum()

    w, m, v = runpy.run_path(SOLUTIONS / "11_em.py")["m_step"](x, r)
    best = expected(w, m, v)
    for _ in range(50):
        near = w * np.exp(0.1 * rng.standard_normal(3))
        shifted = m + 0.1 * rng.standard_normal(m.shape)
        assert expected(near / near.sum(), shifted, v * np.exp(0.1 * rng.normal())) < best
