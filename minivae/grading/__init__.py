"""Exercises that grade themselves: the tasks, and what they are worth.

    minivae exercises my-answers      a fresh copy of the task files
    minivae grade my-answers          every task, with points and hints

A task is one file with a few functions to write; each function is a part, with points of
its own and a grader: a plain function that calls the student's and raises `Wrong` with a
hint. Graders are tests any correct answer passes: finite differences with random upstream
gradients, Monte Carlo, moments, exact values. This is no sandbox against hostile code.
"""

from typing import NamedTuple

from minivae.grading import (
    densities,
    exact,
    gaussian,
    layers,
    likelihoods,
    training,
    vae,
    variational,
)
from minivae.grading.student import Student, ToDo, Wrong

RIGHT, WRONG, TODO, MISSING = "right", "wrong", "to do", "missing"


class Task(NamedTuple):
    """One exercise: the file's name without .py, a title, minutes of work, its parts.

    parts : dict of str to (int, callable)
        Function to write -> (points, grader).
    """

    name: str
    title: str
    minutes: int
    parts: dict

    @property
    def points(self):
        return sum(points for points, _ in self.parts.values())


class Part(NamedTuple):
    """What became of one function: a verdict, points, and what was verified or a hint."""

    name: str
    verdict: str
    points: int
    possible: int
    text: str


TASKS = [
    Task(
        "01_linear",
        "linear layer backward",
        20,
        {"linear_backward": (5, layers.linear_backward)},
    ),
    Task(
        "02_activations",
        "tanh and ReLU backward",
        15,
        {
            "tanh_backward": (3, layers.tanh_backward),
            "relu_backward": (2, layers.relu_backward),
        },
    ),
    Task(
        "03_bernoulli",
        "Bernoulli log-likelihood",
        40,
        {
            "log_prob": (5, likelihoods.bernoulli),
            "log_prob_grad": (5, likelihoods.bernoulli_grad),
        },
    ),
    Task(
        "04_gaussian_laplace",
        "Gaussian and Laplace",
        30,
        {
            "gaussian_log_prob": (2, densities.gaussian),
            "gaussian_log_prob_grad": (1, densities.gaussian_grad),
            "laplace_log_prob": (1, densities.laplace),
            "laplace_log_prob_grad": (1, densities.laplace_grad),
        },
    ),
    Task(
        "05_kl",
        "KL to the prior",
        40,
        {"kl": (5, gaussian.kl), "kl_grad": (5, gaussian.kl_grad)},
    ),
    Task(
        "06_reparameterize",
        "reparameterization",
        25,
        {
            "reparameterize": (2, gaussian.reparameterize),
            "reparameterize_grad": (3, gaussian.reparameterize_grad),
        },
    ),
    Task(
        "07_vae_gradient",
        "the whole VAE gradient",
        90,
        {"loss_grad": (15, vae.loss_grad)},
    ),
    Task("08_adam", "Adam", 20, {"adam_step": (5, training.adam_step)}),
    Task(
        "09_iwae",
        "importance-weighted bound",
        45,
        {
            "log_weights": (4, training.log_weights),
            "bound": (3, training.bound),
            "bound_grad": (3, training.bound_grad),
        },
    ),
    Task(
        "10_linear_vae",
        "linear VAE against probabilistic PCA",
        90,
        {
            "posterior": (3, exact.posterior),
            "elbo": (4, exact.elbo),
            "fit": (3, exact.fit),
        },
    ),
    Task(
        "11_em",
        "EM for a mixture",
        60,
        {"e_step": (5, exact.e_step), "m_step": (5, exact.m_step)},
    ),
    Task(
        "12_variational",
        "an autoencoder made variational",
        45,
        {
            "encode": (2, variational.encode),
            "loss": (5, variational.loss),
            "sample": (3, variational.sample),
        },
    ),
]


def grade_parts(task, source, filename):
    """Grade one file's text in this very process; the command uses `runner` instead.

    Yields
    ------
    Part
        One for each function of the task, as soon as it is known.
    """
    try:
        student, broken = Student(source, filename), None
    except Wrong as wrong:
        broken = str(wrong)
    for name, (possible, grader) in task.parts.items():
        verdict, points, text = WRONG, 0, broken
        if broken is None:
            try:
                text = grader(student)
                verdict, points = RIGHT, possible
            except Wrong as wrong:
                text = str(wrong)
            except ToDo:
                verdict, text = TODO, "not written yet"
            except Exception as error:  # one odd answer must not end the grading
                text = f"{name} returned what no check can read: {error!r}"
        yield Part(name, verdict, points, possible, text)


def verdict_of(parts):
    """wrong if any part is, right if all are, else to do."""
    verdicts = {part.verdict for part in parts}
    return WRONG if WRONG in verdicts else RIGHT if verdicts == {RIGHT} else TODO
