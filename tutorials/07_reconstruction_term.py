# %% [markdown]
# # 7. The reconstruction term
#
# "Which loss should I use, L2, L1 or cross-entropy?" is the wrong question. The right
# one is: what do you believe about a pixel, once you know what the decoder says? Each
# loss is the answer to that for one distribution, and the constants that textbooks drop
# on the way are what decides between a sharp picture and a blurred one.
#
# **What you will learn**
#
# - to turn a belief about pixels into a loss: Gaussian into L2, Laplace into L1,
#   Bernoulli and binomial into cross-entropy, with all constants and gradients;
# - to compute them from logits without overflow;
# - why cross-entropy on grey pixels is not a likelihood;
# - that the constant $c$ of the Gaussian *is* a weight on the KL, and what it does to
#   pictures;
# - that a mean over pixels in place of the sum multiplies the KL by the number of
#   pixels, and how to let the scale be learned.
#
# **What you need:** chapters 4 and 6. About one hour and a half.

# %%
import math

import matplotlib.pyplot as plt
import numpy as np

from checks import BLUE, ORANGE
from checks import check, check_less, must_fail, style
from minivae import VAE, Adam, likelihoods
from minivae.datasets import load_digits

style()
rng = np.random.default_rng(7)

# %% [markdown]
# ## The question
#
# The reconstruction term is $-\mathbb{E}_q[\log p(x|z)]$. The decoder turns $z$ into an
# output $y$, one number for each of the $D$ pixels, and given $y$ the pixels are taken
# to be independent. So $\log p(x|z) = \sum_d \log p(x_d | y_d)$, a **sum over pixels**.
# What is missing is $p(x_d | y_d)$.
#
# We need two things from each candidate: $\log p$, with every constant, and its
# derivative in $y$, which is the `dy` that the backward pass of chapter 6 starts from.
#
# **Predict.** A model is trained with squared error on pixels that are, at one place in
# the picture, 0 in 60 % of the images and 1 in 40 %, and nothing tells which. What grey
# will the decoder put there? And with absolute error?
#
# ## Gaussian: squared error
#
# $p(x_d | y_d) = \mathcal{N}(x_d; y_d, c)$ with one **variance** $c$ for all pixels.
# The logarithm of its density, from (4.1), is $-\frac12 (\log 2\pi + \log c + (x_d -
# y_d)^2 / c)$. Summed over the pixels, the first two parts occur $D$ times:
#
# $$
# \log p(x|z) = - \frac{1}{2c} \sum_d (x_d - y_d)^2 - \frac{D}{2} \log 2 \pi c
#   \tag{7.1}
# $$
#
# In $y_d$ only its own square counts; $-\frac{1}{2c} \cdot 2 (x_d - y_d) \cdot (-1)$:
#
# $$
# \frac{\partial \log p}{\partial y_d} = \frac{x_d - y_d}{c} \tag{7.2}
# $$
#
# ## Laplace: absolute error
#
# The Laplace density has a sharp peak and long tails, $p(x_d | y_d) = \frac{1}{2b}
# e^{-|x_d - y_d| / b}$. The logarithm is read off:
#
# $$
# \log p(x|z) = - \frac1b \sum_d |x_d - y_d| - D \log 2b \tag{7.3}
# $$
#
# The slope of $-|x - y|$ in $y$ is $+1$ where $y < x$ and $-1$ where $y > x$, the sign
# of $x - y$:
#
# $$
# \frac{\partial \log p}{\partial y_d} = \frac{\mathrm{sign}(x_d - y_d)}{b} \tag{7.4}
# $$
#
# ## Bernoulli: cross-entropy
#
# Now the pixel is 0 or 1, and $p = \mathrm{sigmoid}(y)$ is the probability of a 1. So
# $\log p(x|y) = x \log p + (1 - x) \log (1 - p)$: the first term for $x = 1$, the
# second for $x = 0$. That is minus the *cross-entropy* loss. Written with sigmoid and
# logarithm it is a trap: at $y = -800$ the sigmoid is exactly 0 in the computer, and
# $\log 0$ ends the training. So we never take the logarithm of a sigmoid. With $p = e^y
# / (1 + e^y)$ and $1 - p = 1 / (1 + e^y)$,
#
# $$
# \log p = y - \log(1 + e^y), \qquad \log(1 - p) = - \log(1 + e^y) ,
# $$
#
# and in $x \log p + (1 - x) \log(1 - p)$ the logarithm occurs $x + (1 - x) = 1$ time:
#
# $$
# \log p(x|z) = \sum_d \left[ x_d y_d - \log(1 + e^{y_d}) \right] \tag{7.5}
# $$
#
# The softplus $\log(1 + e^y)$ still overflows for large $y$. For $y > 0$ take $e^y$
# out, $\log(e^y (e^{-y} + 1)) = y + \log(1 + e^{-y})$; for $y \le 0$ leave it. Both
# cases are
#
# $$
# \log(1 + e^y) = \max(y, 0) + \log(1 + e^{-|y|}) \tag{7.6}
# $$
#
# and nothing in it is larger than $|y|$. Its derivative is the sigmoid (6.9), hence
#
# $$
# \frac{\partial \log p}{\partial y_d} = x_d - \mathrm{sigmoid}(y_d) \tag{7.7}
# $$
#
# Observed minus expected. This simple form is the reason for using logits.
#
# ## Binomial: counts
#
# The digits of this course are counts: each pixel says how many of 16 fine dots were
# black. If each dot is black with probability $p = \mathrm{sigmoid}(y)$, the count is
# binomial with $n = 16$: $p(x|y) = \binom{n}{x} p^x (1 - p)^{n - x}$. The same two
# logarithms as before, now occurring $x$ and $n - x$ times, so that the softplus occurs
# $n$ times:
#
# $$
# \log p(x|z) = \sum_d \left[ x_d y_d - n \log(1 + e^{y_d})
#   + \log \binom{n}{x_d} \right] \tag{7.8}
# $$
#
# $$
# \frac{\partial \log p}{\partial y_d} = x_d - n\, \mathrm{sigmoid}(y_d) \tag{7.9}
# $$
#
# Bernoulli is $n = 1$, where both binomial coefficients are one.


# %%
def log_gaussian(x, y, c):
    D = x.shape[-1]
    squares = ((x - y) ** 2).sum(axis=-1)
    return -squares / (2 * c) - D / 2 * np.log(2 * np.pi * c)  # (7.1)


def log_laplace(x, y, b):
    D = x.shape[-1]
    distance = np.abs(x - y).sum(axis=-1)
    return -distance / b - D * np.log(2 * b)  # (7.3)


def softplus(y):
    return np.maximum(y, 0) + np.log1p(np.exp(-np.abs(y)))  # (7.6)


def log_bernoulli(x, y):
    return (x * y - softplus(y)).sum(axis=-1)  # (7.5)


def log_binomial(x, y, n):
    choose = [math.log(math.comb(n, k)) for k in range(n + 1)]
    choose = np.array(choose)[x.astype(int)]
    return (x * y - n * softplus(y) + choose).sum(axis=-1)  # (7.8)


def sigmoid(y):
    return np.exp(-softplus(-y))


def slope_gaussian(x, y, c):
    return (x - y) / c  # (7.2)


def slope_laplace(x, y, b):
    return np.sign(x - y) / b  # (7.4)


def slope_bernoulli(x, y):
    return x - sigmoid(y)  # (7.7)


def slope_binomial(x, y, n):
    return x - n * sigmoid(y)  # (7.9)


# %% [markdown]
# ## Four checks each
#
# **Is it a distribution?** A density has to integrate to one, and probabilities have to
# sum to one. This is the check that finds a missing constant, and it is independent of
# everything else.

# %%
line = np.linspace(-60, 60, 240_001)
step = line[1] - line[0]
at = np.full((1, 1), 0.3)
values = np.exp(log_gaussian(line[:, None], at, 0.7))
check("(7.1) density integrates to one", values.sum() * step, 1, 1e-10)
values = np.exp(log_laplace(line[:, None], at, 0.7))
check("(7.3) density integrates to one", values.sum() * step, 1, 1e-6)

counts = np.arange(17.0)[:, None]
values = np.exp(log_binomial(counts, at, 16))
check("(7.8) probabilities sum to one", values.sum(), 1, 1e-12)

# All 8 images of three black or white pixels:
images = np.array(
    [[i & 1, i >> 1 & 1, i >> 2] for i in range(8)], float
)
y3 = np.array([[0.3, -1.2, 2.0]])
values = np.exp(log_bernoulli(images, y3))
check("(7.5) probabilities of 8 images", values.sum(), 1, 1e-12)
mean = (values[:, None] * images).sum(axis=0)
check(
    "(7.5) mean is the sigmoid", mean, 1 / (1 + np.exp(-y3[0])), 1e-12
)

# %% [markdown]
# **Does it survive extremes?** Logits of ten thousand give finite numbers, and right
# ones.

# %%
y = np.array([-1e4, -3.0, 0.0, 3.0, 1e4])
small = np.log(1 + np.exp(y[1:4]))
check("(7.6) softplus", softplus(y[1:4]), small, 1e-12)
check("(7.6) at the extremes", softplus(y[[0, 4]]), [0.0, 1e4], 1e-12)

# %% [markdown]
# **Is the gradient right?** Central differences (6.2), pixel by pixel. And **is it the
# package's?** `minivae/likelihoods.py` holds the same formulas as objects with a
# `log_prob` and a `backward`.

# %%
B, D, n = 3, 5, 16
y = 2 * rng.normal(size=(B, D))
real = rng.normal(size=(B, D))
binary = (rng.random((B, D)) < 0.5).astype(float)
counted = rng.integers(0, n + 1, size=(B, D)).astype(float)

cases = [
    ("Gaussian (7.2)", real, log_gaussian, slope_gaussian, (0.7,)),
    ("Laplace (7.4)", real, log_laplace, slope_laplace, (0.7,)),
    ("Bernoulli (7.7)", binary, log_bernoulli, slope_bernoulli, ()),
    ("binomial (7.9)", counted, log_binomial, slope_binomial, (n,)),
]
package = [
    likelihoods.Gaussian(0.7),
    likelihoods.Laplace(0.7),
    likelihoods.Bernoulli(),
    likelihoods.Binomial(n),
]
h = 1e-5
for (name, x, log_p, slope, extra), ours in zip(
    cases, package, strict=True
):
    numeric = np.zeros_like(y)
    for d in range(D):
        move = h * (np.arange(D) == d)
        up, down = (
            log_p(x, y + move, *extra),
            log_p(x, y - move, *extra),
        )
        numeric[:, d] = (up - down) / (2 * h)
    check(f"{name} slope", slope(x, y, *extra), numeric, 1e-7)
    check("  package", ours.log_prob(x, y), log_p(x, y, *extra), 1e-10)
    check(
        "  package",
        ours.backward(np.ones(B)),
        slope(x, y, *extra),
        1e-12,
    )

# %% [markdown]
# ## Mean, median, and the grey pixel
#
# Back to the prediction. If nothing distinguishes the images, the best $y$ is the one
# where the average of (7.2), or (7.4), is zero. For squared error: the average of $x -
# y$ vanishes at the **mean**, 0.4, a grey that no image has. For absolute error: as
# many plus signs as minus signs, the **median**, which is 0. The cross-entropy (7.7)
# wants $\mathrm{sigmoid}(y)$ at the mean, but there 0.4 is not a shade; it is a
# probability, and samples from it are black or white. This is where blur comes from: a
# decoder that does not know, and a likelihood that makes it answer with a shade.

# %%
pixel = (np.arange(1000) < 400).astype(float)[:, None]  # 40 % ones
candidates = np.linspace(-0.5, 1.5, 401)
best = []
for log_p in (log_gaussian, log_laplace):
    values = [log_p(pixel, c, 0.5).sum() for c in candidates]
    best.append(candidates[np.argmax(values)])
check("squared error finds the mean", best[0], 0.4, 0.003)
check("absolute error finds the median", best[1], 0.0, 0.003)
zero = slope_bernoulli(pixel, np.log(0.4 / 0.6)).mean()
check("cross-entropy: the mean, as a probability", zero, 0, 1e-12)

# %%
r = np.linspace(-4, 4, 401)[:, None]
zero = np.zeros(1)
plt.figure()
plt.plot(r, -log_gaussian(r, zero, 1.0), color=BLUE)
plt.plot(r, -log_laplace(r, zero, np.sqrt(0.5)), color=ORANGE)
plt.text(3.05, 6.6, "Gaussian, L2", color=BLUE, ha="right")
plt.text(4.05, 3.6, "Laplace, L1", color=ORANGE, ha="right")
plt.xlabel("pixel minus decoder's output, in standard deviations")
plt.ylabel(r"$-\log\, p$, nats per pixel")
plt.title("Large errors cost the Gaussian more")
plt.show()

# %% [markdown]
# ## Grey pixels are not coin flips
#
# "If your data is binary, or normalized between 0 and 1, use cross-entropy", one reads.
# For binary data (7.5) is a likelihood. For grey values it runs, and it is a usable
# training loss. But it is no likelihood, and its nats must not be compared with anyone
# else's. **Predict:** over all grey values $x$ in $[0, 1]$, to what does
# $e^{xy - \log(1 + e^y)}$ integrate?
#
# $\int_0^1 e^{xy} dx = (e^y - 1) / y$. Divided by $1 + e^y$, and numerator and
# denominator by $e^{y/2}$, that is
#
# $$
# \int_0^1 e^{xy - \log(1 + e^y)}\, dx = \frac1y \cdot \frac{e^y - 1}{e^y + 1}
#   = \frac{\tanh(y / 2)}{y} \tag{7.10}
# $$
#
# which is at most a half, at $y = 0$. The "probabilities" of all possible pixels
# together are worth half a pixel or less; normalising would raise $\log p$ by at least
# $\log 2$ per pixel, so the loss is too high by at least 543 nats on a 28 × 28 image.
# Exercise 5 repairs it.


# %%
def grey_total(y):
    return np.tanh(y / 2) / y  # (7.10)


grey = (np.arange(20_000) + 0.5)[:, None] / 20_000
for y in (-3.0, 0.01, 1.5, 8.0):
    total = np.exp(log_bernoulli(grey, np.full((1, 1), y))).mean()
    check(
        f"(7.10) all grey values at y = {y}", total, grey_total(y), 1e-7
    )
with must_fail():
    check("a likelihood would give", grey_total(1.5), 1, 1e-7)
print(f"28 x 28 pixels lose at least {784 * np.log(2):.0f} nats")

# %% [markdown]
# ## What the constant c does
#
# Take the loss with a Gaussian likelihood and multiply it by $c$. The place of its
# minimum does not change:
#
# $$
# c \cdot \left( \frac{1}{2c} \Vert x - y \Vert^2 + \frac{D}{2} \log 2\pi c
#   + \mathrm{KL} \right) = \tfrac12 \Vert x - y \Vert^2 + c\, \mathrm{KL}
#   + \text{const} .
# $$
#
# So "squared error plus $\beta$ times KL" is the ELBO of a Gaussian with some $c$, and
# choosing $c$ is choosing $\beta$. In gradients,
#
# $$
# c \cdot \nabla \left. \mathcal{L} \right|_{c,\, \beta = 1}
#   = \nabla \left. \mathcal{L} \right|_{c = 1,\, \beta = c} \tag{7.11}
# $$
#
# and with the *mean* over the $D$ pixels in place of the sum, a common default of deep
# learning libraries, $\frac1D \Vert x - y \Vert^2 + \mathrm{KL}$, we minimise the same
# as $\frac12 \Vert x - y \Vert^2 + \frac{D}{2} \mathrm{KL}$: the weight of the KL is
#
# $$
# c = \beta = \frac{D}{2} \tag{7.12}
# $$
#
# On pixels between 0 and 1, that is the belief that each pixel is off by $\sqrt{D/2}$,
# or 20 on MNIST. A model with this belief has nothing to learn.

# %%
digits = load_digits()
data = digits.train.reshape(-1, 64) / 16.0
batch, eps = data[:7], rng.standard_normal((7, 8))


def new_model(c, learned=False):
    return VAE.mlp(
        64,
        8,
        hidden=(64,),
        likelihood=likelihoods.Gaussian(c, learned),
        rng=np.random.default_rng(70),
        dtype=np.float64,
    )


def gradient(model, beta=1.0):
    model.loss(batch, eps, beta)
    model.backward()
    return model.grad.copy()


c = 0.05
left = c * gradient(new_model(c))  # (7.11)
right = gradient(new_model(1.0), beta=c)  # (7.11)
check("(7.11) c is a weight on the KL", left, right, 1e-12)

beta_of_mean = 64 / 2  # (7.12)
model = new_model(1.0)
weighted = gradient(model, beta=beta_of_mean) * 2 / 64


def mean_squared_loss(theta):
    model.theta[:] = theta
    mu, logvar = model.encode(batch)
    y = model.decode(mu + np.exp(logvar / 2) * eps)
    kl = 0.5 * (mu**2 + np.exp(logvar) - 1 - logvar)
    return ((batch - y) ** 2).mean() + kl.sum(axis=1).mean()


theta = model.theta.copy()
v = rng.normal(size=theta.size) / np.sqrt(theta.size)
up, down = (
    mean_squared_loss(theta + h * v),
    mean_squared_loss(theta - h * v),
)
slope = (up - down) / (2 * h)
check(
    "(7.12) mean over pixels is beta = D/2", weighted @ v, slope, 1e-8
)

# %% [markdown]
# Now train. **Predict** for $c = 1$, $0.1$ and $0.001$: how many nats of KL will the
# model spend, and what will its reconstructions look like?


# %%
def train(model, steps=2500, lr=3e-3):
    draw = np.random.default_rng(71)
    adam = Adam(lr=lr)
    for _ in range(steps):
        x = data[draw.integers(len(data), size=32)]
        model.loss(x, draw.standard_normal((32, 8)))
        model.backward()
        adam.step(model.theta, model.grad)
    mu, logvar = model.encode(data)
    z = mu + np.exp(logvar / 2) * draw.standard_normal(mu.shape)
    error = ((data - model.decode(z)) ** 2).mean()
    kl = 0.5 * (mu**2 + np.exp(logvar) - 1 - logvar).sum(axis=1).mean()
    return error, kl


beliefs = [1.0, 0.1, 0.001]
models, errors, kls = [], [], []
print("     c   mean squared error    KL, nats")
for c in beliefs:
    model = new_model(c)
    error, kl = train(model)
    print(f"{c:6g} {error:20.4f} {kl:11.2f}")
    models.append(model), errors.append(error), kls.append(kl)
check_less("large c: nothing is said", kls[0], 0.1)
check_less("smaller c, more nats", kls[1], kls[2])
check_less("smaller c, smaller error", errors[2], errors[1])

learned = new_model(0.1, learned=True)
error, kl = train(learned)
print(f"learned {learned.likelihood.c:.4f} {error:13.4f} {kl:11.2f}")

# %%
shown = data[[0, 1, 2, 3, 4, 5, 6, 7]]
rows = [shown] + [
    model.reconstruct(shown) for model in [*models, learned]
]
names = ["originals"] + [f"c = {c:g}" for c in beliefs]
names.append(f"learned\nc = {learned.likelihood.c:.3f}")
fig, axes = plt.subplots(5, 8, figsize=(7, 4.8))
for i, (name, row) in enumerate(zip(names, rows, strict=True)):
    for axis, image in zip(axes[i], row, strict=True):
        axis.imshow(image.reshape(8, 8), vmin=0, vmax=1)
        axis.set_xticks([])
        axis.set_yticks([])
        axis.spines[:].set_visible(False)
    axes[i, 0].set_ylabel(name, rotation=0, ha="right", va="center")
fig.suptitle(
    "Believing in noise, one sees nothing else", x=0.02, ha="left"
)
plt.show()

# %% [markdown]
# With $c = 1$ the model believes that each pixel has a standard deviation of 1, on a
# scale from 0 to 1. Differences between digits are then lost in what it takes for
# noise, no nat of KL pays for itself, and all reconstructions are the mean digit. With
# $c = 0.001$ it believes in a noise of 0.03 and pays for every detail: six times the
# nats of $c = 0.1$, for half the error. Whether they are well spent is another
# question; chapters 10 and 13 come back to it.
#
# ## A scale that is learned
#
# Nobody has to guess. The likelihood (7.1) contains $c$, constants and all, so it can
# be maximised like anything else. With $Q = \Vert x - y \Vert^2$ and in the variable
# $\log c$, which may take any value: $\frac{\partial}{\partial \log c} \left(
# -\frac{Q}{2} c^{-1} - \frac D2 \log c \right)$, and $c^{-1} = e^{-\log c}$ has the
# derivative $-c^{-1}$:
#
# $$
# \frac{\partial \log p}{\partial \log c} = \frac{\Vert x - y \Vert^2}{2c} - \frac D2
#   \tag{7.13}
# $$
#
# Zero where $c = \Vert x - y \Vert^2 / D$. Averaged over the data set and the noise:
# the best $c$ is the **mean squared error** itself,
#
# $$
# c^* = \frac{1}{ND} \sum_n \Vert x_n - y_n \Vert^2 \tag{7.14}
# $$
#
# and with it the first term of (7.1) is always $\frac D2$, so that the reconstruction
# term becomes
#
# $$
# \mathtt{rec}^* = \frac D2 \left( \log 2 \pi c^* + 1 \right) \tag{7.15}
# $$
#
# the *logarithm* of the error: ten percent less error is worth the same number of nats,
# whether the error is large or small. Note what happens without the constant $-\frac D2
# \log c$: the optimum is $c = \infty$. A scale cannot be learned from a loss that has
# dropped it.


# %%
def slope_log_c(x, y, c):
    D = x.shape[-1]
    squares = ((x - y) ** 2).sum(axis=-1)
    return squares / (2 * c) - D / 2  # (7.13)


x, y = rng.normal(size=(2, 40, 6))
up = log_gaussian(x, y, 0.7 * np.exp(h))
down = log_gaussian(x, y, 0.7 * np.exp(-h))
check(
    "(7.13) slope", slope_log_c(x, y, 0.7), (up - down) / (2 * h), 1e-7
)
best_c = ((x - y) ** 2).mean()  # (7.14)
check(
    "(7.14) slope at the best c",
    slope_log_c(x, y, best_c).mean(),
    0,
    1e-12,
)
best_rec = 6 / 2 * (np.log(2 * np.pi * best_c) + 1)  # (7.15)
rec = -log_gaussian(x, y, best_c).mean()
check("(7.15) rec at the best c", best_rec, rec, 1e-12)

ratio = learned.likelihood.c / error
check("the trained model found (7.14), ratio", ratio, 1, 0.1)

# %% [markdown]
# The gradient in $\log c$ sums over images and pixels. Everything else in the network
# is unchanged; `learned=True` adds one parameter.
#
# ## What goes wrong in practice
#
# - **One term summed, the other averaged**: a weight of $D$ or $1/D$ that nobody chose
#   (keras-team/keras PR #3383, y0ast/VAE-Torch #11, zdebruine/MMVAE PR #19). A mean
#   over pixels in *both* terms is only another unit, and right (pytorch/examples #290
#   was a false alarm).
# - **Constant factors** in the gradient of the Gaussian (y0ast/VAE-Torch #4, found by a
#   gradient check).
# - **A negative loss.** A density may be larger than one: at $c = 0.001$ each
#   well-fitted pixel has $\log p = 2.5$. The number is right (orybkin/sigma-vae-pytorch
#   #4 asked).
# - **log(0)** from a sigmoid followed by a logarithm (probably
#   hwalsuklee/tensorflow-mnist-VAE #4). Compare:

# %%
with np.errstate(all="ignore"):
    p = 1 / (1 + np.exp(800.0))
    naive = 1 * np.log(p) + 0 * np.log(1 - p)
one = np.ones((1, 1))
print(f"sigmoid, then log: {naive}")
print(f"from the logit:    {log_bernoulli(one, -800 * one)[0]}")
check("from the logit", log_bernoulli(one, -800 * one)[0], -800, 1e-9)
check_less("a density above one", 0, log_gaussian(one, one, 0.001)[0])

# %% [markdown]
# ## Exercises
#
# **1. A baseline (warm-up).** Before you believe in a model, beat this one: every pixel
# has its own binomial, the same for all images. Its best probabilities are the mean
# images. How many nats per image does it cost on the digits' training part?
#
# <details><summary>Hint</summary>
#
# (7.8) with $y_d$ the logit of the mean of pixel $d$, divided by 16. Some pixels are
# always zero; clip their probability a little above zero.
#
# </details>

# %% tags=["hide-cell"]
counts = digits.train.reshape(-1, 64).astype(float)
p = np.clip(counts.mean(axis=0) / 16, 1e-6, 1 - 1e-6)
baseline = -log_binomial(counts, np.log(p / (1 - p)), 16).mean()
print(f"per-pixel binomial: {baseline:.1f} nats per image")
flat = -log_binomial(counts, np.zeros(64), 16).mean()
check_less("better than one half everywhere", baseline, flat)

# %% [markdown]
# **2. The scale of Laplace.** Derive $\partial \log p / \partial \log b$ for (7.3), the
# best $b$, and what the term becomes there. Check all three.
#
# <details><summary>Hint</summary>
#
# The same steps as for $c$; the best $b$ is the mean absolute error.
#
# </details>

# %% tags=["hide-cell"]
up = log_laplace(x, y, 0.7 * np.exp(h))
down = log_laplace(x, y, 0.7 * np.exp(-h))
slope = np.abs(x - y).sum(axis=1) / 0.7 - 6
check("slope in log b", slope, (up - down) / (2 * h), 1e-7)
best_b = np.abs(x - y).mean()
value = -log_laplace(x, y, best_b).mean()
check("best rec", value, 6 * (np.log(2 * best_b) + 1), 1e-12)

# %% [markdown]
# **3. From a density to probabilities.** Pixels are whole numbers, densities are not
# made for them: a Gaussian with $c \to 0$ on integers has an infinite likelihood.
# Adding uniform noise $u$ in $[0, 1)$ to the data cures it. Show with Jensen's
# inequality that $\mathbb{E}_u \log p(x + u) \le \log P(x)$, where
# $P(x) = \int_0^1 p(x + u)\, du$ is a proper probability, and check it with numbers.
#
# <details><summary>Hint</summary>
#
# The logarithm is concave: the mean of logs is at most the log of the mean.
#
# </details>

# %% tags=["hide-cell"]
u = (np.arange(10_000) + 0.5) / 10_000
whole = np.arange(-20, 21)
density = log_gaussian(
    (whole[:, None] + u)[..., None], np.array([0.4]), 1.5
)
P = np.exp(density).mean(axis=1)
check("P sums to one", P.sum(), 1, 1e-8)
for k in (18, 20, 23):
    check_less(
        f"bound at x = {whole[k]}", density[k].mean(), np.log(P[k])
    )

# %% [markdown]
# **4. Which belief fits?** Fit one Gaussian and one Laplace to the residuals of the
# model with the learned scale, by (7.14) and by exercise 2. Which has the higher
# likelihood, and what does the histogram of residuals say about both?
#
# <details><summary>Hint</summary>
#
# Many pixels of an image are plain background, with hardly any error.
#
# </details>

# %% tags=["hide-cell"]
residual = (data - learned.reconstruct(data)).reshape(-1, 1)
zero = np.zeros((1, 1))
as_gaussian = log_gaussian(residual, zero, (residual**2).mean()).mean()
as_laplace = log_laplace(residual, zero, np.abs(residual).mean()).mean()
print(
    f"Gaussian {as_gaussian:.3f}, Laplace {as_laplace:.3f} nats per pixel"
)
check_less("Laplace fits the residuals better", as_gaussian, as_laplace)

# %% [markdown]
# **5. Repairing cross-entropy (towards research).** Divide by (7.10), and grey pixels
# get a proper density on $[0, 1]$, the *continuous Bernoulli*. What is its mean as a
# function of $y$? (It is not the sigmoid!) Check density and mean by quadrature. Then
# train with it and compare pictures; the gradient in $y$ is $x$ minus that mean. Why
# must it be?
#
# <details><summary>Hint</summary>
#
# $\log p = xy - A(y)$ with $A(y) = \log \int_0^1 e^{xy} dx = \log \frac{e^y - 1}{y}$,
# and $A'(y)$ is the mean, for every density of this form. One finds
# $A'(y) = \frac{e^y}{e^y - 1} - \frac1y$.
#
# </details>

# %% tags=["hide-cell"]
for y1 in (-3.0, 0.5, 4.0):
    density = np.exp(grey * y1) * y1 / np.expm1(y1)
    check(f"continuous Bernoulli, y = {y1}", density.mean(), 1, 1e-7)
    formula = np.exp(y1) / np.expm1(y1) - 1 / y1
    check("  its mean", (grey * density).mean(), formula, 1e-7)

# %% [markdown]
# ## Sources
#
# - D. P. Kingma, M. Welling, *Auto-Encoding Variational Bayes*, ICLR 2014, appendix C:
#   Bernoulli and Gaussian decoders.
# - C. M. Bishop, *Pattern Recognition and Machine Learning*, 2006, section 5.2: error
#   functions from likelihoods, for networks in general.
# - O. Rybkin, K. Daniilidis, S. Levine, *Simple and Effective VAE Training with
#   Calibrated Decoders*, ICML 2021: the learned scale, and (7.14).
# - G. Loaiza-Ganem, J. P. Cunningham, *The continuous Bernoulli: fixing a pervasive
#   error in variational autoencoders*, NeurIPS 2019: exercise 5.
# - L. Theis, A. van den Oord, M. Bethge, *A note on the evaluation of generative
#   models*, ICLR 2016: exercise 3, and much about comparing likelihoods.
#
# ## What to read next
#
# Chapter 8 joins this `dy` with chapters 4, 5 and 6 into the whole gradient. The paper
# by Theis and others above is short, and changes how one reads tables of results.
