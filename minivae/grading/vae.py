"""Grader of exercise 7: the whole gradient of a VAE."""

import numpy as np

from minivae.grading.compare import gradient, precision
from minivae.grading.student import Wrong

SHAPES = {
    "W1": ("D", "H"),
    "b1": ("H",),
    "Wm": ("H", "K"),
    "bm": ("K",),
    "Wv": ("H", "K"),
    "bv": ("K",),
    "W2": ("K", "H"),
    "b2": ("H",),
    "W3": ("H", "D"),
    "b3": ("D",),
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
    k = np.tanh(z @ p["W2"] + p["b2"])
    y = k @ p["W3"] + p["b3"]
    rec = (np.log(1 + np.exp(y)) - x * y).sum(axis=-1)
    kl = 0.5 * (mu**2 + sigma**2 - 1 - logvar).sum(axis=-1)
    names = {"h": h, "mu": mu, "logvar": logvar, "sigma": sigma, "z": z, "k": k, "y": y}
    return {**names, "rec": rec, "kl": kl}


def loss_grad(student):
    """The complex step in every parameter, with B, D, H, K and beta all different."""
    beta, worst = 0.7, 0.0
    for B in (5, 1):
        p, x, eps = problem(B)

        def rec(p, x=x, eps=eps):
            return forward(p, x, eps)["rec"].mean()

        def kl(p, x=x, eps=eps):
            return beta * forward(p, x, eps)["kl"].mean()

        def claim(p, x=x, eps=eps):
            copies = {k: a.copy() for k, a in p.items()}
            found = student.raw("loss_grad", copies, x.copy(), eps.copy(), beta)
            if not isinstance(found, dict) or set(found) != set(p):
                came = sorted(found) if isinstance(found, dict) else type(found).__name__
                missing = sorted(set(p) - set(found)) if isinstance(found, dict) else p
                raise Wrong(
                    f"loss_grad should return a dict with the names {', '.join(p)}; it"
                    f" returned {came} ({', '.join(missing)} missing)."
                )
            return found

        worst = max(worst, _judged(p, x, eps, beta, rec, kl, claim))
        for name, array in claim(p).items():
            if np.shape(array) != p[name].shape:
                raise Wrong(
                    f"The gradient of {name} should have its shape {p[name].shape}, got"
                    f" {np.shape(array)}."
                )
    return f"all ten parameters agree with the derivative of the loss, {precision(worst)}"


def _judged(p, x, eps, beta, rec, kl, claim):
    try:
        return gradient(
            lambda p: rec(p) + kl(p),
            p,
            claim,
            mistakes=_mistakes(p, x, eps, beta),
            sizes={"B": len(x), "D": 6, "H": 4, "K": 3, "beta": beta},
            parts={"rec": rec, "kl": kl},
            oracle="complex",
        )
    except ValueError as error:  # a shape that no diagnosis can work with
        raise Wrong(f"loss_grad: {error}") from None


def _mistakes(p, x, eps, beta):
    """Hints for the blocks at which each mistake is seen first."""
    f, B = forward(p, x, eps), len(x)
    dy = (1 / (1 + np.exp(-f["y"])) - x) / B
    slope_k, slope_h = 1 - f["k"] ** 2, 1 - f["h"] ** 2
    dk = dy @ p["W3"].T * slope_k
    dz = dk @ p["W2"].T
    dmu = dz + beta * f["mu"] / B
    path = dz * eps * f["sigma"] / 2
    dlogvar = path + beta * (f["sigma"] ** 2 - 1) / 2 / B
    from_mu, from_logvar = dmu @ p["Wm"].T, dlogvar @ p["Wv"].T
    dh = from_mu + from_logvar

    def head(dlogvar):
        return f["h"].T @ dlogvar

    def encoder(dh, slope=slope_h):
        return x.T @ (dh * slope)

    return {
        "b3": {
            "Your gradient of the reconstruction term has the wrong sign: rec is minus the"
            " log-likelihood, so dy = (sigmoid(y) - x) / B.": -dy.sum(axis=0),
            f"Your reconstruction gradient is {B} = B times what it should be: rec is a"
            " mean over the batch, which belongs into dy.": B * dy.sum(axis=0),
            "Your dy divides by all B·D numbers: rec is a mean over the batch alone, and a"
            " sum over the pixels.": dy.sum(axis=0) / x.shape[1],
        },
        "W2": {
            "The gradient of W2 is made from mu; the forward pass went through z.": f[
                "mu"
            ].T
            @ dk,
            "Behind the decoder's tanh its slope is missing: times 1 - k².": f["z"].T
            @ (dy @ p["W3"].T),
        },
        "Wv": {
            "The reconstruction reaches logvar twice as strongly as it should: look at"
            " ∂sigma/∂logvar = sigma/2.": head(dlogvar + path),
            "In the KL part of dlogvar σ stands where σ² belongs: (σ² - 1)/2.": head(
                path + beta * (f["sigma"] - 1) / 2 / B
            ),
        },
        "Wm": {
            "beta is missing in the KL part of dmu: beta mu / B.": f["h"].T
            @ (dz + f["mu"] / B),
        },
        "W1": {
            "h feeds both heads, so dh is the sum of what comes back from both heads; yours"
            " knows the mu head only.": encoder(from_mu),
            "h feeds both heads, so dh is the sum of what comes back from both heads; yours"
            " knows the logvar head only.": encoder(from_logvar),
            "Behind the encoder's tanh its slope is missing: times 1 - h².": encoder(
                dh, 1.0
            ),
        },
    }
