# %% [markdown]
# # 0. The whole thing
#
# Here is a complete variational autoencoder: 68 lines of NumPy, with every gradient
# written by hand. It reads handwritten digits, learns a plane on which similar digits
# lie side by side, and draws digits that nobody wrote. In ten minutes you run it, look
# at what it learned, and see which chapter explains which part. You need not
# understand the lines yet.
#
# **What you will learn**
#
# - what goes into a VAE and what comes out;
# - which parts it has: encoder, noise, decoder, two terms of a loss, their gradient;
# - how to find out whether a gradient that somebody wrote by hand is right.
#
# **What you need:** NumPy arrays. Ten minutes.

# %%
import inspect

import matplotlib.pyplot as plt
import numpy as np

from checks import BLACK, BLUE, GREY, ORANGE, VERMILLION
from checks import check, check_less, generator, must_fail, style
from minivae import VAE, Binomial
from minivae.datasets import load_digits
from vae_on_one_page import H, K, initial, loss_and_gradient, n
from vae_on_one_page import train, worst_error

style()
rng = generator(0)

# %% [markdown]
# ## The data
#
# 1,797 digits of 8 by 8 pixels. A pixel is a whole number from 0 to 16. The labels 0 to
# 9 are never shown to the model; we use them in the figures only.

# %%
digits = load_digits()
x_train = digits.train.astype(float)
x_test = digits.test.astype(float)
print(
    f"{len(x_train)} images to learn from, {len(x_test)} kept for the test"
)


# %% tags=["hide-input"]
# Figure: Two rows of twelve test digits, 8 by 8 pixels each: grey
# strokes, blurred by the coarse grid, and still easy to read.
def tiles(images, rows, columns, title, size=0.55):
    """Images of 64 pixels side by side, with gaps."""
    fig, axes = plt.subplots(
        rows, columns, figsize=(size * columns, size * rows + 0.5)
    )
    for axis, image in zip(axes.flat, images, strict=True):
        axis.imshow(image.reshape(8, 8), vmin=0, vmax=n)
        axis.set_axis_off()
    fig.suptitle(title, x=0.01, ha="left", fontsize=13)
    return fig


tiles(x_test[:24], 2, 12, "Digits that people wrote")
plt.show()

# %% [markdown]
# ## The idea in one drawing
#
# The model believes that each image $x$ came about in two steps: a point $z$ of a plane
# was drawn from $\mathcal{N}(0, I)$, then a *decoder* turned $z$ into a probability
# distribution for every pixel. Learning means finding the decoder under which the
# digits are likely. The probability of one image is an integral over all $z$,
#
# $$
# p(x) = \int p(x|z)\, p(z)\, dz ,
# $$
#
# which has no formula when the decoder is a neural network. So an *encoder* guesses
# which $z$ may have produced $x$: a Gaussian with mean $\mu$ and standard deviation
# $\sigma$. With one draw $z = \mu + \sigma \varepsilon$ from it, $\varepsilon$ being
# standard-normal noise, the loss is
#
# $$
# \mathtt{nelbo} = \underbrace{-\log p(x|z)}_{\text{rec: how badly is } x
# \text{ described?}} + \underbrace{\mathrm{KL}(q(z|x) \Vert p(z))}_{\text{kl: how far
# is the guess from } p(z) \text{?}}
# $$
#
# Its mean over the noise is never below $-\log p(x)$: making it small makes the digits
# likely.


# %% tags=["hide-input"]
# Figure: The way of one image, as boxes and arrows: x, the encoder,
# mu and log sigma², the draw z, the decoder, y. At each box stands
# the chapter that explains it.
def draw_machine():
    fig, axes = plt.subplots(figsize=(8.4, 3.0))
    axes.set(xlim=(0, 10), ylim=(-0.2, 3.6))
    axes.set_axis_off()
    boxes = [
        (0.5, 1.6, "$x$", "digits\nch. 9", BLACK),
        (2.2, 1.6, "encoder", "layers\nch. 6", BLUE),
        (4.1, 2.6, r"$\mu$", "", BLUE),
        (4.1, 0.6, r"$\log \sigma^2$", "", BLUE),
        (
            5.7,
            1.6,
            r"$z = \mu + \sigma\varepsilon$",
            "noise\nch. 5",
            ORANGE,
        ),
        (7.6, 1.6, "decoder", "layers\nch. 6", BLUE),
        (9.3, 1.6, "$y$", "likelihood\nch. 7", BLACK),
    ]
    for at_x, at_y, text, note, colour in boxes:
        look = {
            "boxstyle": "round,pad=0.35",
            "fc": "white",
            "ec": colour,
            "lw": 2,
        }
        axes.text(
            at_x,
            at_y,
            text,
            ha="center",
            va="center",
            bbox=look,
            fontsize=12,
        )
        axes.text(
            at_x, at_y - 0.55, note, ha="center", va="top", fontsize=10
        )
    arrows = [
        ((0.8, 1.6), (1.6, 1.6)),
        ((2.8, 1.8), (3.8, 2.5)),
        ((2.8, 1.4), (3.5, 0.8)),
        ((4.4, 2.5), (5.1, 1.9)),
        ((4.7, 0.8), (5.1, 1.3)),
        ((6.5, 1.6), (7.0, 1.6)),
        ((8.2, 1.6), (9.0, 1.6)),
    ]
    for start, end in arrows:
        axes.annotate(
            "",
            end,
            start,
            arrowprops={"arrowstyle": "-|>", "color": GREY},
        )
    axes.text(
        4.1,
        3.3,
        "kl: chapter 4",
        color=VERMILLION,
        ha="center",
        fontsize=12,
    )
    axes.text(
        9.3, 3.3, "rec: chapter 7", color=BLUE, ha="center", fontsize=12
    )
    axes.text(
        6.7,
        3.3,
        "why their sum: chapter 2",
        color=BLACK,
        ha="center",
        fontsize=12,
    )
    axes.text(
        6.7,
        -0.1,
        "and the way back through all of it: chapter 8",
        ha="center",
        fontsize=12,
    )
    return fig


draw_machine()
plt.show()

# %% [markdown]
# ## The page
#
# All of it is in [`vae_on_one_page.py`](vae_on_one_page.py), which imports nothing but
# NumPy. This function is the heart. The upper half goes from left to right through the
# drawing. The lower half goes back, and computes the derivative of the loss with
# respect to every parameter.

# %%
print(inspect.getsource(loss_and_gradient))

# %% [markdown]
# Before it learns anything: is the gradient right? We compute it by two more routes,
# which share no line of code with each other. The first moves each parameter a little
# up and down and sees by how much the loss changes. The second is the package of this
# course, given the same weights, images and noise.

# %%
p = initial(rng)
few, eps = x_train[:3], rng.normal(size=(3, K))
error = worst_error(p, few, eps)
check_less("gradient against differences, worst", error, 1e-3)

package = VAE.mlp(64, K, (H,), Binomial(n), rng=rng, dtype=np.float64)
names = {"encoder.1": "1", "mu_head": "mu", "logvar_head": "logvar"}
names |= {"decoder.0": "2", "decoder.2": "3"}
for theirs, ours in names.items():
    package.params[f"{theirs}.W"][:] = p[f"W{ours}"]
    package.params[f"{theirs}.b"][:] = p[f"b{ours}"]
nelbo, gradient = loss_and_gradient(p, few, eps)
check(
    "the loss, against the package",
    nelbo,
    package.loss(few, eps).nelbo,
    1e-9,
)
package.backward()
for theirs, ours in names.items():
    check(
        f"gradient of W{ours}",
        gradient[f"W{ours}"],
        package.grads[f"{theirs}.W"],
        1e-9,
    )

# %% [markdown]
# ## Learning
#
# **Predict.** The latent space is a plane. After training, each test digit is a point
# on it. Will the ten digits form ten islands, one cloud in which they are mixed, or
# something in between? Which pairs of digits will touch?

# %%
history = list(train(p, x_train, rng))
test_eps = rng.normal(size=(len(x_test), K))
test_nelbo = loss_and_gradient(p, x_test, test_eps)[0]
print(
    f"first epoch {history[0]:.1f}, last {history[-1]:.1f} nats per image"
)
print(f"test images: {test_nelbo:.1f} nats")

# A model that knows nothing finds each of the 17 counts equally likely.
uniform = 64 * np.log(n + 1)
check_less("better than uniform pixels, nats", test_nelbo, uniform)
check_less(
    "it learned: last epoch below the first",
    history[-1],
    history[0] - 50,
)


# %% tags=["hide-input"]
# Figure: Left, the test digits in the latent plane, each drawn as its
# number: the digits lie in overlapping islands around the origin.
# Right, what the decoder draws over the square: each digit melts into
# its neighbours.
def encode(p, x):
    h1 = np.tanh(x / n @ p["W1"] + p["b1"])
    return h1 @ p["Wmu"] + p["bmu"]


def decode(p, z):
    h2 = np.tanh(z @ p["W2"] + p["b2"])
    return n / (1 + np.exp(-(h2 @ p["W3"] + p["b3"])))


def draw_plane(p):
    fig, (left, right) = plt.subplots(1, 2, figsize=(9.6, 5.0))
    mu = encode(p, x_test)
    for label in range(10):
        own = digits.test_labels == label
        for place in mu[own]:
            left.text(
                *place, label, color=plt.cm.tab10(label), fontsize=9
            )
    edge = 1.08 * np.abs(mu).max()
    left.set(xlim=(-edge, edge), ylim=(-edge, edge))
    left.set(xlabel="$z_1$", ylabel="$z_2$", aspect="equal")
    left.plot(
        [-3, 3, 3, -3, -3], [-3, -3, 3, 3, -3], "--", color=GREY, lw=1
    )
    left.set_title("Where the test digits lie")
    side = np.linspace(-3, 3, 15)
    plane = np.full((15 * 9, 15 * 9), np.nan)
    for i, z2 in enumerate(side[::-1]):
        for j, z1 in enumerate(side):
            tile = decode(p, np.array([[z1, z2]])).reshape(8, 8)
            plane[9 * i : 9 * i + 8, 9 * j : 9 * j + 8] = tile
    right.imshow(plane, vmin=0, vmax=n, extent=(-3, 3, -3, 3))
    right.set(xlabel="$z_1$", ylabel="$z_2$")
    right.set_title("What the decoder draws in the square")
    return fig


draw_plane(p)
plt.show()

# %% [markdown]
# The left panel answers the question: something in between. Each digit has its own
# neighbourhood, and most neighbourhoods touch or overlap. The right panel shows what
# the decoder draws in the dashed square of the left one. Nobody told the model that
# there are ten digits. Between two of them it draws a little of both. Chapter 10
# measures how the two terms of the loss bring this about, and chapter 11 walks through
# the plane.
#
# ## What goes wrong in practice
#
# - **The gradient is nearly right.** With a forgotten ½ in `dlogvar` the model still
#   trains, and the loss still falls. Exercise 1 makes that mistake; chapter 14 collects
#   47 such bugs.
# - **The loss mixes a sum with a mean.** If `rec` is a mean over pixels and `kl` a sum,
#   the KL weighs 64 times too much, and all images drawn are alike (chapters 7 and 13).
# - **Fresh noise in the backward pass.** The `eps` of the loss must be the `eps` of its
#   gradient (chapter 5). That is why it is an argument here.
#
# ## Exercises
#
# **1. Break it (warm-up).** Drop the `/ 2` in the line of `dlogvar` and run the check
# of the gradient again. Which parameters are wrong, and why only those?
#
# <details><summary>Hint</summary>
#
# Look at which parameters lie behind $\log \sigma^2$ on the way back: follow the arrows
# of the drawing from right to left.
#
# </details>

# %% tags=["hide-cell"]
source = inspect.getsource(loss_and_gradient)
right = "dlogvar = dz * eps * sigma / 2 +"
assert source.count(right) == 1
space = dict(vars(inspect.getmodule(loss_and_gradient)))
exec(source.replace(right, "dlogvar = dz * eps * sigma +"), space)
broken = space["loss_and_gradient"](p, few, eps)[1]
true = loss_and_gradient(p, few, eps)[1]
wrong = [
    name for name in p if not np.allclose(broken[name], true[name])
]
print("wrong:", ", ".join(wrong))
assert wrong == ["W1", "Wlogvar", "b1", "blogvar"], wrong
with must_fail():
    check(
        "W of the logvar head", broken["Wlogvar"], true["Wlogvar"], 1e-9
    )

# %% [markdown]
# The gradients of the head that computes $\log \sigma^2$ are wrong, and so are those of
# the encoder's layer in front of it. Those of the decoder and of the head of $\mu$ are
# computed without `dlogvar`, and so are right.
#
# **2. Without noise.** Train once more with `eps` set to zero in every step. Predict
# first: what becomes of the plane, and of the images drawn from random points?
#
# <details><summary>Hint</summary>
#
# Without noise, $z = \mu$. Which term of the loss still depends on $\sigma$, and for
# which $\sigma$ is it smallest? Does that term also hold $\mu$?
#
# </details>


# %% tags=["hide-cell"]
# Figure: Twelve random points, decoded twice. Above, by the model that
# was trained with noise: blurred digits. Below, by one trained without:
# some are no digits, with dark blocks up to the border.
class Silent:
    """A generator whose noise is zero."""

    def permutation(self, size):
        return rng.permutation(size)

    def normal(self, size):
        return np.zeros(size)


silent = initial(rng)
quiet = list(train(silent, x_train, Silent(), epochs=40))
h1 = np.tanh(x_test / n @ silent["W1"] + silent["b1"])
sigma = np.exp((h1 @ silent["Wlogvar"] + silent["blogvar"]) / 2)
check("only the KL acts on sigma: its mean", sigma.mean(), 1.0, 0.03)
for name, model in (("with noise", p), ("without noise", silent)):
    print(f"{name}: spread of mu {encode(model, x_test).std():.2f}")
print(
    f"loss after 40 epochs: with noise {history[39]:.1f}, without"
    f" {quiet[-1]:.1f} nats"
)
honest = loss_and_gradient(silent, x_test, test_eps)[0]
check_less(
    "with noise, much worse than it trained for", quiet[-1] + 20, honest
)
points = rng.normal(size=(12, K))
rows = [*decode(p, points), *decode(silent, points)]
tiles(rows, 2, 12, "Random points, decoded: with noise, without")
plt.show()

# %% [markdown]
# Some of the images in the lower row are no digits: two to four of twelve, by eye, with
# each of the first five seeds. The KL is still in the loss, and its $\mu^2 / 2$ keeps
# the codes near the origin, where the random points fall. But the decoder never saw a
# point beside a $\mu$, and between the codes it may draw anything. Nor does $\sigma$
# mean anything now: only the KL acts on it, and pulls it to 1. The loss in training is
# about what it was with noise; with the noise put back it is about a hundred nats
# worse. This is a plain autoencoder with a penalty on its codes; chapter 10 compares a
# VAE with one that has no penalty.
#
# **3. Between two digits.** Take two test images, and decode eight points on the
# straight line between their $\mu$. Compare with mixing the pixels. In which of the two
# rows is every step a digit?
#
# <details><summary>Hint</summary>
#
# `encode` and `decode` are in the folded cell that draws the plane; `np.linspace(0, 1,
# 8)` gives the weights.
#
# </details>

# %% tags=["hide-cell"]
# Figure: A zero becomes a four in eight steps. Above, along a line in
# the plane, every step is a readable digit; below, the mixed pixels
# show one digit over the other.
zero = np.flatnonzero(digits.test_labels == 0)[0]
four = np.flatnonzero(digits.test_labels == 4)[0]
weights = np.linspace(0, 1, 8)[:, None]
mu_a, mu_b = encode(p, x_test[[zero, four]])
through_z = decode(p, (1 - weights) * mu_a + weights * mu_b)
through_pixels = (1 - weights) * x_test[zero] + weights * x_test[four]
title = "Through the plane (above), through the pixels (below)"
tiles([*through_z, *through_pixels], 2, 8, title, 0.8)
plt.show()
check(
    "the blends end at the images",
    through_pixels[-1],
    x_test[four],
    1e-12,
)

# %% [markdown]
# In the upper row: each step on the line between the two $\mu$ has the clear strokes of
# some digit. In the middle of the lower row a pale zero and a pale four lie on top of
# each other.
#
# ## Sources
#
# - D. P. Kingma, M. Welling, [*Auto-Encoding Variational
#   Bayes*](https://arxiv.org/abs/1312.6114), ICLR 2014; D. J. Rezende, S. Mohamed, D.
#   Wierstra, [*Stochastic Backpropagation*](https://arxiv.org/abs/1401.4082), ICML
#   2014: the model, found twice.
# - E. Alpaydin, C. Kaynak, [*Optical Recognition of Handwritten
#   Digits*](https://doi.org/10.24432/C50P49), 1998: the images.
#
# ## What to read next
#
# [Chapter 1](01_latent_variable_models.py) begins at the beginning, with the integral.
# The last exercise of the course, [13](exercises/README.md), has you write this page
# yourself.
