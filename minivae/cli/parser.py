"""The command line: `minivae train`, `evaluate`, `check`, `sample` and the others.

To add a command, write a function that takes the parsed arguments (see
`commands.py`) and give it a parser in `build_parser`.
"""

import argparse
import os
import sys

from minivae import __version__
from minivae.cli import commands, course, evaluation, training
from minivae.cli.explore import add_explore
from minivae.cli.groups import (
    add_data,
    add_model,
    add_model_file,
    add_seed,
    add_training,
    add_zoo,
)
from minivae.cli.values import label, number, text, whole

OVERVIEW = """\
examples:
  minivae train                        learn the shipped digits, in seconds
  minivae train --latent 2             with a plane of codes: draws the manifold
  minivae evaluate runs/digits-.../model.npz
  minivae sample runs/digits-.../model.npz
  minivae check runs/digits-.../model.npz
  minivae explore runs/digits-.../model.npz --open
  minivae export runs/digits-.../model.npz
  minivae import weights.npz --like runs/digits-.../model.npz
  minivae course my-course             chapters, notebooks, exercises: all of it
  minivae exercises my-answers         homework, which minivae grade then marks
  minivae zoo --hunt 7                 a bug is in the package: find it
  minivae train --help                 all options, with their defaults
"""

TRAINING = """\
examples:
  minivae train
      the shipped 8x8 digits, counts 0..16 under a Binomial(16)
  minivae train --data faces --conv 16 32
      drawn faces, 32x32, under a Gaussian whose variance is learned, by convolutions
  minivae train --data mnist --data-dir ~/mnist --epochs 30
      MNIST from its four IDX files (plain or .gz), binarized anew in each epoch;
      without --data-dir it is downloaded (11 MB) to a cache
  minivae train --data my-pictures
      your own: a folder of PNG files, all of one size; a .npy, .npz or .csv file of
      (N, rows, columns) or (N, D); IDX files as of Fashion-MNIST; with a part "test", or
      one image in ten taken for it
  minivae train --data own.csv --shape 28x20 --max-count 16
      rows of 560 whole numbers 0..16, under a Binomial(16)
  minivae train --likelihood gaussian:0.05 --beta 4
      pixels scaled to [0, 1], a constant variance c = 0.05 and four times the KL
  minivae train --model iwae --samples 5
  minivae train --resume runs/digits-.../model.npz --epochs 500
      goes on from the last whole epoch, as if it had never stopped
  OPENBLAS_NUM_THREADS=1 mpiexec -n 4 minivae train --data mnist --batch-size 1000
      each batch divided among four processes, the same model (needs minivae[mpi]); one
      thread for each also serves where several trainings share a machine

Ctrl-C ends training and keeps what was learned. All losses are nats per image.
"""

EVALUATION = """\
examples:
  minivae evaluate runs/digits-.../model.npz --importance 5000
      what the literature calls NLL
  minivae evaluate runs/digits-.../model.npz --gaps

Sampling gives an upper bound of -log p(x) in expectation, the tighter the more samples.
"""

IMPORT = """\
WEIGHTS is written in Python by
  np.savez("weights.npz", **{k: v.cpu().numpy() for k, v in module.state_dict().items()})
"""

CHECK = """\
MODEL may be a function in a file of yours, such as my_vae.py:build, whose gradients are
compared with the derivatives of its loss. It takes no argument and returns one of
  model             with arrays theta and grad, loss() and backward()
  model, x, eps     the same, with loss(x, eps)
  f, params, grad   params a dict of arrays in the order of the forward pass, f(params) a
                    number, grad(params) a dict of the gradients
Noise has to be frozen. The exit code is 0 if all is right, 1 if something is wrong or
could not be decided, and 2 if the file cannot be used.
"""

GRADING = """\
Each task runs in a process of its own, so that nothing a file does by mistake stops the
grader. It is no sandbox: a file that means harm can do it. The exit code is 0 whatever
the points.
"""


class Parser(argparse.ArgumentParser):
    """An argument parser that complains in one line, also of an empty word."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self.register("type", None, text)  # of all arguments without a type of their own

    def error(self, message):
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def main(argv=None):
    """Run one command and return the exit code: 0, 1 failed, 2 wrong use, 130 Ctrl-C.

    Parameters
    ----------
    argv : list of str, optional
        The arguments, by default those of the process.
    """
    for stream in (sys.stdout, sys.stderr):
        # Windows' code pages and ASCII lack letters of ours. Without a console it is None.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    arguments = build_parser().parse_args(argv)
    try:
        code = arguments.run(arguments) or 0
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return _complain(arguments, "interrupted", 130)
    except BrokenPipeError:  # who reads the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except ArithmeticError as error:
        return _complain(arguments, error, 1)
    except MemoryError as error:
        return _complain(arguments, f"not enough memory: {error}", 1)
    except OSError as error:
        where = f"{error.filename}: {error.strerror}" if error.filename else error
        return _complain(arguments, where, 2)
    except (ValueError, TypeError) as error:
        return _complain(arguments, error, 2)


def _complain(arguments, message, code):
    print(f"minivae {arguments.command}: {message}", file=sys.stderr)
    return code


def build_parser():
    """The parser of the whole command line; each command is a function and a parser."""
    parser = Parser(
        prog="minivae",
        description="Variational autoencoders in NumPy, every gradient by hand.",
        epilog=OVERVIEW,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"minivae {__version__}")
    parser.register("type", None, str)  # which COMMAND would pass all its words through
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def command(name, run, help, epilog=None):
        added = subparsers.add_parser(
            name,
            help=help,
            description=f"{help[0].upper()}{help[1:]}.",
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        added.set_defaults(run=run)
        return added

    train = command(
        "train", training.train, "train a model, and draw what it learned", TRAINING
    )
    add_data(train, "digits")
    add_model(train)
    add_training(train)
    evaluate = command(
        "evaluate",
        evaluation.evaluate,
        "print nelbo, rec, kl and -log p(x) of the test images",
        EVALUATION,
    )
    add_model_file(evaluate)
    add_data(evaluate, "what the model was trained on")
    add = evaluate.add_argument
    add(
        "--samples",
        type=whole(1, 10_000),
        default=10,
        metavar="S",
        help="samples of z per image for nelbo, rec and kl (default: %(default)s)",
    )
    add(
        "--importance",
        type=whole(1),
        metavar="S",
        help="importance samples per image for -log p(x), on all test images (default: 500,"
        " on as many images as take some seconds)",
    )
    add(
        "--annealed",
        action="store_true",
        help="-log p(x) by annealed importance sampling too: tighter, and a minute's work",
    )
    add(
        "--gaps",
        action="store_true",
        help="say what the encoder and the Gaussian family cost, on 100 images",
    )
    add_seed(evaluate)
    check = command(
        "check",
        commands.check,
        "check every claim about a model, or the gradients of code of your own",
        CHECK,
    )
    check.add_argument(
        "model",
        metavar="MODEL",
        nargs="?",
        help="a model.npz that train has written, or FILE.py:FUNCTION (default: a small VAE"
        " of the digits, trained on the spot)",
    )
    add_data(check, "what the model was trained on")
    add_seed(check)
    sample = command("sample", commands.sample, "draw new images from a trained model")
    add_model_file(sample)
    add = sample.add_argument
    add(
        "--label",
        type=label,
        metavar="L",
        help="what to sample, for a model trained with --conditional: a label such as 7,"
        " or factors such as 0.5,-1,0,0,0,0 (default: none)",
    )
    add("-n", type=whole(1), default=64, help="how many images (default: %(default)s)")
    add(
        "--draw-pixels",
        action="store_true",
        help="draw the pixels, x ~ p(x|z), instead of showing their means E[x|z]",
    )
    add(
        "--out",
        metavar="FILE",
        help="a new .png, .pdf or .svg, or .npy for the array of images"
        " (default: samples.png, or the next free samples-2.png, ...)",
    )
    add_seed(sample)
    add_explore(command)
    export = command(
        "export",
        commands.export,
        "write the weights for PyTorch, and print how to load them",
    )
    add_model_file(export)
    export.add_argument(
        "--out",
        metavar="FILE",
        help="a new .npz (default: weights.npz, or the next free weights-2.npz, ...)",
    )
    back = command(
        "import", commands.import_weights, "make a model of weights from PyTorch", IMPORT
    )
    add = back.add_argument
    add(
        "weights",
        metavar="WEIGHTS",
        help="a .npz with the arrays of a state_dict",
    )
    add(
        "--like",
        metavar="MODEL",
        required=True,
        help="a model.npz of the same architecture; it stays as it is",
    )
    add(
        "--out",
        metavar="FILE",
        help="a new .npz (default: model.npz, or the next free model-2.npz, ...)",
    )
    add_zoo(command)
    _add_exercises(command)
    return parser


def _add_exercises(command):
    whole_course = command(
        "course",
        course.course,
        "write the whole course to a folder: chapters, notebooks, exercises, the wheel",
    )
    whole_course.add_argument(
        "folder",
        metavar="FOLDER",
        help="made if it does not exist; nothing is overwritten",
    )
    whole_course.add_argument(
        "--solutions", action="store_true", help="with the solutions, for teachers"
    )

    def later(name):  # the graders take longer to import than all the rest
        def run(arguments):
            from minivae.grading import commands

            return getattr(commands, name)(arguments)

        return run

    exercises = command("exercises", later("exercises"), "copy the exercises to a folder")
    exercises.add_argument("folder", metavar="FOLDER", help="made if it does not exist")
    exercises.add_argument(
        "--force", action="store_true", help="replace files that are there, answers and all"
    )
    grade = command("grade", later("grade"), "grade a folder of exercises", GRADING)
    add = grade.add_argument
    add("folder", metavar="FOLDER", help="the folder with 01_linear.py and so on")
    add(
        "--json",
        metavar="FILE",
        help="write what Gradescope reads: results.json",
    )
    add("--formulas", action="store_true", help="end each hint with the formula")
    add(
        "--timeout",
        type=number(0, exclusive=True),
        default=60,
        metavar="SECONDS",
        help="for each task (default: %(default)s)",
    )
