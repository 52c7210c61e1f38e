"""Names for the constants that mistakes multiply gradients by."""

import re
from itertools import combinations

import numpy as np

REASONS = {
    "B": "a mean over the batch that the loss takes and the gradient does not, or"
    " the reverse",
    "D": "one sums over the D dimensions of the data where the other averages",
    "K": "one sums over the K latent dimensions where the other averages",
    "S": "a mean over the samples that the loss takes and the gradient does not, or"
    " the reverse",
    "n": "the number of counts n, forgotten or taken twice",
    "beta": "the weight beta, forgotten or taken twice",
    "2": "a ½ lost or taken twice, as in the derivative of a square or of sigma ="
    " exp(logvar/2)",
    "4": "a ½ lost or taken twice, squared",
    "−": "the sign is wrong",
}


def factor_names(value, sizes, rtol=1e-6):
    """The simplest names of a factor, such as ["B"], ["1/2"], ["−2/D"], or [] if none.

    Parameters
    ----------
    value : float
    sizes : dict of str to number
        Letters that may occur, such as {"B": 16}.
    rtol : float
        How exactly the name must fit.

    Returns
    -------
    list of str
        Several if sizes coincide, as when B is 2.
    """
    letters = {name: float(size) for name, size in sizes.items() if size not in (0, 1)}
    letters |= {"2": 2.0, "4": 4.0}
    # By simplicity: 1 or -1, one letter, two letters.
    tiers = [{"1": 1.0}, {}, {}]
    for a, size in letters.items():
        tiers[1] |= {a: size, f"1/{a}": 1 / size}
    for (a, u), (b, v) in combinations(letters.items(), 2):
        if {a, b} != {"2", "4"}:
            tiers[2] |= {f"{a}·{b}": u * v, f"1/({a}·{b})": 1 / (u * v)}
            tiers[2] |= {f"{a}/{b}": u / v, f"{b}/{a}": v / u}
    for tier in tiers:
        found = [n for n, v in tier.items() if np.isclose(abs(value), v, rtol=rtol, atol=0)]
        if found:
            return [f"−{n}" if value < 0 else n for n in found]
    return []


def factor_text(value, names):
    """Such as "0.0625 = 1/B" or "2"."""
    plain = [n for n in names if n.lstrip("−") not in (f"{abs(value):g}",)]
    return " = ".join([f"{value:.6g}", *plain])


def factor_reason(names):
    """A likely reason for each letter in the names, as a sentence."""
    parts = {part for name in names for part in re.split(r"[·/()]|(?<=−)", name)}
    letters = [key for key in REASONS if key in parts]
    if not letters:
        return ""
    return " Usual cause: " + "; or ".join(REASONS[key] for key in letters) + "."
