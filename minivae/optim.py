"""SGD and Adam on flat vectors: an optimizer never knows about layers."""

import math

import numpy as np

from minivae.errors import check_array, check_instance, check_number, check_whole
from minivae.schedules import text_of, value_at


class Optimizer:
    """What both optimizers share: the step count, the learning rate and their memory.

    Attributes
    ----------
    t : int
        Steps taken.
    memory : tuple of str
        Names of the vectors kept from step to step, made at the first.
    settings : tuple of str
        Names of the constructor's arguments after `lr`.
    """

    memory = settings = ()

    def __init__(self, lr):
        if not callable(lr):
            check_number("lr", lr, minimum=0, exclusive=True)
        self.lr, self.t = lr, 0

    def __repr__(self):
        """The call that makes an optimizer like this one, before its first step."""
        lr = text_of(self.lr)
        rest = (f", {name}={getattr(self, name)!r}" for name in self.settings)
        return f"{type(self).__name__}(lr={lr}{''.join(rest)})"

    def _begin(self, theta, grad):
        """Count the step, make room at the first one, and return the learning rate."""
        size = len(getattr(self, self.memory[0])) if self.t else None
        check_array("theta", theta, (size,))
        check_array("grad", grad, theta.shape, theta.dtype)
        if not math.isfinite(np.dot(grad, grad)):  # cheap, but a large one overflows
            bad = np.flatnonzero(~np.isfinite(grad))
            if len(bad):  # no mistake in the call: backward overflowed, as a loss may
                raise FloatingPointError(
                    f"grad is not finite: {grad[bad[0]]} at index {bad[0]}"
                )
        lr = check_number("lr", value_at(self.lr, self.t), minimum=0)
        if self.t == 0:
            for name in self.memory:
                setattr(self, name, np.zeros_like(theta))
        self.t += 1
        return lr

    def state(self):
        """A copy of what `step` remembers: a dict of "t" and the vectors of `memory`."""
        vectors = {name: getattr(self, name).copy() for name in self.memory if self.t}
        return {"t": self.t, **vectors}

    def load_state(self, state):
        """Go on from where `state` was taken."""
        check_instance("state", state, dict)
        wanted = {"t", *(self.memory if state.get("t") else ())}
        if set(state) != wanted:
            raise ValueError(f"state: expected {sorted(wanted)}, got {sorted(state)}")
        t = check_whole("state: t", state["t"], minimum=0)
        for name in wanted - {"t"}:
            size = np.shape(state[self.memory[0]])[:1]
            check_array(f"state: {name}", state[name], size, finite=True)
        self.t = t
        for name in wanted - {"t"}:
            setattr(self, name, state[name].copy())


class SGD(Optimizer):
    """Stochastic gradient descent with heavy-ball momentum.

        v ← momentum · v + grad
        theta ← theta - lr · v

    Parameters
    ----------
    lr : float or callable
        The learning rate, or a function of the step number (see `schedules`).
    momentum : float
        In [0, 1); 0 is plain SGD.

    Examples
    --------
    >>> import numpy as np
    >>> from minivae import SGD
    >>> theta = np.array([1.0, -1.0])
    >>> SGD(lr=0.1).step(theta, grad=np.array([5.0, -1.0]))
    >>> theta
    array([ 0.5, -0.9])

    References
    ----------
    Polyak 1964, with the learning rate outside the velocity.
    """

    memory, settings = ("v",), ("momentum",)

    def __init__(self, lr=1e-2, momentum=0.0):
        super().__init__(lr)
        self.momentum = check_number("momentum", momentum, minimum=0, below=1)

    def step(self, theta, grad):
        """Update `theta` in place from `grad`, both flat arrays of shape (P,)."""
        lr = self._begin(theta, grad)
        self.v *= self.momentum
        self.v += grad
        theta -= lr * self.v


class Adam(Optimizer):
    """Adaptive moments with bias correction.

        m ← β₁ m + (1 - β₁) grad,           v ← β₂ v + (1 - β₂) grad²
        m̂ = m / (1 - β₁ᵗ),                  v̂ = v / (1 - β₂ᵗ)
        theta ← theta - lr · m̂ / (√v̂ + eps)

    Parameters
    ----------
    lr : float or callable
        The learning rate, or a function of the step number (see `schedules`).
    beta1, beta2 : float
        Decay of the two moments, in [0, 1).
    eps : float
        Added outside the root; above 0, or the step of a zero gradient would be 0/0.

    Examples
    --------
    >>> import numpy as np
    >>> from minivae import Adam
    >>> theta = np.array([1.0, -1.0])
    >>> Adam(lr=0.1).step(theta, grad=np.array([5.0, -0.01]))
    >>> theta.round(6)  # the first step is lr in each coordinate, whatever the gradient
    array([ 0.9, -0.9])

    References
    ----------
    Kingma & Ba 2015, algorithm 1.
    """

    memory, settings = ("m", "v"), ("beta1", "beta2", "eps")
    BLOCK = 131072  # elements; a block of each vector stays in the cache

    def __init__(self, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
        super().__init__(lr)
        self.beta1 = check_number("beta1", beta1, minimum=0, below=1)
        self.beta2 = check_number("beta2", beta2, minimum=0, below=1)
        self.eps = check_number("eps", eps, minimum=0, exclusive=True)

    def step(self, theta, grad):
        """Update `theta` in place from `grad`, both flat arrays of shape (P,).

        The vectors are walked through in blocks that stay in the cache, and in place;
        on whole arrays it would read

            m = beta1 * m + grad
            v = beta2 * v + grad**2
            theta -= rate * m / (sqrt(v) + eps)

        Two passes over the memory are saved by keeping m / (1 - β₁) and v / (1 - β₂) and
        leaving those two factors to the scalars `rate` and `eps`.
        """
        lr = self._begin(theta, grad)
        # lr · m̂ / (√v̂ + eps), numerator and denominator times √((1 - β₂ᵗ) / (1 - β₂))
        root = math.sqrt((1 - self.beta2**self.t) / (1 - self.beta2))
        rate = lr * root * (1 - self.beta1) / (1 - self.beta1**self.t)
        eps = self.eps * root
        buffer = np.empty(min(self.BLOCK, theta.size), theta.dtype)
        for start in range(0, theta.size, self.BLOCK):
            block = slice(start, start + self.BLOCK)
            g, m, v = grad[block], self.m[block], self.v[block]
            tmp = buffer[: g.size]
            m *= self.beta1
            m += g
            v *= self.beta2
            v += np.multiply(g, g, out=tmp)
            np.sqrt(v, out=tmp)
            tmp += eps
            np.divide(m, tmp, out=tmp)
            tmp *= rate
            theta[block] -= tmp
