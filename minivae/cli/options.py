"""From the command line's words to objects: data, likelihood, model, optimizer, paths."""

import sys
from pathlib import Path

import numpy as np

from minivae.autoencoder import Autoencoder
from minivae.datasets import load_digits, load_faces, load_images, load_mnist
from minivae.datasets.images import prepare
from minivae.datasets.own import SHIPPED, whole_numbers
from minivae.iwae import IWAE
from minivae.likelihoods import Bernoulli, Binomial, Gaussian, Laplace
from minivae.optim import SGD, Adam
from minivae.schedules import cosine_decay, linear_warmup
from minivae.training import checkpoints
from minivae.training.fitting import usual_epochs
from minivae.vae import VAE

MODELS = {"vae": VAE, "iwae": IWAE, "autoencoder": Autoencoder}
LIKELIHOODS = "binomial, bernoulli, bernoulli-grey, gaussian[:c], laplace[:b]"
# What --resume takes from the model file instead.
SETTLED = (
    "model conditional likelihood latent hidden conv activation binarize beta warmup"
    " free_bits samples batch_size optimizer lr schedule seed"
).split()


def load_data(arguments, saved=None):
    """The images that --data and --data-dir name, or those a saved model was trained on.

    Raises
    ------
    ValueError
        Also where the images are unlike those that the model was trained on.
    """
    trained_on = (saved.data if saved else None) or {}
    name = arguments.data or trained_on.get("name", "digits")
    if arguments.data_dir is not None and name != "mnist":
        raise ValueError(f"--data-dir: expected only with --data mnist, got --data {name}")
    if name in SHIPPED and (arguments.shape or arguments.max_count):
        raise ValueError(
            f"--shape, --max-count: expected only with data of your own, got --data {name}"
        )
    if name == "digits":
        images = load_digits()
    elif name == "faces":
        images = load_faces()
    elif name == "mnist":
        images = load_mnist(arguments.data_dir)
    elif arguments.data is None:
        raise ValueError(
            f"--data: expected the file of {name!r}, the model's training data"
        )
    elif not Path(name).exists():
        raise ValueError(
            f"--data: expected digits, faces, mnist, or a file or folder, got {name!r}"
        )
    else:
        images = _load_own(arguments, trained_on)
    for key in {"max_count", "shape", "offset", "scale"} & trained_on.keys():
        came, wanted = getattr(images, key), trained_on[key]
        if came != (tuple(wanted) if key == "shape" else wanted):
            raise ValueError(
                f"--data: expected images like those the model was trained on, with"
                f" {key} {wanted}, got {images}"
            )
    return images


def _load_own(arguments, trained_on):
    """Images of one's own, in the units of the model if there is one; notes are printed."""
    max_count = arguments.max_count or trained_on.get("max_count")
    units = None  # (offset, scale) of real values
    if trained_on:
        units = trained_on.get("offset", 0.0), trained_on.get("scale", 1.0)
    shape = arguments.shape or trained_on.get("shape")
    images = load_images(arguments.data, max_count, shape, units)
    if M := whole_numbers(images):
        _say(
            f"{images.name}: all values are whole numbers stored as floats;"
            f" --max-count {M} takes them as counts 0..{M}"
        )
    if (images.offset, images.scale) != (0, 1):
        _say(
            f"{images.name}: real values, standardised as (x - {images.offset:g}) /"
            f" {images.scale:g}; all nats are those of the x that came"
        )
    return images


def _say(note):
    print(note, file=sys.stderr)


def resumed(arguments):
    """The checkpoint that --resume names; options that it settles are refused."""
    for name in SETTLED:
        value = getattr(arguments, name)
        if value is not None:
            option = name.replace("_", "-")
            raise ValueError(f"--{option}: expected none with --resume, got {value}")
    saved = checkpoints.load(arguments.resume)
    if saved.rng is None or saved.optimizer is None or saved.settings is None:
        raise ValueError(
            f"--resume: expected a checkpoint of a training, got {arguments.resume}, which"
            " holds a model only"
        )
    saved.settings = {"batch_size": 100, "binarize": "none"} | saved.settings
    return saved


def new_training(arguments, images):
    """A fresh model, optimizer, generator and settings as the options ask for."""
    likelihood, binarize = _likelihood(arguments, images)
    rng = np.random.default_rng(_or(arguments.seed, 0))
    kind = arguments.model or "vae"
    K, activation = arguments.latent or 16, arguments.activation or "tanh"
    rest = {"condition": _columns(images) if arguments.conditional else 0, "rng": rng}
    if arguments.conv is None:
        D, hidden = images.train.shape[1], _or(arguments.hidden, [256])
        model = MODELS[kind].mlp(D, K, hidden, likelihood, activation, **rest)
    elif arguments.hidden is None:
        channels = arguments.conv or (32, 64)
        model = MODELS[kind].conv(images.shape, K, channels, likelihood, activation, **rest)
    else:
        raise ValueError(f"--hidden: expected none with --conv, got {arguments.hidden}")
    batch_size = arguments.batch_size or 100
    steps = -(-len(images.train) // batch_size)  # of an epoch
    make, lr = (SGD, 5e-4) if arguments.optimizer == "sgd" else (Adam, 2e-3)
    lr = arguments.lr or lr
    if arguments.schedule == "cosine":
        lr = cosine_decay(
            lr, steps * (arguments.epochs or usual_epochs(images, batch_size))
        )
    beta = _or(arguments.beta, 1.0)
    settings = {
        "batch_size": batch_size,
        "binarize": binarize,
        "beta": linear_warmup(beta, steps * arguments.warmup) if arguments.warmup else beta,
        "free_bits": arguments.free_bits or 0.0,
        "samples": arguments.samples or (5 if kind == "iwae" else 1),
    }
    return checkpoints.Checkpoint(model, make(lr), rng, settings=settings)


def _columns(images):
    """How many columns the condition of a model of these images has."""
    if images.train_labels is not None:
        return 1 + int(max(images.train_labels.max(), images.test_labels.max()))
    if images.train_factors is not None:
        return images.train_factors.shape[1]
    raise ValueError(f"--conditional: expected data with labels or factors, got {images}")


def _or(value, default):
    """`value`, or the default where an option was not given: 0 and [] are values."""
    return default if value is None else value


def _likelihood(arguments, images):
    """The likelihood object, and how the pixels are binarized for it."""
    binary = images.max_count == 1 or arguments.binarize in ("threshold", "stochastic")
    counts = arguments.max_count is not None  # whoever says so means counts
    usual = {"digits": "binomial", "mnist": "bernoulli"}.get(
        images.name, "binomial" if counts else "gaussian"
    )
    text = arguments.likelihood or ("bernoulli" if binary else usual)
    name, colon, constant = text.partition(":")
    binarize = arguments.binarize
    if binarize is None:
        binarize = "stochastic" if name == "bernoulli" and not binary else "none"
    if name == "bernoulli" and not colon:
        return Bernoulli(), binarize
    if name == "bernoulli-grey" and not colon:
        return Bernoulli(grey=True), binarize
    if name == "binomial" and not colon:
        if images.max_count is None:
            raise ValueError(
                "--likelihood: expected one for real values, gaussian or laplace,"
                f" got binomial for {images}"
            )
        return Binomial(images.max_count), binarize
    if name in ("gaussian", "laplace"):
        cls = Gaussian if name == "gaussian" else Laplace
        if not colon:
            return cls(_spread(images, binarize), learned=True), binarize
        try:
            return cls(float(constant)), binarize
        except ValueError:
            pass
    raise ValueError(f"--likelihood: expected one of {LIKELIHOODS}, got {text!r}")


def _spread(images, binarize):
    """The variance of some pixels: where learning a scale may start."""
    rng = np.random.default_rng(0)
    x = prepare(images.train[:1000], images.max_count, np.float64, binarize, True, rng)
    variance = float(x.var())
    return variance if variance > 1e-12 else 1.0  # of equal pixels rounding leaves 1e-34


def colours(name):
    """Digits are printed as ink on paper, anybody's own images as on a screen."""
    return "gray_r" if name in ("digits", "mnist") else "gray"
