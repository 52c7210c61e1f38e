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
