"""Hypotheses about a VAE: which term of the loss, which path through the model.

They read the parameters' names. The gradient flows from the likelihood through the
decoder, splits into the heads mu_head and logvar_head, and meets again in the encoder:
what is wrong in a head makes the encoder wrong behind it.
"""

import numpy as np

from minivae.gradcheck.behaviour import repeated
from minivae.gradcheck.causes import listed, names_of
from minivae.gradcheck.evidence import WRONG
from minivae.gradcheck.factors import factor_names, factor_reason, factor_text

HEADS = ("mu_head", "logvar_head")
PART = {"rec": "reconstruction part", "kl": "KL part"}


def role(block):
    """The part of the model that a block belongs to, such as "decoder"."""
    return block.name.split(".")[0]


def with_role(blocks, *roles):
    """Those of the blocks that belong to one of the roles."""
    return [b for b in blocks if role(b) in roles]


def is_vae(evidence):
    """Whether this is a model with a mu and a logvar head."""
    roles = {role(b) for b in evidence.blocks.values()}
    return evidence.subject.model is not None and set(HEADS) <= roles


def behind(evidence):
    """The encoder's wrong blocks, as a list and as a remark."""
    blocks = with_role(evidence.open, "encoder")
    remark = " The encoder is wrong behind it; mend this first." if blocks else ""
    return blocks, remark


def redrawn(evidence):
    """The logvar path alone changes from call to call: backward draws noise again."""
    found = repeated(evidence)
    if not found or not is_vae(evidence):
        return None
    blocks = found[2]
    if {role(b) for b in blocks} - {"logvar_head", "encoder"}:
        return None
    return names_of(blocks), (
        f"Only the logvar path ({listed(blocks)}) is not repeatable: with the same theta,"
        " x and eps the loss is the same and this gradient is not. Was the noise drawn"
        " again between forward and backward? dlogvar = dz·eps·sigma/2 needs the very"
        " eps that made z."
    )


def _fit(evidence, blocks):
    """Coefficients c with claimed = Σ c_i · (gradient of part i) in all blocks, or None."""
    names = list(evidence.subject.parts)
    if len(names) < 2 or not blocks:
        return None
    found = {n: [evidence.part(n, b.indices) for b in blocks] for n in names}
    claimed = np.concatenate([b.claimed for b in blocks])
    A = np.stack([np.concatenate([v for v, _ in found[n]]) for n in names], axis=1)
    norms = np.linalg.norm(A, axis=0)
    if not np.isfinite(A).all() or not np.isfinite(claimed).all():
        return None
    if norms.min() <= 1e-6 * norms.max() or len(claimed) < len(names) + 2:
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


def _parts_text(fit, sizes):
    """What a fit says: which part is right, missing, or off by a factor."""
    said, reasons = [], []
    for name, c in sorted(fit.items(), key=lambda item: abs(item[1] - 1)):
        part = PART.get(name, f"part {name!r}")
        if np.isclose(c, 1, rtol=1e-5):
            said.append(f"the {part} is right")
        elif c == 0:
            said.append(f"the {part} is missing")
        else:
            names = factor_names(c, sizes, rtol=1e-5)
            said.append(f"the {part} is {factor_text(c, names)} times the right one")
            reasons.append(factor_reason(names))
    return ", ".join(said) + "." + "".join(dict.fromkeys(reasons))


def part_factor(evidence):
    """One term of the loss is missing from, or scaled in, the whole wrong gradient."""
    blocks = evidence.open
    fit = _fit(evidence, blocks)
    if fit is None:
        return None
    story = ""
    if fit.get("rec") == 0 and is_vae(evidence):
        story = (
            " No reconstruction gradient gets through the sampling step z = mu + sigma·eps."
        )
    return names_of(blocks), (
        f"In {listed(blocks)}: {_parts_text(fit, evidence.subject.sizes)}{story}"
    )


def part_factor_of_a_path(evidence):
    """The same in one head of a VAE, or in one parameter of anything else."""
    if is_vae(evidence):
        groups = [with_role(evidence.open, head) for head in reversed(HEADS)]
    else:
        groups = [[block] for block in evidence.open]
    for blocks in groups:
        fit = _fit(evidence, blocks)
        if fit is None:
            continue
        text = f"In {listed(blocks)}: {_parts_text(fit, evidence.subject.sizes)}"
        if not is_vae(evidence):
            return names_of(blocks), text
        if role(blocks[0]) == "logvar_head" and np.isclose(fit["rec"], 2, rtol=1e-5):
            text += " In dlogvar = dz·eps·sigma/2 the ½ is that of dsigma/dlogvar."
        upstream, remark = behind(evidence)
        return names_of(blocks + upstream), text + remark
    return None


def behind_a_head(evidence):
    """The encoder is wrong because a head is, for a reason already given."""
    if not is_vae(evidence) or with_role(evidence.open, *HEADS):
        return None
    blocks = with_role(evidence.open, "encoder")
    for head in HEADS:
        ahead = with_role(evidence.blocks.values(), head)
        if blocks and all(b.verdict == WRONG for b in ahead):
            return names_of(blocks), (
                f"{listed(blocks)} lie behind {head}, which sends them a wrong gradient:"
                " mend that first, then check again."
            )
    return None


def wrong_heads(evidence):
    """Heads that are wrong though the decoder behind which they lie is right."""
    if not is_vae(evidence) or not evidence.subject.model.takes_beta:
        return []
    if with_role(evidence.open, "decoder", "likelihood"):
        return []
    return [h for h in reversed(HEADS) if with_role(evidence.open, h)]


def path(evidence):
    """One head is wrong, for no reason found; say which part of it."""
    heads = wrong_heads(evidence)
    if not heads:
        return None
    head = heads[0]
    test, theta = evidence.subject.model, evidence.oracle.theta
    blocks = with_role(evidence.open, head)
    wrong = []
    for part in PART:
        claimed = test.claimed_term(part, theta)
        for b in blocks:
            expected, error = evidence.part(part, b.indices)
            if not b.agrees(claimed[b.indices], expected, error):
                wrong.append(part)
                break
    if not wrong:
        return None
    formulas = {
        ("mu_head", "rec"): "dz",
        ("mu_head", "kl"): "beta·mu",
        ("logvar_head", "rec"): "dz·eps·sigma/2",
        ("logvar_head", "kl"): "beta·(sigma² - 1)/2",
    }
    said = " and ".join(f"the {PART[p]} ({formulas[head, p]})" for p in wrong)
    right = [PART[p] for p in PART if p not in wrong]
    also = f"; the {right[0]} is right" if right else ""
    upstream, remark = behind(evidence)
    return names_of(blocks + upstream), (
        f"The decoder is right and the {head.removesuffix('_head')} path is wrong, in"
        f" {listed(blocks)}: {said}{also}. No formula that I know explains it.{remark}"
    )
