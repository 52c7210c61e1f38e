"""The place of a mistake in VAEs that were written without the checker in mind."""

from pathlib import Path

import numpy as np
import pytest

from minivae.gradcheck import check_gradient

FOREIGN = Path(__file__).parent / "foreign"
STYLES = ("rows", "columns", "tied", "mixed")


def style(name, old="", new=""):
    """The names of a student's file, with a text of it replaced."""
    source, bugs = (FOREIGN / f"{name}.py").read_text(encoding="utf-8").split("\nBUGS = ")
    assert not old or source.count(old) == 1, f"{name}: {old!r} is not there once"
    names = {}
    exec(compile(source.replace(old, new), f"{name}.py", "exec"), names)
    return names | {"BUGS": eval(bugs, names)}


def checked(vae, seed=1, **options):
    rng = np.random.default_rng(seed)
    x, eps = vae["data"](rng)
    p = vae["init"](rng)
    return check_gradient(
        lambda p: vae["loss"](p, x, eps),
        p,
        lambda p: vae["grad"](p, x, eps),
        oracle="central",
        **options,
    )


BUGS = [(name, *bug) for name in STYLES for bug in style(name)["BUGS"]]


@pytest.mark.parametrize(
    ("name", "bug", "old", "new", "place"), BUGS, ids=[f"{b[0]}-{b[1]}" for b in BUGS]
)
def test_the_first_hint_names_the_place(name, bug, old, new, place):
    """`place`: the first wrong parameters, after "edge" if nothing right lies before."""
    report = checked(style(name, old, new))
    wanted = set(place.split()) - {"edge"}
    assert report.verdict == "WRONG", f"{bug} was not caught:\n{report}"
    assert set(report.place.first_wrong) == wanted, str(report)
    text = report.hints[0].text
    assert all(n in text for n in wanted) and text.startswith(report.place.where), text
    if place.startswith("edge"):
        assert not report.place.last_right and "edge of the loss" in report.place.look
    else:
        assert "edge of the loss" not in text
    assert not set(report.place.behind) & wanted


@pytest.mark.parametrize("name", STYLES)
@pytest.mark.parametrize("seed", [2, 3])
def test_right_code_has_no_place(name, seed):
    report = checked(style(name), seed)
    assert report.verdict == "ok" and not report.hints, str(report)
    assert not report.place and report.place.first_wrong == report.place.last_right == ()


def test_one_matrix_for_both_heads_says_which_columns():
    report = checked(style("mixed", "dz + mu / N", "dz + mu"))
    assert report.place.first_wrong == ("w1", "c1"), str(report)
    assert "(w1 only in columns 0, 1)" in report.hints[0].text, str(report)


def test_what_backward_comes_from_is_the_last_right():
    def last(name, bug):
        old, new = next(b[1:3] for b in style(name)["BUGS"] if b[0] == bug)
        return checked(style(name, old, new)).place

    assert last("rows", "no relu mask").last_right == ("W_dec2", "b_dec2")
    assert last("rows", "alias").last_right == ("W_dec1", "b_dec1")
    place = last("rows", "one path")
    assert place.last_right == ("W_m", "b_m", "W_s", "b_s")
    assert "are all of them added up?" in place.look
    assert place.behind == ("W_enc1", "b_enc1")
    place = last("rows", "mu twice")
    assert (
        "W_m, b_m are wrong. W_s, b_s beside, on the same input, and W_dec1" in place.where
    )
    assert last("tied", "tower mu slope").last_right == ("Wm2", "bm2")
    assert last("rows", "db averaged").last_right == ()


def test_another_order_is_taken_from_the_user():
    vae = style("rows", "dh3 * (a3 > 0)", "dh3")
    names = list(style("rows")["init"](np.random.default_rng(0)))
    init = vae["init"]
    vae["init"] = lambda rng: dict(sorted(init(rng).items()))
    report = checked(vae, order=names)
    assert set(report.place.first_wrong) == {"W_dec1", "b_dec1"}, str(report)
    with pytest.raises(ValueError, match=r"order: expected each of .* got \['W_m'\]"):
        checked(vae, order=["W_m"])


def test_only_some_columns_of_a_matrix():
    theta = {"W": np.arange(12.0).reshape(3, 4) + 1}
    claim = 2 * theta["W"]
    claim[:, 2] *= 3
    report = check_gradient(lambda p: (p["W"] ** 2).sum(), theta, {"W": claim})
    assert "column" not in report.place.where  # the edge of the loss: nothing behind
    theta |= {"V": np.ones((4, 2)), "v": np.ones(2)}

    def f(p):
        return (p["W"] @ p["V"]).sum() ** 2 + p["v"].sum()

    right = {"W": 2 * f(theta) ** 0 * np.ones((3, 4))}
    total = (theta["W"] @ theta["V"]).sum()
    right = {
        "W": 2 * total * np.ones((3, 1)) * theta["V"].sum(axis=1),
        "V": 2 * total * theta["W"].sum(axis=0)[:, None] * np.ones(2),
        "v": np.ones(2),
    }
    assert check_gradient(f, theta, right)
    right["V"][1] = 0
    report = check_gradient(f, theta, right)
    assert report.place.first_wrong == ("V",), str(report)
    assert "(V only in row 1)" in report.place.where, str(report)


def test_a_wrong_weight_with_all_behind_it_wrong_is_the_first():
    """b_dec2 shows that the right gradient arrived there: W_dec2 is to be mended first."""
    vae = style("rows")
    grad = vae["grad"]

    def spoilt(*arguments):
        g = grad(*arguments)
        more = {name: np.cos(np.arange(a.size)).reshape(a.shape) for name, a in g.items()}
        return {name: a + more[name] * (name != "b_dec2") for name, a in g.items()}

    vae["grad"] = spoilt
    place = checked(vae).place
    assert place.first_wrong == ("W_dec2",), place
    assert set(place.behind) == set(grad_names(vae)) - {"W_dec2", "b_dec2"}, place
    assert "as far as b_dec2 and wrong from W_dec2 on" in place.where


def grad_names(vae):
    return vae["init"](np.random.default_rng(0))
