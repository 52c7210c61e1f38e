"""The progress report on a terminal and in a pipe."""

import io

import pytest

from minivae.training import progress
from minivae.training.progress import Progress, duration


class Clock:
    """Stands in for `time`: moves only when told to."""

    def __init__(self):
        self.now = 100.0

    def perf_counter(self):
        return self.now


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    monkeypatch.setattr(progress, "time", Clock())
    monkeypatch.setenv("COLUMNS", "200")
    return progress.time


def row(epoch):
    return {
        "epoch": epoch,
        "train_objective": 200.0 / epoch,
        "test_objective": 210.0 / epoch,
        "train_nelbo": 200.0 / epoch,
        "test_nelbo": 210.0 / epoch,
        "test_rec": 190.0 / epoch,
        "test_kl": 20.0 / epoch,
    }


def test_what_is_minimised_is_named_where_it_is_not_the_nelbo(clock):
    stream = io.StringIO()
    line = Progress(stream, 0, 4)
    line.epoch(row(1))
    assert "objective" not in stream.getvalue()
    line.epoch(row(2) | {"train_objective": 107.0, "test_objective": 112.5})
    assert (
        "  objective train 107.0, test 112.5;  nelbo train 100.0, test 105.0 ="
        in stream.getvalue()
    )


def test_a_pipe_gets_whole_lines_with_the_time_left(clock):
    stream = io.StringIO()
    line = Progress(stream, 0, 4)
    for epoch in range(1, 5):
        clock.now += 3
        line.step(epoch - 0.5)
        line.epoch(row(epoch))
    line.end(4, False)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 4 and "\r" not in stream.getvalue()
    assert lines[0] == (
        "epoch 1/4  9 s left  nelbo train 200.0, test 210.0 = rec 190.0 + kl 20.0"
    )
    assert lines[3].startswith("epoch 4/4  12 s  nelbo train 50.0, test 52.5 = rec 47.5")


@pytest.mark.parametrize(
    "first, epochs", [(0, 1), (0, 20), (0, 21), (7, 1000), (990, 1000)]
)
def test_a_pipe_gets_about_twenty_lines_with_the_first_and_the_last(clock, first, epochs):
    stream = io.StringIO()
    line = Progress(stream, first, epochs)
    for epoch in range(first + 1, epochs + 1):
        clock.now += 1
        line.epoch(row(epoch))
    lines = stream.getvalue().splitlines()
    assert min(epochs - first, 11) <= len(lines) <= 22
    shown = [int(text.split("/")[0].split()[-1]) for text in lines]
    assert shown == sorted(set(shown))
    assert shown[0] == first + 1 and shown[-1] == epochs


def test_a_terminal_has_one_line_that_is_written_over_ten_times_a_second(clock):
    stream = Terminal()
    line = Progress(stream, 0, 2)
    for done in range(1, 1025):
        clock.now += 1 / 1024
        line.step(done / 1024)
    line.epoch(row(1))
    written = stream.getvalue()
    assert "\n" not in written and 8 <= written.count("\r") <= 11
    line.end(1, True)
    *_, last, message, end = stream.getvalue().replace("\r", "\n").split("\n")
    assert last.startswith("epoch 1/2  1 s left  nelbo train 200.0, test 210.0")
    assert message == "interrupted: back to the end of epoch 1" and end == ""


def test_a_shorter_text_leaves_nothing_of_the_longer_one(clock):
    stream = Terminal()
    line = Progress(stream, 0, 100)
    line.epoch(row(1))
    for seconds in (4000, 1):
        clock.now += seconds
        line.status = "x" * seconds if seconds > 1 else ""
        line.step(2)
    _, long, short = stream.getvalue().split("\r")
    assert len(long) == len(short) == 199 and short.rstrip() != short


def test_a_narrow_terminal_cuts_the_line_rather_than_wrap(clock, monkeypatch):
    monkeypatch.setenv("COLUMNS", "30")
    stream = Terminal()
    line = Progress(stream, 0, 2)
    clock.now += 1
    line.epoch(row(1))
    assert [len(text) for text in stream.getvalue().split("\r")] == [0, 29]


def test_the_time_left_counts_from_where_this_run_began(clock):
    stream = io.StringIO()
    line = Progress(stream, 90, 100)
    clock.now += 6
    line.epoch(row(91))
    assert stream.getvalue().startswith("epoch  91/100  54 s left  nelbo")


def test_no_stream_is_silent(clock, capsys):
    line = Progress(None, 0, 2)
    clock.now += 1
    line.step(0.5)
    line.epoch(row(1))
    line.end(1, True)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    "seconds, text",
    [
        (0.2, "1 s"),
        (59, "59 s"),
        (59.5, "1 min 00 s"),
        (3599, "59 min 59 s"),
        (3725, "1 h 02 min"),
    ],
)
def test_durations(seconds, text):
    assert duration(seconds) == text
