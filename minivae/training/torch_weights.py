"""Weights out to PyTorch and back: the arrays of a `state_dict`, by PyTorch's names.

A torch module whose `encoder` and `decoder` are an `nn.Sequential` of the same layers in
the same order, and whose heads are `nn.Linear`, has the same parameters as our model:

    ours           PyTorch's            shape there
    encoder.1.W    encoder.1.weight     (n_out, n_in): the transpose of ours
    encoder.1.b    encoder.1.bias       (n_out,)
    mu_head.W      mu_head.weight       (K, H)
    likelihood.log_c                    (1,), in an nn.ParameterDict named likelihood

A position in the stack counts whether or not its layer holds parameters, in both. What
PyTorch lacks are `Scale` and `Condition`; `torch_source` writes them as small modules.

PyTorch keeps images as (B, channels, rows, columns). Before the first of several
convolutions there stands an `nn.Unflatten`, behind the last an `nn.Flatten`, and both
count as positions. Channels first is then also the order of the numbers that a Linear
takes from an image, or makes for one, and of the pixels in a row of x: the weights of
such a Linear are reordered on the way.

    encoder.0.W    encoder.1.weight     (channels out, in, kernel, kernel)
    decoder.2.W    decoder.3.weight     (channels in, out, kernel, kernel), transposed
"""

import math
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from minivae.condition import Condition
from minivae.conv import Conv2d, ConvTranspose2d
from minivae.errors import as_float_array, check_finite, check_shape
from minivae.layers import Linear, Scale, Sequential

CONVOLUTIONS = (Conv2d, ConvTranspose2d)
AXES = {1: (0,), 2: (1, 0), 4: (3, 2, 0, 1)}  # of our arrays, in PyTorch's order
TORCH_NAMES = {"W": "weight", "b": "bias"}
OURS = {
    "Scale": """\
class Scale(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, x):
        return self.factor * x
""",
    "Condition": """\
class Condition(nn.Module):
    labels = None  # (1, C) or (B, C): set it before each pass

    def forward(self, x):
        rows = len(x) // len(self.labels)
        return torch.cat([x, self.labels.repeat(rows, 1)], 1)
""",
}


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
    places = _places(model)
    return {p.name: p.view[p.index].transpose(p.axes).copy() for p in places}


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
    places = _places(model)
    names = [place.name for place in places]
    if arrays.keys() != set(names):
        raise ValueError(_other_names(names, list(arrays)))
    checked = []
    for name, view, _, axes in places:
        with np.errstate(over="ignore"):  # what overflows float32 is refused as infinite
            array = as_float_array(name, arrays[name], model.dtype)
        wanted = view.transpose(axes).shape
        if array.shape == view.shape != wanted:
            raise ValueError(
                f"{name}: expected shape {wanted}, (n_out, n_in) as PyTorch keeps"
                f" it, got {array.shape}, its transpose"
            )
        check_shape(name, array, wanted)
        check_finite(name, array)
        checked.append(array)
    for array, (_, view, index, axes) in zip(checked, places, strict=True):
        view[index] = array.transpose(np.argsort(axes))


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
        One class, `Model`, preceded by those of ours that it uses.
    """
    encoder, decoder, _, _ = _translated(model)
    heads = {head: _source(getattr(model, head)) for head in model.heads}
    parts = {"encoder": encoder, **heads, "decoder": decoder}
    for scale in model.likelihood.shapes:  # log_c or log_b, if it is learned
        parts["likelihood"] = f'nn.ParameterDict({{"{scale}": torch.zeros(1)}})'
    source = (
        "class Model(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
    )
    for name, call in parts.items():
        source += f"        self.{name} = {call}\n"
    used = [text for name, text in OURS.items() if f"{name}(" in source]
    return "\n".join([*used, source])


class _Place(NamedTuple):
    """Where a parameter goes: its name there, and the entries of ours in that order."""

    name: str
    view: np.ndarray
    index: object
    axes: tuple


def _places(model):
    """A `_Place` for each of the model's parameters."""
    _, _, names, images = _translated(model)
    places = []
    for ours, view in model.params.items():
        layer, _, last = ours.rpartition(".")
        index = ...
        if layer in images:
            ends = zip(model.params[f"{layer}.W"].shape, images[layer], strict=True)
            orders = [_order(n, shape) for n, shape in ends]
            index = np.ix_(*orders) if last == "W" else orders[1]
        name = f"{names.get(layer, layer)}.{TORCH_NAMES.get(last, last)}"
        places.append(_Place(name, view, index, AXES[view.ndim]))
    return places


def _order(n, shape):
    """Which of our n numbers come first to last in PyTorch, if they are an image."""
    order = np.arange(n)
    if shape is None:
        return order
    image, condition = np.split(order, [math.prod(shape)])
    return np.append(image.reshape(shape).transpose(2, 0, 1).ravel(), condition)


def _translated(model):
    """Both stacks as PyTorch has them.

    Returns
    -------
    encoder, decoder : str
        The calls that make them.
    names : dict of str to str
        The places of layers there by ours, such as "encoder.2" by "encoder.1".
    images : dict of str to (shape or None, shape or None)
        For the place of each Linear here, the shape of the image whose numbers enter it,
        and that of the image whose numbers leave.
    """
    encoder, decoder = (list(_with_parameters(s)) for s in (model.encoder, model.decoder))
    # The shape of the image in a row of x, where a convolution at either end tells it.
    x = getattr(encoder[0], "shape", None) if encoder else None
    y = getattr(decoder[-1], "out_shape", None)
    if x and y and y != x:
        raise ValueError(f"decoder: expected images of shape {x}, the encoder's, got {y}")
    if isinstance(decoder[0], CONVOLUTIONS):
        raise ValueError("decoder: expected a Linear before the first convolution")
    names, images = {}, {}
    encoder, code = _stack("encoder", model.encoder, x or y, None, names, images)
    decoder, _ = _stack("decoder", model.decoder, None, x or y, names, images)
    images |= {head: (code, None) for head in model.heads}
    return encoder, decoder, names, images


def _with_parameters(stack):
    for layer in stack.layers:
        if isinstance(layer, Sequential):
            yield from _with_parameters(layer)
        elif layer.shapes or isinstance(layer, Condition):
            yield layer


def _stack(part, stack, shape, last, names, images):
    """The call that makes a stack, and the shape of the image whose numbers leave it.

    `shape` is that of the image whose numbers enter, or None, `last` that of the one
    whose numbers leave; `names` and `images` are added to, see `_translated`.
    """
    following = dict(pairwise(_with_parameters(stack)))
    in_space = False  # rows and columns, not one row of numbers

    def calls(stack, ours, theirs):
        nonlocal shape, in_space
        modules = []
        for i, layer in enumerate(stack.layers):
            here = f"{ours}.{i}"
            if isinstance(layer, CONVOLUTIONS):
                if not in_space:
                    rows, columns, channels = layer.shape
                    modules.append(f"nn.Unflatten(1, ({channels}, {rows}, {columns}))")
                elif shape != layer.shape:
                    raise ValueError(
                        f"layers: expected a convolution of the shape before it, {shape},"
                        f" got {layer.shape}: PyTorch keeps other numbers together"
                    )
                in_space, shape = True, layer.out_shape
            elif in_space and isinstance(layer, (Linear, Condition)):
                modules.append("nn.Flatten()")
                in_space = False
            if isinstance(layer, Linear):
                after = following.get(layer)
                leaves = getattr(after, "shape", None) if after else last
                images[here], shape = (shape, leaves), leaves
            there = f"{theirs}.{len(modules)}"
            if isinstance(layer, Sequential):
                inner = calls(layer, here, there)
                modules.append(f"nn.Sequential({', '.join(inner)})")
            else:
                names[here] = there
                modules.append(_source(layer))
        return modules

    modules = calls(stack, part, part)
    modules += ["nn.Flatten()"] if in_space else []
    return f"nn.Sequential({', '.join(modules)})", shape


def _source(layer):
    """The call that makes the same layer in PyTorch."""
    if isinstance(layer, Linear):
        return f"nn.Linear({layer.n_in}, {layer.n_out})"
    if isinstance(layer, CONVOLUTIONS):
        settings = layer.kernel, layer.stride, layer.padding
        channels = layer.shape[2], layer.out_shape[2]
        return f"nn.{type(layer).__name__}{(*channels, *settings)}"
    if isinstance(layer, Scale):
        return f"Scale({layer.factor!r})"
    if isinstance(layer, Condition):
        return "Condition()"
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
        " name is the layer's place in its stack, with activations, Scale, nn.Unflatten"
        " and nn.Flatten counted"
    )
