# %% [markdown]
# # 1. Latent-variable models and the integral nobody can do
#
# An image of a handwritten 7 has 64 or 784 numbers, but whoever wrote it made only a
# few decisions: which digit, how slanted, how thick the pen. A latent-variable model
# takes this seriously. It draws the few decisions first, and then the image. To know
# how probable an image is, we must add up over all decisions that might have led to it.
# That sum is the subject of this course.
#
# **What you will learn**
#
# - to write down a latent-variable model, and to compute $p(x)$ for one latent number;
# - why neither a grid nor samples from the prior survive ten or twenty dimensions, with
#   the rate at which they fail, derived and measured;
# - the way out that the later chapters take: draw $z$ from a density near the
#   posterior.
#
# **What you need:** densities, Bayes' rule, a little NumPy. About 75 minutes, without
# the exercises.
#
# **Symbols of this chapter:** $z$ the latent and $x$ the data, of $K$ and $D$
# dimensions; $g$ the decoder; $c$ the variance of the noise; $\Delta$ the step of a
# grid; $S$ the number of samples; $w$ an importance weight.

# %%
import time

import matplotlib.pyplot as plt
import numpy as np

from checks import BLACK, BLUE, GREEN, GREY, ORANGE, VERMILLION
from checks import check, check_less, check_mc, generator, must_fail
from checks import style, tiles
from minivae import VAE, Binomial
from minivae.datasets import load_digits
from minivae.inference.exact.linear_gaussian import LinearGaussian

style()
rng = generator(1)

# %% [markdown]
# These sevens are from the package's data. In how many ways do they differ?

# %% tags=["hide-input"]
# Figure: Twenty sevens, 8 by 8 pixels each: some lean, some are
# thick, some have a bar, and all are sevens.
digits = load_digits()
sevens = digits.train[digits.train_labels == 7][:20]
axes = plt.figure(figsize=(7, 1.6)).subplots()
tiles(axes, sevens.reshape(2, 10, 64), ["", ""], (8, 8), 16)
plt.show()

# %% [markdown]
# ## The question
#
# Our first model has one latent number $z$ and data $x$ of two numbers, so that we can
# draw all of it. First $z$ is drawn from the **prior**, a standard normal:
#
# $$
# p(z) = \mathcal{N}(z; 0, 1) .
# $$
#
# Then a fixed function $g$, the **decoder**, turns $z$ into a place in the plane, and
# the data point falls near that place, with noise of variance $c$ in each direction:
#
# $$
# p(x|z) = \mathcal{N}(x; g(z), c\, I), \qquad
#   g(z) = 2 \left( \sin \tfrac32 z, \; \cos \tfrac32 z \right), \qquad c = \tfrac14 .
# $$
#
# In a VAE $g$ is a neural network. Here it is a formula that you can picture: the line
# of all $z$ is wound around a circle of radius 2, with $z = 0$ at the top. At $z = \pm
# \frac23 \pi \approx \pm 2.09$ the two ends meet at the bottom.

# %%
c = 0.25


def g(z):
    """The decoder: (..., 1) latents to (..., 2) places on the circle."""
    return 2 * np.concatenate([np.sin(1.5 * z), np.cos(1.5 * z)], -1)


def draw(count):
    """Latents (count, 1) and data (count, 2): first z, then x."""
    z = rng.standard_normal((count, 1))
    return z, g(z) + np.sqrt(c) * rng.standard_normal((count, 2))


# %% tags=["hide-input"]
# Figure: Left, the Gaussian prior and the points drawn from it,
# coloured by z. Right, the same points as x, scattered around a
# circle in the order of their colours; the two ends meet at the
# bottom.
z, data = draw(600)
fig, (left, right) = plt.subplots(1, 2, figsize=(7.6, 3.6))
z_line = np.linspace(-3.3, 3.3, 300)
bell = np.exp(-(z_line**2) / 2) / np.sqrt(2 * np.pi)
left.plot(z_line, bell, color=GREY)
height = rng.uniform(0.0, 0.09, 600)
colours = {"c": z[:, 0], "cmap": "viridis", "s": 9}
colours |= {"vmin": -2.5, "vmax": 2.5}
left.scatter(z[:, 0], height, **colours)
left.text(0.9, 0.33, "prior $p(z)$", color=GREY)
left.set(xlabel="latent $z$", yticks=[], title="First $z$ is drawn,")
right.scatter(*data.T, **colours)
circle = g(np.linspace(-2.2, 2.2, 200)[:, None])
right.plot(*circle.T, color=BLACK, lw=1)
white = {"fc": "white", "ec": "none", "pad": 1, "alpha": 0.7}
for mark in (-2, -1, 0, 1, 2):
    place = g(np.array([mark]))
    right.plot(*place, "o", color=BLACK, ms=5)
    spot = place * (0.7 if abs(mark) < 2 else [2.2, 0.8])
    right.text(*spot, f"{mark}", ha="center", va="center", bbox=white)
right.text(0, 0, "$g(z)$", ha="center", va="center")
right.set(aspect="equal", xlabel="$x_1$", ylabel="$x_2$")
right.set_title("then $x$ near $g(z)$")
plt.show()

# %% [markdown]
# Each dot on the left is a $z$, and the dot of the same colour on the right the $x$
# that was made from it. We observe the right side only, and without the colours. Two
# questions follow, and the whole course is about them:
#
# - **How probable is this $x$?** That is $p(x)$, the *marginal likelihood* or
#   *evidence*. To fit a model is to make it large for the data.
# - **Which $z$ may have made it?** That is $p(z|x)$, the *posterior*.
#
# **Predict.** Take a point at the very bottom of the circle, $x = (0, -2)$. What does
# its posterior look like? And that of a point near the centre?
#
# ## The two densities, and their product
#
# We always compute with logarithms of densities: that of an image may be $10^{-400}$,
# which the computer rounds to zero. The Gaussian $p(x|z)$ in $D$ dimensions is
#
# $$
# p(x|z) = \prod_{d=1}^{D} \frac{1}{\sqrt{2 \pi c}}
#   \exp\left( -\frac{(x_d - g_d(z))^2}{2 c} \right) .
# $$
#
# The logarithm turns the product into a sum, the root into a factor $\frac12$, and the
# exponential into its argument. The first part is the same for all $d$, so it occurs
# $D$ times:
#
# $$
# \log p(x|z) = - \frac12 \left( D \log 2 \pi c
#   + \frac{\Vert x - g(z) \Vert^2}{c} \right) \tag{1.1}
# $$
#
# The prior is the same with mean 0 and variance 1, for $K$ latent dimensions:
#
# $$
# \log p(z) = - \frac12 \left( K \log 2 \pi + \Vert z \Vert^2 \right) \tag{1.2}
# $$
#
# The joint density of $z$ and $x$ is their product, and its logarithm is the sum,
#
# $$
# \log p(x, z) = \log p(x|z) + \log p(z) . \tag{1.3}
# $$


# %%
def log_lik(x, place, c):  # (1.1)
    D = x.shape[-1]
    square = ((x - place) ** 2).sum(axis=-1)
    return -0.5 * (D * np.log(2 * np.pi * c) + square / c)


def log_prior(z):  # (1.2)
    K = z.shape[-1]
    return -0.5 * (K * np.log(2 * np.pi) + (z**2).sum(axis=-1))


def log_joint(x, z):  # (1.3)
    return log_lik(x, g(z), c) + log_prior(z)


# %% [markdown]
# ## The integral
#
# The $x$ may have come from any $z$. Probabilities of alternatives add up, and for a
# continuous $z$ adding up is an integral:
#
# $$
# p(x) = \int p(x, z) \, dz = \int p(x|z) \, p(z) \, dz .
# $$
#
# With one latent dimension, a computer does this integral easily: put $n$ nodes $z_i$,
# a step $\Delta$ apart, where the integrand is not negligible, and add up.
#
# $$
# p(x) \approx \sum_{i=1}^{n} p(x, z_i) \, \Delta \tag{1.4}
# $$
#
# Since we hold logarithms, we need the logarithm of a sum of exponentials. All of them
# may be too small for the computer; so we take the largest, $a_{\max}$, out of the sum.
# With $e^{a_i} = e^{a_{\max}} e^{a_i - a_{\max}}$,
#
# $$
# \log \sum_i e^{a_i} = a_{\max} + \log \sum_i e^{a_i - a_{\max}} . \tag{1.5}
# $$
#
# Now the largest exponential is 1; terms that are rounded to zero do not matter.


# %%
def log_sum_exp(a, axis=-1):  # (1.5)
    top = a.max(axis=axis, keepdims=True)
    rest = np.log(np.exp(a - top).sum(axis=axis))
    return np.squeeze(top, axis=axis) + rest


def log_evidence(x, n=401, edge=8.0):  # (1.4)
    """log p(x) for x of shape (..., 2)."""
    nodes = np.linspace(-edge, edge, n)[:, None]
    step = nodes[1, 0] - nodes[0, 0]
    return log_sum_exp(log_joint(x[..., None, :], nodes)) + np.log(step)


# %% [markdown]
# Is it right? A density must integrate to one. So we compute $p(x)$ on a grid over the
# plane and add up. And for one point we compare with a rule whose nodes are not evenly
# spaced: *Gauss-Legendre quadrature*, with nodes and weights from NumPy.

# %%
nodes, step = np.linspace(-8, 8, 401, retstep=True)
nodes = nodes[:, None]
pairs = np.stack(np.meshgrid(nodes, nodes), axis=-1)  # K = 2
total = np.exp(log_prior(pairs)).sum() * step**2
check("(1.2) is a density, K = 2", total, 1.0, 1e-9)

axis = np.linspace(-5, 5, 101)
plane = np.stack(np.meshgrid(axis, axis), axis=-1)  # (101, 101, 2)
log_px = np.array([log_evidence(row) for row in plane])
area = (axis[1] - axis[0]) ** 2
check("p(x) integrates to one", np.exp(log_px).sum() * area, 1.0, 1e-8)

x = np.array([1.4, 0.9])
uneven, weight = np.polynomial.legendre.leggauss(300)
uneven, weight = 8 * uneven[:, None], 8 * weight  # from [-1, 1]
other = np.log(np.exp(log_joint(x, uneven)) @ weight)
check("(1.4) against Gauss-Legendre", log_evidence(x), other, 1e-10)
tiny = np.array([-5000.0, -5000.0])
small = -5000 + np.log(2)
check("(1.5) where exp underflows", log_sum_exp(tiny), small, 1e-9)

# %% [markdown]
# How many nodes did we need? Halving the step usually divides the error of the
# trapezoidal rule by 4 and that of Simpson's rule by 16. Watch the plain sum:

# %%
for n in (21, 41, 61, 81, 101, 121):
    error = abs(log_evidence(x, n) - other)
    print(f"{n:4} nodes, step {16 / (n - 1):.2f}: error {error:.0e}")
check("121 nodes are enough", log_evidence(x, 121), other, 1e-11)

# %% [markdown]
# At first hardly a digit is right, and between 61 and 121 nodes nine more become right.
# For a smooth function that fades to zero at both ends the error falls faster than any
# power of the step, once the step is about as fine as the posterior is wide (Trefethen
# and Weideman, section 5). A coarse grid is worthless, a fine one is exact to rounding,
# and comparing two grids shows which one you have. Later chapters use this sum.
#
# ## The posterior comes for free
#
# The same joint density can be split the other way, first $x$ and then $z$: $p(x, z) =
# p(x)\, p(z|x)$. Both splits are equal, and dividing by $p(x)$ gives Bayes' rule:
#
# $$
# \log p(z|x) = \log p(x|z) + \log p(z) - \log p(x) \tag{1.6}
# $$
#
# The integral we just did is the constant that normalizes the posterior: **whoever can
# compute $p(x)$ has the posterior, and whoever has the posterior has $p(x)$.** The two
# questions of the beginning are one question.


# %%
def log_posterior(x, z):  # (1.6)
    """For x (..., 2) and S values of z, (S, 1): shape (..., S)."""
    return log_joint(x[..., None, :], z) - log_evidence(x)[..., None]


# %% [markdown]
# How do we check a posterior? That it integrates to one proves little: *any* positive
# function does, once divided by its own sum. A simulation tests more. Draw pairs of $z$
# and $x$ from the model and ask, for each $x$, how much of its posterior lies below the
# $z$ that really made it. If the posterior is right, then that share is above 90 % in
# one case of ten, above 50 % in half of the cases, and so on: it is spread uniformly
# over $[0, 1]$, with mean $\frac12$ and mean square $\frac13$ (Cook, Gelman and Rubin,
# 2006). A posterior without its prior, say, fails.


# %%
def share_below(density, z):
    """Where z (n, 1) lies in densities (n, 401) given at the nodes."""
    density = density / density.sum(axis=1, keepdims=True)
    below = density.cumsum(axis=1) - density / 2
    rows = zip(z[:, 0], below, strict=True)
    return np.array(
        [np.interp(at, nodes[:, 0], row) for at, row in rows]
    )


spots = np.array([[1.86, 0.72], [0, -2], [0, 0.3]])
density = np.exp(log_posterior(spots, uneven))
check("(1.6) integrates to one", density @ weight, 1.0, 1e-10)
z, xs = draw(4000)
share = share_below(np.exp(log_posterior(xs, nodes)), z)
check_mc("(1.6) z within its posterior: mean", share, 1 / 2)
check_mc("  mean square", share**2, 1 / 3)
with must_fail():
    no_prior = np.exp(log_lik(xs[:, None], g(nodes), c))
    check_mc("mean square", share_below(no_prior, z) ** 2, 1 / 3)

# %% tags=["hide-input", "hide-output"]
# Figure: Left, the density p(x): a ring, darkest at the top. Right,
# the posteriors of three points x: one hill for a point in the
# middle, a narrow one for a point on the ring, two narrow ones far
# apart for the point at the bottom.
fig, (left, right) = plt.subplots(
    1, 2, figsize=(7.6, 3.2), width_ratios=[1, 1.25]
)
extent = (-5.05, 5.05, -5.05, 5.05)
left.imshow(np.exp(log_px), origin="lower", extent=extent)
left.set(xlim=(-3.5, 3.5), ylim=(-3.5, 3.5), xlabel="$x_1$")
left.set(ylabel="$x_2$", title="Density $p(x)$")
z_line = np.linspace(-3.3, 3.3, 500)[:, None]
prior = np.exp(log_prior(z_line))
right.fill_between(z_line[:, 0], prior, color=GREY, alpha=0.3)
for spot, colour in zip(spots, (GREEN, ORANGE, BLUE), strict=True):
    left.plot(*spot, "o", color=colour, mec="white", ms=10)
    height = np.exp(log_posterior(spot, z_line))
    right.plot(z_line, height, color=colour)
right.text(-1.2, 0.2, "prior", color=GREY, ha="right")
right.set(xlabel="latent $z$", title="Three posteriors $p(z|x)$")
plt.show()

# %% [markdown]
# The green point, on the circle, pins $z$ down. The orange one at the bottom has two
# explanations, one from each end, and its posterior has **two bumps**: no Gaussian fits
# it well, and [chapter 2](02_the_elbo_twice.py) measures what that costs. The blue
# point near the centre is about equally far from all of the circle, so it says little
# about $z$, and its posterior is wide.
#
# With a second latent dimension the interval becomes a square, the sum a double sum,
# and the step $\Delta$ the area $\Delta^2$ of a small cell.
# `minivae.inference.exact.quadrature` computes either sum for any VAE with one or two
# latent dimensions, and estimates its error. Chapter 12 applies it to neural decoders.
#
# ## Why nobody can do it
#
# With $n$ nodes for each axis, $K$ axes need $n^K$ nodes, each one pass of the decoder.
#
# **Predict.** Suppose 50 nodes for each axis are enough. How long does your computer
# need for one digit at $K = 2$, $5$, $10$ and $20$? Minutes, days, more?

# %% tags=["hide-output"]
vae = VAE.mlp(64, 2, (256,), Binomial(16), rng=rng)
image = digits.train[0].astype(np.float32)
many = rng.standard_normal((20_000, 2), dtype=np.float32)
start = time.perf_counter()
vae.likelihood.log_prob(image[None], vae.decoder_output(many[:, None]))
rate = len(many) / (time.perf_counter() - start)
print(f"{rate:.1e} passes through the decoder in a second")
for k in (1, 2, 5, 10, 20):
    seconds = 50.0**k / rate
    print(f"K = {k:2}: {seconds:8.1e} s = {seconds / 3.15e7:.1e} years")

# %% [markdown]
# Five dimensions take minutes, for one digit and one setting of the weights. Ten take
# thousands of years, and twenty take far longer than the universe is old.
#
# The difficulty is not that the decoder is nonlinear, or that the space is infinite: in
# one dimension we had both, and ten significant figures. And with a *linear* decoder
# the integral has a formula at any $K$, as we shall see in a moment. The difficulty is
# many dimensions **together with** a function without usable structure.
#
# ## Samples instead of a grid
#
# A grid spends nearly all of its nodes where the integrand is negligible. Why not look
# only where the prior says that $z$ may be? The integral is an expectation,
#
# $$
# p(x) = \int p(x|z) \, p(z) \, dz = \mathbb{E}_{p(z)} \left[ p(x|z) \right] ,
# $$
#
# and an expectation can be estimated by an average over $S$ samples from the prior:
#
# $$
# \hat p(x) = \frac1S \sum_{s=1}^{S} p(x|z_s), \qquad z_s \sim p(z) . \tag{1.7}
# $$
#
# This is *naive Monte Carlo*. It is **unbiased**: the expectation of an average is the
# average of the expectations, each of which is $p(x)$. Its error falls like $1/\sqrt
# S$, whatever $K$ is, for which textbooks praise it. We try it where we know the
# answer, on the circle, with 2000 estimates of 50 samples each:


# %%
def likelihoods(x, *shape):
    """p(x|z) for z from the prior, in an array of the shape asked for."""
    return np.exp(log_lik(x, g(rng.standard_normal((*shape, 1))), c))


def naive_estimate(x, S, repeats):
    return likelihoods(x, repeats, S).mean(axis=1)  # (1.7)


p_x = np.exp(log_evidence(x))
check_mc("(1.7) is unbiased", naive_estimate(x, 50, 2000), p_x)

# %% [markdown]
# It works in one dimension. To see what more dimensions do, we need a model with an
# exact answer at every $K$. Take the simplest decoder, $g(z) = z$, with $D = K$:
#
# $$
# z \sim \mathcal{N}(0, I), \qquad x = z + \sqrt{c} \, \eta, \qquad
#   \eta \sim \mathcal{N}(0, I) .
# $$
#
# The sum of two independent Gaussians is a Gaussian, whose mean is the sum of the means
# and whose variance is the sum of the variances. So
#
# $$
# p(x) = \mathcal{N}(x; 0, (1 + c) I) . \tag{1.8}
# $$
#
# How large is the error of (1.7)? The variance of an average of $S$ independent samples
# is that of one sample, divided by $S$; and the variance of one sample is the mean of
# its square minus the square of its mean. Dividing by the square of the true value
# gives
#
# $$
# \left( \text{relative error} \right)^2
#   = \frac{1}{S} \, \frac{\mathbb{E}[p(x|z)^2] - p(x)^2}{p(x)^2}
#   = \frac{1}{S} \left( \frac{\mathbb{E}[p(x|z)^2]}{p(x)^2} - 1 \right) .
# $$
#
# We need the mean of the square. Everything is a product over dimensions, so we do one.
# The square of a Gaussian density is a narrower Gaussian, not normalized:
#
# $$
# \mathcal{N}(x; z, c)^2 = \frac{1}{2 \pi c} \exp\left( -\frac{(x - z)^2}{c} \right) ,
# \qquad
# \mathcal{N}(x; z, \tfrac{c}{2}) = \frac{1}{\sqrt{\pi c}}
#   \exp\left( -\frac{(x - z)^2}{c} \right) .
# $$
#
# The exponentials are the same, so the first is the second times the ratio of the
# constants, $\sqrt{\pi c} / (2 \pi c) = 1 / \sqrt{4 \pi c}$. The expectation over
# $z \sim \mathcal{N}(0, 1)$ is again that of (1.8), a sum of two Gaussians, with
# $\frac{c}{2}$ in place of $c$:
#
# $$
# \mathbb{E}\left[ \mathcal{N}(x; z, c)^2 \right]
#   = \frac{1}{\sqrt{4 \pi c}} \; \mathcal{N}(x; 0, 1 + \tfrac{c}{2}) \tag{1.9}
# $$
#
# Take an $x$ with $x_k^2 = 1 + c$, the mean square, for each of its $K$ coordinates.
# Then the mean square over the square of the mean is the same in each dimension,
#
# $$
# \kappa = \frac{\mathbb{E}[\mathcal{N}(x_k; z_k, c)^2]}
#   {\mathcal{N}(x_k; 0, 1 + c)^2} ,
# $$
#
# and the product of these $K$ ratios is $\kappa^K$:
#
# $$
# \text{relative error} = \sqrt{ \frac{\kappa^K - 1}{S} } \tag{1.10}
# $$
#
# The $1/\sqrt S$ of the textbooks is right, but its factor grows **exponentially** with
# $K$: $\kappa > 1$, since a variance is positive.


# %%
def log_normal_1d(x, variance):
    return -0.5 * (np.log(2 * np.pi * variance) + x**2 / variance)


def exact_log_p(x):  # (1.8)
    return log_normal_1d(x, 1 + c).sum(axis=-1)


def mean_square(x):  # (1.9)
    constant = 1 / np.sqrt(4 * np.pi * c)
    return constant * np.exp(log_normal_1d(x, 1 + c / 2))


def relative_error(K, S):  # (1.10)
    x1 = np.sqrt(1 + c)
    kappa = mean_square(x1) / np.exp(2 * log_normal_1d(x1, 1 + c))
    return np.sqrt((kappa**K - 1) / S)


one = np.exp(log_normal_1d(0.7 - nodes[:, 0], c))
prior = np.exp(log_prior(nodes))
by_sum = (one * prior).sum() * step
by_formula = np.exp(exact_log_p(np.array([0.7])))
check("(1.8) by quadrature", by_formula, by_sum, 1e-12)
by_sum = (one**2 * prior).sum() * step
check("(1.9) by quadrature", mean_square(0.7), by_sum, 1e-12)
xs = rng.normal(size=(5, 7))
linear = LinearGaussian(np.eye(7), np.zeros(7), c)
check("minivae: linear", linear.log_prob(xs), exact_log_p(xs), 1e-12)

# %% [markdown]
# **Predict.** At $K = 1$ and $S = 1000$ samples, (1.10) gives a relative error of 4 %.
# What will it be at $K = 10$? And what will the *runs themselves* believe their error
# to be, at $K = 20$, if each computes a standard error from its own 1000 samples?
#
# We repeat the whole estimate 300 times for each $K$. The cell also makes a second
# estimate, `guided`, which we shall need in a moment.


# %%
def spread(log_w):
    """Mean, and standard error of the mean, of exp(log_w) over axis 1."""
    w = np.exp(log_w)
    return w.mean(axis=1), w.std(axis=1) / np.sqrt(w.shape[1])


def repeat(K, runs, S, mu=0.0, sigma=1.0):
    """Estimates of p(x) as fractions of p(x), and their own errors.

    Each z_k is drawn from N(mu, sigma^2): by default, from the prior.
    """
    x_k = np.sqrt(1 + c)
    log_w = np.zeros((runs, S))
    for _ in range(K):  # dimension by dimension, to save memory
        z_k = mu + sigma * rng.standard_normal((runs, S))
        log_w += log_normal_1d(x_k - z_k, c) + log_normal_1d(z_k, 1.0)
        log_w -= log_normal_1d(z_k - mu, sigma**2)
        log_w -= log_normal_1d(x_k, 1 + c)
    return spread(log_w)


def guided(K, runs, S, widen=1.2):
    """The same with z drawn near where the posterior is."""
    mu, sigma = np.sqrt(1 + c) / (1 + c), np.sqrt(c / (1 + c))
    return repeat(K, runs, S, mu, widen * sigma)


S = 1000
for k in (1, 2, 3):
    ratio, _ = repeat(k, 3000, 100)
    name = f"(1.10) squared relative error, K = {k}"
    check_mc(name, (ratio - 1) ** 2, relative_error(k, 100) ** 2)
    check_mc("  (1.7) unbiased", ratio, 1.0)

# %% tags=["hide-output"]
dims = np.array([1, 2, 3, 4, 6, 8, 10, 12, 16, 20])
results = [repeat(k, 300, S) for k in dims]
for k, (ratio, believed) in zip(dims, results, strict=True):
    print(
        f"K = {k:2}: relative error {relative_error(k, S):8.2f},"
        f" typical estimate / truth {np.median(ratio):.2g},"
        f" believed error {np.median(believed / ratio):.2f}"
    )

# %% tags=["hide-input"]
# Figure: The relative error of p(x) on a log scale against the
# dimension. The formula climbs by orders of magnitude; the measured
# runs follow it and then fall behind; what a run believes of itself
# stays below one. Samples drawn near the posterior stay below five
# per cent.
ks = np.arange(1, 21)
helped = [guided(k, 40, S) for k in dims]
plt.figure(figsize=(7, 4.2))
plt.axhspan(1, 1e5, color=GREY, alpha=0.15, lw=0)
plt.plot(ks, relative_error(ks, S), color=BLACK)
for values, mark, colour in (
    ([(r - 1).std() for r, _ in results], "o", BLUE),
    ([np.median(b / r) for r, b in results], "s", VERMILLION),
    ([(r - 1).std() for r, _ in helped], "D", GREEN),
):
    plt.plot(dims, values, mark, color=colour, ms=7)
plt.yscale("log")
plt.ylim(0.003, 3e4)
plt.xlim(0.5, 20.8)
plt.xticks([1, 5, 10, 15, 20])
plt.text(14, 70, "formula (1.10)", ha="right")
plt.text(12.6, 4.3, "300 runs, measured", color=BLUE)
plt.text(12, 0.3, "what a run believes", color=VERMILLION)
plt.text(10, 0.008, "samples drawn near the posterior", color=GREEN)
plt.text(1, 7000, "useless: error above 100 %", color=GREY)
plt.xlabel("latent dimensions $K$")
plt.ylabel("relative error of $p(x)$")
plt.title("1000 samples from the prior, and the dimension")
plt.show()

# %% [markdown]
# At $K = 10$ the error is nearly four times the true value. At $K = 20$ it is 445
# times, says the formula, and neither the scatter of the 300 runs nor the runs' own
# standard errors show anything of the kind. They cannot: the expectation is dominated
# by samples so rare that hardly any of the 300,000 was one. **An average without its
# important samples scatters little, and is far too low.** The second column of the
# table shows how low: the typical estimate is a tiny fraction of the truth.
#
# Models are compared by $\log p(x)$, in nats:

# %%
for k, (ratio, _) in zip(dims[4:], results[4:], strict=True):
    check_less(f"K = {k}: mean of log p_hat", np.log(ratio).mean(), 0.0)

# %% [markdown]
# The *logarithm* of an unbiased estimate is below the truth on average. This is no
# accident: it is Jensen's inequality, and the next chapter turns it into a method.
#
# ## Look where $x$ says it is
#
# The green dots are another estimate. The prior puts its samples where images in
# general come from, and only a vanishing fraction fits *this* image. So draw them from
# some other density $q(z)$, and divide by it:
#
# $$
# p(x) = \int p(x, z) \, dz = \int q(z) \, \frac{p(x, z)}{q(z)} \, dz
#   = \mathbb{E}_{q(z)} \left[ w(z) \right] , \qquad
#   w(z) = \frac{p(x, z)}{q(z)} \tag{1.11}
# $$
#
# This is *importance sampling*, and $w$ the importance weight; $q$ must not be zero
# where $p(x, z)$ is not. The best possible $q$ is known. Take the posterior itself, and
# use $p(x, z) = p(x) \, p(z|x)$: the weight is $p(x)$, whatever $z$ is. One sample
# gives the exact answer. This is circular, of course, since we need $p(x)$ to have the
# posterior; but a $q$ that is merely *close* to the posterior does well. The green dots
# used a Gaussian that is 20 % too wide, and from $K = 1$ to 20 their error grew from
# 0.7 % to 4 % (exercise 3), while that of the others exploded.
#
# That is the program of this course in one sentence: **find a $q(z)$ close to
# $p(z|x)$**, for each $x$, and quickly.


# %%
def log_weights(x, z, log_q):  # (1.11)
    return log_joint(x, z) - log_q


z = 1.0 + 0.5 * rng.standard_normal((20_000, 1))
log_q = log_normal_1d(z[:, 0] - 1.0, 0.25)
weights = np.exp(log_weights(x, z, log_q))
check_mc("(1.11) any q will do", weights, p_x)
from_prior = likelihoods(x, 20_000).std()
check_less("with less scatter", weights.std(), from_prior)
exactly, _ = guided(20, 5, 1, widen=1.0)
check("q the posterior, K = 20: one sample", exactly, 1.0, 1e-9)

# %% [markdown]
# In the last line `guided` drew from the closed-form posterior of the linear model,
# mean $x / (1 + c)$ and variance $c / (1 + c)$ ([chapter 2](02_the_elbo_twice.py),
# equations 2.6 and 2.7), and was compared with (1.8): each single sample gives $p(x)$.
#
# ## What goes wrong in practice
#
# - *"The integral is intractable because the latent space is massive and non-linear."*
#   Ours was infinite and non-linear, and we had ten significant figures. It becomes
#   intractable with many dimensions and no structure. With a linear decoder (1.8) any
#   size is easy, and with a latent of a few values the integral is a short sum:
#   [chapter 20](20_mixtures_and_em.py).
# - *"Mixtures have a fixed number of components; variational inference can estimate any
#   distribution."* A mixture is a **model**. Variational inference is a **method** for
#   the posterior of a model, and it may well be used on a mixture.
# - *"We learn $p(x)$, the true distribution of the data."* There are two distributions,
#   that of the data and the model's $p_\theta(x)$. We only ever compute with the second
#   one, and it can be far from the first while its integral is right to ten figures.
# - *"The estimate is unbiased."* So were the estimates above, and useless from $K = 8$
#   on: ask for the variance. And a standard error warns of nothing when it is computed
#   from samples that all missed what matters.
#
# In code: never add densities without (1.5), nor trust a grid without a finer one.
#
# ## Exercises
#
# **1. By hand (warm-up).** Let $z \sim \mathcal{N}(0, 1)$ and $x = a z + b + \sqrt{c}\,
# \eta$, all of them single numbers. What is $p(x)$? Check it with a sum like (1.4) at
# $a = 1.7$, $b = -0.4$, $c = 0.3$, $x = 1$.
#
# <details><summary>Hint</summary>
#
# A sum of independent Gaussians is a Gaussian, as at (1.8). Which two are added here?
#
# </details>
#
# <details><summary>Answer</summary>
#
# $a z + b$ has the mean $b$ and the variance $a^2$; the noise adds the variance $c$. So
# $p(x) = \mathcal{N}(x; b, a^2 + c)$.
#
# </details>

# %% tags=["hide-cell"]
by_hand = np.exp(log_normal_1d(1 - (-0.4), 1.7**2 + 0.3))
place = 1.7 * nodes - 0.4
joint = log_lik(np.array([1.0]), place, 0.3) + log_prior(nodes)
by_sum = np.exp(joint).sum() * step
check("exercise 1: N(x; b, a^2 + c)", by_hand, by_sum, 1e-12)

# %% [markdown]
# **2. How many samples?** With (1.10), how many samples from the prior does a relative
# error of 10 % take at $K = 5$, 10, 20 and 50? At a million samples a second, what is
# the largest $K$ that one day can do?
#
# <details><summary>Hint</summary>
#
# Solve (1.10) for $S$, and then for $K$; $\kappa$ follows from `relative_error(1, 1)`.
#
# </details>
#
# <details><summary>Answer</summary>
#
# $S = (\kappa^K - 1) / 0.1^2$ with $\kappa = 2.60$: 12,000 samples at $K = 5$, 1.4
# million at 10, $2 \cdot 10^{10}$ at 20 and $5 \cdot 10^{22}$ at 50. A day has $8.64
# \cdot 10^{10}$; then $K = \log(0.01\, S + 1) / \log \kappa$, rounded down, is 21.
#
# </details>

# %% tags=["hide-cell"]
kappa = relative_error(1, 1) ** 2 + 1
for k in (5, 10, 20, 50):
    print(f"K = {k:2}: {(kappa**k - 1) / 0.01:.1e} samples")
in_a_day = 1e6 * 86_400
largest = int(np.log(in_a_day * 0.01 + 1) / np.log(kappa))
check("exercise 2: largest K in a day", largest, 21, 0)
check_less("  within a day", relative_error(largest, in_a_day), 0.1)

# %% [markdown]
# **3. How wide should $q$ be (towards research)?** In the linear model at $K = 20$,
# draw from a Gaussian with the posterior's mean and `widen` times its standard
# deviation, for `widen` between 0.6 and 2. For which widths does the error stay below
# 10 %? Why can the errors printed at 0.6 and 0.8 not be trusted? Find the exact
# relative error: with $a = 1/\texttt{widen}^2$, show that for one dimension
#
# $$
# \mathbb{E}_q\left[ \left( \frac{p(z|x)}{q(z)} \right)^2 \right]
#   = \frac{1}{\sqrt{a \, (2 - a)}} ,
# $$
#
# and that it is infinite for $\texttt{widen} \le 1/\sqrt 2$. [Chapter
# 12](12_how_tight_is_the_bound.py) meets it again.
#
# <details><summary>Hint</summary>
#
# The expectation is an integral of a ratio of Gaussians: collect the exponents, as
# before (1.9). Take the posterior's variance as the unit.
#
# </details>
#
# <details><summary>Answer</summary>
#
# The expectation is $\int p(z|x)^2 / q(z) \, dz$. In units in which the posterior is
# $\mathcal{N}(0, 1)$, $q$ has the precision $a$, and the integrand is $\frac{1}{2\pi}
# \sqrt{2 \pi / a}\, \exp(-z^2 + \frac a2 z^2)$. The Gaussian integral $\int e^{-(2 - a)
# z^2 / 2} dz = \sqrt{2 \pi / (2 - a)}$ exists for $a < 2$ only, and gives $1 / \sqrt{a
# (2 - a)}$. The exact error is below 10 % for widths from 0.83 to 1.36. If $q$ is too
# narrow the weights $p/q$ grow without bound in the tails, where hardly a sample falls:
# at 0.6 the error is infinite, which no finite number of runs can show. If $q$ is too
# wide the weights are at most $\texttt{widen}$ in each dimension.
#
# </details>


# %% tags=["hide-cell"]
def exact(widen, K=20):
    a = 1 / widen**2
    second = (a * (2 - a)) ** (-K / 2) if a < 2 else np.inf
    return np.sqrt((second - 1) / S)


for widen in (0.6, 0.8, 0.83, 0.9, 1.0, 1.2, 1.36, 1.5, 2.0):
    ratio, _ = guided(20, 40, S, widen)
    print(f"{widen}: {(ratio - 1).std():.3f}, exact {exact(widen):.3f}")
ratio, _ = guided(20, 300, S, 1.2)
check_mc("exercise 3", (ratio - 1) ** 2, exact(1.2) ** 2)
print(f"K = 1: {exact(1.2, K=1):.3f}")

# %% [markdown]
# ## Sources
#
# - D. P. Kingma, M. Welling, *Auto-Encoding Variational Bayes*, ICLR 2014, [arXiv
#   1312.6114](https://arxiv.org/abs/1312.6114), section 2.1: the problem.
# - L. N. Trefethen, J. A. C. Weideman, *The Exponentially Convergent Trapezoidal Rule*,
#   SIAM Review 56, 2014, [doi 10.1137/130932132](https://doi.org/10.1137/130932132),
#   section 5 (integrals over the real line): why a plain sum is so exact.
# - S. R. Cook, A. Gelman, D. B. Rubin, *Validation of Software for Bayesian Models
#   Using Posterior Quantiles*, Journal of Computational and Graphical Statistics 15,
#   2006, [doi 10.1198/106186006X136976](https://doi.org/10.1198/106186006X136976): the
#   uniform shares.
# - A. B. Owen, *Monte Carlo theory, methods and examples*, 2013,
#   <https://artowen.su.domains/mc/>, sections 9.1 and 9.3: importance sampling, and how
#   it fails in many dimensions. (1.10) is our own example of it.
# - The digits: E. Alpaydin, C. Kaynak, 1998, [doi
#   10.24432/C50P49](https://doi.org/10.24432/C50P49).
#
# **What to read next:** [chapter 2](02_the_elbo_twice.py) turns the loss of the
# logarithm into a bound and measures it. [Chapter 20](20_mixtures_and_em.py) is the
# Gaussian mixture, where the integral is a sum and the bound can be made exact.
