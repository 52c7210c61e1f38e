"""A student's VAE: columns, a class, one-letter names, softplus std, means, H = K."""

import numpy as np


def data(rng):
    return (rng.random((8, 6)) < 0.5).astype(float), rng.standard_normal((4, 6))


def sig(a):
    return 1 / (1 + np.exp(-a))


class Net:
    def __init__(self, p):
        self.p = p

    def run(self, x, e):
        p = self.p
        self.x, self.e = x, e
        self.h = np.tanh(p["A"] @ x + p["a"])
        self.m = p["C"] @ self.h + p["c"]
        self.r = p["E"] @ self.h + p["f"]
        self.s = np.log1p(np.exp(self.r)) + 1e-3
        self.z = self.m + self.s * e
        self.k = np.tanh(p["G"] @ self.z + p["g"])
        self.q = sig(p["U"] @ self.k + p["u"])
        n = x.shape[1]
        rec = -(x * np.log(self.q) + (1 - x) * np.log(1 - self.q)).sum() / n
        kl = (0.5 * self.m**2 + 0.5 * self.s**2 - 0.5 - np.log(self.s)).sum() / n
        return rec + 0.5 * kl

    def back(self):
        p, x, n = self.p, self.x, self.x.shape[1]
        dq = (self.q - x) / (self.q * (1 - self.q)) / n
        do = dq * self.q * (1 - self.q)
        dU = do @ self.k.T
        du = do.sum(axis=1, keepdims=True)
        dk = p["U"].T @ do
        dG_ = dk * (1 - self.k**2)
        dG = dG_ @ self.z.T
        dg = dG_.sum(axis=1, keepdims=True)
        dz = p["G"].T @ dG_
        dm = dz + 0.5 * self.m / n
        ds = dz * self.e + 0.5 * (self.s - 1 / self.s) / n
        dr = ds * sig(self.r)
        dC = dm @ self.h.T
        dc = dm.sum(axis=1, keepdims=True)
        dE = dr @ self.h.T
        df = dr.sum(axis=1, keepdims=True)
        dh = p["C"].T @ dm + p["E"].T @ dr
        da_ = dh * (1 - self.h**2)
        dA = da_ @ x.T
        da = da_.sum(axis=1, keepdims=True)
        return {
            "A": dA,
            "a": da,
            "C": dC,
            "c": dc,
            "E": dE,
            "f": df,
            "G": dG,
            "g": dg,
            "U": dU,
            "u": du,
        }


def init(rng):
    p = {}
    for n, b, o, i in [
        ("A", "a", 4, 8),
        ("C", "c", 4, 4),
        ("E", "f", 4, 4),
        ("G", "g", 5, 4),
        ("U", "u", 8, 5),
    ]:
        p[n], p[b] = 0.6 * rng.standard_normal((o, i)), 0.2 * rng.standard_normal((o, 1))
    return p


def loss(p, x, e):
    return Net(p).run(x, e)


def grad(p, x, e):
    net = Net(p)
    net.run(x, e)
    return net.back()


BUGS = [
    ("sigmoid half", "do = dq * self.q * (1 - self.q)", "do = dq * self.q", "edge U u"),
    ("beta on rec", "return rec + 0.5 * kl", "return 0.5 * rec + kl", "edge U u"),
    ("du axis", "du = do.sum(axis=1, keepdims=True)", "du = do.sum(axis=1)", "u"),
    (
        "slope of input",
        "dk * (1 - self.k**2)",
        "dk * (1 - (p['G'] @ self.z + p['g'])**2)",
        "G g",
    ),
    ("dz skips slope", 'p["G"].T @ dG_', 'p["G"].T @ dk', "C c E f"),
    ("kl sum", "np.log(self.s)).sum() / n", "np.log(self.s)).sum()", "C c E f"),
    ("mu sign", "dz + 0.5 * self.m", "dz - 0.5 * self.m", "C c"),
    ("softplus slope", "dr = ds * sig(self.r)", "dr = ds", "E f"),
    (
        "new noise",
        "dz * self.e",
        "dz * np.random.default_rng(0).standard_normal(self.e.shape)",
        "E f",
    ),
    ("dE with x", "dE = dr @ self.h.T", "dE = ds @ self.h.T", "E"),
    ("paths subtracted", "@ dm + p", "@ dm - p", "A a"),
    (
        "da mean",
        "da = da_.sum(axis=1, keepdims=True)",
        "da = da_.mean(axis=1, keepdims=True)",
        "a",
    ),
    (
        "gradients exchanged",
        "dE = dr @ self.h.T",
        "dE = dr @ self.h.T\n        dC, dE = dE, dC",
        "C E",
    ),
]
