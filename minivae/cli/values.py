"""What a word on the command line has to be: argument types for `parser`."""

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
