"""Parameters in any form, and what is said about what is none."""

from collections import namedtuple

import numpy as np
import pytest

from minivae.gradcheck import check_gradient
from minivae.gradcheck.parameters import Parameters

Pair = namedtuple("Pair", "W b")
W, B = np.arange(6.0).reshape(2, 3), np.ones(3)
FORMS = {
    "array": (W, ["theta"]),
    "dict": ({"W": W, "b": B}, ["W", "b"]),
    "list": ([W, B], ["0", "1"]),
    "tuple": ((W, B), ["0", "1"]),
    "pairs": ([(W, B), (B, W)], ["0.0", "0.1", "1.0", "1.1"]),
    "nested": (
        {"enc": {"W": W, "b": B}, "dec": [B, 2.5]},
        ["enc.W", "enc.b", "dec.0", "dec.1"],
    ),
    "named": (Pair(W, B), ["0", "1"]),
    "float32": ({"W": W.astype(np.float32)}, ["W"]),
}


def total(tree, f):
    """Σ over all entries of f."""
    if isinstance(tree, dict):
        tree = list(tree.values())
    if isinstance(tree, (list, tuple)):
        return sum(total(t, f) for t in tree)
    return f(tree).sum()


def mapped(tree, f):
    if isinstance(tree, dict):
        return {key: mapped(t, f) for key, t in tree.items()}
    if isinstance(tree, (list, tuple)):
        return getattr(tree, "_make", type(tree))([mapped(t, f) for t in tree])
    return f(tree)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_goes_there_and_back(form):
    theta, names = FORMS[form]
    parameters = Parameters(theta)
    assert list(parameters.layout) == names
    again = parameters.form(parameters.flat)
    assert type(again) is type(theta)
    np.testing.assert_array_equal(Parameters(again).flat, parameters.flat)
    moved = mapped(theta, lambda a: np.asarray(a, float) + 0.1)
    report = check_gradient(lambda t: total(t, np.sin), moved, lambda t: mapped(t, np.cos))
    report.assert_ok()
    assert list(report.blocks) == names
    wrong = check_gradient(lambda t: total(t, np.sin), moved, lambda t: mapped(t, np.sin))
    assert wrong.verdict == "WRONG" and set(wrong.place.first_wrong) <= set(names)


class Module:
    """Somebody's object that is no array."""


@pytest.mark.parametrize("theta", [Module(), {"m": Module()}, [None], "W", {"W": "W"}])
def test_what_is_no_array_hears_what_to_pass(theta):
    with pytest.raises(
        TypeError, match=r"expected an array .* dict or list .* torch module"
    ):
        check_gradient(lambda t: 0.0, theta, theta)


def test_a_gradient_that_did_not_arrive_is_named():
    with pytest.raises(TypeError, match=r"grad of W: expected an array .* got NoneType"):
        check_gradient(lambda p: p["W"].sum(), {"W": W}, {"W": None})


def test_two_parameters_of_one_name_are_refused():
    with pytest.raises(ValueError, match=r"two 'a\.b'"):
        Parameters({"a.b": B, "a": {"b": B}})


@pytest.mark.parametrize("shape", [(2,), (3, 2), (6,), (1, 2, 3)])
def test_another_shape_does_not_fit(shape):
    flat, misshapen, _ = Parameters({"W": W}).gradient({"W": np.ones(shape)})
    assert np.isnan(flat).all() and misshapen["W"].shape == shape


@pytest.mark.parametrize(
    ("theta", "grad", "words"),
    [
        (B, [1.0, 1.0, 1.0], "expected a ndarray as theta is, got list"),
        ([B], B, "expected a list as theta is, got ndarray"),
        ({"W": W}, [W], "expected a dict as theta is, got list"),
    ],
)
def test_a_gradient_in_another_form_is_refused(theta, grad, words):
    with pytest.raises(TypeError, match=words):
        Parameters(theta).gradient(grad)
