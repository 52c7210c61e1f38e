"""Release a bug into the package, and catch it again.

A bug is a real mistake, written as edits of our own source: in this function, this
text became that text. Releasing it compiles the edited function in its own module and
puts it in the place of the right one until the `with` block ends.

The bugs of the zoo are patches, in `bugs/*.txt`, with an empty line between two::

    bias-of-one-image 21                      name, row of the course's list
    The bias gradient does not sum over       story
    the batch.
    found in: mlpack/mlpack PR #3679          a thread, if there is one
    layers:Linear.backward                    an edit, or several
    - dy.sum(axis=0, out=self.db)
    + self.db[...] = dy[0]
"""

import ast
import inspect
import pkgutil
import re
import textwrap
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

SEEN = "found in: "


@dataclass(frozen=True)
class Edit:
    """One change of one function.

    Attributes
    ----------
    where : str
        "module:function" or "module:Class.method", below `minivae`. A function has to
        be one that its users call through the module, as in `gaussian.kl(...)`: a copy
        that somebody imported by name would stay as it was.
    right, wrong : str
        The text as it stands, which must occur exactly once, and what the bug has
        there instead. Lines are matched with their indentation inside the function.
    """

    where: str
    right: str
    wrong: str


@dataclass(frozen=True)
class Bug:
    """A bug with a name, a story and its public threads.

    Attributes
    ----------
    name : str
        Short, lower case, with hyphens.
    row : str
        The number of the mistake in the course's list ("5b" is a second form of 5).
    story : str
        What went wrong, in two lines.
    threads : tuple of str
        Where it happened in public; empty where it is merely common.
    edits : tuple of Edit
        The bug itself.
    """

    name: str
    row: str
    story: str
    threads: tuple
    edits: tuple


def read_bugs(patches):
    """The bugs written in `patches`, a tuple of `Bug`."""
    bugs = []
    for entry in patches.strip().split("\n\n"):
        head, *edits = re.split(r"\n(?=\S+:\S+\n- )", entry)
        title, *about = head.split("\n")
        story = [line for line in about if not line.startswith(SEEN)]
        threads = tuple(line.removeprefix(SEEN) for line in about if line.startswith(SEEN))
        edits = tuple(_read_edit(*edit.split("\n")) for edit in edits)
        bugs.append(Bug(*title.split(), "\n".join(story), threads, edits))
    return tuple(bugs)


def _read_edit(where, *lines):
    right, wrong = ("\n".join(x[2:] for x in lines if x[0] == sign) for sign in "-+")
    return Edit(where, right, wrong)


@contextmanager
def injected(bug):
    """Run the `with` block with the bug's edits in force.

    Raises
    ------
    ValueError
        If an edit no longer fits the source: the zoo then needs the keeper's hand.
    """
    with ExitStack() as undo:
        for where in dict.fromkeys(edit.where for edit in bug.edits):
            edits = [edit for edit in bug.edits if edit.where == where]
            owner, name = _find(where)
            original = owner.__dict__[name]
            setattr(owner, name, _mutated(original, edits, bug.name))
            undo.callback(setattr, owner, name, original)
        yield bug


def _find(where):
    """The module or class that holds the function, and the function's name in it."""
    owner, name = re.fullmatch(r"(.+)[:.](\w+)", f"minivae.{where}").groups()
    return pkgutil.resolve_name(owner), name


def _mutated(original, edits, bug_name):
    """A new function from the edited source of `original`, in the same module."""
    function = inspect.unwrap(original)  # below its decorators
    source = textwrap.dedent(inspect.getsource(function))
    for edit in edits:
        found = source.count(edit.right)
        if found != 1:
            raise ValueError(
                f"{bug_name}: expected {edit.right!r} once in {edit.where},"
                f" found it {found} times"
            )
        edited = source.replace(edit.right, edit.wrong)
        if ast.dump(ast.parse(edited)) == ast.dump(ast.parse(source)):
            raise ValueError(
                f"{bug_name}: expected {edit.right!r} in the code of {edit.where},"
                " found it in a comment"
            )
        source = edited
    compiled = compile(source, f"<{bug_name} in {edits[0].where}>", "exec")
    namespace = {}
    exec(compiled, function.__globals__, namespace)
    return namespace[function.__name__]
