"""One term of the loss is missing from the gradient, or has a factor in it."""

import numpy as np

from minivae.gradcheck.evidence import listed
from minivae.gradcheck.factors import factor_names, factor_reason, factor_text

PART = {"rec": "reconstruction part", "kl": "KL part"}


def part_factor(evidence, blocks):
    """One term of the loss is missing from, or scaled in, the whole wrong gradient."""
    fit = _fit(evidence, blocks)
    if fit is None:
        return None
    said, reasons = [], []
    for name, c in sorted(fit.items(), key=lambda item: abs(item[1] - 1)):
        part = PART.get(name, f"part {name!r}")
        if np.isclose(c, 1, rtol=1e-5):
            said.append(f"the {part} is right")
        elif c == 0:
            said.append(f"the {part} is missing")
        else:
            names = factor_names(c, evidence.subject.sizes, rtol=1e-5)
            said.append(f"the {part} is {factor_text(c, names)} times the right one")
            reasons.append(factor_reason(names))
    return blocks, (
        f"In {listed(blocks)} {', '.join(said)}.{''.join(dict.fromkeys(reasons))}"
    )


def _fit(evidence, blocks):
    """Coefficients c with claimed = Σ c_i · (gradient of part i) in all blocks, or None."""
    names = list(evidence.subject.parts)
    if len(names) < 2 or not blocks or not all(b.readable for b in blocks):
        return None
    if max(b.freedom for b in blocks) < len(names) + 2:
        return None  # any numbers would fit
    found = {n: [evidence.part(n, b.indices) for b in blocks] for n in names}
    claimed = np.concatenate([b.claimed for b in blocks])
    A = np.stack([np.concatenate([v for v, _ in found[n]]) for n in names], axis=1)
    norms = np.linalg.norm(A, axis=0)
    if not np.isfinite(A).all() or norms.min() <= 1e-6 * norms.max():
        return None
    if np.linalg.cond(A / norms) > 1e4:
        return None
    scaled, *_ = np.linalg.lstsq(A / norms, claimed, rcond=None)
    fit = dict(zip(names, (float(c) for c in scaled / norms), strict=True))
    for k, block in enumerate(blocks):
        predicted = sum(fit[n] * found[n][k][0] for n in names)
        error = sum((abs(fit[n]) + 1) * found[n][k][1] for n in names)
        if not block.matches(predicted, error=error):
            return None
    fit = {n: (0.0 if abs(c) < 1e-6 else c) for n, c in fit.items()}
    values = list(fit.values())
    return None if np.allclose(values, values[0], rtol=1e-6) else fit
