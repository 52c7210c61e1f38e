# %% [markdown]
# # 12. How tight is the bound?
#
# A VAE is trained on a bound and judged by a bound. When its ELBO is −177 nats, $\log
# p(x)$ may be −176.9 or −160, and nothing in the training log shows which. In this
# chapter we find out: with an integral done exactly, with many weighted samples, and
# with samples that move towards the posterior.
#
# **What you will learn**
#
# - to compute $\log p(x)$ of a trained VAE with two latent dimensions exactly;
# - the importance-weighted bound, why more samples never loosen it (with every step of
#   the proof), and how fast the rest of the gap closes;
# - annealed importance sampling, a bound tighter still;
# - which numbers in papers are bounds, and how a bound can be faked by mistake.
#
# **What you need:** chapters [2](02_the_elbo_twice.py) (the gap is a KL),
# [5](05_reparameterization.py) (pathwise gradients) and [7](07_reconstruction_term.py)
# (the binomial likelihood). About an hour and a half.

# %%
from itertools import combinations
from math import comb

import matplotlib.pyplot as plt
import numpy as np

from checks import BLACK, BLUE, GREEN, ORANGE, VERMILLION
from checks import check, check_less, check_mc, generator
from checks import style
from minivae import VAE, Adam, Binomial
from minivae.inference.annealed import annealed_log_likelihood
from minivae.inference.bounds import importance_log_likelihood
from minivae.datasets import load_digits
from minivae.inference.exact import quadrature
from minivae.iwae import IWAE
from minivae.numerics import softplus

style()
rng = generator(12)

# %% [markdown]
# ## The question
#
# Here is a VAE of the 8 × 8 digits with a latent of two dimensions, trained for a
# second, and forty test images that it has never seen. Two dimensions are few for
# digits, but they have one great merit: an integral over them can be done.

# %%
digits = load_digits()
train, test = digits.train.astype(float), digits.test.astype(float)
n, D, K = 16, 64, 2


def trained(width, steps=2000):
    model = VAE.mlp(
        D, K, (width,), Binomial(n), rng=rng, dtype=np.float64
    )
    adam = Adam(3e-3)
    for _ in range(steps):
        batch = train[rng.integers(len(train), size=50)]
        model.loss(batch, rng.standard_normal((50, K)))
        model.backward()
        adam.step(model.theta, model.grad)
    return model


model = trained(32)
x = test[:40]
B = len(x)
mu, logvar = model.encode(x)
elbo_draws = [
    model.elbo(x, rng.standard_normal((20, B, K))).mean()
    for _ in range(50)
]
error = np.std(elbo_draws) / np.sqrt(50)
print(f"ELBO: {np.mean(elbo_draws):.2f} ± {error:.2f} nats per image")


# %% tags=["hide-input"]
# Figure: A ladder of bounds below log p(x): annealed importance
# sampling, a thousand samples, ten, and at the foot the ELBO.
def draw_bounds():
    axes = plt.figure(figsize=(6.6, 2.7)).subplots()
    axes.set(xlim=(0, 10), ylim=(-0.6, 3.6))
    axes.set_axis_off()
    rungs = [
        (3, r"$\log p(x)$, a sum over a lattice", BLACK),
        (2.5, "annealed importance sampling, at least", GREEN),
        (1.8, "$L_{1000}$: a thousand samples compete", BLUE),
        (1.1, "$L_{10}$", BLUE),
        (0, "ELBO: one sample", VERMILLION),
    ]
    for height, text, colour in rungs:
        axes.plot([0.2, 3], [height, height], color=colour)
        axes.text(3.6, height, text, color=colour, va="center")
    arrow = {"arrowstyle": "<->", "color": ORANGE, "lw": 2}
    axes.annotate("", (0.6, 0), (0.6, 3), arrowprops=arrow)
    axes.text(0.75, 0.4, "the gap", color=ORANGE, va="center")


draw_bounds()
plt.show()

# %% [markdown]
# By chapter 2 the truth is $\log p(x) = \mathrm{ELBO} + \mathrm{KL}(q(z|x) \Vert
# p(z|x))$, where the last term measures how far the encoder's Gaussian is from the
# posterior.
#
# **Predict.** How large is this gap, on average over these images: 0.02, 0.2, 2 or 20
# nats? Is it similar for all images, or due to a few?
#
# ## The exact answer
#
# In two dimensions we put a grid over the plane, with nodes $z_i$ at a distance $h$,
# and replace the integral $p(x) = \int p(x|z)\, p(z)\, dz$ by a sum over small squares:
#
# $$
# \log p(x) = \log \sum_i h^2\, p(x|z_i)\, p(z_i) \tag{12.1}
# $$
#
# (up to an error that is negligible for a smooth integrand that vanishes at the border,
# once $h$ is smaller than the widths of the posteriors; [chapter
# 1](01_latent_variable_models.py) measured it). The terms are as small as $e^{-160}$,
# so we work with their logarithms and subtract the largest before we exponentiate.


# %%
def log_sum_exp(a, axis):
    top = a.max(axis=axis, keepdims=True)
    total = np.log(np.exp(a - top).sum(axis=axis))
    return total + top.squeeze(axis)


def log_joint_all(model, x, z):
    """log p(x|z) + log p(z) of every image at every node: (B, G)."""
    y = model.decoder_output(z)
    n = model.likelihood.n
    log_choose = np.log([comb(n, k) for k in range(n + 1)])
    constant = log_choose[x.astype(int)].sum(axis=1)
    log_lik = x @ y.T - n * softplus(y).sum(axis=1)  # (7.8)
    log_prior = -0.5 * (z**2).sum(axis=1) - np.log(2 * np.pi)
    return log_lik + constant[:, None] + log_prior


def lattice(side, limit=9.0):
    axis, h = np.linspace(-limit, limit, side, retstep=True)
    return np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, K), h


axis = np.linspace(-9, 9, 401)
z_grid, h = lattice(401)
log_joint_grid = log_joint_all(model, x, z_grid)
log_p = log_sum_exp(log_joint_grid, 1) + K * np.log(h)  # (12.1)

package = quadrature.log_prob(model, x[:4], tol=0.01).value
check("(12.1) log p(x), by the package", log_p[:4], package, 1e-4)

# %% [markdown]
# The package's three integrals (`log_prob`, `elbo`, `kl_to_posterior`) are computed
# independently, so they can check one another and our grid:

# %%
kl = quadrature.kl_to_posterior(model, x[:4], mu[:4], logvar[:4], tol=1)
elbo = quadrature.elbo(model, x, mu, logvar, nodes=31).value
check("ELBO + KL = log p(x)", elbo[:4] + kl.value, log_p[:4], 1e-4)
check_mc("the ELBO by samples", np.array(elbo_draws), elbo.mean())

gap = log_p - elbo
print(f"log p(x) = {log_p.mean():.2f}, ELBO = {elbo.mean():.2f} nats")
print(f"mean gap {gap.mean():.2f}, median {np.median(gap):.2f}")
print(f"the five worst images: {np.sort(gap)[::-1][:5].round(1)}")
check_less("the smallest gap is not negative", 0, gap.min())

# %% [markdown]
# The gap is not similar for all: on half of the images it is below 1.7 nats, on the
# worst it is nearly 15. The contours below are the true posteriors of the image with
# the median gap and of the worst one; the dashed ellipse is the encoder's $q(z|x)$ at
# two standard deviations.

# %% tags=["hide-input"]
# Figure: Contours of the true posterior with the encoder's ellipse,
# for two images. For the median gap the ellipse lies a little beside
# it; for the worst it lies where the posterior is not.
median = np.argsort(gap)[B // 2]
worst = np.argmax(gap)
turn = np.linspace(0, 2 * np.pi, 100)
circle = np.stack([np.cos(turn), np.sin(turn)], axis=1)
fig, panels = plt.subplots(1, 2, figsize=(7, 3.7))
for panel, i, name in (
    (panels[0], median, "median"),
    (panels[1], worst, "worst"),
):
    density = np.exp(log_joint_grid[i] - log_p[i])
    mean = density @ z_grid * h**2
    std = np.sqrt(density @ (z_grid - mean) ** 2 * h**2)
    where = (mean + mu[i]) / 2
    reach = 0.5 * np.abs(mean - mu[i]).max() + 3.5 * std.max()
    top = density.max()
    panel.contour(
        axis,
        axis,
        density.reshape(401, 401),
        levels=[0.02 * top, 0.14 * top, 0.6 * top],
        colors=GREEN,
        linewidths=1.8,
    )
    ellipse = mu[i] + 2 * np.exp(logvar[i] / 2) * circle
    panel.plot(*ellipse.T, color=BLUE, ls="--")
    panel.plot(*mu[i], "+", color=BLUE, ms=10, mew=2)
    panel.set_xlim(where[0] - reach, where[0] + reach)
    panel.set_ylim(where[1] - reach, where[1] + reach)
    panel.set_aspect("equal")
    panel.set_xlabel("$z_1$")
    panel.set_title(f"{name}: gap {gap[i]:.2f} nats")
panels[0].set_ylabel("$z_2$")
panels[0].plot([], [], color=GREEN, label="p(z|x)")
panels[0].plot([], [], color=BLUE, ls="--", label="q(z|x)")
panels[0].legend(loc="upper left", fontsize=11, handlelength=1.4)
plt.show()

# %% [markdown]
# ## Importance sampling
#
# With fifty latent dimensions a grid is impossible, but samples are not. Multiply and
# divide the integrand by $q(z|x)$:
#
# $$
# p(x) = \int q(z|x)\, \frac{p(x|z)\, p(z)}{q(z|x)}\, dz
#   = \mathbb{E}_{q(z|x)} \left[ w \right] , \qquad w = \frac{p(x|z)\, p(z)}{q(z|x)} ,
# $$
#
# or, in the logarithms that a computer can hold,
#
# $$
# \log w = \log p(x|z) + \log p(z) - \log q(z|x) \tag{12.2}
# $$
#
# The mean of $w$ is $p(x)$ for *any* $q$ that is nowhere zero; a $q$ near the posterior
# only makes the weights more equal. We take the $q$ of the encoder.


# %%
def log_weight(x, mu, logvar, eps):
    """log w for samples z = mu + sigma eps: eps (S, B, K) -> (S, B)."""
    z = mu + np.exp(logvar / 2) * eps
    log_lik = model.likelihood.log_prob(x, model.decoder_output(z))
    log_prior = -0.5 * (np.log(2 * np.pi) + z**2).sum(axis=-1)
    log_q = -0.5 * (np.log(2 * np.pi) + logvar + eps**2).sum(axis=-1)
    return log_lik + log_prior - log_q  # (12.2)


eps = rng.standard_normal((500, B, K))
log_w = log_weight(x, mu, logvar, eps)
package = model.log_weights(x, eps)
check("(12.2) log w, by the package", log_w, package, 1e-9)
check_mc("its mean is the ELBO", log_w.mean(axis=1), elbo.mean())

# %% [markdown]
# ## A bound for every S
#
# The mean of $S$ weights is an unbiased estimate of $p(x)$. Its logarithm is not one of
# $\log p(x)$: by Jensen's inequality (chapter 2) a mean logarithm is below the
# logarithm of the mean. So
#
# $$
# L_S = \mathbb{E} \left[ \log \frac1S \sum_{s=1}^{S} w_s \right] \tag{12.3}
# $$
#
# satisfies
#
# $$
# L_S \le \log \mathbb{E} \left[ \frac1S \sum_{s=1}^{S} w_s \right] = \log p(x) .
# $$
#
# It is a lower bound for every $S$. For $S = 1$ it is $\mathbb{E}[\log w]$, the ELBO.
#
# **Predict.** Can it happen that *more* samples give a *worse* bound? (The question is
# about the expectation: a single draw may come out anywhere.)
#
# **It cannot** (Burda and others, theorem 1). Take $M < S$. From the $S$ weights choose
# $M$ at random, all subsets $I$ of size $M$ being equally likely. Each weight is in the
# subset with the probability $M / S$, so on average over the *choice*, with the weights
# held fixed,
#
# $$
# \mathbb{E}_I \left[ \frac1M \sum_{i \in I} w_i \right]
#   = \frac1M \sum_{s=1}^{S} \frac{M}{S}\, w_s = \frac1S \sum_{s=1}^{S} w_s \tag{12.4}
# $$
#
# Now replace the mean of all weights inside the logarithm by the left side, use Jensen
# for the average over $I$, and then average over the weights:
#
# $$
# L_S = \mathbb{E} \left[ \log \mathbb{E}_I \left[ \frac1M \sum_{i \in I} w_i \right]
#   \right] \ge \mathbb{E} \left[ \mathbb{E}_I \left[ \log \frac1M \sum_{i \in I} w_i
#   \right] \right] = \mathbb{E}_I \left[ L_M \right] = L_M .
# $$
#
# The step before the last exchanges the two expectations: for any fixed subset, its $M$
# weights are independent draws like any others, so the expectation of their log-mean is
# $L_M$, whichever subset it was. The average of this constant over $I$ is the constant
# itself. $\square$
#
# The proof shows more than the theorem. Jensen was used *for given weights*. So for
# every single set of $S$ weights, and not only in expectation, the log-mean of all is
# at least the average of the log-means over all its subsets of size $M$. With eight
# weights the subsets can be listed.


# %%
def log_mean_exp(log_w, axis=0):
    S = log_w.shape[axis]
    return log_sum_exp(log_w, axis) - np.log(S)  # (12.3)


def over_subsets(log_w, M):
    """Log-means of all subsets of M of the weights: (subsets, B)."""
    picks = list(combinations(range(len(log_w)), M))
    return np.array([log_mean_exp(log_w[list(p)]) for p in picks])


eight = log_w[:8]
whole = log_mean_exp(eight)
check(
    "(12.3) a mean of numbers",
    np.exp(whole - log_p),
    np.exp(eight - log_p).mean(axis=0),
    1e-12,
)
steps = []
for M in (1, 2, 4, 6, 7):
    subsets = np.exp(over_subsets(eight, M) - log_p).mean(axis=0)
    check(
        f"(12.4) subsets of {M}", subsets, np.exp(whole - log_p), 1e-12
    )
    steps.append(over_subsets(eight, M).mean(axis=0))
steps = np.array([*steps, whole])  # (6, B): M = 1, 2, 4, 6, 7, 8
check_less(
    "each step up, each image", -1e-12, np.diff(steps, axis=0).min()
)

# %% [markdown]
# To what does $L_S$ tend? By the law of large numbers $\frac1S \sum w_s \to p(x)$, and
# $L_S \to \log p(x)$ with it (if the weights are bounded, say). For the speed, write
# the mean of the weights as $p(x) (1 + u)$. Then $\mathbb{E}[u] = 0$ and
# $\mathbb{E}[u^2] = v / S$, where $v$ is the variance of one $w / p(x)$. Expand the
# logarithm, $\log(1 + u) = u - \frac12 u^2 + \dots$, and take the mean:
#
# $$
# \log p(x) - L_S \approx \frac{v}{2S} \tag{12.5}
# $$
#
# Here we can compute $v$. Since $w / p(x) = p(z|x) / q(z)$,
#
# $$
# v = \mathbb{E}_q \left[ \left( \frac{p(z|x)}{q(z)} \right)^2 \right] - 1
#   = \int \frac{p(z|x)^2}{q(z)}\, dz - 1 \tag{12.6}
# $$
#
# So it matters that $q$ is nowhere much smaller than the posterior. Where it is, the
# integrand of (12.6) is large, and if $q$ has thinner tails than $p(z|x)$ by a factor
# of more than $\sqrt 2$ in $\sigma$, it *grows* with $z$ and $v$ is infinite (chapter
# 1, exercise 4). The encoder's $q$ is of this kind: our decoder's outputs are bounded
# (tanh), so far from the origin the posterior falls no faster than the prior, while $q$
# has standard deviations of 0.1 or 0.2. A **careful** $q$ takes one sample in five from
# the prior, and the others from a Gaussian twice as wide as the encoder's:
#
# $$
# q_c(z|x) = 0.2\, \mathcal{N}(z; 0, I) + 0.8\, \mathcal{N}(z; \mu, 4 \sigma^2)
#   \tag{12.7}
# $$
#
# Now $w \le p(x|z) / 0.2$: the weights are bounded, and $v$ is finite.
#
# The number to measure is small, so we reduce the noise: $\log(1 + u) - u$ has the same
# mean as $\log(1 + u)$, because $\mathbb{E}[u] = 0$, but a much smaller variance.


# %%
def log_normal_sum(z, mu, logvar):
    square = (z - mu) ** 2 / np.exp(logvar)
    return -0.5 * (np.log(2 * np.pi) + logvar + square).sum(axis=-1)


wide = logvar + np.log(4)


def log_careful(z, i):
    prior = log_normal_sum(z, 0, np.zeros(K))
    around = log_normal_sum(z, mu[i], wide[i])
    parts = np.log(0.2) + prior, np.log(0.8) + around  # (12.7)
    return np.logaddexp(*parts)


def careful_weights(i, count):
    """w / p(x) of image i, from samples of the careful q."""
    z = rng.standard_normal((count, K))
    around = rng.random(count) < 0.8
    z[around] = mu[i] + np.exp(wide[i] / 2) * z[around]
    log_w = log_joint_all(model, x[[i]], z)[0] - log_careful(z, i)
    return np.exp(log_w - log_p[i])


def weight_variance(i):
    log_post = log_joint_grid[i] - log_p[i]
    log_q = log_careful(z_grid, i)
    return np.exp(2 * log_post - log_q).sum() * h**2 - 1  # (12.6)


def log_largest_weight(i):
    return (log_joint_grid[i] - log_careful(z_grid, i)).max() - log_p[i]


def missing(v, S):
    return v / (2 * S)  # (12.5)


# (12.5) holds where v / S is small, and samples show v where no weight is
# large and rare: the image whose largest weight is the smallest.
calm, S = min(range(B), key=log_largest_weight), 100
v = weight_variance(calm)
w = careful_weights(calm, 100_000)
check_mc("(12.7) mean of w / p(x)", w, 1.0)
check_mc("(12.6) its variance", (w - 1) ** 2, v)
u = w.reshape(-1, S).mean(axis=1) - 1
quiet = np.log(1 + u) - u
print(
    f"log p - L_{S}: {-quiet.mean():.5f}, (12.5): {missing(v, S):.5f}"
)
check("(12.5), the ratio", -quiet.mean() / missing(v, S), 1.0, 0.2)

# %% [markdown]
# ## The bound over S
#
# **Predict.** The ELBO of the forty images is some nats below the truth. Sketch the
# curve of $L_S$ for $S = 1$ to 1000. How many samples close nine tenths of the gap?
#
# One trick makes the curve cheap: 1000 weights are also 500 pairs, 250 fours, and so
# on, and the average over groups is an estimate of $L_S$ for each size of group.


# %%
def bounds_over_S(log_w, sizes):
    result = []
    for S in sizes:
        used = log_w[: len(log_w) // S * S]
        groups = log_mean_exp(used.reshape(-1, S, B), axis=1)
        result.append(groups.mean())
    return np.array(result)


sizes = np.array([1, 2, 5, 10, 20, 50, 100, 200, 500, 1000])
log_w = np.concatenate(
    [
        log_weight(x, mu, logvar, rng.standard_normal((250, B, K)))
        for _ in range(4)
    ]
)
bounds = bounds_over_S(log_w, sizes)
closed = (bounds[-1] - bounds[0]) / (log_p.mean() - bounds[0])
print("S        L_S, nats")
for S, value in zip(sizes, bounds, strict=True):
    print(f"{S:4}  {value:11.3f}")
print(f"log p {log_p.mean():11.3f}")
print(f"a thousand samples close {closed:.0%} of the gap")
check_less("never looser", -1e-9, np.diff(bounds).min())
check_less("and still below log p(x)", bounds[-1], log_p.mean())

package = importance_log_likelihood(model, x, 1000, rng)
other_noise = package - log_mean_exp(log_w)
check_mc("importance_log_likelihood", other_noise, 0.0)

# %% tags=["hide-input"]
# Figure: The bound against the number of samples, on a log scale: it
# rises from the ELBO towards the line of the exact log p(x), in ever
# smaller steps, and has not reached it at a thousand.
plt.figure()
plt.axhline(log_p.mean(), color=BLACK)
plt.plot(sizes, bounds, "o-", color=BLUE)
plt.axhline(log_w.mean(), color=VERMILLION, ls="--")
low, high = log_w.mean(), log_p.mean()
plt.text(1, high + 0.08, r"exact $\log p(x)$")
plt.text(9, low + 0.55 * (high - low), "$L_S$", color=BLUE)
plt.text(
    12,
    low + 0.07,
    "mean of $\\log w$: the ELBO, at any $S$",
    color=VERMILLION,
)
plt.xscale("log")
plt.ylim(low - 0.25, high + 0.4)
plt.xlabel("samples $S$ for each image")
plt.ylabel("nats per image")
plt.title("More samples tighten the bound, ever more slowly")
plt.show()

# %% [markdown]
# A thousand samples do not, and the first ten of them close more than the other 990.
# That is not the $1/S$ of (12.5): it comes from the images whose $q$ is too narrow or
# in the wrong place, where $v$ is huge or infinite. For them a thousand samples are
# still few, and nothing in the samples themselves shows it. Papers use $S = 5000$ and
# report the result as "log-likelihood". It is a lower bound like the others: its
# expectation is *at most* $\log p(x)$.
#
# **Annealed importance sampling** (Neal 2001) gives a tighter one. Its samples move
# from $q$ to the posterior through the densities $q^{1-\beta} p(x, z)^{\beta}$ with
# $\beta$ from 0 to 1, and each step multiplies the weight by a factor such that
# $\mathbb{E}[w] = p(x)$ still holds (Neal's proof); so (12.3) remains a lower bound.
# Here we can compare it with the exact value.

# %%
annealed = annealed_log_likelihood(
    model, x, rng, temperatures=60, chains=8
)
missing_annealed = log_p - annealed.log_p
missing_plain = log_p - log_mean_exp(log_w)
print("missing, nats            mean  largest")
print(
    f"1000 samples of q    {missing_plain.mean():8.4f}"
    f" {missing_plain.max():8.3f}"
)
print(
    f"annealed, 60 steps   {missing_annealed.mean():8.4f}"
    f" {missing_annealed.max():8.3f}"
)
check_less(
    "annealing misses less on the worst image",
    missing_annealed.max(),
    missing_plain.max(),
)

# %% [markdown]
# For the 16-dimensional model of `minivae train` it finds 1.25 ± 0.10 nats more than
# 5000 samples of $q$ do (`benchmarks/README.md`), on the 300 test images; the bound of
# 5000 samples is loose by at least that much.
#
# ## What goes wrong in practice
#
# **Logarithms averaged.** The mean of $\log w$ over $S$ samples is the ELBO, however
# large $S$ is: the dashed line above. If the mean is taken after the logarithm, the
# "importance-weighted bound" does not tighten (suspected in arahuja/generative-tf #1).
# This chapter's check finds it: more samples must tighten the bound.
#
# **The sign inside the softmax.** The gradient of (12.3) gives each sample the weight
# $w_s / \sum_r w_r$, a softmax of $+\log w$. With a softmax of the *loss*, $-\log w$,
# the worst sample gets the largest weight (seen in AntixK/PyTorch-VAE).
#
# **A $q$ that is too narrow.** Then $v$ is huge or infinite, and the estimate of $\log
# p(x)$ is too low, with a small standard error, because no large weight was among the
# samples. Here is what a thousand samples of each kind miss:

# %%
careful = np.array(
    [np.log(careful_weights(j, 1000).mean()) for j in range(B)]
)
plain = log_mean_exp(log_w) - log_p
print("missing at S = 1000   mean    worst image")
print(f"  encoder's q      {-plain.mean():8.4f} {-plain.min():10.3f}")
print(
    f"  the careful q    {-careful.mean():8.4f} {-careful.min():10.3f}"
)
check_less("worst image, careful", -careful.min(), -plain.min())

# %% [markdown]
# On an easy image the careful $q$ wastes about half of its samples (exercise 2), which
# costs little there. On average it misses less than half as much; the worst image is
# still ten nats off. It is a cheap precaution for *evaluating* a model, known as
# defensive importance sampling.
#
# **Comparing unlike with like.** An ELBO, an $L_{50}$ and an $L_{5000}$ are three
# numbers for one model. A table that mixes them ranks the estimators. Grey pixels with
# a Bernoulli likelihood (chapter 7) give none of the three.
#
# ## Exercises
#
# **1. By hand (warm-up).** Let the weight be $\frac12$ or $\frac32$, each with
# probability one half, so $p(x) = 1$. Compute $L_1$, $L_2$ and the $v / 2S$ of (12.5)
# for both. Is (12.5) above or below the gap here? Why?
#
# <details><summary>Hint</summary>
#
# Two weights have the means $\frac12, 1, 1, \frac32$ with equal probability. $v =
# \frac14$. For the last question write the next terms of $\log(1 + u)$.
#
# </details>
#
# <details><summary>Answer</summary>
#
# $L_1 = \frac12 \log \frac34 = -0.144$ and $L_2 = \frac14 \log \frac34 = -0.072$, while
# (12.5) says 0.125 and 0.0625, which is too small. $u$ is symmetric about zero, so the
# mean of $\frac13 u^3$ vanishes, and that of $-\frac14 u^4$ widens the gap.
#
# </details>

# %% tags=["hide-cell"]
L1 = 0.5 * (np.log(0.5) + np.log(1.5))
L2 = 0.25 * (np.log(0.5) + np.log(1.5))
check("L_1", L1, -0.14384, 1e-5)
check("L_2 is half of it", L2, L1 / 2, 1e-15)
for S, L in ((1, L1), (2, L2)):
    check_less(f"S = {S}: (12.5) is too low", missing(0.25, S), -L)

# %% [markdown]
# **2. How many samples are they really?** The *effective sample size* of $S$ weights is
# $(\sum w_s)^2 / \sum w_s^2$: it is $S$ for equal weights and 1 if one weight is much
# larger than all others together. Show that its share of $S$ tends to $1 / (1 + v)$,
# and compare on the image `calm` with the careful $q$.
#
# <details><summary>Hint</summary>
#
# Write both sums as means. To what do they tend? How does $v$ contain
# $\mathbb{E}[w^2]$?
#
# </details>
#
# <details><summary>Answer</summary>
#
# This share is $(\frac1S \sum w_s)^2 / (\frac1S \sum w_s^2)$. By the law of large
# numbers it tends to $p(x)^2 / \mathbb{E}[w^2]$, and $\mathbb{E}[w^2] = p(x)^2 (1 + v)$
# since $v$ is the variance of $w / p(x)$.
#
# </details>

# %% tags=["hide-cell"]
v = weight_variance(calm)
effective = w.sum() ** 2 / (w**2).sum()
check(
    "effective share of samples", effective / len(w), 1 / (1 + v), 0.01
)

# %% [markdown]
# **3. Training it.** Write the gradient of $-\log \frac1S \sum w_s$ in $\log w_s$.
# Check it by finite differences, then confirm that the package's `IWAE` (which is this
# line in front of the VAE's backward pass) gives the VAE's gradient for $S = 1$, on
# average over the noise.
#
# <details><summary>Hint</summary>
#
# Write the sum as $\sum_r e^{a_r}$ with $a_r = \log w_r$, and use the chain rule.
#
# </details>
#
# <details><summary>Answer</summary>
#
# $\frac{\partial}{\partial a_s} \log \sum_r e^{a_r} = e^{a_s} / \sum_r e^{a_r}$, so the
# gradient in $\log w_s$ is $- w_s / \sum_r w_r$, minus a softmax. For $S = 1$ it is
# $-1$, the gradient of $-\log w$, whose mean is the $-$ELBO.
#
# </details>

# %% tags=["hide-cell"]
a = rng.normal(size=4)
softmax = np.exp(a) / np.exp(a).sum()
for s in range(4):
    step = 1e-5 * (np.arange(4) == s)
    numeric = (log_mean_exp(a + step) - log_mean_exp(a - step)) / 2e-5
    check(f"slope in log w_{s}", softmax[s], numeric, 1e-9)

weighted = IWAE.mlp(D, K, (32,), Binomial(n), rng=rng, dtype=np.float64)
weighted.theta[...] = model.theta
few = x[:5]
differences = []
for _ in range(300):
    noise = rng.standard_normal((5, K))
    model.loss(few, noise)
    model.backward()
    weighted.loss(few, noise)
    weighted.backward()
    one, other = model.grads, weighted.grads
    differences.append(one["mu_head.b"] - other["mu_head.b"])
check_mc("IWAE at S = 1 is the VAE", np.array(differences), 0.0)

# %% [markdown]
# **4. Tighter is not always better (towards research).** With more samples the *value*
# gets tighter, but what happens to the gradient that reaches the *encoder*? Measure its
# signal-to-noise ratio, $|\text{mean}| / \text{standard deviation}$, for each entry of
# `logvar_head.b` over repeated draws with $S = 8, 32, 128$, and for comparison that of
# the decoder's `decoder.2.b`. Explain what you find.
#
# <details><summary>Hint</summary>
#
# $L_S \to \log p(x)$: on which parameters does the limit not depend? How do mean and
# noise of a gradient shrink with $S$?
#
# </details>
#
# <details><summary>Answer</summary>
#
# $\log p(x)$ does not depend on the encoder, so the mean of its gradient tends to zero,
# by (12.5) like $1/S$; the noise falls only like $1/\sqrt S$, and the ratio like
# $1/\sqrt S$, where $v$ is finite. The decoder's gradient tends to a limit other than
# zero, so its ratio grows like $\sqrt S$. In the run the decoder's ratio triples from
# $S = 8$ to 128; the encoder's hardly changes: with this narrow $q$ the range of (12.5)
# may not be reached.
#
# </details>

# %% tags=["hide-cell"]
few, ratios = x[np.argsort(gap)[:5]], {}  # where q is good
for S in (8, 32, 128):
    draws = []
    for _ in range(200):
        weighted.loss(few, rng.standard_normal((S, 5, K)))
        weighted.backward()
        grads = weighted.grads
        draws.append([grads["logvar_head.b"], grads["decoder.2.b"][:2]])
        draws[-1] = np.concatenate(draws[-1])
    draws = np.array(draws)
    snr = np.abs(draws.mean(axis=0)) / draws.std(axis=0)
    ratios[S] = snr[:2].mean(), snr[2:].mean()
    print(f"S = {S:3}: {ratios[S][0]:.2f} and {ratios[S][1]:.2f}")
gains = [ratios[128][i] / ratios[8][i] for i in (0, 1)]
check_less(
    "the encoder gains less, if at all", 1.3 * gains[0], gains[1]
)
check_less("decoder: more", ratios[8][1], ratios[128][1])

# %% [markdown]
# ## Sources
#
# - Y. Burda, R. Grosse, R. Salakhutdinov, *Importance Weighted Autoencoders*, ICLR
#   2016, [arXiv 1509.00519](https://arxiv.org/abs/1509.00519): the bound (equation 8)
#   and theorem 1, with the proof that is given here.
# - R. M. Neal, [*Annealed importance
#   sampling*](https://doi.org/10.1023/A:1008923215028), Statistics and Computing 11,
#   2001.
# - T. Hesterberg, *Weighted Average Importance Sampling and Defensive Mixture
#   Distributions*, Technometrics 37, 1995, [doi
#   10.1080/00401706.1995.10484303](https://doi.org/10.1080/00401706.1995.10484303): the
#   careful $q$ of (12.7).
# - T. Rainforth and others, *Tighter Variational Bounds are Not Necessarily Better*,
#   ICML 2018, [arXiv 1802.04537](https://arxiv.org/abs/1802.04537): exercise 4.
#
# ## What to read next
#
# [Chapter 26](26_two_reasons_for_one_gap.py) asks what the gap is made of, and [chapter
# 21](21_linear_vae_is_ppca.py) has the VAE whose gap is zero. For importance sampling
# itself, chapter 9 of A. B. Owen, *Monte Carlo theory, methods and examples*.
