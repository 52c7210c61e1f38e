"""Check a gradient against the loss alone, and say what is wrong with it."""

import numpy as np

from minivae.errors import check_number, check_whole
from minivae.gradcheck.diagnosis import diagnose
from minivae.gradcheck.evidence import Block, Direction, Evidence, Subject
from minivae.gradcheck.oracle import Oracle, scalar
from minivae.gradcheck.parameters import Parameters
from minivae.gradcheck.report import Report

SAMPLED = 32  # entries of each parameter of a large model, half of them the largest
DIRECTIONS = 2  # random directions for each parameter of a large model


def check_gradient(
    f,
    theta,
    grad,
    *,
    layout=None,
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
    theta : ndarray or dict of str to ndarray
        The point to check at; f gets arrays in the same form, in float64.
    grad : ndarray, dict of str to ndarray, or callable
        The gradient claimed, in the form of theta, or theta -> that gradient. Only a
        callable can be called twice, which shows accumulation and stale values.
    layout : dict of str to (slice, shape), optional
        Names of the blocks of a flat theta.
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
        `report.assert_ok()` raises in tests.

    Raises
    ------
    TypeError, ValueError
        If theta or grad are not finite floats of matching form, or f returns no scalar.
    """
    parameters = Parameters(theta, layout)

    def claim(flat):
        value = grad(parameters.form(flat.copy())) if callable(grad) else grad
        return (*parameters.gradient(value), _is_single(value))

    def flat_loss(g):
        return lambda flat: g(parameters.form(flat))

    subject = Subject(
        flat_loss(f),
        claim,
        parameters,
        sizes=dict(sizes or {}),
        parts={name: flat_loss(part) for name, part in (parts or {}).items()},
    )
    return examine(
        subject,
        repeatable=callable(grad),
        tolerance=tolerance,
        oracle=oracle,
        max_entries=max_entries,
        rng=rng,
    )


def examine(
    subject,
    *,
    repeatable=True,
    tolerance=1e-6,
    oracle="richardson",
    max_entries=5000,
    rng=None,
):
    """Collect the evidence about a `Subject` and report on it.

    The same for functions, layers and models; for the parameters see `check_gradient`.
    """
    tolerance = check_number("tolerance", tolerance, minimum=0, exclusive=True)
    max_entries = check_whole("max_entries", max_entries, minimum=1)
    rng = np.random.default_rng(0) if rng is None else rng
    theta = subject.parameters.flat
    losses = [subject.loss(theta.copy()) for _ in range(3)]
    single = any(np.asarray(_first(v)).dtype in (np.float32, np.float16) for v in losses)
    losses = [scalar(v) for v in losses]
    evidence = Evidence(subject, None, {}, losses, [], single)
    if not np.isfinite(losses).all() or len(set(losses)) > 1:
        return _report(evidence, oracle, tolerance, blocked=True)
    evidence.oracle = Oracle(subject.loss, theta, oracle, rng)
    evidence.single |= _stepped(evidence.oracle, theta)
    _collect_claims(evidence, repeatable, rng)
    claimed, misshapen, claim_single = evidence.claims[0]
    evidence.claims = [claim[0] for claim in evidence.claims]
    for name, (where, shape) in subject.parameters.layout.items():
        block = _new_block(evidence, name, where, shape, tolerance)
        block.given = misshapen.get(name)
        _compare(evidence, block, claimed, _chosen(block, claimed, max_entries, theta, rng))
        if not block.complete and block.given is None:
            _look_along(evidence, block, claimed, rng)
        if claim_single:  # a float32 gradient has rounding errors of its own
            block.error = np.maximum(block.error, 1e-5 * block.scale)
    largest = max(b.scale for b in evidence.blocks.values())
    for block in evidence.blocks.values():
        block.resolvable = 1e-4 * largest
        _find_kinks(evidence, block)
    evidence.single |= claim_single
    return _report(evidence, oracle, tolerance, blocked=False)


def _report(evidence, oracle, tolerance, blocked):
    hints, notes, misbehaves = diagnose(evidence)
    loss = evidence.losses[0]
    blocks = evidence.blocks
    return Report(blocks, hints, notes, loss, oracle, tolerance, blocked, misbehaves)


def _collect_claims(evidence, repeatable, rng):
    """Claim at a point near theta, then twice at theta, then backward once more."""
    subject, theta = evidence.subject, evidence.subject.parameters.flat
    if repeatable:
        nearby = theta + 1e-3 * rng.standard_normal(theta.size)
        evidence.elsewhere = nearby, subject.claim(nearby)[0]
        evidence.claims.append(subject.claim(theta.copy()))
    evidence.claims.append(subject.claim(theta.copy()))
    if subject.again is not None:
        evidence.claims.append(subject.again())


def _new_block(evidence, name, where, shape, tolerance):
    none = np.empty(0)
    block = Block(name, where, shape, tolerance, none.astype(int), none, none, none)
    evidence.blocks[name] = block
    return block


def _compare(evidence, block, claimed, indices):
    """Add entries to those looked at."""
    expected, error = evidence.oracle.entries(indices)
    block.indices = np.concatenate([block.indices, indices]).astype(int)
    block.claimed = np.concatenate([block.claimed, claimed[indices]])
    block.expected = np.concatenate([block.expected, expected])
    block.error = np.concatenate([block.error, error])


def _chosen(block, claimed, max_entries, theta, rng):
    """All entries of a small model; the largest claimed and random ones of a large."""
    every = np.arange(block.where.start, block.where.stop)
    if theta.size <= max_entries or block.size <= SAMPLED:
        return every
    largest = np.argsort(-np.abs(claimed[block.where]))[: SAMPLED // 2]
    rest = np.setdiff1d(np.arange(block.size), largest)
    random = rng.choice(rest, size=SAMPLED - len(largest), replace=False)
    return every[np.sort(np.concatenate([largest, random]))]


def _look_along(evidence, block, claimed, rng):
    """Directional derivatives over the whole block, and an entry where one is wrong."""
    every = np.arange(block.size)
    for _ in range(DIRECTIONS):
        block.directions.append(_along(evidence, block, claimed, every, rng))
    if not block.wrong_directions or block.wrong.any():
        return
    inside = every
    while len(inside) > 1:  # halve towards the larger discrepancy
        halves = np.array_split(inside, 2)
        found = [_along(evidence, block, claimed, half, rng) for half in halves]
        off = [abs(d.claimed - d.expected) for d in found]
        inside = halves[int(off[1] > off[0])]
    _compare(
        evidence, block, claimed, np.setdiff1d(inside + block.where.start, block.indices)
    )


def _along(evidence, block, claimed, inside, rng):
    """One `Direction` of random signs over the entries `inside` the block."""
    v = np.zeros(evidence.oracle.theta.size)
    v[block.where.start + inside] = rng.choice([-1.0, 1.0], size=len(inside))
    v /= np.sqrt(len(inside))
    expected, error = evidence.oracle.along(v)
    rms = float(np.sqrt(np.mean(claimed[block.where][inside] ** 2)))
    product = float(claimed[block.where] @ v[block.where])
    return Direction(product, expected, error, max(rms, abs(expected), abs(product)))


def _find_kinks(evidence, block):
    """Set apart the entries on a kink, where any slope between the two sides may do."""
    if evidence.oracle.method == "complex" or block.given is not None:
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


def _first(value):
    return value[0] if isinstance(value, tuple) else value


def _is_single(value):
    """Whether a gradient is float32 throughout."""
    arrays = value.values() if isinstance(value, dict) else [value]
    return all(np.asarray(a).dtype in (np.float32, np.float16) for a in arrays)


def _stepped(oracle, theta):
    """Whether the losses near theta are all float32 numbers, whatever their dtype."""
    rng = np.random.default_rng(0)
    near = [theta * (1 + 1e-3 * rng.standard_normal(theta.size)) for _ in range(6)]
    values = np.array([scalar(oracle.f(point)) for point in near])
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.all(values == values.astype(np.float32)) and len(set(values)) > 3)
