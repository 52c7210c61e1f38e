"""Fetch a file over HTTP: in the end it is there, whole and checked, or not at all."""

import sys
from pathlib import Path

from minivae.atomic import replacing

CHUNK = 1 << 16
TIMEOUT = 30  # seconds without a byte


def download(urls, path, verify, stream=None):
    """Save the first of `urls` that delivers what `verify` accepts as `path`.

    The bytes go to a file beside `path` ending in `.part`, which is renamed when all is
    well and removed when not, so that no half-written `path` is ever seen.

    Parameters
    ----------
    urls : sequence of str
        Addresses of the same file, tried in this order.
    path : path-like
        Where to save it; the folder is made if need be.
    verify : callable
        Called with the path of the temporary file; raises ValueError if the content is
        not what it should be.
    stream : text file, optional
        Where the progress goes, by default the standard error: one line that renews
        itself on a terminal, one plain line elsewhere.

    Raises
    ------
    ConnectionError
        If no address delivered; the message says what went wrong with each of them.
    OSError
        If the folder cannot be made.
    """
    from http.client import HTTPException

    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    failures = []
    for url in urls:
        part = ""
        try:
            with replacing(path) as file:
                part = file.name
                _fetch(url, file, sys.stderr if stream is None else stream)
                file.flush()
                verify(Path(part))
            return
        except (OSError, HTTPException, ValueError) as error:
            reason = str(error) or type(error).__name__
            failures.append(f"{url}: {reason.removeprefix(f'{part}: ')}")
    raise ConnectionError("\n".join([f"{path.name} could not be fetched:", *failures]))


def _fetch(url, file, stream):
    """Copy the body of `url` into `file`; a body shorter than announced is an error."""
    from urllib.request import urlopen

    name = url.rpartition("/")[2]
    terminal = stream is not None and stream.isatty()  # a program without console: None
    with urlopen(url, timeout=TIMEOUT) as response:
        announced = response.headers.get("Content-Length", "")
        total = int(announced) if announced.isdigit() else None
        size = f" of {total / 1e6:.1f}" if total is not None else ""
        done = 0
        while chunk := response.read(CHUNK):
            file.write(chunk)
            done += len(chunk)
            if terminal:
                stream.write(f"\r{name}: {done / 1e6:.1f}{size} MB")
                stream.flush()
    # read(CHUNK) reports a connection that broke off as the end of the body.
    complete = total is None or done == total
    if terminal:
        stream.write("\n")
    elif complete and stream is not None:
        stream.write(f"{name}: {done / 1e6:.1f} MB fetched from {url}\n")
    if not complete:
        raise ConnectionError(f"cut short: expected {total} bytes, got {done}")
