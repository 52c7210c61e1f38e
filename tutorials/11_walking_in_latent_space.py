# %% [markdown]
# # 11. Walking in latent space
#
# Every talk on VAEs has the film in which a 4 turns into a 9. It is a beautiful thing,
# and it is said to show that the latent space is *smooth*. Smooth in what sense? In
# this chapter we walk along straight lines and along great circles, one dimension at a
# time and all over the plane; we add and subtract, blend and bend; and beside each
# picture stands a number that says how plausible the images on the way are, and how
# fast they change.
#
# **What you will learn**
#
# - three things that "smooth" can mean, and which of them a VAE gives you;
# - how long a random $z$ is, why its midpoints are too short, and what spherical
#   interpolation does about that (and whether it helps);
# - the map of a two-dimensional latent space, in equal shares of the prior;
# - what one latent dimension does, and why one $\sigma$ is the right length of a step;
# - arithmetic with codes: ink, slant, and from one digit to another.
#
# **What you need:** chapters 9 and 10. About one hour.

# %%
import math
from statistics import NormalDist

import matplotlib.pyplot as plt
import numpy as np

from checks import BLUE, GREEN, GREY, VERMILLION
from checks import check, check_less, check_mc, must_fail, style
from minivae import VAE, Adam, Autoencoder, Binomial
from minivae.datasets import load_digits
from minivae.inference.diagnostics import active_units
from minivae.plots.drawing import show_tiles
from minivae.training import fit

style()
digits = load_digits()
x_train = digits.train.astype(np.float32)
x_test = digits.test.astype(np.float32)
labels, test_labels = digits.train_labels, digits.test_labels
D, n = x_train.shape[1], digits.max_count


def train(cls, K, hidden, epochs):
    rng = np.random.default_rng(11)
    model = cls.mlp(D, K, (hidden,), Binomial(n), rng=rng)
    fit(
        model,
        digits,
        Adam(lr=5e-3),
        epochs=epochs,
        rng=np.random.default_rng(12),
        batch_size=50,
        progress=False,
    )
    return model


plane = train(VAE, 2, 64, 40)
model = train(VAE, 8, 96, 40)
plain = train(Autoencoder, 8, 96, 40)

# %% [markdown]
# ## The question
#
# We have two images, their codes $z_a$ and $z_b$, and a path $z(t)$ from one to the
# other. What can it mean that the images on the way are "smooth"?
#
# 1. **No jumps:** the decoded image is a continuous function of $t$.
# 2. **Even speed:** it changes by about the same amount in each step.
# 3. **No nonsense:** each image on the way is itself a plausible image.
#
# The first is true for *any* decoder made of smooth layers, trained or not: it is a
# property of the formula and says nothing about learning. The second and the third have
# to be measured.
#
# For the third we need a judge. As in chapter 10 it is a mixture of 100 products of
# binomials, fitted to the training images by EM: $-\log p(x)$ under it, in nats, is low
# for images that look like the data. What it judges are images of whole counts, drawn
# from $p(x|z)$.

# %%
choose = np.log([math.comb(n, k) for k in range(n + 1)])


class Mixture:
    """A mixture of products of binomials, by EM."""

    def __init__(self, x, M, rounds, rng, a=0.5):
        x = x.astype(np.float64)
        start = x[rng.choice(len(x), M, replace=False)]
        center = 0.5 * (start + x.mean(axis=0))
        self.P = (center + a) / (n + 2 * a)
        self.w = np.full(M, 1 / M)
        for _ in range(rounds):
            joint = self.joint(x)
            r = np.exp(joint - joint.max(axis=1, keepdims=True))
            r /= r.sum(axis=1, keepdims=True)
            size = r.sum(axis=0)
            total = n * size[:, None] + 2 * a
            self.P = (r.T @ x + a) / total
            self.w = (size + 0.1) / (size + 0.1).sum()

    def joint(self, x):
        log_p = x @ np.log(self.P).T + (n - x) @ np.log(1 - self.P).T
        constant = choose[x.astype(np.intp)].sum(axis=1)
        return log_p + constant[:, None] + np.log(self.w)

    def score(self, x):
        """-log p(x), nats."""
        joint = self.joint(x.astype(np.float64))
        top = joint.max(axis=1)
        return -top - np.log(np.exp(joint - top[:, None]).sum(axis=1))


judge = Mixture(x_train, 100, 20, np.random.default_rng(1))
# After an M step the components average to the mean image (but for the
# pseudo-counts a).
average, wanted = judge.w @ judge.P, x_train.mean(axis=0) / n
check("EM keeps the mean image", average, wanted, 0.01)


def drawn(mean, rng):
    """Counts with the given means, (..., D), as the model would draw."""
    p = np.clip(np.asarray(mean, np.float64) / n, 0, 1)
    return rng.binomial(n, p).astype(np.float32)


real = judge.score(x_test)
rng = np.random.default_rng(2)
again = judge.score(drawn(model.reconstruct(x_test), rng))
print(f"real test images: median {np.median(real):.0f} nats")
print(f"reconstructed and drawn: {np.median(again):.0f} nats")
check_less(
    "reconstructions are plausible", np.median(again), np.median(real)
)

# %% [markdown]
# (Reconstructions score a little better than the images themselves: a bottleneck drops
# what is odd about an image. So they are the fair reference for what follows.)
#
# ## How long is a random $z$?
#
# Let $z \sim \mathcal{N}(0, I)$ in $K$ dimensions. Each $z_k^2$ has the mean 1, and the
# variance $\mathbb{E}[z_k^4] - 1 = 3 - 1 = 2$. Adding up $K$ independent ones,
#
# $$
# \mathbb{E} \Vert z \Vert^2 = K, \qquad \mathrm{Var} \Vert z \Vert^2 = 2K \tag{11.1}
# $$
#
# So $\Vert z \Vert^2$ is $K \pm \sqrt{2K}$, which for large $K$ is a *thin* shell: the
# norm itself, by $\sqrt{K + \delta} \approx \sqrt K + \frac{\delta}{2 \sqrt K}$, is
# $\sqrt K \pm \frac{1}{\sqrt 2}$, with the same thickness whatever $K$. The density is
# highest at the origin, but hardly anybody lives there.
#
# Now walk from $z_a$ to $z_b$, two independent draws, along $z(t) = (1 - t) z_a + t
# z_b$. A sum of independent Gaussians has the sum of the variances, so each coordinate
# of $z(t)$ has the variance $(1-t)^2 + t^2$, and
#
# $$
# \mathbb{E} \Vert z(t) \Vert^2 = K \left( (1 - t)^2 + t^2 \right) \tag{11.2}
# $$
#
# At the middle that is $K/2$: the path takes a short cut through the inside of the
# shell, down to $0.71 \sqrt K$.
#
# Two repairs are in use. **Spherical interpolation** goes along the great circle. For
# unit vectors $u_a, u_b$ with the angle $\Omega$ between them, $e = (u_b - \cos
# \Omega\, u_a) / \sin \Omega$ is the unit vector perpendicular to $u_a$ in their plane,
# and the point at the angle $t \Omega$ is
#
# $$
# u(t) = \cos(t \Omega)\, u_a + \sin(t \Omega)\, e
#   = \left( \cos(t \Omega) - \sin(t \Omega) \frac{\cos \Omega}{\sin \Omega} \right) u_a
#   + \frac{\sin(t \Omega)}{\sin \Omega} u_b .
# $$
#
# Bring the bracket over $\sin \Omega$: its numerator is $\sin \Omega \cos t \Omega -
# \cos \Omega \sin t \Omega = \sin(\Omega - t \Omega)$. Applied to the codes themselves,
# whose lengths may differ a little,
#
# $$
# z(t) = \frac{\sin((1 - t)\, \Omega)}{\sin \Omega} z_a
#   + \frac{\sin(t\, \Omega)}{\sin \Omega} z_b \tag{11.3}
# $$
#
# **Variance-preserving** interpolation chooses the coefficients so that the variance of
# each coordinate stays 1: any two whose squares add up to one, for instance
#
# $$
# z(t) = \sqrt{1 - t}\, z_a + \sqrt{t}\, z_b \tag{11.4}
# $$
#
# Then $z(t)$ is *exactly* distributed as the prior, for each $t$.


# %%
def lerp(z_a, z_b, t):
    return (1 - t) * z_a + t * z_b


def slerp(z_a, z_b, t):
    unit_a = z_a / np.linalg.norm(z_a, axis=-1, keepdims=True)
    unit_b = z_b / np.linalg.norm(z_b, axis=-1, keepdims=True)
    cosine = (unit_a * unit_b).sum(axis=-1, keepdims=True)
    angle = np.arccos(np.clip(cosine, -1, 1))
    a = np.sin((1 - t) * angle) / np.sin(angle)  # (11.3)
    b = np.sin(t * angle) / np.sin(angle)
    return a * z_a + b * z_b


def preserving(z_a, z_b, t):
    return np.sqrt(1 - t) * z_a + np.sqrt(t) * z_b  # (11.4)


rng = np.random.default_rng(3)
for K in (2, 8, 50):
    z_a, z_b = rng.standard_normal((2, 20_000, K))
    square = (z_a**2).sum(axis=1)
    check_mc(f"(11.1) mean, K = {K}", square, K)
    check_mc(f"(11.1) variance, K = {K}", (square - K) ** 2, 2 * K)
    middle = (lerp(z_a, z_b, 0.3) ** 2).sum(axis=1)
    check_mc("(11.2) at t = 0.3", middle, K * (0.7**2 + 0.3**2))
    kept = (preserving(z_a, z_b, 0.3) ** 2).sum(axis=1)
    check_mc("(11.4) keeps the norm", kept, K)
with must_fail():
    check_mc("and a straight line does not", middle, K)

unit_a, unit_b = rng.standard_normal((2, 100, 8))
unit_a /= np.linalg.norm(unit_a, axis=1, keepdims=True)
unit_b /= np.linalg.norm(unit_b, axis=1, keepdims=True)
third = slerp(unit_a, unit_b, 1 / 3)
check("(11.3) stays on the sphere", (third**2).sum(axis=1), 1.0, 1e-12)
whole = np.arccos((unit_a * unit_b).sum(axis=1))
part = np.arccos((unit_a * third).sum(axis=1))
check("(11.3) at a third of the angle", part, whole / 3, 1e-7)

# %%
t = np.linspace(0, 1, 41)
plt.figure()
for K, colour in ((2, GREEN), (8, BLUE), (50, VERMILLION)):
    z_a, z_b = rng.standard_normal((2, 2000, K))
    norms = np.array(
        [np.linalg.norm(lerp(z_a, z_b, s), axis=1) for s in t]
    )
    plt.plot(t, norms.mean(axis=1), color=colour)
    width = 1 / np.sqrt(2)
    plt.axhspan(
        np.sqrt(K) - width, np.sqrt(K) + width, color=colour, alpha=0.15
    )
    plt.text(1.02, np.sqrt(K), f"$K = {K}$", color=colour, va="center")
plt.xlim(0, 1)
plt.ylim(0, 8.2)
plt.xlabel("$t$ along the straight line")
plt.ylabel(r"$\Vert z(t) \Vert$")
plt.title("Bands: where draws from the prior live")
plt.show()

# %% [markdown]
# With two dimensions the straight line never really leaves the band. With eight it dips
# out of it, with fifty it is far inside. So far the geometry. Whether the *decoder*
# minds is another question.
#
# ## Blending two images
#
# We take 400 pairs of test images that show different digits, and go from one to the
# other in four ways: in **pixel space**, blending the two reconstructions like two
# slides; along the **straight line** between their codes; along the **great circle**;
# and along a straight line in the **plain autoencoder**.
#
# **Predict.** Rank the four by the plausibility of the image in the middle.

# %%
rng = np.random.default_rng(4)
first = rng.integers(300, size=900)
second = (first + rng.integers(1, 300, size=900)) % 300
differ = test_labels[first] != test_labels[second]
first, second = first[differ][:400], second[differ][:400]
t = np.linspace(0, 1, 11, dtype=np.float32)


def ends(m):
    return m.latent(x_test[first]), m.latent(x_test[second])


def along(path, z_a, z_b):
    return np.stack([path(z_a, z_b, s) for s in t])


z_a, z_b = ends(model)
x_a, x_b = model.decode(z_a), model.decode(z_b)
ways = {
    "pixels": along(lerp, x_a, x_b),
    "great circle": model.decode(along(slerp, z_a, z_b)),
    "straight line": model.decode(along(lerp, z_a, z_b)),
    "autoencoder": plain.decode(along(lerp, *ends(plain))),
}
scores = {}
for name, images in ways.items():
    scores[name] = np.array(
        [judge.score(drawn(x, rng)) for x in images]
    )
    at = np.median(scores[name], axis=1)
    print(f"{name:14} ends {at[0]:.0f}, {at[-1]:.0f}, ", end="")
    print(f"middle {at[5]:.0f} nats")

colours = {
    "pixels": VERMILLION,
    "great circle": GREEN,
    "straight line": BLUE,
    "autoencoder": GREY,
}
plt.figure()
for name, values in scores.items():
    plt.plot(t, np.median(values, axis=1), "o-", color=colours[name])
plt.text(0.5, 183, "blended pixels", color=VERMILLION, ha="center")
plt.text(0.5, 155, "great circle", color=GREEN, ha="center")
plt.text(0.5, 133, "straight line in $z$", color=BLUE, ha="center")
plt.text(0.5, 124, "autoencoder", color=GREY, ha="center")
plt.ylim(108, 192)
plt.xlabel("$t$")
plt.ylabel(r"$-\log\,p$ under the judge, nats")
plt.title("Between two digits (median of 400 pairs)")
plt.show()

# %% [markdown]
# Lower is more plausible. Each claim as a check, on differences of the *same* pairs
# with their standard error, since single images scatter by 30 nats:


# %%
def check_paired(name, difference, errors=4.0):
    """The mean of a paired difference is above zero by 4 errors."""
    error = difference.std() / np.sqrt(len(difference))
    print(f"{name}: {difference.mean():.1f} ± {error:.1f} nats")
    check_less("  above zero", errors * error, difference.mean())


line = scores["straight line"]
check_paired("pixels over line, middle", scores["pixels"][5] - line[5])
check_paired("line, middle over end", line[5] - line[0])
circle = scores["great circle"][5] - line[5]
print(f"circle over line: {circle.mean():.1f} nats")
check_less("no gain from the great circle", -3.0, circle.mean())
other = scores["autoencoder"][5] - line[5]
check("autoencoder over line, middle", other.mean(), 0.0, 12)

# %% [markdown]
# What we see:
#
# - **Blending in latent space is far better than blending pixels.** Two slides on top
#   of each other are two digits at once, and no digit looks like that.
# - **It is not free.** The middle is some 30 nats less plausible than the ends: between
#   a 0 and a 1 there is no digit, and no path can find one. "No nonsense" holds in
#   part.
# - **The great circle does not help** at $K = 8$; it is a little worse. The argument
#   above was about draws from the prior. The codes of real images have another center
#   and another shape (chapter 10), and the circle goes around a point that is not
#   special to them.
# - **A plain autoencoder blends about as well.** That a latent space can be walked
#   through is the doing of the bottleneck and of smooth layers. It takes no KL.
#
# By eye, one pair:

# %%
pair = int(
    np.argmax((test_labels[first] == 0) & (test_labels[second] == 4))
)
names = ["pixels", "straight line", "great circle"]
grid = np.stack([ways[name][:, pair] for name in names])
axes = plt.figure(figsize=(7, 1.9)).add_subplot()
show_tiles(axes, grid, digits.shape, (0, n), "gray_r")
for i, name in enumerate(names):
    axes.text(
        -0.01,
        1 - (i + 0.5) / 3,
        name,
        transform=axes.transAxes,
        ha="right",
        va="center",
    )
plt.show()

# %% [markdown]
# ## Speed
#
# Now the first two meanings. The speed is the root mean square change of a pixel per
# step. For **no jumps**, halve the steps: the largest change must become half as large.
# A jump would stay what it is. For **even speed**, compare the fastest step of a path
# with its average.
#
# **Predict.** Blending pixels is perfectly even, 1.0. And latent space: 1.3? 3? 10?


# %%
def speeds(images):
    """RMS change per pixel from image to image, (steps, pairs)."""
    return np.sqrt((np.diff(images, axis=0) ** 2).mean(axis=2))


def fine_path(steps):
    s = np.linspace(0, 1, steps + 1, dtype=np.float32)[:, None, None]
    return model.decode(lerp(z_a, z_b, s))


coarse, fine = speeds(fine_path(40)), speeds(fine_path(80))
check(
    "half the step, half the largest change",
    fine.max() / coarse.max(),
    0.5,
    0.03,
)
unevenness = np.median(coarse.max(axis=0) / coarse.mean(axis=0))
direct = np.sqrt(((x_b - x_a) ** 2).mean(axis=1))
detour = np.median(coarse.sum(axis=0) / direct)
print(f"fastest over average step: {unevenness:.2f}")
print(f"length of the way over the direct blend: {detour:.2f}")
check_less("uneven, but no jumps", unevenness, 2.0)
check_less("and longer than the direct way", 1.1, detour)

untrained = VAE.mlp(
    D, 8, (96,), Binomial(n), rng=np.random.default_rng(5)
)
s = np.linspace(0, 1, 41, dtype=np.float32)[:, None, None]
nonsense = speeds(untrained.decode(lerp(z_a, z_b, s)))
ratio = np.median(nonsense.max(axis=0) / nonsense.mean(axis=0))
print(f"an untrained decoder: {ratio:.2f}")
check_less("which is at least as even", ratio, unevenness + 0.2)

# %% [markdown]
# The film is smooth: no jumps, and the fastest step is only about a quarter faster than
# the average. But an *untrained* network is as smooth as that. Smoothness in this sense
# is no achievement of learning, and a smooth film is no evidence for anything. What was
# learned is that the images on the way are plausible.
#
# The way is a quarter or so longer than the direct blend. It has to be: it goes around
# the double images.
#
# ## The map
#
# With $K = 2$ we can look at everything at once. A grid with even spacing in $z$ would
# show the empty outskirts as large as the crowded center. Better give each image an
# equal share of the prior's probability: take the normal quantiles $z = \Phi^{-1}((i +
# \frac12) / m)$ for $i = 0 \dots m - 1$ along each axis. Then equal areas on the paper
# are equal probabilities. (`minivae.plots.manifold` draws this in one line.)

# %%
m = 15
at = [NormalDist().inv_cdf((i + 0.5) / m) for i in range(m)]
z_1, z_2 = np.meshgrid(at, at[::-1])  # z_2 grows upwards
z_map = np.stack([z_1, z_2], axis=-1).astype(np.float32)
atlas = plane.decode(z_map)
axes = plt.figure(figsize=(5, 5.2)).add_subplot()
show_tiles(axes, atlas, digits.shape, (0, n), "gray_r")
axes.set_xlabel(rf"$z_1$ from $-${at[-1]:.1f} to {at[-1]:.1f}")
axes.set_ylabel(rf"$z_2$ from $-${at[-1]:.1f} to {at[-1]:.1f}")
axes.set_title("Every image is 1/225 of the prior")
plt.show()

# %% [markdown]
# **Predict.** Where on such a map does the picture change fastest: inside the region of
# one digit, or between two? And the most plausible images: where are they?
#
# To answer, we need to know what an image shows without training a classifier: ten
# mixtures as above, one for each digit's training images. The one that gives the
# highest likelihood names the digit. On test images it is right in 99 of 100 cases.

# %%
experts = [
    Mixture(x_train[labels == k], 12, 15, np.random.default_rng(k))
    for k in range(10)
]


def looks_like(x):
    return np.stack([e.score(x) for e in experts]).argmin(axis=0)


right = (looks_like(x_test) == test_labels).mean()
print(f"test images named rightly: {right:.1%}")
check_less("the ten judges are good", 0.97, right)

m = 60
at = [NormalDist().inv_cdf((i + 0.5) / m) for i in range(m)]
z_1, z_2 = np.meshgrid(at, at)
z_map = np.stack([z_1, z_2], axis=-1).astype(np.float32)
atlas = plane.decode(z_map)
shown = looks_like(np.round(atlas).reshape(-1, D)).reshape(m, m)
step = np.diff(atlas, axis=1) / np.diff(z_1, axis=1)[..., None]
speed = np.sqrt((step**2).mean(axis=2))  # counts per unit of z_1
border = shown[:, 1:] != shown[:, :-1]
inside, across = np.median(speed[~border]), np.median(speed[border])
print(f"speed inside a digit {inside:.2f}, across a border ", end="")
print(f"{across:.2f} counts per pixel and unit of z")
check("hardly faster across borders", across / inside, 1.0, 0.35)
values = judge.score(drawn(atlas, rng).reshape(-1, D)).reshape(m, m)
near = np.zeros((m, m), bool)
near[:, 1:] |= border
near[:, :-1] |= border
inland, coast = np.median(values[~near]), np.median(values[near])
print(f"plausibility inland {inland:.0f}, at a border {coast:.0f} nats")
check_less("less plausible there", inland + 3, coast)

# %% [markdown]
# Most people expect plains with cliffs between them. The measurement says otherwise: at
# a border the picture changes hardly faster than anywhere else. Writing varies inside a
# digit as much as between digits, and the decoder, which never saw a label, does not
# know where we draw the line. What one does notice at a border is the judge: images
# there are some ten nats less plausible. A VAE does not abolish the borders. It puts no
# desert and no cliff between the countries, only a strip where few images are at home.
#
# ## One dimension at a time
#
# A *traversal* moves one coordinate and holds the others. With $K = 8$, all units are
# active (their means vary over the data; chapter 13 has models where they are not):

# %%
print("active units:", active_units(model, x_train).sum(), "of 8")
start = model.posterior_mean(x_test[2:3])
moves = np.linspace(-2.5, 2.5, 11, dtype=np.float32)
grid = np.repeat(start[None], 8, axis=0)[:, None] * np.ones(
    (1, 11, 1, 1), np.float32
)
for k in range(8):
    grid[k, :, 0, k] = moves
axes = plt.figure(figsize=(5.4, 4.1)).add_subplot()
show_tiles(axes, model.decode(grid[:, :, 0]), (8, 8), (0, n), "gray_r")
for k in range(8):
    axes.text(
        -0.01,
        1 - (k + 0.5) / 8,
        f"$z_{k + 1}$",
        transform=axes.transAxes,
        ha="right",
        va="center",
    )
axes.set_title(r"One coordinate from $-2.5$ to $2.5$")
plt.show()

# %% [markdown]
# No dimension has a name: none is "the slant" or "the digit", each does a bit of
# everything. The likelihood does not ask for names. The prior looks the same from all
# sides, so a model with all latents rotated, and the rotation undone in the decoder's
# first layer, has exactly the same $p(x)$. (The *bound* does prefer some rotations,
# since a diagonal $q$ fits some posteriors better than others. That gives axes, but not
# names.)
#
# How far does one have to go in a dimension to see a change? Chapter 10 has the answer
# in it: the best posterior has $\sigma^2 = 1 / (1 + h)$, with $h$ the curvature of
# $-\log p(x|z)$ along that dimension (10.3). For our binomial, $-\log p = \sum_d (n
# \log(1 + e^{y_d}) - x_d y_d)$ and a constant, so with $p_d = \mathrm{sigmoid}(y_d)$
# its derivative in $z_k$ is $\sum_d (n p_d - x_d) \frac{\partial y_d}{\partial z_k}$,
# and the second derivative
#
# $$
# \sum_d n p_d (1 - p_d) \left( \frac{\partial y_d}{\partial z_k} \right)^2
#   + \sum_d (n p_d - x_d) \frac{\partial^2 y_d}{\partial z_k^2} .
# $$
#
# If the decoder is right, $x_d$ scatters around $n p_d$ and the second sum is zero on
# average. What is left is
#
# $$
# h_k \approx \sum_d n p_d (1 - p_d)
#   \left( \frac{\partial y_d}{\partial z_k} \right)^2 \tag{11.5}
# $$
#
# in which the *encoder* does not appear at all. It is the decoder's speed along $z_k$,
# with each pixel measured against its own binomial grain, $\sqrt{n p (1 - p)}$.
#
# **Predict.** We compute $1 / \sqrt{1 + h_k}$ from the decoder, and $\sigma_k$ from the
# encoder, for each test image and dimension. Two networks that share no weight: how
# well will the two agree?

# %%
mu, logvar = model.encode(x_test)
sigma = np.exp(logvar / 2)
p = model.decode(mu) / n
h = np.empty_like(mu)
for k in range(8):
    shift = np.zeros(8, np.float32)
    shift[k] = 0.02
    dy = (
        model.decoder_output(mu + shift)
        - model.decoder_output(mu - shift)
    ) / 0.04
    h[:, k] = (n * p * (1 - p) * dy**2).sum(axis=1)  # (11.5)
from_decoder = 1 / np.sqrt(1 + h)
ratio = sigma / from_decoder
agree = np.corrcoef(np.log(sigma).ravel(), np.log(from_decoder).ravel())
print(
    f"median ratio {np.median(ratio):.2f}, half of all between ", end=""
)
print("{:.2f} and {:.2f}".format(*np.quantile(ratio, [0.25, 0.75])))
print(f"correlation of the logarithms {agree[0, 1]:.2f}")
check("sigma of the encoder over (11.5)", np.median(ratio), 1.0, 0.2)
check_less("image by image, too", 0.5, agree[0, 1])

# %% [markdown]
# So $\sigma_k$ is the natural length of a step: the distance at which the change of the
# picture just begins to show above the grain of the pixels. The encoder says how
# precisely it knows $z_k$, and that is how precisely $z_k$ matters.
#
# ## Arithmetic
#
# Take the training images with the most ink (three in ten) and those with the least,
# and subtract the means of their codes. That difference is a *direction*. Add it to the
# codes of test images; do they get bolder? The same with slant (how far the ink leans,
# the slope of the columns' mean over the rows). And the same in pixel space, where the
# direction is the difference of the mean images.
#
# To be fair, we compare at **equal effect**: steps in each direction just long enough
# to change the average ink by 0.25 counts per pixel, or the slant by 0.15, up or down.
#
# **Predict.** For which of the two attributes does the latent direction leave more
# plausible images than the pixel direction?

# %%
columns, lines = np.arange(D) % 8, np.arange(D) // 8


def ink(x):
    return x.mean(axis=1)


def slant(x):
    p = x / x.sum(axis=1, keepdims=True)
    dc = columns - (p * columns).sum(axis=1, keepdims=True)
    dl = lines - (p * lines).sum(axis=1, keepdims=True)
    return -(p * dc * dl).sum(axis=1) / (p * dl**2).sum(axis=1)


codes, z_test = (
    model.posterior_mean(x_train),
    model.posterior_mean(x_test),
)
x_rec = model.decode(z_test)
sizes = np.linspace(0, 2.5, 26)
strips, cost, kept = {}, {}, {}
for measure, wanted in ((ink, 0.25), (slant, 0.15)):
    name = measure.__name__
    value = measure(x_train)
    low, high = np.quantile(value, [0.3, 0.7])
    most, least = value > high, value < low
    z_way = codes[most].mean(axis=0) - codes[least].mean(axis=0)
    x_way = x_train[most].mean(axis=0) - x_train[least].mean(axis=0)

    def by_latent(size, z_way=z_way):
        return model.decode(z_test + size * z_way)

    def by_pixels(size, x_way=x_way):
        return np.clip(x_rec + size * x_way, 0, n)

    for move in (by_latent, by_pixels):
        key = name, move.__name__
        cost[key], kept[key] = [], []
        for sign in (-1, 1):
            values = [measure(move(sign * s)).mean() for s in sizes]
            change = sign * (np.array(values) - values[0])
            x = move(sign * np.interp(wanted, change, sizes))
            reached = measure(x).mean() - values[0]
            what = f"{name} changed, {move.__name__}"
            check(what, reached, sign * wanted, 0.02)
            cost[key].append(judge.score(drawn(x, rng)))
            kept[key].append(looks_like(np.round(x)) == test_labels)
        nats, share = np.median(cost[key]), np.mean(kept[key])
        print(f"  costs: {nats:.0f} nats; same digit in {share:.0%}")
    span = np.linspace(-2, 2, 11, dtype=np.float32)[:, None]
    strips[name] = model.decode(z_test[:1] + span * z_way)

for name in ("ink", "slant"):
    pixels, latent = cost[name, "by_pixels"], cost[name, "by_latent"]
    difference = np.concatenate(pixels) - np.concatenate(latent)
    if name == "slant":
        check_paired("slant, pixels over latent", difference)
    else:
        print(f"ink, pixels over latent: {difference.mean():.1f} nats")
        check_less("no gain for ink", difference.mean(), 5)

# %%
grid = np.stack(list(strips.values()))
axes = plt.figure(figsize=(7, 1.4)).add_subplot()
show_tiles(axes, grid, digits.shape, (0, n), "gray_r")
for i, name in enumerate(strips):
    axes.text(
        -0.01,
        1 - (i + 0.5) / 2,
        name,
        transform=axes.transAxes,
        ha="right",
        va="center",
    )
plt.show()

# %% [markdown]
# For **ink** nothing is gained. Ink is a *linear* property of the pixels, so adding a
# picture of where ink usually goes is exactly right, and no model is needed. **Slant**
# is not linear: to lean a stroke, ink has to vanish here and appear there, depending on
# the stroke. There the latent direction is better by more than ten nats. But look at
# the last number: more than a third of the leaning digits are, by the ten judges, no
# longer the same digit. The direction was a difference of means, and the digits that
# lean are not the same digits as those that do not. It carries along whatever else goes
# with slant in the data.
#
# **From one digit to another.** The classic: $z$ of a 3, minus the mean code of the 3s,
# plus the mean code of the 8s. For all 90 pairs of digits: how often does the result
# look like the other digit, by the ten judges, and how plausible is it?

# %%
z_mean = np.stack([codes[labels == k].mean(axis=0) for k in range(10)])
x_mean = np.stack(
    [x_train[labels == k].mean(axis=0) for k in range(10)]
)
goal = (test_labels + 1 + np.arange(300) % 9) % 10  # any other digit
by_z = model.decode(z_test - z_mean[test_labels] + z_mean[goal])
by_x = np.clip(x_rec - x_mean[test_labels] + x_mean[goal], 0, n)
for name, images in (("latent", by_z), ("pixels", by_x)):
    hit = (looks_like(np.round(images)) == goal).mean()
    nats = np.median(judge.score(drawn(images, rng)))
    print(f"{name}: arrives in {hit:.0%}, {nats:.0f} nats")
difference = judge.score(drawn(by_x, rng)) - judge.score(
    drawn(by_z, rng)
)
check_paired("pixels over latent", difference)
hit = (looks_like(np.round(by_z)) == goal).mean()
check_less("mostly the right digit", 0.65, hit)
check_less("but not always", hit, 0.97)

names = ["start", "latent", "pixels"]
grid = np.stack([x_rec[:12], by_z[:12], by_x[:12]])
axes = plt.figure(figsize=(7, 1.9)).add_subplot()
show_tiles(axes, grid, digits.shape, (0, n), "gray_r")
for i, name in enumerate(names):
    axes.text(
        -0.01,
        1 - (i + 0.5) / 3,
        name,
        transform=axes.transAxes,
        ha="right",
        va="center",
    )
column = {"transform": axes.transAxes, "va": "bottom"}
axes.text(-0.01, 1.02, "asked for", ha="right", **column)
for i in range(12):
    place = (i + 0.45) / 12, 1.02
    axes.text(*place, str(goal[i]), ha="center", **column)
plt.show()

# %% [markdown]
# Most arrive, and about one in five does not. The pixels arrive as often; but what
# arrives there is a 3 with the ghost of an 8 on it, and the latent version is an 8. It
# fails because a difference of means is the same vector for every 3: where 3s and 8s
# vary in different ways, the same vector leads some of them to somewhere else.
#
# ## What goes wrong in practice
#
# **The ends are not the images.** A path begins at $E[x|z_a]$, the reconstruction. Show
# the images themselves beside it, or a model that reconstructs badly but smoothly will
# look better than it is.
#
# **Too few steps.** With five images from end to end every path looks smooth, and with
# fifty every one does too. Measure at two step sizes, as above.
#
# **Chosen pairs.** A film of one pair is an anecdote. The median of 400 is not.
#
# **Great circles around the wrong center.** (11.3) turns around the origin. For an
# autoencoder, whose codes lie anywhere, that is meaningless, and moving all codes by a
# constant (which changes nothing about the model, if the decoder's first bias is
# adapted) changes the path:

# %%
shift = np.full(8, 3.0, np.float32)
moved = slerp(z_a + shift, z_b + shift, 0.5) - shift
straight = lerp(z_a + shift, z_b + shift, 0.5) - shift
check("the line does not care", straight, lerp(z_a, z_b, 0.5), 1e-5)
far = np.linalg.norm(moved - slerp(z_a, z_b, 0.5), axis=1).mean()
print(f"the great circle moved by {far:.1f}")
check_less("the great circle does", 0.5, far)

# %% [markdown]
# **Walking with noise.** For a path take $\mu(x)$ at the ends, not samples: else two
# films of the same pair differ. **Walking off the map.** A traversal to $\pm 5$ leaves
# the prior, and shows what the decoder says where nobody ever asked it.
#
# ## Exercises
#
# **1. Averages (warm-up).** How long is the mean of $m$ draws from the prior in $K$
# dimensions? Where does the average of *many* codes end, and what does it decode to?
#
# <details><summary>Hint</summary>
#
# The variance of a mean is $1/m$. Decode the mean of all training codes.
#
# </details>

# %% tags=["hide-cell"]
rng = np.random.default_rng(6)
means = rng.standard_normal((5000, 4, 8)).mean(axis=1)
check_mc("mean of four", (means**2).sum(axis=1), 8 / 4)
everyone = model.decode(codes.mean(axis=0))
blur = drawn(np.repeat(everyone[None], 100, axis=0), rng)
pixel_mean = drawn(
    np.repeat(x_train.mean(axis=0)[None], 100, axis=0), rng
)
print(f"mean code {np.median(judge.score(blur)):.0f} nats, ", end="")
print(f"mean image {np.median(judge.score(pixel_mean)):.0f} nats")
check_less(
    "the mean code is more of an image",
    np.median(judge.score(blur)),
    np.median(judge.score(pixel_mean)),
)

# %% [markdown]
# **2. Equal shares.** Check that the quantiles of the map really give each cell $1/m$
# of the probability along an axis: draw from the prior and count. What share would the
# center cell have, and what share the corner cell, on an even grid of 15 by 15 over
# $[-3, 3]^2$?
#
# <details><summary>Hint</summary>
#
# The cells end at $\Phi^{-1}(i / m)$. `NormalDist().cdf` gives the shares of the even
# grid.
#
# </details>

# %% tags=["hide-cell"]
cuts = [NormalDist().inv_cdf(i / 15) for i in range(1, 15)]
cell = np.searchsorted(cuts, rng.standard_normal(60_000))
hits = (cell[:, None] == np.arange(15)).astype(float)
check_mc("share of each column", hits, np.full(15, 1 / 15))
cdf = NormalDist().cdf
center = (cdf(0.2) - cdf(-0.2)) ** 2
corner = (cdf(3.0) - cdf(2.6)) ** 2
print(f"center over corner on the even grid: {center / corner:.0f}")
check_less("thousandfold", 1000, center / corner)

# %% [markdown]
# **3. Even speed.** Choose the values of $t$ along the straight line so that each step
# changes the picture by the same amount. By how much does the unevenness fall, and what
# happens to the plausibility of the middle?
#
# <details><summary>Hint</summary>
#
# Sum the changes of a fine path, and interpolate $t$ as a function of the length
# (`np.interp`). The path itself is the same; only the timetable changes.
#
# </details>

# %% tags=["hide-cell"]
fine = fine_path(200)
length = np.concatenate(
    [np.zeros((1, len(first))), speeds(fine).cumsum(axis=0)]
)
s = np.linspace(0, 1, 201)
even = np.empty((41, len(first)), np.float32)
for i in range(len(first)):
    wanted = np.linspace(0, length[-1, i], 41)
    even[:, i] = np.interp(wanted, length[:, i], s)
retimed = speeds(model.decode(lerp(z_a, z_b, even[..., None])))
after = np.median(retimed.max(axis=0) / retimed.mean(axis=0))
print(f"unevenness {unevenness:.2f} before, {after:.3f} after")
check("even", after, 1.0, 0.02)

# %% [markdown]
# **4. Same digit.** Repeat the comparison of pixels and straight line for pairs that
# show the *same* digit. How much less plausible is the middle now? What follows about
# where the 30 nats came from?
#
# <details><summary>Hint</summary>
#
# Two 3s have a 3 between them. The borders are what costs.
#
# </details>

# %% tags=["hide-cell"]
one = rng.integers(300, size=4000)
two = (one + rng.integers(1, 300, size=4000)) % 300
same = test_labels[one] == test_labels[two]
za, zb = z_test[one[same]], z_test[two[same]]
middle = judge.score(drawn(model.decode(0.5 * (za + zb)), rng))
end = judge.score(drawn(model.decode(za), rng))
pixels = 0.5 * (model.decode(za) + model.decode(zb))
blended = judge.score(drawn(pixels, rng))
print(
    f"end {np.median(end):.0f}, middle {np.median(middle):.0f}, ",
    end="",
)
print(f"blended pixels {np.median(blended):.0f} nats")
check_less("the middle is no worse", middle.mean(), end.mean() + 5)
check_paired("pixels over line", blended - middle)

# %% [markdown]
# **5. The shortest way (towards research).** A straight line in $z$ is not the shortest
# way in pictures. Take 11 points $z_0, \dots, z_{10}$ with fixed ends and minimize the
# *energy* $\frac12 \sum_i \Vert g(z_{i+1}) - g(z_i) \Vert^2$ of the decoded means $g$
# by gradient descent on the inner points. The gradient in $x_i = g(z_i)$ is $2 x_i -
# x_{i-1} - x_{i+1}$; send it back through the mean and the decoder's `backward`. Does
# the way become shorter? Are its images more plausible than those of the line?
#
# <details><summary>Hint</summary>
#
# $g = 16\, \mathrm{sigmoid}(y)$, so $dy = dx \cdot x (1 - x / 16)$. Here
# `model.decoder_output(z)` is the forward pass, `model.decoder.backward(dy)` returns
# $dz$. Beware: the shortest way between pictures *is* the blend of pixels. What keeps
# the path from becoming that?
#
# </details>

# %% tags=["hide-cell"]
za, zb = z_a[:60], z_b[:60]
way = np.stack([lerp(za, zb, s) for s in t])  # (11, 60, 8)
before = model.decode(way)
optimizer, inner = Adam(lr=0.05), way[1:-1].reshape(-1).copy()
for _ in range(100):
    way[1:-1] = inner.reshape(9, 60, 8)
    x = model.likelihood.mean(model.decoder_output(way))
    dx = np.zeros_like(x)
    dx[1:-1] = 2 * x[1:-1] - x[:-2] - x[2:]
    dy = dx * x * (1 - x / n)
    dz = model.decoder.backward(dy.reshape(-1, D)).reshape(way.shape)
    optimizer.step(inner, dz[1:-1].reshape(-1))
after = model.decode(way)
lengths = [np.median(speeds(x).sum(axis=0)) for x in (before, after)]
print(f"length {lengths[0]:.2f} before, {lengths[1]:.2f} after")
check_less("shorter", lengths[1], 0.98 * lengths[0])
nats = [
    np.median(judge.score(drawn(x[5], rng))) for x in (before, after)
]
print(f"middle {nats[0]:.0f} before, {nats[1]:.0f} nats after")
check_less("not more plausible", nats[0] - 5, nats[1])

# %% [markdown]
# ## Sources
#
# - D. P. Kingma, M. Welling, *Auto-Encoding Variational Bayes*, ICLR 2014, figure 4:
#   the map in equal shares.
# - T. White, *Sampling Generative Networks*, arXiv 1609.04468, 2016: spherical
#   interpolation and attribute vectors.
# - K. Shoemake, *Animating Rotation with Quaternion Curves*, SIGGRAPH 1985: (11.3).
# - G. Arvanitidis, L. K. Hansen, S. Hauberg, *Latent Space Oddity: on the Curvature of
#   Deep Generative Models*, ICLR 2018: exercise 5, and why the decoder's uncertainty
#   belongs into the metric.
# - M. Rolinek, D. Zietlow, G. Martius, *Variational Autoencoders Pursue PCA Directions
#   (by Accident)*, CVPR 2019: which rotations the diagonal posterior prefers.
# - F. Locatello and others, *Challenging Common Assumptions in the Unsupervised
#   Learning of Disentangled Representations*, ICML 2019: why no dimension has a name.
#
# ## What to read next
#
# Chapter 12 returns to the bound, and asks how far it lies below $\log p(x)$. For the
# geometry begun in exercise 5, the paper by Arvanitidis and others is a good door.
