"""`check_gradient` on a student's VAE, on arrays, on inputs, and on what it refuses."""

import numpy as np
import pytest

from minivae.gradcheck import check_gradient, check_vjp


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


@pytest.mark.parametrize(
    ("theta", "grad", "error", "words"),
    [
        (np.arange(3), np.ones(3), TypeError, "theta: expected real floating-point"),
        (np.array([1.0, np.nan]), np.ones(2), ValueError, "theta: expected finite"),
        ({"a": np.ones(2)}, np.ones(2), TypeError, "grad: expected a dict"),
        ({"a": np.ones(2)}, {"b": np.ones(2)}, ValueError, r"names \['a'\], got \['b'\]"),
        ({}, {}, ValueError, "theta: expected parameters, got none"),
    ],
)
def test_wrong_arguments_are_explained(theta, grad, error, words):
    with pytest.raises(error, match=words):
        check_gradient(lambda t: 0.0, theta, grad)


def test_a_loss_that_is_no_scalar_is_explained():
    with pytest.raises(ValueError, match=r"scalar loss.*\(3,\)"):
        check_gradient(lambda t: t, np.ones(3), np.ones(3))
    with pytest.raises(ValueError, match="oracle"):
        check_gradient(lambda t: t.sum(), np.ones(3), np.ones(3), oracle="guess")


@pytest.mark.parametrize("columns", [False, True])
def test_inputs_are_checked_as_parameters_are(rng, columns):
    p, x, eps = student_problem()

    def loss(p):
        return student_loss(p, p["x"].T if columns else p["x"], eps)

    def grad(p, slope=1.0):
        x = p["x"].T if columns else p["x"]
        g = student_grad(p, x, eps)
        h = np.tanh(x @ p["W1"] + p["b1"])
        mu, logvar = h @ p["Wm"] + p["bm"], h @ p["Wv"] + p["bv"]
        z = mu + np.exp(logvar / 2) * eps
        k = np.tanh(z @ p["W2"] + p["b2"])
        dy = (1 / (1 + np.exp(-(k @ p["W3"] + p["b3"]))) - x) / len(x)
        dz = ((dy @ p["W3"].T) * (1 - k**2)) @ p["W2"].T
        dmu = dz + mu / len(x)
        dlogvar = dz * eps * np.exp(logvar / 2) / 2 + (np.exp(logvar) - 1) / 2 / len(x)
        dh = (dmu @ p["Wm"].T + dlogvar @ p["Wv"].T) * (1 - h**2)
        dx = slope * dh @ p["W1"].T - (k @ p["W3"] + p["b3"]) / len(x)
        return g | {"x": dx.T if columns else dx}

    theta = {"x": x.T if columns else x, **p}
    check_gradient(loss, theta, grad, oracle="central").assert_ok()
    report = check_gradient(loss, theta, lambda p: grad(p, 2.0), oracle="central")
    assert report.place.first_wrong == ("x",), str(report)
    assert report.place.last_right == ("W1", "b1"), str(report)


def softmax(p):
    y = np.exp(p["x"] @ p["W"])
    return y / y.sum(axis=1, keepdims=True)


def softmax_vjp(p, dy, wrong=False):
    s = softmax(p)
    ds = s * dy if wrong else s * (dy - (s * dy).sum(axis=1, keepdims=True))
    return {"x": ds @ p["W"].T, "W": p["x"].T @ ds}


def test_a_function_with_an_array_for_value(rng):
    p = {"x": rng.standard_normal((4, 3)), "W": rng.standard_normal((3, 5))}
    check_vjp(softmax, p, softmax_vjp, rng).assert_ok()
    report = check_vjp(softmax, p, lambda p, dy: softmax_vjp(p, dy, wrong=True), rng)
    assert report.place.first_wrong == ("W",) and not report.place.last_right, str(report)
    check_vjp(
        np.sin, np.ones(3), lambda t, dy: np.cos(t) * dy, rng, tolerance=1e-9
    ).assert_ok()
    with pytest.raises(TypeError, match="rng: expected a numpy"):
        check_vjp(np.sin, np.ones(3), lambda t, dy: np.cos(t) * dy, 0)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda g: g[:, 0], "array of shape (4, 4)"),  # (H,) for (H, 1)
        (lambda g: g.T, "array of shape (4, 4)"),
        (lambda g: np.repeat(g / 3, 3, axis=1), "Summed over axis 1 it is right"),
    ],
)
def test_a_column_is_no_vector(wrong, words):
    p = {"W": np.arange(12.0).reshape(4, 3), "b": np.arange(4.0)[:, None]}
    claim = {"W": 2 * p["W"], "b": wrong(np.exp(p["b"]))}
    report = check_gradient(lambda p: (p["W"] ** 2).sum() + np.exp(p["b"]).sum(), p, claim)
    assert report.place.first_wrong == ("b",) and words in report.hints[0].text, str(report)
    assert "axis=0" not in str(report)


def test_a_batch_of_one_proves_no_cause():
    """With one image and two units any wrong gradient is some sum of two right ones."""
    rng = np.random.default_rng(0)
    x, v = rng.standard_normal((1, 3)), rng.standard_normal(2)
    p = {"W": rng.standard_normal((3, 2))}
    parts = {
        "rec": lambda p: (np.sin(x @ p["W"]) @ v).sum(),
        "kl": lambda p: ((x @ p["W"]) ** 2).sum(),
    }
    wrong = {"W": x.T @ rng.standard_normal((1, 2))}
    report = check_gradient(
        lambda p: parts["rec"](p) + parts["kl"](p), p, wrong, parts=parts
    )
    assert [h.cause for h in report.hints] == ["place"], str(report)
    p, wrong = {"W": p["W"][:, :1]}, {"W": 1.2345 * x.T * np.cos(x @ p["W"][:, :1])}
    report = check_gradient(lambda p: np.sin(x @ p["W"]).sum(), p, wrong)
    assert [h.cause for h in report.hints] == ["place"], str(report)


def test_the_names_of_whole_numbers_are_asked_for():
    theta = np.arange(1.0, 5)
    report = check_gradient(lambda t: (t**2).sum(), theta, 2 * theta / 5)
    assert "Is 5 the batch size" in report.hints[0].text, str(report)
