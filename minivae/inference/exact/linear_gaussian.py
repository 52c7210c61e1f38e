"""The linear-Gaussian model: the VAE whose integral can be done.

    z ~ N(0, I_K),    x = W z + b + noise,    noise ~ N(0, c I_D)

is a VAE with a linear decoder. Everything a VAE approximates is exact here, by way of
the K x K matrix M = Wᵀ W + c I:

    p(x)   = N(x; b, W Wᵀ + c I)
    p(z|x) = N(z; M⁻¹ Wᵀ (x - b), c M⁻¹)

The posterior mean is linear in x and its covariance does not depend on x, so a linear
encoder can hold it exactly, if M is diagonal: then the ELBO *is* log p(x). The W of
maximum likelihood is probabilistic PCA, which knows its own best value of log p(x).
"""

import numpy as np

from minivae import errors, gaussian
from minivae.gaussian import LOG_2PI
from minivae.vae import VAE


class LinearGaussian:
    """p(x) = ∫ N(x; W z + b, c I) N(z; 0, I) dz, with everything exact.

    Parameters
    ----------
    W : (D, K) array
        Columns are what one unit of each latent adds to x. (`Linear` keeps Wᵀ.)
    b : (D,) array
    c : float
        The *variance* of the noise, above zero, as in N(x; g(z), c I).

    Raises
    ------
    TypeError, ValueError
        For a wrong dtype or shape, values that are not finite, or c of zero or below.
    """

    def __init__(self, W, b, c):
        self.W = errors.as_float_array("W", W, np.float64, (None, None), finite=True)
        self.D, self.K = self.W.shape
        self.b = errors.as_float_array("b", b, np.float64, (self.D,), finite=True)
        self.c = errors.check_number("c", c, minimum=0, exclusive=True)
        self.M = self.W.T @ self.W + self.c * np.eye(self.K)

    def posterior(self, x):
        """Return mean and covariance of p(z|x) = N(M⁻¹ Wᵀ (x - b), c M⁻¹), M = WᵀW + c I.

        Parameters
        ----------
        x : (B, D) array

        Returns
        -------
        mean : (B, K) array
        covariance : (K, K) array
            The same for every x.
        """
        x = self._check("x", x, self.D)
        mean = np.linalg.solve(self.M, self.W.T @ (x - self.b).T).T
        return mean, self.c * np.linalg.inv(self.M)

    def log_prob(self, x):
        """Return the exact log p(x) in nats, shape (B,), for x of shape (B, D).

            log p(x) = -½ [ D log 2π + log|W Wᵀ + c I| + (x - b)ᵀ (W Wᵀ + c I)⁻¹ (x - b) ]

        No D x D matrix is needed. The determinant follows from the singular values of W,
        and the square equals ‖x - b - W m‖²/c + ‖m‖² at the posterior mean m, a sum of
        two positive terms where Woodbury's formula would take a difference.
        """
        m, _ = self.posterior(x)
        residual = self._check("x", x, self.D) - self.b - m @ self.W.T
        square = (residual**2).sum(axis=1) / self.c + (m**2).sum(axis=1)
        s = np.linalg.svd(self.W, compute_uv=False)  # in WᵀW the small are lost
        log_det = np.log(s**2 + self.c).sum() + (self.D - len(s)) * np.log(self.c)
        return -0.5 * (self.D * LOG_2PI + log_det + square)

    def kl_to_posterior(self, x, mu, logvar):
        """Return KL(q ‖ p(z|x)) in nats, shape (B,), for q = N(mu, diag(exp(logvar))).

            KL = ½ [ tr(Σ⁻¹ S) + (m - mu)ᵀ Σ⁻¹ (m - mu) - K + log|Σ| - log|S| ]

        with S = diag(exp(logvar)) and the posterior N(m, Σ), Σ⁻¹ = M / c. mu and logvar
        have shape (B, K).
        """
        mu, logvar = self._check_q(x, mu, logvar)
        m, cov = self.posterior(x)
        precision = self.M / self.c
        trace = np.exp(logvar) @ np.diag(precision)
        square = np.einsum("bi,ij,bj->b", m - mu, precision, m - mu)
        _, log_det = np.linalg.slogdet(cov)
        return 0.5 * (trace + square - self.K + log_det - logvar.sum(axis=1))

    def elbo(self, x, mu, logvar):
        """Return E_q[log p(x|z)] - KL(q ‖ p(z)) in nats, shape (B,), exactly.

        For q = N(mu, diag(σ²)) the expectation needs only

            E_q ‖x - W z - b‖² = ‖x - W mu - b‖² + Σ_k σ_k² ‖W_k‖²    (W_k: column k)

        Nothing here knows log p(x) or the posterior, so that elbo + kl_to_posterior =
        log_prob is a statement and not a definition. mu and logvar: shape (B, K).
        """
        mu, logvar = self._check_q(x, mu, logvar)
        residual = self._check("x", x, self.D) - mu @ self.W.T - self.b
        spread = np.exp(logvar) @ (self.W**2).sum(axis=0)
        square = (residual**2).sum(axis=1) + spread
        rec = 0.5 * (self.D * (LOG_2PI + np.log(self.c)) + square / self.c)
        return -rec - gaussian.kl(mu, logvar).sum(axis=1)

    def sample(self, n, rng):
        """Draw from p(x): x = W z + b + √c ε, z and ε standard normal.

        Parameters
        ----------
        n : int
        rng : numpy.random.Generator

        Returns
        -------
        (n, D) array
        """
        n = errors.check_whole("n", n, 1)
        errors.check_generator("rng", rng)
        z = rng.standard_normal((n, self.K))
        noise = rng.standard_normal((n, self.D))
        return z @ self.W.T + self.b + np.sqrt(self.c) * noise

    def place_in(self, vae):
        """Write this model, with its exact posterior as encoder, into a linear VAE.

        Encoder and decoder of `vae` must be single Linear maps, as `VAE.mlp(D, K,
        hidden=(), likelihood=Gaussian(...), ...)` makes them:

            decoder       y = z Wᵀ + b
            mu head       mu = (x - b) W M⁻¹
            logvar head   logvar = log diag(c M⁻¹), the same for every x

        A diagonal q can be the posterior only if M is diagonal, which it is for the
        axes that `fit_ppca` chooses (R = I). Then the VAE's ELBO equals log p(x).

        Raises
        ------
        ValueError
            If the VAE has other parameters than these, a constant c that is not this
            model's, or if Wᵀ W is not diagonal.
        """
        errors.check_instance("vae", vae, VAE)
        M_inv = np.linalg.inv(self.M)
        values = {
            "mu_head.W": self.W @ M_inv,
            "mu_head.b": -self.b @ self.W @ M_inv,
            "logvar_head.W": np.zeros((self.D, self.K)),
            "logvar_head.b": np.log(self.c * np.diag(M_inv)),
            "decoder.0.W": self.W.T,
            "decoder.0.b": self.b,
            "likelihood.log_c": np.array([np.log(self.c)]),
        }
        if "likelihood.log_c" not in vae.params:
            del values["likelihood.log_c"]
            c = getattr(vae.likelihood, "c", None)
            if c is None or abs(c - self.c) > 1e-12 * self.c:
                raise ValueError(f"vae: expected a Gaussian(c={self.c!r}), got c = {c}")
        wanted = {name: value.shape for name, value in values.items()}
        found = {name: array.shape for name, array in vae.params.items()}
        if wanted != found:
            raise ValueError(
                f"vae: expected a linear VAE with the parameters {wanted}, got {found}"
            )
        off = self.M - np.diag(np.diag(self.M))
        if abs(off).max() > 1e-9 * abs(self.M).max():
            raise ValueError(
                "W: expected orthogonal columns, because a diagonal q cannot hold a"
                f" tilted posterior; Wᵀ W has {abs(off).max():.3g} off its diagonal"
                " (rotate the latents as fit_ppca does)"
            )
        for name, value in values.items():
            vae.params[name][...] = value

    def _check(self, name, value, width):
        return errors.as_float_array(name, value, np.float64, (None, width), finite=True)

    def _check_q(self, x, mu, logvar):
        x = self._check("x", x, self.D)
        mu, logvar = self._check("mu", mu, self.K), self._check("logvar", logvar, self.K)
        errors.check_shape("mu", mu, (len(x), self.K))
        errors.check_shape("logvar", logvar, mu.shape)
        return mu, logvar


def fit_ppca(x, K, c=None):
    """Return the linear-Gaussian model of maximum likelihood: probabilistic PCA.

    With λ_1 >= ... >= λ_D and U the eigenvalues and eigenvectors of the covariance of
    x (divided by B), the likelihood is highest at b = the mean of x and

        W = U_K (Λ_K - c I)^½ R,    c = (λ_{K+1} + ... + λ_D) / (D - K)

    for any rotation R; it is I here, so that W has orthogonal columns and the
    posterior is diagonal. If c is given it is kept, and the best W for it has the same
    form, with columns of zeros where λ_j <= c.

    Parameters
    ----------
    x : (B, D) array
    K : int
        Number of latents, below D.
    c : float, optional
        A fixed noise variance; the maximum-likelihood one if not given.

    Returns
    -------
    LinearGaussian

    Raises
    ------
    ValueError
        If K is not below D, or if K directions hold all the variance there is: then
        c would be zero and the density infinite.

    References
    ----------
    Tipping & Bishop (1999), Probabilistic principal component analysis, equations 7
    and 8.
    """
    x = errors.as_float_array("x", x, np.float64, (None, None), finite=True)
    K = errors.check_whole("K", K, 1)
    if K >= x.shape[1]:
        raise ValueError(f"K: expected fewer latents than D = {x.shape[1]}, got {K}")
    values, vectors = _spectrum(x)
    if c is None:
        c = values[K:].mean()
        if c <= 1e-12 * values[0]:
            raise ValueError(
                f"K: {K} directions hold all the variance of x (the others have"
                f" {c:.3g} on average), so the likelihood has no maximum"
            )
    c = errors.check_number("c", c, minimum=0, exclusive=True)
    W = vectors[:, :K] * np.sqrt(np.maximum(values[:K] - c, 0.0))
    return LinearGaussian(W, x.mean(axis=0), c)


def max_log_likelihood(x, K, c=None):
    """Return the highest mean log p(x) in nats per point of any linear-Gaussian model.

        -½ [ D log 2π + Σ_kept (log λ_j + 1) + Σ_rest (log c + λ_j / c) ]

    where the kept eigenvalues are the first K that exceed c. With the c of maximum
    likelihood the last sum is (D - K)(log c + 1). Arguments as in `fit_ppca`.
    """
    model = fit_ppca(x, K, c)
    values, _ = _spectrum(np.asarray(x, np.float64))
    kept = (np.arange(model.D) < K) & (values > model.c)
    terms = np.log(model.c) + values / model.c
    terms[kept] = np.log(values[kept]) + 1.0
    return -0.5 * (model.D * LOG_2PI + terms.sum())


def _spectrum(x):
    """Return the eigenvalues (D,), largest first, and eigenvectors of cov(x)."""
    centred = x - x.mean(axis=0)
    values, vectors = np.linalg.eigh(centred.T @ centred / len(x))
    return np.maximum(values[::-1], 0.0), vectors[:, ::-1]
