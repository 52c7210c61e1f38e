"""What both autoencoders share: two stacks of layers, a likelihood, and their checks."""

import copy

import numpy as np

from minivae import errors
from minivae.condition import Condition, label_columns
from minivae.conv import conv_stacks
from minivae.layers import Linear, Scale, Sequential, mlp
from minivae.likelihoods import Bernoulli, Likelihood
from minivae.model import Model


class EncoderDecoder(Model):
    """An encoder stack with linear heads, a decoder stack and a likelihood.

    `VAE` (two heads, mu and logvar) and `Autoencoder` (one head, the code) add what sets
    them apart: the loss and its gradient, and which z `latent(x)` stands for x.

    Parameters
    ----------
    encoder : Sequential
        Maps x, shape (B, D), to features h, shape (B, H). `Sequential()` makes h = x.
    decoder : Sequential
        Maps z, shape (B, K), to the likelihood's y, shape (B, D); it ends in a Linear,
        so that y can take any value.
    likelihood : Likelihood
        `Binomial`, `Bernoulli`, `Gaussian` or `Laplace`.
    rng : numpy.random.Generator
        Draws the initial weights.
    dtype : numpy dtype
        float32 to train, float64 to check gradients.

    Attributes
    ----------
    D, K : int
        Data and latent dimensions, read off the decoder.
    conditions : list of Condition
        The layers of the two stacks that take a condition ℓ. Such a model is p(x|z, ℓ)
        and q(z|x, ℓ), see `given`.
    C : int
        Columns of the condition, 0 without one.
    """

    heads = ()

    def __init__(self, encoder, decoder, likelihood, rng, dtype=np.float32):
        errors.check_instance("encoder", encoder, Sequential)
        errors.check_instance("decoder", decoder, Sequential)
        errors.check_instance("likelihood", likelihood, Likelihood, " such as Bernoulli()")
        self.D, self.K = decoder.n_out, decoder.n_in
        if self.D is None or encoder.n_in not in (None, self.D):
            raise ValueError(
                f"encoder, decoder: expected an encoder of as many inputs as the decoder"
                f" has outputs, got {encoder.n_in} and {self.D}"
            )
        self.encoder, self.decoder, self.likelihood = encoder, decoder, likelihood
        layers = [layer for stack in (encoder, decoder) for layer in stack.layers]
        self.conditions = [layer for layer in layers if isinstance(layer, Condition)]
        widths = {layer.C for layer in self.conditions}
        if len(widths) > 1:
            raise ValueError(f"encoder, decoder: expected one C, got {sorted(widths)}")
        self.C = max(widths, default=0)
        heads = {name: Linear(encoder.n_out or self.D, self.K) for name in self.heads}
        vars(self).update(heads)
        outer = {"decoder": decoder, "likelihood": likelihood}
        super().__init__({"encoder": encoder} | heads | outer, rng, dtype)
        self._kept = None

    @classmethod
    def mlp(
        cls,
        D,
        K,
        hidden=(256,),
        likelihood=None,
        activation="tanh",
        *,
        condition=0,
        rng,
        dtype=np.float32,
    ):
        """The usual model in one line: D-hidden-K and K-(hidden reversed)-D.

        Parameters
        ----------
        D, K : int
            Data and latent dimensions.
        hidden : tuple of int
            Widths of the encoder's hidden layers; () makes the model linear.
        likelihood : Likelihood
            `Bernoulli()` if none is given; for `Binomial(n)` the encoder first scales
            the counts to [0, 1].
        activation : {"tanh", "relu", "softplus", "sigmoid"}
        condition : int
            C, the columns of a condition that enters before the first layer of each
            stack: 10 for one digit in ten. 0 for a model without.
        rng : numpy.random.Generator
            Draws the initial weights.
        dtype : numpy dtype
            float32 to train, float64 to check gradients.

        Examples
        --------
        >>> import numpy as np
        >>> from minivae import VAE, Binomial
        >>> VAE.mlp(64, 2, (32,), Binomial(16), rng=np.random.default_rng(0)).theta.size
        4420
        """
        errors.check_whole("D", D, minimum=1)
        errors.check_whole("K", K, minimum=1)
        hidden = errors.check_sizes("hidden", hidden, (256,))
        C = errors.check_whole("condition", condition, minimum=0)
        sizes = [K + C, *reversed(hidden)]
        encoder = mlp([D + C, *hidden], activation)
        decoder = [*mlp(sizes, activation), Linear(sizes[-1], D)]
        if C:
            encoder.insert(0, Condition(D, C))
            decoder.insert(0, Condition(K, C))
        return cls._of_layers(encoder, decoder, likelihood, rng, dtype)

    @classmethod
    def conv(
        cls,
        shape,
        K,
        channels=(32, 64),
        likelihood=None,
        activation="tanh",
        *,
        condition=0,
        rng,
        dtype=np.float32,
    ):
        """The usual model of images in one line: convolutions down to z, and up again.

        `shape` is (rows, columns), or (rows, columns, channels) for rows of x that hold
        the channels last. Each of `channels` belongs to a `Conv2d` of 4x4 pixels that
        halves rows and columns; the decoder is the mirror image, see
        `conv.conv_stacks`. A condition enters before the heads and before the decoder.
        All else is as in `mlp`.

        Examples
        --------
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> from minivae import VAE, Gaussian
        >>> model = VAE.conv((8, 8), 2, (4, 8), Gaussian(), rng=rng)
        >>> model.D, model.K
        (64, 2)
        """
        errors.check_whole("K", K, minimum=1)
        C = errors.check_whole("condition", condition, minimum=0)
        encoder, decoder = conv_stacks(shape, K + C, channels, activation)
        if C:
            features = next(e.n_out for e in reversed(encoder) if e.n_out)
            encoder.append(Condition(features, C))
            decoder.insert(0, Condition(K, C))
        return cls._of_layers(encoder, decoder, likelihood, rng, dtype)

    @classmethod
    def _of_layers(cls, encoder, decoder, likelihood, rng, dtype):
        """A model of two lists of layers; counts are scaled before they enter."""
        likelihood = Bernoulli() if likelihood is None else likelihood
        n = getattr(likelihood, "n", 1)
        scale = [Scale(1 / n)] if n > 1 else []
        encoder, decoder = Sequential(*scale, *encoder), Sequential(*decoder)
        return cls(encoder, decoder, likelihood, rng, dtype)

    def given(self, labels):
        """This model under a condition ℓ: p(x|z, ℓ) and q(z|x, ℓ), with all methods.

        The result shares `theta` and `grad` with this model and takes no labels itself,
        so whatever works with a model works with it: sampling, exact log p(x|ℓ), checks.

        Parameters
        ----------
        labels : int or array_like
            Whole numbers 0..C-1, which become one-hot columns, or floats, the C columns
            themselves. One for all images, or one for each of B images.

        Raises
        ------
        ValueError, TypeError
            For labels that do not fit, or a model without a condition.

        Examples
        --------
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> from minivae import VAE
        >>> model = VAE.mlp(4, 2, (3,), condition=10, rng=rng)
        >>> model.given(7).sample(5, rng).shape
        (5, 4)
        """
        columns = label_columns(labels, self.C, self.dtype)
        model = copy.deepcopy(self, {id(flat): flat for flat in (self.theta, self.grad)})
        for layer in model.conditions:
            layer.labels = columns
        return model

    def _condition_on(self, labels, B):
        """Let the next pass through the two stacks know the labels of the B images."""
        columns = None if labels is None else label_columns(labels, self.C, self.dtype)
        for layer in self.conditions:
            layer.next_labels = columns
        self._check_rows(B)

    def _check_rows(self, B):
        """Refuse B images with another number of conditions, unless that is one."""
        for layer in self.conditions:
            labels = layer.labels if layer.next_labels is None else layer.next_labels
            if labels is not None and len(labels) not in (1, B):
                wanted = f"one for all or one for each of {B} images"
                raise ValueError(f"labels: expected {wanted}, got {len(labels)}")

    def decoder_output(self, z):
        """The decoder's raw output y, shape (..., D), for z of shape (..., K).

        `likelihood.log_prob(x, y)` takes it; `decode` makes the mean image E[x|z] from it.
        """
        z = errors.as_float_array("z", z, self.dtype)
        errors.check_shape("z", z, z.shape[:-1] + (self.K,))
        self._check_rows(z.shape[-2] if z.ndim > 1 else 1)
        self._kept = None  # the layers now remember this pass: backward must not use it
        y = self.decoder.forward(z.reshape(-1, self.K))
        return y.reshape(z.shape[:-1] + (self.D,))

    def decode(self, z):
        """E[x|z], shape (..., D), for z of shape (..., K).

        Examples
        --------
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> from minivae import VAE
        >>> model = VAE.mlp(4, 2, (3,), rng=rng)
        >>> x = np.array([[1, 0, 1, 0], [0, 1, 1, 1]], dtype=np.float32)
        >>> eps = rng.standard_normal((2, 2), dtype=np.float32)
        >>> model.decode(np.zeros((3, 2), np.float32)).shape
        (3, 4)
        """
        z = errors.as_float_array("z", z, self.dtype, finite=True)
        return self.likelihood.mean(self.decoder_output(z))

    def reconstruct(self, x):
        """E[x|z] at the z that stands for x, z = latent(x), shape (B, D).

        Examples
        --------
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> from minivae import VAE
        >>> model = VAE.mlp(4, 2, (3,), rng=rng)
        >>> x = np.array([[1, 0, 1, 0], [0, 1, 1, 1]], dtype=np.float32)
        >>> eps = rng.standard_normal((2, 2), dtype=np.float32)
        >>> model.reconstruct(x).shape
        (2, 4)
        """
        return self.decode(self.latent(x))

    def interpolate(self, x_a, x_b, steps=8):
        """E[x|z] along the straight line from latent(x_a) to latent(x_b).

        Parameters
        ----------
        x_a, x_b : ndarray, shape (B, D)
        steps : int
            Number of points, the ends included.

        Returns
        -------
        ndarray, shape (steps, B, D)

        Examples
        --------
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> from minivae import VAE
        >>> model = VAE.mlp(4, 2, (3,), rng=rng)
        >>> x = np.array([[1, 0, 1, 0], [0, 1, 1, 1]], dtype=np.float32)
        >>> eps = rng.standard_normal((2, 2), dtype=np.float32)
        >>> model.interpolate(x[:1], x[1:], steps=5).shape
        (5, 1, 4)
        """
        errors.check_whole("steps", steps, minimum=2)
        x_a = self._check_x(x_a, "x_a", finite=True)
        x_b = self._check_x(x_b, "x_b", finite=True)
        errors.check_shape("x_b", x_b, x_a.shape)
        z_a, z_b = self.latent(x_a), self.latent(x_b)
        t = np.linspace(0, 1, steps, dtype=self.dtype)[:, None, None]
        return self.decode((1 - t) * z_a + t * z_b)

    def _check_x(self, x, name="x", finite=False):
        # `loss` leaves NaN and infinity to the likelihood's check: one pass over x will do.
        x = errors.as_float_array(name, x, self.dtype, (None, self.D), finite)
        self._check_rows(len(x))
        return x

    def _check_backward(self):
        if self._kept is None:
            raise RuntimeError(
                "backward() was called before loss(), or something else ran through the"
                " layers in between: call loss() just before it"
            )

    def _refuse_non_finite(self, result, **inner):
        """Return `result`, or raise FloatingPointError naming where it ceased to be finite.

        `inner` are the arrays that the model computed on the way, in order. What the
        caller passed was checked before: eps here, x by the likelihood.
        """
        if np.isfinite(result).all():
            return result
        what = f"the result is {np.ravel(result)[~np.isfinite(np.ravel(result))][0]}"
        for name, array in {"theta": self.theta, **inner}.items():
            if not np.isfinite(array).all():
                raise FloatingPointError(f"{what}: {name} is not finite")
        sizes = ", ".join(f"|{name}| {np.abs(a).max():.4g}" for name, a in inner.items())
        raise FloatingPointError(
            f"{what}: an exponential or a square overflows {self.dtype} (largest {sizes})"
        )
