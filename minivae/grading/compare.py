"""Compare a student's numbers with the truth, and find words for the difference.

A hint goes from the pattern (what the numbers show) to the place (where to look). Behind
" | " stands the formula, which is told only on request. `mistakes` are hints with the
numbers that each mistake would have given: a hint is spoken only if the student's numbers
are those. What no listed mistake explains is left to general ones (a factor, a constant,
`minivae.gradcheck`'s diagnosis).
"""

import numpy as np

from minivae.gradcheck import check_gradient
from minivae.gradcheck.factors import factor_names, factor_reason, factor_text
from minivae.grading.student import Wrong

# Relative to the largest number of an array. float32, well used, is a hundred times
# better; answers in float64 are told how much better they are.
TOLERANCE = 2e-4

# The checker's words, said to a student.
WORDS = {
    "The claimed gradient": "Your gradient",
    ", in every entry looked at": "",
    " times the right one": " times what it should be",
    " is -1 times what it should be. Usual cause: the sign is wrong": " has the wrong sign",
    " is 2 times": " is exactly twice",
    "twice times what": "twice what",
}


def error_of(came, expected):
    """The largest difference, relative to the largest number expected (or to 1e-300)."""
    came, expected = np.asarray(came, np.float64), np.asarray(expected, np.float64)
    if came.shape != expected.shape or not np.isfinite(came).all():
        return np.inf
    scale = np.max(np.abs(expected), initial=1e-300)
    return float(np.max(np.abs(came - expected), initial=0.0) / scale)


def agree(came, expected):
    """Whether two arrays agree, to the precision of a decent float32 computation."""
    return error_of(came, expected) <= TOLERANCE


def values(name, came, expected, mistakes=None, sizes=None, look=""):
    """Return the relative error of `came`, or raise Wrong with the likeliest cause.

    Parameters
    ----------
    name : str
        What it is, for the hint.
    came, expected : array-like
        Of the same shape.
    mistakes : dict of str to array-like, optional
        Hint -> the numbers that mistake gives.
    sizes : dict of str to int, optional
        Such as {"B": 5, "K": 3}, for the names of factors.
    look : str
        Where to look, added to a general hint.

    Returns
    -------
    float
    """
    error = error_of(came, expected)
    if error <= TOLERANCE:
        return error
    came, expected = np.asarray(came, np.float64), np.asarray(expected, np.float64)
    hint = named(came, expected, mistakes, look)
    raise Wrong(hint or f"{_general(name, came, expected, sizes or {})} {look}".rstrip())


def require(right, hint):
    """Raise Wrong(hint) unless something is `right`."""
    if not right:
        raise Wrong(hint)


def named(came, expected, mistakes, look=""):
    """The hint of the mistake whose numbers these are, with a formula; or None."""
    for hint, numbers in (mistakes or {}).items():
        numbers = np.broadcast_to(numbers, np.shape(expected))
        if agree(came, numbers) and not agree(numbers, expected):
            return hint if " | " in hint else f"{hint} | {look.partition(' | ')[2]}"
    return None


def _general(name, came, expected, sizes):
    bad = ~np.isfinite(came)
    if bad.any():
        index = tuple(int(i) for i in np.argwhere(bad)[0])
        return (
            f"Your {name} is {came[index]} at index {list(index)}, where"
            f" {expected[index]:.6g} is right: look for a logarithm of zero, an exp that"
            " overflows, or 0/0."
        )
    square = float((expected * expected).sum())
    c = float((came * expected).sum()) / square if square else 0.0
    if c and expected.size > 1 and agree(came, c * expected):
        names = factor_names(c, sizes, rtol=1e-5)
        if names == ["−1"]:
            return f"Your {name} has the wrong sign, and is right otherwise."
        return (
            f"Your {name} is {factor_text(c, names)} times what it should be, in every"
            f" entry.{factor_reason(names)}"
        )
    shift = came - expected
    if expected.size > 1 and agree(shift, np.full_like(shift, shift.mean())):
        return f"Your {name} differs from what is right by a constant, {shift.mean():.6g}."
    worst = np.unravel_index(np.argmax(np.abs(shift)), shift.shape)
    where = f" at index {[int(i) for i in worst]}" if expected.size > 1 else ""
    return f"Your {name} is {came[worst]:.6g}{where}, where {expected[worst]:.6g} is right."


def gradient(f, theta, upstream, claim, mistakes=None, look=None, sizes=None, **options):
    """Check a claimed gradient of the sum of upstream · f, and say what is wrong.

    Parameters
    ----------
    f : callable
        The arrays of theta, by name -> what the student's function computes forward.
    theta : dict of str to ndarray
    upstream : array-like
        What comes back to f: random, and of its shape.
    claim : callable
        The same arrays -> the student's gradients in their order, as `Student.call`
        returns them.
    mistakes : dict of str to (dict of str to ndarray), optional
        For each array: hint -> numbers, as in `values`.
    look : dict of str to str, optional
        For each array, where to look.
    sizes, **options
        As in `minivae.gradcheck.check_gradient`.

    Returns
    -------
    float
        The largest relative error.
    """

    def loss(theta):
        return (upstream * f(**theta)).sum()

    def claimed(theta):
        came = claim(**theta)
        return dict(zip(theta, came if len(theta) > 1 else [came], strict=True))

    options |= {"sizes": sizes, "tolerance": TOLERANCE}
    report = check_gradient(loss, theta, claimed, **options)
    if report.verdict == "ok":
        return report.worst
    wrong = [b for b in report.blocks.values() if b.verdict == "WRONG"]
    looks = [(look or {}).get(block.name, "") for block in wrong]
    for block, place in zip(wrong, looks, strict=True):
        if block.given is None:
            both = (a.reshape(block.shape) for a in (block.claimed, block.expected))
            hint = named(*both, (mistakes or {}).get(block.name), place)
            if hint:
                raise Wrong(hint)
    causes = [h.why for h in report.hints if h.cause != "place"]
    causes = causes or [h.text for h in report.hints]
    said = " ".join(causes[:2]) or "No check can tell if it is right."
    for general, ours in WORDS.items():
        said = said.replace(general, ours)
    texts = [text.partition(" | ") for text in [said, *dict.fromkeys(looks)]]
    raise Wrong(" | ".join(" ".join(t[i] for t in texts if t[i]) for i in (0, 2)))


def z_score(name, draws, expected, hint):
    """Raise Wrong(hint) if a mean is more than five standard errors from `expected`.

    Parameters
    ----------
    draws : ndarray, shape (n, ...)
        Independent along the first axis. A deviation of five standard errors happens to
        a right answer once in two million times; the seeds are fixed besides.
    """
    draws = np.asarray(draws, np.float64)
    error = draws.std(axis=0, ddof=1) / np.sqrt(len(draws)) + 1e-12
    z = np.abs(draws.mean(axis=0) - expected) / error
    if not (z < 5).all():
        far = f"off by {z.max():.0f} standard errors"
        raise Wrong(f"{hint} (By Monte Carlo {name} is {far}.)")
