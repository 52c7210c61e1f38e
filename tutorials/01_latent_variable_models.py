# %% [markdown]
# # 1. Latent-variable models and the integral nobody can do
#
# A picture of a handwritten 7 has 64 or 784 numbers, but whoever wrote it made only a
# few decisions: which digit, how slanted, how thick the pen. A latent-variable model
# takes this seriously. It draws the few decisions first, and then the picture. To know
# how probable a picture is, we have to add up over all decisions that might have led to
# it, and that sum is the reason why this course exists.
#
# **What you will learn**
#
# - to write down a latent-variable model, and to compute $p(x)$ exactly when the latent
#   has one or two dimensions;
# - why neither a grid nor samples from the prior survive ten or twenty dimensions, with
#   the rate at which they fail, derived and measured;
# - the Gaussian mixture, the case where the integral is a sum, and its fit by EM with
#   every step;
# - the way out that all later chapters take: look for $z$ where $x$ says it is.
#
# **What you need:** densities, the rule of Bayes, a little NumPy. About one hour and a
# half.

# %%
import time

import matplotlib.pyplot as plt
import numpy as np

from checks import BLACK, BLUE, GREEN, GREY, ORANGE, VERMILLION
from checks import check, check_less, check_mc, style
from minivae import VAE, Bernoulli
from minivae.inference.exact import quadrature
from minivae.inference.exact.linear_gaussian import LinearGaussian
from minivae.inference.exact.mixture import fit_mixture

style()
rng = np.random.default_rng(1)

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
# In a VAE $g$ is a neural network. Here it is a formula that you can picture: the
# number $z$ is wound around a circle of radius 2, with $z = 0$ at the top. At
# $z = \pm \frac23 \pi \approx \pm 2.09$ the two ends meet at the bottom, and go on
# around.
#
# We observe $x$, never $z$. Two questions follow, and every chapter of this course is
# about one of them:
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
# We always compute with logarithms of densities: a picture of 784 pixels has a density
# like $10^{-300}$, and the computer would round it to zero. The logarithm of the
# Gaussian $p(x|z)$, for $D$ data dimensions:
#
# $$
# p(x|z) = \prod_{d=1}^{D} \frac{1}{\sqrt{2 \pi c}}
#   \exp\left( -\frac{(x_d - g_d(z))^2}{2 c} \right)
# $$
#
# The logarithm turns the product into a sum, the root into a factor $\frac12$, and the
# exponential into what stands in it. The first part is the same for all $d$, so it
# comes $D$ times:
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
# First $z$ and then $x$: the probability of both together is the product, and its
# logarithm is the sum,
#
# $$
# \log p(x, z) = \log p(x|z) + \log p(z) . \tag{1.3}
# $$
#
# In the code, `z` has the shape (S, K) for $S$ places at which we look, and `x` is one
# data point of shape (D,).


# %%
c = 0.25


def g(z):
    """The decoder: (S, 1) latents to (S, 2) places on the circle."""
    return 2 * np.concatenate([np.sin(1.5 * z), np.cos(1.5 * z)], -1)


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
# With one latent dimension, a computer does this integral with its eyes closed: put
# $n$ equidistant nodes $z_i$, a step $\Delta$ apart, over the region where anything
# happens, and add up.
#
# $$
# p(x) \approx \sum_{i=1}^{n} p(x, z_i) \, \Delta \tag{1.4}
# $$
#
# Since we hold logarithms, we need the logarithm of a sum of exponentials. All of them
# may be too small for the computer; so we take the largest, $a_{\max}$, out of the sum.
# From $e^{a_i} = e^{a_{\max}} e^{a_i - a_{\max}}$, with the first factor the same in
# each term,
#
# $$
# \log \sum_i e^{a_i} = a_{\max} + \log \sum_i e^{a_i - a_{\max}} . \tag{1.5}
# $$
#
# Now the largest exponential is 1, and whatever is rounded to zero beside it does not
# matter.


# %%
def log_sum_exp(a, axis=-1):  # (1.5)
    top = a.max(axis=axis, keepdims=True)
    rest = np.log(np.exp(a - top).sum(axis=axis))
    return np.squeeze(top, axis=axis) + rest


def log_evidence(x, n=401, edge=8.0):  # (1.4)
    nodes = np.linspace(-edge, edge, n)[:, None]
    step = nodes[1, 0] - nodes[0, 0]
    return log_sum_exp(log_joint(x, nodes)) + np.log(step)


# %% [markdown]
# Is it right? A density must add up to one. So we do the integral over $z$ for each
# point of a grid over the plane, and add up over the plane. And we do it for one point
# with a rule that shares nothing with a plain sum: *Gauss-Legendre quadrature*, with
# uneven nodes and weights from a table in NumPy.

# %%
axis = np.linspace(-5, 5, 101)
plane = np.stack(np.meshgrid(axis, axis), axis=-1)  # (101, 101, 2)
nodes = np.linspace(-8, 8, 401)[:, None]
log_px = np.array(
    [log_sum_exp(log_joint(row[:, None, :], nodes)) for row in plane]
) + np.log(nodes[1, 0] - nodes[0, 0])
area = (axis[1] - axis[0]) ** 2
check("p(x) adds up to one", np.exp(log_px).sum() * area, 1.0, 1e-8)

x = np.array([1.4, 0.9])
uneven, weight = np.polynomial.legendre.leggauss(300)
uneven, weight = 8 * uneven[:, None], 8 * weight  # from [-1, 1]
other = np.log(np.exp(log_joint(x, uneven)) @ weight)
check("(1.4) against Gauss-Legendre", log_evidence(x), other, 1e-10)
check(
    "(1.5) where exp underflows",
    log_sum_exp(np.array([-5000.0, -5000.0])),
    -5000 + np.log(2),
    1e-9,
)
check("(1.2) is a density", np.exp(log_prior(nodes)).sum(), 25.0, 1e-9)

# %% [markdown]
# (The last line adds up a density at steps of $\frac{1}{25}$, so the sum must be 25.)
#
# How many nodes did we need? Each halving of the step of an ordinary rule gains one or
# two digits at most. Watch the plain sum:

# %%
for n in (21, 41, 61, 81, 101, 121):
    error = abs(log_evidence(x, n) - other)
    step = 16 / (n - 1)
    print(f"{n:4} nodes, step {step:.2f}: error {error:.0e} nats")
check("121 nodes are enough", log_evidence(x, 121), other, 1e-11)

# %% [markdown]
# Nothing, nothing, and then all digits at once. For a smooth function that fades to
# zero at both ends the error falls faster than any power of the step, as soon as the
# step is about as fine as the posterior is wide. A coarse grid is worthless, a good one
# is perfect, and comparing two grids tells you which one you have. We shall trust this
# sum for three chapters.
#
# Here is our model: on the left what it draws, on the right its density.

# %%
z = rng.standard_normal((600, 1))
data = g(z) + np.sqrt(c) * rng.standard_normal((600, 2))
spots = np.array(
    [[2 * np.sin(1.2), 2 * np.cos(1.2)], [0, -2], [0, 0.3]]
)
spot_colours = [GREEN, ORANGE, BLUE]

fig, (left, right) = plt.subplots(1, 2, figsize=(7.6, 3.9))
left.plot(*data.T, ".", color=GREY, ms=3)
left.plot(*g(np.linspace(-3, 3, 200)[:, None]).T, color=BLACK, lw=1.5)
for z_mark in (-2, -1, 0, 1, 2):
    place = g(np.array([[z_mark]]))[0]
    left.plot(*place, "o", color=BLACK, ms=5)
    spot = place * (0.72 if abs(z_mark) < 2 else [2.6, 1.25])
    left.text(*spot, f"{z_mark}", ha="center", va="center")
left.text(0, 0, "$z$", ha="center", va="center")
left.set_title("600 draws around $g(z)$")
image = right.imshow(
    np.exp(log_px), origin="lower", extent=(-5.05, 5.05, -5.05, 5.05)
)
for spot, colour in zip(spots, spot_colours, strict=True):
    right.plot(*spot, "o", color=colour, mec="white", ms=9)
fig.colorbar(image, ax=right, label="$p(x)$", shrink=0.6)
right.set_title("Its density, by (1.4)")
for ax in (left, right):
    ax.set(xlim=(-3.9, 3.9), ylim=(-3.9, 3.9), aspect="equal")
    ax.set(xlabel="$x_1$", ylabel="$x_2$")
plt.show()

# %% [markdown]
# ## The posterior comes for free
#
# The same joint density can be split the other way, first $x$ and then $z$: $p(x, z) =
# p(x)\, p(z|x)$. Both splits are equal; divide by $p(x)$, and there is Bayes' rule:
#
# $$
# \log p(z|x) = \log p(x|z) + \log p(z) - \log p(x) \tag{1.6}
# $$
#
# The integral we just did is the constant that makes the posterior add up to one. That
# is worth a moment: **who can compute $p(x)$ has the posterior, and who has the
# posterior has $p(x)$.** The two questions of the beginning are one question.


# %%
def log_posterior(x, z):  # (1.6)
    return log_joint(x, z) - log_evidence(x)


step = nodes[1, 0] - nodes[0, 0]
for spot in spots:
    density = np.exp(log_posterior(spot, nodes))
    check(f"(1.6) posterior of {spot}", density.sum() * step, 1, 1e-12)

plt.figure()
z_line = np.linspace(-3.3, 3.3, 500)[:, None]
plt.fill_between(
    z_line[:, 0], np.exp(log_prior(z_line)), color=GREY, alpha=0.3
)
for spot, colour in zip(spots, spot_colours, strict=True):
    plt.plot(z_line, np.exp(log_posterior(spot, z_line)), color=colour)
plt.text(-1.25, 0.33, "prior", color=GREY, ha="right")
plt.text(0.96, 2.25, "on the circle", color=GREEN)
plt.text(2.3, 1.0, "at the\nbottom", color=ORANGE)
plt.text(-0.33, 0.78, "near the centre", color=BLUE, ha="right")
plt.xlabel("latent $z$")
plt.ylabel("density")
plt.title("What three points say about their $z$")
plt.show()

# %% [markdown]
# The point on the circle pins $z$ down. The point at the bottom has two explanations,
# one from each end, and the posterior has **two bumps**: no Gaussian will ever fit it
# well, and chapter 2 measures what that costs. The point near the centre is about
# equally far from everything, so it says little, and its posterior is wide.
#
# ## Two dimensions, and a decoder that is a network
#
# A second latent dimension makes the line a square. This time the decoder is what it is
# in a VAE, a network with one hidden layer, and the data are black-and-white pictures
# of 3 times 3 pixels. The network gives one number $y_d$ for each pixel, any real
# number, and the pixel is black with probability $1 / (1 + e^{-y_d})$. Chapter 7 has
# the details; the log-probability of a picture is
#
# $$
# \log p(x|z) = \sum_{d=1}^{D} \left( x_d \, y_d - \log(1 + e^{y_d}) \right) .
#   \tag{1.7}
# $$
#
# (For $x_d = 1$ the bracket is $\log \frac{e^y}{1 + e^y} = \log \frac{1}{1 + e^{-y}}$;
# for $x_d = 0$ it is $\log \frac{1}{1 + e^y}$, and the two probabilities add up to
# one.) The integral becomes a double sum, with the area of a little square in place of
# the step:
#
# $$
# p(x) \approx \sum_{i=1}^{n} \sum_{j=1}^{n}
#   p(x | z_i, z_j) \,
#   p(z_i, z_j) \, \Delta^2 \tag{1.8}
# $$

# %%
D, K, H = 9, 2, 6
W1, b1 = rng.normal(0, 1.5, (K, H)), rng.normal(0, 1, H)
W2, b2 = rng.normal(0, 1.5, (H, D)), rng.normal(0, 1, D)


def logits(z):
    return np.tanh(z @ W1 + b1) @ W2 + b2


def log_lik_pixels(x, y):  # (1.7)
    constant = np.log1p(np.exp(y)).sum(axis=-1)
    return x @ y.T - constant


def log_evidence_2d(x, n=161, edge=8.0):  # (1.8)
    line = np.linspace(-edge, edge, n)
    square = np.stack(np.meshgrid(line, line), -1).reshape(-1, 2)
    area = (line[1] - line[0]) ** 2
    joint = log_lik_pixels(x, logits(square)) + log_prior(square)
    return log_sum_exp(joint) + np.log(area)


# %% [markdown]
# There are $2^9 = 512$ such pictures and no others, so their probabilities must add up
# to one. Few models can be checked as completely as this one.

# %%
pictures = (np.arange(512)[:, None] >> np.arange(9)) & 1
pictures = pictures.astype(float)
log_p = log_evidence_2d(pictures)
check("(1.8) 512 probabilities", np.exp(log_p).sum(), 1.0, 1e-9)

draws = rng.standard_normal((100_000, 2))
black = 1 / (1 + np.exp(-logits(draws)))
pixels = rng.random((100_000, 9)) < black
best = pictures[log_p.argmax()]
drawn = (pixels == best).all(axis=1)
check_mc("how often the likeliest is drawn", drawn, np.exp(log_p.max()))

# %% [markdown]
# Beautiful, and not enough. The probabilities of the 512 pictures add up to one at
# *each node*, so they would add up to one on a grid that is far too coarse as well. The
# sum checks (1.7) and the prior; the grid has to be checked with a finer one. The
# package does that by itself: it has the same sum for any VAE with one or two latent
# dimensions, and every result brings an estimate of its error. We put our weights into
# a VAE and ask.

# %%
vae = VAE.mlp(
    D, K, hidden=(H,), likelihood=Bernoulli(), rng=rng, dtype=np.float64
)
vae.params["decoder.0.W"][...] = W1
vae.params["decoder.0.b"][...] = b1
vae.params["decoder.2.W"][...] = W2
vae.params["decoder.2.b"][...] = b2
package = quadrature.log_prob(vae, pictures[:20], nodes=201)
check(
    "minivae.inference.exact.quadrature",
    package.value,
    log_p[:20],
    1e-9,
)
print(f"its own estimate of its error: {package.error.max():.0e}")

# %% [markdown]
# ## Why nobody can do it
#
# With $n$ nodes for each axis, $K$ axes need $n^K$ nodes, and each node is one pass
# through the decoder.
#
# **Predict.** Suppose 50 nodes for each axis are enough. How long does your computer
# need for one picture at $K = 2$, $5$, $10$ and $20$? Minutes, days, more?

# %%
many = rng.standard_normal((200_000, 2))
start = time.perf_counter()
log_lik_pixels(best, logits(many))
rate = len(many) / (time.perf_counter() - start)
print(f"{rate:.1e} passes through the decoder in a second")
for k in (1, 2, 5, 10, 20):
    seconds = 50.0**k / rate
    print(f"K = {k:2}: {seconds:8.1e} s = {seconds / 3.15e7:.1e} years")

# %% [markdown]
# Five dimensions take minutes, for one picture and one setting of the weights. Ten take
# thousands of years. The universe is $1.4 \cdot 10^{10}$ years old, and for twenty
# dimensions that is nothing.
#
# Keep in mind what the difficulty is, though. It is not that the decoder is nonlinear,
# or that the space is infinite: in one or two dimensions we had both, and ten digits.
# And with a *linear* decoder the integral has a formula at any $K$, as we shall see in
# a moment. The trouble is many dimensions **together with** a function that has no
# structure we could use.
#
# ## Samples in place of a grid
#
# A grid looks everywhere, and nearly everywhere nothing is to be found. Why not look
# only where the prior says that $z$ may be? The integral is an expectation,
#
# $$
# p(x) = \int p(x|z) \, p(z) \, dz = \mathbb{E}_{p(z)} \left[ p(x|z) \right] ,
# $$
#
# and an expectation can be estimated by an average over $S$ samples from the prior:
#
# $$
# \hat p(x) = \frac1S \sum_{s=1}^{S} p(x|z_s), \qquad z_s \sim p(z) . \tag{1.9}
# $$
#
# This is *naive Monte Carlo*. It is **unbiased**: the expectation of an average is the
# average of the expectations, and each of them is $p(x)$. Its error falls like
# $1/\sqrt S$, whatever $K$ is; textbooks praise it for that. We try it where we know
# the answer, on the circle:


# %%
def likelihoods(x, S):
    return np.exp(log_lik(x, g(rng.standard_normal((S, 1))), c))


samples = likelihoods(x, 100_000)
p_hat = samples.mean()  # (1.9)
p_x = np.exp(log_evidence(x))
check_mc("(1.9) is unbiased", samples, p_x)
check("and close", p_hat, p_x, 4 * samples.std() / np.sqrt(100_000))

# %% [markdown]
# It works. Now the dimension, and for that we need a model with an exact answer at
# every $K$. Take the simplest decoder there is, $g(z) = z$, with $D = K$:
#
# $$
# z \sim \mathcal{N}(0, I), \qquad x = z + \sqrt{c} \, \eta, \qquad
#   \eta \sim \mathcal{N}(0, I) .
# $$
#
# The sum of two independent Gaussians is a Gaussian, whose mean is the sum of the means
# and whose variance the sum of the variances. So, with $\log \mathcal{N}$ as in (1.1),
#
# $$
# p(x) = \mathcal{N}(x; 0, (1 + c) I) . \tag{1.10}
# $$
#
# How large is the error of (1.9)? The variance of an average of $S$ independent samples
# is that of one sample, divided by $S$; and the variance of one sample is the mean of
# its square minus the square of its mean. Divide by the true value squared to have it
# as a fraction of what we want to know:
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
# constants, and that ratio is $\sqrt{\pi c} / (2 \pi c) = 1 / \sqrt{4 \pi c}$. Now the
# expectation over $z \sim \mathcal{N}(0, 1)$ is again that of (1.10), a sum of two
# Gaussians, with $\frac{c}{2}$ in the place of $c$:
#
# $$
# \mathbb{E}\left[ \mathcal{N}(x; z, c)^2 \right]
#   = \frac{1}{\sqrt{4 \pi c}} \; \mathcal{N}(x; 0, 1 + \tfrac{c}{2}) \tag{1.11}
# $$
#
# Call the ratio for one dimension $\rho$:
#
# $$
# \rho = \frac{\mathbb{E}[\mathcal{N}(x; z, c)^2]}{\mathcal{N}(x; 0, 1 + c)^2} .
# $$
#
# For an $x$ all of whose $K$ coordinates are equally typical, $x_k^2 = 1 + c$, the
# ratio is the same in each dimension, and the product of $K$ of them is $\rho^K$:
#
# $$
# \text{relative error} = \sqrt{ \frac{\rho^K - 1}{S} } \tag{1.12}
# $$
#
# There it stands. The $1/\sqrt S$ of the textbooks is true, and in front of it is a
# number that grows **exponentially** with $K$.


# %%
def log_normal_1d(x, variance):
    return -0.5 * (np.log(2 * np.pi * variance) + x**2 / variance)


def exact_log_p(x):  # (1.10)
    return log_normal_1d(x, 1 + c).sum(axis=-1)


def mean_square(x):  # (1.11)
    constant = 1 / np.sqrt(4 * np.pi * c)
    return constant * np.exp(log_normal_1d(x, 1 + c / 2))


def relative_error(K, S):  # (1.12)
    x1 = np.sqrt(1 + c)
    rho = mean_square(x1) / np.exp(2 * log_normal_1d(x1, 1 + c))
    return np.sqrt((rho**K - 1) / S)


z = nodes[:, 0]
one = np.exp(log_normal_1d(0.7 - z, c))
prior = np.exp(log_normal_1d(z, 1.0))
check(
    "(1.10) by quadrature",
    np.exp(exact_log_p(np.array([0.7]))),
    (one * prior).sum() * step,
    1e-12,
)
check(
    "(1.11) by quadrature",
    mean_square(0.7),
    (one**2 * prior).sum() * step,
    1e-12,
)
xs = rng.normal(size=(5, 7))
package = LinearGaussian(np.eye(7), np.zeros(7), c)
check(
    "minivae.inference.exact.linear_gaussian",
    package.log_prob(xs),
    exact_log_p(xs),
    1e-12,
)

# %% [markdown]
# **Predict.** At $K = 1$ and $S = 1000$ samples, (1.12) gives a relative error of 4 %.
# What will it be at $K = 10$? And what will the *runs themselves* believe their error
# to be, at $K = 20$, if each computes a standard error from its own 1000 samples?
#
# We repeat the whole estimate 300 times for each $K$. Beside the naive estimate there
# is a second one, in green, that we shall need in a moment.


# %%
def spread(log_w):
    """Mean, and standard error of the mean, of exp(log_w) over axis 1."""
    w = np.exp(log_w)
    return w.mean(axis=1), w.std(axis=1) / np.sqrt(w.shape[1])


def naive(K, runs, S):
    """Estimates of p(x) as fractions of p(x), and what they believe."""
    x_k = np.sqrt(1 + c)
    log_w = np.zeros((runs, S))
    for _ in range(K):  # dimension by dimension, to save memory
        z_k = rng.standard_normal((runs, S))
        log_w += log_normal_1d(x_k - z_k, c)
        log_w -= log_normal_1d(x_k, 1 + c)
    return spread(log_w)


def guided(K, runs, S, widen=1.2):
    """The same with z drawn near where the posterior is."""
    x_k = np.sqrt(1 + c)
    mu, sigma = x_k / (1 + c), widen * np.sqrt(c / (1 + c))
    log_w = np.zeros((runs, S))
    for _ in range(K):
        z_k = mu + sigma * rng.standard_normal((runs, S))
        log_w += log_normal_1d(x_k - z_k, c) + log_normal_1d(z_k, 1.0)
        log_w -= log_normal_1d(z_k - mu, sigma**2)
        log_w -= log_normal_1d(x_k, 1 + c)
    return spread(log_w)


S, runs = 1000, 300
dims = np.array([1, 2, 3, 4, 6, 8, 10, 12, 16, 20])
results = [naive(k, runs, S) for k in dims]
for k, (ratio, _) in zip(dims[:3], results[:3], strict=True):
    check_mc(
        f"(1.12) squared relative error at K = {k}",
        (ratio - 1) ** 2,
        relative_error(k, S) ** 2,
    )
    check_mc("  (1.9) unbiased", ratio, 1.0)
for k, (ratio, believed) in zip(dims, results, strict=True):
    print(
        f"K = {k:2}: relative error {relative_error(k, S):8.2f},"
        f" typical estimate / truth {np.median(ratio):.2g},"
        f" believed error {np.median(believed / ratio):.2f}"
    )

# %%
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
plt.text(14, 70, "formula (1.12)", ha="right")
plt.text(12.6, 4.3, "300 runs, measured", color=BLUE)
plt.text(12, 0.3, "what a run believes", color=VERMILLION)
plt.text(10, 0.008, "samples drawn near the posterior", color=GREEN)
plt.text(1, 7000, "useless: error above 100 %", color=GREY)
plt.xlabel("latent dimensions $K$")
plt.ylabel("relative error of $p(x)$")
plt.title("1000 samples from the prior, and the dimension")
plt.show()

# %% [markdown]
# At $K = 10$ the error is nearly four times what we want to know. At $K = 20$ it is
# 445 times, says the formula, and neither the scatter of the 300 runs nor the runs'
# own standard errors show anything of the kind. They cannot: the expectation is made by
# samples so rare that none of the 300,000 was one. **An average without its important
# samples looks calm, and is far too low.** The second column of the table says how low:
# the typical estimate is a tiny fraction of the truth.
#
# Here are the same runs as log-likelihoods, in nats, which is how models are compared:

# %%
plt.figure()
for k, (ratio, _) in zip(dims, results, strict=True):
    jitter = rng.uniform(-0.25, 0.25, 100)
    plt.plot(
        k + jitter, np.log(ratio[:100]), ".", color=BLUE, alpha=0.35
    )
average = [np.log(ratio).mean() for ratio, _ in results]
plt.plot(dims, average, color=BLUE)
plt.axhline(0, color=BLACK)
plt.text(5, 2.2, r"exact $\log p(x)$")
plt.text(5.4, -5.2, "mean over runs", color=BLUE, ha="center")
plt.ylim(-14, 5)
plt.xticks([1, 5, 10, 15, 20])
plt.xlabel("latent dimensions $K$")
plt.ylabel(r"$\log \hat p(x) - \log p(x)$, nats")
plt.title("Unbiased, and nearly always far too low")
plt.show()
for k, (ratio, _) in zip(dims[4:], results[4:], strict=True):
    check_less(f"K = {k}: mean of log p_hat", np.log(ratio).mean(), 0.0)

# %% [markdown]
# Notice that the *logarithm* of an unbiased estimate is below the truth on average. It
# is no accident. It has a name, Jensen's inequality, and the next chapter
# makes a method of it.
#
# ## Look where $x$ says it is
#
# What is the green estimate? The prior puts its samples where pictures in general come
# from, and only a vanishing fraction fits *this* picture. Let us draw them from some
# other density $q(z)$. We may, if we divide by it:
#
# $$
# p(x) = \int p(x, z) \, dz = \int q(z) \, \frac{p(x, z)}{q(z)} \, dz
#   = \mathbb{E}_{q(z)} \left[ \frac{p(x, z)}{q(z)} \right] \tag{1.13}
# $$
#
# This is *importance sampling*; $q$ must not be zero where $p(x, z)$ is not. The best
# $q$ there is can be named at once. Take the posterior itself, and use $p(x, z) =
# p(x) \, p(z|x)$: the bracket is $p(x)$, whatever $z$ is. One sample gives the exact
# answer. The circle argument is plain, since we need $p(x)$ to have the posterior; but
# a $q$ that is merely *close* to the posterior will do quite well. The green dots used
# a Gaussian that is 20 % too wide, and their error grew
# from half a percent to four, where that of the others exploded.
#
# That is the program of this course in one sentence: **find a $q(z)$ close to
# $p(z|x)$**, for each $x$, and quickly.


# %%
def log_weights(x, z, log_q):  # (1.13)
    return log_joint(x, z) - log_q


z = 1.0 + 0.5 * rng.standard_normal((20_000, 1))
log_q = log_normal_1d(z[:, 0] - 1.0, 0.25)
weights = np.exp(log_weights(x, z, log_q))
naive_weights = likelihoods(x, 20_000)
check_mc("(1.13) any q will do", weights, p_x)
check_less("with less scatter", weights.std(), naive_weights.std())
weights = np.exp(log_weights(x, z, log_posterior(x, z)))
check("the posterior as q: each sample", weights, p_x, 1e-12)

# %% [markdown]
# ## When the integral is a sum: the Gaussian mixture
#
# Let the latent be a choice out of $C$ instead of a number: $k = 1 \ldots C$, chosen
# with probability $\pi_k$. Component $k$ has its own mean $m_k$ and its own variance
# $v_k$ in each data dimension. Then the integral is a sum of $C$ terms, and there is
# nothing to approximate:
#
# $$
# p(x) = \sum_{k=1}^{C} p(x, k)
#   = \sum_{k=1}^{C} \pi_k \, \mathcal{N}(x; m_k, v_k) \tag{1.14}
# $$
#
# Our circle is a mixture as well, by the way, one with a component at each $z$: it has
# infinitely many, weighted by the prior and all tied to one function $g$. A VAE is a
# mixture with infinitely many components and finitely many parameters.
#
# The posterior over $k$ is a list of $C$ numbers. For a mixture they are called
# *responsibilities*:
#
# $$
# r_k = p(k|x) = \frac{\pi_k \, \mathcal{N}(x; m_k, v_k)}
#   {\sum_{j} \pi_j \, \mathcal{N}(x; m_j, v_j)} \tag{1.15}
# $$
#
# To *fit* the mixture is to make $\sum_b \log p(x_b)$ as large as possible over the
# data. The logarithm of a sum has no closed solution. The trick that solves it is the
# trick of the whole course, in the form in which it is easiest.
#
# **A bound.** Let $q_k$ be any probabilities, for one $x$. Start from $\log p(x)$,
# which is a constant as far as $k$ is concerned, so it equals its own average under
# $q$. Then use $p(x) = p(x, k) / p(k|x)$, and put $q_k / q_k = 1$ in:
#
# $$
# \log p(x) = \sum_k q_k \log p(x)
#   = \sum_k q_k \log \frac{p(x, k)}{p(k|x)}
#   = \sum_k q_k \log \left( \frac{p(x, k)}{q_k} \cdot \frac{q_k}{p(k|x)} \right) .
# $$
#
# The logarithm of the product is a sum, and we give names to the two halves:
#
# $$
# \log p(x) = F(q) + G(q)
# $$
#
# $$
# F(q) = \sum_k q_k \left( \log p(x, k) - \log q_k \right) \tag{1.16}
# $$
#
# $$
# G(q) = \sum_k q_k \left( \log q_k - \log p(k|x) \right) \tag{1.17}
# $$
#
# The second half is never negative. To see it, turn its sign around and use
# $\log u \le u - 1$, true because the logarithm is concave and $u - 1$ is its tangent
# at $u = 1$:
#
# $$
# -G(q) = \sum_k q_k \log \frac{p(k|x)}{q_k}
#   \le \sum_k q_k \left( \frac{p(k|x)}{q_k} - 1 \right)
#   = \sum_k p(k|x) - \sum_k q_k = 1 - 1 = 0 .
# $$
#
# So $F(q) \le \log p(x)$ for every $q$, with equality when $q_k = p(k|x)$: then each
# logarithm in $G$ is zero.
#
# **EM climbs in two moves.** The parameters are $\theta = (\pi, m, v)$.
#
# - *E step:* set $q_k = r_k$, the posterior under the present parameters. Now
#   $F = \log p(x)$.
# - *M step:* keep $q$ and move the parameters to where $\sum_b F$ is largest.
#
# After the M step $F$ is higher than before, or equal; before, it was $\log p(x)$; and
# the new $\log p(x)$ is at least the new $F$. So the log-likelihood **never falls**.
#
# **The M step, mean.** Write $r_{bk}$ for the $q_k$ of data point $b$. In $F$ only
# $\log p(x, k)$ contains parameters. For one data dimension, by (1.1) with $v_k$ for
# $c$,
#
# $$
# \sum_b F_b = \sum_b \sum_k r_{bk} \left( \log \pi_k - \frac12 \log 2 \pi v_k
#   - \frac{(x_b - m_k)^2}{2 v_k} \right) + \text{(no parameters)} .
# $$
#
# Differentiate in $m_k$, where only the square counts, and set the result to zero:
#
# $$
# \sum_b r_{bk} \, \frac{x_b - m_k}{v_k} = 0
# \quad \Longrightarrow \quad
# \sum_b r_{bk} \, x_b = m_k \sum_b r_{bk} .
# $$
#
# With $N_k = \sum_b r_{bk}$, the number of points that component $k$ answers for,
#
# $$
# m_k = \frac{1}{N_k} \sum_b r_{bk} \, x_b . \tag{1.18}
# $$
#
# **Variance.** Differentiate in $v_k$: the logarithm gives $-\frac{1}{2 v_k}$, the
# fraction $+\frac{(x_b - m_k)^2}{2 v_k^2}$. Set the sum to zero, multiply by $2 v_k^2$:
#
# $$
# \sum_b r_{bk} \left( -v_k + (x_b - m_k)^2 \right) = 0
# \quad \Longrightarrow \quad
# v_k = \frac{1}{N_k} \sum_b r_{bk} \, (x_b - m_k)^2 . \tag{1.19}
# $$
#
# **Weights.** The $\pi_k$ must add up to one, so they cannot be moved one by one. What
# we maximize is $\sum_k N_k \log \pi_k$. Compare any $\pi$ with the choice $N_k / B$,
# where $B$ is the number of points, and use $\log u \le u - 1$ once more:
#
# $$
# \sum_k N_k \log \pi_k - \sum_k N_k \log \frac{N_k}{B}
#   = \sum_k N_k \log \frac{\pi_k B}{N_k}
#   \le \sum_k N_k \left( \frac{\pi_k B}{N_k} - 1 \right) = B - B = 0 .
# $$
#
# No choice is better than
#
# $$
# \pi_k = \frac{N_k}{B} . \tag{1.20}
# $$


# %%
def log_joints(x, pi, m, v):
    """log p(x, k) for x (B, D) and C components: shape (B, C)."""
    ratio = (x[:, None, :] - m) ** 2 / v
    log_n = -0.5 * (np.log(2 * np.pi * v) + ratio).sum(axis=2)
    return np.log(pi) + log_n


def log_p_mixture(x, pi, m, v):  # (1.14)
    return log_sum_exp(log_joints(x, pi, m, v))


def responsibilities(x, pi, m, v):  # (1.15)
    joints = log_joints(x, pi, m, v)
    return np.exp(joints - log_sum_exp(joints)[:, None])


def bound(q, x, pi, m, v):  # (1.16)
    return (q * (log_joints(x, pi, m, v) - np.log(q))).sum(axis=1)


def gap(q, x, pi, m, v):  # (1.17)
    r = responsibilities(x, pi, m, v)
    return (q * (np.log(q) - np.log(r))).sum(axis=1)


def m_step(x, r):
    N = r.sum(axis=0)
    m = r.T @ x / N[:, None]  # (1.18)
    squares = (x[:, None, :] - m) ** 2
    v = (r[:, :, None] * squares).sum(axis=0) / N[:, None]  # (1.19)
    pi = N / len(x)  # (1.20)
    return pi, m, v


# %% [markdown]
# The bound and the gap first, with arbitrary $q$ and arbitrary parameters. Then the M
# step: at its result, small moves of any parameter must not change $\sum_b F_b$ to
# first order, and must lower it to second. The weights we move in pairs, so that they
# still add up to one.

# %%
C = 6
theta = (
    rng.dirichlet(np.ones(C)),
    rng.normal(size=(C, 2)),
    rng.uniform(0.3, 2, (C, 2)),
)
few = data[:50]
q = rng.dirichlet(np.ones(C), size=50)
check(
    "log p = F + G",
    log_p_mixture(few, *theta),
    bound(q, few, *theta) + gap(q, few, *theta),
    1e-10,
)
check_less("smallest G", 0.0, gap(q, few, *theta).min())
ax_x = np.linspace(-12, 12, 401)
wide = np.stack(np.meshgrid(ax_x, ax_x), -1).reshape(-1, 2)
total = np.exp(log_p_mixture(wide, *theta)).sum()
cell = (ax_x[1] - ax_x[0]) ** 2
check("(1.14) is a density", total * cell, 1.0, 1e-9)
r = responsibilities(few, *theta)
check(
    "(1.15) closes the gap",
    bound(r, few, *theta),
    log_p_mixture(few, *theta),
    1e-10,
)

best_theta = m_step(few, q)


def slope_and_bend(which, direction, h=1e-4):
    """First and second difference of sum F along one direction."""
    values = []
    for sign in (-1, 0, 1):
        moved = list(best_theta)
        moved[which] = moved[which] + sign * h * direction
        values.append(bound(q, few, *moved).sum())
    down, here, up = values
    return (up - down) / (2 * h), up + down - 2 * here


for which, name in ((1, "(1.18) mean"), (2, "(1.19) variance")):
    slopes, bends = [], []
    for index in np.ndindex(C, 2):
        direction = np.zeros((C, 2))
        direction[index] = 1
        slope, bend = slope_and_bend(which, direction)
        slopes.append(slope)
        bends.append(bend)
    check(f"{name}: no slope is left", np.array(slopes), 0.0, 1e-5)
    check_less("  and it is a maximum", max(bends), 0.0)
pairs = np.eye(C) - np.roll(np.eye(C), 1, axis=0)
slopes, bends = zip(
    *(slope_and_bend(0, pair) for pair in pairs), strict=True
)
check("(1.20) weights: no slope is left", np.array(slopes), 0.0, 1e-3)
check_less("  and it is a maximum", max(bends), 0.0)
check("(1.20) weights add up", best_theta[0].sum(), 1.0, 1e-12)

# %% [markdown]
# Now the fit. We start like the package does, from $C$ different data points as means,
# the variance of all the data, and equal weights, and go 60 times around.
#
# **Predict.** The data lie on a circle. What will six Gaussians, each with its axes
# parallel to those of the plane, make of it?


# %%
def em(x, C, iterations, seed):
    chooser = np.random.default_rng(seed)
    distinct = np.unique(x, axis=0)
    chosen = chooser.choice(len(distinct), size=C, replace=False)
    start = (
        np.full(C, 1 / C),
        distinct[chosen],
        np.tile(x.var(axis=0), (C, 1)),
    )
    path = [start]
    for _ in range(iterations):
        r = responsibilities(x, *path[-1])  # E step
        path.append(m_step(x, r))  # M step
    history = [log_p_mixture(x, *theta).mean() for theta in path]
    return path, np.array(history)


path, history = em(data, C, 60, seed=3)
gains = np.diff(history)
check_less("smallest gain of 60 iterations", -1e-12, gains.min())
check_less("first gain", 1e-3, gains[0])

fit = fit_mixture(
    data, C, np.random.default_rng(3), iterations=60, tol=0
)
count = len(fit.log_likelihood)
check(
    "minivae.inference.exact.mixture.fit_mixture",
    fit.log_likelihood,
    history[:count],
    1e-10,
)

# %%
fig, (left, right) = plt.subplots(1, 2, figsize=(7.6, 3.7))
left.plot(*data.T, ".", color=GREY, ms=3)
angle = np.linspace(0, 2 * np.pi, 100)
ring = np.stack([np.cos(angle), np.sin(angle)], axis=1)
for theta, colour in ((path[0], ORANGE), (path[-1], BLUE)):
    pi, m, v = theta
    for k in range(C):
        left.plot(
            *(m[k] + 2 * np.sqrt(v[k]) * ring).T,
            color=colour,
            lw=1 if colour == ORANGE else 2.2,
        )
        left.plot(*m[k], "o", color=colour, ms=5)
left.set(xlim=(-5.4, 5.4), ylim=(-5, 5), aspect="equal")
left.set(xlabel="$x_1$", ylabel="$x_2$")
left.set_title("Start and end of EM")
right.plot(history, color=BLACK)
right.set(xlabel="iteration", ylabel="mean log-likelihood, nats")
right.set_title("It never falls")
plt.show()

# %% [markdown]
# The orange ellipses (two standard deviations) are the start, the blue ones the end:
# they have strung themselves around the circle like beads.
#
# How good is that? For once we know the truth: (1.4) gives $\log p(x)$ under the model
# that made the data. We compare on 2000 *new* points, and with more beads.

# %%
z_new = rng.standard_normal((2000, 1))
fresh = g(z_new) + np.sqrt(c) * rng.standard_normal((2000, 2))
true_log_p = np.array([log_evidence(x_b, 161) for x_b in fresh])
print(f"the true model: {true_log_p.mean():.3f} nats")
missing = {}
for C in (1, 2, 4, 8, 16, 64):
    path, history = em(data, C, 60, seed=3)
    lost = true_log_p - log_p_mixture(fresh, *path[-1])
    missing[C] = lost.mean()
    error = lost.std() / np.sqrt(2000)
    print(
        f"{C:3} components: on its own data {history[-1]:.3f},"
        f" on new data {lost.mean():.3f} ± {error:.3f} below the truth"
    )
check_less("8 components beat 2", missing[8], missing[2])
check_less("64 components overfit", missing[8], missing[64])

# %% [markdown]
# More beads help, until there are so many that each sits on a few points and learns
# them by heart. The model that made the data has *three* numbers, the radius, the speed
# and the noise. A mixture has to learn anew at each bead what a decoder says once. That
# is the case for a decoder; its price is that EM's first move is lost: for a decoder
# network, the posterior of the E step is the integral nobody can do. The next two
# chapters replace that move.
#
# ## What goes wrong in practice
#
# Sentences that you will meet, and that deserve a second look:
#
# - *"The integral is intractable because the latent space is massive and non-linear."*
#   Ours was infinite and non-linear, and we had ten digits. It takes many dimensions
#   and no structure. With a linear decoder (1.10) or a sum (1.14) any size is easy.
# - *"Mixtures have a fixed number of components; variational inference can estimate any
#   distribution."* These are two different kinds of thing. A mixture is a **model**.
#   Variational inference is a **method** for the posterior of a model, and one may well
#   use it on a mixture: EM is the case in which the method happens to be exact.
# - *"We learn $p(x)$, the true distribution of the data."* There are two distributions,
#   that of the data and the model's $p_\theta(x)$. We only ever compute with the second
#   one, and it can be far from the first while its integral is right to ten digits.
# - *"The estimate is unbiased."* So was every blue dot above. Unbiased and useless is
#   possible; ask for the variance. And a standard error computed from samples that
#   missed what matters is no warning.
#
# And in code: never add up densities without (1.5); never trust a grid without a
# second, finer one; and if a mixture's likelihood climbs without end, look for a
# component that sits on one point with a variance that goes to zero. The likelihood of
# a mixture is unbounded there, and the package keeps the variances above a floor for
# that reason.
#
# ## Exercises
#
# **1. By hand (warm-up).** Let $z \sim \mathcal{N}(0, 1)$ and $x = w z + b + \sqrt{c}\,
# \eta$, all of them single numbers. What is $p(x)$? Check it with a sum like (1.4) at
# $w = 1.7$, $b = -0.4$, $c = 0.3$, $x = 1$.
#
# <details><summary>Hint</summary>
#
# $w z + b$ has the mean $b$ and the variance $w^2$. Then add the noise, as in (1.10).
#
# </details>

# %% tags=["hide-cell"]
by_hand = np.exp(log_normal_1d(1 - (-0.4), 1.7**2 + 0.3))
place = 1.7 * nodes - 0.4
joint = log_lik(np.array([1.0]), place, 0.3) + log_prior(nodes)
by_sum = np.exp(joint).sum() * step
check("exercise 1: N(x; b, w^2 + c)", by_hand, by_sum, 1e-12)

# %% [markdown]
# **2. How many samples?** With (1.12), how many samples from the prior does a relative
# error of 10 % take at $K = 5$, 10, 20 and 50? At a million samples a second, what is
# the largest $K$ that one day can do?
#
# <details><summary>Hint</summary>
#
# Solve (1.12) for $S$: $S = (\rho^K - 1) / 0.1^2$. For the last part take logarithms.
#
# </details>

# %% tags=["hide-cell"]
rho = relative_error(1, 1) ** 2 + 1
for k in (5, 10, 20, 50):
    print(f"K = {k:2}: {(rho**k - 1) / 0.01:.1e} samples")
in_a_day = 1e6 * 86_400
largest = int(np.log(in_a_day * 0.01 + 1) / np.log(rho))
check("exercise 2: largest K in a day", largest, 21, 0)
check_less("  21 within a day", relative_error(21, in_a_day), 0.1)
check_less("  22 not", 0.1, relative_error(22, in_a_day))

# %% [markdown]
# **3. A mixture of pictures.** Pictures of black and white pixels have no Gaussian
# components, but a mixture of *Bernoulli* components works the same: component $k$ has
# a probability $p_{kd}$ of black for each pixel. Derive its M step, and fit two
# components to a thousand draws of our $3 \times 3$ model. Does the likelihood rise?
#
# <details><summary>Hint</summary>
#
# $\log p(x|k) = \sum_d x_d \log p_{kd} + (1 - x_d) \log (1 - p_{kd})$. Differentiate
# $\sum_b r_{bk} \log p(x_b|k)$ in $p_{kd}$; the result is (1.18).
#
# </details>

# %% tags=["hide-cell"]
small = pixels[:1000].astype(float)
r = rng.dirichlet(np.ones(2), size=1000)
climb = []
for _ in range(30):
    N = r.sum(axis=0)
    p = (r.T @ small) / N[:, None]  # M step, the same as (1.18)
    joint = small @ np.log(p).T + (1 - small) @ np.log(1 - p).T
    joint = joint + np.log(N / 1000)
    climb.append(log_sum_exp(joint).mean())
    r = np.exp(joint - log_sum_exp(joint)[:, None])
print(f"from {climb[0]:.3f} to {climb[-1]:.3f} nats a picture")
check_less("exercise 3: smallest gain", -1e-12, np.diff(climb).min())
check_less("  and it found something", climb[0] + 0.05, climb[-1])

# %% [markdown]
# **4. How wide should $q$ be (towards research)?** In the linear model at $K = 20$,
# draw from a Gaussian with the posterior's mean and `widen` times its standard
# deviation, for `widen` between 0.6 and 2. For which widths does the error stay small?
# Why is being too narrow so much worse than being too wide? Find the exact relative
# error: with $a = 1/\texttt{widen}^2$, show that for one dimension
#
# $$
# \mathbb{E}_q\left[ \left( \frac{p(z|x)}{q(z)} \right)^2 \right]
#   = \frac{1}{\sqrt{a \, (2 - a)}} ,
# $$
#
# and that it is infinite for $\texttt{widen} \le 1/\sqrt 2$. Chapter 12 meets it again.
#
# <details><summary>Hint</summary>
#
# The expectation is $\int p(z|x)^2 / q(z) \, dz$. Collect the exponents: with the
# posterior's variance as the unit they are $-z^2 + \frac{a}{2} z^2$, and the Gaussian
# integral $\int e^{-(2 - a) z^2 / 2} dz = \sqrt{2 \pi / (2 - a)}$ needs $a < 2$.
#
# </details>

# %% tags=["hide-cell"]
for widen in (0.6, 0.8, 0.9, 1.0, 1.2, 1.5, 2.0):
    ratio, believed = guided(20, 40, S, widen)
    a = 1 / widen**2
    exact = np.inf
    if a < 2:
        per_dimension = 1 / np.sqrt(a * (2 - a))
        exact = np.sqrt((per_dimension**20 - 1 + 1e-15) / S)
    print(
        f"widen {widen}: exact relative error {exact:.3f},"
        f" measured {(ratio - 1).std():.3f}"
    )
ratio, _ = guided(20, 300, S, 1.2)
a = 1 / 1.2**2
second = (1 / np.sqrt(a * (2 - a))) ** 20
check_mc(
    "exercise 4: squared relative error",
    (ratio - 1) ** 2,
    (second - 1) / S,
)

# %% [markdown]
# ## Sources
#
# - A. P. Dempster, N. M. Laird, D. B. Rubin, *Maximum Likelihood from Incomplete Data
#   via the EM Algorithm*, Journal of the Royal Statistical Society B 39 (1977).
# - R. M. Neal, G. E. Hinton, *A View of the EM Algorithm that Justifies Incremental,
#   Sparse, and Other Variants*, in: Learning in Graphical Models (1998): EM as climbing
#   $F$ in turn, as we did with (1.16) and (1.17).
# - C. M. Bishop, *Pattern Recognition and Machine Learning* (2006), sections 9.2
#   (mixtures and their EM, the singular likelihood) and 9.4 (the bound).
# - L. N. Trefethen, J. A. C. Weideman, *The Exponentially Convergent Trapezoidal Rule*,
#   SIAM Review 56 (2014): why a plain sum is so exact.
# - D. P. Kingma, M. Welling, *Auto-Encoding Variational Bayes* (2014), section 2.1: the
#   problem as they state it.
#
# **What to read next:** chapter 2 turns the loss of the logarithm into a bound and
# measures it. A. B. Owen, *Monte Carlo theory, methods and examples*, chapter 9, is the
# place to learn importance sampling from.
