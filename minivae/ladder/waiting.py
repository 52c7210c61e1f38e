"""A line for whoever waits: what is running, once it has taken two seconds."""

import threading
import time
from contextlib import contextmanager

PATIENCE = 2.0  # seconds


@contextmanager
def announced(what, stream, patience=PATIENCE):
    """Write `what` and the seconds so far to `stream` while the block runs.

    Nothing is written in the first two seconds. Then there is one line, renewed every two
    seconds on a terminal and gone at the end; elsewhere plain lines after 2, 4, 8, 16 ...
    seconds.

    Parameters
    ----------
    what : str
    stream : text file or None
        None is silent.
    patience : float
        The two seconds.
    """
    if stream is None:
        yield
        return
    over, terminal = threading.Event(), stream.isatty()
    watch = threading.Thread(
        target=_report, args=(what, stream, terminal, patience, over), daemon=True
    )
    watch.start()
    try:
        yield
    finally:
        over.set()
        watch.join()


def _report(what, stream, terminal, patience, over):
    start, wait, length = time.perf_counter(), patience, 0
    while not over.wait(wait):
        spent = time.perf_counter() - start
        text = f"{what}: {spent:.0f} s"
        stream.write("\r" + text.ljust(length) if terminal else f"{text}\n")
        stream.flush()
        length = len(text)
        wait = patience if terminal else spent
    if length and terminal:
        stream.write("\r" + " " * length + "\r")
        stream.flush()
