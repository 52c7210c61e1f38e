"""Headless Chromium: run a script in a page, and get back what it reports."""

import html
import json
import os
import re
import shutil
import subprocess

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
BROWSER = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
needs_browser = pytest.mark.skipif(
    BROWSER is None, reason=f"none of {', '.join(NAMES)} was found: no page was opened"
)
FLAGS = """
    --headless --no-sandbox --disable-gpu --disable-quic --no-first-run
    --disable-background-networking --disable-component-update --disable-sync
    --disable-dev-shm-usage --dump-dom
""".split()
FLAGS.append("--host-resolver-rules=MAP * ~NOTFOUND")  # no machine can be reached

# Errors of the page are reported too: a test that expects none sees them.
BEFORE = """<script>const errors = [];
addEventListener("error", (event) => errors.push(event.message));
addEventListener("securitypolicyviolation",
  (event) => errors.push("asked for " + event.blockedURI));
</script>"""
AFTER = """<script>addEventListener("load", async () => {
  let report;
  try { report = await (async () => { SCRIPT })(); }
  catch (error) { errors.push(String(error.stack)); }
  const element = document.createElement("pre");
  element.id = "the-report";
  element.textContent = JSON.stringify({ report, errors });
  document.body.append(element);
});</script>"""


def run_in_page(folder, page, script, milliseconds=20_000, width=1300):
    """Open the HTML text `page`, run `script` (its `return` is the report), close it.

    Returns
    -------
    (report, errors)
        What the script returned, and every error of the page and the script.
    """
    path = folder / "page.html"
    text = page.replace("<head>", "<head>" + BEFORE, 1)
    head, _, tail = text.rpartition("</body>")
    path.write_text(
        head + AFTER.replace("SCRIPT", script) + "</body>" + tail, encoding="utf-8"
    )
    own = [
        f"--user-data-dir={folder / 'profile'}",
        f"--virtual-time-budget={milliseconds}",
        f"--window-size={width},1000",
    ]
    done = subprocess.run(
        [BROWSER, *FLAGS, *own, path.as_uri()], capture_output=True, timeout=600
    )
    found = re.search(
        r'<pre id="the-report">(.*?)</pre>', done.stdout.decode("utf-8"), re.DOTALL
    )
    assert found, f"the page reported nothing; Chromium said {done.stderr[-2000:]!r}"
    result = json.loads(html.unescape(found[1]))
    return result.get("report"), result["errors"]
