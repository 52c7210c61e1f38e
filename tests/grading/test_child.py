"""Messages between the grader and the process of a file, and the look at its text."""

import json
import struct
import sys
from io import BytesIO

import numpy as np
import pytest
from exercise_answers import EXERCISES
from helpers import complains

from minivae.grading.child import (
    BODY,
    HEADER,
    Answers,
    Odd,
    answered,
    arrays_of,
    decode,
    encode,
    suspicions,
)


def there_and_back(value):
    return decode(BytesIO(encode(value)).read)


def message(header, body=b""):
    header = header if isinstance(header, bytes) else json.dumps(header).encode()
    return BytesIO(struct.pack(">II", len(header), len(body)) + header + body).read


def array(dtype, shape):
    return {"dtype": dtype, "shape": shape}


def test_what_is_sent_arrives(rng):
    value = {
        "text": "x ≠ y \udcff",
        "numbers": [1, 2.5, float("inf"), None, True],
        "array": rng.standard_normal((2, 3)),
        "turned": np.arange(6.0, dtype=np.float32).reshape(2, 3).T,
        "none": np.zeros((0, 3)),
        "single": np.array(3.0),
        "dicts": {"": {}, "rng": {"other": 3}, "array": {"dtype": "float64"}},
        "nested": {"bytes": np.frombuffer(b"abc", np.uint8), "list": [np.ones(2)]},
    }
    came = there_and_back(value)
    for key in ("text", "numbers", "dicts"):
        assert came[key] == value[key]
    for key in ("array", "turned", "none", "single"):
        np.testing.assert_array_equal(came[key], value[key])
        assert came[key].dtype == value[key].dtype and came[key].shape == value[key].shape
    assert came["nested"]["bytes"].tobytes() == b"abc"
    came["array"][0] = 0  # a copy, and one to write on


@pytest.mark.parametrize(
    ("header", "body"),
    [
        (b"", b""),
        (b"{", b""),
        (b"[" * 100_000, b""),
        (b"\xff\xfe", b""),
        (b"9" * 5000, b""),
        (array("float64", [2]), b"12345678"),
        (array("float64", [10**12]), b""),
        (array("float64", [-1]), b""),
        (array("float64", [-2, -4]), b"x" * 64),
        (array("float64", [0, 10**30]), b""),
        (array("float64", "2"), b""),
        (array("float64", None), b""),
        (array("object", [1]), b"12345678"),
        (array("V8", [1]), b"12345678"),
        (array(["float64"], [1]), b"12345678"),
        (array(array("float64", [1]), [1]), b"12345678"),
        ({"rng": {"bit_generator": "PCG64"}}, b""),
        ({"rng": 3}, b""),
    ],
)
def test_a_message_that_is_none_is_a_value_error(header, body):
    with pytest.raises(ValueError):
        decode(message(header, body))


def test_lengths_are_checked_before_anything_is_read():
    def read(n, sizes):
        assert n == 8, "nothing more may be read"
        return struct.pack(">II", *sizes)

    for sizes in ((HEADER + 1, 0), (2, BODY + 1), (2**32 - 1, 2**32 - 1)):
        with complains(ValueError, "at most"):
            decode(lambda n, sizes=sizes: read(n, sizes))
    with complains(ValueError, "at most"):
        encode(np.empty(BODY // 8 + 1))


def test_what_cannot_be_handed_over_is_said_so():
    answer = decode(BytesIO(answered(lambda request: {"x": object()}, {})).read)
    assert answer == {"status": "odd", "text": "what cannot be handed over"}


def test_results_become_arrays_or_are_described():
    assert arrays_of([1, 2], ["y"])["y"].dtype == np.float64
    assert arrays_of(np.float16(1.5), ["y"])["y"].dtype == np.float16
    for value in ("3", b"3", 1j, [[1], [1, 2]], {"a": 1}, np.datetime64("2026-01-01")):
        with complains(Odd, "array of real numbers"):
            arrays_of(value, ["y"])
    with complains(Odd, "4000000 numbers for y"):
        arrays_of(np.broadcast_to(0.0, (2000, 2000)), ["y"])


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("import minivae", "import minivae"),
        ("from minivae.gaussian import kl", "import minivae"),
        ("import minivae.vae as v", "import minivae"),
        ("import importlib as i", "import importlib"),
        ("from sys import modules", "import modules"),
        ("import inspect", "import inspect"),
        ("m = __import__('numpy')", "__import__"),
        ("sys.modules['a']", "modules"),
        ("sys.argv[3]", "argv"),
        ("sys._getframe(1)", "_getframe"),
        ("f.f_back.f_globals", "f_back"),
        ("getattr(sys, 'mod' + 'ules')", "getattr"),
        ("getattr(sys, 'modules')", "modules"),
        ("exec('a = 1')", "exec"),
        ("vars(sys)", "vars"),
        ("os.kill(os.getppid(), 9)", "getppid"),
        ("name = 'minivae.grading'", "minivae"),
        ("().__class__.__base__.__subclasses__()", "__subclasses__"),
    ],
)
def test_a_file_that_looks_at_what_it_need_not_is_marked_with_line_and_word(line, word):
    source = f'"""An answer."""\n\ndef f(x):\n    {line}\n    return x\n'
    assert (4, word) in suspicions(source)


def test_files_handed_out_and_their_solutions_are_not_marked():
    paths = [*EXERCISES.glob("[01]*.py"), *EXERCISES.glob("solutions/*.py")]
    assert len(paths) >= 13
    for path in paths:
        assert suspicions(path.read_text(encoding="utf-8")) == [], path.name


def test_the_look_survives_whatever_the_text_is():
    for text in ("x = (", "\0", "(" * 5000, "-" * 50_000 + "1", "é" * 10):
        suspicions(text)
    assert len(suspicions("exec(x)\n" * 1000)) == 20, "a long list is cut off"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("x = (", "SyntaxError in line 1"),
        ("\nraise RuntimeError('no')", "RuntimeError in line 2: no"),
        ("import sys; sys.exit(3)", "call of exit()"),
        ("import no_such_module", "ModuleNotFoundError in line 1"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt in line 1"),
        ("raise ValueError('x ' * 10**6)", "x x x"),
        ("class E(Exception):\n def __str__(s): 1 / 0\nraise E", "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_run_is_described_in_a_few_words(source, words):
    answers = Answers()
    answers.look(source.encode(), "answers.py")
    said = answers.load()
    assert words in said and len(said) < 600


def test_dataclasses_and_a_byte_order_mark_are_no_problem(monkeypatch):
    monkeypatch.delitem(sys.modules, "exercise", raising=False)
    answers = Answers()
    text = (
        "\ufefffrom dataclasses import dataclass\n@dataclass\nclass A:\n    x: 'int' = 1\n"
    )
    answers.look(text.encode(), "answers.py")
    assert answers.load() is None


def test_numpy_says_nothing_of_a_division_by_zero():
    """The grader judges the infinity; a warning would be one more line to wonder at."""
    answers = Answers()
    source = b"import numpy as np\na = np.ones(1) / 0\ndef f(x): return x / 0\n"
    answers.look(source, "answers.py")
    with np.errstate(all="raise"):
        assert answers.load() is None
        answer = answers.call("f", [np.ones(1)], ["y"])
    assert answer["status"] == "value" and np.isinf(answer["value"]["y"]), answer
