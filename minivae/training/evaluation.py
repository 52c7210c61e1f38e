"""What a model's loss is on a mini-batch of stored pixels, and on a whole data set."""

import numpy as np

from minivae.autoencoder import Autoencoder
from minivae.datasets.images import BINARIZE, Images, prepare
from minivae.errors import check_choice, check_generator, check_shape, check_whole
from minivae.iwae import IWAE
from minivae.likelihoods import Binomial
from minivae.vae import Loss

ROWS = 500  # images times samples that go through the decoder at once


def evaluate(model, images, rng, *, part="test", binarize="none", samples=1):
    """nelbo, rec and kl of the test (or training) images, in nats per image.

    Parameters
    ----------
    model : VAE, IWAE or Autoencoder
    images : Images
    rng : numpy.random.Generator
        Draws eps, and the pixels if binarize is "stochastic".
    part : {"test", "train"}
    binarize : {"none", "threshold", "stochastic"}
    samples : int
        S, the samples of z for each image.

    Returns
    -------
    Loss
        Means over all images. nelbo is rec + kl, the ELBO's negative; for an `IWAE` it
        is -L_S. Standardised values count as those that came (see `Images.scale_nats`).

    Raises
    ------
    ValueError, TypeError
        For arguments, data and likelihood that do not fit.
    FloatingPointError
        If the result is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> from minivae import VAE, Binomial, evaluate, load_digits
    >>> model = VAE.mlp(64, 2, (8,), Binomial(16), rng=rng)
    >>> loss = evaluate(model, load_digits(), rng)
    >>> bool(np.isclose(loss.nelbo, loss.rec + loss.kl))
    True
    """
    check_choice("part", part, ("test", "train"))
    check_generator("rng", rng)
    samples = check_whole("samples", samples, minimum=1)
    check_objective(model, samples)
    scaled = scaling(model, images, binarize)
    return mean_loss(model, images, part, scaled, rng, binarize, samples, 1.0, 0.0)


def mean_loss(model, images, part, scaled, rng, binarize, samples, beta, free_bits):
    """The model's own loss averaged over a part of the images, known to fit the model.

    The settings are those of `fit`, `scaled` what `scaling` says. Returns a `Loss`.
    """
    pixels, max_count = getattr(images, part), images.max_count
    condition = condition_of(model, images, part)
    total = np.zeros(3)
    batch_size = max(1, ROWS // samples)
    for start in range(0, len(pixels), batch_size):
        batch = pixels[start : start + batch_size]
        x = prepare(batch, max_count, model.dtype, binarize, scaled, rng)
        labels = None if condition is None else condition[start : start + batch_size]
        eps = draw_noise(model, len(x), rng, samples)
        loss = loss_with(model, x, eps, beta, free_bits, labels)
        total += len(x) * np.array(loss)
    return per_image(total, len(pixels), images)


def per_image(total, N, images):
    """The mean `Loss` of a sum over N images, in nats of the values as they came."""
    nelbo, rec, kl = (float(mean) for mean in total / N)
    return Loss(nelbo + images.scale_nats, rec + images.scale_nats, kl)


def draw_noise(model, B, rng, samples=1):
    """eps, shape (B, K), or (S, B, K) for S above 1; None for an autoencoder."""
    if isinstance(model, Autoencoder):
        return None
    shape = (B, model.K) if samples == 1 else (samples, B, model.K)
    return rng.standard_normal(shape, dtype=model.dtype)


def loss_with(model, x, eps, beta=1.0, free_bits=0.0, labels=None):
    """The model's own loss on x, shape (B, D), whichever of the settings it takes.

    Returns a `Loss`; `model.backward()` may follow.
    """
    if isinstance(model, Autoencoder):
        return model.loss(x, labels=labels)
    if isinstance(model, IWAE):
        return model.loss(x, eps, labels)
    return model.loss(x, eps, beta, free_bits, labels)


def condition_of(model, images, part):
    """The condition of a part of the images for a model that has one, else None.

    The labels, if they are the C classes of the model; otherwise the factors.

    Raises
    ------
    ValueError
        If the images have neither.
    """
    if not model.C:
        return None
    labels = getattr(images, f"{part}_labels")
    if labels is not None and labels.max() < model.C:
        return labels
    factors = getattr(images, f"{part}_factors")
    if factors is None or factors.shape[1] != model.C:
        raise ValueError(
            f"images: expected labels 0..{model.C - 1} or {model.C} factors, for a model"
            f" with a condition, got {images!r} without"
        )
    return factors


def check_objective(model, samples, beta=1.0, free_bits=0.0):
    """Raise ValueError where the model's loss has no room for a setting."""
    name = type(model).__name__
    settings = {"beta": (beta, 1), "free_bits": (free_bits, 0)}
    if isinstance(model, Autoencoder):
        settings["samples"] = (samples, 1)
    elif not isinstance(model, IWAE):
        return
    for setting, (value, neutral) in settings.items():
        if callable(value) or value != neutral:
            raise ValueError(
                f"{setting}: expected {neutral}, as the loss of {name} has none, got"
                f" {value!r}"
            )


def scaling(model, images, binarize):
    """Decide how stored pixels become what the model's likelihood speaks of.

    ====================  =============================================================
    Binomial(n), n > 1    the counts as they are, 0..n; `max_count` must be n
    Bernoulli             binary pixels: `max_count` 1, or binarized
    Bernoulli(grey=True)  counts divided by `max_count`, in [0, 1]
    Gaussian, Laplace     the same
    ====================  =============================================================

    Real values (`max_count` None) are taken as they are, where the likelihood allows them.

    Returns
    -------
    bool
        Whether `prepare` is to divide counts by `max_count`.

    Raises
    ------
    ValueError, TypeError
        Where data, binarization and likelihood do not go together.
    """
    if not isinstance(images, Images):
        raise TypeError(
            "images: expected Images, such as load_digits() or Images(train, test,"
            f" max_count, shape, name), got {type(images).__name__}"
        )
    check_choice("binarize", binarize, BINARIZE)
    for part in ("train", "test"):
        check_shape(f"images.{part}", getattr(images, part), (None, model.D))
    likelihood = model.likelihood
    counts = isinstance(likelihood, Binomial) and not likelihood.grey
    max_count = images.max_count if binarize == "none" else 1
    if counts and max_count not in (None, likelihood.n):
        raise ValueError(_misfit(images, likelihood.n, max_count, binarize))
    if images.max_count is None:
        # Real values can be anything: look at all of them before the first step.
        rng = np.random.default_rng(0)
        for pixels in (images.train, images.test):
            for batch in np.split(pixels, range(ROWS, len(pixels), ROWS)):
                likelihood.check(prepare(batch, None, model.dtype, binarize, rng=rng))
    return not counts


def _misfit(images, n, max_count, binarize):
    """Say why Binomial(n) does not fit pixels 0..max_count, and what would."""
    made = "" if binarize == "none" else f" after binarize={binarize!r}"
    likelihood = f"Binomial({max_count})" if max_count > 1 else "Bernoulli()"
    advice = "binarize='none'" if images.max_count == n else "other images"
    if n == 1:
        advice = "binarize='stochastic' or 'threshold'"
    return (
        f"likelihood: expected one for the pixels of {images.name!r}, 0..{max_count}{made},"
        f" got Binomial({n}): take {likelihood} or {advice}"
    )
