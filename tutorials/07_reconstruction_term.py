# %% [markdown]
# # 7. The reconstruction term
#
# L2, L1 or cross-entropy? What do you believe about a pixel, once you know what the
# decoder says? Each loss is the answer for one distribution, and the constants that
# textbooks drop set the weight of the KL.
#
# **What you will learn**
#
# - to turn a belief about pixels into a loss: Gaussian into L2, Laplace into L1,
#   Bernoulli and binomial into cross-entropy, with all constants and gradients;
# - to compute them from logits without overflow;
# - why cross-entropy on grey pixels is not a likelihood;
# - that the constant $c$ of the Gaussian *is* a weight on the KL, and what it does to
#   reconstructions and to samples;
# - that a mean over pixels instead of the sum changes the weight of the KL by a factor
#   of the number of pixels, and how the scale can be learned.
#
# **What you need:** chapters [4](04_kl_of_two_gaussians.py) and
# [6](06_backpropagation.py). About an hour and a half.

# %%
import inspect
import math

import matplotlib.pyplot as plt
import numpy as np

from checks import BLUE, ORANGE
from checks import check, check_less, difference, generator
from checks import measured_row, must_fail, style
from minivae import VAE, Adam, likelihoods
from minivae.datasets import load_digits

style()
rng = generator(7)

# %% [markdown]
# ## The question
#
# The reconstruction term is $-\mathbb{E}_q[\log p(x|z)]$. The decoder turns $z$ into an
# output $y$, one number for each of the $D$ pixels, and given $y$ the pixels are taken
# to be independent. So $\log p(x|z) = \sum_d \log p(x_d | y_d)$, a **sum over pixels**.
# What is missing is $p(x_d | y_d)$.
#
# We need two things from each candidate: $\log p$, with every constant, and its
# derivative in $y$, the `dy` that the backward pass of chapter 6 starts from.
#
# **Predict.** A model is trained with squared error. At one place the pixel is 0 in 60
# % of the images and 1 in 40 %, and nothing else in the image shows which. What grey
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
# Only one square contains $y_d$; its derivative is $-\frac{1}{2c} \cdot 2 (x_d - y_d)
# \cdot (-1)$:
#
# $$
# \frac{\partial \log p}{\partial y_d} = \frac{x_d - y_d}{c} \tag{7.2}
# $$
#
# ## Laplace: absolute error
#
# The Laplace density has a sharp peak and long tails, $p(x_d | y_d) = \frac{1}{2b}
# e^{-|x_d - y_d| / b}$. The sum of its logarithm over the pixels is
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
# second for $x = 0$. That is minus the *cross-entropy* loss. Computed as a sigmoid and
# then a logarithm it fails: at $y = -800$ the sigmoid is exactly 0 in the computer, and
# its logarithm is $-\infty$. So we never take the logarithm of a sigmoid. With $p = e^y
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
# whose exponential is at most 1. The derivative of the softplus is the sigmoid (6.9),
# hence
#
# $$
# \frac{\partial \log p}{\partial y_d} = x_d - \mathrm{sigmoid}(y_d) \tag{7.7}
# $$
#
# This is observed minus expected; the simple form is the reason for using logits.
#
# ## Binomial: counts
#
# The digits of this course are counts: each pixel is the number of black dots among 16.
# If the dots are black *independently*, each with probability $p =
# \mathrm{sigmoid}(y)$, the count is binomial with $n = 16$: $p(x|y) = \binom{n}{x} p^x
# (1 - p)^{n - x}$. (Real dots are not independent: next to a black one, most are black.
# [Chapter 9](09_training_on_digits.py) shows what this costs.) The two logarithms of
# the Bernoulli now occur $x$ and $n - x$ times, so the softplus occurs $n$ times:
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
    return np.exp(-softplus(-y))  # 1 / (1 + e^-y), and no overflow


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
# **Is it a distribution?** A density must integrate to one, probabilities must sum to
# one. This finds a missing constant. And $c$ must be the variance, $b$ the mean
# absolute deviation.

# %%
line = np.linspace(-60, 60, 240_001)
step = line[1] - line[0]
at = np.full((1, 1), 0.3)
values = np.exp(log_gaussian(line[:, None], at, 0.7)) * step
check("(7.1) density integrates to one", values.sum(), 1, 1e-10)
variance = (values * (line - 0.3) ** 2).sum()
check("(7.1) c is its variance", variance, 0.7, 1e-10)
values = np.exp(log_laplace(line[:, None], at, 0.7)) * step
check("(7.3) density integrates to one", values.sum(), 1, 1e-6)
deviation = (values * np.abs(line - 0.3)).sum()
check("(7.3) b is its mean deviation", deviation, 0.7, 1e-6)

counts = np.arange(17.0)
values = np.exp(log_binomial(counts[:, None], at, 16))
check("(7.8) probabilities sum to one", values.sum(), 1, 1e-12)
mean = 16 / (1 + np.exp(-0.3))
check("(7.8) mean is n sigmoid", values @ counts, mean, 1e-10)

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
# **Does it survive extremes?** Logits of ten thousand must give right numbers.

# %%
y = np.array([-1e4, -3.0, 0.0, 3.0, 1e4])
small = np.log(1 + np.exp(y[1:4]))
check("(7.6) softplus", softplus(y[1:4]), small, 1e-12)
check("(7.6) at the extremes", softplus(y[[0, 4]]), [0.0, 1e4], 1e-12)

# %% [markdown]
# **Is the gradient right?** Central differences (6.2), pixel by pixel. And **is it the
# package's?** `minivae/likelihoods.py` holds the same formulas as objects with a
# `log_prob` and a `backward`. Here are the Gaussian's, without docstrings:

# %%
for method in ("_log_prob", "backward"):
    source = inspect.getsource(getattr(likelihoods.Gaussian, method))
    print("".join(source.split('"""')[::2]))

B, D, n = 3, 5, 16
y = 2 * rng.normal(size=(B, D))
real = rng.normal(size=(B, D))
binary = (rng.random((B, D)) < 0.5).astype(float)
counted = rng.integers(0, n + 1, size=(B, D)).astype(float)

cases = [
    ("Gaussian (7.2)", real, log_gaussian, slope_gaussian, (0.7,)),
    ("Laplace (7.4)", real, log_laplace, slope_laplace, (0.7,)),
    ("Bernoulli (7.7)", binary, log_bernoulli, slope_bernoulli, ()),
    ("Binomial (7.9)", counted, log_binomial, slope_binomial, (n,)),
]
h = 1e-5
for name, x, log_p, slope, extra in cases:
    numeric = np.zeros_like(y)
    for d in range(D):
        move = h * (np.arange(D) == d)
        up = log_p(x, y + move, *extra)
        down = log_p(x, y - move, *extra)
        numeric[:, d] = (up - down) / (2 * h)
    ours = slope(x, y, *extra)
    check(f"{name} slope", ours, numeric, 1e-7)
    kind = getattr(likelihoods, name.split()[0])
    package = kind(*extra)
    values = package.log_prob(x, y)
    check("  package", values, log_p(x, y, *extra), 1e-10)
    check("  package", package.backward(np.ones(B)), ours, 1e-12)

# %% [markdown]
# ## Mean, median, and the grey pixel
#
# Back to the prediction. If nothing distinguishes the images, the best $y$ is where the
# average of (7.2) is zero, or where that of (7.4) changes sign. For squared error, the
# average of $x - y$ vanishes at the **mean**, 0.4, a grey that no image has. For
# absolute error, the signs balance at the **median**, which is 0. The best
# $\mathrm{sigmoid}(y)$ for the cross-entropy is by (7.7) the mean, too, but here 0.4 is
# not a shade; it is a probability, and samples from it are black or white. This is one
# source of blur: where the decoder does not know the pixel, its best answer under
# squared error is a shade between.

# %%
pixel = (np.arange(1000) < 400).astype(float)[:, None]  # 40 % ones
candidates = np.linspace(-0.5, 1.5, 401)
best = []
for log_p in (log_gaussian, log_laplace):
    values = [log_p(pixel, c, 0.5).sum() for c in candidates]
    best.append(candidates[np.argmax(values)])
check("squared error finds the mean", best[0], 0.4, 0.003)
check("absolute error finds the median", best[1], 0.0, 0.003)
logits = np.linspace(-2, 2, 4001)
values = [log_bernoulli(pixel, y).sum() for y in logits]
p = 1 / (1 + np.exp(-logits[np.argmax(values)]))
check("cross-entropy: the mean, as a probability", p, 0.4, 0.001)

# %% tags=["hide-input"]
# Figure: Nats of one pixel against its error: a parabola for the
# Gaussian, a tent for the Laplace. The tent is lower in the middle
# and for large errors, the parabola between.
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
# For binary data (7.5) is a likelihood. For grey values it can be computed, and it is a
# usable training loss. But it is no likelihood, and its nats must not be compared with
# those of a likelihood. **Predict:** over all grey values $x$ in $[0, 1]$, to what does
# $e^{xy - \log(1 + e^y)}$ integrate? (A density would give one.)
#
# $\int_0^1 e^{xy} dx = (e^y - 1) / y$. Divide by $1 + e^y$, then both parts by
# $e^{y/2}$:
#
# $$
# \int_0^1 e^{xy - \log(1 + e^y)}\, dx = \frac1y \cdot \frac{e^y - 1}{e^y + 1}
#   = \frac{\tanh(y / 2)}{y} \tag{7.10}
# $$
#
# which is at most a half, its limit at $y = 0$. The "density" of a pixel integrates to
# a half or less; normalising would raise $\log p$ by at least $\log 2$ per pixel, so
# the loss is too high by at least 543 nats on a 28 × 28 image. Exercise 5 mends it.


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
#   = \nabla \left( \tfrac12 \Vert x - y \Vert^2 + c\, \mathrm{KL} \right) \tag{7.11}
# $$
#
# Now take the *mean* over the $D$ pixels instead of the sum, a common default of deep
# learning libraries. $\frac1D \Vert x - y \Vert^2 + \mathrm{KL}$ has the same minimum
# as $\frac12 \Vert x - y \Vert^2 + \frac{D}{2} \mathrm{KL}$, so the weight of the KL is
#
# $$
# \beta = \frac{D}{2} , \tag{7.12}
# $$
#
# and by (7.11) this is the belief $c = \frac D2$: a pixel between 0 and 1 has a
# standard deviation of $\sqrt{D/2}$, or 20 on MNIST. Below, with $c = 1$, a model of
# the digits already learns nothing.
#
# We check both with a loss written out here, by its slope in a random direction.

# %%
digits = load_digits()
data = digits.train.reshape(-1, 64) / 16.0
test = digits.test.reshape(-1, 64) / 16.0
batch, eps = data[:7], rng.standard_normal((7, 8))


def new_model(c, learned=False):
    belief = likelihoods.Gaussian(c, learned)
    start = generator(70)
    return VAE.mlp(
        64, 8, (64,), likelihood=belief, rng=start, dtype=np.float64
    )


def slope_of(model, v, weight_of_squares, weight_of_kl):
    """Slope along v of our own weighted sum of ||x - y||^2 and KL."""
    theta, sides = model.theta.copy(), []
    for sign in (1, -1):
        model.theta[:] = theta + sign * h * v
        mu, logvar = model.encode(batch)
        y = model.decode(mu + np.exp(logvar / 2) * eps)
        kl = 0.5 * (mu**2 + np.exp(logvar) - 1 - logvar)
        each = weight_of_squares * ((batch - y) ** 2).sum(axis=1)
        each = each + weight_of_kl * kl.sum(axis=1)
        sides.append(each.mean())
    model.theta[:] = theta
    return (sides[0] - sides[1]) / (2 * h)


def gradient(model, beta=1.0):
    model.loss(batch, eps, beta)
    model.backward()
    return model.grad.copy()


c, model = 0.05, new_model(0.05)
v = rng.normal(size=model.theta.size) / np.sqrt(model.theta.size)
left = c * gradient(model) @ v  # (7.11)
right = slope_of(model, v, 0.5, c)  # (7.11)
check("(7.11) c is a weight on the KL", left, right, 1e-7)

model, D = new_model(1.0), 64
beta_of_mean = D / 2  # (7.12)
left = 2 / D * gradient(model, beta_of_mean) @ v
right = slope_of(model, v, 1 / D, 1.0)
check("(7.12) mean over pixels is beta = D/2", left, right, 1e-7)

# %% [markdown]
# ## A scale that is learned
#
# Nobody need guess $c$. The likelihood (7.1) contains it, constants and all, so $c$ can
# be learned like any other parameter. The variable is $\log c$, which may take any
# value. In it $c^{-1} = e^{-\log c}$ has the derivative $-c^{-1}$, so the derivative of
# $-\frac12 \Vert x - y \Vert^2 c^{-1} - \frac D2 \log c$ is
#
# $$
# \frac{\partial \log p}{\partial \log c} = \frac{\Vert x - y \Vert^2}{2c} - \frac D2
#   \tag{7.13}
# $$
#
# It is zero where $c = \Vert x - y \Vert^2 / D$. Averaged over the $N$ images and the
# noise, the best $c$ is the **mean squared error** itself,
#
# $$
# c^* = \frac{1}{ND} \sum_n \Vert x_n - y_n \Vert^2 \tag{7.14}
# $$
#
# and with it the first term of (7.1) is on average $-\frac D2$, so that the
# reconstruction term becomes
#
# $$
# \mathtt{rec}^* = \frac D2 \left( \log 2 \pi c^* + 1 \right) \tag{7.15}
# $$
#
# which depends on the *logarithm* of the error: ten percent less error is worth the
# same number of nats, whether the error is large or small. Without the constant $-\frac
# D2 \log c$ the optimum would be $c = \infty$: a scale cannot be learned from a loss
# that has dropped this term. We check (7.14) and (7.15) by a search that knows (7.1).


# %%
def slope_log_c(x, y, c):
    D = x.shape[-1]
    squares = ((x - y) ** 2).sum(axis=-1)
    return squares / (2 * c) - D / 2  # (7.13)


x, y = rng.normal(size=(2, 40, 6))
up = log_gaussian(x, y, 0.7 * np.exp(h))
down = log_gaussian(x, y, 0.7 * np.exp(-h))
slope = slope_log_c(x, y, 0.7)
check("(7.13) slope", slope, (up - down) / (2 * h), 1e-7)

tried = np.exp(np.linspace(-2, 3, 5001))
rec = [-log_gaussian(x, y, c).mean() for c in tried]
best_c = ((x - y) ** 2).mean()  # (7.14)
found = tried[np.argmin(rec)]
check("(7.14) the best c, ratio", best_c / found, 1, 0.001)
best_rec = 6 / 2 * (np.log(2 * np.pi * best_c) + 1)  # (7.15)
check("(7.15) rec at the best c", best_rec, min(rec), 1e-5)

# %% [markdown]
# In a model `learned=True` adds one parameter, whose gradient sums (7.13) over the
# images. Everything else is unchanged.
#
# ## Four beliefs, trained
#
# **Predict** for $c = 1$, $0.1$ and $0.001$: how many nats of KL will the model spend,
# what will its reconstructions of unseen digits look like, and what its *samples*,
# decoded from $z \sim \mathcal{N}(0, I)$? And which $c$ will be learned?
#
# A sample is here the decoder's mean image for a $z$ from the prior. Besides KL and
# squared error we measure its distance to the nearest digit of the training set, as the
# root mean squared error per pixel.


# %%
def train(model, steps=2500, lr=3e-3):
    draw = generator(71)
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
    return error, kl, model.sample(200, draw, mean=True)


def to_nearest(images):
    squares = ((images[:, None] - data) ** 2).mean(axis=2)
    return np.sqrt(squares.min(axis=1)).mean()


beliefs = {"1": 1.0, "0.1": 0.1, "0.001": 0.001, "learned": 0.1}
models, samples, numbers = {}, {}, {}
for name, c in beliefs.items():
    model = new_model(c, learned=name == "learned")
    error, kl, samples[name] = train(model)
    unseen = ((test - model.reconstruct(test)) ** 2).mean()
    numbers[name] = error, kl, unseen, to_nearest(samples[name])
    models[name] = model
learned = models["learned"]

# %% tags=["hide-output"]
print("      c   error      KL   unseen   sample to digit")
for name, row in numbers.items():
    print(
        f"{name:>7} {row[0]:7.4f} {row[1]:7.2f} {row[2]:8.4f}", end=""
    )
    print(f"{row[3]:18.3f}")
print(f"learned c = {learned.likelihood.c:.4f}")
print(f"from an unseen digit to the nearest: {to_nearest(test):.3f}")
check_less("c = 1: nothing is said", numbers["1"][1], 0.1)
ratio = learned.likelihood.c / numbers["learned"][0]
check("the trained model found (7.14), ratio", ratio, 1, 0.15)

# %% tags=["hide-input", "hide-output"]
# Figure: Left, six digits and, row by row, their reconstructions: at
# c = 1 all are the same grey blob, at smaller c and at the learned
# one they are the digits. Right, samples of the same models.
canvas = np.zeros((5, 13, 10, 10))  # rows, columns, tiles with gaps
canvas[0, :6, 1:9, 1:9] = test[:6].reshape(6, 8, 8)
for row, (name, model) in zip(canvas[1:], models.items(), strict=True):
    row[:6, 1:9, 1:9] = model.reconstruct(test[:6]).reshape(6, 8, 8)
    row[7:, 1:9, 1:9] = samples[name][:6].reshape(6, 8, 8)
plt.figure(figsize=(8.4, 3.7))
picture = canvas.swapaxes(1, 2).reshape(50, 130)
plt.imshow(picture, vmin=0, vmax=1)
labels = ["originals", "c = 1", "c = 0.1", "c = 0.001", "learned"]
plt.yticks(4.5 + 10 * np.arange(5), labels)
plt.xticks([])
plt.gca().spines[:].set_visible(False)
plt.gca().tick_params(length=0)
plt.title("Unseen digits, reconstructed")
plt.text(70, -2.2, "Samples (mean images)", fontsize=13)
plt.show()

# %% [markdown]
# With $c = 1$ the model believes that each pixel has a standard deviation of 1, on a
# scale from 0 to 1. Differences between digits are then lost in what it takes for
# noise, no nat of KL pays for itself, and everything it decodes is the mean digit. With
# $c = 0.001$ it believes in a noise of 0.03 and pays between five and six times the
# nats of $c = 0.1$ for half the error. Its reconstructions of unseen digits are no
# better than those of the learned scale, and its samples are not digits at all: their
# distance to the nearest digit is about twice that of $c = 0.1$ and of the learned
# scale. Each posterior has become so narrow that $\mathcal{N}(0, I)$ mostly draws from
# the gaps between them; [chapter 10](10_autoencoder_against_vae.py) takes this to its
# limit. The learned $c$ of 0.02 lies between, and nobody chose it. (Its samples lie a
# little farther off than those of $c = 0.1$, which are more blurred: the distance
# favours blur.)
#
# That was one seed, and 2500 steps for each, which is not the end of training. `python
# benchmarks/course.py 07 --seeds 6` repeats all of it with other seeds:

# %%
measured_row(
    "course_07.csv",
    kl_01=(numbers["0.1"][1], 0.5),
    kl_0001=(numbers["0.001"][1], 1.5),
    unseen_0001=(numbers["0.001"][2], 0.001),
    unseen_learned=(numbers["learned"][2], 0.001),
    sample_01=(numbers["0.1"][3], 0.01),
    sample_0001=(numbers["0.001"][3], 0.03),
    sample_learned=(numbers["learned"][3], 0.01),
)
for a, b in (
    ("kl_0001", "kl_01"),
    ("unseen_0001", "unseen_learned"),
    ("sample_0001", "sample_learned"),
    ("sample_learned", "sample_01"),
):
    mean, error = difference("course_07.csv", a, b)
    print(f"{a} - {b}: {mean:.4f} ± {error:.4f} over seeds")
mean, error = difference("course_07.csv", "sample_0001", "sample_01")
check_less("c = 0.001: samples are farther off", 5 * error, mean)

# %% [markdown]
# ## What goes wrong in practice
#
# - **One term summed, the other averaged**: a weight of $D$ or $1/D$ that nobody chose
#   (keras-team/keras PR #3383, y0ast/VAE-Torch #11, zdebruine/MMVAE PR #19). If *both*
#   terms are divided by $D$, only the unit changes (pytorch/examples #290 was a false
#   alarm).
# - **Constant factors** in the gradient of the Gaussian (y0ast/VAE-Torch #4, found by a
#   gradient check).
# - **A negative loss** is possible: a density may be larger than one. At $c = 0.001$
#   each well-fitted pixel has $\log p = 2.5$ (asked in orybkin/sigma-vae-pytorch #4).
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
# **1. A baseline (warm-up).** A model should beat this one: every pixel has its own
# binomial, the same for all images. Its best probabilities are the mean image divided
# by 16. How many nats per image does it cost on the digits' training part?
#
# <details><summary>Hint</summary>
#
# Which $y_d$ in (7.8) gives a given probability? And what happens at a pixel that is
# always zero?
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
# best $b$, and the value of the term there. Check all three.
#
# <details><summary>Hint</summary>
#
# Follow the steps of (7.13) to (7.15). Where does $b$ stand in (7.3), and to which
# power?
#
# </details>
#
# <details><summary>Answer</summary>
#
# With $A = \sum_d |x_d - y_d|$, $\log p = -A\, b^{-1} - D \log 2b$, and in $\log b$ the
# derivative is $A / b - D$. It vanishes at $b^* = A / D$, the mean absolute error,
# where the first term is $-D$: $\mathtt{rec}^* = D (\log 2 b^* + 1)$.
#
# </details>

# %% tags=["hide-cell"]
up = log_laplace(x, y, 0.7 * np.exp(h))
down = log_laplace(x, y, 0.7 * np.exp(-h))
slope = np.abs(x - y).sum(axis=1) / 0.7 - 6
check("slope in log b", slope, (up - down) / (2 * h), 1e-7)
best_b = np.abs(x - y).mean()
rec = [-log_laplace(x, y, b).mean() for b in tried]
check("best b, ratio", best_b / tried[np.argmin(rec)], 1, 0.001)
check("best rec", 6 * (np.log(2 * best_b) + 1), min(rec), 1e-5)

# %% [markdown]
# **3. From a density to probabilities.** Pixels are whole numbers, for which a density
# has no bound: a Gaussian with $c \to 0$ on integers reaches an infinite likelihood.
# Uniform noise $u$ in $[0, 1)$ added to the data prevents this. Show with Jensen's
# inequality that $\mathbb{E}_u \log p(x + u) \le \log P(x)$, where $P(x) = \int_0^1
# p(x + u)\, du$ is a proper probability, and check it with numbers.
#
# <details><summary>Hint</summary>
#
# Of what is the mean taken on each side? Is the logarithm convex or concave?
#
# </details>
#
# <details><summary>Answer</summary>
#
# $P(x) = \mathbb{E}_u[p(x + u)]$, and the logarithm is concave: the mean of the logs is
# at most the log of the mean. $P$ is a probability since the intervals $[x, x + 1)$
# tile the line, so that $\sum_x P(x) = \int p = 1$. A density trained on noisy integers
# is therefore at most as good, on average, as the probability $P$.
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
# likelihood, and where does the histogram of the residuals differ from both?
#
# <details><summary>Hint</summary>
#
# Draw the histogram, with a logarithmic axis. How many pixels are plain background?
#
# </details>
#
# <details><summary>Answer</summary>
#
# The Laplace, by 0.14 nats per pixel. Half of the residuals are below 0.05, most of
# them at background pixels: a peak sharper than the Gaussian's. And 1.5 % lie beyond
# three standard deviations, against 0.3 % of a Gaussian and 1.1 % of a Laplace.
#
# </details>

# %% tags=["hide-cell"]
residual = (data - learned.reconstruct(data)).reshape(-1, 1)
zero = np.zeros((1, 1))
as_gaussian = log_gaussian(residual, zero, (residual**2).mean()).mean()
as_laplace = log_laplace(residual, zero, np.abs(residual).mean()).mean()
print(f"Gaussian {as_gaussian:.3f}, Laplace {as_laplace:.3f} nats")
check_less("Laplace fits the residuals better", as_gaussian, as_laplace)
size = np.abs(residual)
print(f"below 0.05: {(size < 0.05).mean():.0%}", end=", ")
print(f"beyond 3 deviations: {(size > 3 * residual.std()).mean():.1%}")

# %% [markdown]
# **5. Repairing cross-entropy (towards research).** Divide by (7.10), and grey pixels
# get a proper density on $[0, 1]$, the *continuous Bernoulli*. What is its mean as a
# function of $y$? (It is not the sigmoid!) Check density and mean by quadrature. The
# gradient of $\log p$ in $y$ is $x$ minus that mean: why must it be?
#
# <details><summary>Hint</summary>
#
# Write $\log p = xy - A(y)$. What does $\int p\, dx = 1$ say about $A$, and what about
# its derivative?
#
# </details>
#
# <details><summary>Answer</summary>
#
# $A(y) = \log \int_0^1 e^{xy} dx = \log \frac{e^y - 1}{y}$. Differentiate under the
# integral: $A'(y) = \int x e^{xy} dx\, /  \int e^{xy} dx$ is the mean, for every
# density of this form. Here it is $\frac{e^y}{e^y - 1} - \frac1y$. So the slope $x -
# A'(y)$ is observed minus expected, like (7.7) and (7.9).
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
# - D. P. Kingma, M. Welling, *Auto-Encoding Variational Bayes*, ICLR 2014, [arXiv
#   1312.6114](https://arxiv.org/abs/1312.6114), appendix C: the decoders.
# - C. M. Bishop, *Pattern Recognition and Machine Learning*, 2006, section 5.2: error
#   functions from likelihoods, for networks in general.
# - O. Rybkin, K. Daniilidis, S. Levine, *Simple and Effective VAE Training with
#   Calibrated Decoders*, ICML 2021, [arXiv
#   2006.13202](https://arxiv.org/abs/2006.13202): the learned scale, and (7.14).
# - G. Loaiza-Ganem, J. P. Cunningham, *The continuous Bernoulli: fixing a pervasive
#   error in variational autoencoders*, NeurIPS 2019, [arXiv
#   1907.06845](https://arxiv.org/abs/1907.06845): exercise 5.
# - L. Theis, A. van den Oord, M. Bethge, *A note on the evaluation of generative
#   models*, ICLR 2016, [arXiv 1511.01844](https://arxiv.org/abs/1511.01844):
#   exercise 3, and much about comparing likelihoods.
#
# ## What to read next
#
# [Chapter 8](08_whole_gradient.py) joins this `dy` with chapters 4, 5 and 6 into the
# whole gradient. The paper by Theis and others above shows how little a likelihood says
# about samples.
