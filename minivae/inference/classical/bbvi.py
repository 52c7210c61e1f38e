"""Black-box variational inference: the ELBO's gradient from values of log p(x, z) alone.

For q(z) = N(mu, diag(σ²)) and any function log p(x, z), two estimators of the gradient
of ELBO = E_q[log p(x, z) - log q(z)] in (mu, logvar):

    score function   ∇ log q(z) · (log p(x, z) - log q(z)),     z ~ q
    pathwise         ∇ through z = mu + σ ⊙ ε of log p(x, z), plus that of the entropy

Both are unbiased. The first never differentiates the model, which may be discrete or a
black box, and pays with variance; a control variate wins part of it back. The second
is the VAE's reparameterization.

Either way it is *stochastic gradient* ascent on all of (mu, logvar) at once. It is often
named in one breath with coordinate ascent (`cavi`), which it is not: no factor is ever
set to its optimum.

Data are part of the function: pass `lambda z: log_joint(x, z)`. With `entropy=False` the
same estimators give the gradient of E_q[f(z)] alone, for any f in the place of log p(x, z).

References: Ranganath, Gerrish, Blei (2014), Black Box Variational Inference; Paisley,
Blei, Jordan (2012); Kingma & Welling (2014) for the pathwise one.
"""

from typing import NamedTuple

import numpy as np

from minivae import errors, gaussian


def score_terms(log_joint, mu, logvar, eps, control_variate=False, entropy=True):
    """Return one score-function estimate of the gradient per sample.

        term_s = h_s ⊙ (f_s - a_s)
        h_s = ∇ log q(z_s),    f_s = log p(x, z_s) - log q(z_s)

    Without the control variate a_s = 0. With it, h (whose mean is zero) is subtracted
    with the coefficient of least variance, Cov(f h, h) / Var(h) = E[f h²] / E[h²],
    estimated for each parameter *from the other samples only*:

        a_s = Σ_{r≠s} f_r h_r² / Σ_{r≠s} h_r²

    Then a_s and h_s are independent and E[a_s h_s] = 0: the mean stays what it was. An
    a computed from all samples has seen h_s, and biases the gradient.

    Parameters
    ----------
    log_joint : callable
        Maps z of shape (S, K) to log p(x, z) of shape (S,), in nats.
    mu, logvar : (K,) array
    eps : (S, K) array
        Standard-normal noise; S of at least 2 with the control variate.
    control_variate : bool
    entropy : bool
        Without it f_s = log p(x, z_s), and the terms are those of E_q[log p(x, z)].

    Returns
    -------
    (S, 2K) array
        The gradients in mu and then in logvar. Their mean over S estimates the ELBO's.

    References
    ----------
    Ranganath et al. (2014), equation 3 and section 3.2 (there with all samples).
    """
    errors.check_function("log_joint", log_joint)
    mu, logvar, eps = _check(mu, logvar, eps)
    z = gaussian.reparameterize(mu, logvar, eps)
    log_p = log_joint(z)
    log_p = errors.as_float_array("log_joint(z)", log_p, np.float64, (len(z),), finite=True)
    log_q = gaussian.log_normal(z, mu, logvar).sum(axis=1)
    f = (log_p - log_q if entropy else log_p)[:, None]
    _, score_mu, score_logvar = gaussian.log_normal_grad(z, mu, logvar)
    h = np.concatenate([score_mu, score_logvar], axis=1)
    if not control_variate:
        return h * f
    if len(eps) < 2:
        raise ValueError("eps: a control variate needs at least 2 samples, got 1")
    square = h * h
    above = (f * square).sum(axis=0) - f * square
    below = square.sum(axis=0) - square
    # below = 0 if all other scores are: then they know no coefficient, and 0 will do
    return h * (f - np.divide(above, below, out=np.zeros_like(h), where=below > 0))


def pathwise_terms(log_joint_grad, mu, logvar, eps, entropy=True):
    """Return one reparameterized estimate of the gradient per sample.

        dmu = ∂ log p/∂z,     dlogvar = ½ σ ε ∂ log p/∂z + ½,      z = mu + σ ε

    The ½ is the gradient of the entropy, Σ ½ (log 2πe + logvar), known exactly.

    Parameters
    ----------
    log_joint_grad : callable
        Maps z of shape (S, K) to ∂ log p(x, z) / ∂z of shape (S, K).
    mu, logvar, eps, entropy
        As in `score_terms`; without the entropy the ½ is left out.

    Returns
    -------
    (S, 2K) array
        The gradients in mu and then in logvar.
    """
    errors.check_function("log_joint_grad", log_joint_grad)
    mu, logvar, eps = _check(mu, logvar, eps)
    z = gaussian.reparameterize(mu, logvar, eps)
    dz = log_joint_grad(z)
    dz = errors.as_float_array("log_joint_grad(z)", dz, np.float64, z.shape, finite=True)
    dmu, dlogvar = gaussian.reparameterize_grad(dz, logvar, eps)
    return np.concatenate([dmu, dlogvar + 0.5 if entropy else dlogvar], axis=1)


class Comparison(NamedTuple):
    """An estimator against the exact gradient; arrays (2K,), mu first, then logvar.

    mean, mean_se : mean over all replicates, and its standard error
    z : (mean - exact) / mean_se, standard normal if the estimator is unbiased
    variance, variance_se : variance per sample (S times that of the mean of S samples,
        which counts the dependence between the terms), and its standard error
    """

    mean: np.ndarray
    mean_se: np.ndarray
    z: np.ndarray
    variance: np.ndarray
    variance_se: np.ndarray


def compare(estimator, exact, rng, S=8, replicates=2000):
    """Run an estimator many times and hold it against the exact gradient.

    Parameters
    ----------
    estimator : callable
        Maps noise (S, K) to terms (S, 2K): `lambda eps: score_terms(f, mu, logvar, eps)`.
    exact : (2K,) array
        The true gradient of the ELBO in mu and then in logvar.
    rng : numpy.random.Generator
    S : int
        Samples per estimate.
    replicates : int
        Independent estimates; the standard errors come from their scatter.

    Returns
    -------
    Comparison
    """
    errors.check_function("estimator", estimator)
    exact = errors.as_float_array("exact", exact, np.float64, (None,), finite=True)
    errors.check_generator("rng", rng)
    S, R = errors.check_whole("S", S, 1), errors.check_whole("replicates", replicates, 2)
    K = len(exact) // 2
    errors.check_shape("exact", exact, (2 * K,))
    draws = np.empty((R, 2 * K))
    for draw in draws:
        draw[:] = _mean("estimator(eps)", estimator(rng.standard_normal((S, K))), S, K)
    errors.check_finite("estimator(eps)", draws)
    mean, mean_se = draws.mean(axis=0), draws.std(axis=0, ddof=1) / np.sqrt(R)
    squares = S * (draws - mean) ** 2 * R / (R - 1)
    return Comparison(
        mean=mean,
        mean_se=mean_se,
        z=(mean - exact) / mean_se,
        variance=squares.mean(axis=0),
        variance_se=squares.std(axis=0, ddof=1) / np.sqrt(R),
    )


def fit(gradient, mu, logvar, rng, steps=1000, S=8, rate=0.1, power=0.7):
    """Climb the ELBO by stochastic gradient steps of the size that Robbins and Monro ask.

        (mu, logvar) ← (mu, logvar) + rate · t^(-power) · mean_s terms_s,    t = 1, 2, ...

    With ½ < power <= 1 the step sizes sum to infinity, so any distance can be walked,
    and their squares do not, so the noise dies out.

    Parameters
    ----------
    gradient : callable
        Maps (mu, logvar, eps) to terms (S, 2K), such as
        `lambda mu, logvar, eps: score_terms(log_joint, mu, logvar, eps)`.
    mu, logvar : (K,) array
        Where to start.
    rng : numpy.random.Generator
    steps, S : int
        Number of steps, and samples in each.
    rate, power : float

    Returns
    -------
    path : (steps + 1, 2, K) array
        mu = path[t, 0] and logvar = path[t, 1] after t steps.

    Raises
    ------
    FloatingPointError
        If a step leads to values that are not finite; the message names the step.
    """
    errors.check_function("gradient", gradient)
    errors.check_generator("rng", rng)
    steps, S = errors.check_whole("steps", steps, 1), errors.check_whole("S", S, 1)
    rate = errors.check_number("rate", rate, minimum=0, exclusive=True)
    power = errors.check_number("power", power, minimum=0.5, exclusive=True)
    if power > 1:
        raise ValueError(f"power: expected at most 1, or the steps stop short, got {power}")
    mu = errors.as_float_array("mu", mu, np.float64, (None,))
    mu, logvar, _ = _check(mu, logvar, np.zeros((1, len(mu))))
    path = np.empty((steps + 1, 2, len(mu)))
    path[0] = mu, logvar
    for t in range(1, steps + 1):
        eps = rng.standard_normal((S, len(mu)))
        terms = gradient(path[t - 1, 0], path[t - 1, 1], eps)
        step = _mean("gradient(mu, logvar, eps)", terms, S, len(mu))
        path[t] = path[t - 1] + rate * t**-power * step.reshape(2, -1)
        if not np.isfinite(path[t]).all():
            raise FloatingPointError(
                f"step {t} of {steps} leads to mu = {path[t, 0]}, logvar = {path[t, 1]};"
                " take a smaller rate or more samples"
            )
    return path


def _mean(name, terms, S, K):
    """The mean over S terms of the width 2K, no other."""
    return errors.as_float_array(name, terms, np.float64, (S, 2 * K)).mean(axis=0)


def _check(mu, logvar, eps):
    mu = errors.as_float_array("mu", mu, np.float64, (None,), finite=True)
    logvar = errors.as_float_array("logvar", logvar, np.float64, mu.shape, finite=True)
    eps = errors.as_float_array("eps", eps, np.float64, (None, len(mu)), finite=True)
    return mu, logvar, eps
