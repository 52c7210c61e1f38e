"""The command line: `minivae train`, `evaluate`, `check`, `sample` and the others.

To add a command, write a module with an `add_to(command)` that gives it its parser and
the function to run, as in `sample.py`, and name it in `build_parser`. What follows on the
first line of a module's docstring is the text that `--help` prints below the options.
"""

import argparse
import os
import sys

from minivae import __version__
from minivae.cli import check, course, evaluation, explore, sample, training, weights, zoo
from minivae.cli.arguments import text

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


class Parser(argparse.ArgumentParser):
    """An argument parser that complains in one line, also of an empty word."""

    def __init__(self, **settings):
        look = argparse.RawDescriptionHelpFormatter
        super().__init__(formatter_class=look, allow_abbrev=False, **settings)
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
        message, code = "interrupted", 130
    except BrokenPipeError:  # who reads the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except ArithmeticError as error:
        message, code = error, 1
    except MemoryError as error:
        message, code = f"not enough memory: {error}", 1
    except OSError as error:
        message = f"{error.filename}: {error.strerror}" if error.filename else error
        code = 2
    except (ValueError, TypeError) as error:
        message, code = error, 2
    print(f"minivae {arguments.command}: {message}", file=sys.stderr)
    return code


def build_parser():
    """The parser of the whole command line."""
    parser = Parser(
        prog="minivae",
        description="Variational autoencoders in NumPy, every gradient by hand.",
        epilog=OVERVIEW,
    )
    parser.add_argument("--version", action="version", version=f"minivae {__version__}")
    parser.register("type", None, str)  # which COMMAND would pass all its words through
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def command(name, run, help, doc=""):
        """The parser of one command; `run` takes what it has parsed."""
        _, _, epilog = (doc or "").partition("\n\n")
        description = f"{help[0].upper()}{help[1:]}."
        about = {"help": help, "description": description, "epilog": epilog}
        added = subparsers.add_parser(name, **about)
        added.set_defaults(run=run)
        return added

    for module in (training, evaluation, check, sample, explore, weights, zoo, course):
        module.add_to(command)
    return parser
