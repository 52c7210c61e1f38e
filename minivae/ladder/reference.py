"""A VAE once more, in plain Python: one number at a time, in textbook form.

What the package computes in arrays is computed here in loops over floats, from the same
parameters and with no line in common. It is slow, and short enough to be believed.
"""

import math
from operator import mul

import numpy as np

from minivae.layers import Linear, ReLU, Scale, Sigmoid, Softplus, Tanh
from minivae.likelihoods import Binomial, Gaussian, Laplace


def sigmoid(a):
    """1 / (1 + e^-a)."""
    return 1 / (1 + math.exp(-a)) if a > -700 else 0.0


def softplus(a):
    """log(1 + e^a)."""
    return a + math.log1p(math.exp(-a)) if a > 0 else math.log1p(math.exp(a))


def relu(a):
    """max(a, 0)."""
    return a if a > 0 else 0.0


ELEMENTWISE = {Tanh: math.tanh, Sigmoid: sigmoid, Softplus: softplus, ReLU: relu}


def linear(W, b, x):
    """y_j = Σ_i x_i W_ij + b_j."""
    return [
        sum(map(mul, x, column)) + b_j
        for column, b_j in zip(W.T.tolist(), b.tolist(), strict=True)
    ]


def stack(layers, x):
    """One vector through a `Sequential`'s layers; a list of floats."""
    for layer in layers:
        if type(layer) in ELEMENTWISE:
            x = [ELEMENTWISE[type(layer)](a) for a in x]
        elif type(layer) is Linear:
            x = linear(layer.params["W"], layer.params["b"], x)
        elif type(layer) is Scale:
            x = [layer.config["factor"] * a for a in x]
        else:  # a layer that this file does not know: it has to be believed
            x = layer.forward(np.array([x]))[0].tolist()
    return x


def encode(model, x):
    """mu and logvar of one image; the code alone, where that is the only head."""
    h = stack(model.encoder.layers, list(map(float, x)))
    params = model.params
    return [linear(params[f"{head}.W"], params[f"{head}.b"], h) for head in model.heads]


def decode(model, z):
    """The decoder's output y for one z."""
    return stack(model.decoder.layers, list(map(float, z)))


def scale_of(likelihood):
    """The variance c of a Gaussian, the scale b of a Laplace, as they stand now."""
    name = "c" if isinstance(likelihood, Gaussian) else "b"
    if likelihood.config["learned"] and likelihood.params:
        return math.exp(likelihood.params[f"log_{name}"].item())
    return likelihood.config[name]


def log_likelihood(likelihood, x, y):
    """log p(x|z) of one image, y being the decoder's output for it."""
    if isinstance(likelihood, Binomial):
        n = likelihood.n
        choose = {k: math.log(math.comb(n, int(k))) if n > 1 else 0.0 for k in set(x)}
        return sum(
            -k * softplus(-a) - (n - k) * softplus(a) + choose[k]
            for k, a in zip(x, y, strict=True)
        )
    if isinstance(likelihood, Gaussian):
        c = scale_of(likelihood)
        return sum(
            -((k - a) ** 2) / (2 * c) - math.log(2 * math.pi * c) / 2
            for k, a in zip(x, y, strict=True)
        )
    if isinstance(likelihood, Laplace):
        b = scale_of(likelihood)
        return sum(-abs(k - a) / b - math.log(2 * b) for k, a in zip(x, y, strict=True))
    return float(likelihood.log_prob(np.array([x]), np.array([y]))[0])


def log_likelihoods(likelihood, x, y):
    """log p(x|z) of each of several images (B, D), y being the outputs for them."""
    return [
        log_likelihood(likelihood, image, output)
        for image, output in zip(x.tolist(), y, strict=True)
    ]


def mean(likelihood, y):
    """E[x|z] of one image."""
    if isinstance(likelihood, Binomial):
        return [likelihood.n * sigmoid(a) for a in y]
    return y


def log_normal(z, mu, logvar):
    """log N(z; mu, σ²), summed over the dimensions."""
    return sum(
        -math.log(2 * math.pi * math.exp(v)) / 2 - (a - m) ** 2 / (2 * math.exp(v))
        for a, m, v in zip(z, mu, logvar, strict=True)
    )


def kl(mu, logvar):
    """KL(N(mu, σ²) ‖ N(0, 1)) of each dimension."""
    return [(m**2 + math.exp(v) - 1 - v) / 2 for m, v in zip(mu, logvar, strict=True)]


def log_mean(log_w):
    """log (1/S) Σ_s w_s of one image, from its S numbers log w_s."""
    top = max(log_w)
    return top + math.log(math.fsum(math.exp(a - top) for a in log_w) / len(log_w))


def terms(model, x, eps):
    """All that a bound is made of, for x of shape (B, D) and eps of shape (S, B, K).

    Returns
    -------
    dict of ndarray
        "log_p" log p(x|z), "log_prior" log p(z), "log_q" log q(z|x), each (S, B); "z"
        (S, B, K); "mu", "logvar" and "kl" (B, K).
    """
    heads = [encode(model, image) for image in x.tolist()]
    mu, logvar = zip(*heads, strict=True)
    zeros = [0.0] * model.K
    z = [list(map(_sample, mu, logvar, noise)) for noise in eps.tolist()]
    y = [[decode(model, code) for code in codes] for codes in z]
    numbers = {
        "mu": mu,
        "logvar": logvar,
        "kl": [kl(*head) for head in heads],
        "z": z,
        "log_p": [log_likelihoods(model.likelihood, x, outputs) for outputs in y],
        "log_prior": [[log_normal(code, zeros, zeros) for code in codes] for codes in z],
        "log_q": [list(map(log_normal, codes, mu, logvar)) for codes in z],
    }
    return {name: np.array(number) for name, number in numbers.items()}


def _sample(mu, logvar, eps):
    """z = mu + σ ε."""
    return [m + math.sqrt(math.exp(v)) * e for m, v, e in zip(mu, logvar, eps, strict=True)]
