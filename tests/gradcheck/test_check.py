"""A VAE that a student wrote in one file, without this package, checked in three lines."""

import numpy as np
import pytest

from minivae.gradcheck import check_gradient


def student_loss(p, x, eps):
    """-ELBO of a 6-4-2-4-6 Bernoulli VAE, plain NumPy."""
    h = np.tanh(x @ p["W1"] + p["b1"])
    mu, logvar = h @ p["Wm"] + p["bm"], h @ p["Wv"] + p["bv"]
    z = mu + np.exp(logvar / 2) * eps
    k = np.tanh(z @ p["W2"] + p["b2"])
    y = k @ p["W3"] + p["b3"]
    rec = (np.log1p(np.exp(y)) - x * y).sum(axis=1).mean()
    kl = 0.5 * (mu**2 + np.exp(logvar) - 1 - logvar).sum(axis=1).mean()
    return rec + kl


def student_grad(p, x, eps, mistake=None):
    h = np.tanh(x @ p["W1"] + p["b1"])
    mu, logvar = h @ p["Wm"] + p["bm"], h @ p["Wv"] + p["bv"]
    sigma = np.exp(logvar / 2)
    z = mu + sigma * eps
    k = np.tanh(z @ p["W2"] + p["b2"])
    dy = (1 / (1 + np.exp(-(k @ p["W3"] + p["b3"]))) - x) / len(x)
    dk = (dy @ p["W3"].T) * (1 - k**2)
    dz = dk @ p["W2"].T
    dmu = dz + mu / len(x)
    dlogvar = dz * eps * sigma / 2 + (sigma**2 - 1) / 2 / len(x)
    if mistake == "half":
        dlogvar = dz * eps * sigma + (sigma**2 - 1) / 2 / len(x)
    dh = (dmu @ p["Wm"].T + dlogvar @ p["Wv"].T) * (1 - h**2)
    grads = {
        "W1": x.T @ dh,
        "b1": dh.sum(axis=0),
        "Wm": h.T @ dmu,
        "bm": dmu.sum(axis=0),
        "Wv": h.T @ dlogvar,
        "bv": dlogvar.sum(axis=0),
        "W2": z.T @ dk,
        "b2": dk.sum(axis=0),
        "W3": k.T @ dy,
        "b3": dy.sum(axis=0),
    }
    if mistake == "bias":
        grads["b3"] = dy.mean(axis=0)
    return grads


def student_problem():
    rng = np.random.default_rng(11)
    shapes = {"W1": (6, 4), "b1": (4,), "Wm": (4, 2), "bm": (2,), "Wv": (4, 2), "bv": (2,)}
    shapes |= {"W2": (2, 4), "b2": (4,), "W3": (4, 6), "b3": (6,)}
    p = {name: 0.5 * rng.standard_normal(shape) for name, shape in shapes.items()}
    x = (rng.random((5, 6)) < 0.5).astype(float)
    return p, x, rng.standard_normal((5, 2))


def test_three_lines_check_a_vae_in_one_file():
    p, x, eps = student_problem()
    report = check_gradient(lambda p: student_loss(p, x, eps), p, student_grad(p, x, eps))
    print(report)
    report.assert_ok()


@pytest.mark.parametrize(
    ("mistake", "blocks", "words"),
    [
        ("bias", ["b3"], "0.2 = 1/B times"),
        ("half", ["Wv", "bv"], "the part 'rec' is 2 times"),
    ],
)
def test_the_student_hears_what_is_wrong(mistake, blocks, words):
    p, x, eps = student_problem()

    def kl(p):
        h = np.tanh(x @ p["W1"] + p["b1"])
        mu, logvar = h @ p["Wm"] + p["bm"], h @ p["Wv"] + p["bv"]
        return 0.5 * (mu**2 + np.exp(logvar) - 1 - logvar).sum(axis=1).mean()

    def loss(p):
        return student_loss(p, x, eps)

    report = check_gradient(
        loss,
        p,
        lambda p: student_grad(p, x, eps, mistake),
        sizes={"B": 5, "D": 6},
        parts={"rec": lambda p: loss(p) - kl(p), "kl": kl},
    )
    assert report.verdict == "WRONG"
    assert report.hints[0].blocks[0] == blocks[0], str(report)
    assert words in report.hints[0].text.replace("reconstruction part", "part 'rec'"), (
        report
    )
    right = {"W2", "b2", "W3", "Wm", "bm"}
    assert all(report.blocks[name].verdict == "ok" for name in right), str(report)
