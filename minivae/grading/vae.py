"""The VAE of exercises 7, 12 and 13: its parameters, its forward pass, its images."""

import numpy as np

from minivae.grading.compare import require
from minivae.grading.student import Wrong

SHAPES = {"W1": "DH", "b1": "H", "Wm": "HK", "bm": "K", "Wv": "HK", "bv": "K"}
SHAPES |= {"W2": "KH", "b2": "H", "W3": "HD", "b3": "D"}


def problem(B=5, D=6, H=4, K=3, seed=12):
    """Parameters, images of zeros and ones, and noise."""
    rng, sizes = np.random.default_rng(seed), {"D": D, "H": H, "K": K}
    shapes = {name: [sizes[letter] for letter in s] for name, s in SHAPES.items()}
    p = {name: 0.6 * rng.standard_normal(shape) for name, shape in shapes.items()}
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
    names = {"x": x, "eps": eps, "h": h, "mu": mu, "logvar": logvar, "sigma": sigma}
    return names | {"z": z, "a": a, "y": y, "rec": rec, "kl": kl}


def sigmoid(a):
    """The probability of a one."""
    return 1 / (1 + np.exp(-a))


def decode(p, z):
    """The decoder's logits."""
    return np.tanh(z @ p["W2"] + p["b2"]) @ p["W3"] + p["b3"]


def judge(student, name, p):
    """Raise Wrong unless the function draws images of zeros and ones from p(x).

    The means of the first pixels are compared, and those of the products of two.
    """
    pixels = slice(8)

    def drawn(seed, n=3000):
        rng, out = np.random.default_rng(seed), {"images": (n, p["b3"].size)}
        return student.call(name, p, n, rng, out=out)

    images = drawn(1)
    like = f"drawn from their probabilities; yours are numbers like {images[0, 0]:.3g}."
    binary = np.isin(images, (0, 1)).all()
    require(binary, f"The images should be zeros and ones, {like}")
    repeated, fixed = (np.array_equal(images, drawn(seed)) for seed in (1, 2))
    require(repeated, "One seed gives two results: draw only from the rng you were given.")
    require(not fixed, "Two seeds give the same images: draw from the rng you were given.")
    rng, shape = np.random.default_rng(3), (20000, len(p["W2"]))

    def logits(z):
        return decode(p, z)[:, pixels]

    y = logits(rng.standard_normal(shape))
    images, prob, inverted = images[:, pixels], sigmoid(y), 1 - sigmoid(y)
    if _fits(images, prob):
        return
    means = [drawn(seed, 500)[:, pixels].mean(axis=0) for seed in range(4, 10)]
    apart = np.std(means, axis=0).max() <= 4 * 0.5 / np.sqrt(500)
    require(apart, "The images of one call belong together: each needs a z of its own.")
    nothing, uniform = logits(np.zeros(shape)), logits(rng.random(shape))
    known = {
        "All images come from one code, z = 0: draw z from the prior.": sigmoid(nothing),
        "z is drawn from the prior N(0, 1). | standard_normal": sigmoid(uniform),
        "Each pixel is drawn, 1 with probability p; yours are p, rounded.": prob.round(),
        "The logits are no probabilities. | p is their sigmoid.": np.clip(y, 0, 1),
        "The pixels are inverted: a uniform number is below p for a 1.": inverted,
    }
    for hint, wrong in known.items():
        require(not _fits(images, wrong), hint)
    together = (
        "The pixels' means are right, but they do not vary together as they should:"
        " decode one z for all pixels of an image, and average over no z."
    )
    require(not _fits(images, prob, pairs=False), together)
    came, right = (np.round(a.mean(axis=0), 2) for a in (images, prob))
    raise Wrong(f"The pixels' means are {came}; those of p(x) are {right}.")


def _fits(images, prob, pairs=True):
    """Whether the draws have these means and, of pairs of pixels, mean products."""
    i, j = np.triu_indices(images.shape[1], 1)
    both = np.float64(images), prob
    seen, expected = (np.hstack([a, a[:, i] * a[:, j]]) if pairs else a for a in both)
    spread = seen.var(axis=0) / len(seen) + expected.var(axis=0) / len(expected)
    z = np.abs(seen.mean(axis=0) - expected.mean(axis=0)) / np.sqrt(spread + 1e-9)
    return bool(z.max() < 5)
