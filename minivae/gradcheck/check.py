"""Check a gradient against the loss alone, and say where it is wrong, and why."""

from contextlib import suppress

import numpy as np

from minivae.errors import check_generator, check_number, check_whole
from minivae.gradcheck.diagnosis import diagnose
from minivae.gradcheck.evidence import Block, Direction, Evidence, Subject
from minivae.gradcheck.oracle import Oracle, first, scalar
from minivae.gradcheck.parameters import Parameters
from minivae.gradcheck.report import Report

SAMPLED = 32  # entries of each parameter of a large model, half of them the largest
DIRECTIONS = 2  # random directions for each parameter of a large model


def check_gradient(
    f,
    theta,
    grad,
    *,
    order=None,
    sizes=None,
    parts=None,
    tolerance=1e-6,
    oracle="richardson",
    max_entries=5000,
    rng=None,
):
    """Compare a claimed gradient with derivatives of the loss, and diagnose it.

    Parameters
    ----------
    f : callable
        theta -> scalar loss (or a tuple that begins with it). All noise must be frozen:
        f called twice returns the same number.
    theta : ndarray, or dict or list of ndarray, nested or not
        The point to check at; f gets float64 arrays in the same form. Inputs may be
        among them, if the gradient in them is claimed as well.
    grad : in the form of theta, or callable
        The gradient claimed, or theta -> that gradient. Only a callable can be called
        twice, which shows accumulation and stale values.
    order : list of str, optional
        All names in the order of the forward pass, by which the place of a mistake is
        found; the order of theta if not given. Nested names are joined by dots.
    sizes : dict of str to int, optional
        Such as {"B": 16, "D": 64, "K": 2}: the factors a wrong reduction brings in. Give
        sizes that differ from each other, and from 2 and 4.
    parts : dict of str to callable, optional
        Terms that add up to the loss, such as {"rec": f_rec, "kl": f_kl}, to tell which
        of them is differentiated wrongly.
    tolerance : float
        Largest relative error; `Block` defines it exactly.
    oracle : {"richardson", "central", "complex"}
        How derivatives are found; "complex" needs an f made of analytic operations.
    max_entries : int
        Up to so many parameters every entry is compared. In larger models, for each
        parameter, 16 entries with the largest claimed gradient, 16 at random, and 2
        random directions; where only a direction is wrong, halving finds an entry.
    rng : numpy.random.Generator, optional
        Chooses those entries and directions; `default_rng(0)` if none is given.

    Returns
    -------
    Report
        Truthy if all is right; `print(report)` shows table and diagnosis,
        `report.place` says where, `report.assert_ok()` raises in tests.

    Raises
    ------
    TypeError, ValueError
        If theta or grad are not finite floats of matching form, order is not made of
        their names, or f returns no scalar.

    Examples
    --------
    Two layers by somebody else, parameters in the order of the forward pass:

    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((5, 3))
    >>> p = {"A": rng.standard_normal((3, 4)), "B": rng.standard_normal((4, 2))}
    >>> def loss(p):
    ...     return ((np.tanh(x @ p["A"]) @ p["B"]) ** 2).sum()
    >>> def grad(p):
    ...     h = np.tanh(x @ p["A"])
    ...     dy = 2 * h @ p["B"]
    ...     dh = dy @ p["B"].T
    ...     return {"A": x.T @ (dh * (1 - h)), "B": h.T @ dy}
    >>> report = check_gradient(loss, p, grad)
    >>> report.place.first_wrong, report.place.last_right
    (('A',), ('B',))
    >>> print(str(report)[str(report).index("1. ") :])
    1. Backward is right as far as B and wrong from A on. Look between the two: the product
       with the weights, the derivative of the activation, whatever lies there without
       parameters, and another term of the loss that enters there.

    A program without a separate backward: with frozen noise and lr = 1, one step of plain
    gradient descent takes the gradient off the parameters::

        def grad(p):
            after = {name: array.copy() for name, array in p.items()}
            train_step(after, x, np.random.default_rng(0), lr=1.0)
            return {name: p[name] - after[name] for name in p}

    A torch module, after ``loss(module(x)).backward()`` in float64::

        params = {n: p.detach().numpy().copy() for n, p in module.named_parameters()}
        grads = {n: p.grad for n, p in module.named_parameters()}
        check_gradient(lambda p: loss(torch.func.functional_call(
            module, {n: torch.tensor(a) for n, a in p.items()}, (x,))), params, grads)

    A function of JAX, its parameters in any nest of dicts and lists; JAX sorts the names
    of a dict, so give their order, such as ["encoder.W", "encoder.b", "decoder.0"]::

        jax.config.update("jax_enable_x64", True)
        check_gradient(loss, params, jax.grad(loss), order=order)
    """
    parameters = Parameters(theta)

    def of_flat(g):
        return lambda flat: g(parameters.form(flat))

    subject = Subject(
        of_flat(f),
        of_flat(grad) if callable(grad) else lambda flat: grad,
        parameters,
        order=order,
        repeatable=callable(grad),
        sizes=dict(sizes or {}),
        parts={name: of_flat(part) for name, part in (parts or {}).items()},
    )
    return examine(
        subject, tolerance=tolerance, oracle=oracle, max_entries=max_entries, rng=rng
    )


def check_vjp(f, theta, vjp, rng, **options):
    """Check the derivative of a function whose value is an array.

    The loss is Σ dy ⊙ f(theta) with a *random* dy: one projection of the Jacobian, which a
    wrong vjp meets by accident with probability zero. All ones would hide mistakes (the
    rows of a softmax sum to a constant).

    Parameters
    ----------
    f : callable
        theta -> array.
    theta : as in `check_gradient`
    vjp : callable
        (theta, dy) -> Σ dy ⊙ ∂f/∂theta, in the form of theta; dy has the shape of f(theta).
    rng : numpy.random.Generator
        Draws dy.
    **options
        As in `check_gradient`.

    Returns
    -------
    Report
    """
    check_generator("rng", rng)
    parameters = Parameters(theta)
    dy = rng.standard_normal(first(f(parameters.form(parameters.flat.copy()))).shape)

    def projected(values):
        return (dy * first(f(values))).sum()

    return check_gradient(
        projected, theta, lambda values: vjp(values, dy), rng=rng, **options
    )


def examine(subject, *, tolerance=1e-6, oracle="richardson", max_entries=5000, rng=None):
    """Collect the evidence about a `Subject` and report on it.

    The same for functions, layers and models; for the parameters see `check_gradient`.
    """
    tolerance = check_number("tolerance", tolerance, minimum=0, exclusive=True)
    max_entries = check_whole("max_entries", max_entries, minimum=1)
    rng = np.random.default_rng(0) if rng is None else rng
    check_generator("rng", rng)
    theta, names = subject.parameters.flat, list(subject.parameters.layout)
    if subject.order is not None and sorted(subject.order) != sorted(names):
        raise ValueError(f"order: expected each of {names} once, got {list(subject.order)}")
    losses = [subject.loss(theta.copy()) for _ in range(3)]
    single = any(first(v).dtype in (np.float32, np.float16) for v in losses)
    evidence = Evidence(subject, [scalar(v) for v in losses], single)
    if np.isfinite(evidence.losses).all() and len(set(evidence.losses)) == 1:
        evidence.oracle = Oracle(subject.loss, theta, oracle)
        evidence.single |= _stepped(evidence.oracle, theta)
        misshapen, single = _collect_claims(evidence, rng)
        for name, (where, shape) in subject.parameters.layout.items():
            block = Block(name, where, shape, tolerance, misshapen.get(name))
            evidence.blocks[name] = block
            _look_at(evidence, block, max_entries, single, rng)
        largest = max(b.scale for b in evidence.blocks.values())
        for block in evidence.blocks.values():
            block.resolvable = 1e-4 * largest
            _find_kinks(evidence, block)
        evidence.single |= single
    found = evidence.blocks, *diagnose(evidence)
    return Report(*found, evidence.losses[0], oracle, tolerance)


def _collect_claims(evidence, rng):
    """Claim at a point near theta, then twice at theta, then backward once more."""
    subject, theta = evidence.subject, evidence.subject.parameters.flat
    read = subject.parameters.gradient
    if subject.repeatable:
        nearby = theta + 1e-3 * rng.standard_normal(theta.size)
        evidence.elsewhere = nearby, read(subject.claim(nearby.copy()))[0]
        evidence.claims.append(read(subject.claim(theta.copy()))[0])
    claimed, misshapen, single = read(subject.claim(theta.copy()))
    evidence.claims.append(claimed)
    with suppress(Exception):  # nobody promises a second backward without a forward
        evidence.claims += [read(subject.again())[0]] if subject.again else []
    return misshapen, single


def _look_at(evidence, block, max_entries, single, rng):
    """Compare the entries of a block, or some of them and random directions."""
    claimed, theta = evidence.claims[0], evidence.oracle.theta
    _compare(evidence, block, _chosen(block, claimed, max_entries, theta, rng))
    if not block.complete and block.given is None:
        _look_along(evidence, block, rng)
    if single:  # a float32 gradient has rounding errors of its own
        block.error = np.maximum(block.error, 1e-5 * block.scale)


def _compare(evidence, block, indices):
    """Add entries to those looked at."""
    block.indices = np.concatenate([block.indices, indices])
    block.claimed = evidence.claims[0][block.indices]
    block.expected, block.error = evidence.oracle.entries(block.indices)


def _chosen(block, claimed, max_entries, theta, rng):
    """All entries of a small model; the largest claimed and random ones of a large."""
    every = np.arange(block.where.start, block.where.stop)
    if theta.size <= max_entries or block.size <= SAMPLED:
        return every
    largest = np.argsort(-np.abs(claimed[block.where]))[: SAMPLED // 2]
    rest = np.setdiff1d(np.arange(block.size), largest)
    random = rng.choice(rest, size=SAMPLED - len(largest), replace=False)
    return every[np.sort(np.concatenate([largest, random]))]


def _look_along(evidence, block, rng):
    """Directional derivatives over the whole block, and an entry where one is wrong."""
    every = np.arange(block.size)
    for _ in range(DIRECTIONS):
        block.directions.append(_along(evidence, block, every, rng))
    if not block.wrong_directions or block.wrong.any():
        return
    inside = every
    while len(inside) > 1:  # halve towards the larger discrepancy
        halves = np.array_split(inside, 2)
        found = [_along(evidence, block, half, rng) for half in halves]
        off = [abs(d.claimed - d.expected) for d in found]
        inside = halves[int(off[1] > off[0])]
    _compare(evidence, block, np.setdiff1d(inside + block.where.start, block.indices))


def _along(evidence, block, inside, rng):
    """One `Direction` of random signs over the entries `inside` the block."""
    claimed = evidence.claims[0][block.where]
    v = np.zeros(evidence.oracle.theta.size)
    v[block.where.start + inside] = rng.choice([-1.0, 1.0], size=len(inside))
    v /= np.sqrt(len(inside))
    expected, error = evidence.oracle.along(v)
    rms = float(np.sqrt(np.mean(claimed[inside] ** 2)))
    product = float(claimed @ v[block.where])
    return Direction(product, expected, error, max(rms, abs(expected), abs(product)))


def _find_kinks(evidence, block):
    """Set apart the entries on a kink, where any slope between the two sides may do."""
    if evidence.oracle.method == "complex":
        return
    wrong = block.wrong
    for position in np.flatnonzero(wrong | block.undecided):
        claimed, index = block.claimed[position], int(block.indices[position])
        slopes = evidence.oracle.kink(index)
        if slopes and np.isfinite(claimed):
            jump = abs(slopes[1] - slopes[0])
            if min(slopes) - 1.01 * jump <= claimed <= max(slopes) + 1.01 * jump:
                block.kinks[index] = slopes
                continue
        if wrong[position]:
            return  # wrong with no kink to excuse it: the block's verdict stands


def _stepped(oracle, theta):
    """Whether the losses near theta are all float32 numbers, whatever their dtype."""
    rng = np.random.default_rng(0)
    near = [theta * (1 + 1e-3 * rng.standard_normal(theta.size)) for _ in range(6)]
    values = np.array([scalar(oracle.f(point)) for point in near])
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.all(values == values.astype(np.float32)) and len(set(values)) > 3)
