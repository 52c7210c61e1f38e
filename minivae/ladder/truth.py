"""Rung 4: ELBO + KL(q ‖ posterior) = log p(x), each computed on its own."""

import numpy as np

from minivae.inference.exact import quadrature
from minivae.ladder.table import Row, z_score
from minivae.numerics import log_mean_exp

GROUPS, SAMPLES = 100, 20  # losses, and samples of z in each
Z = 5.0
COARSE = 1e-3  # nats: an estimated error above this is a failure of the rung


def exact_truth(model, x, rng):
    """Rung 4: the model's own numbers against the exact ones.

    With one or two latent dimensions the three terms of the identity are integrated on
    grids that share no node. With more there is no exact log p(x) to be had; then the
    row says that importance sampling stood in, and only the order of the bounds is
    checked.

    Parameters
    ----------
    model : VAE
        In float64.
    x : ndarray, shape (B, D)
    rng : numpy.random.Generator

    Returns
    -------
    list of Row
    """
    x = x[:3]
    eps = rng.standard_normal((GROUPS, SAMPLES, len(x), model.K))
    elbo = np.array([model.elbo(x, e) for e in eps])
    loss = np.array([model.loss(x, e).nelbo for e in eps])
    log_w = np.concatenate([model.log_weights(x, e) for e in eps])
    if model.K > 2:
        return _order_of_bounds(elbo, loss, log_w)
    mu, logvar = model.encode(x)
    log_p = quadrature.log_prob(model, x, tol=COARSE)
    kl = quadrature.kl_to_posterior(model, x, mu, logvar, tol=COARSE)
    exact = quadrature.elbo(model, x, mu, logvar, tol=COARSE)
    apart = np.abs(exact.value + kl.value - log_p.value).max()
    # a smooth decoder leaves rounding errors; the kinks of a ReLU or a Laplace leave more
    error = max(1e-9, *(log_p.error + kl.error + exact.error))
    below = max(0.0, -kl.value.min())
    return [
        Row(4, "ELBO + KL(q ‖ posterior) = log p(x)", apart, "nats", error),
        Row(4, "KL(q ‖ posterior) ≥ 0: how far below", below, "nats", error),
        _loss_is_elbo(loss, elbo),
        Row(4, "elbo() is the ELBO", z_score(elbo, exact.value), "z", Z),
        Row(4, "E_q[log w] is the ELBO", z_score(log_w, exact.value), "z", Z),
    ]


def _loss_is_elbo(loss, elbo):
    """With the same noise the two agree to the last digits, not only on average."""
    apart = np.abs(loss + elbo.mean(axis=1)).max()
    return Row(4, "the loss is the mean over images of -elbo()", apart, "nats", 1e-9)


def _order_of_bounds(elbo, loss, log_w):
    """K > 2: mean log w is the ELBO, and importance sampling does not fall below it."""
    above = elbo.mean(axis=0) - log_mean_exp(log_w, axis=0)
    return [
        Row(
            4,
            "K > 2, no exact log p(x): ELBO above its estimate by",
            max(0.0, above.max()),
            "nats",
            0.0,
        ),
        _loss_is_elbo(loss, elbo),
        Row(
            4,
            "E_q[log w] is the ELBO",
            z_score(log_w.reshape(GROUPS, SAMPLES, -1).mean(axis=1) - elbo, 0.0),
            "z",
            Z,
        ),
    ]
