"""`minivae zoo`: which check catches which bug; one of them; a hunt for an unknown one."""

import code
import runpy
import sys

import numpy as np

from minivae.cli.folders import new_file
from minivae.gradcheck import check_model
from minivae.ladder import RUNGS, climb, small_model
from minivae.plots.drawing import save_figure
from minivae.zoo import BUGS
from minivae.zoo.figure import draw_matrix
from minivae.zoo.hunting import answer, mend, release
from minivae.zoo.matrix import compute_matrix, false_alarms

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
    if arguments.list:
        for bug in BUGS.values():
            print(f"{bug.name}\n    " + bug.story.replace("\n", "\n    "))
        return None
    if arguments.hunt is not None:
        return _hunt(arguments)
    for option in ("answer", "run_file"):
        if getattr(arguments, option) is not None:
            name = option.removesuffix("_file")
            raise ValueError(f"--{name}: expected only with --hunt SEED")
    if arguments.name is not None and arguments.name not in BUGS:
        raise ValueError(
            f"NAME: expected a bug of `minivae zoo --list`, got {arguments.name!r}"
        )
    path = new_file(arguments.figure, "zoo.png") if arguments.figure else None
    if arguments.name is not None:
        matrix, alarms = _tell(BUGS[arguments.name]), []
    else:
        matrix = compute_matrix(report=_progress("bug", len(BUGS)))
        print(matrix)
        alarms = false_alarms(SEEDS, report=_progress("seed of the right code", SEEDS))
        told = ", ".join(alarms) or "none"
        print(f"false alarms on the right code, {SEEDS} seeds: {told}")
    if path:
        save_figure(draw_matrix(matrix), path)
        print(path)
    return 1 if matrix.escaped or alarms else None


def _tell(bug):
    """The story of a bug, where it was found, what it changes, and who sees it."""
    print(bug.story)
    if bug.threads:
        print(f"found in {', '.join(bug.threads)}")
    for edit in bug.edits:
        print(f"\nminivae {edit.where}")
        for sign, lines in (("-", edit.right), ("+", edit.wrong)):
            print("\n".join(f"{sign} {line}" for line in lines.splitlines()))
    matrix = compute_matrix([bug.name], workers=1)
    seen = [
        f"{rung} {RUNGS[rung].__name__.replace('_', ' ')}"
        for rung, caught in zip(matrix.rungs, matrix.caught[0], strict=True)
        if caught
    ]
    print(f"\ncaught by rung {', '.join(seen) or 'none'}")
    return matrix


def _hunt(arguments):
    if arguments.answer is not None:
        right = answer(arguments.hunt, arguments.answer)
        print(f"right: {BUGS[arguments.answer].story}" if right else "wrong: look again")
        return None if right else 1
    rng = np.random.default_rng(arguments.hunt)
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
        "answer": lambda name: "right" if answer(arguments.hunt, name) else "wrong",
    }
    release(arguments.hunt)
    try:
        if arguments.run_file is not None:
            runpy.run_path(arguments.run_file, run_name="__main__")
        else:
            code.interact(BANNER.format(count=len(BUGS)), local=at_hand, exitmsg="")
    finally:
        mend()
    return None


def _progress(what, count):
    """Report how many are done: one line on a terminal, a few plain ones elsewhere."""

    def report(done):
        stream = sys.stderr
        if stream is not None and stream.isatty():
            stream.write(f"\r{what} {done}/{count}" + "\n" * (done == count))
            stream.flush()
        elif stream is not None and (done % 10 == 0 or done == count):
            stream.write(f"{what} {done}/{count}\n")

    return report
