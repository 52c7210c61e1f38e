"""Exercise 8: one step of Adam."""

import numpy as np

from minivae.grading.compare import agree, require, values

LR, BETA1, BETA2 = 0.1, 0.8, 0.95


def _moment(grads, beta):
    """The moment after all steps, as a sum: each gradient, weighted by its age."""
    age = np.arange(len(grads))[::-1, None]
    return (1 - beta) * (beta**age * grads).sum(axis=0)


def _theta(grads, eps=1e-3, **change):
    """theta after all steps from zero; each change is a known mistake."""
    theta = np.zeros_like(grads[0])
    for t in range(1, len(grads) + 1):
        m, v = _moment(grads[:t], BETA1), _moment(grads[:t] ** 2, BETA2)
        late = t + change.get("late", 0)
        m = m / change.get("c1", 1 - BETA1**late)
        v = v / change.get("c2", 1 - BETA2**late) + change.get("inside", 0.0)
        theta = theta - LR * m / (v ** change.get("power", 0.5) + eps)
    return theta


def adam_step(student):
    """Six steps, against sums; the first one's size is lr; no gradient, no step."""
    P, eps = 5, 1e-3
    scales = np.array([1.0, 0.01, 3.0, 0.1, 1.0])
    grads = np.random.default_rng(13).standard_normal((6, P)) * scales

    def run(grads, eps):
        theta, m, v = np.zeros((3, P))
        out = {"theta": (P,), "m": (P,), "v": (P,)}
        for t, g in enumerate(grads, 1):
            args = theta, g, m, v, t, LR, BETA1, BETA2, eps
            theta, m, v = student.call("adam_step", *args, out=out)
        return theta, m, v

    theta, m, v = run(grads, eps)
    first = run(grads[:1], eps)
    corrected = agree(first[1], grads[0]) and agree(first[2], grads[0] ** 2)
    hint = "Carry on m and v, not mhat and vhat: each step corrects them anew."
    require(not corrected, hint)
    right_m, right_v = _moment(grads, BETA1), _moment(grads**2, BETA2)
    swapped, whole = _moment(grads, BETA2), right_m / (1 - BETA1)
    mistakes = {
        "beta1 and beta2 are exchanged: beta1 belongs to m, beta2 to v.": swapped,
        "The new gradient enters m with its weight (1 - beta1), which is missing.": whole,
    }
    values("m after six steps", m, right_m, mistakes)
    running = np.array([_moment(grads[:t], BETA1) for t in range(1, 7)])
    mistakes = {
        "v is made from the square of grad, not from grad.": swapped,
        "v is made from the square of grad, not of m.": _moment(running**2, BETA2),
    }
    values("v after six steps", v, right_v, mistakes)
    inside = _theta(grads, 0.0, inside=eps)
    power = "The bias correction of {} changes from step to step: beta to the power t."
    missing = "The bias correction of {} is missing: in the first step it is large."
    mistakes = {
        "eps stands inside the root; Adam adds it outside the root.": inside,
        power.format("m"): _theta(grads, c1=1 - BETA1),
        power.format("v"): _theta(grads, c2=1 - BETA2),
        missing.format("m"): _theta(grads, c1=1.0),
        missing.format("v"): _theta(grads, c2=1.0),
        "t is 1 in the first step; you count one more.": _theta(grads, late=1),
        "You go uphill: theta minus the step.": -_theta(grads),
        "The root of vhat is missing.": _theta(grads, power=1),
        "eps is missing: a parameter without gradient gives 0/0.": _theta(grads, 0.0),
    }
    error = values("theta after six steps", theta, _theta(grads), mistakes)
    unit = run(1e-3 * np.ones((1, P)), 1e-12)[0]
    values("first step (its size is lr, whatever the gradient)", unit, np.full(P, -LR))
    still = run(np.zeros((2, P)), 1e-8)[0]
    values("theta + 1 without any gradient", 1 + still, np.ones(P))
    return error


TITLE, MINUTES, POINTS = "Adam", 20, {adam_step: 5}
