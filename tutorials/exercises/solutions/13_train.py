"""Exercise 13, solved: the answers to 7, 8 and 12, and the loop."""

import numpy as np


def start(D, H, K, rng):
    """Return the parameters before training: a dict p as in exercise 7."""
    shapes = {"W1": (D, H), "Wm": (H, K), "Wv": (H, K), "W2": (K, H)}
    shapes["W3"] = (H, D)
    p = {}
    for name, (rows, columns) in shapes.items():
        W = rng.standard_normal((rows, columns)) / np.sqrt(rows)
        p[name], p["b" + name[1]] = W, np.zeros(columns)
    return p


def loss_grad(p, x, eps, beta=1.0):
    """Yours, from exercise 7."""
    B = len(x)
    h = np.tanh(x @ p["W1"] + p["b1"])
    mu, logvar = h @ p["Wm"] + p["bm"], h @ p["Wv"] + p["bv"]
    sigma = np.exp(logvar / 2)
    z = mu + sigma * eps
    a = np.tanh(z @ p["W2"] + p["b2"])
    y = a @ p["W3"] + p["b3"]

    dy = (1 / (1 + np.exp(-y)) - x) / B
    before_a = dy @ p["W3"].T * (1 - a**2)
    dz = before_a @ p["W2"].T
    dmu = dz + beta * mu / B
    dlogvar = dz * eps * sigma / 2 + beta * (sigma**2 - 1) / 2 / B
    dh = dmu @ p["Wm"].T + dlogvar @ p["Wv"].T
    before_h = dh * (1 - h**2)
    pairs = {"1": (x, before_h), "m": (h, dmu), "v": (h, dlogvar)}
    pairs |= {"2": (z, before_a), "3": (a, dy)}
    weights = {"W" + end: i.T @ d for end, (i, d) in pairs.items()}
    biases = {"b" + end: d.sum(axis=0) for end, (_, d) in pairs.items()}
    return {**weights, **biases}


def adam_step(theta, grad, m, v, t, lr, beta1, beta2, eps):
    """Yours, from exercise 8; it works for arrays of any shape."""
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    mhat = m / (1 - beta1**t)
    vhat = v / (1 - beta2**t)
    return theta - lr * mhat / (np.sqrt(vhat) + eps), m, v


def train(x, rng):
    """Return the parameters p of a VAE trained on the images x."""
    K, batch, t = 8, 100, 0
    p = start(x.shape[1], 64, K, rng)
    m = {name: np.zeros(array.shape) for name, array in p.items()}
    v = {name: np.zeros(array.shape) for name, array in p.items()}
    for _ in range(8):
        order = rng.permutation(len(x))
        for begin in range(0, len(x), batch):
            images = x[order[begin : begin + batch]]
            t += 1
            eps = rng.standard_normal((len(images), K))
            grad = loss_grad(p, images, eps)
            for name in p:
                p[name], m[name], v[name] = adam_step(
                    *(p[name], grad[name], m[name], v[name], t),
                    *(1.5e-2, 0.9, 0.999, 1e-8),
                )
    return p


def draw(p, n, rng):
    """Yours, from exercise 12: n new images of zeros and ones, (n, D)."""
    z = rng.standard_normal((n, len(p["W2"])))
    y = np.tanh(z @ p["W2"] + p["b2"]) @ p["W3"] + p["b3"]
    prob = 1 / (1 + np.exp(-y))
    return (rng.random(prob.shape) < prob).astype(float)
