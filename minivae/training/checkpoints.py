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

from minivae import errors
from minivae.atomic import replacing
from minivae.datasets.files import npz_names, read_npz
from minivae.datasets.images import BINARIZE
from minivae.training import specs
from minivae.training.history import COLUMNS, History

FORMAT = 2
ARRAYS = {"minivae", "theta", "history", "optimizer.m", "optimizer.v"}
DATA = {"name", "max_count", "shape"}


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
    return _unpack(arrays, f"{path}: not a sound minivae model file:")


def pack(model, optimizer=None, rng=None, history=None, settings=None, data=None):
    """The arrays that `save` writes, by name; see there."""
    errors.check_finite("theta", model.theta)
    header = {"format": FORMAT, "model": specs.describe_model(model)}
    arrays = {"theta": model.theta}
    if optimizer is not None:
        header["optimizer"], vectors = specs.describe_optimizer(optimizer)
        arrays |= {f"optimizer.{name}": vector for name, vector in vectors.items()}
    if rng is not None:
        errors.check_generator("rng", rng)
        header["rng"] = rng.bit_generator.state
    if history is not None:
        header["columns"] = COLUMNS
        arrays["history"] = np.array(history.rows, np.float64).reshape(-1, len(COLUMNS))
    if settings is not None:
        header["settings"] = {k: specs.describe_schedule(v) for k, v in settings.items()}
    if data is not None:
        header["data"] = data
    arrays["minivae"] = np.array(json.dumps(header, default=_plain))
    # Better refused now than when it is needed.
    _unpack(arrays, "expected what load would take, got")
    return arrays


def _unpack(arrays, complaint):
    """The `Checkpoint` of some arrays, in which anything may be missing or wrong."""
    try:
        return _checkpoint(arrays)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}" if str(error) else repr(error)
        raise ValueError(f"{complaint} {reason}") from error


def _checkpoint(arrays):
    header = json.loads(str(arrays["minivae"]), object_hook=_revive)
    if header["format"] != FORMAT:
        raise ValueError(
            f"expected format {FORMAT}, got {header['format']!r}: the file was written by"
            " another version of minivae"
        )
    theta = arrays["theta"]
    saved = Checkpoint(specs.build_model(header["model"], theta))
    if "optimizer" in header:
        saved.optimizer = specs.build_optimizer(header["optimizer"], arrays, theta)
    if "rng" in header:
        saved.rng = specs.build_generator(header["rng"])
    if "columns" in header:
        if tuple(header["columns"]) != COLUMNS:
            raise ValueError(f"history: expected columns {COLUMNS}")
        saved.history = History(arrays["history"])
    if "settings" in header:
        settings = header["settings"]
        saved.settings = {k: specs.build_schedule(k, v) for k, v in settings.items()}
        _check_settings(saved.settings)
    if "data" in header:
        saved.data = header["data"] | {"shape": tuple(header["data"]["shape"])}
        _check_data(saved.data, saved.model.D)
    return saved


def _check_settings(settings):
    for name, value in settings.items():
        if name in ("batch_size", "samples"):
            errors.check_whole(name, value, minimum=1)
        elif name == "binarize":
            errors.check_choice(name, value, BINARIZE)
        elif name not in ("beta", "free_bits"):
            raise ValueError(f"settings: expected arguments of fit, got {name!r}")
        elif not callable(value):
            errors.check_number(name, value, minimum=0)


def _check_data(data, D):
    if not DATA <= data.keys() <= DATA | {"offset", "scale", "limits"}:
        raise ValueError(f"data: expected {sorted(DATA)}, got {sorted(data)}")
    if not isinstance(data["name"], str) or not data["name"]:
        raise TypeError(f"data: expected a name, got {data['name']!r}")
    if data["max_count"] is not None:
        errors.check_whole("max_count", data["max_count"], minimum=1)
    shape = tuple(errors.check_whole("shape", side, minimum=1) for side in data["shape"])
    if len(shape) != 2 or math.prod(shape) != D:
        raise ValueError(f"shape: expected (rows, columns) of {D} pixels, got {shape}")
    errors.check_number("offset", data.get("offset", 0.0))
    errors.check_number("scale", data.get("scale", 1.0), minimum=0, exclusive=True)
    for limit in data.get("limits", ()):
        errors.check_number("limits", limit)


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
