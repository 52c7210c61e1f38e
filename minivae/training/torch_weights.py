"""Weights out to PyTorch and back: the arrays of a `state_dict`, by PyTorch's names.

A torch module whose `encoder` and `decoder` are an `nn.Sequential` of the same layers in
the same order, and whose heads are `nn.Linear`, has the same parameters as our model:

    ours           PyTorch's            shape there
    encoder.1.W    encoder.1.weight     (n_out, n_in): the transpose of ours
    encoder.1.b    encoder.1.bias       (n_out,)
    mu_head.W      mu_head.weight       (K, H)
    likelihood.log_c                    (1,), in an nn.ParameterDict named likelihood

A position in the stack counts whether or not its layer holds parameters, in both. What
PyTorch lacks is `Scale`; `torch_source` writes it as a module of six lines.
"""

import numpy as np

from minivae.errors import as_float_array, check_finite, check_shape
from minivae.layers import Linear, Scale, Sequential

TORCH_NAMES = {"W": "weight", "b": "bias"}
SCALE = """\
class Scale(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, x):
        return self.factor * x
"""


def state_dict(model):
    """The model's parameters by the names and in the shapes of PyTorch.

    Parameters
    ----------
    model : VAE, IWAE or Autoencoder

    Returns
    -------
    dict of str to ndarray
        Copies, in the model's precision, C-contiguous as `torch.from_numpy` likes them.

    Raises
    ------
    ValueError
        If theta holds a NaN or an infinity.
    """
    check_finite("theta", model.theta)
    return {_torch_name(name): view.T.copy() for name, view in model.params.items()}


def load_state_dict(model, arrays):
    """Set the model's parameters to those of a torch module of the same architecture.

    All arrays are checked before the first is copied: after an error the model is the
    one it was.

    Parameters
    ----------
    model : VAE, IWAE or Autoencoder
    arrays : dict of str to ndarray
        `{name: value.numpy() for name, value in module.state_dict().items()}`. Any
        floating dtype is converted to the model's, as everywhere at the door.

    Raises
    ------
    ValueError
        If a name is missing or unknown, a shape is not that of the model, or a value is
        not finite in the model's precision.
    TypeError
        If an array is not one of real floating-point numbers.
    """
    wanted = {_torch_name(name): view for name, view in model.params.items()}
    if arrays.keys() != wanted.keys():
        raise ValueError(_other_names(list(wanted), list(arrays)))
    checked = {}
    for name, view in wanted.items():
        with np.errstate(over="ignore"):  # what overflows float32 is refused as infinite
            array = as_float_array(name, arrays[name], model.dtype)
        if array.shape == view.shape != view.T.shape:
            raise ValueError(
                f"{name}: expected shape {view.T.shape}, (n_out, n_in) as PyTorch keeps"
                f" it, got {array.shape}, its transpose"
            )
        check_shape(name, array, view.T.shape)
        check_finite(name, array)
        checked[name] = array
    for name, view in wanted.items():
        view[...] = checked[name].T


def torch_source(model):
    """Python source of a torch module that takes `state_dict(model)`.

    It has the layers and no `forward`: what to compute with them is the reader's.

    Parameters
    ----------
    model : VAE, IWAE or Autoencoder
        Of layers of this package.

    Returns
    -------
    str
        One class, `Model`, preceded by `Scale` if the model has one.
    """
    parts = {
        name: _source(getattr(model, name)) for name in ("encoder", *model.heads, "decoder")
    }
    for scale in model.likelihood.shapes:  # log_c or log_b, if it is learned
        parts["likelihood"] = f'nn.ParameterDict({{"{scale}": torch.zeros(1)}})'
    source = (
        "class Model(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
    )
    for name, call in parts.items():
        source += f"        self.{name} = {call}\n"
    return f"{SCALE}\n{source}" if "Scale(" in source else source


def _torch_name(name):
    """PyTorch's name for our "encoder.1.W"; a learned scale keeps its own."""
    place, _, last = name.rpartition(".")
    return f"{place}.{TORCH_NAMES.get(last, last)}"


def _source(layer):
    """The call that makes the same layer in PyTorch."""
    if isinstance(layer, Sequential):
        return f"nn.Sequential({', '.join(_source(inner) for inner in layer.layers)})"
    if isinstance(layer, Linear):
        return f"nn.Linear({layer.n_in}, {layer.n_out})"
    if isinstance(layer, Scale):
        return f"Scale({layer.factor!r})"
    return f"nn.{type(layer).__name__}()"


def _other_names(wanted, came):
    """What to say when the names are not those of the model."""
    for name in came:
        prefix = name.removesuffix(wanted[0])
        if sorted(came) == sorted(prefix + want for want in wanted):
            return (
                f"arrays: expected names such as {wanted[0]!r}, got all of them behind"
                f" {prefix!r}: a wrapper of PyTorch put it there (torch.compile:"
                " _orig_mod, DistributedDataParallel: module); take the state_dict of"
                f" the module inside, wrapper.{prefix}state_dict()"
            )
    missing = ", ".join(name for name in wanted if name not in came) or "none"
    extra = ", ".join(name for name in came if name not in wanted) or "none"
    return (
        f"arrays: expected the {len(wanted)} names of this model's parameters, got"
        f" {len(came)}; missing: {missing}; not in the model: {extra}. The number in a"
        " name is the layer's place in its stack, activations and Scale counted"
    )
