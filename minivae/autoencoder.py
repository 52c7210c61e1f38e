"""The plain autoencoder, on the same layers and likelihoods as the VAE.

It differs from the VAE in four things: one code per image instead of a distribution, no
noise, no KL, and so no prior to sample from.
"""

import numpy as np

from minivae.encoder_decoder import EncoderDecoder
from minivae.vae import Loss


class Autoencoder(EncoderDecoder):
    """Minimise -log p(x|z) at z = code(x): the reconstruction term alone.

    The constructor, the one-line `Autoencoder.mlp`, `decode`, `reconstruct` and
    `interpolate` are those of `EncoderDecoder`; one linear head gives the code.
    """

    heads = ("code_head",)

    @np.errstate(all="ignore")  # _refuse_non_finite says it better
    def loss(self, x, labels=None):
        """-log p(x | z = code(x)) in nats per image, the mean over the batch.

        Parameters
        ----------
        x : ndarray, shape (B, D)
            Data in the support of the likelihood, as floats.
        labels : array_like, optional
            The condition of each image, for a model that has one; see `given`.

        Returns
        -------
        Loss
            (rec, rec, 0): with no KL the objective is the reconstruction term. It does
            not bound -log p(x).

        Raises
        ------
        ValueError, TypeError
            For shapes, dtypes or values that do not fit.
        FloatingPointError
            If the result is not finite; the message says where it began.
        """
        x = self._check_x(x)
        self._condition_on(labels, len(x))
        z = self._code(x)
        y = self.decoder_output(z)
        rec = -self.likelihood.log_prob(x, y).mean()
        self._refuse_non_finite(rec, z=z, y=y)
        self._kept = len(x)
        return Loss(float(rec), float(rec), 0.0)

    def backward(self):
        """Write the gradient of the last `loss` into `grad`.

        There is one path back: likelihood, decoder, code head, encoder.
        """
        self._check_backward()
        B = self._kept
        dy = self.likelihood.backward(np.full(B, -1 / B, self.dtype))
        dz = self.decoder.backward(dy)
        self.encoder.backward(self.code_head.backward(dz), need_dx=False)

    def code(self, x):
        """The code z of each image, shape (B, K), for finite x of shape (B, D)."""
        return self._code(self._check_x(x, finite=True))

    latent = code  # the one point that stands for x

    def _code(self, x):
        self._kept = None
        return self.code_head.forward(self.encoder.forward(x))
