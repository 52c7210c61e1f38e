"""The command line: `minivae train`, `evaluate`, `check`, `sample` and the others.

To add a command, write a function that takes the parsed arguments (see
`commands.py`) and give it a parser in `build_parser`.
"""

import argparse
import math
import sys

from minivae import __version__
from minivae.cli import commands, course
from minivae.cli.options import LIKELIHOODS

OVERVIEW = """\
examples:
  minivae train                        learn the shipped digits, in seconds
  minivae train --latent 2             with a plane of codes: draws the manifold
  minivae evaluate runs/digits-.../model.npz
  minivae sample runs/digits-.../model.npz
  minivae check runs/digits-.../model.npz
  minivae export runs/digits-.../model.npz
  minivae import weights.npz --like runs/digits-.../model.npz
  minivae course my-course             chapters, notebooks, exercises: all of it
  minivae exercises my-answers         homework, which minivae grade then marks
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
  minivae train --data own.npz --likelihood gaussian --hidden 400 200
      your own images: .npy or .npz, (N, rows, columns) or (N, D), with the part
      "test" or one image in ten taken for it
  minivae train --likelihood gaussian:0.05 --beta 4
      pixels scaled to [0, 1], a constant variance c = 0.05 and four times the KL
  minivae train --model iwae --samples 5
  minivae train --resume runs/digits-.../model.npz --epochs 500
      goes on from the last whole epoch, as if it had never stopped

Ctrl-C ends training and keeps what was learned. All losses are nats per image.
"""

IMPORT = """\
WEIGHTS is written in Python by
  np.savez("weights.npz", **{k: v.cpu().numpy() for k, v in module.state_dict().items()})
"""

GRADING = """\
Each task runs in a process of its own, so that nothing a file does by mistake stops the
grader. It is no sandbox: a file that means harm can do it. The exit code is 0 whatever
the points.
"""


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaints are one line long."""

    def error(self, message):
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def main(argv=None):
    """Run one command and return the exit code: 0, 1 failed, 2 wrong use, 130 Ctrl-C.

    Parameters
    ----------
    argv : list of str, optional
        The arguments, by default those of the process.
    """
    arguments = build_parser().parse_args(argv)
    try:
        return arguments.run(arguments) or 0
    except KeyboardInterrupt:
        return _complain(arguments, "interrupted", 130)
    except FloatingPointError as error:
        return _complain(arguments, error, 1)
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
        "train", commands.train, "train a model, and draw what it learned", TRAINING
    )
    _add_data(train, "digits")
    _add_model(train)
    _add_training(train)
    evaluate = command(
        "evaluate", commands.evaluate, "print nelbo, rec and kl of the test images"
    )
    _add_model_file(evaluate)
    _add_data(evaluate, "what the model was trained on")
    evaluate.add_argument(
        "--samples",
        type=whole(1),
        default=10,
        metavar="S",
        help="samples of z per image (default: %(default)s)",
    )
    _add_seed(evaluate)
    check = command(
        "check", commands.check, "check every claim about a model, and about the code"
    )
    check.add_argument(
        "model",
        metavar="MODEL",
        nargs="?",
        help="a model.npz that train has written (default: a small VAE of the digits,"
        " trained on the spot)",
    )
    _add_data(check, "what the model was trained on")
    _add_seed(check)
    sample = command("sample", commands.sample, "draw new images from a trained model")
    _add_model_file(sample)
    add = sample.add_argument
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
    _add_seed(sample)
    export = command(
        "export",
        commands.export,
        "write the weights for PyTorch, and print how to load them",
    )
    _add_model_file(export)
    export.add_argument(
        "--out",
        metavar="FILE",
        help="a new .npz (default: weights.npz, or the next free weights-2.npz, ...)",
    )
    back = command(
        "import", commands.import_weights, "make a model of weights from PyTorch", IMPORT
    )
    add = back.add_argument
    add("weights", metavar="WEIGHTS", help="a .npz with the arrays of a state_dict")
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
    _add_exercises(command)
    return parser


def _add_exercises(command):
    whole_course = command(
        "course",
        course.course,
        "write the whole course to a folder: chapters, notebooks, exercises, the wheel",
    )
    whole_course.add_argument(
        "folder", metavar="FOLDER", help="made if it does not exist; nothing is overwritten"
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
    add("--json", metavar="FILE", help="write what Gradescope reads: results.json")
    add(
        "--timeout",
        type=number(0, exclusive=True),
        default=60,
        metavar="SECONDS",
        help="for each task (default: %(default)s)",
    )


def _add_model_file(parser):
    parser.add_argument("model", metavar="MODEL", help="a model.npz that train has written")


def _add_seed(parser):
    parser.add_argument(
        "--seed",
        type=whole(0),
        default=0,
        help="of the random generator; the same seed gives the same result"
        " (default: %(default)s)",
    )


def _add_data(parser, default):
    group = parser.add_argument_group("data")
    group.add_argument(
        "--data",
        metavar="NAME",
        help=f"digits, faces, mnist, or a .npy or .npz file (default: {default})",
    )
    group.add_argument(
        "--data-dir", metavar="DIR", help="the folder of the MNIST files; no download then"
    )


def _add_model(parser):
    add = parser.add_argument_group("model").add_argument
    add("--model", choices=("vae", "iwae", "autoencoder"), help="(default: vae)")
    add(
        "--likelihood",
        metavar="NAME",
        help=f"p(x|z): {LIKELIHOODS}. c is a variance and b a scale, learned if not given"
        " (default: binomial for digits, bernoulli for mnist and for binary images,"
        " gaussian for others)",
    )
    add("--latent", type=whole(1), metavar="K", help="latent dimensions (default: 16)")
    add(
        "--hidden",
        type=whole(1),
        nargs="*",
        metavar="H",
        help="widths of the encoder's hidden layers, the decoder's in reverse;"
        " none makes the model linear (default: 256)",
    )
    add(
        "--conv",
        type=whole(1),
        nargs="*",
        metavar="C",
        help="in their place, channels of convolutions that each halve the image, the"
        " decoder's in reverse; without a number 32 64 (default: none)",
    )
    add(
        "--activation",
        choices=("tanh", "relu", "softplus", "sigmoid"),
        help="(default: tanh)",
    )


def _add_training(parser):
    add = parser.add_argument_group("training").add_argument
    add(
        "--binarize",
        choices=("none", "threshold", "stochastic"),
        help="make pixels 0 or 1 (default: stochastic where bernoulli meets pixels that"
        " are not binary, else none)",
    )
    add("--beta", type=number(0), help="weight of the KL in the objective (default: 1)")
    add(
        "--samples",
        type=whole(1),
        metavar="S",
        help="samples of z per image and step (default: 1, for iwae 5)",
    )
    add(
        "--epochs",
        type=whole(1),
        help="passes over the training images, in all (default: as many as make about 4500"
        " steps)",
    )
    add("--batch-size", type=whole(1), metavar="B", help="images per step (default: 100)")
    add("--optimizer", choices=("adam", "sgd"), help="(default: adam)")
    add(
        "--lr",
        type=number(0, exclusive=True),
        help="learning rate (default: 0.002, for sgd 0.0005)",
    )
    add("--seed", type=whole(0), help="of weights, shuffling and noise (default: 0)")
    add(
        "--resume",
        metavar="MODEL",
        help="go on with the training of this model.npz; it holds all other settings",
    )
    add(
        "--out",
        metavar="DIR",
        help="a new folder for all that is written (default: runs/DATA-DATE-TIME)",
    )


def whole(minimum):
    """An argument type: a whole number of at least `minimum`."""

    def convert(text):
        if not text.strip().removeprefix("-").isdecimal() or int(text) < minimum:
            raise argparse.ArgumentTypeError(
                f"expected a whole number of at least {minimum}, got {text!r}"
            )
        return int(text)

    return convert


def number(minimum, exclusive=False):
    """An argument type: a finite number of at least, or above, `minimum`."""

    def convert(text):
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (minimum <= value < math.inf) or (exclusive and value == minimum):
            bound = "above" if exclusive else "of at least"
            raise argparse.ArgumentTypeError(
                f"expected a number {bound} {minimum}, got {text!r}"
            )
        return value

    return convert
