"""The importance-weighted bound as a training objective, with its gradient by hand."""

import copy

import numpy as np

from minivae import gaussian
from minivae.numerics import log_mean_exp
from minivae.vae import VAE, Loss


class IWAE(VAE):
    """A VAE trained on the importance-weighted bound instead of the ELBO.

        L_S = E[ log (1/S) Σ_s w_s ],   w_s = p(x, z_s) / q(z_s|x),   z_s = mu + σ ε_s

    L_1 is the ELBO, and L_S ≤ L_{S+1} ≤ log p(x). The architecture, and everything that
    is not `loss` or `backward`, is the VAE's.

    References
    ----------
    Burda, Grosse & Salakhutdinov 2016, "Importance Weighted Autoencoders", eq. 8 and 14.
    """

    @np.errstate(all="ignore")  # _refuse_non_finite says it better
    def loss(self, x, eps, labels=None):
        """-L_S in nats per image, estimated with the given noise: the mean over the batch.

        Parameters
        ----------
        x : ndarray, shape (B, D)
        eps : ndarray, shape (B, K) or (S, B, K)
            Standard-normal noise of the S samples of each image.
        labels : array_like, optional
            The condition of each image, for a model that has one; see `given`.

        Returns
        -------
        Loss
            nelbo estimates -L_S. rec and kl are those of the VAE, for the record: their
            sum estimates -L_1, the looser bound.

        Raises
        ------
        ValueError, TypeError, FloatingPointError
            As `VAE.loss`.
        """
        x, eps = self._check(x, eps)
        eps = eps.reshape((-1,) + eps.shape[-2:])
        self._condition_on(labels, len(x))
        mu, logvar, z, y, log_p = self._forward(x, eps)
        log_w = self._log_weights(log_p, z, logvar, eps)
        log_mean_w = log_mean_exp(log_w, axis=0)
        nelbo = -log_mean_w.mean()
        self._refuse_non_finite(nelbo, mu=mu, logvar=logvar, y=y)
        self._kept = logvar, eps, z, log_w
        kl = gaussian.kl(mu, logvar).sum(axis=-1).mean()
        return Loss(float(nelbo), float(-log_p.mean()), float(kl))

    def backward(self):
        """Write the gradient of the last `loss` into `grad`.

        ∂ log mean w / ∂ log w_s = w_s / Σ_r w_r, the normalised weight: softmax over the
        samples of +log w, in which the best sample counts most. From there on each
        sample's log w is differentiated like an ELBO of its own.
        """
        self._check_backward()
        logvar, eps, z, log_w = self._kept
        B = log_w.shape[1]
        weight = np.exp(log_w - log_w.max(axis=0))
        weight /= weight.sum(axis=0)
        dlog_w = -weight / B  # nelbo = -mean over the batch of log mean w
        # log w = log p(x|z) + log p(z) - log q(z|x), with z = mu + σ ε
        dy = self.likelihood.backward(dlog_w)
        dz = self.decoder.backward(dy.reshape(-1, self.D)).reshape(z.shape)
        # log p(z) = -½ Σ z² + constant:  ∂/∂z = -z
        dz = dz - dlog_w[..., None] * z
        # -log q(z|x) = ½ Σ (logvar + ε²) + constant, since z moves with mu and σ:
        # only ∂/∂logvar = ½ is left, and the weights of the samples sum to one
        dmu, dlogvar = gaussian.reparameterize_grad(dz, logvar, eps)
        dlogvar = dlogvar - 0.5 / B
        dh = self.mu_head.backward(dmu) + self.logvar_head.backward(dlogvar)
        self.encoder.backward(dh, need_dx=False)

    def as_vae(self):
        """A `VAE` with copies of the same layers and weights: its objective is the ELBO."""
        vae = copy.deepcopy(self)
        vae.__class__ = VAE  # which has the same parts, and differs in loss and backward
        return vae
