# %% [markdown]
# # 23. One network for all points
#
# Every data point has its own posterior, and so its own best $q$. Classical variational
# inference searches for it, point by point. A VAE has one network, the encoder, which
# computes $q$ from the point in one pass. In this chapter we do both on the same 500
# points, where $\log p(x)$ is known, and measure what the network saves and what it
# loses.
#
# **What you will learn**
#
# - why every data point has its own best $\lambda$, and what the search for it costs;
# - *amortized inference*: how the gradient of the ELBO trains one network for all
#   points, checked weight by weight;
# - the two parts of the gap, one due to the family of $q$ and one due to the network,
#   and where the second comes from.
#
# **What you need:** chapters [2](02_the_elbo_twice.py) and, for the estimators,
# [3](03_classical_variational_inference.py) or [5](05_reparameterization.py). About
# forty minutes, without the exercises.
#
# **Symbols of this chapter:** $\lambda_n = (\mu_n, \ell_n)$ the parameters of $q$ for
# point $n$, with $\ell = \log \sigma^2$; $\phi$ the weights of the encoder; $g$ the
# decoder, which draws a circle of radius 2; $c$ the variance of the noise around it.

# %%
import time

import matplotlib.pyplot as plt
import numpy as np

from checks import BLUE, GREEN
from checks import check, check_less, check_mc, difference, generator
from checks import measured_row, style
from minivae import Adam, Linear, Sequential, Tanh
from minivae.inference.exact.linear_gaussian import LinearGaussian
from minivae.model import Model

style()
rng = generator(23)


def log_normal(z, mu, logvar):
    square = (z - mu) ** 2 / np.exp(logvar)
    return -0.5 * (np.log(2 * np.pi) + logvar + square)


# %% [markdown]
# ## The model, and the gradient along the path
#
# The model is the circle of chapters 1 to 3: $z \sim \mathcal{N}(0, 1)$ and $x = g(z) +
# \sqrt c \, \eta$ in the plane. With $z = \mu + \sigma \varepsilon$ the gradient of the
# ELBO in $\lambda = (\mu, \ell)$ is (3.13) and (3.14), the expectation of
#
# $$
# \left( \frac{\partial \log p(x, z)}{\partial z} , \;
#   \frac{\partial \log p(x, z)}{\partial z} \, \frac12 \sigma \varepsilon + \frac12
#   \right) . \tag{23.1}
# $$
#
# With one latent dimension we can also compute the exact ELBO, as a sum over a lattice
# of $\varepsilon$.


# %%
c = 0.25
eps, eps_step = np.linspace(-9, 9, 361, retstep=True)
eps_weight = np.exp(-(eps**2) / 2) / np.sqrt(2 * np.pi) * eps_step
nodes, node_step = np.linspace(-8, 8, 401, retstep=True)


def g(z):
    return 2 * np.stack([np.sin(1.5 * z), np.cos(1.5 * z)], axis=-1)


def g_prime(z):
    return 3 * np.stack([np.cos(1.5 * z), -np.sin(1.5 * z)], axis=-1)


def log_joint(xs, z):
    """log p(x, z) in nats, (N, S), for xs (N, 2) and z (N, S)."""
    log_lik = log_normal(xs[:, None, :], g(z), np.log(c)).sum(axis=-1)
    return log_lik + log_normal(z, 0.0, 0.0)


def estimate(xs, lam, noise):
    """Gradient of each point's own ELBO in its own lambda, (N, 2)."""
    sigma = np.exp(lam[:, 1:] / 2)
    z = lam[:, :1] + sigma * noise
    residual = xs[:, None, :] - g(z)
    slope = (residual * g_prime(z)).sum(axis=-1) / c - z
    terms = slope, slope * 0.5 * sigma * noise + 0.5  # (23.1)
    return np.stack(terms, axis=-1).mean(axis=1)


def elbos(xs, lam):
    """The exact ELBO of each point, (N,)."""
    mu, logvar = lam[:, :1], lam[:, 1:]
    z = mu + np.exp(logvar / 2) * eps
    return (log_joint(xs, z) - log_normal(z, mu, logvar)) @ eps_weight


def exact_log_p(xs):
    z = np.tile(nodes, (len(xs), 1))
    return np.log(np.exp(log_joint(xs, z)).sum(axis=1) * node_step)


delta, one = 1e-4, np.array([[1.4, 0.9]])
here = np.array([[0.5, -2.5]])
exact = [
    (elbos(one, here + d) - elbos(one, here - d))[0] / (2 * delta)
    for d in delta * np.eye(2)
]
draws = [
    estimate(one, here, rng.standard_normal((1, 8)))[0]
    for _ in range(4000)
]
check_mc("(23.1) against the exact ELBO", np.array(draws), exact)

# %% [markdown]
# ## A separate $\lambda$ for every data point
#
# A data set has $N$ points, and **each has its own posterior**, and so its own best
# $\lambda_n$. Classical variational inference therefore runs $N$ optimizations, of $2
# K$ numbers each for $K$ latents, and one more for every new data point. While the
# decoder is being trained, each of its steps makes all $N$ solutions out of date.
#
# We do this for 500 points of the circle, with Adam and 4 samples per step, and all
# points in parallel, so that the times can be compared. For each point we know $\log
# p(x)$, and so the gap.


# %%
def mean_gap(xs, lam, log_ps):
    """Mean of log p(x) - ELBO over the points, and its standard error."""
    gaps = log_ps - elbos(xs, lam)
    return gaps.mean(), gaps.std() / np.sqrt(len(gaps))


def optimize(xs, lam, steps, rng):
    """Adam on all lambdas at once; returns them after each step."""
    optimizer, lam, kept = Adam(lr=0.05), lam.copy(), [lam.copy()]
    for _ in range(steps):
        up = estimate(xs, lam, rng.standard_normal((len(xs), 4)))
        optimizer.step(lam.ravel(), -up.ravel())  # Adam descends
        kept.append(lam.copy())
    return kept


N = 500
xs = g(rng.standard_normal(N)) + np.sqrt(c) * rng.standard_normal(
    (N, 2)
)
log_ps = exact_log_p(xs)
start = time.perf_counter()
kept = optimize(xs, np.tile([0.0, -1.0], (N, 1)), 300, rng)
per_point = (time.perf_counter() - start) / N
marks = (0, 1, 2, 3, 5, 8, 12, 18, 27, 40, 60, 90, 130, 200, 300)
by_steps = [mean_gap(xs, kept[t], log_ps)[0] for t in marks]
own = mean_gap(xs, kept[-1], log_ps)
print(f"own lambda: gap {own[0]:.3f} ± {own[1]:.3f} nats a point")
print(f"  {per_point * 1e6:.0f} microseconds a point, {2 * N} numbers")

# %% [markdown]
# Did the search find the best $\lambda$? A second route needs no gradient: for the
# first 25 points we try every $\lambda$ of a fine grid.

# %%
grid_mu, grid_logvar = np.meshgrid(
    np.linspace(-3, 3, 91), np.linspace(-5, 0, 26)
)
grid = np.stack([grid_mu.ravel(), grid_logvar.ravel()], axis=1)
tried = np.array(
    [elbos(np.tile(x, (len(grid), 1)), grid).max() for x in xs[:25]]
)
behind = tried - elbos(xs[:25], kept[-1][:25])
leads = np.sort(behind)[-3:].round(3)
print(f"the three largest leads of the grid: {leads} nats")
check_less(
    "the grid finds no more, the median", np.median(behind), 0.02
)
check_less("  nor is the search far ahead", -behind.min(), 0.05)

# %% [markdown]
# ## One network for all
#
# The $N$ solutions are related: $\lambda_n$ depends on $n$ only through $x_n$, and
# nearby $x$ mostly have similar posteriors. So instead of a list of solutions we can
# learn the **function** from $x$ to $\lambda$. Let a network with weights $\phi$ give
# $\lambda_n = \mathrm{enc}_\phi(x_n)$, and maximise the average ELBO in $\phi$. By the
# chain rule through $\lambda_n$,
#
# $$
# \nabla_\phi \, \frac1N \sum_{n=1}^{N} \mathrm{ELBO}(x_n; \mathrm{enc}_\phi(x_n))
#   = \frac1N \sum_{n=1}^{N} \left( \frac{\partial\, \mathrm{enc}_\phi(x_n)}
#   {\partial \phi} \right)^{\top} \nabla_{\lambda_n} \mathrm{ELBO} . \tag{23.2}
# $$
#
# The right factor is the estimate that we already have; backpropagation multiplies it
# by the left one ([chapter 6](06_backpropagation.py)). From the package we borrow three
# things: `Sequential` chains layers, and its `backward` sends a gradient back to the
# weights; `Model` keeps all weights in one vector `theta` and their gradient in `grad`;
# `Adam` takes a step (chapter 9). This is **amortized inference**, and the network is
# the *encoder* of the VAE. The work of inference is done once, in training, and each
# new $x$ costs one pass.
#
# The check moves each weight in turn and evaluates the ELBO itself, averaged over the
# same frozen noise.


# %%
encoder = Sequential(Linear(2, 32), Tanh(), Linear(32, 2))
net = Model({"encoder": encoder}, rng, np.float64)
encoder.layers[-1].W *= 0.1  # every answer begins near the prior


def encoder_gradient(xs, noise):
    """Gradient of the mean ELBO in the weights, into net.grad."""
    lam = encoder.forward(xs)
    up = estimate(xs, lam, noise)
    encoder.backward(up / len(xs))  # (23.2)
    return net.grad


def sampled_elbo(xs, noise):
    lam = encoder.forward(xs)
    mu, logvar = lam[:, :1], lam[:, 1:]
    z = mu + np.exp(logvar / 2) * noise
    entropy = 0.5 * (np.log(2 * np.pi) + 1 + logvar)
    return (log_joint(xs, z) + entropy).mean()


frozen = rng.standard_normal((10, 4))
gradient = encoder_gradient(xs[:10], frozen).copy()
slopes, delta = np.zeros(len(net.theta)), 1e-6
for i in range(len(net.theta)):
    net.theta[i] += delta
    up = sampled_elbo(xs[:10], frozen)
    net.theta[i] -= 2 * delta
    down = sampled_elbo(xs[:10], frozen)
    net.theta[i] += delta
    slopes[i] = (up - down) / (2 * delta)
name = "(23.2) all weights, by finite differences"
check(name, gradient, slopes, 1e-5)

# %% [markdown]
# **Predict.** After training on *other* points, the encoder sees our 500 for the first
# time. Its mean gap cannot be smaller than with the best $\lambda_n$ for each point.
# How much larger will it be? And how many steps of the search above is one pass worth?

# %% tags=["hide-output"]
optimizer = Adam(lr=lambda t: 5e-3 if t < 1800 else 1e-3)
start = time.perf_counter()
for _ in range(2500):
    z = rng.standard_normal(64)
    batch = g(z) + np.sqrt(c) * rng.standard_normal((64, 2))
    up = encoder_gradient(batch, rng.standard_normal((64, 4)))
    optimizer.step(net.theta, -up)
training = time.perf_counter() - start

start = time.perf_counter()
for _ in range(20):
    amortized = encoder.forward(xs)
one_pass = (time.perf_counter() - start) / (20 * N)
net_gap = mean_gap(xs, amortized, log_ps)
print(f"encoder: gap {net_gap[0]:.3f} ± {net_gap[1]:.3f} nats a point")
print(
    f"  {one_pass * 1e6:.2f} microseconds a point, {len(net.theta)} numbers"
)
print(f"  trained once, in {training:.1f} s")
worth = marks[np.argmin(np.array(by_steps) > net_gap[0])]
print(f"one pass is worth about {worth} steps")
print(f"and {per_point / one_pass:.0f} times faster than 300 of them")
check_less("and worth more than 20 steps", net_gap[0], by_steps[8])
check_less("and better than the start", net_gap[0], by_steps[0] / 10)

# %% tags=["hide-input", "hide-output"]
# Figure: The mean gap against the steps of optimization for each new
# point: a curve that falls from more than ten nats, from left to right.
# It crosses the encoder's level, of one pass, after about a hundred
# steps.
plt.figure(figsize=(7, 4))
plt.plot(marks, by_steps, "o-", color=BLUE, ms=5)
plt.axhline(net_gap[0], color=GREEN)
plt.yscale("log")
plt.xscale("symlog", linthresh=1)
plt.xlim(0, 320)
plt.xticks([0, 1, 10, 100, 300], ["0", "1", "10", "100", "300"])
plt.text(14, 7, r"own $\lambda$ for each point", color=BLUE)
plt.text(0.1, net_gap[0] * 1.15, "encoder: one pass", color=GREEN)
plt.xlabel("steps of optimization for each new point")
plt.ylabel("mean gap, nats per point")
plt.title("What one pass through a network replaces")
plt.show()

# %% [markdown]
# ## Two parts of a gap
#
# The encoder must serve all $x$ with one set of weights. What it loses against the best
# $\lambda_n^*$ of each point is the *amortization gap*; what even $\lambda_n^*$ leaves,
# because the posterior is not a Gaussian, is the *approximation gap* (Cremer and
# others, 2018):
#
# $$
# \log p(x_n) - \mathrm{ELBO}(x_n; \mathrm{enc}_\phi(x_n))
#   = \underbrace{\log p(x_n) - \mathrm{ELBO}(x_n; \lambda_n^*)}_{\text{approximation}}
#   + \underbrace{\mathrm{ELBO}(x_n; \lambda_n^*)
#   - \mathrm{ELBO}(x_n; \mathrm{enc}_\phi(x_n))}_{\text{amortization}} .
# $$
#
# Which points have a large amortization gap? The posterior of a point lies near the $z$
# whose $g(z)$ has the same angle. So the best $\mu_n$, plotted against the angle of
# $x_n$, shows the function that the network must learn.

# %%
fast = log_ps - elbos(xs, amortized)
cold = log_ps - elbos(xs, kept[-1])
print(
    f"median gap: own {np.median(cold):.3f}, encoder {np.median(fast):.3f}"
)
worst = np.argsort(fast)[-3:]
for n in worst:
    print(
        f"x = ({xs[n, 0]:5.2f}, {xs[n, 1]:5.2f}): encoder {fast[n]:.1f} nats"
    )
share = fast[worst].sum() / fast.sum()
print(f"these three of {N} make {share:.0%} of the encoder's mean gap")
check_less("all three near the bottom: x2", xs[worst, 1].max(), -0.5)
check_less("the typical point pays little", np.median(fast), 0.05)

# %% tags=["hide-input"]
# Figure: Left, the data on their circle, coloured by the encoder's
# gap: below a tenth of a nat nearly everywhere, ten nats and more at
# the bottom. Right, the best mean against the angle: a line that
# jumps at the bottom, where the encoder's smooth curve cuts the
# corner.
fig, (left, right) = plt.subplots(1, 2, figsize=(8.6, 3.9))
order = np.argsort(fast)
shade = left.scatter(
    *xs[order].T,
    c=np.log10(np.maximum(fast[order], 1e-3)),
    s=8 + 12 * np.sqrt(np.maximum(fast[order], 0)),
    cmap="cividis_r",
)
bar = fig.colorbar(shade, ax=left, ticks=[-3, -2, -1, 0, 1])
bar.ax.set_yticklabels(["0.001", "0.01", "0.1", "1", "10"])
bar.set_label("gap of the encoder, nats")
left.set(xlabel="$x_1$", ylabel="$x_2$", aspect="equal")
left.set_title("It fails where the answer jumps")
angle = np.arctan2(*xs.T)
right.plot(angle, kept[-1][:, 0], ".", color=BLUE, ms=5)
turn = np.linspace(-np.pi, np.pi, 400)
ring = 2 * np.stack([np.sin(turn), np.cos(turn)], axis=1)
right.plot(turn, encoder.forward(ring)[:, 0], color=GREEN)
right.text(-2.4, 1.2, r"own $\mu_n$", color=BLUE)
right.text(-2.4, 1.7, "encoder, on the circle", color=GREEN)
right.set(xlabel="angle of $x$ from the top", ylabel=r"$\mu$")
right.set_xticks([-np.pi, 0, np.pi], [r"$-\pi$", "0", r"$\pi$"])
right.set_title("The function to be learned")
plt.show()

# %% [markdown]
# For a typical point the encoder is as good as hundreds of steps. A large part of its
# mean gap comes from a few points at the bottom of the circle. There the posterior has
# two maxima, and the best $\mu$ jumps from about $+2$ to about $-2$ as $x_1$ changes
# its sign (the two ends of the right figure are one point of the circle). A network is
# a continuous function and cannot jump: in between it passes through $\mu = 0$, where
# the decoder draws the top of the circle.
#
# The search is not perfect either. It started at $\mu = 0$, and for a few points it
# reached a lower local maximum and stayed there (exercise 3).
#
# One seed is one experiment. `python benchmarks/course.py 23` runs the whole chapter
# with six, each with its own points, weights and noise. The last number, `warm`,
# belongs to exercise 3.

# %%
warm = optimize(xs, amortized, 100, rng)
warm_gap = mean_gap(xs, warm[-1], log_ps)
measured_row(
    "course_23.csv",
    own=(own[0], 0.01),
    encoder=(net_gap[0], 0.05),
    warm=(warm_gap[0], 0.01),
)
extra, error = difference("course_23.csv", "encoder", "own")
print(
    f"encoder behind the search: {extra:.3f} ± {error:.3f} nats a point"
)
check_less("amortization costs something", 2 * error, extra)

# %% [markdown]
# So the list of $\lambda$ and the encoder differ in three ways.
#
# - **Cost of a new point:** hundreds of steps, or one pass.
# - **Memory:** the list grows with the data, the network does not.
# - **Quality:** the network pays the amortization gap. [Chapter
#   12](12_how_tight_is_the_bound.py) measures both gaps on a VAE of the digits.
#
# A VAE trains such an encoder together with the decoder: it maximises the same
# objective in $\phi$ and in the decoder's weights $\theta$ at once.
#
# ## What goes wrong in practice
#
# - **An answer that the network cannot give.** Where the best $\lambda$ jumps, or $q$
#   would need two modes, more training does not help. Another family can, or an input
#   feature that itself jumps.
# - **A bad start.** The decoder repeats itself after one turn, at $z + 4.19$, where the
#   prior is lower. An encoder whose first answers are large may be trapped there. So
#   its last layer starts at a tenth of the usual size, and every answer near the prior.
# - **The encoder lags behind the decoder.** While both are trained, the encoder's
#   answers suit the decoder of some steps ago. Early in training this can make latents
#   collapse ([chapter 13](13_posterior_collapse.py); He and others, 2019).
# - **The encoder is judged on its training points.** With few points a large encoder
#   can memorise their $\lambda_n$ and be worse on new ones. Measure its gap on a test
#   set.
# - **The gap is blamed on the family.** A low ELBO may be due to the network. Continue
#   the search from the encoder's answer (exercise 3): what this gains is the
#   amortization gap.
#
# ## Exercises
#
# **1. By hand (warm-up).** In the linear model of [chapter
# 3](03_classical_variational_inference.py), $x = W z + \sqrt c \, \eta$, which function
# of $x$ is the best $\lambda$? How large must the encoder be to have no amortization
# gap?
#
# <details><summary>Hint</summary>
#
# Look at (3.4) and at the means that (3.5) no longer changes. Which of them contain
# $x$, and how?
#
# </details>
#
# <details><summary>Answer</summary>
#
# The variances $1/\Lambda_{kk}$ do not contain $x$. The means are those of the exact
# posterior, $\mu = \Lambda^{-1} W^\top x / c$, which is linear in $x$. One `Linear` for
# the mean, and a constant for the log-variance, are enough; nothing is lost.
#
# </details>

# %% tags=["hide-cell"]
W = np.array([[1.0, 0.9], [0.8, 1.0], [-0.3, 0.2]])
linear = LinearGaussian(W, np.zeros(3), c)
some = rng.standard_normal((40, 3))
means, cov = linear.posterior(some)
A = np.linalg.lstsq(some[:3], means[:3], rcond=None)[0]
check("exercise 1: three points fix the map", some @ A, means, 1e-9)
logvar = -np.log(np.diag(np.eye(2) + W.T @ W / c))
best = linear.elbo(some, means, np.tile(logvar, (40, 1)))
for nudge in (0.05, -0.05):
    moved = linear.elbo(some, means, np.tile(logvar + nudge, (40, 1)))
    check_less("  one variance for all", moved.max() - best.max(), 0)

# %% [markdown]
# **2. How large a network?** Train encoders without a hidden layer, with 4, and with 32
# units, 1000 steps each. Which part of the gap shrinks? Where does the smallest fail?
# Compare medians, too: one unlucky point can decide a mean.
#
# <details><summary>Hint</summary>
#
# Only the amortization gap can shrink: the approximation gap depends on the family
# alone. How do the values of a linear map differ at two opposite points of the circle?
#
# </details>
#
# <details><summary>Answer</summary>
#
# The approximation gap stays; the amortization gap falls with the width. Without a
# hidden layer $\mu$ is linear in $x$. But the best $\mu$ is roughly proportional to the
# angle of $x$ from the top, which grows all the way down each side, while $|x_1|$ falls
# again below the middle. So the linear encoder fails in the lower half.
#
# </details>


# %% tags=["hide-cell"]
def train(layers, steps):
    stack = Sequential(*layers)
    model, adam = Model({"encoder": stack}, rng, np.float64), Adam(5e-3)
    stack.layers[-1].W *= 0.1
    for _ in range(steps):
        z = rng.standard_normal(64)
        batch = g(z) + np.sqrt(c) * rng.standard_normal((64, 2))
        lam = stack.forward(batch)
        up = estimate(batch, lam, rng.standard_normal((64, 4)))
        stack.backward(-up / len(batch))
        adam.step(model.theta, model.grad)
    return log_ps - elbos(xs, stack.forward(xs))


sizes = {
    "no hidden layer": [Linear(2, 2)],
    "4 units": [Linear(2, 4), Tanh(), Linear(4, 2)],
    "32 units": [Linear(2, 32), Tanh(), Linear(32, 2)],
}
medians = []
for name, layers in sizes.items():
    gaps = train(layers, 1000)
    medians.append(np.median(gaps))
    print(f"{name}: mean {gaps.mean():.2f}, median {medians[-1]:.3f}")
check_less("exercise 2: 32 beat 4", medians[2], medians[1])
check_less("  and 4 beat none", medians[1], medians[0])

# %% [markdown]
# **3. Both (towards research).** Start the search for each point from the encoder's
# answer instead of $\mu = 0$. How many steps close the amortization gap? Is the end
# better than that of the cold start, and why? (Called *semi-amortized* inference; Kim
# and others, 2018.)
#
# <details><summary>Hint</summary>
#
# `optimize(xs, amortized, 100, rng)`, with `mean_gap` along the way. Look at the points
# whose gap differs most between the two ends.
#
# </details>
#
# <details><summary>Answer</summary>
#
# Some thirty steps close most of it. The end is better than that of the cold start for
# points near the bottom: their search began at $\mu = 0$, between two maxima, and
# reached the lower one, whereas the encoder has already chosen a side. The table of six
# seeds shows by how much.
#
# </details>

# %% tags=["hide-cell"]
for t in (0, 3, 10, 30, 100):
    gap, error = mean_gap(xs, warm[t], log_ps)
    print(f"{t:3} steps from the encoder: gap {gap:.3f} ± {error:.3f}")
check_less("exercise 3: better than the encoder", gap, net_gap[0])
saved, error = difference("course_23.csv", "own", "warm")
print(
    f"ahead of the cold start: {saved:.4f} ± {error:.4f} nats a point"
)

# %% [markdown]
# ## Sources
#
# - S. Gershman, N. Goodman, *Amortized Inference in Probabilistic Reasoning*,
#   Proceedings of the Cognitive Science Society, 2014: the term.
# - D. P. Kingma, M. Welling, *Auto-Encoding Variational Bayes*, ICLR 2014, [arXiv
#   1312.6114](https://arxiv.org/abs/1312.6114), section 2.1: the recognition model.
# - C. Cremer, X. Li, D. Duvenaud, *Inference Suboptimality in Variational
#   Autoencoders*, ICML 2018, [arXiv 1801.03558](https://arxiv.org/abs/1801.03558): the
#   two gaps.
# - Y. Kim, S. Wiseman, A. Miller, D. Sontag, A. Rush, *Semi-Amortized Variational
#   Autoencoders*, ICML 2018, [arXiv 1802.02550](https://arxiv.org/abs/1802.02550):
#   exercise 3.
# - J. He, D. Spokoyny, G. Neubig, T. Berg-Kirkpatrick, *Lagging Inference Networks and
#   Posterior Collapse in Variational Autoencoders*, ICLR 2019, [arXiv
#   1901.05534](https://arxiv.org/abs/1901.05534).
#
# **What to read next:** [chapter 8](08_whole_gradient.py), where encoder and decoder
# share one objective; [chapter 12](12_how_tight_is_the_bound.py), the two gaps on
# digits.
