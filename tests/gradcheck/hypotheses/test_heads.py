"""Which term is wrong, and the two heads of a VAE: each hypothesis on its own mistake."""

import numpy as np
import pytest
from gradcheck_mutant import Mutant, problem

from minivae import VAE
from minivae.gradcheck import check_model

CASES = [
    ("another draw", "another_draw", "drawn again between forward and backward"),
    ("shuffled noise", "which_term", "logvar_head.W, logvar_head.b are wrong. mu_head.W"),
    ("sigma squared", "power_of_sigma", "the reconstruction part is sigma times"),
    ("easyvae", "power_of_sigma", "4 times the right one, the KL part is sigma times"),
    (
        "tangled",
        "which_term",
        "logvar_head.b is wrong, too, and what beta adds is right: the mistake is in the"
        " reconstruction part",
    ),
    ("both terms", "place", "Look at the lines that make the gradient entering logvar"),
    ("tangled mu", "which_term", "mu_head.b are wrong. logvar_head.W"),
    ("KL minus", "which_term", "logvar_head.b is right: the mistake is in the KL part"),
    ("sigma in the KL", "which_term", "the mistake is in the KL part"),
    ("no eps", "another_draw", "backward leaves out the factor eps"),
]


@pytest.mark.parametrize(("mistake", "cause", "words"), CASES)
def test_the_first_hint_names_the_mistake(mistake, cause, words):
    model, x, eps = problem(Mutant, mistake)
    report = check_model(model, x, eps)
    assert report.verdict == "WRONG", f"{mistake} was not caught:\n{report}"
    assert report.hints[0].cause == cause, f"{mistake}:\n{report}"
    assert words in report.hints[0].text, f"{mistake}:\n{report}"


LOSSES = [
    ("kl", lambda mu, v: mu**2 + np.exp(v) - 1 - v, "part_factor", "0.5 = 1/2 times"),
    ("kl", lambda mu, v: 0.5 * (mu**2 + np.exp(v) - 1 + v), "which_term", "in the KL part"),
    ("kl", lambda mu, v: (mu**2 + np.exp(2 * v) - 1) / 2 - v, "which_term", "the KL part"),
    ("reparameterize", lambda mu, v, e: mu + np.exp(v) * e, "which_term", "logvar_head.b"),
    (
        "reparameterize",
        lambda mu, v, e: mu + np.exp(v / 2) * e / 100,
        *("part_factor", "100 times"),
    ),
]


@pytest.mark.parametrize(("name", "formula", "cause", "words"), LOSSES)
def test_a_mistake_in_the_loss_alone_is_seen_too(monkeypatch, name, formula, cause, words):
    monkeypatch.setattr(f"minivae.gaussian.{name}", formula)
    report = check_model(*problem(VAE))
    assert report.verdict == "WRONG" and cause in report.hints[0].cause, str(report)
    assert words in report.hints[0].text, str(report)


def test_other_names_for_the_heads_are_as_good():
    model, x, eps = problem(Mutant, "another draw")
    names = {old: f"p{i}" for i, old in enumerate(model.layout)}
    layout = {names[old]: where for old, where in model.layout.items()}

    class Renamed:
        def __init__(self):
            self.theta, self.grad, self.layout = model.theta, model.grad, layout
            self.backward, self.encode, self.loss = model.backward, model.encode, model.loss

    report = check_model(Renamed(), x, eps)
    assert report.hints[0].cause == "another_draw", str(report)
    assert report.place.first_wrong == ("p4", "p5"), str(report)
