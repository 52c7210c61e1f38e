"""Rung 4: ELBO + KL(q ‖ posterior) = log p(x), each computed on its own."""

import numpy as np

from minivae.inference.exact import quadrature
from minivae.ladder.moments import exact_noise
from minivae.ladder.table import Row, z_row, z_score
from minivae.ladder.values import values
from minivae.numerics import log_mean_exp

GROUPS, SAMPLES = 100, 20  # means of log w, and samples of z in each
SAFETY = 10  # how many of its own error estimates an integral may be off
COARSE = 1e-3  # nats: an estimated error above this decides nothing


def exact_truth(model, x, rng):
    """Rung 4: the model's own numbers against the exact ones.

    All terms of the bound are computed once more in plain loops. With one or two latent
    dimensions the three terms of the identity are then integrated on lattices that share
    no node; where they are not sure of a posterior, the row is undecided. With more
    dimensions there is no exact log p(x) to be had; then the row says that importance
    sampling stood in, and only the order of the bounds is checked.

    Parameters
    ----------
    model : VAE
        In float64.
    x : ndarray, shape (B, D)
    rng : numpy.random.Generator

    Yields
    ------
    Row
    """
    x = x[:3]
    noise = exact_noise(model.K, len(x))
    elbo, loss = model.elbo(x, noise), model.loss(x, noise).nelbo
    log_w = model.log_weights(x, noise)
    # the sampled KL is quadratic in the noise, so this average is its exact expectation
    apart = np.abs(log_w.mean(axis=0) - elbo).max() / (1 + np.abs(log_w).max())
    yield _loss_is_elbo(loss, elbo)
    yield Row(4, "E[log w] is the ELBO", apart, "relative", 1e-9)
    yield from values(model, x, rng)
    yield from (_identity if model.K <= 2 else _order_of_bounds)(model, x, rng)


def _loss_is_elbo(loss, elbo):
    """With the same noise the two agree to the last digits, not only on average."""
    apart = abs(loss + elbo.mean())
    tolerance = 1e-9 + 1e-12 * np.abs(elbo).max()
    return Row(4, "the loss is the mean over images of -elbo()", apart, "nats", tolerance)


def _identity(model, x, rng):
    """The three terms by quadrature, and the ELBO of random noise against its integral."""
    claim, x = "ELBO + KL(q ‖ posterior) = log p(x)", x[:2]
    mu, logvar = model.encode(x)
    try:
        log_p = quadrature.log_prob(model, x, tol=COARSE)
        kl = quadrature.kl_to_posterior(model, x, mu, logvar, tol=COARSE)
        exact = quadrature.elbo(model, x, mu, logvar, tol=COARSE)
    except ArithmeticError:
        yield Row(4, f"{claim}: no lattice sure of it", np.nan, "nats", COARSE, True)
        return
    apart = np.abs(exact.value + kl.value - log_p.value).max()
    # a smooth decoder leaves rounding errors; the kinks of a ReLU or a Laplace leave more
    rounding = 1e-9 + 1e-12 * np.abs(log_p.value).max()
    error = max(rounding, *SAFETY * (log_p.error + kl.error + exact.error))
    below = max(0.0, -kl.value.min())

    def score(n):
        eps = rng.standard_normal((n, SAMPLES, len(x), model.K))
        elbo = [model.elbo(x, e) for e in eps]
        return z_score(elbo, exact.value, slack=SAFETY * exact.error)

    yield Row(4, claim, apart, "nats", error)
    yield Row(4, "KL(q ‖ posterior) ≥ 0: how far below", below, "nats", error)
    yield z_row(4, "elbo() is the ELBO", score, GROUPS)


def _order_of_bounds(model, x, rng):
    """K > 2: importance sampling does not fall below the ELBO of the same noise."""

    def score(n):
        eps = rng.standard_normal((n, SAMPLES, len(x), model.K))
        log_w = np.array([model.log_weights(x, e) for e in eps])
        above = [model.elbo(x, e) for e in eps] - log_mean_exp(log_w, axis=1)
        return z_score(above, 0.0, one_sided=True)

    claim = "K > 2, no exact log p(x): ELBO not above its estimate"
    return [z_row(4, claim, score, GROUPS)]
