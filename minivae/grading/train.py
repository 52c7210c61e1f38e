"""Exercise 13: the student's own VAE is trained on the digits, and draws some."""

import numpy as np

from minivae.datasets import load_digits
from minivae.grading.compare import agree
from minivae.grading.student import Wrong
from minivae.grading.task import Task
from minivae.grading.vae_gradient import SHAPES, forward, problem
from minivae.grading.variational import decode, judge

# Nats per unseen image. A right VAE, 64 hidden units, K = 8, has 20 after twenty epochs and
# 19.5 after thirty; K = 2 has 22; every pixel by itself costs 25.2.
BAR = 22.5


def _digits():
    """Training and test images of zeros and ones, as the file handed out makes them."""
    digits = load_digits()
    return (digits.train > 7).astype(float), (digits.test > 7).astype(float)


def _parameters(student, name, *args):
    """The parameters that a function returned, of shapes that fit each other."""
    p = student.call(name, *args, out=None)
    missing = [key for key in SHAPES if key not in p]
    if missing:
        raise Wrong(f"{name} returned a dict in which {', '.join(missing)} is missing.")
    p = {key: np.float64(p[key]) for key in SHAPES}
    sizes = {"D": 64}
    for key, letters in SHAPES.items():
        if p[key].ndim != len(letters):
            raise Wrong(
                f"{name}: {key} should have {len(letters)} axes, got {p[key].shape}."
            )
        for letter, n in zip(letters, p[key].shape, strict=True):
            if sizes.setdefault(letter, n) != n:
                raise Wrong(
                    f"{name}: {key} has the shape {p[key].shape}, not {letters} ="
                    f" {tuple(sizes.get(letter) for letter in letters)}."
                )
        if not np.isfinite(p[key]).all():
            raise Wrong(f"{name}: {key} is not finite; is the learning rate too large?")
    return p


def losses(p, x):
    """rec and kl in nats per image, with 20 samples of z."""
    eps = np.random.default_rng(0).standard_normal((20, len(x), p["bm"].size))
    f = forward(p, x, eps)
    return f["rec"].mean(), f["kl"].mean()


def start(student):
    """Random and different units, none of them saturated, biases of any size."""
    _, x = _digits()

    def call(seed):
        return _parameters(student, "start", 64, 32, 8, np.random.default_rng(seed))

    p = call(1)
    if p["W1"].shape != (64, 32) or p["Wm"].shape != (32, 8):
        raise Wrong(
            f"start(64, 32, 8, rng) should give W1 (64, 32) and Wm (32, 8); yours are"
            f" {p['W1'].shape} and {p['Wm'].shape}."
        )
    f = forward(p, x, np.random.default_rng(3).standard_normal((len(x), 8)))
    for name, units in (("h", "W1"), ("a", "W2")):
        if np.ptp(f[name], axis=-1).max() < 1e-3:
            raise Wrong(
                f"All units behind {units} do the same, and their gradients will be the"
                " same for ever: start from random weights."
            )
        if np.mean(np.abs(f[name]) > 0.99) > 0.5:
            raise Wrong(
                f"More than half of what is behind {units} is where tanh is flat: the"
                " weights are too large. | A deviation of 1/√(rows) is about right."
            )
    if not agree(call(1)["W1"], p["W1"]) or agree(call(2)["W1"], p["W1"]):
        raise Wrong(
            "The weights do not come from the rng you were given, and from it alone."
        )
    return f"random, and {sum(losses(p, x)):.0f} nats per image before training"


def train(student):
    """Nats per image on digits that the training has not seen, and what p(x) looks like."""
    seen, unseen = _digits()
    p = _parameters(student, "train", seen, np.random.default_rng(4))
    rec, kl = losses(p, unseen)
    told = f"On 300 unseen digits nelbo = rec + kl is {rec:.1f} + {kl:.1f} nats"
    if not rec + kl < BAR:
        at = f"{told}, and should be at most {BAR}."
        if kl < 0.1:
            raise Wrong(
                f"{at} The images do not reach z: kl is zero. Does dlogvar, does dmu?"
            )
        if kl > 12:
            raise Wrong(
                f"{at} kl is large: is its gradient in dmu and dlogvar, for this B?"
            )
        raise Wrong(f"{at} Train for longer, or with another lr; is each eps drawn anew?")
    rng = np.random.default_rng(5)
    prob = 1 / (1 + np.exp(-decode(p, rng.standard_normal((100, len(p["W2"]))))))
    far, alone = (
        np.abs((rng.random((100, 1, 64)) < q) - seen).sum(axis=-1).min(axis=1).mean()
        for q in (prob[:, None], seen.mean(axis=0))
    )
    return (
        f"{told} (every pixel by itself: 25.2); what it draws is {far:.1f} pixels from the"
        f" nearest digit (pixels drawn one by one: {alone:.1f})"
    )


def draw(student):
    """The moments of p(x), for parameters of the grader's."""
    p, *_ = problem(D=64, H=16, K=8)

    def drawn(seed, n):
        rng = np.random.default_rng(seed)
        return student.call("draw", p, n, rng, out={"images": (n, 64)})

    judge(drawn, p, pixels=slice(8))
    return "3000 images: means and covariances of p(x); the seed decides"


TASK = Task(
    "13_train",
    "your own VAE draws digits",
    60,
    {"start": (2, start), "train": (5, train), "draw": (3, draw)},
)
