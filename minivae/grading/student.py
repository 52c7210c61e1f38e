"""A student's functions as the graders see them: called, and never trusted to behave."""

import numpy as np


class Wrong(Exception):
    """Something is wrong with the student's answer; the text is the hint.

    What stands behind " | " is the formula, told only on request.
    """


class ToDo(Exception):
    """The student has not written this yet."""


class Student:
    """The functions of one file.

    Parameters
    ----------
    ask : callable
        Request -> answer, both as `minivae.grading.child` has them. It raises Wrong if
        there is no answer.
    """

    def __init__(self, ask):
        self.ask = ask

    def call(self, name, *args, out, look=""):
        """Call one of the functions, and check what comes back.

        Parameters
        ----------
        name : str
        *args
            Arrays, dicts of arrays, numbers, random generators. The student gets copies.
        out : dict of str to (tuple or None), or None
            Names of the results and their shapes; None leaves a shape open. Without
            `out` the result is a dict of arrays.
        look : str
            Where to look if the call fails, added to the hint.

        Returns
        -------
        ndarray, list of ndarray, or dict of ndarray
            One for each of `out`, in the precision the student chose.

        Raises
        ------
        ToDo
            If the function raises NotImplementedError.
        Wrong
            If it is missing, raises, changes its arguments, or returns no such arrays.
        """
        results = None if out is None else list(out)
        answer = self.ask({"do": "call", "name": name, "args": args, "results": results})
        match answer:
            case {"status": "value", "value": dict(found), "args": args_after}:
                self._unchanged(name, args, args_after, answer["names"])
            case {"status": "to do"}:
                raise ToDo
            case {"status": "missing"}:
                raise Wrong(f"There is no function `{name}` in the file.")
            case {"status": "odd", "text": str(text)}:
                raise Wrong(f"{name} returned {text}.")
            case {"status": "raised", "text": str(text)}:
                shapes = [str(a.shape) for a in args if isinstance(a, np.ndarray)]
                called = f" (called with arrays of the shapes {', '.join(shapes)})"
                raise Wrong(f"{name} stopped with {text}{called}. {look}".rstrip())
            case _:
                raise Wrong(f"{name}: no grader can read the answer of the file's process.")
        floats = [isinstance(v, np.ndarray) and v.dtype.kind == "f" for v in found.values()]
        if not all(floats) or (out is not None and list(found) != list(out)):
            raise Wrong(f"{name}: no grader can read what the file's process returned.")
        for key, shape in (out or {}).items():
            came = found[key].shape
            if shape is not None and came != shape:
                story = f"got {came}.{_shape_story(came, shape)} {look}".rstrip()
                raise Wrong(f"{name}: {key} should have the shape {shape}, {story}")
        return found if out is None else [*found.values()] if len(out) > 1 else found[key]

    def _unchanged(self, name, before, after, names):
        for number, (one, two) in enumerate(zip(before, after, strict=False)):
            if not _same(one, two):
                called = names[number] if number < len(names) else number + 1
                raise Wrong(
                    f"{name} changes its argument {called} in place. The caller still needs"
                    " it as it was: make a new array, or work on a copy."
                )


def _same(one, two):
    if isinstance(one, dict) and isinstance(two, dict):
        return one.keys() == two.keys() and all(_same(v, two[k]) for k, v in one.items())
    if isinstance(one, np.ndarray) and isinstance(two, np.ndarray):
        return np.array_equal(one, two, equal_nan=True)
    return not isinstance(one, (dict, np.ndarray))


def _shape_story(came, expected):
    more, n = len(came) > len(expected), len(expected)
    stories = {
        "It was summed or averaged over everything, the batch included.": came == (),
        "It is transposed.": came == expected[::-1],
        "An axis of length one is left over: no keepdims.": more
        and tuple(k for k in came if k != 1) == expected,
        "Is a sum over the last axis missing?": more and came[:n] == expected,
        "Is a sum over the first axis missing?": more and came[len(came) - n :] == expected,
        "It was summed over the first axis, the images.": came == expected[1:],
    }
    return next((f" {story}" for story, fits in stories.items() if fits), "")
