"""log p(x) by annealed importance sampling: tighter than importance sampling at K > 2.

Between the encoder's q(z|x) and the posterior lie the densities

    f_t(z) = q(z|x)^(1 - β_t) p(x, z)^β_t,     0 = β_0 < β_1 < ... < β_T = 1.

A chain starts with z_0 ~ q and takes at each temperature a step z_{t-1} → z_t that leaves
f_t as it is. Its weight

    w = Π_{t=1}^T f_t(z_{t-1}) / f_{t-1}(z_{t-1}),     E[w] = p(x),

is unbiased whatever the steps are worth (Neal 2001), and log of the mean of S
weights is **a lower bound of log p(x) in expectation**, as in importance sampling, which is
the case T = 1. With more temperatures w varies less and the bound is tighter.

The steps are Hamiltonian Monte Carlo: leapfrog with the gradient of log p(x|z) from
`likelihood.backward` and `decoder.backward`, then Metropolis. A step size that saw the
chain it moves would spoil E[w] = p(x), so a pilot run of chains of its own finds one for
each image and temperature, and is then thrown away.

References
----------
Neal (2001), Annealed importance sampling. Wu, Burda, Salakhutdinov & Grosse (2017), On the
quantitative analysis of decoder-based generative models (there from the prior, with the
same schedule of temperatures). Grosse, Ghahramani & Adams (2015), Sandwiching the marginal
likelihood using bidirectional Monte Carlo.
"""

import math
from typing import NamedTuple

import numpy as np

from minivae import gaussian
from minivae.errors import as_float_array, check_generator, check_instance, check_whole
from minivae.numerics import log_mean_exp, log_sum_exp
from minivae.vae import VAE

PILOT = 4  # chains of the pilot run
ACCEPT = 0.7  # the share of accepted steps that it aims at
ROWS = 2048  # images x chains at a time


class Annealed(NamedTuple):
    """Estimates of log p(x) in nats, float64, one for each image.

    log_p : (B,) array, in expectation below log p(x) (above it in the upper half of
        `sandwich`)
    error : (B,) array, the standard error of log_p from the scatter of the weights; it
        does not count what no chain has found
    ess : (B,) array, the effective sample size (Σ w)² / Σ w², from 1 to the number of
        chains. Near 1 a single chain carries the estimate: raise the temperatures.
    """

    log_p: np.ndarray
    error: np.ndarray
    ess: np.ndarray


def annealed_log_likelihood(model, x, rng, temperatures=300, chains=16, leapfrog=5):
    """Estimate log p(x) of each image by annealed importance sampling.

    Parameters
    ----------
    model : VAE or IWAE
        Its `theta` is not touched; its `grad` is overwritten.
    x : ndarray, shape (B, D)
        Data in the support of the likelihood, as floats.
    rng : numpy.random.Generator
    temperatures : int
        T. Each costs `leapfrog` passes forward and backward through the decoder for each
        chain.
    chains : int
        S, two or more, for the standard error.
    leapfrog : int
        Leapfrog steps between two decisions to accept.

    Returns
    -------
    Annealed

    Raises
    ------
    ValueError, TypeError
        For shapes, dtypes or values that do not fit.
    FloatingPointError
        If the weight of a chain is not finite.
    """
    check_instance("model", model, VAE)
    check_generator("rng", rng)
    x = as_float_array("x", x, model.dtype, (None, model.D))
    model.likelihood.check(x)
    T, S, L = _check_sizes(temperatures, chains, leapfrog)
    parts = [_anneal(model, some, rng, T, S, L) for some in _portions(x, S)]
    return _estimate(np.concatenate(parts, axis=1))


def sandwich(model, n, rng, temperatures=300, chains=16, leapfrog=5):
    """Enclose log p(x) of n images that the model draws: bidirectional Monte Carlo.

    If z ~ p(z) and x ~ p(x|z), then z is an exact sample of p(z|x). Chains from there, run
    backwards to q, have E[1/w] = 1/p(x): their estimate of log p(x) is an *upper* bound in
    expectation, and log p(x) lies between it and `annealed_log_likelihood`.

    Parameters and errors as in `annealed_log_likelihood`.

    Returns
    -------
    x : ndarray, shape (n, D)
    lower, upper : Annealed

    References
    ----------
    Grosse, Ghahramani & Adams (2015).
    """
    check_instance("model", model, VAE)
    n = check_whole("n", n, 1)
    check_generator("rng", rng)
    T, S, L = _check_sizes(temperatures, chains, leapfrog)
    z = rng.standard_normal((n, model.K), dtype=model.dtype)
    x = model.likelihood.sample(model.decoder_output(z), rng)
    lower = annealed_log_likelihood(model, x, rng, T, S, L)
    pairs = zip(_portions(x, S), _portions(z, S), strict=True)
    log_w = [_anneal(model, some, rng, T, S, L, start) for some, start in pairs]
    upper = _estimate(-np.concatenate(log_w, axis=1))
    return x, lower, upper._replace(log_p=-upper.log_p)


def schedule(T):
    """β_0 = 0 to β_T = 1 in T steps, small ones at both ends: a piece of a sigmoid.

    β_t ∝ sigmoid(4 (2t/T - 1)) - sigmoid(-4) (Grosse et al. 2015, section 6).
    """
    check_whole("T", T, 1)
    rise = np.tanh(2 * np.linspace(-1, 1, T + 1))  # sigmoid(2a) = ½ (1 + tanh a)
    return (rise - rise[0]) / (rise[-1] - rise[0])


def _anneal(model, x, rng, T, S, L, exact=None):
    """log w of S chains, shape (S, B): from q to p(x, z), or from `exact` back to q.

    Everything happens in u, z = mu + σ u, where q is N(0, I): the widths of q are the
    units of the leapfrog.
    """
    mu, logvar = model.encode(x)
    gains, betas = np.diff(schedule(T)), schedule(T)[1:]
    if exact is not None:
        gains, betas = gains[::-1], schedule(T)[-2::-1]

    evaluate = log_ratio(model, x, mu, logvar)

    def start(chains):
        if exact is None:
            return rng.standard_normal((chains, *mu.shape), dtype=model.dtype)
        return np.repeat(((exact - mu) * np.exp(-0.5 * logvar))[None], chains, axis=0)

    with np.errstate(all="ignore"):  # a leapfrog that flies off is not accepted
        _, sizes = _run(evaluate, start(PILOT), gains, betas, L, rng)
        log_w, _ = _run(evaluate, start(S), gains, betas, L, rng, sizes)
    if not np.isfinite(log_w).all():
        raise FloatingPointError("the weight of a chain is not finite: p(x, z) overflows")
    return log_w


def log_ratio(model, x, mu, logvar):
    """Return the function of u (S, B, K) that gives delta = log p(x, z) - log q(z|x).

    z = mu + σ u; the function returns delta (S, B) and its gradient in u (S, B, K):

        ∂ delta/∂u = σ ⊙ (∂ log p(x|z)/∂z - z) + u
    """
    sigma = np.exp(0.5 * logvar)

    def evaluate(u):
        z = mu + sigma * u
        log_lik = model.likelihood.log_prob(x, model.decoder_output(z))
        dy = model.likelihood.backward(np.ones_like(log_lik))
        dz = model.decoder.backward(dy.reshape(-1, model.D)).reshape(z.shape)
        log_prior = gaussian.log_normal(z, 0.0, 0.0).sum(axis=-1)
        log_q = (gaussian.log_normal(u, 0.0, 0.0) - 0.5 * logvar).sum(axis=-1)
        return log_lik + log_prior - log_q, sigma * (dz - z) + u

    return evaluate


def _run(evaluate, u, gains, betas, leapfrog, rng, sizes=None):
    """Chains from u, shape (S, B, K), along the temperatures.

    Returns log w (S, B) and the step sizes (T, B, 1): those given or, without, those that
    the share of accepted steps asks for on the way.
    """
    adapt = sizes is None
    if adapt:
        sizes = np.full((len(betas), u.shape[1], 1), 0.3, u.dtype)
    state, log_w = (u, *evaluate(u)), np.zeros(u.shape[:2])
    for t, (gain, beta) in enumerate(zip(gains, betas, strict=True)):
        log_w += gain * state[1]
        if t == len(betas) - 1:
            return log_w, sizes
        state, accepted = hmc_step(evaluate, state, float(beta), sizes[t], leapfrog, rng)
        if adapt:
            change = np.exp(0.2 * (accepted.mean(axis=0) - ACCEPT))
            sizes[t + 1] = sizes[t] * change[:, None]


def hmc_step(evaluate, state, beta, size, leapfrog, rng):
    """A step of Hamiltonian Monte Carlo that leaves N(u; 0, I) exp(beta · delta) as it is.

    Parameters
    ----------
    evaluate : callable
        Maps u (S, B, K) to delta (S, B) and its gradient in u (S, B, K).
    state : (u, delta, gradient)
    beta : float
    size : array that broadcasts to u
        Length of a leapfrog step, drawn anew within 20 % for all chains at once: on a
        Gaussian some lengths would lead back to where they started.
    leapfrog : int
    rng : numpy.random.Generator

    Returns
    -------
    state : as above
    accepted : (S, B) array of bool
    """
    u, delta, slope = state
    size = size * u.dtype.type(rng.uniform(0.8, 1.2))
    momentum = rng.standard_normal(u.shape, dtype=u.dtype)
    q, d, g = state
    p = momentum + 0.5 * size * (beta * g - q)
    for step in range(leapfrog):
        q = q + size * p
        d, g = evaluate(q)
        kick = size if step < leapfrog - 1 else 0.5 * size
        p = p + kick * (beta * g - q)
    before = beta * delta - 0.5 * (u**2 + momentum**2).sum(axis=-1)
    after = beta * d - 0.5 * (q**2 + p**2).sum(axis=-1)
    accepted = np.log(rng.random(delta.shape)) < after - before  # not where it is NaN
    yes = accepted[..., None]
    state = np.where(yes, q, u), np.where(accepted, d, delta), np.where(yes, g, slope)
    return state, accepted


def _estimate(log_w):
    """The `Annealed` of log w, shape (S, B); the error by the delta method."""
    S = len(log_w)
    log_p = log_mean_exp(log_w, axis=0)
    ratio = np.exp(log_w - log_p)  # mean one
    ess = np.exp(2 * log_sum_exp(log_w, axis=0) - log_sum_exp(2 * log_w, axis=0))
    return Annealed(log_p, ratio.std(axis=0, ddof=1) / math.sqrt(S), ess)


def _portions(x, chains):
    """Cut the images into portions of ROWS chains, or of one image."""
    images = max(1, ROWS // chains)
    return np.split(x, range(images, len(x), images))


def _check_sizes(temperatures, chains, leapfrog):
    T = check_whole("temperatures", temperatures, 1)
    return T, check_whole("chains", chains, 2), check_whole("leapfrog", leapfrog, 1)
