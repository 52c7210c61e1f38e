"""How far training has come: one line that renews itself, or a few plain ones."""

import math
import time

LINES = 20  # at most so many in a pipe
INTERVAL = 0.1  # seconds between two looks of the line on a terminal
NELBO = (
    "  nelbo train {train_nelbo:.1f}, test {test_nelbo:.1f}"
    " = rec {test_rec:.1f} + kl {test_kl:.1f}"
)
OBJECTIVE = "  objective train {train_objective:.1f}, test {test_objective:.1f};"


class Progress:
    """Report on epochs `first` + 1 to `epochs`, with the time left.

    On a terminal there is one line, written over at most ten times a second. In a pipe
    or a file there are at most 20 plain lines or so, however many epochs there are.

    Parameters
    ----------
    stream : text file or None
        Where to write; None is silent.
    first, epochs : int
        How many epochs are done already, and how many there will be.
    """

    def __init__(self, stream, first, epochs):
        self.stream, self.first, self.epochs = stream, first, epochs
        self.terminal = stream is not None and stream.isatty()
        self.started = time.perf_counter()
        self.due = self.started + INTERVAL if self.terminal else math.inf
        self.status, self.length = "", 0

    def step(self, done):
        """Called after each step with the epochs done so far, as a fraction."""
        if time.perf_counter() >= self.due:
            self._overwrite(done)

    def epoch(self, row):
        """Called after each epoch with its row of the history, a dict.

        What was minimised is named where it is not the nelbo: with a β other than 1, with
        free bits, and for the importance-weighted bound.
        """
        same = math.isclose(row["test_objective"], row["test_nelbo"], rel_tol=1e-5)
        self.status = (NELBO if same else OBJECTIVE + NELBO).format(**row)
        done, count = row["epoch"], row["epoch"] - self.first
        every = math.ceil((self.epochs - self.first) / LINES)
        told = count == 1 or count % every == 0 or done == self.epochs
        if self.terminal:
            self.step(done)
        elif told and self.stream is not None:
            self._line(self._text(done))

    def end(self, done, interrupted):
        """Leave the last state on the terminal, and say so if it was interrupted."""
        if self.terminal:
            self._overwrite(done)
            self._line("")
        if interrupted and self.stream is not None:
            self._line(f"interrupted: back to the end of epoch {done}")

    def elapsed(self):
        """Seconds since this object was made."""
        return time.perf_counter() - self.started

    def _text(self, done):
        width, spent = len(str(self.epochs)), self.elapsed()
        left = spent * (self.epochs - done) / max(done - self.first, 1e-9)
        clock = f"{duration(left)} left" if done < self.epochs else duration(spent)
        return f"epoch {math.ceil(done):{width}}/{self.epochs}  {clock}{self.status}"

    def _overwrite(self, done):
        import shutil  # compression modules come with it, which only a terminal pays for

        self.due = time.perf_counter() + INTERVAL
        columns = shutil.get_terminal_size().columns - 1
        text = self._text(done)[:columns]
        self.stream.write("\r" + text.ljust(min(self.length, columns)))
        self.stream.flush()
        self.length = len(text)

    def _line(self, text):
        self.stream.write(f"{text}\n")
        self.stream.flush()


def duration(seconds):
    """ "8 s", "3 min 20 s" or "2 h 05 min"."""
    seconds = math.ceil(seconds)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60:02} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60:02} min"
