"""Exercise 12: an autoencoder made variational."""

import numpy as np

from minivae.grading.compare import agree, require, values
from minivae.grading.student import ToDo, Wrong
from minivae.grading.vae import decode, forward, judge, problem, sigmoid

SQUASHES = np.tanh, sigmoid, lambda a: np.maximum(a, 0), lambda a: np.log1p(np.exp(a))


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


TITLE, MINUTES = "an autoencoder made variational", 45
POINTS = {encode: 2, loss: 3, sample: 3}
