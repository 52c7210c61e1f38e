"""Where the nats go: the gap between the ELBO and log p(x), and its two parts.

    log p(x) - ELBO(q_φ)  =  [log p(x) - ELBO(q*)]  +  [ELBO(q*) - ELBO(q_φ)]
                              approximation gap         amortization gap

q* is the best diagonal Gaussian for this one image, found without the encoder. The first
bracket is the price of the Gaussian family, the second that of one network for all images
(Cremer, Li & Duvenaud 2018, "Inference Suboptimality in Variational Autoencoders").
"""

from dataclasses import dataclass

import numpy as np

from minivae import errors, gaussian
from minivae.inference.bounds import importance_log_likelihood, mean_and_error
from minivae.inference.diagnostics import active_units
from minivae.inference.exact import quadrature
from minivae.optim import Adam
from minivae.schedules import cosine_decay
from minivae.vae import VAE


def fit_posterior(model, x, rng, steps=300, samples=16):
    """The best diagonal Gaussian for each image by itself: q* = argmax_q ELBO(x; q).

    Starts from the encoder's q(z|x) and climbs the ELBO in mu and logvar by Adam, with
    the decoder fixed and new noise at each step, the learning rate falling to zero. Where
    the encoder's σ is far too large (10, say) the default steps do not bring it back.

    Parameters
    ----------
    model : VAE
        Its `theta` is not touched; its `grad` is overwritten.
    x : ndarray, shape (B, D)
    rng : numpy.random.Generator
    steps, samples : int
        Steps of Adam, and Monte-Carlo samples at each.

    Returns
    -------
    mu, logvar : ndarray, shape (B, K)
    """
    errors.check_instance("model", model, VAE)
    errors.check_generator("rng", rng)
    errors.check_whole("samples", samples, minimum=1)
    x = errors.as_float_array("x", x, model.dtype, (None, model.D), finite=True)
    both = np.stack(model.encode(x))  # one flat vector for the optimizer
    mu, logvar = both  # views
    B, K = mu.shape
    adam = Adam(cosine_decay(0.05, errors.check_whole("steps", steps, minimum=1)))
    for _ in range(steps):
        eps = rng.standard_normal((samples, B, K), dtype=model.dtype)
        y = model.decoder_output(gaussian.reparameterize(mu, logvar, eps))
        model.likelihood.log_prob(x, y)
        # each image has a loss of its own: no 1/B, and Adam does not mix them
        dy = model.likelihood.backward(np.full((samples, B), -1 / samples, model.dtype))
        dz = model.decoder.backward(dy.reshape(-1, model.D)).reshape(eps.shape)
        dmu, dlogvar = gaussian.reparameterize_grad(dz, logvar, eps)
        dmu_kl, dlogvar_kl = gaussian.kl_grad(mu, logvar)
        gradient = np.stack([dmu + dmu_kl, dlogvar + dlogvar_kl])
        adam.step(both.reshape(-1), gradient.reshape(-1))
    return mu, logvar


@dataclass(frozen=True)
class GapReport:
    """The bounds of a model on some images, from loosest to tightest.

    Attributes
    ----------
    rows : list of (name, mean, standard error)
        ELBO, importance-weighted bounds, log p(x): means over the images in nats. The
        error is that of the Monte-Carlo estimate for these very images.
    truth : {"exact", "importance sampling"}
        Where log p(x) comes from. Importance sampling is itself a lower bound, so that
        the approximation gap it gives is at least that large.
    approximation, amortization : (mean, standard error)
        The price of the Gaussian family and that of the encoder, in nats per image.
    active, latent : int
        Active units, of that many latent dimensions.
    """

    rows: list
    truth: str
    approximation: tuple
    amortization: tuple
    active: int
    latent: int

    def __str__(self):
        rows = [
            *self.rows,
            ("approximation gap (the Gaussian family)", *self.approximation),
            ("amortization gap (the encoder)", *self.amortization),
        ]
        lines = [f"{'nats per image':<42}{'mean':>12}{'std. error':>12}"]
        lines += [f"{name:<42}{mean:>12.4f}{se:>12.4f}" for name, mean, se in rows]
        units = f"{self.active} of {self.latent} units active"
        return "\n".join([*lines, f"log p(x) by {self.truth}; {units}"])


def gap_report(model, x, rng, samples=(5, 50), draws=200):
    """How tight is the bound, and what is missing?

    Parameters
    ----------
    model : VAE
        Its `theta` is not touched. For exact results with K of 1 or 2, in float64.
    x : ndarray, shape (B, D)
        At least two images; a hundred are plenty.
    rng : numpy.random.Generator
    samples : tuple of int
        The S of the importance-weighted bounds between the ELBO and log p(x).
    draws : int
        Monte-Carlo draws of z per image behind each ELBO.

    Returns
    -------
    GapReport

    References
    ----------
    Cremer, Li & Duvenaud 2018, "Inference Suboptimality in Variational Autoencoders".
    """
    errors.check_instance("model", model, VAE)
    errors.check_generator("rng", rng)
    samples = errors.check_sizes("samples", samples, (5, 50))
    errors.check_whole("draws", draws, minimum=2)
    x = errors.as_float_array("x", x, model.dtype, (None, model.D), finite=True)
    active = active_units(model, x)
    mu, logvar = model.encode(x)
    low, low_se = mean_and_error(_elbo_draws(model, x, mu, logvar, rng, draws))
    best = fit_posterior(model, x, rng)
    high, high_se = mean_and_error(_elbo_draws(model, x, *best, rng, draws))
    rows = [("ELBO, q from the encoder", low, low_se)]
    for S in samples:
        bound, se = _importance_bound(model, x, S, rng, runs=10)
        rows.append((f"importance-weighted bound, S = {S}", bound, se))
    rows.append(("ELBO, q fitted to each image", high, high_se))
    if model.K <= 2 and model.dtype == np.float64:
        truth = "exact"
        top, top_se = float(quadrature.log_prob(model, x, tol=1e-4).value.mean()), 0.0
    else:
        truth = "importance sampling"
        top, top_se = _importance_bound(model, x, 1000, rng, runs=5)
    rows.append((f"log p(x), {truth}", top, top_se))
    return GapReport(
        rows=rows,
        truth=truth,
        approximation=(top - high, float(np.hypot(top_se, high_se))),
        amortization=(high - low, float(np.hypot(high_se, low_se))),
        active=int(active.sum()),
        latent=model.K,
    )


def _elbo_draws(model, x, mu, logvar, rng, draws):
    """`draws` independent estimates of the mean ELBO of the q given, shape (draws,)."""
    kl = gaussian.kl(mu, logvar).sum(axis=-1)
    estimates = []
    for _ in range(draws):
        eps = rng.standard_normal(mu.shape, dtype=model.dtype)
        z = gaussian.reparameterize(mu, logvar, eps)
        log_p = model.likelihood.log_prob(x, model.decoder_output(z))
        estimates.append((log_p - kl).mean(dtype=np.float64))
    return estimates


def _importance_bound(model, x, S, rng, runs):
    """The mean bound of S importance samples, and its standard error over the runs."""
    bounds = [importance_log_likelihood(model, x, S, rng).mean() for _ in range(runs)]
    return mean_and_error(bounds)
