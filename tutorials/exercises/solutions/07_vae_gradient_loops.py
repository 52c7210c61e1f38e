"""Exercise 7, solved image by image in float32, the mean at the end."""

import numpy as np


def one_image(p, x, eps, beta):
    """The gradient of one image's own nelbo."""
    h = np.tanh(x @ p["W1"] + p["b1"])
    mu, logvar = h @ p["Wm"] + p["bm"], h @ p["Wv"] + p["bv"]
    var = np.exp(logvar)
    z = mu + np.sqrt(var) * eps
    a = np.tanh(p["W2"].T @ z + p["b2"])
    g = {"b3": 0.5 + 0.5 * np.tanh((a @ p["W3"] + p["b3"]) / 2) - x}
    g["b2"] = (p["W3"] @ g["b3"]) * (1 - a * a)
    dz = p["W2"] @ g["b2"]
    g["bm"] = dz + beta * mu
    g["bv"] = 0.5 * (dz * eps * np.sqrt(var) + beta * (var - 1))
    dh = p["Wm"] @ g["bm"] + p["Wv"] @ g["bv"]
    g["b1"] = dh * (1 - h * h)
    pairs = {"W1": x, "Wm": h, "Wv": h, "W2": z, "W3": a}
    for name, below in pairs.items():
        g[name] = np.outer(below, g["b" + name[1]])
    return g


def loss_grad(p, x, eps, beta=1.0):
    """Return the gradient of nelbo, a dict like p."""
    p = {name: a.astype(np.float32) for name, a in p.items()}
    x, eps = x.astype(np.float32), eps.astype(np.float32)
    total = {name: np.zeros_like(a) for name, a in p.items()}
    for row, noise in zip(x, eps, strict=True):
        for name, g in one_image(p, row, noise, beta).items():
            total[name] += g / len(x)
    return total
