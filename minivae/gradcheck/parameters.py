"""Parameters as one flat vector with named blocks, in whatever form they came."""

import numpy as np

from minivae.errors import as_float_array


class Parameters:
    """theta as one flat float64 vector, and the way back to its own form.

    Parameters
    ----------
    theta : ndarray, or dict or list of them, nested or not
        float32 is widened to float64: the check needs the precision, and a function that
        can use it will.
    layout : dict of str to (slice, shape), optional
        Names for the blocks of a flat theta, as the `layout` of our models.

    Attributes
    ----------
    flat : ndarray, shape (P,)
    layout : dict of str to (slice, shape)
        Names of nested parameters are joined by dots: "encoder.0.W".

    Raises
    ------
    TypeError, ValueError
        If theta holds anything but finite real floats.
    """

    def __init__(self, theta, layout=None):
        self.theta = theta
        arrays = {}
        for name, value in leaves(theta):
            value = as_array(name, value)
            array = as_float_array(name, value, np.float64, finite=True)
            if name in arrays:
                raise ValueError(f"theta: expected different names, got two {name!r}")
            arrays[name] = array
        if not arrays:
            raise ValueError("theta: expected parameters, got none")
        self.flat = np.concatenate([array.ravel() for array in arrays.values()])
        self._pieces, end = {}, 0
        for name, array in arrays.items():
            self._pieces[name] = (slice(end, end + array.size), array.shape)
            end += array.size
        self.layout = self._pieces if layout is None else layout

    def form(self, flat):
        """The values of `flat`, shape (P,), in the form that theta came in."""
        arrays = iter([flat[piece].reshape(s) for piece, s in self._pieces.values()])

        def rebuilt(value):
            if isinstance(value, dict):
                return {key: rebuilt(v) for key, v in value.items()}
            if isinstance(value, (list, tuple)):
                return getattr(value, "_make", type(value))([rebuilt(v) for v in value])
            return next(arrays)

        return rebuilt(self.theta)

    def gradient(self, grad):
        """A claimed gradient as a flat vector, and the blocks that do not fit.

        Parameters
        ----------
        grad : as theta
            Of the same form and names.

        Returns
        -------
        flat : ndarray, shape (P,)
            NaN in the blocks whose shape is wrong.
        misshapen : dict of str to ndarray
            Those blocks as they came.
        single : bool
            Whether it came in single precision throughout.

        Raises
        ------
        ValueError, TypeError
            If the form or the names are not those of theta.
        """
        forms = dict, (list, tuple)
        if any(isinstance(grad, f) != isinstance(self.theta, f) for f in forms):
            raise TypeError(
                f"grad: expected a {type(self.theta).__name__} as theta is, got"
                f" {type(grad).__name__}"
            )
        found = {name: as_array(f"grad of {name}", g) for name, g in leaves(grad)}
        if set(found) != set(self._pieces):
            raise ValueError(
                f"grad: expected the names {sorted(self._pieces)}, got {sorted(found)}"
            )
        single = all(a.dtype in (np.float32, np.float16) for a in found.values())
        flat, misshapen = np.full(self.flat.size, np.nan), {}
        for name, (where, shape) in self._pieces.items():
            array = found[name].astype(np.float64)
            if array.shape == shape:
                flat[where] = array.ravel()
            else:
                misshapen[name] = array
        return flat, misshapen, single


def leaves(tree, name=""):
    """Every (name, value) of nested dicts and lists; "theta" if it is no such."""
    if isinstance(tree, (dict, list, tuple)):
        for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
            yield from leaves(value, f"{name}.{key}" if name else str(key))
    else:
        yield name or "theta", tree


def detached(value):
    """`value`, without its graph if it is a tensor of PyTorch."""
    return value.detach().cpu() if hasattr(value, "detach") else value


def as_array(name, value):
    """`value`, or the tensor, as a real array.

    Raises
    ------
    TypeError
        If it is no array of numbers.
    """
    array = np.asarray(detached(value))
    if array.dtype.kind not in "fiub":
        raise TypeError(
            f"{name}: expected an array of real numbers, or a dict or list of such (nested"
            f" if you like), got {type(value).__name__}; `check_gradient` shows how to"
            " check a torch module or a JAX function"
        )
    return array
