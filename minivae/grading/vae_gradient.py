"""Exercise 7: the whole gradient of a VAE, block by block."""

from functools import partial

import numpy as np

from minivae.grading.compare import agree, gradient, precision
from minivae.grading.student import Wrong
from minivae.grading.task import Task

SHAPES = {
    **{"W1": ("D", "H"), "b1": ("H",), "Wm": ("H", "K"), "bm": ("K",), "Wv": ("H", "K")},
    **{"bv": ("K",), "W2": ("K", "H"), "b2": ("H",), "W3": ("H", "D"), "b3": ("D",)},
}
# For each block, W3 and b3 first: the blocks before it on the way back from the loss, and
# what is computed on the last stretch to it.
BEFORE = {"3": "", "2": "3", "m": "32", "v": "32", "1": "32mv"}
STRETCH = {
    "3": ["dy"],
    "2": ["da"],
    "m": ["dz", "dmu"],
    "v": ["dz", "dlogvar"],
    "1": ["dh"],
}


def problem(B=5, D=6, H=4, K=3, seed=12):
    """Parameters, images of zeros and ones, and noise."""
    rng, sizes = np.random.default_rng(seed), {"D": D, "H": H, "K": K}
    p = {
        name: 0.6 * rng.standard_normal([sizes[letter] for letter in shape])
        for name, shape in SHAPES.items()
    }
    x = (rng.random((B, D)) < 0.5).astype(float)
    return p, x, rng.standard_normal((B, K))


def forward(p, x, eps):
    """Every intermediate of the forward pass, by name; analytic, for the complex step."""
    h = np.tanh(x @ p["W1"] + p["b1"])
    mu, logvar = h @ p["Wm"] + p["bm"], h @ p["Wv"] + p["bv"]
    sigma = np.exp(logvar / 2)
    z = mu + sigma * eps
    a = np.tanh(z @ p["W2"] + p["b2"])
    y = a @ p["W3"] + p["b3"]
    rec = (np.log(1 + np.exp(y)) - x * y).sum(axis=-1)
    kl = 0.5 * (mu**2 + sigma**2 - 1 - logvar).sum(axis=-1)
    names = {"h": h, "mu": mu, "logvar": logvar, "sigma": sigma, "z": z, "a": a, "y": y}
    return {**names, "rec": rec, "kl": kl}


def backward(p, f, x, eps, beta):
    """dy is ∂L/∂y, and so on, for the hints; points are given by the complex step."""
    dy = (1 / (1 + np.exp(-f["y"])) - x) / len(x)
    da = dy @ p["W3"].T
    dz = da * (1 - f["a"] ** 2) @ p["W2"].T
    dmu = dz + beta * f["mu"] / len(x)
    dlogvar = dz * eps * f["sigma"] / 2 + beta * (f["sigma"] ** 2 - 1) / 2 / len(x)
    dh = dmu @ p["Wm"].T + dlogvar @ p["Wv"].T
    return {"dy": dy, "da": da, "dz": dz, "dmu": dmu, "dlogvar": dlogvar, "dh": dh}


def block(student, end):
    """The complex step in one block, with B, D, H, K and beta all different."""
    beta, worst, names = 0.7, 0.0, (f"W{end}", f"b{end}")
    for B in (5, 1):
        p, x, eps = problem(B)

        def found(q, p=p, x=x, eps=eps):
            answer = student.call("loss_grad", {**p, **q}, x, eps, beta, out=None)
            for name in names:
                if name not in answer:
                    raise Wrong(f"loss_grad returned a dict in which {name} is missing.")
                if answer[name].shape != p[name].shape:
                    came, turned = answer[name].shape, " It is transposed."
                    raise Wrong(
                        f"{name} has the shape {p[name].shape}, your gradient {came}."
                        f"{turned if came == p[name].shape[::-1] else ''}"
                    )
            return answer

        def rec(q, p=p, x=x, eps=eps):
            return forward({**p, **q}, x, eps)["rec"].mean()

        def kl(q, p=p, x=x, eps=eps):
            return beta * forward({**p, **q}, x, eps)["kl"].mean()

        try:
            error = gradient(
                lambda q, rec=rec, kl=kl: rec(q) + kl(q),
                {name: p[name] for name in names},
                lambda q, found=found: {name: found(q)[name] for name in names},
                mistakes=_mistakes(p, x, eps, beta, end),
                sizes={"B": B, "D": 6, "H": 4, "K": 3, "beta": beta},
                parts={"rec": rec, "kl": kl},
                oracle="complex",
            )
        except Wrong as wrong:
            raise Wrong(_placed(found({}), p, x, eps, beta, end, str(wrong))) from None
        worst = max(worst, error)
    return f"{names[0]} and {names[1]} agree with the loss's derivative, {precision(worst)}"


def _placed(found, p, x, eps, beta, end, hint):
    """The hint for a wrong block, with the place of the mistake on the way to it."""
    f = forward(p, x, eps)
    d = backward(p, f, x, eps, beta)
    for other in BEFORE[end]:
        below, delta = _pair(f, d, x, other)
        if not agree(found.get(f"W{other}", 0.0), below.T @ delta):
            return f"What it is made from is wrong already: mend W{other}, b{other} first."
    for name in STRETCH[end]:
        slope = 1 - f.get(name[1:], 0.0) ** 2  # that of tanh may be in it
        if name in found and not any(
            agree(found[name], r) for r in (d[name], slope * d[name])
        ):
            return f"{name} is the first that is wrong. {hint}"
    return hint


def _pair(f, d, x, end):
    """What comes into a block from below and from above; its gradient is their product."""
    return {
        "3": (f["a"], d["dy"]),
        "2": (f["z"], d["da"] * (1 - f["a"] ** 2)),
        "m": (f["h"], d["dmu"]),
        "v": (f["h"], d["dlogvar"]),
        "1": (x, d["dh"] * (1 - f["h"] ** 2)),
    }[end]


def _mistakes(p, x, eps, beta, end):
    """Hint -> the gradient of a block's weights that the mistake gives."""
    f, B = forward(p, x, eps), len(x)
    d = backward(p, f, x, eps, beta)
    below, delta = _pair(f, d, x, end)
    path, slope_h = d["dz"] * eps * f["sigma"] / 2, 1 - f["h"] ** 2
    heads = "h feeds both heads, so dh is the sum of what comes back from both heads; yours"
    slope = "Behind the {0}'s tanh its slope is missing. | times 1 - {1}²"
    known = {}
    if end == "3":
        deltas = {
            "Your gradient of the reconstruction term has the wrong sign: rec is minus the"
            " log-likelihood. | dy = (sigmoid(y) - x) / B": -delta,
            f"Your reconstruction gradient is {B} = B times what it should be: rec is a"
            " mean over the batch, which belongs into dy.": B * delta,
            "Your dy divides by all B·D numbers: rec is a mean over the batch alone, and a"
            " sum over the pixels.": delta / x.shape[1],
        }
    elif end == "2":
        mean = "The gradient of W2 is made from mu; the forward pass went through z."
        known[mean] = f["mu"].T @ delta
        deltas = {slope.format("decoder", "a"): d["da"]}
    elif end == "m":
        beta_lost = "beta is missing in the KL part of dmu. | It is beta mu / B."
        deltas = {beta_lost: d["dz"] + f["mu"] / B}
    elif end == "v":
        deltas = {
            "The reconstruction reaches logvar twice as strongly as it should: look at"
            " ∂sigma/∂logvar. | It is sigma/2.": delta + path,
            "In the KL part of dlogvar σ stands where σ² belongs. | It is (σ² - 1)/2.": path
            + beta * (f["sigma"] - 1) / 2 / B,
            "That is dmu. logvar reaches z in another way, and the KL too.": d["dmu"],
        }
    else:
        deltas = {
            f"{heads} knows the mu head only.": d["dmu"] @ p["Wm"].T * slope_h,
            f"{heads} knows the logvar head only.": d["dlogvar"] @ p["Wv"].T * slope_h,
            slope.format("encoder", "h"): d["dh"],
        }
    known |= {hint: below.T @ wrong for hint, wrong in deltas.items()}
    return {f"W{end}": known}


TASK = Task(
    "07_vae_gradient",
    "the whole VAE gradient",
    90,
    {f"W{end}, b{end}": (3, partial(block, end=end)) for end in BEFORE},
)
