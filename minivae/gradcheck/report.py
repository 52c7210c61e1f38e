"""What a check hands back: a verdict, a table, a diagnosis."""

from dataclasses import dataclass
from textwrap import wrap
from typing import NamedTuple

import numpy as np

from minivae.gradcheck.evidence import RIGHT, UNDECIDED, WRONG
from minivae.gradcheck.place import Place


class Hint(NamedTuple):
    """One finding: the hypothesis's name, the parameters it explains, where, and why.

    The cause is "place" where no cause was proved; then `why` says what to look at.
    """

    cause: str
    blocks: list
    where: str
    why: str

    @property
    def text(self):
        return f"{self.where} {self.why}".strip()


@dataclass
class Report:
    """The outcome of a gradient check; truthy only if everything is right.

    Attributes
    ----------
    verdict : str
        "ok", "WRONG", or "undecided" where nothing wrong was seen but something kept the
        check from seeing: noise, float32, a kink.
    blocks : dict of str to Block
        For each parameter the entries looked at, claimed, expected.
    place : Place
        `place.first_wrong` and `place.last_right`, tuples of names: between them, in the
        order of backward, lies the mistake. Empty, and false, if nothing is wrong.
    hints : list of Hint
        The diagnosis, the place of the first mistake first. Empty if all is well.
    notes : list of str
        Remarks that change no verdict.
    """

    blocks: dict
    place: Place
    hints: list
    notes: list
    loss: float
    oracle: str
    tolerance: float

    @property
    def verdict(self):
        if self.place:
            return WRONG
        verdicts = {block.verdict for block in self.blocks.values()}
        return UNDECIDED if not self.blocks or UNDECIDED in verdicts else RIGHT

    def __bool__(self):
        return self.verdict == RIGHT

    @property
    def worst(self):
        """The largest relative error of any entry."""
        return max((b.relative_error for b in self.blocks.values()), default=0.0)

    def assert_ok(self):
        """Raise AssertionError with the whole report as its text unless all is right."""
        if not self:
            raise AssertionError(f"\n{self}")

    def __str__(self):
        lines = [f"gradient check: {self.verdict}", self._looked_at(), ""]
        if self.blocks:
            lines += self._table() + [""]
        if self.hints:
            lines.append("diagnosis")
            for number, hint in enumerate(self.hints, 1):
                lines += _wrapped(f"{number}. ", hint.text)
        for note in self.notes:
            lines += _wrapped("note: ", note)
        return "\n".join(lines).rstrip()

    def _looked_at(self):
        seen = sum(len(b.indices) for b in self.blocks.values())
        total = sum(b.size for b in self.blocks.values())
        directions = sum(len(b.directions) for b in self.blocks.values())
        more = f" and {directions} random directions" if directions else ""
        looked = f"{seen} of {total} entries{more}" if seen else "no entries compared"
        by = "complex step" if self.oracle == "complex" else f"{self.oracle} differences"
        return f"loss {self.loss:.8g}; {looked}; {by}; tolerance {self.tolerance:g}"

    def _table(self):
        rows = ["parameter|looked at|rel. error|worst|claimed|expected|".split("|")]
        for b in self.blocks.values():
            looked = f"{len(b.indices)}/{b.size}"
            if b.directions:
                looked += f" + {len(b.directions)} dir."
            if b.given is not None:
                shapes = f"shape {b.given.shape}", f"shape {b.shape}"
                rows.append((b.name, looked, "", "", *shapes, b.verdict))
                continue
            error, where = b.relative_error, str(b.entry_name(b.worst))
            claimed, expected = b.claimed[b.worst], b.expected[b.worst]
            if b.wrong_directions and not b.wrong.any():
                bad, where = b.wrong_directions[0], "direction"
                claimed, expected = bad.claimed, bad.expected
                error = abs(claimed - expected) / bad.scale if bad.scale else np.inf
            numbers = f"{error:.1e}", where, f"{claimed:.7g}", f"{expected:.7g}"
            rows.append((b.name, looked, *numbers, b.verdict))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        sides = "<>>>>><"  # names and verdicts to the left, numbers to the right
        line = "  ".join(f"{{:{side}{w}}}" for side, w in zip(sides, widths, strict=True))
        return [line.format(*row).rstrip() for row in rows]


def _wrapped(head, text):
    """Lines of at most 88 characters, indented under the first."""
    whole = {"break_long_words": False, "break_on_hyphens": False}
    return wrap(head + text, 88, subsequent_indent=" " * len(head), **whole)
