"""What the ladder's tests share: the package broken on purpose, and who notices."""

from contextlib import nullcontext

import numpy as np

from minivae.zoo import Bug, Edit, injected


def broken(*edits):
    """The package with each (where, right, wrong) in force, as a context."""
    return injected(Bug("on-purpose", "0", "", (), tuple(Edit(*e) for e in edits)))


def failing(rows, *edits):
    """The claims of `rows()`, an iterable of `Row`, that fail with the edits in force."""
    with broken(*edits) if edits else nullcontext(), np.errstate(all="ignore"):
        return [row.claim for row in rows() if row.verdict == "FAILED"]


def assert_seen(rows, edits, *claims):
    """With the edits in force each of `claims`, a part of a claim's text, fails."""
    found = failing(rows, *edits)
    for claim in claims:
        assert any(claim in text for text in found), (
            f"expected {claim!r} to fail with {edits}, only these did: {found}"
        )
