"""The book's figures that move show the numbers of their chapters.

The chapters' own functions are taken out of their files and compared with what the
figures say after their sliders were moved in Chromium.
"""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest
from browser import needs_browser, run_in_page

TUTORIALS = Path(__file__).parents[2] / "tutorials"
STATIC = TUTORIALS / "book" / "_static"
PAGE = """<!doctype html><html><head><script>{script}</script><style>{style}</style></head>
<body><div data-moving="jensen"></div><div data-moving="elbo"></div>
<div data-moving="noise"></div><div data-moving="flow"></div>
<div data-moving="planes"></div></body></html>"""
SPEC = importlib.util.spec_from_file_location("check_book", TUTORIALS / "check_book.py")
check_book = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(check_book)
chapter, from_chapter = check_book.chapter, check_book.from_chapter
FIGURES = {"02": ["jensen", "elbo"], "04": ["flow"], "05": ["noise"], "10": ["planes"]}


SCRIPT = """
const box = (name) => document.querySelector(`[data-moving=${name}]`);
const numbers = (name) => JSON.parse(box(name).dataset.numbers);
const slide = (name, ...values) => {
  box(name).querySelectorAll("input").forEach((input, i) => {
    input.value = values[i];
    input.dispatchEvent(new Event("input"));
  });
  return numbers(name);
};
const report = { start: ["jensen", "elbo", "noise"].map(numbers) };
report.words = box("jensen").querySelector("output").textContent;
report.jensen = JENSEN.map((values) => slide("jensen", ...values));
report.elbo = ELBO.map((values) => slide("elbo", ...values));
const select = box("elbo").querySelector("select");
select.selectedIndex = 1;
select.dispatchEvent(new Event("change"));
report.bottom = ELBO.map((values) => slide("elbo", ...values));
report.flow = FLOW.map((values) => slide("flow", ...values));
report.noise = NOISE.map((values) => slide("noise", ...values));
const before = numbers("noise").eps;
box("noise").querySelector("button").click();
report.fresh = [before, numbers("noise").eps];
report.frame = box("planes").querySelector("iframe").getAttribute("src");
report.pictures = [...document.querySelectorAll("svg")].map((svg) =>
  svg.getAttribute("aria-label"));
return report;"""
SETTINGS = {
    "JENSEN": [[0.9, 0.1, 0.3], [0.5, 0.5, 0.7]],
    "ELBO": [[0.64, 0.18], [-1.0, 0.5]],
    "FLOW": [[-2.6, 2.0, 0.7], [1.5, -2.0, 4.0]],
    "NOISE": [[0.1], [1.4]],
}


@pytest.fixture(scope="module")
def came(tmp_path_factory):
    page = PAGE.format(
        script=(STATIC / "moving.js").read_text(encoding="utf-8"),
        style=(STATIC / "moving.css").read_text(encoding="utf-8"),
    )
    script = SCRIPT
    for name, values in SETTINGS.items():
        script = script.replace(name, str(values))
    report, errors = run_in_page(tmp_path_factory.mktemp("moving"), page, script)
    assert not errors
    return report


@needs_browser
def test_the_chord(came):
    assert came["words"] == (
        "log E[w] = log p(x) = −0.916, E[log w] = ELBO = −1.060, the gap: 0.144 nats"
    )
    for (w1, w2, q), n in zip(SETTINGS["JENSEN"], came["jensen"], strict=True):
        w, p = np.array([w1, w2]), np.array([q, 1 - q])
        assert abs(n["logMean"] - np.log(p @ w)) < 1e-12
        assert abs(n["meanLog"] - p @ np.log(w)) < 1e-12
        assert abs(n["gap"] - (n["logMean"] - n["meanLog"])) < 1e-12
    joint, q = from_chapter("02", "joint", "q")
    assert abs(came["start"][0]["logMean"] - np.log(joint.sum())) < 1e-12
    assert abs(came["start"][0]["meanLog"] - q @ np.log(joint / q)) < 1e-12


@needs_browser
def test_the_elbo_and_its_gap(came):
    names = "c g log_normal log_lik log_joint log_evidence eps eps_weight elbo bottom"
    *_, log_evidence, _, _, elbo, bottom = from_chapter("02", *names.split())
    x = np.array([1.4, 0.9])
    assert "\nx = np.array([1.4, 0.9])" in chapter("02")
    cases = [(x, "elbo"), (bottom, "bottom")]
    for place, name in cases:
        for (mu, sigma), n in zip(SETTINGS["ELBO"], came[name], strict=True):
            assert abs(n["logP"] - log_evidence(place)) < 1e-9
            assert abs(n["elbo"] - elbo(place, mu, 2 * np.log(sigma))) < 1e-9
            assert abs(n["gap"] - (n["logP"] - n["elbo"])) < 1e-12
    # what the reader is told to find: a few thousandths of a nat
    assert came["elbo"][0]["gap"] < 0.01


@needs_browser
def test_the_posterior_that_only_the_kl_moves(came):
    names = "kl", "kl_grad", "mu_at", "sigma_at"
    kl, kl_grad, mu_at, sigma_at = from_chapter("04", *names)
    for (mu0, log2, t), n in zip(SETTINGS["FLOW"], came["flow"], strict=True):
        mu, sigma = mu_at(t, mu0), sigma_at(t, 2**log2)
        dmu, dlogvar = kl_grad(mu, 2 * np.log(sigma))
        assert abs(n["mu"] - mu) < 1e-12 and abs(n["sigma"] - sigma) < 1e-12
        assert abs(n["kl"] - kl(mu, 2 * np.log(sigma))) < 1e-12
        assert abs(n["dmu"] - dmu) < 1e-12 and abs(n["dlogvar"] - dlogvar) < 1e-12


@needs_browser
def test_the_noise_that_stays(came):
    f, exact_loss, mu, logvar = from_chapter("05", "f", "exact_loss", "mu", "logvar")
    f.__globals__["x"] = 0.8
    assert "\nx = 0.8\n" in chapter("05")
    assert abs(came["start"][2]["exact"] - exact_loss(mu, logvar)) < 1e-9
    for (sigma,), n in zip(SETTINGS["NOISE"], came["noise"], strict=True):
        assert abs(n["exact"] - exact_loss(mu, 2 * np.log(sigma))) < 1e-9
        eps = np.array(n["eps"])
        assert len(eps) == 24 and abs(n["fixed"] - f(mu + sigma * eps).mean()) < 1e-12
    assert came["noise"][0]["eps"] == came["noise"][1]["eps"]
    assert came["fresh"][0] != came["fresh"][1]


@needs_browser
def test_every_picture_says_in_words_what_it_shows(came):
    assert len(came["pictures"]) == 7 and all(came["pictures"])
    assert came["frame"] == "./_static/planes.html"


@pytest.mark.parametrize("number", FIGURES)
def test_the_chapters_ask_for_the_figures_that_there_are(number):
    asked = re.findall(r'^# <div data-moving="(\w+)"></div>$', chapter(number), re.M)
    assert asked == FIGURES[number]
    script = (STATIC / "moving.js").read_text(encoding="utf-8")
    for name in asked:
        assert re.search(rf"^    {name}(: )?\(box\)", script, re.M)
