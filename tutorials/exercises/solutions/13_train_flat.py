"""Exercise 13, solved in float32 with one flat vector of parameters."""

import numpy as np


def shapes(D, H, K):
    """The name and shape of every array, in the order of the vector."""
    pairs = {
        "1": (D, H),
        "m": (H, K),
        "v": (H, K),
        "2": (K, H),
        "3": (H, D),
    }
    for end, shape in pairs.items():
        yield "W" + end, shape
        yield "b" + end, shape[1:]


def views(theta, D, H, K):
    """The arrays, as views of the vector."""
    p, begin = {}, 0
    for name, shape in shapes(D, H, K):
        size = int(np.prod(shape))
        p[name] = theta[begin : begin + size].reshape(shape)
        begin += size
    return p


def start(D, H, K, rng):
    """Return the parameters before training: a dict p as in exercise 7."""
    size = sum(int(np.prod(shape)) for _, shape in shapes(D, H, K))
    p = views(rng.uniform(-1, 1, size).astype(np.float32), D, H, K)
    for name, array in p.items():
        array *= np.sqrt(3 / len(array)) if name[0] == "W" else 0.0
    return p


def loss_grad(p, x, eps, grad, sizes):
    """Write the gradient into the vector `grad`."""
    g, B = views(grad, *sizes), np.float32(len(x))
    h = np.tanh(x @ p["W1"] + p["b1"])
    mu, logvar = h @ p["Wm"] + p["bm"], h @ p["Wv"] + p["bv"]
    noise = np.exp(logvar / 2) * eps
    a = np.tanh((mu + noise) @ p["W2"] + p["b2"])
    d = 0.5 + 0.5 * np.tanh((a @ p["W3"] + p["b3"]) / 2) - x
    for end, below, slope in (("3", a, 1 - a**2), ("2", mu + noise, 1)):
        g["W" + end][:] = below.T @ d / B
        g["b" + end][:] = d.mean(axis=0)
        d = d @ p["W" + end].T * slope
    dlogvar = (d * noise + np.exp(logvar) - 1) / 2
    back = 0
    for end, dhead in (("m", d + mu), ("v", dlogvar)):
        g["W" + end][:] = h.T @ dhead / B
        g["b" + end][:] = dhead.mean(axis=0)
        back = back + dhead @ p["W" + end].T
    back = back * (1 - h**2)
    g["W1"][:], g["b1"][:] = x.T @ back / B, back.mean(axis=0)


def train(x, rng):
    """Return the parameters p of a VAE trained on the images x."""
    sizes = x.shape[1], 80, 10
    x = x.astype(np.float32)
    p = start(*sizes, rng)
    theta = np.concatenate([array.ravel() for array in p.values()])
    p, grad = views(theta, *sizes), np.zeros_like(theta)
    m, v = np.zeros_like(theta), np.zeros_like(theta)
    for t in range(1, 301):
        images = x[rng.integers(len(x), size=64)]
        eps = rng.standard_normal((64, sizes[2]), dtype=np.float32)
        loss_grad(p, images, eps, grad, sizes)
        m += 0.1 * (grad - m)
        v += 0.001 * (grad**2 - v)
        rate = 8e-3 * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        theta -= np.float32(rate) * m / (np.sqrt(v) + 1e-8)
    return p


def draw(p, n, rng):
    """n new images of zeros and ones, (n, D)."""
    z = rng.normal(size=(n, len(p["W2"])))
    y = np.tanh(z @ p["W2"] + p["b2"]) @ p["W3"] + p["b3"]
    return rng.logistic(size=y.shape) < y
