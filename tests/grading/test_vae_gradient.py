"""Exercise 7: right answers, wrong answers, the file handed out."""

import numpy as np
from exercise_answers import checks_of, graded, solution

from minivae.grading import TASKS
from minivae.grading.vae import forward, problem
from minivae.grading.vae_gradient import backward

TASK = TASKS[6]
test_right_answers, test_wrong_answers, test_handed_out = checks_of(TASK)


def test_the_hints_know_the_truth():
    """Every intermediate derivative that a hint compares with, by the complex step."""
    p, x, eps = problem()
    f = forward(p, x, eps)
    d = backward(p, f, 0.7)

    def tail(name, value):
        """The loss from one intermediate on."""
        g = {**f, name: value}
        if name == "h":
            g["mu"], g["logvar"] = g["h"] @ p["Wm"] + p["bm"], g["h"] @ p["Wv"] + p["bv"]
        if name in ("h", "mu", "logvar"):
            g["z"] = g["mu"] + np.exp(g["logvar"] / 2) * eps
        if name not in ("a", "y"):
            g["a"] = np.tanh(g["z"] @ p["W2"] + p["b2"])
        if name != "y":
            g["y"] = g["a"] @ p["W3"] + p["b3"]
        rec = (np.log(1 + np.exp(g["y"])) - x * g["y"]).sum(axis=-1)
        kl = 0.5 * (g["mu"] ** 2 + np.exp(g["logvar"]) - 1 - g["logvar"]).sum(axis=-1)
        return (rec + 0.7 * kl).mean()

    for name in ("y", "a", "z", "mu", "logvar", "h"):
        for index in np.ndindex(f[name].shape):
            step = np.zeros(f[name].shape, complex)
            step[index] = 1e-30j
            expected = tail(name, f[name] + step).imag / 1e-30
            assert abs(d[f"d{name}"][index] - expected) < 1e-12, (name, index)


def test_a_file_without_the_intermediates_has_the_same_points_and_fewer_places():
    source = solution(TASK).replace("dlogvar = dz * eps * sigma / 2", "dlogvar = dz * 0")
    whole = graded(TASK, source)
    short = graded(TASK, source.replace('        "dlogvar": dlogvar,\n', ""))
    assert [p.points for p in whole] == [p.points for p in short] == [3, 3, 3, 0, 0]
    assert whole[3].text.startswith("dlogvar is the first that is wrong.")
    assert whole[3].text.endswith(short[3].text) and short[3].text
    assert whole[4].text.startswith("It is made from what is wrong already: mend Wv, bv")


def test_da_may_have_the_slope_of_tanh_in_it():
    """Many write it so; then it is not the place of the mistake."""
    wrong = solution(TASK).replace("z.T @ before_a", "mu.T @ before_a")
    for da in ("da", "before_a"):
        part = graded(TASK, wrong.replace('"da": da', f'"da": {da}'))[1]
        assert part.text == "W2's gradient is made from mu; y comes from z."
    part = graded(TASK, wrong.replace('"da": da', '"da": 2 * da'))[1]
    assert part.text.startswith("da is the first that is wrong.")
