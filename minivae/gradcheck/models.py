"""Check the gradient of a whole model, whoever wrote it."""

import inspect
import math
from collections.abc import Callable
from functools import partial

import numpy as np

from minivae.gradcheck.check import examine
from minivae.gradcheck.evidence import Subject
from minivae.gradcheck.hypotheses.heads import which_term
from minivae.gradcheck.layerwise import guilty_layer
from minivae.gradcheck.oracle import scalar
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
        self.move_to(flat)
        eps = self.eps if eps is None else eps
        args = [] if self.x is None else [self.x[rows]]
        args += [] if eps is None else [eps[..., rows, :]]
        return self.model.loss(*args, **(self.kwargs | change))

    def claim(self, flat, **where):
        """The gradient that the model claims; arguments as those of `loss`."""
        self.loss(flat, **where)
        return self.backward()

    def backward(self):
        """The gradient that `model.backward` writes, a copy."""
        self.model.backward()
        return self.model.grad.copy()

    def move_to(self, flat):
        """Give the model the parameters `flat`."""
        self.model.theta[...] = flat.reshape(self.model.theta.shape)

    def encode(self, flat, rows=slice(None)):
        """(mu, logvar) at theta = flat, copies."""
        self.move_to(flat)
        return [np.array(a) for a in self.model.encode(self.x[rows])]

    def term(self, name, flat, **where):
        """The "rec" or the "kl" part of the loss, beta included, by setting beta to 0."""
        rec = scalar(self.loss(flat, beta=0.0, **where))
        return rec if name == "rec" else scalar(self.loss(flat, **where)) - rec

    def claimed_term(self, name, flat, **where):
        """The same part of the claimed gradient, flat."""
        rec = self.claim(flat, beta=0.0, **where).ravel()
        return rec if name == "rec" else self.claim(flat, **where).ravel() - rec


def check_model(
    model,
    x=None,
    eps=None,
    *,
    order=None,
    tolerance=1e-6,
    oracle="richardson",
    max_entries=5000,
    rng=None,
    **loss_kwargs,
):
    """Check the gradient that `model.backward()` writes after `model.loss(x, eps)`.

    Parameters
    ----------
    model : object
        With arrays `theta` and `grad` of one shape, `loss(x, eps, ...)` that returns a
        float or a tuple that begins with it, and `backward()`. A `layout` (dict of name to
        (slice, shape)) names the parameters; a `beta` among the arguments of `loss` lets
        the diagnosis tell the reconstruction part from the KL part. Ours have both. Build
        it in float64.
    x : ndarray, shape (B, D), optional
        Left out for a model that holds its data: its `loss()` is called without them.
    eps : ndarray, shape (B, K) or (S, B, K), optional
        Left out for a model without noise, or one that holds it.
    order, tolerance, oracle, max_entries, rng
        As in `check_gradient`.
    **loss_kwargs
        More arguments of `model.loss`, such as beta.

    Returns
    -------
    Report
        theta and grad of the model are left as they were.

    Raises
    ------
    TypeError
        If the model lacks one of these, or its theta or grad is no array.
    """
    _check_attributes(model)
    test = ModelUnderTest(model, x, eps, loss_kwargs)
    parameters = Parameters(model.theta.copy(), getattr(model, "layout", None))
    theta, grad, B = model.theta.copy(), model.grad.copy(), 1 if x is None else len(x)
    try:
        subject = Subject(
            test.loss,
            test.claim,
            parameters,
            order=order,
            again=test.backward,
            sizes=_sizes(test),
            parts=_parts(test, test.loss(theta)),
            rows=lambda r: lambda flat: scalar(test.loss(flat, slice(r, r + 1))) / B,
            model=test,
            hypotheses=[guilty_layer, which_term],
        )
        return examine(
            subject, tolerance=tolerance, oracle=oracle, max_entries=max_entries, rng=rng
        )
    finally:
        model.theta[...], model.grad[...] = theta, grad


def _check_attributes(model):
    arrays, methods = ("theta", "grad"), ("loss", "backward")
    for name in arrays + methods:
        kind = np.ndarray if name in arrays else Callable
        value = getattr(model, name, None)
        if not isinstance(value, kind):
            raise TypeError(
                "model: expected NumPy arrays `theta` and `grad` and methods `loss` and"
                f" `backward`, got a {type(model).__name__} whose {name} is a"
                f" {type(value).__name__}; `check_gradient` takes dicts and lists, and its"
                " help shows how to check a torch module or a JAX function"
            )


def _sizes(test):
    """The letters of x (B, D) and eps (S, B, K), or those that hold for columns too."""
    shape, eps, sizes = np.shape(test.x), test.eps, {}
    if len(shape) == 2 and (eps is None or eps.shape[-2] == shape[0]):
        sizes = {"B": shape[0], "D": shape[1]}
        if eps is not None:
            sizes |= {"K": eps.shape[-1], "S": math.prod(eps.shape[:-2])}
    elif len(shape) == 2 and eps.shape[-1] == shape[1]:
        sizes = {"B": shape[1], "D": shape[0], "K": eps.shape[-2]}
    n = getattr(getattr(test.model, "likelihood", None), "n", 1)
    beta = test.kwargs.get("beta", 1)
    return sizes | {"n": n, "beta": beta}  # a 1 names no factor


def _parts(test, first):
    """The two terms of the loss, by its beta, or by the tuple if that adds up."""
    if test.takes_beta:
        return {name: partial(test.term, name) for name in ("rec", "kl")}
    if isinstance(first, tuple) and len(first) == 3:
        if first[2] and np.isclose(first[0], first[1] + first[2], rtol=1e-9):
            return {"rec": lambda t: test.loss(t)[1], "kl": lambda t: test.loss(t)[2]}
    return {}
