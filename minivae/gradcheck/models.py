"""Check the gradient of a whole model, whoever wrote it."""

import inspect
from contextlib import contextmanager
from functools import cached_property

import numpy as np

from minivae.gradcheck.check import examine
from minivae.gradcheck.evidence import Subject
from minivae.gradcheck.layerwise import check_layers_of
from minivae.gradcheck.parameters import Parameters


class ModelUnderTest:
    """A model with its data and noise: loss and gradient as functions of flat theta.

    Parameters
    ----------
    model : object
        With arrays `theta` and `grad`, `loss(x, eps, ...)` and `backward()`.
    x, eps : ndarray
        Data and frozen noise; `eps` None for a model without noise.
    kwargs : dict
        More arguments of `model.loss`.
    """

    def __init__(self, model, x, eps, kwargs):
        self.model, self.x, self.eps, self.kwargs = model, x, eps, kwargs
        self.takes_beta = "beta" in inspect.signature(model.loss).parameters

    def loss(self, flat, rows=slice(None), eps=None, **change):
        """What `model.loss` returns at theta = flat, for some rows, noise or arguments."""
        self.model.theta[...] = flat
        eps = self.eps if eps is None else eps
        args = [self.x[rows]] + ([] if eps is None else [eps[..., rows, :]])
        return self.model.loss(*args, **(self.kwargs | change))

    def claim(self, flat, **where):
        """The gradient that the model claims, a copy; arguments as those of `loss`."""
        self.loss(flat, **where)
        self.model.backward()
        return self.model.grad.astype(np.float64)

    def term(self, name, flat, **where):
        """The "rec" or the "kl" part of the loss, beta included, by setting beta to 0."""
        return self._part(name, lambda **beta: _number(self.loss(flat, **where, **beta)))

    def claimed_term(self, name, flat, **where):
        """The same part of the claimed gradient."""
        return self._part(name, lambda **beta: self.claim(flat, **where, **beta))

    @staticmethod
    def _part(name, total):
        rec = total(beta=0.0)
        return rec if name == "rec" else total() - rec

    @cached_property
    def layers(self):
        """What each layer did when checked alone; see `layerwise.check_layers_of`."""
        with self.kept():
            return check_layers_of(self.model, self.x)

    @contextmanager
    def kept(self):
        """Put theta and grad back at the end, whatever happens."""
        theta, grad = self.model.theta.copy(), self.model.grad.copy()
        try:
            yield
        finally:
            self.model.theta[...] = theta
            self.model.grad[...] = grad


def _number(loss):
    return float(loss[0] if isinstance(loss, tuple) else loss)


def check_model(
    model,
    x,
    eps=None,
    *,
    oracle="richardson",
    max_entries=5000,
    rng=None,
    **loss_kwargs,
):
    """Check the gradient that `model.backward()` writes after `model.loss(x, eps)`.

    Parameters
    ----------
    model : object
        With 1-D arrays `theta` and `grad`, `loss(x, eps, ...)` that returns a float or a
        tuple that begins with it, and `backward()`. A `layout` (dict of name to (slice,
        shape)) names the parameters; a `beta` among the arguments of `loss` lets the
        diagnosis tell the reconstruction part from the KL part. Ours have both. Build
        it in float64.
    x : ndarray, shape (B, D)
    eps : ndarray, shape (B, K) or (S, B, K), optional
        Left out for a model without noise.
    oracle, max_entries, rng
        As in `check_gradient`.
    **loss_kwargs
        More arguments of `model.loss`, such as beta.

    Returns
    -------
    Report
        theta and grad of the model are left as they were.
    """
    test = ModelUnderTest(model, x, eps, loss_kwargs)
    parameters = Parameters(model.theta, getattr(model, "layout", None))
    single = model.theta.dtype == np.float32

    def claim(flat):
        return test.claim(flat), {}, single

    def again():
        try:
            model.backward()
        except Exception:  # nobody promises a second backward without a forward
            return parameters.flat * np.nan, {}, single
        return model.grad.astype(np.float64), {}, single

    subject = Subject(
        test.loss, claim, parameters, again=again, sizes=_model_sizes(test), model=test
    )
    with test.kept():
        first = test.loss(parameters.flat)
        subject.parts = _model_parts(test, first)
        subject.alternatives = _alternatives(test, first)
        B = len(x)
        subject.rows = lambda r: lambda t: _number(test.loss(t, slice(r, r + 1))) / B
        return examine(subject, oracle=oracle, max_entries=max_entries, rng=rng)


def _model_sizes(test):
    sizes = {"B": len(test.x), "D": test.x.shape[-1]}
    if test.eps is not None:
        sizes["K"] = test.eps.shape[-1]
        if test.eps.ndim == 3:
            sizes["S"] = len(test.eps)
    n = getattr(getattr(test.model, "likelihood", None), "n", 1)
    beta = test.kwargs.get("beta", 1)
    return sizes | ({"n": n} if n > 1 else {}) | ({"beta": beta} if beta != 1 else {})


def _model_parts(test, first):
    """The two terms of the loss, by its beta, or by the tuple if that adds up."""
    if test.takes_beta:
        return {name: lambda t, n=name: test.term(n, t) for name in ("rec", "kl")}
    if isinstance(first, tuple) and len(first) == 3:
        if first[2] and np.isclose(first[0], first[1] + first[2], rtol=1e-9):
            return {
                name: lambda t, i=i: test.loss(t)[i] for i, name in ((1, "rec"), (2, "kl"))
            }
    return {}


def _alternatives(test, first):
    """Losses that an importance-weighted bound is mistaken for."""
    if not hasattr(test.model, "log_weights") or np.ndim(test.eps) != 3:
        return {}

    def log_w(flat):
        test.model.theta[...] = flat
        return test.model.log_weights(test.x, test.eps)

    def log_mean_exp(a):
        top = a.max(axis=0)
        return top + np.log(np.exp(a - top).mean(axis=0))

    def weights_live(flat):
        a = log_w(flat)
        weights = np.exp(a - a.max(axis=0))
        return -((weights * a).sum(axis=0) / weights.sum(axis=0)).mean()

    if not np.isclose(_number(first), -log_mean_exp(log_w(test.model.theta)).mean()):
        return {}
    return {
        "-mean of log w, the ELBO. The S weights are all 1/S, but each sample's is"
        " softmax(log w)": lambda t: -log_w(t).mean(),
        "the one with weights softmax(-log w), in which the worst sample weighs most;"
        " the sign inside the softmax is +": lambda t: log_mean_exp(-log_w(t)).mean(),
        "-sum softmax(log w)·log w with the weights differentiated too. They are to be"
        " held constant": weights_live,
    }
