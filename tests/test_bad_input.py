"""Nothing silent: every public call, each argument exchanged for what it cannot be.

A call either refuses the exchange with a TypeError or ValueError that names the argument,
or gives what it gives for the right value: a list or another precision may be converted.
Where values are not looked at, on the path of every training step, a NaN must come out
where it went in. What is refused must have changed nothing.
"""

import inspect
import re
from fractions import Fraction

import numpy as np
import pytest
from bad_calls import CALLS, Bare

from minivae import VAE
from minivae.inference import annealed, bounds, diagnostics, gap
from minivae.inference.exact import linear_gaussian, mixture, quadrature
from minivae.model import Model

# They take what was checked: no arrays, or what an outer function made.
INNER = {"hmc_step", "log_ratio", "backward"}
SHAPES = {"one number", "narrower", "a row", "empty", "longer"}
# Exchanges that are right, although another result comes: (call, argument) -> which.
MORE_ROWS = """
    encode posterior_mean latent reconstruct Autoencoder.code Autoencoder.loss active_units
    importance_log_likelihood annealed_log_likelihood fit_posterior gap_report
    quadrature.log_prob quadrature.posterior LinearGaussian.log_prob
    LinearGaussian.posterior GaussianMixture.log_joint GaussianMixture.log_prob
    GaussianMixture.responsibilities"""
ANY_SIZE = "fit_ppca max_log_likelihood fit_mixture exact_posterior log_evidence cavi.fit"
RIGHT = {
    **{(name, "x"): {"longer"} for name in MORE_ROWS.split()},
    **{(name, "x"): {"narrower", "longer", "one number"} for name in ANY_SIZE.split()},
    **{(name, "eps"): {"longer"} for name in ("score_terms", "pathwise_terms")},
    **{(name, "c"): {"None"} for name in ("fit_ppca", "max_log_likelihood")},
    **{(name, "condition"): {"zero"} for name in ("VAE.mlp", "VAE.conv")},
    **{
        (name, "z"): {"a row", "longer", "infinite"}
        for name in ("decode", "decoder_output")
    },
    ("VAE.mlp", "hidden"): {"an empty list"},
    ("sample", "rng"): {"None"},
    ("given", "labels"): {"zero"},
    ("patches", "images"): {"narrower", "longer", "empty"},
    ("scatter", "maps"): {"longer", "empty"},
    ("mean_and_error", "values"): {"narrower", "longer"},
    ("bbvi.compare", "exact"): {"longer"},
}


def no_mistake(name, argument, what):
    """Whether the exchange is right there, although another result comes."""
    method = name.rpartition(".")[2]
    if method == "forward":  # any batch, any shape where numbers are taken one by one
        wide = name.startswith(("Linear", "Conv", "Condition", "Sequential"))
        return what in ({"longer", "empty"} if wide else SHAPES) | {"infinite"}
    if method in ("mean", "sample", "check") and argument in ("x", "y"):
        return what in SHAPES | ({"infinite"} if method == "mean" else set())
    return what in RIGHT.get((name, argument), ())


def exchanges(good):
    """(what, value) pairs of things that stand where `good` stood, and are wrong."""
    yield from [
        ("None", None),
        ("a word", "word"),
        ("an object", Bare()),
        ("a class", Bare),
    ]
    yield from [("a complex number", 1 + 1j), ("a dict", {"a": 1}), ("a set", {1})]
    if isinstance(good, np.ndarray) and good.dtype.kind == "f":
        last = good[..., :-1]
        wrong = good.copy()
        wrong.flat[-1] = np.nan
        huge = good.copy()
        huge.flat[0] = np.inf
        yield from [("a number", 3), ("a float", 0.5), ("one number", np.ones(1))]
        yield from [
            ("narrower", last),
            ("an axis more", good[..., None]),
            ("a row", good[0]),
        ]
        yield from [
            ("empty", good[:0]),
            ("complex", good + 1j),
            ("objects", good.astype("O")),
        ]
        yield from [("bools", good > 0), ("bytes", good.astype(np.int8)), ("NaN", wrong)]
        yield from [("ragged", [[0.5], [0.5, 1.0]]), ("words", good.astype("U9"))]
        yield from [("masked", np.ma.masked_array(good, good == good.flat[0]))]
        yield from [("infinite", huge), ("longer", np.concatenate([good, good]))]
        yield from [("a list", good.tolist()), ("float32", good.astype(np.float32))]
        yield from [
            ("a subclass", np.ma.masked_array(good)),
            ("fortran", np.asfortranarray(good)),
        ]
    elif isinstance(good, (bool, str)) or good is np.float64:
        yield from [("a number", 7), ("an array", np.ones(2)), ("a list", [1])]
    elif isinstance(good, int):
        yield from [("zero", 0 if good < 20 else -1), ("negative", -2), ("a fraction", 2.5)]
        yield from [("a whole float", float(good)), ("True", True), ("NaN", np.nan)]
        yield from [
            ("an array", np.ones(2, int)),
            ("a list", [2]),
            ("Fraction", Fraction(1, 2)),
        ]
        yield from [("an unsigned byte", np.uint8(good)), ("0-d", np.array(good))]
    elif isinstance(good, float):
        yield from [
            ("negative", -1.5),
            ("NaN", np.nan),
            ("infinite", np.inf),
            ("True", True),
        ]
        yield from [("an array", np.ones(2)), ("a list", [0.5]), ("0-d", np.array(good))]
        yield from [("float32", np.float32(good))]
    elif isinstance(good, np.random.Generator):
        yield from [
            ("a seed", 0),
            ("the class", np.random.Generator),
            ("module", np.random),
        ]
        yield from [("an old one", np.random.RandomState(0))]
    else:
        yield from [("a number", 3), ("an array", np.ones(2)), ("a NaN", np.nan)]
        yield from [("a list", [None]), ("an empty list", [])]


def numbers(result):
    """All numbers in a result, in one row; None of what is no result."""
    if isinstance(result, dict):
        result = list(result.values())
    if isinstance(result, (tuple, list)):
        return np.concatenate([numbers(r) for r in result] or [np.empty(0)])
    if isinstance(result, np.ndarray) or np.isscalar(result):
        return np.ravel(np.asarray(result, dtype=float))
    if isinstance(result, Model):
        return result.theta
    return np.empty(0)


def judge(name):
    """The exchanges that were neither refused by name nor right."""
    make = CALLS[name]
    right = numbers(make()[0](**make()[1]))
    wrong = []
    for argument, good in make()[1].items():
        for what, value in exchanges(good):
            call, arguments = make()
            try:
                with np.errstate(all="ignore"):
                    result = call(**(arguments | {argument: value}))
            except (TypeError, ValueError, FloatingPointError) as error:
                # sizes that do not go together: either may be named
                if not any(re.search(rf"\b{name}\b", str(error)) for name in arguments):
                    wrong.append(f"{argument} = {what}: {type(error).__name__}: {error}")
                continue
            except Exception as error:
                wrong.append(f"{argument} = {what}: {type(error).__name__}: {error}")
                continue
            came = numbers(result)
            same = came.shape == right.shape and np.allclose(came, right, atol=1e-4)
            if what in ("NaN", "infinite") and not np.isfinite(came).all():
                continue  # not looked at, and not hidden
            if not same and not no_mistake(name, argument, what):
                wrong.append(f"{argument} = {what}: accepted")
    return wrong


@pytest.mark.parametrize("name", CALLS)
def test_what_does_not_fit_is_refused_by_name(name):
    assert not judge(name), "\n".join(judge(name))


MODULES = annealed, bounds, diagnostics, gap, linear_gaussian, mixture, quadrature


def test_every_public_function_is_among_them():
    """Those of inference and the methods of a model; a new one must come in here."""
    there = {name.split("(")[0] for name in CALLS} | {n.rpartition(".")[2] for n in CALLS}
    for module in MODULES:
        for name, thing in vars(module).items():
            if inspect.isfunction(thing) and thing.__module__ == module.__name__:
                assert name.startswith("_") or name in there | INNER, name
    for name, thing in (vars(VAE.__mro__[1]) | vars(VAE)).items():
        if inspect.isfunction(thing) and not name.startswith("_"):
            assert name in there | INNER, name
