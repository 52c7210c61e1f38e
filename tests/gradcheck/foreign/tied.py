"""A student's VAE: tied weights, Laplace with a scale, two samples, towers as heads."""

# ruff: noqa: RUF059

import numpy as np


def data(rng):
    return rng.standard_normal((5, 7)), rng.standard_normal((2, 5, 3))


def init(rng):
    def n(*s):
        return 0.5 * rng.standard_normal(s)

    return {
        "W": n(7, 6),
        "b": n(6),
        "Wm1": n(6, 4),
        "bm1": n(4),
        "Wm2": n(4, 3),
        "bm2": n(3),
        "Wv1": n(6, 4),
        "bv1": n(4),
        "Wv2": n(4, 3),
        "bv2": n(3),
        "V": n(3, 6),
        "v": n(6),
        "c": n(7),
        "log_scale": np.array(0.3),
    }


BETA = 0.5


def forward(p, x, eps):
    h = np.tanh(x @ p["W"] + p["b"])
    hm = np.tanh(h @ p["Wm1"] + p["bm1"])
    mu = hm @ p["Wm2"] + p["bm2"]
    hv = np.tanh(h @ p["Wv1"] + p["bv1"])
    lv = hv @ p["Wv2"] + p["bv2"]
    sd = np.exp(lv / 2)
    z = mu + sd * eps
    k = np.tanh(z @ p["V"] + p["v"])
    y = k @ p["W"].T + p["c"]
    return h, hm, mu, hv, lv, sd, z, k, y


def loss(p, x, eps):
    h, hm, mu, hv, lv, sd, z, k, y = forward(p, x, eps)
    S, B = eps.shape[:2]
    t = np.exp(p["log_scale"])
    rec = (np.abs(x - y) / t + np.log(2 * t)).sum() / (S * B)
    kl = 0.5 * (mu**2 + np.exp(lv) - 1 - lv).sum() / B
    return rec + BETA * kl


def grad(p, x, eps):
    h, hm, mu, hv, lv, sd, z, k, y = forward(p, x, eps)
    S, B = eps.shape[:2]
    t = np.exp(p["log_scale"])
    dt = (-np.abs(x - y) / t + 1).sum() / (S * B)
    dy = np.sign(y - x) / t / (S * B)
    dW = np.einsum("sbd,sbh->dh", dy, k)
    dc = dy.sum(axis=(0, 1))
    dk = dy @ p["W"]
    da = dk * (1 - k**2)
    dV = np.einsum("sbk,sbh->kh", z, da)
    dv = da.sum(axis=(0, 1))
    dz = da @ p["V"].T
    dmu = dz.sum(axis=0)
    dlv = (dz * eps).sum(axis=0) * sd / 2
    dmu = dmu + BETA * mu / B
    dlv = dlv + BETA * (np.exp(lv) - 1) / 2 / B
    dWm2, dbm2 = hm.T @ dmu, dmu.sum(axis=0)
    dam = (dmu @ p["Wm2"].T) * (1 - hm**2)
    dWm1, dbm1 = h.T @ dam, dam.sum(axis=0)
    dWv2, dbv2 = hv.T @ dlv, dlv.sum(axis=0)
    dav = (dlv @ p["Wv2"].T) * (1 - hv**2)
    dWv1, dbv1 = h.T @ dav, dav.sum(axis=0)
    dh = dam @ p["Wm1"].T + dav @ p["Wv1"].T
    dah = dh * (1 - h**2)
    dW = dW + x.T @ dah
    db = dah.sum(axis=0)
    return {
        "W": dW,
        "b": db,
        "Wm1": dWm1,
        "bm1": dbm1,
        "Wm2": dWm2,
        "bm2": dbm2,
        "Wv1": dWv1,
        "bv1": dbv1,
        "Wv2": dWv2,
        "bv2": dbv2,
        "V": dV,
        "v": dv,
        "c": dc,
        "log_scale": dt,
    }


H2 = "Wm2 bm2 Wv2 bv2"
BUGS = [
    ("scale alone", "/ t + 1).sum()", "/ t + 2).sum()", "log_scale"),
    ("dy no t", "np.sign(y - x) / t", "np.sign(y - x)", "edge c"),
    (
        "loss square",
        "np.abs(x - y) / t + np.log(2 * t)",
        "(x - y) ** 2 / t + np.log(2 * t)",
        "edge c log_scale",
    ),
    ("dc one sample", "dy.sum(axis=(0, 1))", "dy[0].sum(axis=0)", "c"),
    ("tied decoder part lost", "dW = dW + x.T @ dah", "dW = x.T @ dah", "W"),
    ("dk slope", "dk * (1 - k**2)", "dk * (1 + k**2)", "V v"),
    ("dz one sample", 'dz = da @ p["V"].T', 'dz = da @ p["V"].T\n    dz[1] = 0', H2),
    ("half lost", ".sum(axis=0) * sd / 2", ".sum(axis=0) * sd", "Wv2 bv2"),
    ("kl mu B", "BETA * mu / B", "BETA * mu", "Wm2 bm2"),
    ("tower mu slope", '@ p["Wm2"].T) * (1 - hm**2)', '@ p["Wm2"].T)', "Wm1 bm1"),
    (
        "tower lv slope",
        '@ p["Wv2"].T) * (1 - hv**2)',
        '@ p["Wv2"].T) * (1 - hm**2)',
        "Wv1 bv1",
    ),
    ("join", 'dam @ p["Wm1"].T + dav @ p["Wv1"].T', 'dam @ p["Wm1"].T', "W b"),
    ("tower W only", "dWm1, dbm1 = h.T @ dam", "dWm1, dbm1 = x[:, :6].T @ dam", "Wm1"),
]
