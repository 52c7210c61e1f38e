"""Objects as data that JSON can hold, and back: models, optimizers, schedules, generators.

A spec is a dict of a class's name and its constructor's arguments. Only the classes named
here are ever built, so reading a spec runs no code but this package's own.
"""

import math

import numpy as np

from minivae import schedules
from minivae.autoencoder import Autoencoder
from minivae.condition import Condition
from minivae.conv import Conv2d, ConvTranspose2d
from minivae.errors import check_choice, check_finite, check_whole
from minivae.iwae import IWAE
from minivae.layers import Linear, ReLU, Scale, Sequential, Sigmoid, Softplus, Tanh
from minivae.likelihoods import Bernoulli, Binomial, Gaussian, Laplace
from minivae.optim import SGD, Adam
from minivae.vae import VAE


def _by_name(*classes):
    return {cls.__name__: cls for cls in classes}


MODELS, OPTIMIZERS = _by_name(VAE, IWAE, Autoencoder), _by_name(SGD, Adam)
PARTS = {
    **_by_name(Linear, Conv2d, ConvTranspose2d, Condition, Scale, Sequential),
    **_by_name(Tanh, Sigmoid, ReLU, Softplus, Binomial, Bernoulli, Gaussian, Laplace),
}
MODEL_PARTS = ("encoder", "decoder", "likelihood")
SCHEDULES = ("linear_warmup", "cosine_decay", "piecewise_constant")
GENERATORS = ("PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64")


def describe_model(model):
    """The spec of a model, without its weights.

    Raises
    ------
    TypeError
        If a part is of a class that this package does not have.
    """
    spec = {"class": _name("model", model, MODELS), "dtype": model.dtype.name}
    return spec | {part: _describe(getattr(model, part)) for part in MODEL_PARTS}


def build_model(spec, theta):
    """The model of a spec with the weights `theta`; ValueError where they do not fit."""
    cls, dtype = MODELS[spec["class"]], np.dtype(spec["dtype"])
    parts = [_build(spec[name]) for name in MODEL_PARTS]
    encoder, decoder, _ = parts
    # Count before building: a file's claim of a huge layer must not cost its memory.
    head = ((encoder.n_out or decoder.n_out) + 1) * decoder.n_in
    shapes = [shape for part in parts for shape in part.shapes.values()]
    size = sum(math.prod(shape) for shape in shapes) + len(cls.heads) * head
    if theta.shape != (size,) or theta.dtype != dtype:
        raise ValueError(
            f"theta: expected {size} values of {dtype}, got {theta.dtype} {theta.shape}"
        )
    check_finite("theta", theta)
    model = cls(*parts, np.random.default_rng(0), dtype)
    model.theta[...] = theta
    return model


def _describe(part):
    """The spec of a layer, a stack or a likelihood."""
    name = _name("layer", part, PARTS)
    if name == "Sequential":
        return {"class": name, "layers": [_describe(p) for p in part.layers]}
    return {"class": name, **part.config}


def _build(spec):
    spec = dict(spec)
    cls = PARTS[spec.pop("class")]
    if cls is Sequential:
        return cls(*(_build(s) for s in spec["layers"]))
    return cls(**spec)


def _name(what, thing, known):
    """The name of a thing's class, which must be a known one and not a subclass of it."""
    name = type(thing).__name__
    if type(thing) is not known.get(name):
        raise TypeError(
            f"{what}: expected one that can be built again from the file,"
            f" {', '.join(known)}; got {type(thing).__module__}.{type(thing).__qualname__}."
            " Keep a model with parts of your own as its theta: np.save(path, model.theta),"
            " and model.theta = np.load(path) into one that you have built again"
        )
    return name


def describe_optimizer(optimizer):
    """The spec of an optimizer with its step count, and its vectors by name."""
    spec, vectors = {"class": _name("optimizer", optimizer, OPTIMIZERS)}, optimizer.state()
    spec |= {"t": vectors.pop("t"), "lr": describe_schedule(optimizer.lr)}
    return spec | {key: getattr(optimizer, key) for key in optimizer.settings}, vectors


def build_optimizer(spec, vectors, theta):
    """The optimizer of a spec, whose vectors must be like `theta`."""
    spec = dict(spec)
    cls = OPTIMIZERS[spec.pop("class")]
    state = {"t": check_whole("t", spec.pop("t"), minimum=0)}
    optimizer = cls(build_schedule("lr", spec.pop("lr")), **spec)
    for name in cls.memory if state["t"] else ():
        vector = state[name] = vectors[f"optimizer.{name}"]
        if vector.shape != theta.shape or vector.dtype != theta.dtype:
            raise ValueError(f"optimizer.{name}: expected the shape and dtype of theta")
        check_finite(f"optimizer.{name}", vector)
    optimizer.load_state(state)
    return optimizer


def describe_schedule(value):
    """A setting as data: itself, the call that made a schedule, or None for a function."""
    return {"schedule": getattr(value, "spec", None)} if callable(value) else value


def build_schedule(name, value):
    """A setting from data; of a function that was lost, one that says so when called."""
    if not isinstance(value, dict):
        return value
    if value["schedule"] is not None:
        maker, *arguments = value["schedule"]
        check_choice(name, maker, SCHEDULES)
        return getattr(schedules, maker)(*arguments)

    def lost(step):
        raise ValueError(
            f"{name}: expected the schedule of the first training to be passed again: it"
            " was a function of its own, and a function is not saved"
        )

    return lost


def build_generator(state):
    """A generator in the state that `rng.bit_generator.state` was."""
    check_choice("rng", state["bit_generator"], GENERATORS)
    bits = getattr(np.random, state["bit_generator"])(0)
    bits.state = state
    return np.random.Generator(bits)
