"""Exercise 13: the student's own VAE is trained on the digits, and draws some."""

import numpy as np

from minivae.datasets import load_digits
from minivae.grading.student import Wrong
from minivae.grading.vae import SHAPES, decode, forward, judge, problem, sigmoid

# Nats per unseen image. A right VAE, 64 hidden units, K = 8, has 20 after twenty epochs and
# 19.5 after thirty; K = 2 has 22; every pixel by itself costs 25.2.
BAR = 22.5


def train(student):
    """Nats per image on digits that the training has not seen, and what p(x) looks like."""
    digits = load_digits()  # as zeros and ones, as the file handed out makes them
    seen, unseen = (digits.train > 7).astype(float), (digits.test > 7).astype(float)
    p = student.call("train", seen, np.random.default_rng(4), out=None)
    sizes = {"D": 64}
    for name, letters in SHAPES.items():
        shape = np.shape(p.get(name))
        known = [sizes.setdefault(*pair) for pair in zip(letters, shape, strict=False)]
        if len(shape) != len(letters) or known != list(shape):
            wanted = ", ".join(letters)
            raise Wrong(
                f"train returned a dict with {name} of the shape {shape}; it should be"
                f" ({wanted}), with the same {wanted} everywhere."
            )
    rng = np.random.default_rng(5)
    every = [forward(p, unseen, rng.standard_normal((300, sizes["K"]))) for _ in range(5)]
    rec, kl = (np.mean([f[name].mean() for f in every]) for name in ("rec", "kl"))
    told = f"On 300 unseen digits nelbo = rec + kl is {rec:.1f} + {kl:.1f} nats"
    if not rec + kl < BAR:
        cause = "Train for longer, or with another lr; is each eps drawn anew?"
        if np.ptp(p["W1"], axis=1).max() < 1e-6:
            cause = "All hidden units do the same: start from random weights."
        elif kl < 0.1:
            cause = "kl is zero: the images do not reach z. Do dmu and dlogvar?"
        elif kl > 12:
            of_kl = "kl is large: is its gradient in dmu and in dlogvar"
            cause = f"{of_kl}, are the first weights small?"
        raise Wrong(f"{told}, and should be at most {BAR}. {cause}")
    prob = sigmoid(decode(p, rng.standard_normal((100, sizes["K"]))))
    far, alone = (
        np.abs((rng.random((100, 1, 64)) < q) - seen).sum(axis=-1).min(axis=1).mean()
        for q in (prob[:, None], seen.mean(axis=0))
    )
    return (
        f"{told} (every pixel by itself: 25.2); what it draws is {far:.1f} pixels from the"
        f" nearest digit (pixels drawn one by one: {alone:.1f})"
    )


def draw(student):
    """3000 images: means and covariances of p(x); the seed decides."""
    p, *_ = problem(D=64, H=16, K=8)
    judge(student, "draw", p)


TITLE, MINUTES, POINTS = "your own VAE draws digits", 60, {train: 6, draw: 4}
