"""A student's file in a process of its own, with a time limit for each part.

This is no sandbox: the file runs with the rights of whoever grades it.
"""

import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress

import numpy as np

from minivae.grading import child
from minivae.grading.student import Student, Wrong

ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "PYTHONIOENCODING": "utf-8:replace"}
KEPT = 2000  # characters of what a student's file prints
OFFERED = "The file imports minivae, which holds the answers: use NumPy."


class Process:
    """Runs a file, and answers requests until it is closed; a context manager.

    Parameters
    ----------
    source : bytes
        The file's content.
    filename : str
        What tracebacks call it.
    seconds : float
        For each part, the start of the process included.

    Attributes
    ----------
    marks : sequence
        (line, word) of what a teacher should look at.
    printed : str
        What the file printed, once the process is closed.
    """

    def __init__(self, source, filename, seconds):
        self.source, self.filename, self.seconds = source, filename, seconds
        self.marks, self.printed = (), ""
        self._process = self._broken = None
        self._kept = bytearray()

    def __enter__(self):
        self._scratch = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        return self

    def __exit__(self, *_):
        self._end()
        self._scratch.cleanup()
        text = clean(self._kept.decode("utf-8", errors="replace"), 4 * KEPT)
        self.printed = text[:KEPT] + (" ... (cut off)" if len(text) > KEPT else "")

    def student(self):
        """A `Student` for one part: the clock starts, a dead process is started again."""
        self._deadline = time.monotonic() + self.seconds
        try:
            if self._broken is None and self._process is None:
                self._start()
        except Wrong as wrong:
            self._broken = wrong
        if self._broken is not None:
            raise self._broken
        return Student(self._ask)

    def _start(self):
        self._process = subprocess.Popen(
            [sys.executable, child.__file__],
            cwd=self._scratch.name,
            bufsize=0,
            start_new_session=True,
            env={**os.environ, **ENVIRONMENT},
            **dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE),
        )
        self._drain = _aside(self._keep, self._process.stderr)
        source = np.frombuffer(self.source, np.uint8)
        marks = self._ask({"do": "look", "source": source, "filename": self.filename})
        self.marks = [(line, word) for line, word in marks]
        if any(word == "import minivae" for _, word in self.marks):
            raise Wrong(OFFERED)
        error = self._ask({"do": "load"})
        if error is not None:
            raise Wrong(f"The file cannot be imported: {error}")

    def _ask(self, request):
        """The answer to a request, or Wrong with what became of the process."""
        process, box = self._process, queue.SimpleQueue()
        if process is None:
            raise Wrong("The process of the file has ended.")

        def exchange():
            try:
                process.stdin.write(child.encode(request))
                box.put(child.decode(child.reader(process.stdout.fileno())))
            except (OSError, EOFError, ValueError) as error:
                box.put(error)
            finally:
                if process.poll() is not None:
                    process.stdout.close()

        self._talk = _aside(exchange)
        try:
            answer = box.get(timeout=max(0.0, self._deadline - time.monotonic()))
        except queue.Empty:
            self._end()
            raise Wrong(
                f"Not done after {self.seconds:.3g} seconds and stopped: does a loop never"
                " end? (A right answer takes one or two.)"
            ) from None
        if isinstance(answer, Exception):
            raise Wrong(self._obituary(answer))
        return answer

    def _obituary(self, error):
        """End the process, and say what became of it."""
        ended, closed = None, isinstance(error, (EOFError, OSError))
        with suppress(subprocess.TimeoutExpired):  # it may be about to end
            ended = self._process.wait(timeout=1.0 if closed else 0.0)
        self._end()
        if ended is None:
            return "The process of the file answered what no grader can read."
        if ended < 0:
            return f"The process was killed by signal {-ended}."
        return (
            f"The process ended with exit code {ended} before there was an answer: does the"
            " file call os._exit, or end the program in another way?"
        )

    def _keep(self, pipe):
        """Read all that is printed, so that nobody waits, and keep the beginning."""
        with pipe:
            while chunk := pipe.read(65536):
                self._kept += chunk[: max(0, 4 * KEPT - len(self._kept))]

    def _end(self):
        """End the process and what it has started, unless that is a session of its own."""
        process, self._process = self._process, None
        if process is None:
            return
        if hasattr(os, "killpg"):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.wait()
        for thread in self._talk, self._drain:
            thread.join(timeout=0.5)
        if not self._talk.is_alive():  # else a process that has left us holds the pipe
            process.stdin.close()
            process.stdout.close()


def _aside(work, *args):
    thread = threading.Thread(target=work, args=args, daemon=True)
    thread.start()
    return thread


def clean(text, limit):
    """Text that any terminal and any JSON can take, of at most `limit` characters."""
    text = text[:limit] + (" ..." if len(text) > limit else "")
    return "".join(c if c.isprintable() or c in "\n\t" else "?" for c in text)
