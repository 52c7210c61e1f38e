"""Look at the built book as a reader on a phone without a network would.

    python tutorials/check_book.py

Every page of `_build/html` is opened in headless Chromium, 390 pixels wide. The check
fails if a formula could not be set, if a picture did not load, if something is too wide
and does not scroll in a box of its own, or if a page asked anything of another machine.
Needs `chromium` (Debian's package of that name, or another one in $CHROMIUM).
"""

import functools
import http.server
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

HTML = Path(__file__).resolve().parent / "_build" / "html"
WIDTH, HEIGHT = 390, 844  # a phone held upright
SECONDS = 900
FLAGS = """
    --headless --no-sandbox --disable-gpu --disable-quic --no-first-run
    --disable-background-networking --disable-component-update
    --disable-sync --disable-dev-shm-usage --remote-debugging-port=0
""".split()
# Nothing but this machine can be reached, whatever is asked for.
FLAGS.append("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")

# Opens each page in a frame as wide as a phone, waits until its formulas are set, and
# sends back what it saw.
PROBE = """<!doctype html><meta charset="utf-8"><body><script>
const pages = PAGES;

// Does it reach over the right edge, so that the whole text has to scroll?
function isCut(element, inside) {
  const box = element.getBoundingClientRect();
  if (!box.width || box.right <= WIDTH + 1 || box.left >= WIDTH) return false;
  for (let e = element.parentElement; e; e = e.parentElement) {
    if (e.tagName === "ARTICLE") return true;
    const way = inside.getComputedStyle(e).overflowX;
    if (way === "auto" || way === "scroll") return false;
  }
}

async function look(page) {
  const frame = document.createElement("iframe");
  frame.width = WIDTH; frame.height = HEIGHT; frame.style.border = 0;
  const loaded = new Promise(done => { frame.onload = done; });
  frame.src = "/" + page;
  document.body.append(frame);
  await loaded;
  const inside = frame.contentWindow, text = frame.contentDocument;
  const math = text.querySelectorAll("span.math, div.math").length;
  if (math) {
    for (let i = 0; i < 400 && !inside.MathJax?.startup?.promise; i++)
      await new Promise(done => setTimeout(done, 50));
    await inside.MathJax?.startup?.promise;
  }
  const images = [...text.images];
  images.forEach(image => { image.loading = "eager"; });
  await Promise.allSettled(images.map(image => image.decode()));
  const seen = {
    page,
    formulas: math,
    set: text.querySelectorAll("mjx-container").length,
    errors: [...text.querySelectorAll("[data-mjx-error]")].map(
      e => e.getAttribute("data-mjx-error")),
    images: images.length,
    broken: images.filter(i => !i.naturalWidth).map(
      i => i.getAttribute("src")),
    cut: [...text.querySelectorAll("article *")].filter(
      e => isCut(e, inside)).map(
      e => e.tagName.toLowerCase() + " " + e.textContent.trim().slice(0, 40)),
  };
  frame.remove();
  return seen;
}

// A page that never gets ready is reported as such, and holds up no other.
function unready(page, why) {
  return {page, formulas: 0, set: 0, errors: [why], images: 0, broken: [], cut: []};
}

function late(page) {
  return new Promise(done => setTimeout(
    () => done(unready(page, "not ready after 60 s")), 60000));
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
    probe = probe.replace("WIDTH", str(WIDTH))
    probe = probe.replace("HEIGHT", str(HEIGHT))

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
    """Let the browser look: what it saw, and what other machines were asked for."""
    server = serve(pages)
    here = f"http://127.0.0.1:{server.server_address[1]}/"
    with tempfile.TemporaryDirectory(
        ignore_cleanup_errors=True
    ) as folder:
        log = Path(folder) / "network.json"
        own = [
            f"--user-data-dir={folder}/profile",
            f"--log-net-log={log}",
        ]
        process = subprocess.Popen(
            [browser, *FLAGS, *own, here + "probe"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
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
        addresses = requested_by_pages(log.read_text(encoding="utf-8"))
    return server.report, [
        a for a in addresses if not a.startswith(here)
    ]


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


def complaints(report, elsewhere):
    """What is wrong with the pages, in sentences."""
    bad = [
        f"asked of another machine: {address}" for address in elsewhere
    ]
    for page in report:
        name, found = page["page"], page["set"]
        if found < page["formulas"]:
            bad.append(
                f"{name}: {found} of {page['formulas']} formulas set"
            )
        bad += [f"{name}: formula error: {e}" for e in page["errors"]]
        bad += [f"{name}: picture missing: {e}" for e in page["broken"]]
        bad += [f"{name}: too wide: {e}" for e in page["cut"][:3]]
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
    if not pages:
        sys.exit(
            f"no pages in {HTML}: run tutorials/build.py book first"
        )
    report, elsewhere = open_pages(browser, pages)
    formulas = sum(page["set"] for page in report)
    images = sum(page["images"] for page in report)
    print(
        f"{len(report)} pages, {formulas} formulas, {images} pictures",
        end=", ",
    )
    print(f"{len(elsewhere)} requests to other machines")
    sys.exit("\n".join(complaints(report, elsewhere)) or 0)


if __name__ == "__main__":
    main()
