"""Parameters as one flat vector with named blocks, in whatever form they came."""

import numpy as np

from minivae.errors import as_float_array, check_finite


class Parameters:
    """theta as one flat float64 vector, and the way back to its own form.

    Parameters
    ----------
    theta : ndarray or dict of str to ndarray
        One array of any shape, or named arrays. float32 is widened to float64: the
        check needs the precision, and a function that can use it will.
    layout : dict of str to (slice, shape), optional
        Names for the blocks of a flat theta, as the `layout` of our models.

    Attributes
    ----------
    flat : ndarray, shape (P,)
    layout : dict of str to (slice, shape)

    Raises
    ------
    TypeError, ValueError
        If theta holds anything but finite real floats.
    """

    def __init__(self, theta, layout=None):
        self.is_dict = isinstance(theta, dict)
        named = theta if self.is_dict else {"theta": theta}
        arrays = {name: as_float_array(name, a, np.float64) for name, a in named.items()}
        if not arrays:
            raise ValueError("theta: expected parameters, got an empty dict")
        for name, array in arrays.items():
            check_finite(name, array)
        self.flat = np.concatenate([array.ravel() for array in arrays.values()])
        self.shape = None if self.is_dict else arrays["theta"].shape
        if layout is None:
            layout, end = {}, 0
            for name, array in arrays.items():
                layout[name] = (slice(end, end + array.size), array.shape)
                end += array.size
        self.layout = layout

    def form(self, flat):
        """The values of `flat`, shape (P,), in the form that theta came in."""
        if not self.is_dict:
            return flat.reshape(self.shape)
        return {n: flat[where].reshape(s) for n, (where, s) in self.layout.items()}

    def gradient(self, grad):
        """A claimed gradient as a flat vector, and the blocks that do not fit.

        Parameters
        ----------
        grad : ndarray or dict of str to ndarray
            In the form of theta. Axes of length one may differ.

        Returns
        -------
        flat : ndarray, shape (P,)
            NaN in the blocks whose shape is wrong.
        misshapen : dict of str to ndarray
            Those blocks as they came.

        Raises
        ------
        ValueError, TypeError
            If the form or the names are not those of theta.
        """
        if isinstance(grad, dict) != self.is_dict:
            raise TypeError(
                f"grad: expected a {'dict' if self.is_dict else 'array'} as theta is,"
                f" got {type(grad).__name__}"
            )
        if not self.is_dict:
            array = np.asarray(grad, dtype=np.float64)
            if np.squeeze(array).shape == tuple(n for n in self.shape if n != 1):
                return array.ravel().copy(), {}
            if list(self.layout) != ["theta"]:
                raise ValueError(f"grad: expected shape {self.shape}, got {array.shape}")
            return np.full(self.flat.size, np.nan), {"theta": array}
        if set(grad) != set(self.layout):
            raise ValueError(
                f"grad: expected the names {sorted(self.layout)}, got {sorted(grad)}"
            )
        flat, misshapen = np.full(self.flat.size, np.nan), {}
        for name, (where, shape) in self.layout.items():
            array = np.asarray(grad[name], dtype=np.float64)
            if np.squeeze(array).shape == tuple(n for n in shape if n != 1):
                flat[where] = array.ravel()
            else:
                misshapen[name] = array
        return flat, misshapen
