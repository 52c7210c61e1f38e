"""Which layer takes whose output, from shapes, or from the loss."""

import numpy as np
import pytest

from minivae.gradcheck import check_gradient
from minivae.gradcheck.evidence import names_of
from minivae.gradcheck.graph import _measure, connected, grouped
from minivae.gradcheck.place import locate


def chain(f, p):
    """{weight: names of the weights whose output its layer takes} for a wrong gradient."""
    found = {}

    def spy(evidence):
        for layer in connected(evidence):
            found[layer.weight.name] = [other.weight.name for other in layer.takes]
        return locate(evidence)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("minivae.gradcheck.diagnosis.locate", spy)
        check_gradient(f, p, {n: np.ones_like(a) for n, a in p.items()}, oracle="central")
    return found


def square_vae(eps_scale=1.0, columns=False):
    """All widths 3: only the loss tells heads from a chain."""
    rng = np.random.default_rng(4)
    x, eps = rng.standard_normal((5, 3)), rng.standard_normal((5, 3))
    p = {f"W{i}": rng.standard_normal((3, 3)) for i in range(5)}
    p = {
        k: v for i in range(5) for k, v in ((f"W{i}", p[f"W{i}"]), (f"b{i}", p[f"W{i}"][0]))
    }

    def f(p):
        w = [p[f"W{i}"].T if columns else p[f"W{i}"] for i in range(5)]
        h = np.tanh(x @ w[0] + p["b0"])
        mu, lv = h @ w[1] + p["b1"], h @ w[2] + p["b2"]
        k = np.tanh((mu + eps_scale * np.exp(lv / 2) * eps) @ w[3] + p["b3"])
        return ((k @ w[4] + p["b4"] - x) ** 2).sum() + (mu**2 + np.exp(lv) - lv).sum()

    return f, p


@pytest.mark.parametrize("columns", [False, True])
def test_square_heads_are_told_from_a_chain_by_the_loss(columns):
    f, p = square_vae(columns=columns)
    assert chain(f, p) == {
        "W0": [],
        "W1": ["W0"],
        "W2": ["W0"],
        "W3": ["W1", "W2"],
        "W4": ["W3"],
    }


def test_square_layers_in_a_row_are_a_chain():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((5, 3))
    p = {f"W{i}": rng.standard_normal((3, 3)) for i in range(4)}

    def f(p):
        h = x
        for w in p.values():
            h = np.tanh(h @ w)
        return (h**2).sum()

    assert chain(f, p) == {"W0": [], "W1": ["W0"], "W2": ["W1"], "W3": ["W2"]}


def test_a_loss_that_raises_elsewhere_loses_no_report():
    f, p = square_vae()

    def fragile(q):
        if any(not q[n].any() for n in q):
            raise RuntimeError("weights of zero")
        return f(q)

    assert set(chain(fragile, p)) == {"W0", "W1", "W2", "W3", "W4"}


class Block:
    def __init__(self, name, *shape):
        self.name, self.shape, self.size = name, shape, int(np.prod(shape))


@pytest.mark.parametrize(
    ("blocks", "layers"),
    [
        ([("W", 3, 2), ("b", 2), ("V", 2, 4), ("c", 4)], ["W b", "V c"]),
        ([("b", 2), ("W", 3, 2), ("c", 4), ("V", 2, 4)], ["b W", "c V"]),
        ([("W", 3, 2), ("V", 2, 4), ("b", 2), ("c", 4)], ["W b", "V c"]),
        ([("W", 3, 2), ("V", 3, 2), ("b", 1, 2), ("c", 1, 2)], ["W b", "V c"]),
        ([("W", 2, 3), ("b", 2, 1), ("V", 2, 3), ("c", 2, 1)], ["W b", "V c"]),
        ([("W", 3, 2), ("V", 2, 1)], ["W", "V"]),
        ([("W", 3, 2), ("b", 2), ("gamma", 2), ("beta", 2)], ["W b", "gamma beta"]),
        ([("W", 3, 2), ("b", 2), ("log_c",)], ["W b", "log_c"]),
        ([("K", 8, 1, 3, 3), ("b", 8), ("W", 32, 5), ("c", 5)], ["K b", "W c"]),
    ],
)
def test_weights_and_biases_are_put_together(blocks, layers):
    found = grouped([Block(*b) for b in blocks])
    assert sorted(" ".join(sorted(names_of(layer.blocks))) for layer in found) == sorted(
        " ".join(sorted(names.split())) for names in layers
    )


def test_square_matrices_have_no_say_in_rows_or_columns():
    """A (5, 3) has no bias: that it is used as x A is seen from the last, (3, 2)."""
    blocks = [
        ("A", 5, 3),
        ("S", 3, 3),
        ("s", 3),
        ("T", 3, 3),
        ("t", 3),
        ("C", 3, 2),
        ("c", 2),
    ]
    layers = grouped([Block(*b) for b in blocks])
    _measure(layers)
    assert [(layer.n_in, layer.n_out) for layer in layers] == [
        (5, 3),
        (3, 3),
        (3, 3),
        (3, 2),
    ]
