"""Which layer takes whose output, from the shapes of the parameters and from the loss.

The parameters come in the order of the forward pass. A weight and its bias are one layer,
whose widths say what it can take as its input: two heads on one input are no chain. Where
square matrices leave that open, the loss is asked.
"""

from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise

import numpy as np

from minivae.gradcheck.differences import Estimate
from minivae.gradcheck.oracle import Oracle


@dataclass(eq=False)
class Layer:
    """A weight with its bias.

    takes, gives : the layers whose output is its input, and the reverse.
    right, wrong : those of its blocks that are known to be so, which `place` finds out.
    """

    blocks: list
    n_in: int | None = None
    n_out: int | None = None
    takes: list = field(default_factory=list)
    gives: list = field(default_factory=list)
    right: list = field(default_factory=list)
    wrong: list = field(default_factory=list)

    @property
    def weight(self):
        return self.blocks[0]

    @property
    def aside(self):
        """A lone number, such as a learned variance: no gradient passes through it."""
        return self.weight.size == 1 and len(self.weight.shape) < 2


def connected(evidence):
    """The layers in the order of the forward pass, with those whose output each takes."""
    order = evidence.subject.order or evidence.blocks
    layers = grouped([evidence.blocks[name] for name in order])
    _measure(layers)
    chain = [layer for layer in layers if not layer.aside]
    ends = []
    for i, layer in enumerate(chain):
        later = layer.blocks[1:] + [b for other in chain[i + 1 :] for b in other.blocks]
        follows = partial(_in_series, evidence.oracle, later, layer)
        layer.takes = _inputs(layer, chain[:i], ends, follows)
        for other in layer.takes:
            other.gives.append(layer)
        ends = [e for e in ends if e not in layer.takes] + [layer]
    return layers


def _inputs(layer, earlier, ends, follows):
    """The layers whose output a layer takes; `ends` are those that nobody has taken yet."""
    fitting = [e for e in ends if layer.n_in and e.n_out == layer.n_in]
    for end in fitting:
        if end.n_in == layer.n_in and not follows(end):  # square: side by side, or a chain?
            return end.takes
    if fitting:
        ways = [e.takes for e in fitting]
        return [e for e in ends if e in fitting or (e.takes and e.takes in ways)]
    beside = [e for e in earlier if layer.n_in and e.n_in == layer.n_in]
    if beside and not any(follows(end) for end in ends):
        return beside[-1].takes
    return list(ends)


def grouped(blocks):
    """Weights with their biases: each after its weight, or in the order of the weights."""
    weights_first = sorted(blocks, key=lambda b: sum(n > 1 for n in b.shape) < 2)
    adjacent = _joined(blocks, lambda layers: layers[-1:])
    in_order = _joined(weights_first, lambda layers: layers)
    return in_order if len(in_order) < len(adjacent) else adjacent


def _joined(blocks, candidates):
    """Each block with the first weight of the candidates that it can be the bias of."""
    layers = []
    for block in blocks:
        lone = [layer for layer in candidates(layers) if len(layer.blocks) == 1]
        fitting = [layer for layer in lone if _axes(layer.weight, block)]
        if fitting:
            fitting[0].blocks.append(block)
        else:
            layers.append(Layer([block]))
    return layers


def _axes(weight, bias):
    """The axes of a weight along which a bias can run, by their shapes."""
    shapes = weight.shape * np.eye(len(weight.shape), dtype=int)
    alone = [tuple(np.maximum(shape, 1)) for shape in shapes]  # as a sum with keepdims
    return [i for i, n in enumerate(weight.shape) if bias.shape in ((n,), alone[i])]


def _measure(layers):
    """n_in and n_out of each layer: rows (x W) or columns (W x), by the biases's sizes."""
    matrices = [layer for layer in layers if len(layer.weight.shape) == 2]
    along = {layer: _axes(*layer.blocks) for layer in matrices if len(layer.blocks) > 1}
    own = {layer: axes[0] for layer, axes in along.items() if len(axes) == 1}
    votes = list(own.values())
    if not votes:
        shapes = [layer.weight.shape for layer in matrices]
        votes = [a for u, v in pairwise(shapes) for a in (0, 1) if u[a] == v[1 - a]]
    usual = 0 if votes.count(0) > votes.count(1) else 1
    for layer in layers:
        shape, axis = layer.weight.shape, own.get(layer, usual)
        if len(shape) == 2:
            layer.n_in, layer.n_out = shape[1 - axis], shape[axis]
        elif len(shape) == 1:
            layer.n_out = shape[0]


def _in_series(oracle, later, b, a):
    """Whether b works on what a puts out, asked of the loss alone.

    Without a's weights b's input is the same in all its units, if it comes from a; so are
    the derivatives of b's weights. Without b's weights nothing later can change what a
    does to the loss, if a acts through b only.
    """
    rng = np.random.default_rng(0)
    off = [(a.weight, 0.0)] + [(bias, 0.5) for bias in a.blocks[1:]]
    for axis in (0, 1) if len(b.weight.shape) == 2 else ():
        units = np.zeros((2, *b.weight.shape))  # two inputs of b, to all its outputs
        signs = rng.choice([-1.0, 1.0], size=b.weight.shape[1 - axis])
        for i in (0, 1):
            np.moveaxis(units[i], axis, 0)[-i] = signs
        before, _ = _slopes(oracle, [], b.weight, units)
        if _same(*_slopes(oracle, off, b.weight, units)) and not _same(before, ZERO):
            return True
    away = [(c, oracle.theta[c.where] + rng.standard_normal(c.size)) for c in later]
    direction = [rng.choice([-1.0, 1.0], size=a.weight.size)]
    one = _slopes(oracle, [(b.weight, 0.0)], a.weight, direction)
    two = _slopes(oracle, [(b.weight, 0.0), *away], a.weight, direction)
    return bool(away) and _same(*one, *two)


ZERO = Estimate(0.0, 0.0)


def _slopes(oracle, changes, block, directions):
    """Derivatives along directions in a block, where other blocks are changed."""
    theta = oracle.theta.copy()
    for other, value in changes:
        theta[other.where] = value
    try:
        changed, found = Oracle(oracle.f, theta, noise=oracle.noise), []
        for direction in directions:
            v = np.zeros(theta.size)
            v[block.where] = np.ravel(direction)
            found.append(changed.along(v))
        return found
    except Exception:  # a loss that cannot be asked there
        return [Estimate(np.nan, np.inf)] * len(directions)


def _same(one, two):
    size = max(abs(one.value), abs(two.value))
    return abs(one.value - two.value) <= 1e-6 * size + 10 * (one.error + two.error)
