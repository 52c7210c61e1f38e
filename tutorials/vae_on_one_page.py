"""A variational autoencoder on one page: NumPy alone, every gradient by hand.

    python vae_on_one_page.py digits.npz
"""

import sys
from math import comb

import numpy as np

n, D, H, K = 16, 64, 64, 2  # pixels count 0..16; widths of x, hidden layers and z
LOG_CHOOSE = np.log([comb(n, k) for k in range(n + 1)])


def initial(rng):
    sizes = {"1": (D, H), "mu": (H, K), "logvar": (H, K), "2": (K, H), "3": (H, D)}
    weights = {f"W{i}": rng.normal(0, np.sqrt(2 / sum(s)), s) for i, s in sizes.items()}
    return weights | {f"b{i}": np.zeros(s[1]) for i, s in sizes.items()}


def loss_and_gradient(p, x, eps):
    """-ELBO in nats per image, x (B, D), eps (B, K); its gradient, a dict like p."""
    B = len(x)
    # encoder: q(z|x) = N(mu, sigma^2)
    h1 = np.tanh(x / n @ p["W1"] + p["b1"])
    mu, logvar = h1 @ p["Wmu"] + p["bmu"], h1 @ p["Wlogvar"] + p["blogvar"]
    sigma = np.exp(logvar / 2)
    z = mu + sigma * eps
    # decoder: p(x|z) = Binomial(n, sigmoid(y))
    h2 = np.tanh(z @ p["W2"] + p["b2"])
    y = h2 @ p["W3"] + p["b3"]
    log_p = x * y - n * np.logaddexp(0, y) + LOG_CHOOSE[x.astype(int)]
    kl = (mu**2 + sigma**2 - 1 - logvar) / 2
    nelbo = (kl.sum() - log_p.sum()) / B
    # and back, from the last line to the first; da is the gradient before a tanh
    dy = (n / (1 + np.exp(-y)) - x) / B
    da2 = dy @ p["W3"].T * (1 - h2**2)
    dz = da2 @ p["W2"].T
    dmu = dz + mu / B
    dlogvar = dz * eps * sigma / 2 + (sigma**2 - 1) / 2 / B
    da1 = (dmu @ p["Wmu"].T + dlogvar @ p["Wlogvar"].T) * (1 - h1**2)
    ends = {"1": (x / n, da1), "mu": (h1, dmu), "logvar": (h1, dlogvar)}
    ends |= {"2": (z, da2), "3": (h2, dy)}
    grad = {f"W{i}": left.T @ right for i, (left, right) in ends.items()}
    return nelbo, grad | {f"b{i}": right.sum(axis=0) for i, (_, right) in ends.items()}


def train(p, x, rng, epochs=100, batch=50, lr=2e-3):
    """Adam (Kingma & Ba 2015), one sample of z for each image; yields nelbo."""
    m, v, t = {k: 0 for k in p}, {k: 0 for k in p}, 0
    for _ in range(epochs):
        nelbos = []
        for rows in np.split(rng.permutation(len(x)), range(batch, len(x), batch)):
            nelbo, grad = loss_and_gradient(p, x[rows], rng.normal(size=(len(rows), K)))
            t += 1
            for k in p:
                m[k] = 0.9 * m[k] + 0.1 * grad[k]
                v[k] = 0.999 * v[k] + 0.001 * grad[k] ** 2
                step = m[k] / (1 - 0.9**t) / (np.sqrt(v[k] / (1 - 0.999**t)) + 1e-8)
                p[k] -= lr * step
            nelbos.append(nelbo)
        yield np.mean(nelbos)


def worst_error(p, x, eps, h=1e-5):
    """The largest relative difference between gradient and central differences."""
    grad, worst = loss_and_gradient(p, x, eps)[1], 0
    for k in p:
        for i in np.ndindex(p[k].shape):
            up, down = ({**p, k: p[k].copy()} for _ in range(2))
            up[k][i] += h
            down[k][i] -= h
            high, low = (loss_and_gradient(q, x, eps)[0] for q in (up, down))
            error = abs((high - low) / (2 * h) - grad[k][i])
            worst = max(worst, error / (abs(grad[k][i]) + 1e-3))
    return worst


if __name__ == "__main__":
    rng, x = np.random.default_rng(0), np.load(sys.argv[1])["images"].astype(float)
    p = initial(rng)
    for epoch, nelbo in enumerate(train(p, x[:1497], rng), 1):
        if epoch % 20 == 0:
            print(f"epoch {epoch:3}: {nelbo:.1f} nats")
    test = loss_and_gradient(p, x[1497:], rng.normal(size=(300, K)))[0]
    print(f"test images: {test:.1f} nats")
    error = worst_error(p, x[:3], rng.normal(size=(3, K)))
    print(f"error of the gradient: {error:.0e}")
    y = np.tanh(rng.normal(size=(1, K)) @ p["W2"] + p["b2"]) @ p["W3"] + p["b3"]
    for row in (9.99 / (1 + np.exp(-y))).astype(int).reshape(8, 8):
        print("".join(2 * " .:-=+*#%@"[pixel] for pixel in row))
