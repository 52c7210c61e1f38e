"""The latent Gaussian: density, KL to the prior, reparameterization, and their gradients.

Everything is elementwise over the K latent dimensions, because q(z|x) and the prior are
both diagonal. `logvar` is log σ²; σ = exp(logvar / 2) is a standard deviation, never a
variance. Log-densities and KLs are in nats.
"""

import numpy as np

LOG_2PI = float(np.log(2 * np.pi))  # a Python float leaves float32 arrays float32


def log_normal(z, mu, logvar):
    """log N(z; mu, σ²) of each dimension.

        log N = -½ (log 2π + logvar + (z - mu)² / exp(logvar))

    Parameters
    ----------
    z, mu, logvar : ndarray or float
        Any shapes that broadcast; typically (B, K), and z also (S, B, K).

    Returns
    -------
    ndarray
        The broadcast shape. Sum over the last axis for the log-density of a vector.
    """
    return -0.5 * (LOG_2PI + logvar + (z - mu) ** 2 * _precision(z, mu, logvar))


def log_normal_grad(z, mu, logvar):
    """The three partial derivatives (dz, dmu, dlogvar) of `log_normal`.

    ∂/∂z = -(z - mu)/σ²,   ∂/∂mu = (z - mu)/σ²,   ∂/∂logvar = ½ ((z - mu)²/σ² - 1)
    """
    precision = _precision(z, mu, logvar)
    dmu = (z - mu) * precision
    dlogvar = 0.5 * ((z - mu) ** 2 * precision - 1)
    return -dmu, dmu, dlogvar


def _precision(z, mu, logvar):
    """1/σ²; a plain number for logvar must not turn float32 arrays into float64."""
    return np.exp(-logvar, dtype=np.result_type(z, mu, logvar))


def kl(mu, logvar):
    """KL( N(mu, σ²) ‖ N(0, 1) ) of each latent dimension.

        KL = ½ (mu² + σ² - 1 - logvar) ≥ 0,  zero only at mu = 0, σ = 1

    Parameters
    ----------
    mu, logvar : ndarray, shape (B, K)

    Returns
    -------
    ndarray, shape (B, K)
        Nats for each image and each dimension; the KL of an image is the sum of its row.

    Examples
    --------
    >>> import numpy as np
    >>> from minivae.gaussian import kl
    >>> kl(np.array([[0.0, 1.0]]), np.array([[0.0, 0.0]]))
    array([[0. , 0.5]])

    References
    ----------
    Kingma & Welling 2014, appendix B.
    """
    return 0.5 * (mu * mu + np.exp(logvar) - 1 - logvar)


def kl_grad(mu, logvar):
    """The two partial derivatives (dmu, dlogvar) of `kl`.

    ∂KL/∂mu = mu,   ∂KL/∂logvar = ½ (σ² - 1)
    """
    return mu, 0.5 * (np.exp(logvar) - 1)


def reparameterize(mu, logvar, eps):
    """z = mu + σ ⊙ ε: a sample of N(mu, σ²) as a smooth function of mu and logvar.

    Parameters
    ----------
    mu, logvar : ndarray, shape (B, K)
    eps : ndarray, shape (B, K) or (S, B, K)
        Standard-normal noise, drawn by the caller.

    Returns
    -------
    ndarray
        z, of the shape of `eps`.

    Examples
    --------
    >>> import numpy as np
    >>> from minivae.gaussian import reparameterize
    >>> mu, logvar, eps = np.array([[1.0]]), np.array([[np.log(4)]]), np.array([[0.5]])
    >>> reparameterize(mu, logvar, eps)  # 1 + 2 · 0.5
    array([[2.]])

    References
    ----------
    Kingma & Welling 2014, section 2.4.
    """
    return mu + np.exp(0.5 * logvar) * eps


def reparameterize_grad(dz, logvar, eps):
    """Send dz = ∂L/∂z back to (dmu, dlogvar), with the same `eps` as in the forward pass.

        ∂z/∂mu = 1,   ∂z/∂logvar = ½ σ ε   (since ∂σ/∂logvar = ½ σ)

    Parameters
    ----------
    dz, eps : ndarray, shape (B, K) or (S, B, K)
    logvar : ndarray, shape (B, K)

    Returns
    -------
    dmu, dlogvar : ndarray, shape (B, K)
        Summed over the S samples, all of which share one mu and one logvar.
    """
    dlogvar = dz * eps * (0.5 * np.exp(0.5 * logvar))
    if dz.ndim == 3:
        return dz.sum(axis=0), dlogvar.sum(axis=0)
    return dz, dlogvar
