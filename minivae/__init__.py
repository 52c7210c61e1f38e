"""minivae: a variational autoencoder in NumPy, every gradient by hand.

The file to open first is `minivae/vae.py`: the loss, and its whole gradient on one screen.
"""

from minivae.autoencoder import Autoencoder
from minivae.iwae import IWAE
from minivae.layers import Linear, ReLU, Scale, Sequential, Sigmoid, Softplus, Tanh
from minivae.likelihoods import Bernoulli, Binomial, Gaussian, Laplace
from minivae.optim import SGD, Adam
from minivae.vae import VAE

__version__ = "0.1.0"

__all__ = [
    "IWAE",
    "SGD",
    "VAE",
    "Adam",
    "Autoencoder",
    "Bernoulli",
    "Binomial",
    "Gaussian",
    "Laplace",
    "Linear",
    "ReLU",
    "Scale",
    "Sequential",
    "Sigmoid",
    "Softplus",
    "Tanh",
]
