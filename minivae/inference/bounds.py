"""log p(x) by importance sampling, in bounded memory.

    p(x) = E_q(z|x)[ w ],   w = p(x, z) / q(z|x)
    log p(x) ≈ log (1/S) Σ_s w_s,   z_s ~ q(z|x)

For S = 1 the expectation of this estimate is the ELBO. With more samples it rises, never
falls, towards log p(x), and stays below it (Burda et al. 2016, theorem 1). The weights
are averaged as numbers and not as logarithms: the mean of log w is the ELBO at any S.
"""

import math

import numpy as np

from minivae.errors import as_float_array, check_generator, check_instance, check_whole
from minivae.numerics import log_sum_exp
from minivae.vae import VAE


def importance_log_likelihood(model, x, samples, rng, block=1024):
    """Estimate log p(x) of each image with S importance samples from the encoder.

        log p̂(x) = log (1/S) Σ_s exp(log w_s)

    The weights come in blocks and are never all there at once: a running sum of their
    logarithms, the largest term taken out, is all that is kept from block to block.

    Parameters
    ----------
    model : VAE or IWAE
    x : ndarray, shape (B, D)
        Data in the support of the likelihood, as floats.
    samples : int
        S. Published numbers have 5000.
    rng : numpy.random.Generator
        Draws the noise.
    block : int
        Decoded images at a time: the memory in use is some ten times block · D numbers.

    Returns
    -------
    ndarray of float64, shape (B,)
        Nats. In expectation below log p(x), by about Var(w / p(x)) / (2 S) nats.

    References
    ----------
    Burda, Grosse & Salakhutdinov 2016, "Importance Weighted Autoencoders", eq. 8.
    """
    check_instance("model", model, VAE)
    x = as_float_array("x", x, model.dtype, (None, model.D), finite=True)
    check_whole("samples", samples, minimum=1)
    check_whole("block", block, minimum=1)
    check_generator("rng", rng)
    # Few images and many samples of each: the encoder then works once for all of them.
    images = max(1, block // samples)
    portions = np.split(x, range(images, len(x), images))
    parts = [_log_mean_weight(model, some, samples, rng, block) for some in portions]
    return np.concatenate(parts)


def _log_mean_weight(model, x, samples, rng, block):
    """The estimate for a few images, their samples drawn in blocks."""
    total = np.full(len(x), -np.inf)  # log of the sum of no weights
    done = 0
    while done < samples:
        S = min(samples - done, max(1, block // len(x)))
        eps = rng.standard_normal((S, len(x), model.K), dtype=model.dtype)
        log_w = model.log_weights(x, eps).astype(np.float64)
        total = np.logaddexp(total, log_sum_exp(log_w, axis=0))
        done += S
    return total - math.log(samples)


def mean_and_error(values):
    """The mean of `values` and its standard error, std / √N, over independent images.

    Parameters
    ----------
    values : ndarray, shape (N,)

    Returns
    -------
    mean, error : float
        `error` says how far the mean of N such images is from that of all images; the
        noise of the estimates themselves is part of it.
    """
    values = as_float_array("values", values, np.float64, finite=True)
    if values.ndim != 1 or len(values) < 2:
        raise ValueError(
            f"values: expected two or more numbers in one row, got shape {values.shape}"
        )
    return float(values.mean()), float(values.std(ddof=1) / math.sqrt(len(values)))
