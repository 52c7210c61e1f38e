"""Check single layers and likelihoods, whoever wrote them."""

from functools import partial
from types import SimpleNamespace

import numpy as np

from minivae.errors import check_generator
from minivae.gradcheck.check import examine
from minivae.gradcheck.evidence import WRONG, Subject
from minivae.gradcheck.parameters import Parameters


def check_layer(layer, x, rng, **options):
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
    **options
        `tolerance`, `oracle` and `max_entries`, as in `check_gradient`.

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
        return {"x": dx} | {name: layer.grads[name] for name in own}

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
        return examine(subject, rng=rng, **options)
    finally:
        forward(parameters.flat)


def _give_memory(layer, rng, dtype):
    """Bind a layer of ours that has parameters but no arrays to hold them."""
    if getattr(layer, "shapes", None) and not layer.params:
        shapes = layer.shapes.items()
        params, grads = ({n: np.zeros(s, dtype) for n, s in shapes} for _ in range(2))
        layer.bind(params, grads)
        layer.initialise(rng)


def check_likelihood(likelihood, x, y, rng, **options):
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
    **options
        `tolerance`, `oracle` and `max_entries`, as in `check_gradient`.

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
    return check_layer(layer, y, rng, **options)


def guilty_layer(evidence, blocks):
    """A layer of the model is wrong when checked alone: a hypothesis of `check_model`."""
    test = evidence.subject.model
    said = list(wrong_layers(test.model, test.x))
    return (blocks, " ".join(said)) if said else None


def wrong_layers(model, data):
    """Check every layer that a model shows, one by one.

    Parameters
    ----------
    model : object
        Its attributes with `layers`, or with `backward` and a width `n_in`, are looked
        at, and its `likelihood`.
    data : ndarray, shape (B, D)
        In the support of the likelihood.

    Yields
    ------
    str
        Place, such as decoder.1, class and gradients of a layer that is wrong, and the
        cause, if it is known.
    """
    rng = np.random.default_rng(0)
    (B, D), dtype = np.shape(data), model.theta.dtype

    def random(width):
        return rng.standard_normal((B, width)).astype(dtype)

    def shown():
        for name, part in vars(model).items():
            if hasattr(part, "log_prob"):
                yield name, check_likelihood, part, data, random(D)
            elif getattr(part, "layers", None) and part.n_in:
                x = random(part.n_in)
                for i, layer in enumerate(part.layers):
                    yield f"{name}.{i}", check_layer, layer, x
                    x = layer.forward(x)
            elif hasattr(part, "backward") and getattr(part, "n_in", None):
                yield name, check_layer, part, random(part.n_in)

    for place, check, layer, *arrays in shown():
        report = check(layer, *arrays, rng, max_entries=100)
        wrong = [f"d{b.name}" for b in report.blocks.values() if b.verdict == WRONG]
        known = [f" Alone it says: {h.why}" for h in report.hints if h.cause != "place"]
        if wrong:
            yield (
                f"{place} ({type(layer).__name__}) is wrong when checked alone: the"
                f" {' and '.join(wrong)} of its backward does not fit its forward."
                + "".join(known[:1])
            )
