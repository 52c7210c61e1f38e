"""Exercise 11: right answers, wrong answers, the file handed out."""

import runpy

import numpy as np
from exercise_answers import (
    SOLUTIONS,
    check_handed_out,
    check_right_answers,
    check_wrong_answers,
    solution,
)

from minivae.grading.em import TASK, _mixture


def test_right_answers_pass_however_they_are_written():
    check_right_answers(TASK)


def test_every_wrong_answer_gets_the_right_hint():
    check_wrong_answers(TASK)


def test_the_file_handed_out_is_to_do():
    check_handed_out(TASK)


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
