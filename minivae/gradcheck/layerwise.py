"""Check single layers and likelihoods, whoever wrote them."""

from functools import partial
from types import SimpleNamespace

import numpy as np

from minivae.errors import check_generator
from minivae.gradcheck.check import examine
from minivae.gradcheck.evidence import WRONG, Subject
from minivae.gradcheck.parameters import Parameters


def check_layer(layer, x, rng, *, oracle="richardson", max_entries=5000):
    """Check a layer alone: dx, and the gradient of each of its parameters.

    The loss is Σ dy ⊙ forward(x) with a *random* upstream gradient dy, for dy of all ones
    hides mistakes (the rows of a softmax sum to a constant).

    Parameters
    ----------
    layer : object
        With `forward(x)` and `backward(dy)`, which returns dx; dicts `params` and
        `grads` of arrays if it has parameters. A layer of ours that belongs to no model
        yet is given arrays of its own.
    x : ndarray
        Floats, float64 for the full precision; (B, n_in) for most layers. Keep it off
        kinks.
    rng : numpy.random.Generator
        Draws dy, and the parameters of a layer that has none yet.
    oracle, max_entries
        As in `check_gradient`.

    Returns
    -------
    Report
        With blocks "x" and one for each parameter.
    """
    check_generator("rng", rng)
    _give_memory(layer, rng, np.asarray(x).dtype)
    own = dict(getattr(layer, "params", None) or {})
    dtype = np.asarray(x).dtype
    parameters = Parameters({"x": x, **own})
    y = np.asarray(layer.forward(np.array(x)))
    dy = rng.standard_normal(y.shape).astype(y.dtype)

    def forward(flat):
        values = parameters.form(flat)
        for name, array in own.items():
            array[...] = values[name]
        return layer.forward(values["x"].astype(dtype))

    def backward():
        dx = layer.backward(dy)
        if dx is None:
            raise ValueError("backward: expected the gradient dx, got None")
        return parameters.gradient({"x": dx} | {name: layer.grads[name] for name in own})

    def claim(flat):
        forward(flat)
        return backward()

    sizes = {"B": len(x)}
    if y.ndim == 2 and np.ndim(x) == 2:
        sizes |= {"n_in": np.shape(x)[1], "n_out": y.shape[1]}
    by_rows = y.shape[:1] == np.shape(x)[:1]
    subject = Subject(
        lambda flat: (dy * forward(flat)).sum(),
        claim,
        parameters,
        again=backward,
        sizes=sizes,
        rows=by_rows and (lambda r: lambda flat: (dy * forward(flat))[r].sum()),
    )
    try:
        return examine(subject, oracle=oracle, max_entries=max_entries, rng=rng)
    finally:
        forward(parameters.flat)


def _give_memory(layer, rng, dtype):
    """Bind a layer of ours that has parameters but no arrays to hold them."""
    if getattr(layer, "shapes", None) and not layer.params:
        layer.bind(
            {name: np.zeros(shape, dtype) for name, shape in layer.shapes.items()},
            {name: np.zeros(shape, dtype) for name, shape in layer.shapes.items()},
        )
        layer.initialise(rng)


def check_likelihood(likelihood, x, y, rng, *, oracle="richardson", max_entries=5000):
    """Check ∂ log p(x|z) / ∂y, and the gradient of a likelihood's own parameters.

    Parameters
    ----------
    likelihood : object
        With `log_prob(x, y)` and `backward(dlogp)`, which returns dy.
    x : ndarray, shape (B, D)
        Data in the support.
    y : ndarray, shape (B, D) or (S, B, D)
        The decoder's output.
    rng : numpy.random.Generator
        Draws the upstream gradient dlogp.
    oracle, max_entries
        As in `check_gradient`.

    Returns
    -------
    Report
        In which the block called "x" is y, the layer's input.
    """
    _give_memory(likelihood, rng, np.asarray(y).dtype)
    layer = SimpleNamespace(  # from y to log p(x|z)
        forward=partial(likelihood.log_prob, x),
        backward=likelihood.backward,
        params=likelihood.params,
        grads=likelihood.grads,
    )
    return check_layer(layer, y, rng, oracle=oracle, max_entries=max_entries)


def guilty_layer(evidence, blocks):
    """A layer of the model is wrong when checked alone: a hypothesis of `check_model`."""
    test = evidence.subject.model
    found = check_layers_of(test.model, test.x)
    if not found or not blocks:
        return None
    said = []
    for place, (kind, wrong, alone) in found.items():
        what = " and ".join("dx" if name == "x" else f"d{name}" for name in wrong)
        said.append(
            f"{place} ({kind}) is wrong when checked alone: the {what} of its backward does"
            f" not fit its forward.{' Alone it says: ' + alone if alone else ''}"
        )
    return blocks, " ".join(said)


def check_layers_of(model, data):
    """Check every layer that a model shows, one by one.

    Parameters
    ----------
    model : object
        Its attributes with `layers`, or with `backward` and a width `n_in`, are looked
        at, and its `likelihood`.
    data : ndarray, shape (B, D)
        In the support of the likelihood.

    Returns
    -------
    dict of str to (str, list of str, str)
        By place, such as "decoder.1", what is wrong: the class, the names of the wrong
        gradients ("x" stands for dx), and the cause, if it is known.
    """
    rng, found = np.random.default_rng(0), {}
    (B, D), dtype = np.shape(data), model.theta.dtype

    def random(width):
        return rng.standard_normal((B, width)).astype(dtype)

    def note(place, layer, check, *args):
        report = check(layer, *args, rng, max_entries=100)
        wrong = [b.name for b in report.blocks.values() if b.verdict == WRONG]
        known = [h.why for h in report.hints if h.cause != "place"]
        if wrong:
            found[place] = (type(layer).__name__, wrong, " ".join(known[:1]))

    for name, part in vars(model).items():
        if hasattr(part, "log_prob"):
            note(name, part, check_likelihood, data, random(D))
        elif getattr(part, "layers", None) and part.n_in:
            x = random(part.n_in)
            for i, layer in enumerate(part.layers):
                note(f"{name}.{i}", layer, check_layer, x)
                x = layer.forward(x)
        elif hasattr(part, "backward") and getattr(part, "n_in", None):
            note(name, part, check_layer, random(part.n_in))
    return found
