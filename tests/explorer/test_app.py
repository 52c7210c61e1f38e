"""The page in somebody's hands: mouse, keyboard, two models, narrow, without canvas.

What is shown is compared with NumPy: the picture under the pointer, the nats of what was
drawn by hand.
"""

import re
from functools import cache

import numpy as np
import pytest
from browser import needs_browser, run_in_page

from minivae import VAE, Binomial, gaussian
from minivae.autoencoder import Autoencoder
from minivae.datasets import load_digits
from minivae.explorer import build_page, collect, likelihood

TOOLS = """
const one = (selector) => document.querySelector(selector);
const all = (selector) => [...document.querySelectorAll(selector)];
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
const at = (element, type, u, v) => {
  const box = element.getBoundingClientRect();
  element.dispatchEvent(new PointerEvent(type, { bubbles: true, pointerId: 1,
    clientX: box.left + u * box.width, clientY: box.top + v * box.height }));
};
const key = (element, name) =>
  element.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true }));
const red = (canvas) => { // how far from paper to ink, 0 to 1, pixel by pixel
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const pixels = { length: data.length / 4 };
  return Array.from(pixels, (_, i) => (255 - data[4 * i]) / (255 - 21));
};
const numbers = () => Object.fromEntries(all(".numbers tr").map((row) =>
  [row.children[0].textContent, row.children[1].textContent]));
await wait(3000);
"""


@pytest.fixture(autouse=True)
def little_work(monkeypatch):
    monkeypatch.setattr(likelihood, "QUADRATURE", 0)  # one image
    monkeypatch.setattr(likelihood, "NODES", {1: 201, 2: 31})
    monkeypatch.setattr(likelihood, "SAMPLING", 0)


@cache
def example(K=2, cls=VAE):
    """A model with codes as far apart as those of a trained one, and a dead dimension."""
    rng = np.random.default_rng(K)
    model = cls.mlp(64, K, (8,), Binomial(16), rng=rng, dtype=np.float64)
    if cls is VAE:
        model.params["mu_head.W"][...] *= 3
        if K > 2:
            model.params["mu_head.W"][:, 1] = model.params["mu_head.b"][1] = 0
            model.params["logvar_head.W"][:, 1] = 0
    spec = collect(model, load_digits(), cls.__name__, rng)
    return model, spec


def value(text):
    """The first number of a text that uses the minus sign of typography."""
    return float(re.search(r"[−-]?\d+(\.\d+)?", text)[0].replace("−", "-"))


@needs_browser
def test_the_plane_the_drawing_board_and_the_nats(tmp_path):
    model, spec = example()
    script = (
        TOOLS
        + """
const report = { first: numbers(), note: one("#image-note").textContent };
all("#strip canvas")[5].click();
report.chosen = one("#image-note").textContent;
await wait(2000);
report.sixth = numbers();
const plane = one(".plane");
at(plane, "pointermove", 0.7, 0.4);
report.where = one(".where").textContent;
report.under = red(one(".under"));
for (const name of ["pointerdown", "pointerup"]) at(plane, name, 0.3, 0.3);
report.pins = all(".pins figure").length;
at(plane, "pointerdown", 0.2, 0.5);
for (const name of ["pointermove", "pointerup"]) at(plane, name, 0.8, 0.5);
report.line = [one(".along").hidden, one(".line").width];
report.pinsStill = all(".pins figure").length;
const words = ["ArrowRight", "Enter", "l", "ArrowUp", "ArrowUp", "Escape"].map((name) => {
  key(plane, name);
  const pins = all(".pins figure").length;
  return [name, one(".where").textContent, pins, one(".along").hidden];
});
report.words = words;
one("#clear").click();
const board = one("#board");
at(board, "pointerdown", 0.3, 0.2);
for (const name of ["pointermove", "pointerup"]) at(board, name, 0.7, 0.5);
await wait(2500);
report.drawn = one("#image-note").textContent;
report.given = red(one(".given"));
report.nats = numbers();
const before = numbers();
all(".way button").find((b) => b.textContent === "New ε").click();
report.noise = [before, numbers()];
key(board, "ArrowLeft"); key(board, " ");
report.byKey = red(one(".given"));
all(".way button").find((b) => b.textContent.startsWith("vae.py")).click();
report.code = one("#listing .here").textContent;
return report;"""
    )
    came, errors = run_in_page(tmp_path, build_page(spec), script, 60_000)
    assert not errors
    assert came["note"].startswith("Test image 1, labelled")
    assert came["chosen"].startswith("Test image 6, labelled")
    # the numbers of test images 1 and 6
    for i, shown in ((0, came["first"]), (5, came["sixth"])):
        kl = gaussian.kl(*model.encode(load_digits().test[i : i + 1].astype(float))).sum()
        assert abs(value(shown["kl"]) - kl) < 0.006
    by_package, by_page = (
        next(v for k, v in came["first"].items() if words in k)
        for words in ("by the package", "by this page")
    )
    assert abs(value(by_package) - value(by_page)) < 0.02
    nelbo, gap = (value(came["first"][k]) for k in ("nelbo = rec + kl", GAP))
    assert abs(nelbo - value(by_package) - gap) < 0.03 and gap > 0
    # the picture under the pointer
    z = [float(n.replace("−", "-")) for n in re.findall(r"−?\d+\.\d\d", came["where"])]
    mean = model.decode(np.array([z]))[0] / 16
    np.testing.assert_allclose(came["under"], mean, atol=0.02)
    assert "nearest test image: a" in came["where"]
    assert came["pins"] == 1 and came["pinsStill"] == 1
    assert came["line"] == [False, 9 * 8]
    # the keyboard
    (_, right, *_), (_, _, pins, _), _, (_, up, *_), _, (*_, left, hidden) = came["words"]
    assert right != came["where"] and up != right
    assert pins == 2 and left == 0 and hidden
    # what was drawn by hand: its pixels, read off the page, through NumPy
    x = np.rint(16 * np.array(came["given"]))[None]
    assert came["drawn"].startswith("Drawn by hand") and 3 < (x > 0).sum() < 30
    kl = gaussian.kl(*model.encode(x)).sum()
    assert abs(value(came["nats"]["kl"]) - kl) < 0.006
    assert "by the package" not in " ".join(came["nats"])
    # a new ε moves the draw, and neither the kl nor the mean over q
    (one, two), draw = came["noise"], "nelbo with this one ε (the thin line)"
    assert one[draw] != two[draw] and one["kl"] == two["kl"]
    assert one["rec, the mean over q(z|x)"] == two["rec, the mean over q(z|x)"]
    assert came["byKey"] != came["given"]
    assert "h = self.encoder.forward(x)" in came["code"]


GAP = "the gap, KL(q(z|x) ‖ p(z|x))"


@needs_browser
def test_a_pen_stroke_makes_a_binary_pixel_one_where_most_of_it_is_covered(tmp_path):
    rng = np.random.default_rng(0)
    model = VAE.mlp(64, 2, (8,), Binomial(1), rng=rng)
    spec = collect(model, load_digits(), "binary", rng, binarize="threshold")
    script = (
        TOOLS
        + """one("#clear").click();
key(one("#board"), "ArrowLeft"); key(one("#board"), " ");
return red(one(".given"));"""
    )
    came, errors = run_in_page(tmp_path, build_page(spec), script)
    assert not errors
    expected = np.zeros((8, 8))
    expected[4, 3] = 1  # the pen starts in the middle and went one to the left
    np.testing.assert_allclose(np.reshape(came, (8, 8)), expected, atol=0.01)


@needs_browser
def test_sliders_in_the_order_of_their_kl_and_a_plane_through_three_images(tmp_path):
    model, spec = example(K=4)
    script = (
        TOOLS
        + """
const inputs = all(".sliders input"), report = {};
report.names = inputs.map((input) => input.getAttribute("aria-label"));
report.dead = all(".sliders .dead input").map((input) => input.getAttribute("aria-label"));
inputs[0].value = 2; inputs[0].dispatchEvent(new Event("input"));
report.z = one(".under").getAttribute("aria-label");
report.under = red(one(".under"));
all("#strip canvas")[7].click();
all(".corners button")[1].click();
const plane = one(".plane");
at(plane, "pointermove", 1.35 / 1.7, 1.35 / 1.7); // corner B
report.corner = one(".under").getAttribute("aria-label");
report.remark = one(".remark").textContent;
await wait(2000);
report.sampled = numbers();
return report;"""
    )
    came, errors = run_in_page(tmp_path, build_page(spec), script, 60_000)
    assert not errors
    order = np.argsort(spec["klOf"])[::-1]
    assert [int(name.split()[1]) - 1 for name in came["names"]] == order.tolist()
    assert [name.startswith("z 2 ") for name in came["dead"]] == [True]

    def vector(text):
        return np.array(
            [float(n.replace("−", "-")) for n in re.findall(r"−?\d+\.\d\d", text)]
        )

    z = vector(came["z"])
    assert z[order[0]] == 2
    mean = model.decode(z[None])[0] / 16
    np.testing.assert_allclose(came["under"], mean, atol=0.02)
    mu = model.latent(load_digits().test[7:8].astype(float))[0]
    np.testing.assert_allclose(vector(came["corner"]), mu, atol=0.01)
    assert any("500 importance samples" in words for words in came["sampled"])


@needs_browser
@pytest.mark.parametrize("width", [1300, 700, 500])
def test_two_models_on_the_same_image_with_nothing_too_wide(tmp_path, width):
    (coder, a), (_, b) = example(cls=Autoencoder), example()
    script = (
        TOOLS
        + """
at(one(".plane"), "pointermove", 0.25, 0.25);
const texts = (selector) => all(selector).map((e) => e.textContent);
const nameless = all("canvas, input, button").filter((e) =>
  e.getAttribute("aria-hidden") !== "true" && !e.getAttribute("aria-label")
  && !e.textContent.trim());
return { where: texts(".where"), remarks: texts(".remark"), titles: texts(".way h4"),
  nameless: nameless.map((e) => e.outerHTML.slice(0, 80)),
  wide: document.documentElement.scrollWidth - innerWidth, width: innerWidth,
  given: all(".given").map(red),
  tops: all(".plane").map((e) => e.getBoundingClientRect().top),
  requests: performance.getEntriesByType("resource").length };"""
    )
    came, errors = run_in_page(tmp_path, build_page(a, b), script, width=width)
    assert not errors and came["requests"] == 0
    assert came["width"] == width and came["wide"] <= 0
    assert came["nameless"] == []
    # side by side to be compared, as in the book's frame of 700 pixels; not on a phone
    assert (abs(came["tops"][0] - came["tops"][1]) < 9) == (width > 640)
    assert "no prior and no kl" in came["remarks"][0] and came["remarks"][1] == ""
    assert came["given"][0] == came["given"][1]
    # the same place of both planes: a quarter from the left and from the top
    z = [float(n.replace("−", "-")) for n in re.findall(r"−?\d+\.\d\d", came["where"][0])]
    codes = coder.code(load_digits().test.astype(float))
    low, high = codes.min(axis=0), codes.max(axis=0)
    reach = 0.54 * (high - low).max()
    np.testing.assert_allclose(
        z, (low + high) / 2 + np.array([-0.5, 0.5]) * reach, atol=0.02
    )
    assert came["titles"].count("kl") == 1 and came["titles"].count("rec") == 2


@needs_browser
def test_a_browser_without_canvas_is_told_in_one_line(tmp_path):
    _, spec = example()
    page = build_page(spec).replace(
        "<head>",
        "<head><script>HTMLCanvasElement.prototype.getContext = () => null;</script>",
    )
    script = """const p = document.querySelector("#trouble");
    return [p.hidden, p.textContent, document.querySelector("main").hidden];"""
    (hidden, text, main), errors = run_in_page(tmp_path, page, script)
    assert not errors
    assert not hidden and main and text.startswith("This browser has no canvas")


@needs_browser
def test_the_browser_s_errors_and_requests_do_reach_the_test(tmp_path):
    _, spec = example()
    script = 'new Image().src = "http://127.0.0.1:9/x.png"; nothing.there();'
    _, errors = run_in_page(tmp_path, build_page(spec), script + "return 1;")
    assert any("nothing is not defined" in error for error in errors)
    script = """new Image().src = "http://127.0.0.1:9/x.png";
    await new Promise((done) => setTimeout(done, 500));"""
    _, errors = run_in_page(tmp_path, build_page(spec), script)
    assert any("127.0.0.1:9" in error for error in errors)
