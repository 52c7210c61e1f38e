"""Rung 6: densities that do not sum to one and bounds that are none."""

from importlib import import_module

import numpy as np
import pytest
from ladder_breaking import assert_seen, failing

from minivae import Binomial
from minivae.ladder import small_model

# the package shows the function of the same name
probability = import_module("minivae.ladder.probability")

LOOPS = "by plain loops"
WEIGHTS = "return log_p + log_prior - log_q"


def rows():
    rng = np.random.default_rng(3)
    return probability.probability(*small_model(rng), rng)


def test_right_code_passes():
    assert failing(rows) == []


@pytest.mark.parametrize(
    ("where", "right", "wrong", "claims"),
    [
        (
            "likelihoods:Binomial._log_prob",
            "x * y - log",
            "1.1 * x * y - log",
            [
                "p(x) over all 16 images",
                "Binomial(1): probabilities",
                "log p(x|z), Binomial(1)",
                "log p(x|z), grey",
                "log p(x|z), this model's",
            ],
        ),
        (
            "likelihoods:Binomial._log_prob",
            "log_p += self._log_choose",
            "log_p += 0 * self._log_choose",
            ["Binomial(16): probabilities", "log p(x|z), Binomial(255)"],
        ),
        (
            "likelihoods:Gaussian._log_prob",
            "(LOG_2PI + self.log_c)",
            "self.log_c",
            ["Gaussian: probabilities", "log p(x|z), Gaussian, by"],
        ),
        (
            "likelihoods:Gaussian._log_prob",
            "(LOG_2PI + self.log_c)",
            "(LOG_2PI + self._start)",
            ["log p(x|z), Gaussian, learned scale"],
        ),
        (
            "likelihoods:Laplace._log_prob",
            "math.log(2) + self.log_b",
            "self.log_b",
            ["Laplace: probabilities", "log p(x|z), Laplace, by"],
        ),
        (
            "likelihoods:Laplace._log_prob",
            "(math.log(2) + self.log_b)",
            "(math.log(2) + self._start)",
            ["log p(x|z), Laplace, learned scale"],
        ),
        ("likelihoods:Binomial.check", "if self.grey:", "if self.n == 1:", ["grey values"]),
        (
            "vae:VAE._log_weights",
            WEIGHTS,
            f"{WEIGHTS} + 0.2",
            ["E[w] = p(x)", "analytic and sampled KL"],
        ),
        ("vae:VAE.elbo", "result = log_p -", "result = log_p +", ["ELBO does not exceed"]),
        (
            "iwae:IWAE.loss",
            "log_mean_exp(log_w, axis=0)",
            "log_w.mean(axis=0)",
            ["the loss's bound is", "8 samples do not tighten", "the bound of 4 samples"],
        ),
        (
            "iwae:IWAE.loss",
            "log_mean_exp(log_w, axis=0)",
            "log_w.max(axis=0) + 3",
            ["the bound of 8 samples does not exceed"],
        ),
        (
            "iwae:IWAE.loss",
            "log_mean_exp(log_w, axis=0)",
            "np.log(np.exp(log_w).mean(axis=0) + 1e-300)",
            ["... of images far away"],
        ),
        ("iwae:IWAE.loss", "float(-log_p.mean())", "float(log_p.mean())", ["its rec and"]),
    ],
)
def test_another_density_or_bound(where, right, wrong, claims):
    assert_seen(rows, [(where, right, wrong)], *claims)


def test_the_grid_s_log_p_is_that_of_a_sum_by_hand():
    """With a decoder that ignores z the integral over z is one."""

    class Deaf:
        likelihood = Binomial(1)

        def decoder_output(self, z):
            return np.zeros((*z.shape[:-1], 2))

    found = probability.exact_log_prob(Deaf(), np.array([[0.0, 1.0]]))
    assert found == pytest.approx([2 * np.log(0.5)], abs=1e-12)
