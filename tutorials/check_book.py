"""Look at the built book as readers without a network would, on a desk and on a phone.

    python tutorials/check_book.py

Every page of `_build/html` is opened in headless Chromium, 1300 and 390 pixels wide,
in light and in dark. The check fails

- if a formula could not be set, or a picture did not load;
- if a picture has no words for those who do not see it;
- if something is too wide and does not scroll in a box of its own;
- if text is hard to read, or a figure dark on dark;
- if a page reported an error, or asked anything of another machine;
- if a figure that moves shows other numbers than NumPy.

Needs `chromium` (Debian's package of that name, or another one in $CHROMIUM).
"""

import ast
import base64
import functools
import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from minivae import VAE, Binomial, gaussian

HERE = Path(__file__).resolve().parent
HTML = HERE / "_build" / "html"
WIDTHS = (1300, 390)  # on a desk, and a phone held upright
SECONDS = 900
FLAGS = """
    --headless --no-sandbox --disable-gpu --disable-quic --no-first-run
    --disable-background-networking --disable-component-update
    --disable-sync --disable-dev-shm-usage --remote-debugging-port=0
    --enable-logging=stderr
""".split()
# Nothing but this machine can be reached, whatever is asked for.
FLAGS.append("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")

# Opens each page in a frame, waits until its formulas are set, gives the frame each
# width and each theme, and sends back what it saw.
PROBE = """<!doctype html><meta charset="utf-8"><body><script>
const pages = PAGES;
const wait = (ms) => new Promise(done => setTimeout(done, ms));
const say = (e) =>
  e.tagName.toLowerCase() + " " + e.textContent.trim().slice(0, 40);

// Does it reach over the right edge, so that the whole text has to scroll?
function isCut(element, inside, width) {
  const box = element.getBoundingClientRect();
  if (!box.width || box.right <= width + 1 || box.left >= width) return false;
  for (let e = element.parentElement; e; e = e.parentElement) {
    if (e.tagName === "ARTICLE") return true;
    const way = inside.getComputedStyle(e).overflowX;
    if (way === "auto" || way === "scroll") return false;
  }
}

// Has a picture no words, or only the name of its file?
function isMute(element) {
  const words = element.alt ?? element.title ?? "";
  return !(words.trim() || element.getAttribute("aria-label"))
    || /\\.(png|svg)$/.test(words);
}

// [red, green, blue, alpha], and how light that is, 0 to 1: the relative luminance
// of the WCAG, by which the contrast of text should be 4.5 at least.
const rgba = (css) => {
  const n = css.match(/[\\d.]+/g).map(Number);
  return n.length < 4 ? [...n, 1] : n;
};
const light = (rgb) => [0.2126, 0.7152, 0.0722].reduce((sum, part, i) => {
  const c = rgb[i] / 255;
  return sum + part * (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
}, 0);
function ground(element, inside) {
  for (let e = element; e; e = e.parentElement) {
    const colour = rgba(inside.getComputedStyle(e).backgroundColor);
    if (colour[3] > 0.5) return light(colour);
  }
  return 1;
}
function isFaint(element, inside) {
  const [a, b] = [ground(element, inside),
    light(rgba(inside.getComputedStyle(element).color))];
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05) < 4.5;
}

async function look(page) {
  const frame = document.createElement("iframe");
  frame.width = WIDTHS[0]; frame.height = 900; frame.style.border = 0;
  const loaded = new Promise(done => { frame.onload = done; });
  frame.src = "/" + page;
  document.body.append(frame);
  await loaded;
  const inside = frame.contentWindow, text = frame.contentDocument;
  const all = (what) => [...text.querySelectorAll(what)];
  const math = all("span.math, div.math").length;
  if (math) {
    for (let i = 0; i < 400 && !inside.MathJax?.startup?.promise; i++)
      await wait(50);
    await inside.MathJax?.startup?.promise;
  }
  all("details").forEach(e => { e.open = true; });
  const images = [...text.images], frames = all("iframe");
  images.forEach(image => { image.loading = "eager"; });
  for (const inner of frames) { // their own pages
    const ready = new Promise(done => { inner.onload = done; });
    inner.loading = "eager";
    if (inner.contentDocument?.readyState !== "complete"
      || inner.contentWindow.location.href === "about:blank")
      await Promise.race([ready, wait(20000)]);
  }
  await Promise.allSettled(images.map(image => image.decode()));
  const seen = {
    page,
    formulas: math,
    set: all("mjx-container").length,
    errors: all("[data-mjx-error]").map(
      e => e.getAttribute("data-mjx-error")),
    images: images.length,
    broken: images.filter(i => !i.naturalWidth).map(
      i => i.getAttribute("src")),
    mute: all("article img, article iframe, [data-moving] svg").filter(
      isMute).map(e => e.outerHTML.slice(0, 90)),
    cut: [], faint: [], numbers: {},
  };
  for (const width of WIDTHS) {
    frame.width = width;
    await wait(20);
    seen.cut.push(...all("article *:not(mjx-container *)").filter(
      e => isCut(e, inside, width)).map(e => `${width} pixels: ${say(e)}`));
  }
  for (const theme of ["light", "dark"]) {
    text.body.dataset.theme = theme;
    seen.faint.push(...all("article :is(p, li, a, td, h1, h2, summary)").filter(
      e => e.textContent.trim() && isFaint(e, inside)).map(
      e => `${theme}: ${say(e)}`));
    seen.faint.push(...images.filter(i => ground(i, inside) < 0.8).map(
      i => `${theme}: a figure on a dark ground: ${i.getAttribute("src")}`));
  }
  for (const box of all("[data-moving]")) {
    const body = box.querySelector("iframe")?.contentDocument?.body;
    seen.numbers[box.dataset.moving] =
      JSON.parse(box.dataset.numbers ?? body?.dataset.numbers ?? "null");
  }
  frame.remove();
  return seen;
}

// A page that never gets ready is reported as such, and holds up no other.
function unready(page, why) {
  return {page, formulas: 0, set: 0, errors: [why], images: 0, broken: [], cut: [],
    mute: [], faint: [], numbers: {}};
}

async function late(page) {
  await wait(60000);
  return unready(page, "not ready after 60 s");
}

(async () => {
  const seen = [];
  for (const page of pages)
    seen.push(await Promise.race([
      look(page).catch(error => unready(page, String(error))), late(page)]));
  await fetch("/report", {method: "POST", body: JSON.stringify(seen)});
})();
</script>"""


def serve(pages):
    """Serve the book on this machine; return the server, whose `report` comes later."""
    probe = PROBE.replace("PAGES", json.dumps(pages))
    probe = probe.replace("WIDTHS", json.dumps(WIDTHS))

    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_GET(self):
            if self.path != "/probe":
                return super().do_GET()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(probe.encode())

        def do_POST(self):
            size = int(self.headers["Content-Length"])
            self.server.report = json.loads(self.rfile.read(size))
            self.send_response(204)
            self.end_headers()
            self.server.reported.set()

        def log_message(self, *args):
            pass

    handler = functools.partial(Handler, directory=str(HTML))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.report, server.reported = [], threading.Event()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def open_pages(browser, pages):
    """Let the browser look: what it saw, what other machines were asked for, errors."""
    server = serve(pages)
    here = f"http://127.0.0.1:{server.server_address[1]}/"
    with tempfile.TemporaryDirectory(
        ignore_cleanup_errors=True
    ) as folder:
        log, said = (
            Path(folder) / "network.json",
            Path(folder) / "console",
        )
        own = [
            f"--user-data-dir={folder}/profile",
            f"--log-net-log={log}",
        ]
        with open(said, "wb") as console:
            process = subprocess.Popen(
                [browser, *FLAGS, *own, here + "probe"],
                stdout=subprocess.DEVNULL,
                stderr=console,
            )
        try:
            if not server.reported.wait(SECONDS):
                sys.exit(
                    f"the browser did not report within {SECONDS} s"
                )
        finally:
            process.terminate()
            process.wait(30)
            server.shutdown()
            server.server_close()
        addresses = requested_by_pages(log.read_text(encoding="utf-8"))
        errors = console_errors(
            said.read_text("utf-8", errors="replace")
        )
    elsewhere = [a for a in addresses if not a.startswith(here)]
    return server.report, elsewhere, errors


def console_errors(log):
    """What the pages wrote to the console, or the browser about them."""
    found = re.findall(r"CONSOLE[:(]\d+\)?\] (.*)", log)
    return sorted(
        {re.sub(r"127\.0\.0\.1:\d+", "", line) for line in found}
    )


def requested_by_pages(log):
    """The addresses that pages asked for, from Chromium's log of the network.

    What the browser asks on its own account (for updates of itself, say) has no page as
    its initiator, and is left out.
    """
    found = set()
    for line in log.splitlines():  # one event on each
        if '"initiator":' in line and '"not an origin"' not in line:
            event = json.loads(line.rstrip(","))
            found.add(event["params"].get("url", "an unknown address"))
    return sorted(found)


def chapter(number):
    """The text of a chapter."""
    [path] = HERE.glob(f"{number}_*.py")
    return path.read_text(encoding="utf-8")


def from_chapter(number, *names):
    """What the chapter defines under these names, nothing else of it being run."""
    scope = {"np": np, "gaussian": gaussian}
    for node in ast.parse(chapter(number)).body:
        targets = (
            [node.name] if isinstance(node, ast.FunctionDef) else []
        )
        for target in getattr(node, "targets", []):
            targets += [
                n.id
                for n in ast.walk(target)
                if isinstance(n, ast.Name)
            ]
        if set(targets) & set(names) and targets[0] not in scope:
            exec(compile(ast.Module([node], []), number, "exec"), scope)
    return [scope[name] for name in names]


def numpys(name, shown):
    """{name: number} as NumPy has it, of what a figure shows before it is touched."""
    if name == "jensen":
        joint, q = from_chapter("02", "joint", "q")
        return {
            "logMean": np.log(joint.sum()),
            "meanLog": q @ np.log(joint / q),
        }
    if name == "elbo":
        names = "c g log_normal log_lik log_joint log_evidence eps eps_weight elbo"
        *_, log_evidence, _, _, elbo = from_chapter(
            "02", *names.split()
        )
        x = np.array([1.4, 0.9])
        return {
            "logP": log_evidence(x),
            "elbo": elbo(x, 0.1, 2 * np.log(0.18)),
        }
    if name == "flow":
        mu_at, sigma_at, kl = from_chapter(
            "04", "mu_at", "sigma_at", "kl"
        )
        mu, sigma = mu_at(1, -2.2), sigma_at(1, 2**-2.0)
        return {
            "mu": mu,
            "sigma": sigma,
            "kl": kl(mu, 2 * np.log(sigma)),
        }
    if name == "noise":
        f, exact_loss, mu, logvar = from_chapter(
            "05", "f", "exact_loss", "mu", "logvar"
        )
        f.__globals__["x"] = 0.8
        eps = np.array(shown["eps"])
        fixed = f(mu + np.exp(logvar / 2) * eps).mean()
        return {"exact": exact_loss(mu, logvar), "fixed": fixed}
    if name == "plane":
        model, x = plane_model()
        x = x[shown["i"]][None]
        mu, logvar = model.encode(x)
        rec = -model.likelihood.log_prob(
            x, model.decoder_output(mu)
        ).item()
        return {
            "mu": mu[0],
            "kl": gaussian.kl(mu, logvar).sum(),
            "rec": rec,
        }
    return {}


def plane_model():
    """The VAE of the front page, from the page's own weights, and its images."""
    page = (HTML / "_static" / "plane.html").read_text(encoding="utf-8")
    spec = json.loads(re.search(r'id="data">(.*?)</script>', page)[1])[
        "spec"
    ]
    hidden = [
        layer["n_out"]
        for layer in spec["encoder"]["layers"]
        if "n_out" in layer
    ]
    likelihood = Binomial(spec["likelihood"]["n"])
    rng = np.random.default_rng(0)
    model = VAE.mlp(
        spec["D"],
        spec["K"],
        hidden,
        likelihood,
        rng=rng,
        dtype=np.float64,
    )
    model.theta[...] = np.frombuffer(
        base64.b64decode(spec["theta"]), spec["dtype"]
    )
    pixels = np.frombuffer(base64.b64decode(spec["pixels"]), np.uint8)
    return model, pixels.reshape(-1, spec["D"]).astype(float)


def wrong_numbers(numbers):
    """What the figures that move show otherwise than NumPy, in sentences."""
    bad = []
    for figure, shown in numbers.items():
        if shown is None:
            if (
                figure != "planes"
            ):  # which shows the explorer, tested on its own
                bad.append(f"the figure {figure} shows no numbers")
            continue
        for name, expected in numpys(figure, shown).items():
            if not np.allclose(
                shown[name], expected, rtol=1e-9, atol=1e-9
            ):
                bad.append(
                    f"{figure}: {name} is {shown[name]}, expected {expected}"
                )
    return bad


def complaints(report, elsewhere, errors=()):
    """What is wrong with the pages, in sentences."""
    bad = [
        f"asked of another machine: {address}" for address in elsewhere
    ]
    bad += [f"on the console: {error}" for error in errors]
    for page in report:
        name, found = page["page"], page["set"]
        if found < page["formulas"]:
            bad.append(
                f"{name}: {found} of {page['formulas']} formulas set"
            )
        bad += [f"{name}: formula error: {e}" for e in page["errors"]]
        bad += [f"{name}: picture missing: {e}" for e in page["broken"]]
        bad += [
            f"{name}: picture without words: {e}" for e in page["mute"]
        ]
        bad += [f"{name}: too wide: {e}" for e in page["cut"][:3]]
        bad += [f"{name}: hard to read: {e}" for e in page["faint"][:3]]
        bad += [f"{name}: {e}" for e in wrong_numbers(page["numbers"])]
    return bad


def main():
    browser = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if not browser:
        sys.exit(
            "chromium: not found (apt-get install chromium, or set $CHROMIUM)"
        )
    pages = sorted(
        str(path.relative_to(HTML)) for path in HTML.rglob("*.html")
    )
    # Of the listings of source code, which are all made alike, one will do.
    listings = [page for page in pages if page.startswith("_modules")]
    pages = [page for page in pages if page not in listings[1:]]
    if not pages:
        sys.exit(
            f"no pages in {HTML}: run tutorials/build.py book first"
        )
    with ThreadPoolExecutor(
        2
    ) as pool:  # two browsers, half of the pages each
        halves = list(
            pool.map(
                open_pages, [browser] * 2, [pages[::2], pages[1::2]]
            )
        )
    report, elsewhere, errors = (
        [*one, *other] for one, other in zip(*halves, strict=True)
    )
    formulas = sum(page["set"] for page in report)
    images = sum(page["images"] for page in report)
    figures = sum(len(page["numbers"]) for page in report)
    print(
        f"{len(report)} pages, {formulas} formulas, {images} pictures,"
        f" {figures} figures that move,"
        f" {len(elsewhere)} requests to other machines"
    )
    sys.exit("\n".join(complaints(report, elsewhere, errors)) or 0)


if __name__ == "__main__":
    main()
