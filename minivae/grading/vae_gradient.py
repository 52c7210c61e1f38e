"""Exercise 7: the whole gradient of a VAE, block by block."""

import numpy as np

from minivae.grading.compare import agree, gradient, require
from minivae.grading.student import Wrong
from minivae.grading.vae import forward, problem, sigmoid

# For each block, W3 and b3 first: the blocks before it on the way back from the loss, what
# is computed on the last stretch to it, and what its weights are multiplied with.
BLOCKS = {
    "3": ("", ["dy"], "a"),
    "2": ("3", ["da"], "z"),
    "m": ("32", ["dz", "dmu"], "h"),
    "v": ("32", ["dz", "dlogvar"], "h"),
    "1": ("32mv", ["dh"], "x"),
}


def backward(p, f, beta):
    """dy is ∂L/∂y, and so on, for the hints; points are given by the complex step."""
    B, sigma = len(f["x"]), f["sigma"]
    dy = (sigmoid(f["y"]) - f["x"]) / B
    da = dy @ p["W3"].T
    dz = da * (1 - f["a"] ** 2) @ p["W2"].T
    dmu = dz + beta * f["mu"] / B
    dlogvar = dz * f["eps"] * sigma / 2 + beta * (sigma**2 - 1) / 2 / B
    dh = dmu @ p["Wm"].T + dlogvar @ p["Wv"].T
    return {"dy": dy, "da": da, "dz": dz, "dmu": dmu, "dlogvar": dlogvar, "dh": dh}


def block(end):
    """The grader of W and b of one block."""

    def grader(student):
        """The complex step, for B = 5 and B = 1; all sizes differ, beta is not one."""
        return max(_error(student, end, B) for B in (5, 1))

    grader.__name__ = f"W{end}, b{end}"
    return grader


def _error(student, end, B):
    (p, x, eps), beta, names = problem(B), 0.7, (f"W{end}", f"b{end}")

    def found(**q):
        answer = student.call("loss_grad", {**p, **q}, x, eps, beta, out=None)
        for name in names:
            missing = f"loss_grad returned a dict in which {name} is missing."
            require(name in answer, missing)
            came, shape = answer[name].shape, p[name].shape
            turned = " It is transposed." if came == shape[::-1] else ""
            hint = f"{name} has the shape {shape}, your gradient {came}.{turned}"
            require(came == shape, hint)
        return answer

    def terms(**q):
        f = forward({**p, **q}, x, eps)
        return np.array([f["rec"].mean(), beta * f["kl"].mean()])

    def claim(**q):
        answer = found(**q)
        return [answer[name] for name in names]

    f = forward(p, x, eps)
    d = backward(p, f, beta)
    place = _place(found(), f, d, end)
    theta, mistakes = {n: p[n] for n in names}, {names[0]: _mistakes(p, f, d, beta, end)}
    about = {
        "sizes": {"B": B, "D": 6, "H": 4, "K": 3, "beta": beta},
        "parts": {"rec": lambda q: terms(**q)[0], "kl": lambda q: terms(**q)[1]},
        "oracle": "complex",
    }
    try:
        return gradient(terms, theta, 1.0, claim, mistakes, **about)
    except Wrong as wrong:
        raise Wrong(f"{place}{wrong}") from None


def _place(found, f, d, end):
    """Where on the way to a wrong block the mistake is, as far as the student tells.

    Raises
    ------
    Wrong
        If the block is wrong, and one before it is, too.
    """
    slopes = {"da": 1 - f["a"] ** 2, "dh": 1 - f["h"] ** 2}
    whole = {name: array * slopes.get(name, 1.0) for name, array in d.items()}

    def is_wrong(k):
        _, (*_, last), below = BLOCKS[k]
        return not agree(found.get(f"W{k}", 0.0), f[below].T @ whole[last])

    before, stretch, _ = BLOCKS[end]
    for k in before if is_wrong(end) else "":
        hint = f"It is made from what is wrong already: mend W{k}, b{k} first."
        require(not is_wrong(k), hint)
    for name in stretch:
        right = d[name], whole[name]  # the slope may be in it already
        if name in found and not any(agree(found[name], array) for array in right):
            return f"{name} is the first that is wrong. "
    return ""


def _mistakes(p, f, d, beta, end):
    """Hint -> the gradient of a block's weights that the mistake gives."""
    dy, da, dz, dmu, dlogvar, dh = d.values()
    x, h, a, B, path = f["x"], f["h"], f["a"], len(dy), dz * f["eps"] * f["sigma"] / 2
    of_kl, slope_h = beta * (f["sigma"] - 1) / 2 / B, 1 - h**2
    heads = "h feeds both heads, so dh is the sum of what comes back from both heads; yours"
    slope = "Behind the {0}'s tanh its slope is missing. | times 1 - {1}²"
    known = {
        "3": {
            "Your gradient of the reconstruction term has the wrong sign: rec is minus the"
            " log-likelihood. | dy = (sigmoid(y) - x) / B": (a, -dy),
            f"Your reconstruction gradient is {B} = B times what it should be: rec is a"
            " mean over the batch, which belongs into dy.": (a, B * dy),
            "Your dy divides by all B·D numbers: rec is a mean over the batch alone, and a"
            " sum over the pixels.": (a, dy / x.shape[1]),
        },
        "2": {
            "W2's gradient is made from mu; y comes from z.": (f["mu"], da * (1 - a**2)),
            slope.format("decoder", "a"): (f["z"], da),
        },
        "m": {"beta is missing in the KL part of dmu.": (h, dz + f["mu"] / B)},
        "v": {
            "The reconstruction reaches logvar twice as strongly as it should: look at"
            " ∂sigma/∂logvar. | It is sigma/2.": (h, dlogvar + path),
            "In the KL part of dlogvar σ stands where σ² belongs.": (h, path + of_kl),
            "That is dmu. logvar reaches z in another way, and the KL too.": (h, dmu),
        },
        "1": {
            f"{heads} knows the mu head only.": (x, dmu @ p["Wm"].T * slope_h),
            f"{heads} knows the logvar head only.": (x, dlogvar @ p["Wv"].T * slope_h),
            slope.format("encoder", "h"): (x, dh),
        },
    }
    return {hint: below.T @ delta for hint, (below, delta) in known[end].items()}


TITLE, MINUTES = "the whole VAE gradient", 90
POINTS = {block(end): 3 for end in BLOCKS}
