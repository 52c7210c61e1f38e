"""Arguments that commands share, and the types of all: what a word has to be."""

import argparse
import math
import re


def text(word):
    """An argument type: any word but an empty one.

    An empty word is what an unset variable of the shell leaves, as in --resume "$MODEL".
    """
    if not word.strip():
        raise argparse.ArgumentTypeError(f"expected a name, got {word!r}")
    return word


def whole(minimum, maximum=math.inf):
    """An argument type: a whole number from `minimum` to `maximum`."""
    to = "" if maximum == math.inf else f" and at most {maximum}"

    def convert(word):
        digits = word.strip().removeprefix("-").isdecimal()
        if not digits or not minimum <= int(word) <= maximum:
            raise argparse.ArgumentTypeError(
                f"expected a whole number of at least {minimum}{to}, got {word!r}"
            )
        return int(word)

    return convert


def number(minimum, exclusive=False):
    """An argument type: a finite number of at least, or above, `minimum`."""

    def convert(word):
        try:
            value = float(word)
        except ValueError:
            value = math.nan
        if not (minimum <= value < math.inf) or (exclusive and value == minimum):
            bound = "above" if exclusive else "of at least"
            raise argparse.ArgumentTypeError(
                f"expected a finite number {bound} {minimum}, got {word!r}"
            )
        return value

    return convert


def shape(word):
    """An argument type: ROWSxCOLUMNS, as in 28x20."""
    sides = re.fullmatch(r"([1-9]\d{0,5})[xX×]([1-9]\d{0,5})", word.strip())
    if not sides:
        raise argparse.ArgumentTypeError(f"expected ROWSxCOLUMNS, 28x20, got {word!r}")
    return tuple(map(int, sides.groups()))


def label(word):
    """An argument type: a label, such as 7, or factors with commas, such as 0.5,-1."""
    if word.strip().isdecimal():
        return int(word)
    try:
        factors = [float(part) for part in word.split(",")]
    except ValueError:
        factors = [math.nan]
    if not all(map(math.isfinite, factors)):
        raise argparse.ArgumentTypeError(
            f"expected a label such as 7, or factors such as 0.5,-1, got {word!r}"
        )
    return factors


def adder(group):
    """A shorter `group.add_argument`: a name, its help, then type and metavar if any."""

    def add(name, help, type=None, metavar=None, **others):
        given = {"type": type, "metavar": metavar}
        others |= {key: value for key, value in given.items() if value is not None}
        group.add_argument(name, help=help, **others)

    return add


def add_model_file(parser, help="a model.npz that train has written", nargs=None):
    parser.add_argument("model", metavar="MODEL", nargs=nargs, help=help)


def add_seed(parser):
    what = "of the random generator; the same seed, the same result (default: %(default)s)"
    parser.add_argument("--seed", type=whole(0), default=0, help=what)


def add_out(parser, kinds, default):
    """--out: a new file, or the first free one of the default's name."""
    free = "-2.".join(default.split("."))
    what = f"a new {kinds} (default: {default}, or the next free {free}, ...)"
    parser.add_argument("-o", "--out", metavar="FILE", help=what)


def add_data(parser, default="what the model was trained on"):
    add = adder(parser.add_argument_group("data"))
    own = "a .npy, .npz, .csv or IDX file, or a folder of PNG files or of MNIST's four"
    what = f"digits, faces, mnist; or images of your own: {own} (default: {default})"
    add("--data", what, metavar="NAME")
    add("--data-dir", "the folder of the MNIST files; no download then", metavar="DIR")
    what = "of your own images, such as 28x20 (default: their own, a square or one row)"
    add("--shape", f"rows and columns {what}", shape, "RxC")
    counts = "1 or 255 for integers; floats are real values"
    what = f"your own pixels are counts 0..M, of any type (default: {counts})"
    add("--max-count", what, whole(1, 255), "M")
