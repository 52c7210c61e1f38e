"""A line for whoever waits, and none for whoever need not."""

import io
import time

import pytest

from minivae.ladder.waiting import announced


class Terminal(io.StringIO):
    def isatty(self):
        return True


def wait_for(stream, text, seconds=20):
    end = time.monotonic() + seconds
    while text not in stream.getvalue():
        assert time.monotonic() < end, f"expected {text!r}, got {stream.getvalue()!r}"
        time.sleep(0.002)


def test_what_is_soon_done_says_nothing():
    stream = io.StringIO()
    with announced("a rung", stream, patience=60):
        pass
    assert stream.getvalue() == ""


def test_elsewhere_there_are_plain_lines():
    stream = io.StringIO()
    with announced("a rung", stream, patience=0.01):
        wait_for(stream, "a rung: 0 s\na rung: 0 s\n")
    assert "\r" not in stream.getvalue()


def test_on_a_terminal_one_line_is_renewed_and_wiped_off():
    stream = Terminal()
    with announced("a rung", stream, patience=0.01):
        wait_for(stream, "\ra rung: 0 s\ra rung: 0 s")
    assert "\n" not in stream.getvalue()
    assert stream.getvalue().endswith("\r" + " " * len("a rung: 0 s") + "\r")


def test_it_ends_with_an_exception_and_needs_no_stream():
    with announced("a rung", None):
        pass
    stream = io.StringIO()
    with pytest.raises(RuntimeError), announced("a rung", stream, patience=0.01):
        raise RuntimeError
    before = stream.getvalue()
    time.sleep(0.05)
    assert stream.getvalue() == before, "nobody writes after the end"
