"""Exercise 13. Your own VAE draws digits.

Next to chapter 9 (training). About 60 minutes. 10 points.

You have written all the parts; now you train with them. Copy `loss_grad`
from exercise 7, `adam_step` from exercise 8, and `sample` from exercise
12 under the name `draw`. The model needs only NumPy and your own code.

start: the first parameters, a dict p as in exercise 7. Biases may be
zero. Weights may not all be zero (why?), nor so large that tanh is flat
everywhere: draw them from rng, with a standard deviation of
1 / sqrt(rows).

train: take the images in batches of about 50, in a new order in each
epoch. For each batch draw fresh noise eps, take the gradient with
beta = 1, and let Adam take a step in every array of p, each with an m
and a v of its own (t counts the steps and is 1 in the first; betas of
0.9 and 0.999, eps = 1e-8). 64 hidden units, K = 8, lr = 3e-3 and 30
epochs are one good choice; they take a few seconds. The nelbo of your
model on digits that it has not seen should be at most 22.5 nats per
image; a model of independent pixels has 25.2. Draw all random numbers
from rng.

draw: n images from the model, as in exercise 12.

Shapes: x (N, D), zeros and ones, D = 64; p as in exercise 7.

Check with `pytest -k 13_train`. Then look at what your VAE has learned:

    python 13_train.py          # reads digits.npz, writes digits.png
"""

from pathlib import Path

import numpy as np


def start(D, H, K, rng):
    """Return the parameters before training: a dict p as in exercise 7."""
    raise NotImplementedError


def loss_grad(p, x, eps, beta=1.0):
    """Yours, from exercise 7."""
    raise NotImplementedError


def adam_step(theta, grad, m, v, t, lr, beta1, beta2, eps):
    """Yours, from exercise 8; it works for arrays of any shape."""
    raise NotImplementedError


def train(x, rng):
    """Return the parameters p of a VAE trained on the images x."""
    raise NotImplementedError


def draw(p, n, rng):
    """Yours, from exercise 12: n new images of zeros and ones, (n, D)."""
    raise NotImplementedError


def main():
    """Train on the digits, and draw. This is given."""
    import matplotlib.pyplot as plt

    here = Path(__file__).parent
    counts = np.load(here / "digits.npz")["images"]  # from 0 to 16
    x = (counts > 7).astype(float)
    rng = np.random.default_rng(0)
    p = train(x[:1497], rng)
    figure, axes = plt.subplots(4, 18, figsize=(9, 2.4))
    images = np.concatenate([x[1497:1515], draw(p, 54, rng)])
    for axis, image in zip(axes.flat, images, strict=True):
        axis.imshow(image.reshape(8, 8), cmap="gray_r")
        axis.axis("off")
    figure.suptitle("18 digits, and below them 54 that your VAE drew")
    figure.savefig(here / "digits.png", dpi=150)
    print(f"{here / 'digits.png'}: written")


if __name__ == "__main__":
    main()
