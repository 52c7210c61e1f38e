# %% [markdown]
# # 11. Walking in latent space
#
# Many talks on VAEs show a film in which a 4 turns into a 9. It is said to show that
# the latent space is *smooth*. Smooth in what sense? We move along straight lines and
# great circles and one dimension at a time; we add, subtract and blend; and for each
# path we measure how plausible the images on it are.
#
# **What you will learn**
#
# - three things that "smooth" can mean, and which of them a VAE gives you;
# - how long a random $z$ is, why its midpoints are too short, and what spherical
#   interpolation does about that (and whether it helps);
# - whether an autoencoder blends as well as a VAE, and how to compare them fairly;
# - what one latent dimension does, and why one $\sigma$ is the right length of a step;
# - arithmetic with codes: ink and slant, against the same in pixels.
#
# **What you need:** chapters [9](09_training_on_digits.py) and
# [10](10_autoencoder_against_vae.py). About an hour and a half.
#
# **Symbols of this chapter.** $t$ in $[0, 1]$ runs along a path $z(t)$ from $z_a$ to
# $z_b$; $\Omega$ is the angle between two codes, $h_k$ the curvature of $-\log p(x|z)$
# along $z_k$, as in [chapter 24](24_islands_and_the_way_to_an_autoencoder.py).

# %%
import os

import matplotlib.pyplot as plt
import numpy as np

from checks import BLACK, BLUE, GREEN, GREY, Judge
from checks import check, check_less, check_mc, generator, measured
from checks import measured_row, must_fail, style, tiles
from minivae import VAE, Adam, Autoencoder, Binomial
from minivae.datasets import load_digits
from minivae.schedules import cosine_decay
from minivae.training import fit

style()
digits = load_digits()
x_train = digits.train.astype(np.float32)
x_test = digits.test.astype(np.float32)
labels, test_labels = digits.train_labels, digits.test_labels
D, n = x_train.shape[1], digits.max_count


def train(cls, K, hidden=96, epochs=60):
    model = cls.mlp(D, K, (hidden,), Binomial(n), rng=generator(11))
    rate, settings = cosine_decay(1e-2, epochs * 30), {"batch_size": 50}
    settings |= {"progress": False, "rng": generator(12)}
    fit(model, digits, Adam(rate), epochs=epochs, **settings)
    return model


model, plain = train(VAE, 8), train(Autoencoder, 8)

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
# The first is true for *any* decoder made of smooth layers, trained or not. The second
# and the third must be measured.
#
# For the third we use the judge of chapter 10, a mixture of 100 products of binomials,
# fitted to the training images by EM: $-\log p(x)$ under it, in nats, is low for images
# that look like the data. It judges images of whole counts, drawn from $p(x|z)$. Ten
# more judges, one for each digit's training images, say what an image shows: the one
# with the highest likelihood names the digit.

# %%
judge = Judge(x_train, n, 100, 20, generator(1))
experts = [
    Judge(x_train[labels == k], n, 12, 15, generator(k))
    for k in range(10)
]


def drawn(mean, rng):
    """Counts with the given means, (..., D), as the model would draw."""
    p = np.clip(np.asarray(mean, np.float64) / n, 0, 1)
    return rng.binomial(n, p).astype(np.float32)


def looks_like(x):
    return np.stack([e.score(x) for e in experts]).argmin(axis=0)


real = judge.score(x_test)
limit = np.quantile(real, 0.95)  # beyond it an image is implausible
right = (looks_like(x_test) == test_labels).mean()
again = judge.score(drawn(model.reconstruct(x_test), generator(2)))
print(f"test images named correctly: {right:.1%}")
check_less("the ten judges are good", 0.96, right)
check_less("reconstructions over real", again.mean(), real.mean())

# %% [markdown]
# (Reconstructions score better than the images themselves: a bottleneck drops what is
# odd about an image. So they are the fair reference for what follows.)
#
# ## How long is a random $z$?
#
# Let $z \sim \mathcal{N}(0, I)$ in $K$ dimensions. Each $z_k^2$ has the mean 1, and the
# variance $\mathbb{E}[z_k^4] - 1 = 3 - 1 = 2$. For the sum of $K$ independent ones,
#
# $$
# \mathbb{E} \Vert z \Vert^2 = K, \qquad \mathrm{Var} \Vert z \Vert^2 = 2K \tag{11.1}
# $$
#
# So $\Vert z \Vert^2$ is $K \pm \sqrt{2K}$, which for large $K$ is a *thin* shell: by
# $\sqrt{K + \delta} \approx \sqrt K + \frac{\delta}{2 \sqrt K}$ the norm itself is
# $\sqrt K \pm \frac{1}{\sqrt 2}$, equally thick for every $K$. The density is highest
# at the origin, but hardly any draw falls near it.
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
# Two remedies are in use. **Spherical interpolation** goes along the great circle. For
# unit vectors $u_a, u_b$ with the angle $\Omega$ between them, $e = (u_b - \cos
# \Omega\, u_a) / \sin \Omega$ is the unit vector perpendicular to $u_a$ in their plane,
# and the point at the angle $t \Omega$ is $\cos(t \Omega)\, u_a + \sin(t \Omega)\, e$.
# Insert $e$: the factor of $u_b$ is $\sin(t \Omega) / \sin \Omega$, and that of $u_a$,
# over the same denominator, is $\sin \Omega \cos t \Omega - \cos \Omega \sin t \Omega =
# \sin(\Omega - t \Omega)$. Applied to the codes themselves, whose lengths may differ a
# little (Shoemake 1985; for latent spaces White 2016),
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


def norm_moments(K):
    return K, 2 * K  # (11.1)


def norm_on_the_way(K, t):
    return K * ((1 - t) ** 2 + t**2)  # (11.2)


rng = generator(3)
for K in (2, 8, 50):
    z_a, z_b = rng.standard_normal((2, 20_000, K))
    square = (z_a**2).sum(axis=1)
    mean, variance = norm_moments(K)
    check_mc(f"(11.1) mean, K = {K}", square, mean)
    check_mc(f"(11.1) variance, K = {K}", (square - K) ** 2, variance)
    part = (lerp(z_a, z_b, 0.3) ** 2).sum(axis=1)
    check_mc("(11.2) at t = 0.3", part, norm_on_the_way(K, 0.3))
    kept = preserving(z_a, z_b, 0.3)
    check_mc("(11.4) keeps the norm", (kept**2).sum(axis=1), K)
with must_fail():
    check_mc("and a straight line does not", part, K)

unit_a, unit_b = rng.standard_normal((2, 100, 8))
unit_a /= np.linalg.norm(unit_a, axis=1, keepdims=True)
unit_b /= np.linalg.norm(unit_b, axis=1, keepdims=True)
third = slerp(unit_a, unit_b, 1 / 3)
check("(11.3) stays on the sphere", (third**2).sum(axis=1), 1.0, 1e-12)
whole = np.arccos((unit_a * unit_b).sum(axis=1))
part = np.arccos((unit_a * third).sum(axis=1))
check("(11.3) at a third of the angle", part, whole / 3, 1e-7)


# %% tags=["hide-input"]
# Figure: Two paths between two codes over a cloud of draws from the
# prior: the straight line cuts through the middle, the great circle
# goes around.
axes = plt.figure(figsize=(4, 3.7)).add_subplot()
cloud = generator(13).standard_normal((2, 600))
axes.plot(*cloud, ".", color=GREY, ms=2)
ends = 2.2 * np.array([[-0.87, 0.5], [0.71, 0.71]])
t = np.linspace(0, 1, 41)[:, None]
for path, colour in ((lerp, BLUE), (slerp, GREEN)):
    axes.plot(*path(*ends, t).T, color=colour)
axes.plot(*ends.T, "o", color=BLACK)
axes.text(-0.5, 0.75, "line", color=BLUE)
axes.text(-1.1, 2.4, "great circle", color=GREEN)
axes.set(xlabel="$z_1$", ylabel="$z_2$", aspect="equal")
axes.set_title("Two paths over the prior")
plt.show()

# %% [markdown]
# With two dimensions the middle, at about $\sqrt{K/2}$, is still within the shell
# $\sqrt K \pm 0.71$. With eight it is just below (2.0 against 2.1), with fifty far
# inside (5 against 6.4). Whether that matters to the decoder is another question.
#
# ## Blending two images
#
# We take 400 pairs of test images that show different digits, and go from one to the
# other in four ways: in **pixel space**, blending the two reconstructions like two
# slides; along the **straight line** between their codes; along the **great circle**;
# and along the straight line in the **plain autoencoder**.
#
# **Predict.** Rank the four by the plausibility of the image in the middle.

# %% tags=["hide-output"]
rng = generator(4)
first = rng.integers(300, size=900)
second = (first + rng.integers(1, 300, size=900)) % 300
differ = test_labels[first] != test_labels[second]
first, second = first[differ][:400], second[differ][:400]


def ends(m):
    return m.latent(x_test[first]), m.latent(x_test[second])


def blends(vae, plain, t):
    """The images at t on the four ways, 400 each."""
    z_a, z_b = ends(vae)
    return {
        "pixels": lerp(vae.decode(z_a), vae.decode(z_b), t),
        "great circle": vae.decode(slerp(z_a, z_b, t)),
        "straight line": vae.decode(lerp(z_a, z_b, t)),
        "autoencoder": plain.decode(lerp(*ends(plain), t)),
    }


t = np.linspace(0, 1, 11, dtype=np.float32)
ways = [blends(model, plain, s) for s in t]
scores = {
    name: np.array([judge.score(drawn(at[name], rng)) for at in ways])
    for name in ways[0]
}
for name, nats in scores.items():
    at = np.median(nats, axis=1)
    print(f"{name:14} ends {at[0]:.0f}, {at[-1]:.0f}, ", end="")
    print(f"middle {at[5]:.0f} nats")

# %% tags=["hide-input", "hide-output"]
# Figure: From a 0 to a 4, t from 0 to 1, a row for each way. Pixels
# show both digits at once in the middle; the ways through
# latent space change one into the other.
pair = np.argmax((test_labels[first] == 0) & (test_labels[second] == 4))
rows = [[at[name][pair] for at in ways] for name in scores]
axes = plt.figure(figsize=(9, 3.4)).add_subplot()
tiles(axes, rows, list(scores), digits.shape, n)
for i, s in enumerate(t):
    axes.text(i + 0.44, -0.1, f"{s:.1f}", ha="center", fontsize=11)
plt.show()

# %% [markdown]
# Lower is more plausible. Single images scatter by 30 nats, so we compare the *same*
# pairs and print the standard error of the mean difference.


# %%
def check_paired(name, difference, errors=4.0):
    """The mean of a paired difference is above zero by 4 errors."""
    error = difference.std(ddof=1) / np.sqrt(len(difference))
    print(f"{name}: {difference.mean():.1f} ± {error:.1f} nats")
    check_less("  above zero", errors * error, difference.mean())


line = scores["straight line"]
check_paired("pixels over line, middle", scores["pixels"][5] - line[5])
check_paired("line, middle over end", line[5] - line[0])
circle = scores["great circle"][5] - line[5]
print(f"circle over line: {circle.mean():.1f} nats")

# %% [markdown]
# - **Blending in latent space is far better than blending pixels.** A blend of pixels
#   shows two digits at once, and no digit looks like that.
# - **It is not free.** The middle is less plausible than the ends: between a 0 and a 1
#   there is no digit. "No nonsense" holds only in part.
# - **The great circle does not help.** Its argument is about draws from the prior. The
#   codes of real images have another center and another shape (chapter 10).
# - **The plain autoencoder** looks a little worse in this pair of models (see below).
#
# ## Speed
#
# Now the first two meanings. The speed is the root mean square change of a pixel per
# step. For **no jumps**, halve the steps: the largest change must halve, too. For
# **even speed**, compare the fastest step of a path with its average.
#
# **Predict.** Blending pixels is perfectly even: the ratio is 1.0. What is it in latent
# space: 1.3, 3 or 10? And for a decoder that was never trained?


# %% tags=["hide-output"]
def speeds(images):
    """RMS change per pixel from image to image, (steps, pairs)."""
    return np.sqrt((np.diff(images, axis=0) ** 2).mean(axis=2))


def line_speeds(decoder, steps):
    s = np.linspace(0, 1, steps + 1, dtype=np.float32)[:, None, None]
    return speeds(decoder.decode(lerp(*ends(model), s)))


def unevenness(speed):
    return np.median(speed.max(axis=0) / speed.mean(axis=0))


coarse, fine = line_speeds(model, 40), line_speeds(model, 80)
ratio = fine.max() / coarse.max()
check("half the step, half the largest change", ratio, 0.5, 0.03)
untrained = VAE.mlp(D, 8, (96,), Binomial(n), rng=generator(14))
uneven, no_learning = (
    unevenness(s) for s in (coarse, line_speeds(untrained, 40))
)
print(f"fastest over average step: {uneven:.2f}, ", end="")
print(f"of an untrained decoder: {no_learning:.2f}")
check_less("uneven, but no jumps", uneven, 2.0)
check_less("untrained, at least as even", no_learning, uneven + 0.2)

# %% [markdown]
# No jumps, and the fastest step is only about a third faster than the average. But an
# *untrained* network is even smoother, so a smooth film is no evidence of learning.
# What was learned is that the images on the way are plausible.
#
# ## One dimension at a time
#
# A *traversal* moves one coordinate and holds the others, here with $K = 8$. Frames
# mark images that the judge finds less plausible than 95 % of real ones.

# %% tags=["hide-input"]
# Figure: Eight rows, one for each latent dimension, in which it moves
# from low to high. Most rows change the digit's shape smoothly;
# frames mark the images that the judge finds implausible.
start = model.latent(x_test[2:3])
moves = np.linspace(-2.5, 2.5, 11, dtype=np.float32)
grid = np.tile(start, (8, 11, 1))
for k in range(8):
    grid[k, :, k] = moves
swept = model.decode(grid)
wrong = judge.score(drawn(swept, generator(15)).reshape(-1, D)) > limit
axes = plt.figure(figsize=(8, 6)).add_subplot()
names = [f"$z_{k + 1}$" for k in range(8)]
tiles(axes, swept, names, (8, 8), n, frames=wrong.reshape(8, 11))
for i in range(11):
    axes.text(i + 0.44, -0.12, f"{moves[i]:.1f}", ha="center", size=11)
plt.show()
print(f"implausible: {wrong.mean():.0%}")

# %% [markdown]
# No dimension stands for one property: each changes several. The prior looks the same
# from all sides, so a model with all latents rotated, and the rotation undone in the
# decoder's first layer, has exactly the same $p(x)$ (Locatello and others 2019). The
# *bound* does prefer some rotations, since a diagonal $q$ fits some posteriors better
# than others (Rolinek and others 2019). So the axes are not arbitrary, but they need
# not mean anything. And some rows end in garbage, although in a draw from the prior one
# of eight coordinates exceeds 2.5 in size one time in ten: with the other seven held,
# the point lies where no image has its code (chapter 10).
#
# How far must one go in a dimension to see a change? The best posterior has $\sigma^2 =
# 1 / (1 + h)$, with $h$ the mean curvature of $-\log p(x|z)$ along that dimension
# (24.3); we take it at $\mu$. For our binomial, $-\log p = \sum_d (n \log(1 +
# e^{y_d}) - x_d y_d)$ and a constant, so with $p_d = \mathrm{sigmoid}(y_d)$ its
# derivative in $z_k$ is $\sum_d (n p_d - x_d) \frac{\partial y_d}{\partial z_k}$, and
# the second derivative
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
# in which the *encoder* does not appear: the squared speed of the mean image along
# $z_k$, each pixel in units of its own binomial standard deviation $\sqrt{n p (1 -
# p)}$. It is the **Fisher information**: for $x \sim p(x|z)$ the mean square of the
# first derivative of $-\log p$ equals the mean of the second. This gives an independent
# check: draw images, and square what `backward` returns.


# %%
def curvature(vae, z, step=0.02):
    """h of each code and dimension, (B, K)."""
    p, h = vae.decode(z) / n, np.empty_like(z)
    for k in range(z.shape[1]):
        shift = np.zeros(z.shape[1], z.dtype)
        shift[k] = step
        up = vae.decoder_output(z + shift)
        down = vae.decoder_output(z - shift)
        dy = (up - down) / (2 * step)
        h[:, k] = (n * p * (1 - p) * dy**2).sum(axis=1)  # (11.5)
    return h


def sigma_of(h):
    return 1 / np.sqrt(1 + h)  # (24.3) at beta = 1


double = model.astype(np.float64)
z_one = double.latent(x_test[:1].astype(np.float64))
z_many = np.repeat(z_one, 20_000, axis=0)
y = double.decoder_output(z_many)
x = double.likelihood.sample(y, generator(16))
double.likelihood.log_prob(x, y)
dy = double.likelihood.backward(np.ones(len(x)))
dz = double.decoder.backward(dy)
h = curvature(double, z_one, 1e-4)[0]
check_mc("(11.5) over the squared derivative", dz**2 / h, np.ones(8))
check("no curvature, the prior's sigma", sigma_of(0.0), 1.0, 0.0)

# %% [markdown]
# **Predict.** Compare $1 / \sqrt{1 + h_k}$ of the decoder and the encoder's $\sigma_k$,
# for each test image. The two share no weight: how well will they agree?

# %% tags=["hide-output"]
mu, logvar = model.encode(x_test)
sigma, from_decoder = np.exp(logvar / 2), sigma_of(curvature(model, mu))
ratio = sigma / from_decoder
agree = np.corrcoef(np.log(sigma).ravel(), np.log(from_decoder).ravel())
print(f"median ratio {np.median(ratio):.2f}, ", end="")
print(f"correlation of the logarithms {agree[0, 1]:.2f}")
check("sigma of the encoder over (11.5)", np.median(ratio), 1.0, 0.2)
check_less("image by image, too", 0.5, agree[0, 1])

# %% [markdown]
# So $\sigma_k$ is the natural length of a step: for large $h$ it is the distance at
# which the change of the image reaches the noise of all pixels together.
#
# ## Arithmetic
#
# Take the three tenths of the training images with the most ink and the three tenths
# with the least, and subtract the means of their codes. That difference is a
# *direction*: add it to the codes of test images. We do the same with slant (the slope
# of the ink's column over its row), and in pixel space with the mean images. To be
# fair, we compare at **equal effect**: steps just long enough to change the average ink
# by 0.25 counts per pixel, or the slant by 0.15, up or down. How plausible is the
# result, and is it still the same digit?
#
# **Predict.** For which attribute does the latent direction leave more plausible images
# than the pixel direction? With which do more images remain the same digit?


# %%
columns, lines = np.arange(D) % 8, np.arange(D) // 8


def ink(x):
    return x.mean(axis=1)


def slant(x):
    """How far the ink leans: the slope of its columns over its lines."""
    p = x / x.sum(axis=1, keepdims=True)
    dc = columns - (p * columns).sum(axis=1, keepdims=True)
    dl = lines - (p * lines).sum(axis=1, keepdims=True)
    return -(p * dc * dl).sum(axis=1) / (p * dl**2).sum(axis=1)


def movers(vae, measure):
    """Two functions of a step: along z, and along the pixels."""
    codes, z_test = vae.latent(x_train), vae.latent(x_test)
    low, high = np.quantile(measure(x_train), [0.3, 0.7])
    most, least = measure(x_train) > high, measure(x_train) < low
    z_way = codes[most].mean(axis=0) - codes[least].mean(axis=0)
    x_way = x_train[most].mean(axis=0) - x_train[least].mean(axis=0)
    x_rec = vae.decode(z_test)
    return (
        lambda step: vae.decode(z_test + step * z_way),
        lambda step: np.clip(x_rec + step * x_way, 0, n),
    )


def step_for(move, measure, effect):
    """The step that changes the mean of what is measured by `effect`."""
    sign, steps = np.sign(effect), np.linspace(0, 2.5, 51)
    values = np.array([measure(move(sign * s)).mean() for s in steps])
    change = np.maximum.accumulate(sign * (values - values[0]))
    return sign * np.interp(abs(effect), change, steps)


def arithmetic(vae):
    """Nats, and the share that still shows its digit, at equal effect."""
    rng, found = generator(6), {}
    for measure, effect in ((ink, 0.25), (slant, 0.15)):
        for where, move in zip(
            ("latent", "pixels"), movers(vae, measure), strict=True
        ):
            nats, same = [], []
            for wanted in (-effect, effect):
                x = move(step_for(move, measure, wanted))
                reached = measure(x).mean() - measure(move(0.0)).mean()
                what = f"{measure.__name__}, {where}"
                check(what, reached, wanted, 0.1 * effect)
                nats.append(judge.score(drawn(x, rng)))
                same.append(looks_like(np.round(x)) == test_labels)
            name = f"{measure.__name__}_{where}"
            found[name] = np.mean(nats), 4
            found[f"{name}_same"] = 100 * np.mean(same), 6
    return found


made = arithmetic(model)
for name in made:
    if not name.endswith("same"):
        nats, same = made[name][0], made[f"{name}_same"][0]
        print(f"{name:13} {nats:.0f} nats, same digit {same:.0f} %")

# %% [markdown]
# For **ink** hardly anything is gained: it is a *linear* property of the pixels.
# **Slant** is not: to lean a stroke, ink must vanish here and appear there, depending
# on the stroke. There the latent direction leaves images that are more plausible by 13
# nats in this model, but *fewer* of them are still the same digit. The direction is a
# difference of means and includes whatever goes with slant in the data. The difference
# of two mean codes, to make a 3 into an 8, can fail for the same reason. [Chapter
# 18](18_a_digit_on_demand.py) gives the digit to the model instead.
#
# ## Does it take a VAE? Five seeds, three sizes, two budgets
#
# An earlier version of this chapter concluded from one pair of models with $K = 8$: "a
# plain autoencoder blends about as well; it takes no KL". We measure it again: $K = 8$,
# 16 and 32, both models with the same layers, steps and batches, from five seeds, for
# 60 and for 250 epochs (`python benchmarks/course.py 11 --seeds 5` makes the table; the
# larger models have not settled even after 250).
#
# **Predict.** As $K$ grows, will the autoencoder's midpoints become better or worse
# than those of the VAE? And its *ends*, the reconstructions?


# %%
def blending(vae, plain):
    """Mean scores at the end and in the middle, nats."""
    rng, found = generator(5), {}
    end, middle = blends(vae, plain, 0.0), blends(vae, plain, 0.5)
    images = {
        "end": end["straight line"],
        "end_plain": end["autoencoder"],
        "middle": middle["straight line"],
        "middle_plain": middle["autoencoder"],
        "middle_pixels": middle["pixels"],
        "middle_circle": middle["great circle"],
    }
    for name, x in images.items():
        found[name] = judge.score(drawn(x, rng)).mean(), 4
    return found


def row_of(vae, plain, K, epochs):
    row = blending(vae, plain) | arithmetic(vae)
    row = {k: (round(float(v), 2), far) for k, (v, far) in row.items()}
    measured_row("course_11.csv", {"K": K, "epochs": epochs}, **row)


if os.environ.get("MINIVAE_MEASURE"):
    for epochs in (60, 250):
        for K in (8, 16, 32):
            pair = [train(c, K, 96, epochs) for c in (VAE, Autoencoder)]
            row_of(*pair, K, epochs)
    raise SystemExit

row_of(model, plain, 8, 60)
table = measured("course_11.csv")


def over_seeds(K, epochs, add, subtract):
    """Mean and standard error of sums of columns, added and subtracted."""
    d = [
        sum(row[c] for c in add) - sum(row[c] for c in subtract)
        for row in table
        if (row["K"], row["epochs"]) == (K, epochs)
    ]
    return np.mean(d), np.std(d, ddof=1) / np.sqrt(len(d))


def print_table(title, columns):
    print(title)
    for K, epochs in ((K, e) for e in (60, 250) for K in (8, 16, 32)):
        print(f"  K = {K:2}, {epochs:3} epochs ", end="")
        for pair in columns:
            of = over_seeds(K, epochs, *pair)
            print("   {:+5.1f} ± {:3.1f}".format(*of), end="")
        print()


more = ["middle_plain", "end"], ["middle", "end_plain"]
print_table(
    "autoencoder minus VAE: ends, middle, middle minus ends (nats)",
    [(["end_plain"], ["end"]), (["middle_plain"], ["middle"]), more],
)
print_table(
    "in the middle, minus the line: pixels, great circle (nats)",
    [([f"middle_{way}"], ["middle"]) for way in ("pixels", "circle")],
)
for what in ("ink", "slant"):
    a, b = f"{what}_latent", f"{what}_pixels"
    print_table(
        f"{what}, latent minus pixels: nats, same digit (points)",
        [([a], [b]), ([f"{a}_same"], [f"{b}_same"])],
    )

# %% tags=["hide-output"]
sizes = (8, 60), (16, 60), (32, 60)
for more, less, where in (
    ("end_plain", "end", sizes[1:]),
    ("middle_plain", "middle", sizes),
    ("middle_circle", "middle", sizes),
    ("slant_pixels", "slant_latent", sizes),
    ("slant_pixels_same", "slant_latent_same", sizes[:1]),
):
    for place in where:
        mean, error = over_seeds(*place, [more], [less])
        check_less(f"{more} - {less}, {place}", 4 * error, mean)

# %% [markdown]
# So the earlier conclusion held for its size and budget only. After 60 epochs with $K =
# 8$ the ends are equal and the autoencoder's midpoints worse by three nats. With more
# dimensions, or more epochs, both its ends and its midpoints score worse, by up to 17
# nats. But the ends are reconstructions: a wide autoencoder copies what is odd about an
# image, which a VAE smooths away. What the *way* costs is in the last column, from end
# to middle: there the autoencoder loses at most five nats more, at $K = 32$ hardly any,
# where both lose thirty to forty. So most of what makes a latent space passable is not
# due to the KL; it smooths the ends, and gains a few nats on the way. The great circle
# is worse than the line at every size. The loss of digits by the latent slant shrinks
# with $K$: with 16 and 32 dimensions it is two points or less, and the images stay more
# plausible.
#
# ## What goes wrong in practice
#
# **The ends are not the images.** A path begins at $E[x|z_a]$, the reconstruction. Show
# the images beside it; otherwise a model that reconstructs badly but smoothly looks
# better than it is. **Chosen pairs.** A film of one pair is an anecdote; so are 400
# pairs of *one* model, when models are compared. **Walking with noise.** For a path
# take $\mu(x)$ at the ends, not samples. **Walking off the map.** A traversal to $\pm
# 5$ shows what the decoder says where it was never trained.
#
# ## Exercises
#
# **1. Averages (warm-up).** What is the mean squared norm of the average of $m$ draws
# from the prior in $K$ dimensions? Where does that of *many* codes lie, and what is its
# image?
#
# <details><summary>Hint</summary>
#
# Independent variances add. What is the variance of a mean of $m$ draws? Then decode
# the mean of all training codes, and compare it with the mean image.
#
# </details>
#
# <details><summary>Answer</summary>
#
# Each coordinate of the mean has the variance $1/m$, so its squared norm is $K/m$ on
# average: the mean of many draws tends to the origin. The codes of real images average
# to near the origin, too, and the decoder makes *one* image of it, a digit of some
# kind, whereas the mean of the pixels is all digits at once.
#
# </details>

# %% tags=["hide-cell"]
rng = generator(8)
means = rng.standard_normal((5000, 4, 8)).mean(axis=1)
check_mc("mean of four", (means**2).sum(axis=1), 8 / 4)
of_codes = model.decode(model.latent(x_train).mean(axis=0))
everyone = x_train.mean(axis=0)
nats = [
    judge.score(drawn(np.tile(mean, (100, 1)), rng)).mean()
    for mean in (of_codes, everyone)
]
print("mean code {:.0f}, mean image {:.0f} nats".format(*nats))
check_less("the mean code is more of an image", *nats)

# %% [markdown]
# **2. Same digit.** Repeat the comparison of pixels and straight line for pairs that
# show the *same* digit. How plausible is the middle now, and what follows?
#
# <details><summary>Hint</summary>
#
# What lies between two 3s, and what between a 3 and an 8? Only the choice of pairs
# changes: `test_labels[one] == test_labels[two]`.
#
# </details>
#
# <details><summary>Answer</summary>
#
# Two 3s have a 3 between them: the middle is even more plausible than the ends. So the
# cost arises between different digits.
#
# </details>

# %% tags=["hide-cell"]
one = rng.integers(300, size=4000)
two = (one + rng.integers(1, 300, size=4000)) % 300
same = test_labels[one] == test_labels[two]
z_test = model.latent(x_test)
za, zb = z_test[one[same]], z_test[two[same]]
middle = judge.score(drawn(model.decode(0.5 * (za + zb)), rng))
end = judge.score(drawn(model.decode(za), rng))
pixels = 0.5 * (model.decode(za) + model.decode(zb))
blended = judge.score(drawn(pixels, rng))
print(f"end {end.mean():.0f}, middle {middle.mean():.0f}, ", end="")
print(f"blended pixels {blended.mean():.0f} nats")
check_less("the middle is no worse", middle.mean(), end.mean() + 2)
check_paired("pixels over line", blended - middle)

# %% [markdown]
# **3. Where is the center? (towards research).** (11.3) turns around the origin. Move
# all codes by a constant and adapt the decoder's first bias: every reconstruction stays
# the same. Does the circle? The line? Is the circle around the mean code better?
#
# <details><summary>Hint</summary>
#
# Subtract a center from both codes before `slerp` and add it again afterwards. What
# does the same do to `lerp`?
#
# </details>
#
# <details><summary>Answer</summary>
#
# The line does not depend on the center, since its weights add up to one; the circle
# does. Neither origin nor mean makes it better than the line; around a center far away
# it is nearly the line. A midpoint is implausible because it lies between two digits,
# not because it is short. (Arvanitidis and others compute paths with the decoder.)
#
# </details>

# %% tags=["hide-cell"]
z_a, z_b = ends(model)
far = np.full(8, 3.0, np.float32)
line = lerp(z_a, z_b, 0.5)
check("the line", lerp(z_a + far, z_b + far, 0.5) - far, line, 1e-5)
nats = {"line": judge.score(drawn(model.decode(line), rng)).mean()}
mean_code = model.latent(x_train).mean(axis=0)
centers = {"origin": 0 * far, "mean": mean_code, "far": far}
for name, center in centers.items():
    z = slerp(z_a - center, z_b - center, 0.5) + center
    nats[name] = judge.score(drawn(model.decode(z), rng)).mean()
    apart = np.linalg.norm(z - line, axis=1).mean()
    print(f"{name:7} {apart:.1f} from the line, {nats[name]:.0f} nats")
for name in ("origin", "mean"):
    check_less("the line is better", nats["line"], nats[name])

# %% [markdown]
# ## Sources
#
# - D. P. Kingma, M. Welling, *Auto-Encoding Variational Bayes*, ICLR 2014, [arXiv
#   1312.6114](https://arxiv.org/abs/1312.6114), figure 4: the map in equal shares.
# - T. White, *Sampling Generative Networks*, 2016, [arXiv
#   1609.04468](https://arxiv.org/abs/1609.04468): spherical interpolation and attribute
#   vectors.
# - K. Shoemake, *Animating Rotation with Quaternion Curves*, SIGGRAPH 1985: (11.3).
# - D. Berthelot, C. Raffel, A. Roy, I. Goodfellow, *Understanding and Improving
#   Interpolation in Autoencoders via an Adversarial Regularizer*, ICLR 2019, [arXiv
#   1807.07543](https://arxiv.org/abs/1807.07543): autoencoders and VAEs compared by
#   their interpolations.
# - G. Arvanitidis, L. K. Hansen, S. Hauberg, *Latent Space Oddity: on the Curvature of
#   Deep Generative Models*, ICLR 2018, [arXiv
#   1710.11379](https://arxiv.org/abs/1710.11379): exercise 3.
# - M. Rolinek, D. Zietlow, G. Martius, *Variational Autoencoders Pursue PCA Directions
#   (by Accident)*, CVPR 2019, [arXiv 1812.06775](https://arxiv.org/abs/1812.06775).
# - F. Locatello and others, *Challenging Common Assumptions in the Unsupervised
#   Learning of Disentangled Representations*, ICML 2019, [arXiv
#   1811.12359](https://arxiv.org/abs/1811.12359).
#
# ## What to read next
#
# [Chapter 12](12_how_tight_is_the_bound.py) asks how far the bound lies below $\log
# p(x)$. [Chapter 17](17_blending_two_faces.py) blends faces, where the true face
# between two is known. For geometry, read Arvanitidis and others.
