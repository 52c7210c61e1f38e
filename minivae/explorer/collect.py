"""What the page knows of a model: layers, weights, test images, codes, log p(x)."""

import base64

import numpy as np

from minivae import gaussian
from minivae.autoencoder import Autoencoder
from minivae.datasets.images import Images, prepare
from minivae.encoder_decoder import EncoderDecoder
from minivae.errors import check_generator, check_shape
from minivae.explorer.likelihood import log_likelihoods
from minivae.inference.diagnostics import active_units
from minivae.likelihoods import Binomial
from minivae.plots.drawing import limits_of

# What engine.js can compute; a test holds this against its table.
LAYERS = "Linear Conv2d ConvTranspose2d Tanh ReLU Sigmoid Softplus Scale Sequential".split()
LIKELIHOODS = ("Binomial", "Bernoulli", "Gaussian", "Laplace")
IMAGES, IMAGE_BYTES = 300, 400_000  # shown at most, and what they may weigh
CODES = 800  # points of the plane at most


def collect(
    model, images, title, rng, binarize="none", scaled=False, photograph=False, note=""
):
    """Everything that the page needs of one model, as JSON can hold it.

    Parameters
    ----------
    model : VAE, IWAE or Autoencoder
        Of layers and a likelihood that `engine.js` knows.
    images : Images
        The test part is shown, at most 300 images of it.
    title : str
        What to call the model.
    rng : numpy.random.Generator
        Draws stochastic binarization and importance samples.
    binarize, scaled
        How the model takes stored pixels; see `datasets.images.prepare`.
    photograph : bool
        Show large values bright, as on a screen, and not as ink on paper.
    note : str
        What else there is to say of the model, such as "β = 4".

    Returns
    -------
    dict
        Arrays are base64 texts of their little-endian bytes. The weights keep their
        precision, so that the page computes with the very same numbers.

    Raises
    ------
    TypeError
        If the model, a layer or its likelihood is none that the page can compute.
    ValueError
        If the images do not fit the model.
    """
    check_generator("rng", rng)
    _check_model(model)
    encoder, decoder = describe(model.encoder), describe(model.decoder)
    if not isinstance(images, Images):
        raise TypeError(f"images: expected Images, got {type(images).__name__}")
    check_shape("images.test", images.test, (None, model.D))
    fit = IMAGE_BYTES // (model.D * images.test.itemsize)
    shown = max(1, min(len(images.test), IMAGES, fit))
    x = prepare(images.test[:CODES], images.max_count, model.dtype, binarize, scaled, rng)
    pixels, divisor = x[:shown], 1
    if images.max_count is not None:  # counts need a byte each, whatever becomes of them
        divisor = images.max_count if scaled and binarize == "none" else 1
        pixels = np.rint(pixels * divisor).astype(np.uint8)
    log_p, errors, method = log_likelihoods(model, x[:shown], rng)
    labels = images.test_labels
    return {
        "title": title,
        "note": note,
        "photograph": bool(photograph),
        "kind": type(model).__name__,
        "dtype": model.dtype.name,
        "D": model.D,
        "K": model.K,
        "encoder": encoder,
        "decoder": decoder,
        "likelihood": _likelihood(model.likelihood),
        "layout": {k: [w.start, w.stop] for k, (w, _) in model.layout.items()},
        "theta": packed(model.theta),
        "data": images.name,
        "shape": list(images.shape),
        "pixels": packed(pixels),
        "pixelType": pixels.dtype.name,
        "divisor": divisor,
        "ink": _ink(images, binarize, divisor, x),
        "limits": [float(value) for value in limits_of(model, x)],
        "labels": None if labels is None else labels[:CODES].tolist(),
        "logP": log_p.tolist(),
        "logPError": errors.tolist(),
        "method": method,
        **_codes(model, x),
    }


def describe(part):
    """A layer as its class's name and its constructor's arguments, stacks with theirs."""
    if type(part).__name__ not in LAYERS:
        raise TypeError(
            f"model: the page has no {type(part).__name__} layer; expected only"
            f" {', '.join(LAYERS)}"
        )
    spec = {"class": type(part).__name__, **part.config}
    if hasattr(part, "layers"):
        spec["layers"] = [describe(inner) for inner in part.layers]
    return spec


def packed(array):
    """The bytes of an array, little-endian, as base64 text."""
    array = np.ascontiguousarray(array)
    return base64.b64encode(array.astype(array.dtype.newbyteorder("<"))).decode("ascii")


def _check_model(model):
    if not isinstance(model, EncoderDecoder):
        raise TypeError(
            f"model: expected a VAE, IWAE or Autoencoder, got {type(model).__name__}"
        )
    if type(model.likelihood).__name__ not in LIKELIHOODS:
        raise TypeError(
            f"model: the page has no {type(model.likelihood).__name__} likelihood;"
            f" expected one of {', '.join(LIKELIHOODS)}"
        )


def _likelihood(likelihood):
    """The likelihood with its constants as they stand now, learned or not."""
    spec = {"class": type(likelihood).__name__, **likelihood.config}
    if isinstance(likelihood, Binomial):
        return spec | {"n": likelihood.n}
    name = "c" if hasattr(likelihood, "c") else "b"
    return spec | {f"log_{name}": getattr(likelihood, f"log_{name}")}


def _ink(images, binarize, divisor, x):
    """How what is drawn by hand, 0 to 1 in each pixel, becomes what the model takes."""
    if binarize != "none":
        return {"steps": 1, "low": 0, "high": 1}
    if images.max_count is None:
        low, high = np.quantile(x, (0.01, 0.99)).tolist()
        return {"steps": 0, "low": low, "high": high}
    n = images.max_count
    return {"steps": n, "low": 0, "high": n / divisor}


def _codes(model, x):
    """Where the test images fall, and what each latent dimension is used for."""
    if isinstance(model, Autoencoder):
        return {"codes": packed(model.code(x).astype(np.float32)), "klOf": None}
    mu, logvar = model.encode(x)
    active = active_units(model, x) if len(x) > 1 else np.ones(model.K, bool)
    return {
        "codes": packed(mu.astype(np.float32)),
        "klOf": gaussian.kl(mu, logvar).mean(axis=0).tolist(),
        "active": active.tolist(),
    }
