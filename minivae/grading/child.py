"""The process that runs a student's file: it calls functions and hands arrays back.

The grader starts it by its path, so that nothing of this package is in its memory, and
speaks to it over two pipes. A message is

    two lengths (big-endian, four bytes each), a header of JSON, the bytes of its arrays

and an array stands in the header as {"dtype": ..., "shape": ...}. Nothing is unpickled, no
length is believed before it is checked, and what is right is decided by the grader.
"""

import ast
import json
import math
import os
import re
import struct
import sys
import traceback
import types
import warnings
from contextlib import suppress

import numpy as np

HEADER, BODY = 1 << 20, 1 << 26  # bytes of a message at most
TEXT = 500  # characters of an exception's text at most
MEMORY = 4 << 30  # bytes the process may ask for, where the system can limit them
DTYPES = {"float64": 8, "float32": 4, "float16": 2, "uint8": 1}

# What no exercise needs. A file that has these words is not refused but marked.
WORDS = set(
    "minivae importlib __import__ inspect ctypes gc runpy pkgutil builtins subprocess"
    " multiprocessing socket modules argv exec eval globals vars getattr attrgetter kill"
    " __globals__ __subclasses__ __loader__ __spec__ __dict__ _getframe _current_frames"
    " f_back f_globals f_locals f_builtins tb_frame gi_frame settrace setprofile getppid"
    " killpg fork _exit __builtins__".split()
)


def encode(value):
    """The bytes of a message: numbers, text, arrays, generators, lists and dicts of them.

    Raises
    ------
    TypeError, ValueError
        For any other type, and for more than BODY bytes of arrays.
    """
    arrays = []

    def tagged(value):
        """What JSON does not know."""
        if isinstance(value, np.random.Generator):
            return {"rng": value.bit_generator.state}
        if not isinstance(value, np.ndarray):
            raise TypeError(f"expected data, got {type(value).__name__}")
        arrays.append(value)
        return {"dtype": value.dtype.name, "shape": value.shape}

    header = json.dumps(value, default=tagged).encode()
    size = sum(array.nbytes for array in arrays)
    if size > BODY:
        raise ValueError(f"expected at most {BODY} bytes of arrays, got {size}")
    lengths = struct.pack(">II", len(header), size)
    return b"".join([lengths, header, *(array.tobytes() for array in arrays)])


def decode(read):
    """Read one message; `read(n)` returns the next n bytes.

    Raises
    ------
    ValueError
        If it is no message, or larger than allowed.
    """
    sizes = struct.unpack(">II", read(8))
    if sizes[0] > HEADER or sizes[1] > BODY:
        raise ValueError(f"expected at most {HEADER} and {BODY} bytes, got {sizes}")
    header, body, begin = read(sizes[0]), memoryview(bytearray(read(sizes[1]))), 0

    def untagged(tree):
        nonlocal begin
        if tree.keys() == {"rng"}:
            rng = np.random.default_rng(0)
            rng.bit_generator.state = tree["rng"]
            return rng
        if tree.keys() != {"dtype", "shape"}:
            return tree
        end = begin + math.prod(tree["shape"]) * DTYPES[tree["dtype"]]
        if not begin <= end <= len(body):
            raise ValueError("expected an array inside the message")
        array = np.frombuffer(body[begin:end], tree["dtype"]).reshape(tree["shape"])
        begin = end
        return array

    try:
        return json.loads(header, object_hook=untagged)
    except (AttributeError, LookupError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError(f"expected a header of JSON, got {error!r}") from None


def reader(descriptor):
    """A function that reads exactly n bytes of a file descriptor, or raises EOFError."""

    def read(n):
        data = bytearray()
        while len(data) < n:
            chunk = os.read(descriptor, min(n - len(data), 1 << 20))
            if not chunk:
                raise EOFError
            data += chunk
        return bytes(data)

    return read


class Answers:
    """The functions of one file: requests in, answers out, both as `encode` takes them."""

    def __call__(self, request):
        return getattr(self, request.pop("do"))(**request)

    def look(self, source, filename):
        """Keep the text; the places that a teacher should see, before anything is run."""
        self.source = bytes(source).decode("utf-8-sig", errors="replace")
        self.filename = filename
        return suspicions(self.source)

    def load(self):
        """Run the file; what went wrong, or None."""
        sys.modules["exercise"] = module = types.ModuleType("exercise")
        self.functions = module.__dict__
        try:
            with np.errstate(all="ignore"):
                exec(compile(self.source, self.filename, "exec"), self.functions)
        except BaseException as error:
            return self._described(error)

    def call(self, name, args, results):
        """Call a function; {"status", "text"}, or its value and its arguments after it."""
        function = self.functions.get(name)
        if not callable(function):
            return {"status": "missing"}
        try:
            with np.errstate(all="ignore"):
                value = arrays_of(function(*args), results)
        except NotImplementedError:
            return {"status": "to do"}
        except Odd as odd:
            return {"status": "odd", "text": str(odd)}
        except BaseException as error:
            return {"status": "raised", "text": self._described(error)}
        code = getattr(function, "__code__", None)
        names = list(code.co_varnames[: code.co_argcount]) if code else []
        return {"status": "value", "value": value, "args": args, "names": names}

    def _described(self, error):
        """Such as "ValueError in line 7: operands could not be broadcast"."""
        if isinstance(error, SystemExit):
            return "a call of exit(), which ends the whole program: remove it"
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if frame.filename == self.filename]
        if isinstance(error, SyntaxError):
            lines = [error.lineno] if error.lineno else []
        where = f" in line {lines[-1]}" if lines else ""
        try:
            text = str(error)[:TEXT]
        except BaseException:
            text = "its text cannot be read"
        return f"{type(error).__name__[:TEXT]}{where}: {text}"


class Odd(Exception):
    """A function returned no such arrays."""


def arrays_of(value, results):
    """What a function returned, as a dict of arrays.

    Parameters
    ----------
    value : object
    results : list of str, or None
        The names of the results; None asks for a dict of arrays.

    Raises
    ------
    Odd
        Saying what came instead.
    """
    if value is None:
        raise Odd("None: is the `return` missing?")
    if results is None and not isinstance(value, dict):
        raise Odd(f"{type(value).__name__}, where a dict of arrays belongs")
    if results is None:
        return {str(name)[:TEXT]: _array(v, name) for name, v in value.items()}
    if len(results) == 1:
        value = [value]
    if not isinstance(value, (tuple, list)) or len(value) != len(results):
        came = f"{len(value)} values" if isinstance(value, (tuple, list)) else "one"
        raise Odd(f"{came}, where {', '.join(results)} belong")
    return {name: _array(v, name) for v, name in zip(value, results, strict=True)}


def _array(value, name):
    try:
        array = np.asarray(value)
        if array.dtype.kind not in "biufO":
            raise TypeError
        if array.dtype.kind != "f" or array.dtype.name not in DTYPES:
            array = array.astype(np.float64)
    except (TypeError, ValueError):
        what = f"{type(value).__name__} for {name}"
        raise Odd(f"{what}, where an array of real numbers belongs") from None
    if array.nbytes > BODY // 4:
        raise Odd(f"{array.size} numbers for {name}")
    return array


def answered(answers, request):
    """The message that answers a request, whatever the student's objects do."""
    try:
        return encode(answers(request))
    except Exception:
        return encode({"status": "odd", "text": "what cannot be handed over"})


def suspicions(text):
    """(line, word) of everything in a file that no exercise needs, docstrings left out."""
    try:
        nodes = list(ast.walk(ast.parse(text)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []  # it will not run either
    docs = {node.value for node in nodes if isinstance(node, ast.Expr)}
    found = set()
    for node in nodes:
        imported = "import " if isinstance(node, (ast.alias, ast.ImportFrom)) else ""
        for _, value in ast.iter_fields(node):
            if isinstance(value, str) and node not in docs:
                words = WORDS.intersection(re.findall(r"\w+", value))
                found |= {(node.lineno, imported + word) for word in words}
    return sorted(found)[:20]


def main():
    """Answer until the grader ends this process."""
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [path for path in sys.path if os.path.abspath(path) != here]
    sys.modules["minivae"] = None  # an import of it fails
    warnings.simplefilter("ignore")
    with suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    read, write = reader(os.dup(0)), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)  # what the file prints goes to a third pipe
    answers = Answers()
    while True:
        message = answered(answers, decode(read))
        with suppress(BaseException):  # it is the student's by now
            sys.stdout.flush()
        write.write(message)
        write.flush()


if __name__ == "__main__":
    main()
