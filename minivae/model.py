"""One flat parameter vector for a whole model, and views of it for its layers."""

import copy

import numpy as np

from minivae.errors import as_float_array, check_finite, check_generator, check_instance
from minivae.layers import Layer, Sequential


class Model:
    """A model owns `theta` and `grad`; its parts own views into them.

    Then an optimizer is a few vector lines, a gradient check perturbs `theta[i]`, and
    saving is one array.

    Parameters
    ----------
    parts : dict of str to Layer
        The layers, stacks and likelihood that hold parameters, by name.
    rng : numpy.random.Generator
        Draws the first values of the parameters.
    dtype : numpy dtype
        float32 to train, float64 to check. Data and noise are converted to it.

    Attributes
    ----------
    theta, grad : ndarray, shape (P,)
        All parameters, and the gradient that the last `backward` wrote. Assigning to
        them copies the values into the same memory.
    layout : dict of str to (slice, shape)
        Where each parameter lies, by names such as "encoder.0.W".
    params, grads : dict of str to ndarray
        The views themselves, under the same names.
    """

    def __init__(self, parts, rng, dtype):
        check_instance("parts", parts, dict)
        for name, part in parts.items():
            check_instance(f"parts: {name}", part, Layer)
        check_generator("rng", rng)
        self.dtype = _precision(dtype)
        self.layout, size = {}, 0
        for part_name, part in parts.items():
            part.claim()
            for name, shape in part.shapes.items():
                end = size + int(np.prod(shape))
                self.layout[f"{part_name}.{name}"] = (slice(size, end), shape)
                size = end
        self.theta = np.zeros(size, dtype)
        self.grad = np.zeros(size, dtype)
        self._parts = parts
        self._bind()
        for part in parts.values():
            part.initialise(rng)

    def _bind(self):
        """Cut the views, and hand each part its own."""
        self.params, self.grads = self._views(self.theta), self._views(self.grad)
        for part_name, part in self._parts.items():
            part.bind(self.params, self.grads, f"{part_name}.")

    def _views(self, flat):
        places = self.layout.items()
        return {name: flat[where].reshape(shape) for name, (where, shape) in places}

    def __repr__(self):
        """The model at a glance: its parts, the shapes of their parameters, how many."""
        lines = [f"{type(self).__name__}: {self.theta.size:,} parameters, {self.dtype}"]
        for name, part in self._parts.items():
            layers = (isinstance(part, Sequential) and part.layers) or [part]
            for i, layer in enumerate(layers):
                shapes = ", ".join(f"{p} {shape}" for p, shape in layer.shapes.items())
                line = f"  {name if i == 0 else '':12} {layer!r:40} {shapes}"
                lines.append(line.rstrip())
        return "\n".join(lines)

    def astype(self, dtype):
        """A copy of the model in another precision, with the same weights.

        What was trained in float32 is checked in float64: `model.astype(np.float64)`.

        Examples
        --------
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> from minivae import VAE
        >>> model = VAE.mlp(4, 2, (3,), rng=rng)
        >>> x = np.array([[1, 0, 1, 0], [0, 1, 1, 1]], dtype=np.float32)
        >>> eps = rng.standard_normal((2, 2), dtype=np.float32)
        >>> double = model.astype(np.float64)
        >>> double.theta.dtype, bool(np.all(double.theta == model.theta))
        (dtype('float64'), True)
        """
        model = copy.deepcopy(self)
        model.dtype = _precision(dtype)
        model.__dict__["theta"] = self.theta.astype(dtype)
        model.__dict__["grad"] = self.grad.astype(dtype)
        model._bind()
        return model

    def __setattr__(self, name, value):
        # A new array under the old name would leave the layers with views of the old one.
        if name in ("theta", "grad") and name in self.__dict__:
            mine = self.__dict__[name]
            if value is not mine:  # as it is in `theta -= step`
                value = as_float_array(name, value, self.dtype, mine.shape)
            check_finite(name, value)
            mine[...] = value
        else:
            super().__setattr__(name, value)

    def __setstate__(self, state):
        # The arrays of a copy.deepcopy are separate copies until they are cut again, and
        # what the last loss kept for backward() belongs to the original.
        self.__dict__.update(state | {"_kept": None})
        self._bind()


def _precision(dtype):
    try:
        precision = np.dtype(dtype)
    except (TypeError, ValueError):
        precision = None
    if dtype is None or precision not in (np.float32, np.float64):
        raise TypeError(f"dtype: expected float32 or float64, got {dtype}")
    return precision
