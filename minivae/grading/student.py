"""A student's file as the graders see it: loaded, called, and never trusted to behave."""

import ast
import traceback
import types

import numpy as np


class Wrong(Exception):
    """Something is wrong with the student's answer; the text is the hint."""


class ToDo(Exception):
    """The student has not written this yet."""


class Student:
    """The functions of one file.

    Parameters
    ----------
    source : str
        The file's text.
    filename : str
        What tracebacks call it.

    Raises
    ------
    Wrong
        If the text cannot be run, or imports the answers from minivae.
    """

    def __init__(self, source, filename):
        self.filename = filename
        module = types.ModuleType("exercise")
        module.__file__ = filename
        try:
            if _imports_minivae(source):
                raise Wrong("The file imports minivae, which holds the answers: use NumPy.")
            with np.errstate(all="ignore"):
                exec(compile(source, filename, "exec"), module.__dict__)
        except Wrong:
            raise
        except (Exception, SystemExit) as error:
            raise Wrong(f"The file cannot be imported: {self._described(error)}") from None
        self.functions = module.__dict__

    def call(self, name, *args, out, look=""):
        """Call one of the functions with copies of `args`, and check what comes back.

        Parameters
        ----------
        name : str
        *args
            Arrays, or dicts of arrays, or anything else.
        out : dict of str to (tuple or None)
            Names of the results and their shapes; None leaves the shape open.
        look : str
            Where to look if the call fails, added to the hint.

        Returns
        -------
        ndarray or list of ndarray
            One for each of `out`, in the precision the student chose.

        Raises
        ------
        ToDo
            If the function raises NotImplementedError.
        Wrong
            If it is missing, raises, changes its arguments, or returns no such arrays.
        """
        given = [_copy(a) for a in args]
        try:
            value = self.raw(name, *given)
        except Wrong as wrong:
            raise Wrong(f"{wrong} {look}".rstrip()) from None
        for number, (before, after) in enumerate(zip(args, given, strict=True)):
            if not _same(before, after):
                code = getattr(self.functions[name], "__code__", None)
                names = code.co_varnames[: code.co_argcount] if code else ()
                called = names[number] if number < len(names) else number + 1
                raise Wrong(
                    f"{name} changes its argument {called} in place. The caller still needs"
                    " it as it was: make a new array, or work on a copy."
                )
        if value is None:
            raise Wrong(f"{name} returned None: is the `return` missing?")
        if len(out) == 1:
            return self._array(name, next(iter(out)), value, *out.values())
        if not isinstance(value, (tuple, list)) or len(value) != len(out):
            came = f"{len(value)} values" if isinstance(value, (tuple, list)) else "one"
            raise Wrong(f"{name} should return {', '.join(out)}; it returned {came}.")
        pairs = zip(out.items(), value, strict=True)
        return [self._array(name, key, v, shape) for (key, shape), v in pairs]

    def raw(self, name, *args):
        """Call a function and return whatever it returns."""
        function = self.functions.get(name)
        if not callable(function):
            raise Wrong(f"There is no function `{name}` in the file.")
        try:
            with np.errstate(all="ignore"):
                return function(*args)
        except NotImplementedError:
            raise ToDo from None
        except (Exception, SystemExit) as error:
            shapes = ", ".join(str(np.shape(a)) for a in args if isinstance(a, np.ndarray))
            raise Wrong(
                f"{name} stopped with {self._described(error)} (called with arrays of the"
                f" shapes {shapes})."
            ) from None

    def _array(self, function, name, value, shape):
        try:
            array = np.asarray(value)
            array = array if array.dtype.kind == "f" else array.astype(np.float64)
        except (TypeError, ValueError):
            raise Wrong(
                f"{function}: {name} should be an array of real numbers, got"
                f" {type(value).__name__}."
            ) from None
        if shape is not None and array.shape != shape:
            raise Wrong(
                f"{function}: {name} should have the shape {shape}, got {array.shape}."
                f"{_shape_story(array.shape, shape)}"
            )
        return array

    def _described(self, error):
        """Such as "ValueError in line 7: operands could not be broadcast"."""
        if isinstance(error, SystemExit):
            return "a call of exit(), which ends the whole program: remove it"
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if frame.filename == self.filename]
        if isinstance(error, SyntaxError):
            lines = [error.lineno] if error.lineno else []
        where = f" in line {lines[-1]}" if lines else ""
        return f"{type(error).__name__}{where}: {error}"


def _imports_minivae(source):
    names = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append(node.module or "")
    return any(name.split(".")[0] == "minivae" for name in names)


def _shape_story(came, expected):
    if came == ():
        return " It was summed or averaged over everything, the batch included."
    if came == expected[::-1]:
        return " It is transposed."
    if len(came) > len(expected) and tuple(n for n in came if n != 1) == expected:
        return " An axis of length one is left over: no keepdims."
    if len(came) > len(expected) and came[: len(expected)] == expected:
        return " Is a sum over the last axis missing?"
    if len(came) > len(expected) and came[-len(expected) :] == expected:
        return " Is a sum over the first axis missing?"
    return ""


def _copy(value):
    if isinstance(value, dict):
        return {name: _copy(v) for name, v in value.items()}
    return value.copy() if isinstance(value, np.ndarray) else value


def _same(one, two):
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(_same(v, two[k]) for k, v in one.items())
    return not isinstance(one, np.ndarray) or np.array_equal(one, two, equal_nan=True)
