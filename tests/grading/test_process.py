"""A file in a process of its own: what it does costs its own points, and little time."""

import os
import sys
import threading
import time

import numpy as np
import pytest

from minivae.grading import process
from minivae.grading.process import KEPT, Process
from minivae.grading.student import Wrong

HERE = "def f(x): return x\n"
X = np.arange(3.0)


def asked(source, seconds=30.0, times=1):
    """(what f answers or the hint, for each part; the closed process)."""
    found = []
    with Process(source.encode(), "answers.py", seconds) as running:
        for _ in range(times):
            try:
                found.append(running.student().call("f", X, out={"y": (3,)}).tolist())
            except Wrong as wrong:
                found.append(str(wrong))
    return found, running


def test_a_right_answer_that_prints_and_leaves_a_thread_behind():
    chatty = "import threading, time\nprint('hello ≠ \\udcff \\x1b[31m')\n"
    chatty += "threading.Thread(target=time.sleep, args=(100,)).start()\n"
    (came,), running = asked(chatty + HERE)
    assert came == X.tolist()
    assert running.printed == "hello ≠ ? ?[31m\n"


def test_one_process_serves_all_parts():
    source = "import os\ndef f(x): return x * 0 + os.getpid()\n"
    (one, two), _ = asked(source, times=2)
    assert one == two != [os.getpid()] * 3


@pytest.mark.parametrize("loop", ["while True: pass", "import time; time.sleep(1000)"])
def test_an_endless_loop_is_stopped(loop):
    (first, second), _ = asked(f"{loop}\n{HERE}", seconds=0.3, times=2)
    assert first.startswith("Not done after 0.3 seconds and stopped")
    assert second == first
    (came,), _ = asked(f"def f(x):\n    {loop}\n", seconds=0.3)
    assert came.startswith("Not done after 0.3 seconds and stopped")


def test_a_process_out_of_time_is_killed_without_another_wait(monkeypatch):
    waits, wait = [], process.subprocess.Popen.wait

    def waited(self, timeout=None):
        waits.append(timeout)
        return wait(self, timeout)

    monkeypatch.setattr(process.subprocess.Popen, "wait", waited)
    (came,), _ = asked("while True: pass\n", seconds=0.3)
    assert came.startswith("Not done after")
    assert waits == [None], "for the end of what was killed, and for nothing else"


def test_a_system_without_process_groups_ends_the_process_itself(monkeypatch):
    monkeypatch.delattr(process.os, "killpg")
    (came,), _ = asked("while True: pass\n", seconds=0.3)
    assert came.startswith("Not done after 0.3 seconds and stopped")


def test_what_a_file_has_started_is_ended_with_it(tmp_path):
    mark = tmp_path / "alive"
    child = f"import time\\nwhile 1: open({str(mark)!r}, 'w').close(); time.sleep(0.02)"
    source = f"""
import os, subprocess, sys, time
def f(x):
    child = subprocess.Popen([sys.executable, "-S", "-c", "{child}"])
    while not os.path.exists({str(mark)!r}): time.sleep(0.01)
    print("x" * 100_000, flush=True)
    return x
"""
    (came,), running = asked(source)
    assert came == X.tolist()
    assert KEPT <= len(running.printed) < KEPT + 50, "what is printed is cut off"
    assert len(running._kept) <= 4 * KEPT, "nor is it kept in memory"
    assert mark.exists(), "the test is worth nothing if the child never ran"
    mark.unlink()
    time.sleep(0.1)
    assert not mark.exists(), "the child is still running"


def test_a_part_that_ends_the_process_leaves_the_next_one_a_new_process():
    source = """
import os, pathlib
def f(x):
    if not os.path.exists("once"):
        open("once", "w").close()
        os._exit(3)
    return x
"""
    (first, second), _ = asked(source, times=2)
    assert "exit code 3" in first
    assert second == X.tolist()


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        ("import os\nos._exit(0)", "exit code 0 before there was an answer"),
        pytest.param(
            "import os\nos.kill(os.getpid(), 11)",
            "killed by signal 11",
            marks=pytest.mark.skipif(os.name == "nt", reason="no signals"),
        ),
        ("raise KeyboardInterrupt", "cannot be imported: KeyboardInterrupt"),
        ("import sys; sys.exit(0)", "call of exit()"),
    ],
    ids=["os._exit", "crash", "interrupt", "exit"],
)
def test_a_file_that_cannot_be_loaded_is_started_once(source, hint, monkeypatch):
    started = []
    start = process.subprocess.Popen
    monkeypatch.setattr(
        process.subprocess, "Popen", lambda *a, **k: started.append(1) or start(*a, **k)
    )
    found, _ = asked(source + "\n" + HERE, times=3)
    assert all(hint in text for text in found), found
    assert started == [1]


def test_minivae_is_not_there_to_be_imported():
    (came,), running = asked("import minivae\n" + HERE)
    assert came == process.OFFERED
    (came,), running = asked(
        "import importlib\nimportlib.import_module('minivae')\n" + HERE
    )
    assert "cannot be imported: ModuleNotFoundError" in came
    assert (1, "import importlib") in running.marks
    (came,), _ = asked("import sys, linear" + "\n" + HERE)
    assert "No module named 'linear'" in came, "nor are the graders, by their folder"


# Answers that the file writes itself, past the process that should write them.
FORGED = """
import os
def f(x):
    for fd in range(3, 20):
        try: os.write(fd, {data})
        except OSError: pass
    {then}
"""


@pytest.mark.parametrize(
    ("data", "then"),
    [
        ("b'x' * 4096", "return x"),
        ("b'\\xff' * 8", "return x"),
        ("(100).to_bytes(4, 'big') + bytes(4) + b'[' * 100", "return x"),
        ("b''", "os.closerange(3, 20)"),
    ],
    ids=["noise", "huge", "deep", "closed"],
)
def test_a_forged_answer_is_wrong_and_the_next_part_has_a_new_process(data, then):
    (first, second), _ = asked(FORGED.format(data=data, then=then), times=2)
    for came in (first, second):
        assert "no grader can read" in came or "exit code" in came, came


def test_a_process_that_left_the_session_holds_up_nobody():
    """It keeps the pipes open; what it does is its own affair, and in the README."""
    child = "import time; time.sleep(20)"
    source = f"""
import os, subprocess, sys
child = subprocess.Popen(
    [sys.executable, "-S", "-c", {child!r}], start_new_session=True, close_fds=False
)
def f(x): return x + child.pid
"""
    before = threading.active_count()
    began = time.monotonic()
    (came,), _ = asked(source)
    assert time.monotonic() - began < 15
    pid = int(came[0])
    assert threading.active_count() <= before + 2
    os.kill(pid, 9)


@pytest.mark.skipif(sys.platform != "linux", reason="the system has no such limit")
def test_memory_is_limited():
    (came,), _ = asked("import numpy as np\ndef f(x): return np.ones(10**10)\n")
    assert "MemoryError" in came
