"""The layer stack: each layer is two methods, and its parameters are views.

`forward(x)` computes y and keeps exactly what `backward` needs. `backward(dy)` takes the
gradient of a scalar loss with respect to y, *writes* those with respect to the layer's
parameters, and returns that with respect to x. Nothing is accumulated, so there is no
`zero_grad` to forget.

A layer owns no memory. `bind` hands it views into the flat arrays `theta` and `grad` of
the model it belongs to, so an optimizer or a gradient check sees one vector and never
knows about layers. To try a layer alone: `Model({"layer": layer}, rng, np.float64)`.
"""

from itertools import pairwise

import numpy as np

from minivae import errors
from minivae.numerics import sigmoid, softplus


class Layer:
    """What all layers share: no parameters, nothing kept yet.

    Attributes
    ----------
    shapes : dict of str to tuple
        The parameters' names and shapes.
    params, grads : dict of str to ndarray
        Views into the model's `theta` and `grad`, set by `bind`.
    config : dict
        The constructor's arguments, so that a saved model can be built again.
    n_in, n_out : int or None
        Widths of x and y; None where any width will do.
    """

    n_in = n_out = None

    def __init__(self):
        self.shapes, self.params, self.grads, self.config = {}, {}, {}, {}
        self._kept = None
        self._claimed = False

    def __repr__(self):
        """The call that makes a layer like this one."""
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.config.items())
        return f"{type(self).__name__}({arguments})"

    def claim(self):
        """Take the one place that this object may have in a model.

        It has room for one set of views and one kept input: the second of two places
        would silently spoil the gradient of the first.
        """
        if self._claimed:
            raise ValueError(
                f"{type(self).__name__}: expected a new object, got one that already has"
                " its place in a model"
            )
        self._claimed = True

    def bind(self, params, grads, prefix=""):
        """Take from dicts of views, as this layer's own, those named prefix + "W" etc."""
        self.params = {name: params[f"{prefix}{name}"] for name in self.shapes}
        self.grads = {name: grads[f"{prefix}{name}"] for name in self.shapes}

    def initialise(self, rng):
        """Draw the parameters' first values from the generator `rng`."""

    def keep(self, y, value):
        """Return y, and remember `value` until `backward` asks for it with a dy like y."""
        self._kept = value, y.shape, y.dtype
        return y

    def kept(self, dy, name="dy"):
        """Return what `forward` kept.

        Raises
        ------
        RuntimeError
            If there was no forward.
        TypeError, ValueError
            If dy has not the shape and the dtype of y.
        """
        if self._kept is None:
            raise RuntimeError(
                f"{type(self).__name__}.backward was called before forward:"
                " there is no input to differentiate at"
            )
        value, shape, dtype = self._kept
        errors.check_array(name, dy, shape, dtype)
        return value


class Weighted(Layer):
    """What layers with weights W and biases b share.

    Attributes
    ----------
    init : {"glorot", "he"}
    fan_in, fan_out : float
        How many products one y is the sum of, and how many one x goes into.
    W, b, dW, db : ndarray
        Views into the model's `theta` and `grad`, set by `bind`.
    """

    def __init__(self, init):
        super().__init__()
        errors.check_choice("init", init, ("glorot", "he"))
        self.init = init

    def bind(self, params, grads, prefix=""):
        """Take the views of W and b, dW and db."""
        super().bind(params, grads, prefix)
        self.W, self.b = self.params["W"], self.params["b"]
        self.dW, self.db = self.grads["W"], self.grads["b"]

    def initialise(self, rng):
        """Draw W as `init` says, and set b to zero."""
        fan = self.fan_in if self.init == "he" else (self.fan_in + self.fan_out)
        self.W[...] = rng.standard_normal(self.W.shape) * np.sqrt(2 / fan)
        self.b[...] = 0


class Linear(Weighted):
    """y = x W + b.

    With dy = ∂L/∂y the chain rule gives, summing over the batch,

        ∂L/∂W = xᵀ dy,    ∂L/∂b = Σ_rows dy,    ∂L/∂x = dy Wᵀ.

    Parameters
    ----------
    n_in, n_out : int
        W has shape (n_in, n_out), b has shape (n_out,).
    init : {"glorot", "he"}
        W ~ N(0, s²) with s² = 2 / (n_in + n_out) (Glorot & Bengio 2010, eq. 12, which
        keeps variances level through tanh layers) or s² = 2 / n_in (He et al. 2015,
        eq. 10, for ReLU). b starts at zero.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> from minivae import Linear
    >>> from minivae.model import Model
    >>> layer = Linear(3, 2)
    >>> owner = Model({"layer": layer}, rng, np.float64)
    >>> layer.forward(np.ones((5, 3))).shape
    (5, 2)
    >>> layer.backward(np.ones((5, 2))).shape, layer.db
    ((5, 3), array([5., 5.]))
    """

    def __init__(self, n_in, n_out, init="glorot"):
        super().__init__(init)
        self.n_in = errors.check_whole("n_in", n_in, minimum=1)
        self.n_out = errors.check_whole("n_out", n_out, minimum=1)
        self.fan_in, self.fan_out = self.n_in, self.n_out
        self.shapes = {"W": (self.n_in, self.n_out), "b": (self.n_out,)}
        self.config = {"n_in": self.n_in, "n_out": self.n_out, "init": init}

    def forward(self, x):
        """Return x W + b, shape (B, n_out), for x of shape (B, n_in)."""
        errors.check_array("x", x, (None, self.n_in), self.W.dtype)
        y = x @ self.W
        y += self.b
        return self.keep(y, x)

    def backward(self, dy, need_dx=True):
        """Write dW and db; return dx, shape (B, n_in), or None if it is not needed."""
        x = self.kept(dy)
        np.matmul(x.T, dy, out=self.dW)  # ∂L/∂W = xᵀ dy
        dy.sum(axis=0, out=self.db)  # ∂L/∂b = Σ_rows dy
        return dy @ self.W.T if need_dx else None  # ∂L/∂x = dy Wᵀ


class Tanh(Layer):
    """y = tanh(x), and dx = dy (1 - y²): the derivative in terms of the *output*."""

    def forward(self, x):
        """Return tanh(x), of the shape of x; y is kept."""
        errors.check_array("x", x)
        y = np.tanh(x)
        return self.keep(y, y)

    def backward(self, dy):
        """Return dx = dy (1 - y²), of the shape of dy."""
        y = self.kept(dy)
        dx = y * y
        np.subtract(1, dx, out=dx)
        dx *= dy  # in one array: dx = dy * (1 - y * y)
        return dx


class Sigmoid(Layer):
    """y = 1 / (1 + exp(-x)), and dx = dy y (1 - y)."""

    def forward(self, x):
        """Return 1 / (1 + exp(-x)), of the shape of x; y is kept."""
        errors.check_array("x", x)
        y = sigmoid(x)
        return self.keep(y, y)

    def backward(self, dy):
        """Return dx = dy y (1 - y), of the shape of dy."""
        y = self.kept(dy)
        return dy * y * (1 - y)


class ReLU(Layer):
    """y = max(x, 0), and dx = dy where x > 0, else 0 (at the kink, x = 0, also 0)."""

    def forward(self, x):
        """Return max(x, 0), of the shape of x; where x > 0 is kept."""
        errors.check_array("x", x)
        return self.keep(np.maximum(x, 0), x > 0)

    def backward(self, dy):
        """Return dx = dy where x was above 0, else 0."""
        return dy * self.kept(dy)


class Softplus(Layer):
    """y = log(1 + exp(x)), and dx = dy sigmoid(x): the derivative in the *input*."""

    def forward(self, x):
        """Return log(1 + exp(x)), of the shape of x; x is kept."""
        errors.check_array("x", x)
        return self.keep(softplus(x), x)

    def backward(self, dy):
        """Return dx = dy sigmoid(x), of the shape of dy."""
        return dy * sigmoid(self.kept(dy))


class Scale(Layer):
    """y = factor · x with a fixed factor, and dx = factor · dy.

    Puts counts 0..n on the scale of 0..1 before the first Linear, while the likelihood
    goes on seeing the counts.
    """

    def __init__(self, factor):
        super().__init__()
        self.factor = errors.check_number("factor", factor)
        self.config = {"factor": self.factor}

    def forward(self, x):
        """Return factor · x, of the shape of x."""
        errors.check_array("x", x)
        return self.keep(self.factor * x, self.factor)

    def backward(self, dy):
        """Return dx = factor · dy, of the shape of dy."""
        return self.kept(dy) * dy


class Sequential(Layer):
    """Layers one after another: forward in order, backward in reverse order.

    `Sequential()` with no layers is the identity. The parameters are named by position:
    "0.W" is the weight of the first layer.

    Examples
    --------
    >>> from minivae import Linear, Sequential, Tanh
    >>> stack = Sequential(Linear(3, 4), Tanh(), Linear(4, 2))
    >>> stack.n_in, stack.n_out, sorted(stack.shapes)
    (3, 2, ['0.W', '0.b', '2.W', '2.b'])
    """

    def __init__(self, *layers):
        super().__init__()
        for layer in layers:
            errors.check_instance("layers", layer, Layer)
        self.layers = list(layers)
        widths = [layer for layer in self.layers if layer.n_in is not None]
        for left, right in pairwise(widths):
            if left.n_out != right.n_in:
                raise ValueError(
                    f"layers: a layer of {left.n_out} outputs is followed by one of"
                    f" {right.n_in} inputs"
                )
        if widths:
            self.n_in, self.n_out = widths[0].n_in, widths[-1].n_out
        self.shapes = {
            f"{i}.{name}": shape
            for i, layer in enumerate(self.layers)
            for name, shape in layer.shapes.items()
        }

    def __repr__(self):
        return f"Sequential({', '.join(map(repr, self.layers))})"

    def claim(self):
        """Take the place in a model for every layer; see `Layer.claim`."""
        super().claim()
        for layer in self.layers:
            layer.claim()

    def bind(self, params, grads, prefix=""):
        """Hand each layer its own views, by the number in front of the name."""
        super().bind(params, grads, prefix)
        for i, layer in enumerate(self.layers):
            layer.bind(self.params, self.grads, f"{i}.")

    def initialise(self, rng):
        """Draw every layer's first values, in order."""
        for layer in self.layers:
            layer.initialise(rng)

    def forward(self, x):
        """Return the last layer's output, shape (B, n_out)."""
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, dy, need_dx=True):
        """Write every layer's gradients; return dx, or None if it is not needed.

        The gradient in the data is the one product that training never uses: leaving it
        out saves a matrix product as large as the first layer's own.
        """
        first = next((i for i, layer in enumerate(self.layers) if layer.shapes), None)
        for i in range(len(self.layers) - 1, -1, -1):
            if not need_dx and i == first:
                self.layers[i].backward(dy, need_dx=False)
                return None
            dy = self.layers[i].backward(dy)
        return dy


ACTIVATIONS = {"tanh": Tanh, "relu": ReLU, "softplus": Softplus, "sigmoid": Sigmoid}


def mlp(sizes, activation="tanh"):
    """A list of layers: a Linear and an activation for each step from size to size.

    ReLU gets He's initialisation, the others Glorot's.
    """
    errors.check_choice("activation", activation, tuple(ACTIVATIONS))
    init = "he" if activation == "relu" else "glorot"
    layers = []
    for n_in, n_out in pairwise(errors.check_sizes("sizes", sizes, (64, 256))):
        layers += [Linear(n_in, n_out, init), ACTIVATIONS[activation]()]
    return layers
