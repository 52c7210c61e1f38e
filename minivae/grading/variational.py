"""Exercise 12: an autoencoder made variational."""

import numpy as np

from minivae.grading.compare import agree, require, values
from minivae.grading.student import ToDo, Wrong
from minivae.grading.vae_gradient import forward, problem


def sigmoid(a):
    """The probability of a one."""
    return 1 / (1 + np.exp(-a))


SQUASHES = np.tanh, sigmoid, lambda a: np.maximum(a, 0), lambda a: np.log1p(np.exp(a))


def decode(p, z):
    """The decoder's logits."""
    return np.tanh(z @ p["W2"] + p["b2"]) @ p["W3"] + p["b3"]


def encode(student):
    """Two linear heads on the same features; they reach any value."""
    p, x, eps = problem()
    p = {**p, "Wm": 8 * p["Wm"], "Wv": 5 * p["Wv"]}
    f = forward(p, x, eps)
    out = {"mu": eps.shape, "logvar": eps.shape}
    mu, logvar = student.call("encode", p, x, out=out)
    for name, came in (("mu", mu), ("logvar", logvar)):
        plain = not any(agree(came, squash(f[name])) for squash in SQUASHES)
        require(plain, f"The {name} head must reach any value: it has no activation.")
    mistakes = {
        "logvar comes from mu's head: it needs a head of its own, Wv and bv.": f["mu"],
        "bv is missing in logvar.": f["logvar"] - p["bv"],
    }
    error = values("mu", mu, f["mu"])
    return max(error, values("logvar", logvar, f["logvar"], mistakes))


def loss(student):
    """nelbo, rec and kl, given what encode returns; without noise the old loss."""
    p, x, eps = problem()
    f = forward(p, x, eps)

    def call(p):
        return student.call("loss", p, x, eps, out={"nelbo": (), "rec": (), "kl": ()})

    def rec_of(z):
        y = decode(p, z)
        return (np.logaddexp(0, y) - x * y).sum(axis=1)

    try:
        error = _judged(call, p, rec_of, f["mu"], f["logvar"], eps)
    except Wrong as wrong:
        try:  # a wrong encode is not to cost points twice
            heads = student.call("encode", p, x, out={"mu": eps.shape, "logvar": eps.shape})
            return _judged(call, p, rec_of, *heads, eps)
        except (Wrong, ToDo):
            raise wrong from None
    quiet = {**p, "Wv": 0 * p["Wv"], "bv": p["bv"] - 60}
    values("rec without noise", call(quiet)[1], rec_of(f["mu"]).mean())
    return error


def _judged(call, p, rec_of, mu, logvar, eps):
    """The three numbers, one by one, for these mu and logvar."""
    D, K, sigma = p["b3"].size, p["bm"].size, np.exp(logvar / 2)
    nelbo, rec, kl = call(p)
    again = agree(call(p)[1], rec)
    require(again, "Two calls with the same eps differ: use the eps you were given.")
    each, kls = rec_of(mu + sigma * eps), 0.5 * (mu**2 + sigma**2 - 1 - logvar).sum(axis=1)
    batch = "The losses are means over the batch; your {} is a sum over it."
    variance = "The noise is multiplied by the variance; sigma is exp(logvar / 2)."
    mistakes = {
        "z does not depend on the noise eps: the code is to be sampled.": rec_of(mu).mean(),
        variance: rec_of(mu + sigma**2 * eps).mean(),
        "rec is a sum over the pixels; you average over them.": each.mean() / D,
        batch.format("rec"): each.sum(),
    }
    look = "It is minus log p(x|z): the given loss, at the z you sampled."
    error = values("rec", rec, each.mean(), mistakes, look=look)
    mean, formula = kls.mean(), " | It is ½ (mu² + σ² - 1 - logvar)."
    mistakes = {
        "The KL sums over the latent dimensions; you average over them.": mean / K,
        batch.format("KL"): kls.sum(),
        f"Your KL is exactly twice what it should be.{formula}": 2 * mean,
        f"The sign of logvar in your KL is wrong.{formula}": (kls + logvar.sum(1)).mean(),
    }
    error = max(error, values("kl", kl, mean, mistakes, look=formula))
    mistakes = {
        "nelbo is the negative ELBO, to be made small; you return the ELBO.": -rec - kl,
        "The KL is added to rec, for both are to be small.": rec - kl,
        "The KL is missing in nelbo.": rec,
    }
    look = " | nelbo = rec + kl"
    return max(error, values("nelbo", nelbo, rec + kl, mistakes, look=look))


def sample(student):
    """3000 images: means and covariances of p(x); the seed decides."""
    p, *_ = problem(D=4)
    p = {**p, "W2": 2 * p["W2"], "W3": 3 * p["W3"]}  # pixels that hang together
    judge(student, "sample", p)


def judge(student, name, p, pixels=slice(None)):
    """Raise Wrong unless the function draws images of zeros and ones from p(x).

    Their means and the products of pairs are compared, of these `pixels`.
    """

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
    alone = not np.std(means, axis=0).max() > 4 * 0.5 / np.sqrt(500)
    require(alone, "The images of one call belong together: each needs a z of its own.")
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
    apart = (
        "The pixels' means are right, but they do not vary together as they should:"
        " decode one z for all pixels of an image, and average over no z."
    )
    require(not _fits(images, prob, pairs=False), apart)
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


TITLE, MINUTES = "an autoencoder made variational", 45
POINTS = {encode: 2, loss: 3, sample: 3}
