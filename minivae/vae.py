"""The variational autoencoder: the ELBO, and its whole gradient on one screen.

    p(x) = ∫ p(x|z) p(z) dz has no closed form; with q(z|x) = N(z; mu, diag σ²)

    log p(x) ≥ E_q[log p(x|z)] - KL(q(z|x) ‖ p(z)) = ELBO,      p(z) = N(0, I).

`VAE.loss` computes -ELBO forward, `VAE.backward` differentiates it; they are written one
under the other, line for line in opposite order.
"""

import math
from typing import NamedTuple

import numpy as np

from minivae import errors, gaussian
from minivae.encoder_decoder import EncoderDecoder


class Loss(NamedTuple):
    """What `loss` returns: nats per image, a sum over dimensions and a mean over images.

    nelbo
        rec + β·kl, the objective that `backward` differentiates (with free bits, the KL
        that `VAE.loss` describes). With β = 1 and free_bits = 0 its mean over the noise
        is -ELBO, which is never below -log p(x).
    rec
        -E_q[log p(x|z)], the reconstruction term, estimated from the samples of z.
    kl
        KL(q(z|x) ‖ p(z)), the regulariser, always whole: without β or free bits.
    """

    nelbo: float
    rec: float
    kl: float


class VAE(EncoderDecoder):
    """A VAE from any encoder stack, any decoder stack and a likelihood.

    The constructor, the one-line `VAE.mlp`, `decode`, `reconstruct` and `interpolate`
    are those of `EncoderDecoder`. Two linear heads on the encoder's features give mu and
    logvar, shape (B, K) each, both unconstrained.

    References
    ----------
    Kingma & Welling 2014, "Auto-Encoding Variational Bayes", equations 7 and 10.
    """

    heads = ("mu_head", "logvar_head")

    def _forward(self, x, eps):
        """x → (mu, logvar) → z → y → log p(x|z): what every bound is made of."""
        mu, logvar = self._encode(x)
        z = gaussian.reparameterize(mu, logvar, eps)
        y = self.decoder_output(z)
        return mu, logvar, z, y, self.likelihood.log_prob(x, y)

    @np.errstate(all="ignore")  # _refuse_non_finite says it better
    def loss(self, x, eps, beta=1.0, free_bits=0.0, labels=None):
        """-ELBO with S Monte-Carlo samples of z, given their noise.

            z = mu + σ ⊙ ε
            rec = -mean over images and samples of log p(x|z)
            kl = mean over images of Σ_k ½ (mu² + σ² - 1 - logvar)
            nelbo = rec + β kl

        Parameters
        ----------
        x : ndarray, shape (B, D)
            Data in the support of the likelihood, as floats.
        eps : ndarray, shape (B, K) or (S, B, K)
            Standard-normal noise. An argument, never drawn in here: with the same noise
            the loss is an ordinary function of theta, and can be checked.
        beta : float
            Weight of the KL in the objective (Higgins et al. 2017); 1 is the ELBO.
        free_bits : float
            Nats that each latent dimension may use for nothing: the objective's KL is
            Σ_k max(free_bits, mean over images of KL_k) (Kingma et al. 2016, eq. 15).
        labels : array_like, optional
            The condition ℓ of each image, for a model that has one; see `given`.

        Returns
        -------
        Loss
            (nelbo, rec, kl) in nats per image.

        Raises
        ------
        ValueError, TypeError
            For shapes, dtypes or values that do not fit.
        FloatingPointError
            If the result is not finite; the message says where it began.

        Examples
        --------
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> from minivae import VAE
        >>> model = VAE.mlp(4, 2, (3,), rng=rng)
        >>> x = np.array([[1, 0, 1, 0], [0, 1, 1, 1]], dtype=np.float32)
        >>> eps = rng.standard_normal((2, 2), dtype=np.float32)
        >>> nelbo, rec, kl = model.loss(x, eps)
        >>> bool(np.isclose(nelbo, rec + kl))
        True
        """
        x, eps = self._check(x, eps)
        beta = errors.check_number("beta", beta, minimum=0)
        free_bits = errors.check_number("free_bits", free_bits, minimum=0)
        B = len(x)
        self._condition_on(labels, B)
        mu, logvar, _, y, log_p = self._forward(x, eps)
        kl_k = gaussian.kl(mu, logvar).sum(axis=0) / B  # per latent dimension
        rec = -log_p.sum() / log_p.size
        nelbo = rec + beta * np.maximum(kl_k, free_bits).sum()
        if not math.isfinite(nelbo):
            self._refuse_non_finite(nelbo, mu=mu, logvar=logvar, y=y)
        # KL_k counts for the gradient only where it exceeds its free bits.
        weight = beta * (kl_k > free_bits).astype(self.dtype) if free_bits else beta
        self._kept = mu, logvar, eps, log_p.shape, weight
        return Loss(float(nelbo), float(rec), float(kl_k.sum()))

    def backward(self):
        """Write the gradient of the last `loss` into `grad`: backpropagation by hand.

        Read it beside `loss`, from the last line up. B is the batch size, S the number
        of samples; the means put 1/(S·B) in front of rec's terms and 1/B before the KL's.

        Examples
        --------
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> from minivae import VAE
        >>> model = VAE.mlp(4, 2, (3,), rng=rng)
        >>> x = np.array([[1, 0, 1, 0], [0, 1, 1, 1]], dtype=np.float32)
        >>> eps = rng.standard_normal((2, 2), dtype=np.float32)
        >>> _ = model.loss(x, eps)
        >>> model.backward()
        >>> model.grads["mu_head.W"].shape
        (3, 2)
        """
        self._check_backward()
        mu, logvar, eps, log_p_shape, weight = self._kept
        B, SB = len(mu), math.prod(log_p_shape)
        # rec = -mean log p(x|z):  ∂rec/∂log p = -1/(S·B), then ∂log p/∂y, then ∂y/∂z
        dy = self.likelihood.backward(np.full(log_p_shape, -1 / SB, self.dtype))
        dz = self.decoder.backward(dy.reshape(-1, self.D)).reshape(eps.shape)
        # z = mu + σ ε:  ∂z/∂mu = 1,  ∂z/∂logvar = ½ σ ε;  sums over the samples
        dmu, dlogvar = gaussian.reparameterize_grad(dz, logvar, eps)
        # kl = mean Σ_k KL_k:  ∂KL/∂mu = mu,  ∂KL/∂logvar = ½ (σ² - 1)
        dmu_kl, dlogvar_kl = gaussian.kl_grad(mu, logvar)
        dmu = dmu + weight / B * dmu_kl
        dlogvar = dlogvar + weight / B * dlogvar_kl
        # h feeds both heads, so its gradient is the sum of what comes back from each
        dh = self.mu_head.backward(dmu) + self.logvar_head.backward(dlogvar)
        self.encoder.backward(dh, need_dx=False)

    def encode(self, x):
        """The parameters (mu, logvar) of q(z|x), shape (B, K) each.

        Examples
        --------
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> from minivae import VAE
        >>> model = VAE.mlp(4, 2, (3,), rng=rng)
        >>> x = np.array([[1, 0, 1, 0], [0, 1, 1, 1]], dtype=np.float32)
        >>> eps = rng.standard_normal((2, 2), dtype=np.float32)
        >>> mu, logvar = model.encode(x)
        >>> mu.shape, logvar.shape
        ((2, 2), (2, 2))
        """
        return self._encode(self._check_x(x, finite=True))

    def posterior_mean(self, x):
        """mu(x), the mean of q(z|x), shape (B, K), for x of shape (B, D): see `encode`."""
        return self.encode(x)[0]

    latent = posterior_mean  # the one point that stands for x

    def sample(self, n, rng=None, mean=False):
        """Sample n images: z ~ N(0, I), then x ~ p(x|z), shape (n, D).

        With `mean=True` the last step returns E[x|z] instead of drawing the pixels,
        as most papers do in their figures. Without an `rng` a fresh one is made, and every
        call gives other images.

        Examples
        --------
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> from minivae import VAE
        >>> model = VAE.mlp(4, 2, (3,), rng=rng)
        >>> x = np.array([[1, 0, 1, 0], [0, 1, 1, 1]], dtype=np.float32)
        >>> eps = rng.standard_normal((2, 2), dtype=np.float32)
        >>> model.sample(5, rng).shape
        (5, 4)
        """
        errors.check_whole("n", n, minimum=1)
        rng = np.random.default_rng() if rng is None else rng
        errors.check_generator("rng", rng)
        z = rng.standard_normal((n, self.K), dtype=self.dtype)
        y = self.decoder_output(z)
        return self.likelihood.mean(y) if mean else self.likelihood.sample(y, rng)

    @np.errstate(all="ignore")
    def log_joint(self, x, z):
        """log p(x, z) = log p(x|z) + log p(z) in nats, shape (B,) or (S, B).

        For x of shape (B, D) and z of shape (B, K) or (S, B, K).
        """
        x, z = self._check(x, z, name="z")
        log_prior = gaussian.log_normal(z, 0.0, 0.0).sum(axis=-1)
        y = self.decoder_output(z)
        result = self.likelihood.log_prob(x, y) + log_prior
        return self._refuse_non_finite(result, y=y)

    @np.errstate(all="ignore")
    def log_weights(self, x, eps):
        """log w = log p(x, z) - log q(z|x) at z = mu + σ ε, in nats.

        The mean of log w over the noise is the ELBO; the log of a mean of S weights is an
        estimate of log p(x), too low on average (Burda et al. 2016, eq. 8). Shape (B,) or
        (S, B), as eps is (B, K) or (S, B, K).

        Examples
        --------
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> from minivae import VAE
        >>> model = VAE.mlp(4, 2, (3,), rng=rng)
        >>> x = np.array([[1, 0, 1, 0], [0, 1, 1, 1]], dtype=np.float32)
        >>> eps = rng.standard_normal((2, 2), dtype=np.float32)
        >>> many = rng.standard_normal((50, 2, 2), dtype=np.float32)
        >>> model.log_weights(x, many).shape
        (50, 2)
        """
        x, eps = self._check(x, eps)
        mu, logvar, z, y, log_p = self._forward(x, eps)
        log_w = self._log_weights(log_p, z, logvar, eps)
        return self._refuse_non_finite(log_w, mu=mu, logvar=logvar, y=y)

    @staticmethod
    def _log_weights(log_p, z, logvar, eps):
        """log p(x|z) + log p(z) - log q(z|x), summed over the latent dimensions."""
        log_prior = gaussian.log_normal(z, 0.0, 0.0).sum(axis=-1)
        # z - mu = σ ε, so log q(z|x) = log N(ε; 0, I) - Σ log σ: no cancellation
        log_q = (gaussian.log_normal(eps, 0.0, 0.0) - logvar / 2).sum(axis=-1)
        return log_p + log_prior - log_q

    @np.errstate(all="ignore")
    def elbo(self, x, eps):
        """The ELBO of each image, shape (B,): the KL in closed form, rec from the samples.

        Examples
        --------
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> from minivae import VAE
        >>> model = VAE.mlp(4, 2, (3,), rng=rng)
        >>> x = np.array([[1, 0, 1, 0], [0, 1, 1, 1]], dtype=np.float32)
        >>> eps = rng.standard_normal((2, 2), dtype=np.float32)
        >>> bool(np.isclose(-model.elbo(x, eps).mean(), model.loss(x, eps).nelbo))
        True
        """
        x, eps = self._check(x, eps)
        mu, logvar, _, y, log_p = self._forward(x, eps)
        log_p = log_p.mean(axis=0) if log_p.ndim == 2 else log_p
        result = log_p - gaussian.kl(mu, logvar).sum(axis=-1)
        return self._refuse_non_finite(result, mu=mu, logvar=logvar, y=y)

    def _encode(self, x):
        self._kept = None
        h = self.encoder.forward(x)
        return self.mu_head.forward(h), self.logvar_head.forward(h)

    def _check(self, x, eps, name="eps"):
        x = self._check_x(x)
        eps = errors.as_float_array(name, eps, self.dtype, finite=True)
        samples = (None,) if eps.ndim == 3 else ()
        errors.check_shape(name, eps, (*samples, len(x), self.K))
        return x, eps
