"""`minivae zoo`: which check catches which bug; one of them; a hunt for an unknown one.

examples:
  minivae zoo                       the matrix of bugs and checks, some minutes
  minivae zoo kl-without-its-half   one of them: its story, its code, who sees it
  minivae zoo --hunt 7              for a class: a bug is in, everybody looks for it
  minivae zoo --hunt 7 --run my_checks.py
  minivae zoo --hunt 7 --answer kl-without-its-half

In a notebook: from minivae.zoo.hunting import release, answer; release(7)
"""

import code
import runpy
import sys

import numpy as np

from minivae.cli.arguments import adder, whole
from minivae.cli.folders import new_file

# The ladder, which the zoo imports, takes a tenth of a second: only this command pays it.

SEEDS = 20  # of the right code, as a control
BANNER = """\
The package has a bug now, one of the {count} that `minivae zoo --list` tells of. Which?
At hand: np, minivae, model, x, eps, rng, and these checks:
  print(check_model(model, x, eps))     the gradient, with a diagnosis
  print(climb(model, x, rng))           all seven rungs
The bug may sit in a likelihood, a layer or an optimizer that this model does not use.
  answer("name-of-the-bug")             right or wrong; Ctrl-D or exit() ends the hunt"""


def zoo(arguments):
    """Do one of the four things that the options ask for."""
    from minivae.zoo import BUGS

    name = arguments.name
    if arguments.list:
        for bug in BUGS.values():
            print(f"{bug.name}\n    " + bug.story.replace("\n", "\n    "))
        return None
    if arguments.hunt is not None:
        return _hunt(arguments.hunt, arguments.answer, arguments.run_file)
    if arguments.answer or arguments.run_file:
        option = "answer" if arguments.answer else "run"
        raise ValueError(f"--{option}: expected only with --hunt SEED")
    if name is not None and name not in BUGS:
        raise ValueError(f"NAME: expected a bug of `minivae zoo --list`, got {name!r}")
    return _show(name, arguments.figure)


def _show(name, figure):
    """The matrix of one bug, which is told of, or of all; exit code 1 if one escapes."""
    from minivae.plots.drawing import save_figure
    from minivae.zoo import BUGS, matrix
    from minivae.zoo.figure import draw_matrix

    path, alarms = new_file(figure, "zoo.png") if figure else None, []
    if name is not None:
        table = _tell(BUGS[name])
    else:
        table = matrix.compute_matrix(report=_progress("bug", len(BUGS)))
        print(table)
        report = _progress("seed of the right code", SEEDS)
        alarms = matrix.false_alarms(SEEDS, report=report)
        told = ", ".join(alarms) or "none"
        print(f"false alarms on the right code, {SEEDS} seeds: {told}")
    if path:
        save_figure(draw_matrix(table), path)
        print(path)
    return 1 if table.escaped or alarms else None


def _tell(bug):
    """The story of a bug, where it was found, what it changes, and who sees it."""
    from minivae.zoo.matrix import compute_matrix

    print(bug.story)
    if bug.threads:
        print(f"found in {', '.join(bug.threads)}")
    for edit in bug.edits:
        print(f"\nminivae {edit.where}")
        for sign, lines in (("-", edit.right), ("+", edit.wrong)):
            print("\n".join(f"{sign} {line}" for line in lines.splitlines()))
    table = compute_matrix([bug.name], workers=1)
    seen = ", ".join(np.array(table.rung_names)[table.caught[0]])
    print(f"\ncaught by rung {seen or 'none'}")
    return table


def _hunt(seed, name, file):
    """Judge an answer, or run a file or Python itself with the bug of this seed in."""
    from minivae.gradcheck import check_model
    from minivae.ladder import climb, small_model
    from minivae.zoo import BUGS
    from minivae.zoo.hunting import answer, mend, release

    if name is not None:
        right = answer(seed, name)
        print(f"right: {BUGS[name].story}" if right else "wrong: look again")
        return None if right else 1
    rng = np.random.default_rng(seed)
    model, x = small_model(rng)
    at_hand = {
        "np": np,
        "minivae": sys.modules["minivae"],
        "model": model,
        "x": x,
        "eps": rng.standard_normal((len(x), model.K)),
        "rng": rng,
        "check_model": check_model,
        "climb": climb,
        "answer": lambda name: "right" if answer(seed, name) else "wrong",
    }
    release(seed)
    try:
        if file is not None:
            runpy.run_path(file, run_name="__main__")
        else:
            code.interact(BANNER.format(count=len(BUGS)), local=at_hand, exitmsg="")
    finally:
        mend()
    return None


def _progress(what, count):
    """Report how many are done: one line on a terminal, a few plain ones elsewhere."""
    stream = sys.stderr
    terminal = stream is not None and stream.isatty()

    def report(done):
        if terminal:
            stream.write(f"\r{what} {done}/{count}" + "\n" * (done == count))
            stream.flush()
        elif stream is not None and (done % 10 == 0 or done == count):
            stream.write(f"{what} {done}/{count}\n")

    return report


def add_to(command):
    what = "inject known bugs, and see which check catches which"
    add = adder(command("zoo", zoo, what, __doc__))
    add("name", "one bug, with its story (default: all)", metavar="NAME", nargs="?")
    add("--list", "tell of all bugs, and stop", action="store_true")
    add("--figure", "also draw who catches whom: a new .png, .pdf or .svg", metavar="FILE")
    hunt = "inject one bug without saying which, and open Python to find it"
    add("--hunt", hunt, whole(0), "SEED")
    checks = "with --hunt: run this file of checks in its place"
    add("--run", checks, metavar="FILE", dest="run_file")
    add("--answer", "with --hunt: is it this one? exit code 0 or 1", metavar="NAME")
