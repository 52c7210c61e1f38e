"""Exercises that grade themselves.

    minivae exercises my-answers      a fresh copy of the task files
    minivae grade my-answers          every task, with points and hints

A task is one file with a few functions to write; each function is a part, with points of
its own and a grader: a plain function that calls the student's and raises `Wrong` with a
hint. Each task has a module of its name here, with its TITLE, its MINUTES and the POINTS
of its graders: exercise 8 is `adam.py`. What exercises 7, 12 and 13 share is in `vae`.
Graders are tests any correct answer passes: finite differences with random upstream
gradients, Monte Carlo, moments, exact values. The student's file runs in another process
and hands back arrays; what is right is decided in this one.
"""

from importlib import import_module

from minivae.grading.task import Task

NAMES = (
    *("01_linear", "02_activations", "03_bernoulli", "04_gaussian_laplace", "05_kl"),
    *("06_reparameterize", "07_vae_gradient", "08_adam", "09_iwae", "10_linear_vae"),
    *("11_em", "12_variational", "13_train"),
)


def _task(name):
    module = import_module(f"minivae.grading.{name[3:]}")
    return Task(name, module.TITLE, module.MINUTES, module.POINTS)


TASKS = [_task(name) for name in NAMES]
