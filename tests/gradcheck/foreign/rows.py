"""A student's VAE: rows, ReLU, log_std, logits, sums; two hidden layers in the encoder."""

# ruff: noqa: RUF059

import numpy as np


def data(rng):
    return (rng.random((7, 9)) < 0.5).astype(float), rng.standard_normal((7, 3))


def init(rng):
    sizes = [
        ("enc1", 9, 6),
        ("enc2", 6, 5),
        ("m", 5, 3),
        ("s", 5, 3),
        ("dec1", 3, 6),
        ("dec2", 6, 9),
    ]
    p = {}
    for n, i, o in sizes:
        p["W_" + n] = 0.5 * rng.standard_normal((i, o))
        p["b_" + n] = 0.3 * rng.standard_normal(o)
    return p


def forward(p, x, eps):
    a1 = x @ p["W_enc1"] + p["b_enc1"]
    h1 = np.maximum(a1, 0)
    a2 = h1 @ p["W_enc2"] + p["b_enc2"]
    h2 = np.maximum(a2, 0)
    mu = h2 @ p["W_m"] + p["b_m"]
    ls = h2 @ p["W_s"] + p["b_s"]
    z = mu + np.exp(ls) * eps
    a3 = z @ p["W_dec1"] + p["b_dec1"]
    h3 = np.maximum(a3, 0)
    y = h3 @ p["W_dec2"] + p["b_dec2"]
    return a1, h1, a2, h2, mu, ls, z, a3, h3, y


def loss(p, x, eps):
    a1, h1, a2, h2, mu, ls, z, a3, h3, y = forward(p, x, eps)
    bce = np.logaddexp(0, y) - x * y
    kl = 0.5 * (mu**2 + np.exp(2 * ls) - 1) - ls
    return bce.sum() + kl.sum()


def grad(p, x, eps):
    a1, h1, a2, h2, mu, ls, z, a3, h3, y = forward(p, x, eps)
    g = {}
    dy = 1 / (1 + np.exp(-y)) - x
    g["W_dec2"] = h3.T @ dy
    g["b_dec2"] = dy.sum(axis=0)
    dh3 = dy @ p["W_dec2"].T
    da3 = dh3 * (a3 > 0)
    g["W_dec1"] = z.T @ da3
    g["b_dec1"] = da3.sum(axis=0)
    dz = da3 @ p["W_dec1"].T
    dmu = dz + mu
    dls = dz * eps * np.exp(ls) + np.exp(2 * ls) - 1
    g["W_m"] = h2.T @ dmu
    g["b_m"] = dmu.sum(axis=0)
    g["W_s"] = h2.T @ dls
    g["b_s"] = dls.sum(axis=0)
    dh2 = dmu @ p["W_m"].T
    dh2 = dh2 + dls @ p["W_s"].T
    da2 = dh2 * (a2 > 0)
    g["W_enc2"] = h1.T @ da2
    g["b_enc2"] = da2.sum(axis=0)
    dh1 = da2 @ p["W_enc2"].T
    da1 = dh1 * (a1 > 0)
    g["W_enc1"] = x.T @ da1
    g["b_enc1"] = da1.sum(axis=0)
    return g


EDGE = "edge W_dec2 b_dec2"
HEADS = "W_m b_m W_s b_s"
BUGS = [
    ("mean for sum", "bce.sum() + kl.sum()", "bce.mean() + kl.sum()", EDGE),
    ("target sign", "np.exp(-y)) - x\n", "np.exp(-y)) + x\n", EDGE),
    ("dW from pre-activation", "h3.T @ dy", "a3.T @ dy", "W_dec2"),
    ("db averaged", "dy.sum(axis=0)", "dy.mean(axis=0)", "b_dec2"),
    (
        "weight decay in loss",
        "kl.sum()\n",
        "kl.sum() + 0.05 * (p['W_dec1'] ** 2).sum()\n",
        "W_dec1",
    ),
    ("no relu mask", "dh3 * (a3 > 0)", "dh3", "W_dec1 b_dec1"),
    ("dz sign", 'da3 @ p["W_dec1"].T', '-da3 @ p["W_dec1"].T', HEADS),
    ("alias", "dmu = dz + mu", "dmu = dz\n    dmu += mu", "W_s b_s"),
    (
        "half as logvar",
        "dz * eps * np.exp(ls) +",
        "0.5 * dz * eps * np.exp(ls) +",
        "W_s b_s",
    ),
    ("mu twice", "dz + mu", "dz + 2 * mu", "W_m b_m"),
    ("heads exchanged", "h2.T @ dmu", "h2.T @ dls", "W_m"),
    ("one path", 'dh2 = dh2 + dls @ p["W_s"].T', "dh2 = dh2", "W_enc2 b_enc2"),
    (
        "enc dW mean",
        'g["W_enc2"] = h1.T @ da2',
        'g["W_enc2"] = h1.T @ da2 / len(x)',
        "W_enc2",
    ),
    ("enc1 no mask", "dh1 * (a1 > 0)", "dh1", "W_enc1 b_enc1"),
    (
        "all dW twice",
        "    return g\n",
        "    for n in g:\n        if n[0] == 'W': g[n] = 2 * g[n]\n    return g\n",
        "W_enc1 W_enc2 W_m W_s W_dec1 W_dec2",
    ),
]
