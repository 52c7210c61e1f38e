"""minivae: a variational autoencoder in NumPy, every gradient by hand.

The heart, in reading order:

- `vae`: the loss, and its whole gradient on one screen: the file to open first
- `layers`, `gaussian`, `likelihoods`: what the loss is made of, each with its gradient
- `model`: one flat vector of parameters; `encoder_decoder`: what autoencoders share
- `optim`, `schedules`: SGD and Adam
- `iwae`, `autoencoder`: the importance-weighted bound, and no bound at all
- `numerics`, `errors`: stable functions; checks at the door

Around it are rooms: `datasets`, `training`, `inference`, `plots`, `gradcheck`, `ladder`,
`zoo`, `grading`, `cli`. What is used most is found here, too: `minivae.fit`,
`minivae.load_digits`, `minivae.plots.samples`.
"""

import importlib

from minivae.autoencoder import Autoencoder
from minivae.condition import Condition
from minivae.conv import Conv2d, ConvTranspose2d
from minivae.iwae import IWAE
from minivae.layers import Linear, ReLU, Scale, Sequential, Sigmoid, Softplus, Tanh
from minivae.likelihoods import Bernoulli, Binomial, Gaussian, Laplace
from minivae.optim import SGD, Adam
from minivae.vae import VAE

__version__ = "0.1.0"

# Rooms, and names from rooms, that are imported when they are first used: reading files
# and training cost more to import than the heart.
_ROOMS = ("datasets", "gradcheck", "inference", "ladder", "plots", "training", "zoo")
_LATER = {
    "History": "training",
    "Images": "datasets",
    "check_gradient": "gradcheck",
    "check_model": "gradcheck",
    "evaluate": "training",
    "fit": "training",
    "load": "training",
    "load_digits": "datasets",
    "load_images": "datasets",
    "load_mnist": "datasets",
    "patience": "training",
    "save": "training",
}

__all__ = [
    "IWAE",
    "SGD",
    "VAE",
    "Adam",
    "Autoencoder",
    "Bernoulli",
    "Binomial",
    "Condition",
    "Conv2d",
    "ConvTranspose2d",
    "Gaussian",
    "Laplace",
    "Linear",
    "ReLU",
    "Scale",
    "Sequential",
    "Sigmoid",
    "Softplus",
    "Tanh",
    *_LATER,
]


def __getattr__(name):
    if name in _ROOMS:
        return importlib.import_module(f"minivae.{name}")
    if name in _LATER:
        return getattr(importlib.import_module(f"minivae.{_LATER[name]}"), name)
    raise AttributeError(f"module 'minivae' has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *__all__, *_ROOMS})
