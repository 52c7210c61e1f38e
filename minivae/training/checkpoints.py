"""A model, and all that training needs to go on, in one `.npz` file without pickle.

The file holds arrays and one JSON text, "minivae": which classes with which arguments
rebuild the model, the optimizer's settings, the state of the random generator. Loading
runs no code from the file, and training that goes on from it ends with the same bits as
training that never stopped.
"""

import json
import math
from dataclasses import dataclass

import numpy as np

from minivae import condition, conv, layers, likelihoods, schedules
from minivae.atomic import replacing
from minivae.autoencoder import Autoencoder
from minivae.datasets.files import npz_names, read_npz
from minivae.datasets.images import BINARIZE
from minivae.errors import (
    check_choice,
    check_finite,
    check_generator,
    check_number,
    check_whole,
)
from minivae.iwae import IWAE
from minivae.optim import SGD, Adam
from minivae.training.history import COLUMNS, History
from minivae.vae import VAE

FORMAT = 2
MODELS = {cls.__name__: cls for cls in (VAE, IWAE, Autoencoder)}
PARTS = {
    cls.__name__: cls
    for cls in (
        layers.Linear,
        layers.Tanh,
        layers.Sigmoid,
        layers.ReLU,
        layers.Softplus,
        layers.Scale,
        condition.Condition,
        layers.Sequential,
        conv.Conv2d,
        conv.ConvTranspose2d,
        likelihoods.Binomial,
        likelihoods.Bernoulli,
        likelihoods.Gaussian,
        likelihoods.Laplace,
    )
}
OPTIMIZERS = {cls.__name__: cls for cls in (SGD, Adam)}
SCHEDULES = ("linear_warmup", "cosine_decay", "piecewise_constant")
ARRAYS = {"minivae", "theta", "history", "optimizer.m", "optimizer.v"}
DATA = {"name", "max_count", "shape"}
GENERATORS = ("PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64")


@dataclass(eq=False)
class Checkpoint:
    """What a file holds; all but the model is None where it was not saved.

    Attributes
    ----------
    model : VAE, IWAE or Autoencoder
    optimizer : SGD or Adam
    rng : numpy.random.Generator
    history : History
    settings : dict
        Arguments of `fit` by name: batch_size, binarize, beta, free_bits, samples.
    data : dict
        "name", "max_count" and "shape" of the `Images` it was trained on, and their
        "offset" and "scale" if they were standardised, with the "limits" of what is kept,
        the values that pictures show as black and white.
    """

    model: object
    optimizer: object = None
    rng: object = None
    history: object = None
    settings: dict | None = None
    data: dict | None = None


def save(path, model, optimizer=None, rng=None, history=None, settings=None, data=None):
    """Write a model, and what you pass of the state of its training, to `path`.

    The file appears whole or not at all: a crash leaves the one that was there before.

    Parameters
    ----------
    path : path-like
        Taken as it is; `.npz` is the usual ending.
    model : VAE, IWAE or Autoencoder
        Of layers and a likelihood of this package.
    optimizer, rng, history, settings, data
        See `Checkpoint`. Schedules made by `minivae.schedules` are saved by name and
        arguments. A function of your own is not data: it is to be passed again, and the
        loaded one says so when it is called.

    Raises
    ------
    TypeError
        If a part is of a class that this package does not have, and so cannot rebuild.
    ValueError
        If theta holds a NaN or an infinity, or anything else that `load` would refuse.
    OSError
        If the folder is missing or cannot be written to.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> import pathlib, tempfile
    >>> from minivae import VAE, load, save
    >>> model = VAE.mlp(4, 2, (3,), rng=rng)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "model.npz")
    ...     save(path, model)
    ...     again = load(path).model
    >>> bool(np.all(again.theta == model.theta))
    True
    """
    arrays = pack(model, optimizer, rng, history, settings, data)
    with replacing(path) as file:
        np.savez(file, **arrays)


def load(path):
    """Read what `save` wrote.

    Returns
    -------
    Checkpoint
        Training goes on with `fit(saved.model, images, saved.optimizer, rng=saved.rng,
        history=saved.history, epochs=..., **saved.settings)`.

    Raises
    ------
    ValueError
        If the file is cut short, damaged, of another version, or no model at all; the
        message begins with its name.
    OSError
        If it is missing or cannot be opened.
    """
    arrays = read_npz(path, ARRAYS)
    if "minivae" not in arrays:
        names = ", ".join(npz_names(path)) or "nothing"
        raise ValueError(
            f"{path}: expected a model saved by minivae, got a file that holds {names}"
        )
    # Sound arrays may still come from another program: anything can be missing in them.
    try:
        return _unpack(arrays)
    except Exception as error:
        reason = _reason(error)
        raise ValueError(f"{path}: not a sound minivae model file: {reason}") from error


def _reason(error):
    return f"{type(error).__name__}: {error}" if str(error) else repr(error)


def pack(model, optimizer=None, rng=None, history=None, settings=None, data=None):
    """The arrays that `save` writes, by name; see there."""
    check_finite("theta", model.theta)
    header = {"format": FORMAT, "model": _describe_model(model)}
    arrays = {"theta": model.theta}
    if optimizer is not None:
        header["optimizer"], vectors = _describe_optimizer(optimizer)
        arrays |= {f"optimizer.{name}": vector for name, vector in vectors.items()}
    if rng is not None:
        check_generator("rng", rng)
        header["rng"] = rng.bit_generator.state
    if history is not None:
        header["columns"] = COLUMNS
        arrays["history"] = np.array(history.rows, np.float64).reshape(-1, len(COLUMNS))
    if settings is not None:
        header["settings"] = {k: _describe_schedule(v) for k, v in settings.items()}
    if data is not None:
        header["data"] = data
    text = json.dumps(header, default=_plain)
    arrays["minivae"] = np.array(text)
    try:
        _unpack(arrays)  # better now than when the work is needed again
    except Exception as error:
        raise ValueError(f"expected what load would take, got {_reason(error)}") from error
    return arrays


def _unpack(arrays):
    header = json.loads(str(arrays["minivae"]), object_hook=_revive)
    if header["format"] != FORMAT:
        raise ValueError(
            f"expected format {FORMAT}, got {header['format']!r}: the file was written by"
            " another version of minivae"
        )
    saved = Checkpoint(_build_model(header["model"], arrays["theta"]))
    if "optimizer" in header:
        saved.optimizer = _build_optimizer(header["optimizer"], arrays, saved.model)
    if "rng" in header:
        saved.rng = _build_generator(header["rng"])
    if "columns" in header:
        if tuple(header["columns"]) != COLUMNS:
            raise ValueError(f"history: expected columns {COLUMNS}")
        saved.history = History(arrays["history"])
    if "settings" in header:
        settings = header["settings"]
        saved.settings = {k: _build_schedule(k, v) for k, v in settings.items()}
        _check_settings(saved.settings)
    if "data" in header:
        saved.data = header["data"] | {"shape": tuple(header["data"]["shape"])}
        _check_data(saved.data, saved.model.D)
    return saved


def _check_settings(settings):
    for name, value in settings.items():
        if name in ("batch_size", "samples"):
            check_whole(name, value, minimum=1)
        elif name == "binarize":
            check_choice(name, value, BINARIZE)
        elif name not in ("beta", "free_bits"):
            raise ValueError(f"settings: expected arguments of fit, got {name!r}")
        elif not callable(value):
            check_number(name, value, minimum=0)


def _check_data(data, D):
    if not DATA <= data.keys() <= DATA | {"offset", "scale", "limits"}:
        raise ValueError(f"data: expected {sorted(DATA)}, got {sorted(data)}")
    if not isinstance(data["name"], str) or not data["name"]:
        raise TypeError(f"data: expected a name, got {data['name']!r}")
    if data["max_count"] is not None:
        check_whole("max_count", data["max_count"], minimum=1)
    shape = tuple(check_whole("shape", side, minimum=1) for side in data["shape"])
    if len(shape) != 2 or math.prod(shape) != D:
        raise ValueError(f"shape: expected (rows, columns) of {D} pixels, got {shape}")
    check_number("offset", data.get("offset", 0.0))
    check_number("scale", data.get("scale", 1.0), minimum=0, exclusive=True)
    for limit in data.get("limits", ()):
        check_number("limits", limit)


def _describe_model(model):
    if type(model) is not MODELS.get(type(model).__name__):
        raise TypeError(_unknown("model", model, MODELS))
    return {
        "class": type(model).__name__,
        "dtype": model.dtype.name,
        "encoder": _describe(model.encoder),
        "decoder": _describe(model.decoder),
        "likelihood": _describe(model.likelihood),
    }


def _build_model(spec, theta):
    cls, dtype = MODELS[spec["class"]], np.dtype(spec["dtype"])
    parts = [_build(spec[name]) for name in ("encoder", "decoder", "likelihood")]
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
    """A layer or likelihood as its class's name and its constructor's arguments."""
    if type(part) is not PARTS.get(type(part).__name__):
        raise TypeError(_unknown("layer", part, PARTS))
    if isinstance(part, layers.Sequential):
        return {"class": "Sequential", "layers": [_describe(p) for p in part.layers]}
    return {"class": type(part).__name__, **part.config}


def _build(spec):
    spec = dict(spec)
    cls = PARTS[spec.pop("class")]
    if cls is layers.Sequential:
        return cls(*(_build(s) for s in spec["layers"]))
    return cls(**spec)


def _unknown(what, thing, known):
    return (
        f"{what}: expected one that can be built again from the file, {', '.join(known)};"
        f" got {type(thing).__module__}.{type(thing).__qualname__}. Keep a model with"
        " parts of your own as its theta: np.save(path, model.theta), and"
        " model.theta = np.load(path) into one that you have built again"
    )


def _describe_optimizer(optimizer):
    name = type(optimizer).__name__
    if type(optimizer) is not OPTIMIZERS.get(name):
        raise TypeError(_unknown("optimizer", optimizer, OPTIMIZERS))
    vectors = optimizer.state()
    spec = {"class": name, "t": vectors.pop("t"), "lr": _describe_schedule(optimizer.lr)}
    return spec | {key: getattr(optimizer, key) for key in optimizer.settings}, vectors


def _build_optimizer(spec, arrays, model):
    spec = dict(spec)
    cls = OPTIMIZERS[spec.pop("class")]
    state = {"t": check_whole("t", spec.pop("t"), minimum=0)}
    optimizer = cls(_build_schedule("lr", spec.pop("lr")), **spec)
    for name in cls.memory if state["t"] else ():
        vector = state[name] = arrays[f"optimizer.{name}"]
        if vector.shape != model.theta.shape or vector.dtype != model.dtype:
            raise ValueError(f"optimizer.{name}: expected the shape and dtype of theta")
        check_finite(f"optimizer.{name}", vector)
    optimizer.load_state(state)
    return optimizer


def _describe_schedule(value):
    """A setting as data: itself, the call that made a schedule, or None for a function."""
    return {"schedule": getattr(value, "spec", None)} if callable(value) else value


def _build_schedule(name, value):
    if not isinstance(value, dict):
        return value
    if value["schedule"] is not None:
        maker, *arguments = value["schedule"]
        if maker not in SCHEDULES:
            raise ValueError(f"{name}: expected one of {SCHEDULES}, got {maker!r}")
        return getattr(schedules, maker)(*arguments)

    def lost(step):
        raise ValueError(
            f"{name}: expected the schedule of the first training to be passed again: it"
            " was a function of its own, and a function is not saved"
        )

    return lost


def _build_generator(state):
    name = state["bit_generator"]
    if name not in GENERATORS:
        raise ValueError(f"rng: expected one of {GENERATORS}, got {name!r}")
    bits = getattr(np.random, name)(0)
    bits.state = state
    return np.random.Generator(bits)


def _plain(value):
    """What JSON does not know: NumPy's scalars and the arrays in a generator's state."""
    if isinstance(value, np.ndarray):
        return {"array": value.tolist(), "dtype": value.dtype.name}
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"expected numbers, text, lists and dicts, got {value!r}")


def _revive(value):
    if value.keys() == {"array", "dtype"}:
        return np.array(value["array"], value["dtype"])
    return value
