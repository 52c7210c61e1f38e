"""A student's VAE: weights first, one matrix for both heads, a decoder with two outputs."""

# ruff: noqa: RUF059

import numpy as np


def data(rng):
    return rng.standard_normal((9, 5)), rng.standard_normal((9, 2))


def init(rng):
    def n(*s):
        return 0.5 * rng.standard_normal(s)

    return {
        "w0": n(5, 8),
        "w1": n(8, 4),
        "w2": n(2, 7),
        "w3": n(7, 5),
        "w4": n(7, 5),
        "c0": n(1, 8),
        "c1": n(1, 4),
        "c2": n(1, 7),
        "c3": n(1, 5),
        "c4": n(1, 5),
    }


def act(a):
    return np.where(a > 0, a, 0.1 * a)


def slope(a):
    return np.where(a > 0, 1, 0.1)


def forward(p, x, eps):
    a = x @ p["w0"] + p["c0"]
    h = act(a)
    both = h @ p["w1"] + p["c1"]
    mu, lv = both[:, :2], both[:, 2:]
    z = mu + np.exp(0.5 * lv) * eps
    b = z @ p["w2"] + p["c2"]
    k = act(b)
    xm = k @ p["w3"] + p["c3"]
    xl = k @ p["w4"] + p["c4"]
    return a, h, mu, lv, z, b, k, xm, xl


def loss(p, x, eps):
    a, h, mu, lv, z, b, k, xm, xl = forward(p, x, eps)
    rec = 0.5 * ((x - xm) ** 2 * np.exp(-xl) + xl).sum(axis=1)
    kl = 0.5 * (mu**2 + np.exp(lv) - 1 - lv).sum(axis=1)
    return np.mean(rec + kl)


def grad(p, x, eps):
    a, h, mu, lv, z, b, k, xm, xl = forward(p, x, eps)
    N = len(x)
    dxm = (xm - x) * np.exp(-xl) / N
    dxl = 0.5 * (1 - (x - xm) ** 2 * np.exp(-xl)) / N
    g = {
        "w3": k.T @ dxm,
        "c3": dxm.sum(0, keepdims=True),
        "w4": k.T @ dxl,
        "c4": dxl.sum(0, keepdims=True),
    }
    dk = dxm @ p["w3"].T + dxl @ p["w4"].T
    db = dk * slope(b)
    g["w2"], g["c2"] = z.T @ db, db.sum(0, keepdims=True)
    dz = db @ p["w2"].T
    dmu = dz + mu / N
    dlv = dz * eps * 0.5 * np.exp(0.5 * lv) + 0.5 * (np.exp(lv) - 1) / N
    dboth = np.concatenate([dmu, dlv], axis=1)
    g["w1"], g["c1"] = h.T @ dboth, dboth.sum(0, keepdims=True)
    dh = dboth @ p["w1"].T
    da = dh * slope(a)
    g["w0"], g["c0"] = x.T @ da, da.sum(0, keepdims=True)
    return g


BUGS = [
    ("rec without half in loss", "0.5 * ((x - xm)", "1.0 * ((x - xm)", "edge w3 c3 w4 c4"),
    ("N lost in dxm", "np.exp(-xl) / N", "np.exp(-xl)", "edge w3 c3"),
    ("xl loss", "np.exp(-xl) + xl)", "np.exp(-xl) + 2 * xl)", "edge w4 c4"),
    ("w3 alone", "k.T @ dxm", "b.T @ dxm", "w3"),
    ("c3 shape", "dxm.sum(0, keepdims=True)", "dxm.sum(0)", "c3"),
    ("one output path", 'dxm @ p["w3"].T + dxl @ p["w4"].T', 'dxm @ p["w3"].T', "w2 c2"),
    ("dz", 'db @ p["w2"].T', 'dk @ p["w2"].T', "w1 c1"),
    ("order", "[dmu, dlv]", "[dlv, dmu]", "w1 c1"),
    ("w1 alone", "h.T @ dboth", "a.T @ dboth", "w1"),
    ("slope a", "dh * slope(a)", "dh", "w0 c0"),
    ("c0 alone", "da.sum(0, keepdims=True)", "dh.sum(0, keepdims=True)", "c0"),
]
