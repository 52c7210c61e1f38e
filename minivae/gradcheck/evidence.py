"""What the check collects about a gradient, for the verdict and for the diagnosis."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from minivae.gradcheck.oracle import Oracle
from minivae.gradcheck.parameters import Parameters

RIGHT, WRONG, UNDECIDED = "ok", "WRONG", "undecided"
SAFETY = 10  # how many of its own error estimates an oracle may be off


@dataclass
class Subject:
    """What is checked, in one shape for functions, layers and models.

    loss : flat theta -> scalar. claim : flat theta -> the gradient, in theta's own form.
    order : names of the parameters in the order of the forward pass, if not the layout's.
    again : the claim by one more backward without a forward, or None.
    repeatable : whether `claim` can be called again.
    sizes : numbers such as {"B": 16} that a forgotten or doubled mean brings in.
    parts : name -> (loss of one term), terms that add up to the loss.
    rows : r -> (loss of example r's contribution alone), or None.
    model : what the hypotheses about models may ask of one (`models.ModelUnderTest`).
    hypotheses : more of them, asked when no other has an answer.
    """

    loss: Callable
    claim: Callable
    parameters: Parameters
    order: list | None = None
    again: Callable | None = None
    repeatable: bool = True
    sizes: dict = field(default_factory=dict)
    parts: dict = field(default_factory=dict)
    rows: Callable | None = None
    model: object = None
    hypotheses: list = field(default_factory=list)


@dataclass
class Direction:
    """A directional derivative of one block: claimed, expected, and its size."""

    claimed: float
    expected: float
    error: float
    scale: float


@dataclass(eq=False)
class Block:
    """One parameter: the entries looked at, what was claimed and what was expected.

    The relative error of an entry is |claimed - expected| / scale with one scale for the
    whole block, the largest |claimed| or |expected| in it. So an entry that happens to be
    tiny does not explode, and the figure never exceeds 2.

    An entry is WRONG if the difference exceeds tolerance · scale plus ten times the
    oracle's own error, undecided if that error alone exceeds tolerance · scale or the
    entry stands on a kink, and ok otherwise. A directional derivative is judged in the
    same way, with the norm of the claimed block for scale.
    """

    name: str
    where: slice
    shape: tuple
    tolerance: float
    given: np.ndarray | None = None
    indices: np.ndarray = field(default_factory=lambda: np.empty(0, int))
    claimed: np.ndarray = field(default_factory=lambda: np.empty(0))
    expected: np.ndarray = field(default_factory=lambda: np.empty(0))
    error: np.ndarray = field(default_factory=lambda: np.empty(0))
    kinks: dict = field(default_factory=dict)
    directions: list = field(default_factory=list)
    resolvable: float = 0.0

    @property
    def size(self):
        return self.where.stop - self.where.start

    @property
    def complete(self):
        """Whether every entry was looked at."""
        return len(self.indices) == self.size

    @property
    def readable(self):
        """Whether all that was claimed are finite numbers, in the right shape."""
        return bool(np.isfinite(self.claimed).all())

    @property
    def idle(self):
        """Whether the loss does not depend on the parameter."""
        return not self.expected.any() and not any(d.expected for d in self.directions)

    @property
    def scale(self):
        """The largest |claimed| or |expected| among the entries looked at."""
        both = np.abs(np.concatenate([self.claimed, self.expected]))
        return float(np.max(both[np.isfinite(both)], initial=0.0))

    @property
    def difference(self):
        """|claimed - expected| of each entry; infinite where claimed is not finite."""
        difference = np.abs(self.claimed - self.expected)
        difference[np.isnan(self.expected)] = 0.0  # the oracle has nothing to say
        difference[~np.isfinite(self.claimed)] = np.inf
        return difference

    @property
    def wrong(self):
        """Mask of the entries that are wrong."""
        on_kink = np.isin(self.indices, list(self.kinks))
        error = np.where(np.isfinite(self.error), self.error, 0.0)
        too_far = self.difference > self.tolerance * self.scale + SAFETY * error
        return too_far & ~on_kink & (np.isfinite(self.error) | ~np.isfinite(self.claimed))

    @property
    def undecided(self):
        """Mask of the entries that the oracle cannot resolve."""
        allowed = self.tolerance * max(self.scale, self.resolvable)
        blurred = ~(allowed >= SAFETY * self.error)
        return (blurred | np.isin(self.indices, list(self.kinks))) & ~self.wrong

    @property
    def wrong_directions(self):
        """The directional derivatives that are wrong."""
        return [
            d
            for d in self.directions
            if abs(d.claimed - d.expected) > self.tolerance * d.scale + SAFETY * d.error
        ]

    @property
    def verdict(self):
        """WRONG, undecided or ok."""
        if self.wrong.any() or self.wrong_directions:
            return WRONG
        return UNDECIDED if self.undecided.any() else RIGHT

    @property
    def worst(self):
        """Position, in `indices`, of the largest error among the entries to show."""
        for shown in (self.wrong, self.undecided):
            if shown.any():
                return int(np.argmax(np.where(shown, self.difference, -1)))
        return int(np.argmax(self.difference))

    @property
    def relative_error(self):
        """The worst entry's error divided by the block's scale; 0 for 0/0."""
        worst = self.difference[self.worst]
        return float(worst / self.scale) if worst > 0 and self.scale > 0 else 0.0

    def entry_name(self, position):
        """The index of an entry within the parameter, such as [2, 5]."""
        inside = int(self.indices[position]) - self.where.start
        return [int(i) for i in np.unravel_index(inside, self.shape)] if self.shape else []

    def array(self, values):
        """Values of all entries, in the parameter's own shape."""
        return np.asarray(values).reshape(self.shape)

    @property
    def freedom(self):
        """How many numbers a wrong gradient could have chosen freely in this block.

        With a batch of one a matrix of gradients is a product of two vectors, of which
        the right one may be given: so few numbers can fit a formula by chance.
        """
        if len(self.shape) < 2 or not self.complete:
            return int(np.count_nonzero(self.expected))
        matrix = self.array(self.expected).reshape(self.shape[0], -1)
        if not np.isfinite(matrix).all():
            return 0
        strengths = np.linalg.svd(matrix, compute_uv=False)
        return int((strengths > 1e-6 * strengths[0]).sum()) * min(matrix.shape)

    def matches(self, predicted, claimed=None, error=None):
        """Whether `predicted` explains what is claimed, to the tolerance and the `error`.

        The claimed entries and the oracle's own error of each, if no others are given.
        """
        claimed = self.claimed if claimed is None else claimed
        error = self.error if error is None else error
        allowed = self.tolerance * np.max(np.abs(claimed), initial=0.0) + SAFETY * error
        near = np.abs(claimed - predicted) <= allowed
        return bool(np.isfinite(claimed).all() and near.all())


@dataclass(eq=False)
class Evidence:
    """Everything the hypotheses may look at.

    losses : the loss at theta, called three times.
    claims : flat gradients claimed at theta by one call, or by two one after another and,
        where it can be had, by one more backward alone.
    elsewhere : (a theta a little way off, the gradient claimed there), or None.
    single : whether float32 blurs the comparison.
    """

    subject: Subject
    losses: list
    single: bool
    oracle: Oracle | None = None
    blocks: dict = field(default_factory=dict)
    claims: list = field(default_factory=list)
    elsewhere: tuple | None = None
    other_oracles: dict = field(default_factory=dict)

    def blocks_of(self, verdict):
        """The blocks of one verdict, in the order of the layout."""
        return [b for b in self.blocks.values() if b.verdict == verdict]

    @cached_property
    def restless(self):
        """The blocks whose gradient is another when it is asked for again.

        Nobody promises a second backward without a forward; of that only a gradient that
        came back doubled counts.
        """
        found = []
        for b in self.blocks.values() if len(self.claims) > 1 else ():
            claims = np.array([claim[b.where] for claim in self.claims])
            one, two, more = claims[0], claims[1], claims[-1]
            if np.isfinite(claims).all():
                near = {"rtol": 1e-9, "atol": 1e-13 * b.scale}
                doubled = two.any() and np.allclose(2 * two, more, **near)
                if doubled or not np.allclose(one, two, **near):
                    found.append(b)
        return found

    @cached_property
    def wrong(self):
        """The blocks that are wrong, or not the same each time."""
        return self.blocks_of(WRONG) + [b for b in self.restless if b.verdict != WRONG]

    def part(self, name, indices):
        """Derivatives of one term of the loss, and their errors, at flat indices.

        The terms add up, so the last is the whole less the others: no need to evaluate.
        """
        *first, last = self.subject.parts
        if name != last:
            return self.differentiate(name, self.subject.parts[name]).entries(indices)
        expected, error = self.oracle.entries(indices)
        for other in first:
            value, more = self.part(other, indices)
            expected, error = expected - value, error + more
        return expected, error

    def differentiate(self, name, f):
        """The `Oracle` for another loss at the same point, kept by its name."""
        if name not in self.other_oracles:
            self.other_oracles[name] = Oracle(f, self.oracle.theta, noise=self.oracle.noise)
        return self.other_oracles[name]


def names_of(blocks):
    """The names of blocks, as a list."""
    return [block.name for block in blocks]


def listed(blocks):
    """The names of blocks, as words."""
    return ", ".join(names_of(blocks))
