"""From the command line's words to objects: data, likelihood, model, optimizer."""

import sys
from contextlib import suppress
from pathlib import Path

import numpy as np

from minivae.datasets import load_digits, load_faces, load_images, load_mnist
from minivae.datasets.images import prepare
from minivae.datasets.own import whole_numbers
from minivae.likelihoods import Bernoulli, Binomial, Gaussian, Laplace
from minivae.optim import SGD, Adam
from minivae.schedules import cosine_decay, linear_warmup
from minivae.training import checkpoints, specs
from minivae.training.evaluation import condition_of, scaling
from minivae.training.fitting import usual_epochs

MODELS = {name.lower(): kind for name, kind in specs.MODELS.items()}
LIKELIHOODS = "binomial, bernoulli, bernoulli-grey, gaussian[:c], laplace[:b]"
# What may be given beside --resume; the model file settles all other options.
FREE = "command run data data_dir shape max_count epochs patience resume out".split()


class Opened:
    """A model, and images as it takes them; refused where they do not go together.

    Attributes
    ----------
    model : VAE, IWAE or Autoencoder
    images : Images
    binarize : str
        As in `prepare`.
    scaled : bool
        Whether `prepare` divides counts by `max_count`; see `evaluation.scaling`.
    condition : ndarray or None
        That of the test images, for a model that has one.
    settings : dict
        Those of its training, as far as they are known.
    """

    def __init__(self, model, images, binarize="none", settings=None):
        self.model, self.images, self.binarize = model, images, binarize
        self.scaled = scaling(model, images, binarize)
        self.condition = condition_of(model, images, "test")
        self.settings = settings or {}

    @classmethod
    def from_file(cls, path, arguments):
        """The model of a file, with the images that it was trained on or --data names."""
        saved = checkpoints.load(path)
        images, settings = load_data(arguments, saved), saved.settings or {}
        return cls(saved.model, images, settings.get("binarize", "none"), settings)

    def floats(self, pixels, rng, dtype=None):
        """Stored pixels as the model takes them."""
        dtype = dtype or self.model.dtype
        how = self.binarize, self.scaled, rng
        return prepare(pixels, self.images.max_count, dtype, *how)

    def under(self, rows):
        """The model under the condition of some test images, if it has one."""
        if self.condition is None:
            return self.model
        return self.model.given(self.condition[rows])


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
    shipped = {
        "digits": load_digits,
        "faces": load_faces,
        "mnist": lambda: load_mnist(arguments.data_dir),
    }
    if name not in shipped:
        images = _load_own(arguments, name, trained_on)
    elif arguments.shape or arguments.max_count:
        raise ValueError(
            f"--shape, --max-count: expected only with data of your own, got --data {name}"
        )
    else:
        images = shipped[name]()
    for key in ("max_count", "shape", "offset", "scale"):
        if key in trained_on and getattr(images, key) != trained_on[key]:
            raise ValueError(
                f"--data: expected images like those the model was trained on, with"
                f" {key} {trained_on[key]}, got {images}"
            )
    return images


def _load_own(arguments, name, trained_on):
    """Images of one's own, in the units of the model if there is one; notes are printed."""
    if arguments.data is None:
        raise ValueError(
            f"--data: expected the file of {name!r}, the model's training data"
        )
    if not Path(name).exists():
        raise ValueError(
            f"--data: expected digits, faces, mnist, or a file or folder, got {name!r}"
        )
    max_count = arguments.max_count or trained_on.get("max_count")
    shape = arguments.shape or trained_on.get("shape")
    units = None  # (offset, scale) of real values
    if trained_on:
        units = trained_on.get("offset", 0.0), trained_on.get("scale", 1.0)
    images = load_images(name, max_count, shape, units)
    if M := whole_numbers(images):
        print(
            f"{images.name}: all values are whole numbers stored as floats; --max-count {M}"
            f" takes them as counts 0..{M}",
            file=sys.stderr,
        )
    if (images.offset, images.scale) != (0, 1):
        print(
            f"{images.name}: real values, standardised as (x - {images.offset:g}) /"
            f" {images.scale:g}; all nats are those of the x that came",
            file=sys.stderr,
        )
    return images


def resumed(arguments):
    """The checkpoint that --resume names; options that it settles are refused."""
    for name, value in vars(arguments).items():
        if value is not None and name not in FREE:
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
    rng = np.random.default_rng(arguments.seed or 0)
    kind = arguments.model or "vae"
    K, activation = arguments.latent or 16, arguments.activation or "tanh"
    rest = {"condition": _columns(images) if arguments.conditional else 0, "rng": rng}
    if arguments.conv is None:
        hidden = [256] if arguments.hidden is None else arguments.hidden
        D = images.train.shape[1]
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
        epochs = arguments.epochs or usual_epochs(images, batch_size)
        lr = cosine_decay(lr, steps * epochs)
    beta = 1.0 if arguments.beta is None else arguments.beta
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


def _likelihood(arguments, images):
    """The likelihood object, and how the pixels are binarized for it."""
    binary = images.max_count == 1 or arguments.binarize in ("threshold", "stochastic")
    counts = images.name == "digits" or arguments.max_count is not None
    usual = "binomial" if counts else "gaussian"  # whoever gives a --max-count means counts
    if binary or images.name == "mnist":
        usual = "bernoulli"
    text = arguments.likelihood or usual
    name, colon, constant = text.partition(":")
    binarize = arguments.binarize
    if binarize is None:
        binarize = "stochastic" if name == "bernoulli" and not binary else "none"
    if name == "binomial" and images.max_count is None:
        raise ValueError(
            "--likelihood: expected one for real values, gaussian or laplace,"
            f" got binomial for {images}"
        )
    scaled = {"gaussian": Gaussian, "laplace": Laplace}
    if text == "binomial":
        return Binomial(images.max_count), binarize
    if text in ("bernoulli", "bernoulli-grey"):
        return Bernoulli(grey=text == "bernoulli-grey"), binarize
    if text in scaled:
        return scaled[text](_spread(images, binarize), learned=True), binarize
    if name in scaled and colon:
        with suppress(ValueError):
            return scaled[name](float(constant)), binarize
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
