"""What the decoder's output says about the pixels: log p(x|z) and its gradient.

A likelihood ends the layer stack and behaves like a layer. `log_prob(x, y)` turns data x
and the decoder's output y into nats, all constants included; `backward(dlogp)` takes the
gradient of the loss in those nats back to y. `mean(y)` is E[x|z], `sample(y, rng)` draws
an x. The output y is unconstrained, whatever the likelihood: logits for the binomial,
the mean for the Gaussian, the location for the Laplace.
"""

import math

import numpy as np

from minivae import errors
from minivae.gaussian import LOG_2PI
from minivae.layers import Layer
from minivae.numerics import sigmoid

MAX_COUNT = 65535  # 16-bit pixels; the table of coefficients has n + 1 entries


class Likelihood(Layer):
    """What all likelihoods share: the check at the door and the kept arrays."""

    def check(self, x):
        """Raise ValueError if x holds a value outside the support of p(x|z)."""
        errors.check_array("x", x, finite=True)

    def log_prob(self, x, y):
        """log p(x|z) in nats, summed over the D pixels.

        Parameters
        ----------
        x : ndarray, shape (B, D)
            The data.
        y : ndarray, shape (B, D) or (S, B, D)
            The decoder's output for one or for S samples of z.

        Returns
        -------
        ndarray, shape (B,) or (S, B)

        Raises
        ------
        ValueError
            If the shapes disagree or x lies outside the support.
        TypeError
            If x and y differ in dtype.
        """
        errors.check_array("y", y)
        errors.check_array("x", x, dtype=y.dtype)
        errors.check_shape("y", y, y.shape[:-2] + x.shape)
        self.check(x)
        return self._log_prob(x, y)

    def mean(self, y):
        """E[x|z], of the shape of y. For a Gaussian or a Laplace it is y itself."""
        errors.check_array("y", y)
        return y

    def sample(self, y, rng):
        """Draw x ~ p(x|z), of the shape and dtype of y."""
        errors.check_array("y", y, finite=True)
        errors.check_generator("rng", rng)
        return self._sample(y, rng).astype(y.dtype)


class Binomial(Likelihood):
    """Counts 0..n: each pixel is Binomial(n, p) with p = sigmoid(y), y the logits.

        log p(x|z) = Σ_d [ x y - n log(1 + e^y) + log C(n, x) ]
        ∂ log p / ∂y = x - n sigmoid(y)

    since x log p + (n - x) log(1 - p) with log p = y - log(1 + e^y) and
    log(1 - p) = -log(1 + e^y) gives the first line. For n = 1 it is Bernoulli and
    -log p is the *cross-entropy* loss. The logarithm is never taken of a sigmoid, so
    logits of ±1e4 give finite results.

    Parameters
    ----------
    n : int
        The largest count.
    grey : bool
        With n = 1, accept any value in [0, 1] where {0, 1} belongs. Cross-entropy on
        grey pixels is a common training loss, but no likelihood: its "probabilities" do
        not integrate to one, and its nats cannot be compared with others.

    Examples
    --------
    >>> import numpy as np
    >>> from minivae import Binomial
    >>> coin = Binomial(2)  # two tosses; y = 0 is a fair coin
    >>> np.exp(coin.log_prob(np.array([[1.0]]), np.array([[0.0]]))).round(6)
    array([0.5])
    >>> coin.mean(np.array([[0.0]]))
    array([[1.]])
    """

    def __init__(self, n=1, grey=False):
        super().__init__()
        self.n = errors.check_whole("n", n, minimum=1)
        if self.n > MAX_COUNT:
            raise ValueError(f"n: expected at most {MAX_COUNT}, got {n}")
        if grey and n != 1:
            raise ValueError(f"grey: expected n = 1 with grey=True, got n = {n}")
        self.grey = grey
        self.config = {"n": self.n, "grey": grey}
        self._log_choose = _log_binomial_coefficients(self.n)

    def check(self, x):
        """Raise ValueError unless x holds whole numbers 0..n, or greys in [0, 1]."""
        errors.check_array("x", x)
        if self.grey:
            inside, support = (x >= 0) & (x <= 1), "[0, 1]"
        elif self.n == 1:
            inside = (x == 0) | (x == 1)
            support = "{0, 1} (binarize, or ask for grey=True, which is no likelihood)"
        else:
            inside = (x >= 0) & (x <= self.n) & (x == np.floor(x))
            support = f"whole numbers 0..{self.n}"
        if not inside.all():
            index = tuple(int(i) for i in np.argwhere(~inside)[0])
            raise ValueError(f"x: expected {support}, got {x[index]} at index {index}")

    def _log_prob(self, x, y):
        t = np.clip(y, -np.inf, 80)  # e^80 is finite, and log(1 + e^y) = y from there on
        np.exp(t, out=t)
        u = 1 + t
        log_1p_exp = np.log(u)
        np.maximum(y, log_1p_exp, out=log_1p_exp)
        if self.n > 1:
            log_1p_exp *= self.n
        log_p = (x * y - log_1p_exp).sum(axis=-1)
        if self.n > 1:
            log_p += self._log_choose.astype(y.dtype)[x.astype(np.intp)].sum(axis=-1)
        return self.keep(log_p, (x, t, u))

    def backward(self, dlogp):
        """Return dy = dlogp · (x - n sigmoid(y)); dlogp has the shape of `log_prob`."""
        x, t, u = self.kept(dlogp, "dlogp")
        p = t / u  # sigmoid(y) = e^y / (1 + e^y)
        if self.n > 1:
            p *= self.n
        dy = np.subtract(x, p, out=p)
        dy *= dlogp[..., None]  # in one array: dy = dlogp[..., None] * (x - self.n * p)
        return dy

    def mean(self, y):
        """E[x|z] = n sigmoid(y), in [0, n]."""
        errors.check_array("y", y)
        return self.n * sigmoid(y)

    def _sample(self, y, rng):
        return rng.binomial(self.n, sigmoid(y))


def _log_binomial_coefficients(n):
    """log C(n, k), k = 0..n, of exact integers: C(n, k + 1) = C(n, k) (n - k) / (k + 1)."""
    choose, half = 1, []
    for k in range(n // 2 + 1):
        half.append(math.log(choose))
        choose = choose * (n - k) // (k + 1)
    return np.array(half + half[::-1][1 - n % 2 :])  # C(n, k) = C(n, n - k)


class Bernoulli(Binomial):
    """`Binomial(1)`: pixels in {0, 1}; -log p is the cross-entropy of x and sigmoid(y)."""

    def __init__(self, grey=False):
        super().__init__(1, grey)
        self.config = {"grey": grey}


class _OneScale(Likelihood):
    """What Gaussian and Laplace share: one constant, c or b, for all pixels and images.

    If it is learned, then through its logarithm: so it stays positive wherever theta goes.
    """

    def __init__(self, name, value, learned):
        super().__init__()
        start = errors.check_number(name, value, minimum=0, exclusive=True)
        self._start, self._log_name = math.log(start), f"log_{name}"
        self.learned = learned
        self.config = {name: start, "learned": learned}
        self.shapes = {self._log_name: (1,)} if learned else {}

    def initialise(self, rng):
        """Start a learned constant at that of the constructor."""
        if self.learned:
            self.params[self._log_name][...] = self._start

    @property
    def log_scale(self):
        """The constant's logarithm, as it stands now."""
        return float(self.params[self._log_name][0]) if self.params else self._start

    @property
    def scale(self):
        """The constant, as it stands now."""
        return float(np.exp(self.log_scale))  # overflows to inf, where math.exp raises


class Gaussian(_OneScale):
    """p(x|z) = N(x; y, c I) with one constant c, a *variance*: the L2 loss.

        log p(x|z) = -‖x - y‖² / (2c) - (D/2) log(2πc)
        ∂ log p / ∂y = (x - y) / c
        ∂ log p / ∂ log c = ‖x - y‖² / (2c) - D/2

    With c fixed, to maximise log p is to minimise the squared error, weighted by 1/(2c)
    against the KL. A density may exceed one, so log p may be positive and the negative
    ELBO negative: that is no mistake.

    Parameters
    ----------
    c : float
        The variance of each pixel around the mean, or where learning starts.
    learned : bool
        Learn c, one for all pixels and images, through its logarithm `log_c`.

    Examples
    --------
    >>> import numpy as np
    >>> from minivae import Gaussian
    >>> log_p = Gaussian(c=0.25).log_prob(np.array([[1.0]]), np.array([[1.0]]))
    >>> bool(np.isclose(log_p[0], -0.5 * np.log(2 * np.pi * 0.25)))
    True
    """

    c, log_c = _OneScale.scale, _OneScale.log_scale  # as they stand now

    def __init__(self, c=1.0, learned=False):
        super().__init__("c", c, learned)

    def _log_prob(self, x, y):
        residual = x - y
        squares = np.einsum("...d,...d->...", residual, residual)
        self.keep(squares, (residual, squares))
        D = x.shape[-1]
        return -squares / (2 * self.c) - D / 2 * (LOG_2PI + self.log_c)

    def backward(self, dlogp):
        """Return dy = dlogp · (x - y)/c, and write the gradient in log c if learned."""
        residual, squares = self.kept(dlogp, "dlogp")
        if self.learned:
            D = residual.shape[-1]
            dlog_c = squares / (2 * self.c) - D / 2
            self.grads["log_c"][0] = (dlogp * dlog_c).sum()
        return (dlogp / self.c)[..., None] * residual

    def _sample(self, y, rng):
        return y + math.sqrt(self.c) * rng.standard_normal(y.shape)


class Laplace(_OneScale):
    """p(x|z) = Π_d exp(-|x - y| / b) / (2b) with one constant scale b: the L1 loss.

        log p(x|z) = -‖x - y‖₁ / b - D log(2b)
        ∂ log p / ∂y = sign(x - y) / b
        ∂ log p / ∂ log b = ‖x - y‖₁ / b - D

    Parameters
    ----------
    b : float
        The scale (mean absolute deviation; the variance is 2b²), or where learning starts.
    learned : bool
        Learn b, one for all pixels and images, through its logarithm `log_b`.

    Examples
    --------
    >>> import numpy as np
    >>> from minivae import Laplace
    >>> np.exp(Laplace(b=0.5).log_prob(np.array([[1.0]]), np.array([[1.0]]))).round(6)
    array([1.])
    """

    b, log_b = _OneScale.scale, _OneScale.log_scale  # as they stand now

    def __init__(self, b=1.0, learned=False):
        super().__init__("b", b, learned)

    def _log_prob(self, x, y):
        residual = x - y
        distance = np.abs(residual).sum(axis=-1)
        self.keep(distance, (residual, distance))
        D = x.shape[-1]
        return -distance / self.b - D * (math.log(2) + self.log_b)

    def backward(self, dlogp):
        """Return dy = dlogp · sign(x - y)/b, and write the gradient in log b if learned."""
        residual, distance = self.kept(dlogp, "dlogp")
        if self.learned:
            D = residual.shape[-1]
            self.grads["log_b"][0] = (dlogp * (distance / self.b - D)).sum()
        return (dlogp / self.b)[..., None] * np.sign(residual)

    def _sample(self, y, rng):
        return rng.laplace(y, self.b)
