# %% [markdown]
# # 2. The ELBO, twice
#
# With many latent dimensions the integral $p(x) = \int p(x, z) \, dz$ cannot be
# computed. So we look for a number that is never *above* $\log p(x)$, that can be
# estimated from samples, and that can be pushed up. This is the ELBO, the evidence
# lower bound; its negative is the loss of a VAE. We derive it twice, because each
# derivation shows something that the other one hides.
#
# **What you will learn**
#
# - Jensen's inequality, proved in two lines and drawn, and the bound that it gives;
# - the same bound from the KL divergence, with a name for what is missing;
# - to compute all three parts of $\log p(x) = \mathrm{ELBO} + \mathrm{KL}$ by three
#   separate routes, which agree to 1e-9, and to know what this agreement cannot see;
# - when the bound is tight, and what pushing it up does to the model.
#
# **What you need:** [chapter 1](01_latent_variable_models.py) (the circle, quadrature).
# About an hour and a half, without the exercises.
#
# **Symbols:** $w$ the importance weight; $m$ a mean; $W$ a linear decoder; $\sigma^2$ a
# variance of $q$; $\Lambda$ the precision matrix of a posterior and $\rho$ its
# correlation; $c$ the variance of the noise.

# %%
import matplotlib.pyplot as plt
import numpy as np

from checks import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, VERMILLION
from checks import check, check_less, check_mc, generator, must_fail
from checks import style
from minivae import Gaussian
from minivae.inference.exact import quadrature
from minivae.inference.exact.linear_gaussian import LinearGaussian

style()
rng = generator(2)

# %% [markdown]
# ## The question
#
# Chapter 1 ended with importance sampling: for any density $q(z)$ that is positive
# where $p(x, z)$ is (equation 1.11),
#
# $$
# p(x) = \mathbb{E}_{q(z)} \left[ w(z) \right] , \qquad w(z) = \frac{p(x, z)}{q(z)} ,
# $$
#
# and before that we saw that the *logarithm* of an average of weights came out too low.
# To train we want logarithms, since the probabilities of many data multiply. What if we
# pull the logarithm inside the expectation, so that every sample gives a $\log w$? The
# result is wrong, of course; but by how much, and in which direction?
#
# The smallest case has a latent with two values. Let $p(x, z{=}1) = 0.3$ and $p(x,
# z{=}2) = 0.1$, so $p(x) = 0.4$, and let $q$ toss a fair coin. The weights are $0.3 /
# 0.5 = 0.6$ and $0.1 / 0.5 = 0.2$, each with probability one half.
#
# **Predict.** Which is larger, the logarithm of the mean weight or the mean of the
# logarithms? You may decide it from the shape of the curve $\log w$ alone.
#
# ## First derivation: Jensen's inequality
#
# The logarithm bends down, so it lies below its tangent at $w = m$, of slope $1/m$:
#
# $$
# \log w \le \log m + \frac{w - m}{m} \tag{2.1}
# $$
#
# (Proof: the difference, right minus left, has the derivative $\frac1m - \frac1w$ in
# $w$. That is negative for $w < m$ and positive for $w > m$, so the difference is
# smallest at $w = m$, where it is zero, and positive everywhere else.)
#
# Now let $w$ be random, choose $m = \mathbb{E}[w]$, and take the expectation of both
# sides. On the right $\log m$ is a constant, and $\mathbb{E}[w - m] = 0$:
#
# $$
# \mathbb{E}[\log w] \le \log m + \frac{\mathbb{E}[w] - m}{m} = \log \mathbb{E}[w] .
# $$
#
# That is Jensen's inequality for the logarithm. Both sides are equal only if $w$ never
# differs from its mean. With our weights it says $\log p(x) = \log \mathbb{E}_q[w] \ge
# \mathbb{E}_q[\log w]$, and the right-hand side is the **evidence lower bound**:
#
# $$
# \mathrm{ELBO}(q) = \mathbb{E}_{q(z)} \left[ \log p(x, z) - \log q(z) \right]
#   \tag{2.2}
# $$


# %%
def tangent(w, m):  # (2.1)
    return np.log(m) + (w - m) / m


def elbo_sum(q, joint):  # (2.2), for a latent with a few values
    return (q * (np.log(joint) - np.log(q))).sum()


joint = np.array([0.3, 0.1])  # p(x, z = 1), p(x, z = 2)
q = np.array([0.5, 0.5])
w = joint / q
m = q @ w
check("mean weight is p(x)", m, joint.sum(), 1e-15)
ws = np.linspace(0.01, 3, 1000)
distance = (tangent(ws, m) - np.log(ws)).min()
check_less("(2.1) smallest distance", -1e-12, distance)
check("(2.1) touches", tangent(m, m), np.log(m), 1e-12)
check("(2.1) its mean is log E[w]", q @ tangent(w, m), np.log(m), 1e-12)
low = elbo_sum(q, joint)
check("(2.2) is the mean of log w", low, q @ np.log(w), 1e-12)
check_less("(2.2) is a bound", low, np.log(m))

# %% tags=["hide-input"]
# Figure: The curve log w with a chord between two weights and the
# tangent at their mean. The middle of the chord, the ELBO, lies 0.144
# nats below the curve, at log p(x).
ws = np.linspace(0.1, 0.78, 300)
plt.figure(figsize=(7, 4.2))
plt.plot(ws, np.log(ws), color=BLACK)
plt.plot(ws, tangent(ws, m), color=GREY, lw=1.5)
plt.plot(w, np.log(w), "o-", color=BLUE, ms=8)
plt.plot([m, m], [low, np.log(m)], color=VERMILLION, lw=5)
plt.plot([m, m], [-2.5, low], color=GREY, lw=1, ls=":")
plt.text(0.3, -1.1, "tangent at the mean", color=GREY, ha="right")
plt.text(0.385, -0.87, r"$\log\,p(x) = -0.916$", ha="right")
plt.text(0.415, -1.08, "the gap: 0.144 nats", color=VERMILLION)
plt.text(0.415, -1.32, "ELBO $= -1.060$", color=BLUE)
plt.ylim(-2.4, -0.2)
plt.xticks([0.2, 0.4, 0.6], ["0.2", "mean 0.4", "0.6"])
plt.xlabel("weight $w = p(x, z) / q(z)$")
plt.ylabel(r"$\log\,w$, nats")
plt.title("The chord's middle lies below the curve")
plt.show()

# %% [markdown]
# <div data-moving="jensen"></div>
#
# *The book lets you move the two weights and the probability of the first.* Try: pull
# the weights together, then apart; give one of them nearly all of the probability.
#
# The two blue points are the two values of $z$. The mean of their logarithms lies on
# the chord, below the curve. The distance is the price of pulling the logarithm in: it
# grows with the *scatter* of the weights, and it is zero if all are equal, that is if
# $q(z)$ is proportional to $p(x, z)$: when $q$ is the posterior.
#
# ## Second derivation: the KL to the posterior
#
# The second derivation starts from what we want of $q$: that it be close to the
# posterior, in the sense of the Kullback-Leibler divergence,
#
# $$
# \mathrm{KL}(q \Vert p(z|x)) = \mathbb{E}_{q(z)} \left[ \log q(z) - \log p(z|x)
#   \right] . \tag{2.3}
# $$
#
# We cannot compute it, since we do not have $p(z|x)$. But by Bayes' rule $\log p(z|x) =
# \log p(x, z) - \log p(x)$. Substitute:
#
# $$
# \mathrm{KL}(q \Vert p(z|x))
#   = \mathbb{E}_{q} \left[ \log q(z) - \log p(x, z) + \log p(x) \right] .
# $$
#
# The last term does not depend on $z$, so it is its own expectation. The first two are
# minus (2.2). No step was an inequality, so this is an equation:
#
# $$
# \log p(x) = \mathrm{ELBO}(q) + \mathrm{KL}(q \Vert p(z|x)) \tag{2.4}
# $$
#
# The KL is never negative. This follows from (2.1) at $m = 1$, that is $\log u \le u -
# 1$, applied to $u = p(z|x) / q(z)$:
#
# $$
# -\mathrm{KL}(q \Vert p(z|x)) = \mathbb{E}_q \left[ \log \frac{p(z|x)}{q(z)} \right]
#   \le \mathbb{E}_q \left[ \frac{p(z|x)}{q(z)} \right] - 1
#   \le 1 - 1 = 0 ,
# $$
#
# because $\mathbb{E}_q [ p(z|x) / q(z) ]$ is the integral of $p(z|x)$ over the places
# that $q$ covers, at most one. The KL is zero **only** if $q$ is the posterior: the
# first step is strict unless $u = 1$ wherever $q > 0$. This is the bound again, and it
# names the gap: **what the ELBO misses is exactly the KL from $q$ to the true
# posterior.**
#
# Since $\log p(x)$ does not depend on $q$, whatever raises the ELBO lowers the KL by
# the same amount. We minimize a divergence from a density that we do not know by
# maximizing a number that we can compute. We try it on the coin first:


# %%
def kl_sum(q, posterior):  # (2.3), for a latent with a few values
    return (q * (np.log(q) - np.log(posterior))).sum()


posterior = joint / joint.sum()
total = elbo_sum(q, joint) + kl_sum(q, posterior)  # (2.4)
check("(2.4) ELBO + KL", total, np.log(0.4), 1e-12)
print(f"ELBO {elbo_sum(q, joint):.3f}, KL {kl_sum(q, posterior):.3f}")

# %% [markdown]
# The gap, 0.144, is the KL from a fair coin to the posterior $(\frac34, \frac14)$.
#
# ## Three routes to one sum
#
# Now take the circle of chapter 1, with one latent dimension, a nonlinear decoder and a
# Gaussian $q(z) = \mathcal{N}(z; \mu, \sigma^2)$. On a single grid both sides of (2.4)
# would be the same sums, and a check would prove little. We take three routes.
#
# - $\log p(x)$: the plain sum over $z \in [-8, 8]$, equation (1.4).
# - The ELBO: never touches $p(x)$ or the posterior. It is an expectation over $q$, so
#   we write $z = \mu + \sigma \varepsilon$ and sum over a lattice of $\varepsilon$,
#   which moves and stretches with $q$.
# - The KL: nodes and weights of Gauss-Legendre, and a posterior that is normalized by
#   *its own* sum over these nodes, not by the $p(x)$ of the first item.

# %%
c = 0.25


def g(z):
    """The decoder: (..., 1) latents to (..., 2) places on a circle."""
    return 2 * np.concatenate([np.sin(1.5 * z), np.cos(1.5 * z)], -1)


def log_normal(z, mu, logvar):
    square = (z - mu) ** 2 / np.exp(logvar)
    return -0.5 * (np.log(2 * np.pi) + logvar + square)


def log_lik(x, z):
    return log_normal(x, g(z), np.log(c)).sum(axis=-1)


def log_joint(x, z):
    return log_lik(x, z) + log_normal(z, 0.0, 0.0).sum(axis=-1)


def log_evidence(x, joint=log_joint):  # (1.4)
    nodes, step = np.linspace(-8, 8, 401, retstep=True)
    a = joint(x, nodes[:, None])
    return a.max() + np.log(np.exp(a - a.max()).sum() * step)


eps, eps_step = np.linspace(-9, 9, 361, retstep=True)
eps_weight = np.exp(-(eps**2) / 2) / np.sqrt(2 * np.pi) * eps_step


def elbo(x, mu, logvar, joint=log_joint):  # (2.2), continuous
    z = mu + np.exp(logvar / 2) * eps
    log_q = log_normal(z, mu, logvar)
    return eps_weight @ (joint(x, z[:, None]) - log_q)


uneven, legendre = np.polynomial.legendre.leggauss(400)
uneven, legendre = 8 * uneven, 8 * legendre  # from [-1, 1] to [-8, 8]


def kl_to_posterior(x, mu, logvar, joint=log_joint):  # (2.3)
    p = np.exp(joint(x, uneven[:, None]))
    log_post = np.log(p / (legendre @ p))
    log_q = log_normal(uneven, mu, logvar)
    return legendre @ (np.exp(log_q) * (log_q - log_post))


x = np.array([1.4, 0.9])
for mu, logvar in ((0.7, -3.0), (0.0, 0.0), (-0.5, -1.0), (1.1, -2.0)):
    parts = elbo(x, mu, logvar), kl_to_posterior(x, mu, logvar)
    print(
        f"mu {mu}, logvar {logvar}: ELBO {parts[0]:.4f}, KL {parts[1]:.4f}"
    )
    check("  (2.4) their sum", sum(parts), log_evidence(x), 1e-9)

# %% [markdown]
# Four choices of $q$, from good to absurd, split the same sum in four ways. A mistake
# in $z = \mu + \sigma \varepsilon$, in an integral or in the KL breaks the identity.
#
# **Predict.** What about a mistake in the model's density? Forget the constant $2 \pi
# c$ of the likelihood, or put in something absurd: which does the identity notice?


# %% tags=["hide-output"]
def no_constant(x, z):
    return log_joint(x, z) + np.log(2 * np.pi * c)


def absurd(x, z):
    square = ((x - g(z)) ** 2).sum(axis=-1)
    return 50 - 3 * square + log_normal(z, 0.0, 0.0).sum(axis=-1)


wrong = (no_constant, absurd)
for density in wrong:
    low = elbo(x, 0.7, -3.0, density)
    total = low + kl_to_posterior(x, 0.7, -3.0, density)
    name = f"(2.4) with {density.__name__}"
    check(name, total, log_evidence(x, density), 1e-9)

# %% [markdown]
# Neither. The derivation of (2.4) never used that $p(x, z)$ is a density: the identity
# holds for **any positive function** of $z$ with a finite integral, since all three
# numbers are made from that one function. It tests the ELBO and the KL, and it is blind
# to the density. A missing constant shows in the integral of $p(x)$ over all $x$, which
# must be one (chapter 1); any wrong density shows by comparison with one from another
# source. The package has one, its `Gaussian` likelihood, and integrates it in
# `minivae.inference.exact.quadrature`, which asks only for a decoder and a likelihood.
# We hand it our circle ([chapter 12](12_how_tight_is_the_bound.py): trained VAEs).


# %%
class Circle:
    """As much of a VAE as the quadrature needs."""

    D, K, dtype = 2, 1, np.dtype("float64")
    likelihood = Gaussian(c=c)
    decoder_output = staticmethod(g)


package = quadrature.log_prob(Circle, x[None]).value[0]
check("minivae: log p(x)", package, log_evidence(x), 1e-8)
for density in wrong:
    with must_fail():
        name = f"log p(x) with {density.__name__}"
        check(name, package, log_evidence(x, density), 1e-8)

# %% [markdown]
# ## The bound, seen
#
# $\log p(x)$ is one number; the ELBO is a function of $\mu$ and $\sigma$.
#
# **Predict.** The posterior of this $x$ is one bump with a standard deviation of about
# 0.18. Which of $\sigma = 0.07$, $0.18$ and $0.45$ comes closest to $\log p(x)$? And
# of the two others, which loses more?

# %% tags=["hide-input", "hide-output"]
# Figure: The ELBO against the mean of q, for three widths: three
# hills below the line log p(x). That with sigma = 0.18 nearly touches
# the line; the wider one stays furthest below.
mus = np.linspace(-0.3, 1.7, 121)
height = log_evidence(x)
plt.figure(figsize=(7, 4.2))
plt.axhline(height, color=BLACK)
best = {}
for sigma, colour in ((0.07, ORANGE), (0.18, BLUE), (0.45, PURPLE)):
    curve = np.array([elbo(x, mu, 2 * np.log(sigma)) for mu in mus])
    best[sigma] = curve.max()
    plt.plot(mus, curve, color=colour, label=rf"$\sigma = {sigma}$")
at = elbo(x, 0.1, 2 * np.log(0.18))
plt.plot([0.1, 0.1], [at, height], color=VERMILLION, lw=4)
plt.text(0.07, -4.6, "the KL", color=VERMILLION, ha="right")
plt.text(-0.28, height + 0.25, r"$\log\,p(x)$")
plt.legend(loc="lower center")
plt.ylim(-11, -1.7)
plt.xlabel(r"mean $\mu$ of $q$")
plt.ylabel("ELBO, nats")
plt.title("Every $q$ gives a bound; the posterior gives the best")
plt.show()

# %% tags=["hide-output"]
for sigma, value in best.items():
    print(f"sigma {sigma}: best gap {height - value:.4f} nats")
check_less("too narrow loses", best[0.07], best[0.18])
check_less("too wide loses more", best[0.45], best[0.07])

# %% [markdown]
# <div data-moving="elbo"></div>
#
# *The book lets you move $\mu$ and $\sigma$.* Try: make the gap as small as you can.
# Then choose the other point, which the next question is about, and try again.
#
# At the best $\mu$ and $\sigma = 0.18$ the gap is a few thousandths of a nat. It cannot
# be zero, since $q$ is a Gaussian and the true posterior is not quite one.
#
# **Predict.** The point at the bottom of the circle has a posterior with two equal
# bumps far apart. Let $q$ sit on one as well as it can. How many nats are missing?

# %% tags=["hide-output"]
bottom = np.array([0.0, -2.0])
p_bottom = log_evidence(bottom)
mus = np.linspace(-3.4, 3.4, 103)
sigmas = np.exp(np.linspace(np.log(0.07), np.log(2.5), 50))
surface = np.array(
    [[elbo(bottom, mu, 2 * np.log(s)) for mu in mus] for s in sigmas]
)
row, column = np.unravel_index(surface.argmax(), surface.shape)
gap = p_bottom - surface
check("the best gap is nearly log 2", gap.min(), np.log(2), 0.02)
print(f"best q with mu = 0: gap {gap[:, 51].min():.2f} nats")

# %% tags=["hide-input"]
# Figure: The posterior has two narrow hills far apart, and the best q
# covers one of them, twice as high.
z = np.linspace(-3.4, 3.4, 400)
post = np.exp(log_joint(bottom, z[:, None]) - p_bottom)
peak = np.exp(log_normal(z, mus[column], 2 * np.log(sigmas[row])))
side = np.sign(mus[column])
plt.figure(figsize=(7, 3))
plt.fill_between(z, post, color=GREEN, alpha=0.35)
plt.plot(z, peak, color=BLUE)
plt.text(-side * 2.0, 1.35, "posterior", color=GREEN, ha="center")
plt.text(side * 1.1, 2.0, "best $q$", color=BLUE, ha="center")
plt.xlabel("latent $z$")
plt.ylabel("density")
plt.title("$q$ picks a side")
plt.show()

# %% [markdown]
# Nearly $\log 2$. On its bump $q$ is twice as high as the posterior, which has only
# half of its mass there; so $\log q - \log p(z|x)$ is about $\log 2$ wherever $q$
# draws. A $q$ in the middle, wide enough for both, would pay nearly fourteen nats.
#
# This KL **punishes $q$ hard for being where the posterior is not, and little for
# missing a place where it is**: fourteen nats against $\log 2$.
#
# ## The two terms of the loss
#
# For training, (2.2) is written in another way. Substitute
# $\log p(x, z) = \log p(x|z) + \log p(z)$ and sort:
#
# $$
# \mathrm{ELBO} = \mathbb{E}_q \left[ \log p(x|z) \right]
#   + \mathbb{E}_q \left[ \log p(z) - \log q(z) \right]
# $$
#
# The second expectation is minus a KL, but of another pair than before: from $q$ to the
# **prior**. The first, with its sign reversed, is the reconstruction term `rec`:
#
# $$
# \mathrm{ELBO} = - \mathrm{rec} - \mathrm{KL}(q \Vert p(z)), \qquad
#   \mathrm{rec} = - \mathbb{E}_q \left[ \log p(x|z) \right] \tag{2.5}
# $$
#
# There are two KLs, easily mixed up. $\mathrm{KL}(q \Vert p(z))$ is in the loss, and
# chapter 4 gives its formula, $\frac12 (\mu^2 + \sigma^2 - 1 - \log \sigma^2)$.
# $\mathrm{KL}(q \Vert p(z|x))$ is not in the loss: it is the gap, never computed in
# training.


# %%
def kl_to_prior(mu, logvar):
    return 0.5 * (mu**2 + np.exp(logvar) - 1 - logvar)


def rec(x, mu, logvar):
    z = mu + np.exp(logvar / 2) * eps
    return -(eps_weight @ log_lik(x, z[:, None]))


def elbo_terms(x, mu, logvar):  # (2.5)
    return -rec(x, mu, logvar) - kl_to_prior(mu, logvar)


for mu, logvar in ((-0.5, -1.0), (0.7, -3.0)):
    terms, whole = elbo_terms(x, mu, logvar), elbo(x, mu, logvar)
    check("(2.5) the ELBO by its two terms", terms, whole, 1e-10)
z = 0.7 + np.exp(-1.5) * rng.standard_normal((20_000, 1))
samples = log_lik(x, z) - kl_to_prior(0.7, -3.0)
check_mc("(2.5) with samples", samples, whole)
with must_fail():  # the gap is not the regulariser
    total = whole + kl_to_prior(0.7, -3.0)
    check("one KL for the other", total, log_evidence(x), 1e-9)

# %% [markdown]
# ## When the bound is tight
#
# The gap is zero if and only if $q$ is the posterior. So the family from which $q$ is
# taken must contain it. With a linear decoder, $g(z) = W z$ for a vector $W$, the
# posterior is a Gaussian, and then the ELBO can reach $\log p(x)$.
#
# As a function of $z$, up to constants,
#
# $$
# -2 \log p(x, z) = z^2 + \frac1c \Vert x - W z \Vert^2 + \ldots
# $$
#
# Multiply out: the factor of $z^2$ is $\tau = 1 + W^\top W / c$, that of $-2 z$ is
# $W^\top x / c$. Completing the square gives $\tau (z - m)^2$ with $\tau m = W^\top x /
# c$. So the posterior is a Gaussian with the precision $\tau$ and the mean $m$:
#
# $$
# \frac{1}{\sigma^2} = 1 + \frac{W^\top W}{c} \tag{2.6}
# $$
#
# $$
# m = \sigma^2 \, \frac{W^\top x}{c} \tag{2.7}
# $$
#
# The ELBO of any Gaussian $q = \mathcal{N}(\mu, \sigma^2)$ has a formula, too. Write
# $x - W z = (x - W \mu) - W (z - \mu)$ and square; the cross term has the mean zero,
# and $(z - \mu)^2$ has the mean $\sigma^2$. With (2.5), and (1.1) for the constants,
#
# $$
# \mathrm{rec} = \frac12 \left( D \log 2 \pi c
#   + \frac{\Vert x - W \mu \Vert^2 + \sigma^2 W^\top W}{c} \right) \tag{2.8}
# $$
#
# Finally $p(x)$ itself. $x = W z + \sqrt c\, \eta$ is a sum of Gaussians with mean
# zero. Along the direction of $W$ its variance is $c + W^\top W$, and across, in the
# $D - 1$ other directions, it is $c$. The component of $x$ along $W$ has the square
# $a = (W^\top x)^2 / W^\top W$, and the rest is $x^\top x - a$:
#
# $$
# \log p(x) = - \frac12 \left( D \log 2 \pi + \log(c + W^\top W) + (D - 1) \log c
#   + \frac{a}{c + W^\top W} + \frac{x^\top x - a}{c} \right) \tag{2.9}
# $$


# %%
def linear_posterior(x, W):
    var = 1 / (1 + W @ W / c)  # (2.6)
    mean = var * (x @ W) / c  # (2.7)
    return mean, var


def linear_elbo(x, W, mu, var):
    D = len(W)
    away = ((x - mu[:, None] * W) ** 2).sum(axis=1)
    square = away + var * (W @ W)
    rec = 0.5 * (D * np.log(2 * np.pi * c) + square / c)  # (2.8)
    return -rec - kl_to_prior(mu, np.log(var))


def linear_log_p(x, W):  # (2.9)
    D, WW = len(W), W @ W
    a = (x @ W) ** 2 / WW
    logs = np.log(c + WW) + (D - 1) * np.log(c)
    along, across = a / (c + WW), ((x**2).sum(axis=1) - a) / c
    return -0.5 * (D * np.log(2 * np.pi) + logs + along + across)


W_true = np.array([1.2, -0.4, 0.7])
z = rng.standard_normal((400, 1))
data = z * W_true + np.sqrt(c) * rng.standard_normal((400, 3))
mean, var = linear_posterior(data, W_true)
log_p = linear_log_p(data, W_true)
tight = linear_elbo(data, W_true, mean, var)
check("(2.6) to (2.9): the bound is tight", tight, log_p, 1e-12)
model = LinearGaussian(W_true[:, None], np.zeros(3), c)
check("minivae: log p(x)", model.log_prob(data), log_p, 1e-12)
theirs = model.posterior(data)[0][:, 0]
check("minivae: posterior mean", theirs, mean, 1e-12)

# %% [markdown]
# **A posterior with a slant.** With more than one latent dimension a Gaussian posterior
# can be correlated, and the $q$ of a VAE, a product of one-dimensional Gaussians,
# cannot follow. Let the posterior be $\mathcal{N}(m, \Lambda^{-1})$ with precision
# matrix $\Lambda$, and $q$ have the right mean and variances $\sigma_k^2$. The KL
# between two such Gaussians is (chapter 4, exercise 3, has the derivation)
#
# $$
# \mathrm{KL} = \frac12 \left( \sum_k \Lambda_{kk} \sigma_k^2 - K - \log \det \Lambda
#   - \sum_k \log \sigma_k^2 \right) .
# $$
#
# The derivative in $\sigma_k^2$ is $\frac12 (\Lambda_{kk} - 1 / \sigma_k^2)$. It is
# negative below and positive above
#
# $$
# \sigma_k^2 = \frac{1}{\Lambda_{kk}} . \tag{2.10}
# $$
#
# There the first sum is $K$ and cancels, which leaves the smallest gap:
#
# $$
# \mathrm{gap} = \frac12 \left( \sum_k \log \Lambda_{kk} - \log \det \Lambda \right)
#   \tag{2.11}
# $$
#
# In two dimensions, with correlation $\rho$ of the posterior, it is $-\frac12 \log(1 -
# \rho^2)$, since $\det \Lambda = \Lambda_{11} \Lambda_{22} (1 - \rho^2)$. Note also
# what (2.10) says: the best variance is **not** that of the posterior's dimension $k$,
# but the smaller one that it has when the other dimensions are held fixed.
#
# **Predict.** At which correlation does the gap reach one nat?


# %%
def best_variances(precision):  # (2.10)
    return 1 / np.diag(precision)


def smallest_gap(precision):  # (2.11)
    log_det = np.linalg.slogdet(precision)[1]
    return 0.5 * (np.log(np.diag(precision)).sum() - log_det)


W = rng.normal(size=(4, 2))
slanted = LinearGaussian(W, np.zeros(4), c)
xs = slanted.sample(3, rng)
mean2, cov = slanted.posterior(xs)
precision = np.linalg.inv(cov)
log_var = np.tile(np.log(best_variances(precision)), (3, 1))
at_best = slanted.kl_to_posterior(xs, mean2, log_var)
check("(2.11) against minivae", at_best, smallest_gap(precision), 1e-10)
for move in ([0.1, 0], [-0.1, 0], [0, 0.1], [0, -0.1]):
    moved = log_var + np.array(move)
    nearby = slanted.kl_to_posterior(xs, mean2, moved)
    check_less("(2.10) other variances lose", at_best[0], nearby[0])
rho = cov[0, 1] / np.sqrt(cov[0, 0] * cov[1, 1])
by_rho = -0.5 * np.log(1 - rho**2)
check("in two dimensions", by_rho, smallest_gap(precision), 1e-10)

# %% tags=["hide-output"]
one_nat = np.sqrt(1 - np.exp(-2))
print(f"one nat at a correlation of {one_nat:.4f}")
cov = np.array([[1, one_nat], [one_nat, 1]])
check("  (2.11) there", smallest_gap(np.linalg.inv(cov)), 1.0, 1e-12)

# %% [markdown]
# ## What pushing the bound does to the model
#
# In training the model moves, too. Give the decoder one parameter, $W = \theta \, (1.2,
# -0.4, 0.7)$; the data were made with $\theta = 1$. For each $\theta$ we know the mean
# of $\log p_\theta(x)$ exactly, and each $q$ gives a bound as a *function of* $\theta$.

# %%
thetas = np.linspace(0.3, 1.7, 141)
Ws = thetas[:, None] * W_true
exact = np.array([linear_log_p(data, W).mean() for W in Ws])


def bound_from(theta0, widen=1.0):
    """The bound over all theta, with q fitted at theta0 and held."""
    mean, var = linear_posterior(data, theta0 * W_true)
    q = mean, widen * var
    return np.array([linear_elbo(data, W, *q).mean() for W in Ws])


for theta0 in (0.5, 0.8, 1.0):
    curve = bound_from(theta0)
    i = np.argmin(np.abs(thetas - theta0))
    check(f"touches at {theta0}", curve[i], exact[i], 1e-12)
    check_less("  and is below", (curve - exact).max(), 1e-12)
wide = bound_from(1.0, widen=5.0)
ml, summit = exact.argmax(), wide.argmax()
print(f"best theta {thetas[ml]:.2f}, of the bound {thetas[summit]:.2f}")
check_less("the bound rises from there", wide[ml], wide[summit])
check_less("  while log p(x) falls", exact[summit], exact[ml])

# %% tags=["hide-input"]
# Figure: The exact log p over the decoder's parameter, with bounds
# that touch it in dots. The bound of a too wide q stays below
# everywhere and has its maximum elsewhere.
plt.figure(figsize=(7, 4.2))
plt.plot(thetas, exact, color=BLACK, lw=3)
for theta0 in (0.5, 0.8, 1.0):
    curve = bound_from(theta0)
    i = np.argmin(np.abs(thetas - theta0))
    plt.plot(thetas, curve, color=BLUE, lw=1.6)
    plt.plot(thetas[i], curve[i], "o", color=BLUE, ms=8)
plt.plot(thetas, wide, color=VERMILLION)
plt.plot(thetas[summit], wide.max(), "v", color=VERMILLION, ms=10)
plt.plot(thetas[ml], exact.max(), "^", color=BLACK, ms=10)
plt.ylim(-6.2, -3.1)
plt.text(thetas[ml], exact.max() + 0.1, "its maximum", ha="center")
plt.text(thetas[summit] - 0.1, -4.32, "its maximum", color=VERMILLION)
plt.text(1.4, -3.3, r"$\log\,p_\theta(x)$")
plt.text(0.29, -5.8, "bounds that touch at the dots", color=BLUE)
plt.text(0.29, -6.08, "bound of a too wide $q$", color=VERMILLION)
plt.xlabel(r"the decoder's parameter $\theta$")
plt.ylabel("nats per data point")
plt.title("A touching bound is safe to climb; a loose one is not")
plt.show()

# %% [markdown]
# The blue bounds are those of EM ([chapter 20](20_mixtures_and_em.py)): each touches
# $\log p$ and stays below it, so what raises the bound from there raises $\log p$ at
# least as much.
#
# The vermillion bound touches nowhere, and climbing it from the best $\theta$ **makes
# the model worse while the ELBO rises**. The decoder shrinks, because a smaller $W$
# makes the posterior wider, and so closer to the $q$ that we held fixed. (Turner and
# Sahani, 2011, show it for time series.) So two things happen when the ELBO is
# maximized over the model's parameters: $\log p(x)$ is pushed up, *and* the true
# posterior is pulled towards what $q$ can express. These need not agree.
#
# ## What goes wrong in practice
#
# - *"Maximizing the ELBO brings our approximation closer to the data distribution."* In
#   $q$ alone only the gap moves, not $\log p(x)$. In the model's parameters a larger
#   ELBO does mean a larger $\log p(x)$, unless the gap shrinks as much or more.
# - *"$q$ can be any proposal distribution."* Where $p(x, z) > 0$ and $q = 0$, the ELBO
#   is still a bound, but (2.1) with $m = M$ shows that its gap is at least $-\log M$,
#   $M$ being the posterior's mass where $q > 0$. If $q > 0$ where $p(x, z) = 0$, it is
#   $-\infty$.
# - *ELBO and loss.* The loss is minus the ELBO, and much public code calls one by the
#   name of the other. In the ELBO (2.5) both `rec` and `kl` have a minus.
# - *A better ELBO is not always a better model.* To compare two models by their ELBO is
#   to compare fit minus gap. Chapter 12 separates the two.
#
# ## Exercises
#
# **1. By hand (warm-up).** In the coin example, compute the ELBO for $q = (0.6, 0.4)$
# and $q = (\frac34, \frac14)$. Why is the second exactly $\log 0.4$?
#
# <details><summary>Hint</summary>
#
# Look at the weights $p(x, z) / q(z)$, as in the drawing. When is the gap zero?
#
# </details>
#
# <details><summary>Answer</summary>
#
# $-0.970$ nats for the first. The weights of the second are $0.3 / 0.75$ and $0.1 /
# 0.25$, both $0.4$: this $q$ is the posterior, the weights do not scatter, and nothing
# is lost.
#
# </details>

# %% tags=["hide-cell"]
first = elbo_sum(np.array([0.6, 0.4]), joint)
check("exercise 1: (0.6, 0.4)", first, -0.9704, 1e-4)
second = elbo_sum(np.array([0.75, 0.25]), joint)
check("(3/4, 1/4): no scatter, no gap", second, np.log(0.4), 1e-12)

# %% [markdown]
# **2. The gap is about half a variance.** Expand $\log w$ around $m = \mathbb{E}[w]$ to
# second order and show that for weights that scatter little the gap is about
# $\mathrm{Var}[w] / (2 m^2)$. Check it in the linear model, with a $q$ that has the
# right mean and a variance 1, 5 and 20 % too large.
#
# <details><summary>Hint</summary>
#
# (2.1) is the expansion to first order; take one term more, and expectations. For the
# weights use the lattice `eps`, `eps_weight`; only $w / m = p(z|x) / q(z)$ is needed.
#
# </details>
#
# <details><summary>Answer</summary>
#
# $\log w = \log m + \frac{w - m}{m} - \frac{(w - m)^2}{2 m^2} + \ldots$. In the mean
# the second term is zero and the third is $-\mathrm{Var}[w] / (2 m^2)$, so the gap,
# $\log m - \mathbb{E}[\log w]$, is $\mathrm{Var}[w] / (2 m^2)$ up to third moments.
#
# </details>

# %% tags=["hide-cell"]
for percent in (1, 5, 20):
    v = 1 + percent / 100  # in units of the posterior's variance
    z = np.sqrt(v) * eps
    log_w = log_normal(z, 0.0, 0.0) - log_normal(z, 0.0, np.log(v))
    gap = -(eps_weight @ log_w)
    half = (eps_weight @ np.exp(2 * log_w) - 1) / 2
    print(f"{percent:2} %: gap {gap:.2e}, half the variance {half:.2e}")
    check("  ratio", half / gap, 1.0, 0.015 * percent)

# %% [markdown]
# **3. A bound from above.** Exchange the roles: show that
#
# $$
# \mathbb{E}_{p(z|x)} \left[ \log p(x, z) - \log q(z) \right]
#   = \log p(x) + \mathrm{KL}(p(z|x) \Vert q) \ge \log p(x) ,
# $$
#
# and compute both bounds for the circle. Why is this one not used to train?
#
# <details><summary>Hint</summary>
#
# Take the steps from (2.3) to (2.4). From which density are the samples?
#
# </details>
#
# <details><summary>Answer</summary>
#
# With $\log p(x, z) = \log p(x) + \log p(z|x)$ the bracket is
# $\log p(x) + \log p(z|x) - \log q(z)$, and its mean under the posterior is $\log p(x)$
# plus a KL. To estimate it one needs samples from the posterior, which we do not have.
#
# </details>

# %% tags=["hide-cell"]
joint_nodes = np.exp(log_joint(x, uneven[:, None]))
post_nodes = joint_nodes / (legendre @ joint_nodes)
for mu, logvar in ((0.7, -3.0), (0.5, -2.0)):
    log_q = log_normal(uneven, mu, logvar)
    above = legendre @ (post_nodes * (np.log(joint_nodes) - log_q))
    print(f"{elbo(x, mu, logvar):.4f} < {height:.4f} < {above:.4f}")
    check_less("ELBO below", elbo(x, mu, logvar), height)
    check_less("the other above", height, above)

# %% [markdown]
# ## Sources
#
# - M. I. Jordan, Z. Ghahramani, T. S. Jaakkola, L. K. Saul, *An Introduction to
#   Variational Methods for Graphical Models*, Machine Learning 37, 1999, [doi
#   10.1023/A:1007665907178](https://doi.org/10.1023/A:1007665907178), section 6: the
#   bound from Jensen's inequality and the KL as its gap.
# - D. P. Kingma, M. Welling, *Auto-Encoding Variational Bayes*, ICLR 2014, [arXiv
#   1312.6114](https://arxiv.org/abs/1312.6114), equations 1 and 2 (the identity) and 3
#   (the two terms).
# - R. E. Turner, M. Sahani, *Two problems with variational expectation maximisation for
#   time-series models*, in: Bayesian Time Series Models, Cambridge 2011, [doi
#   10.1017/CBO9780511984679](https://doi.org/10.1017/CBO9780511984679): the pull.
# - C. M. Bishop, *Pattern Recognition and Machine Learning*, 2006, section 10.1.2: the
#   factorized Gaussian that is too compact, (2.10).
#
# **What to read next:** [chapter 3](03_classical_variational_inference.py) climbs the
# bound, first by hand, then with gradients. D. M. Blei, A. Kucukelbir, J. D. McAuliffe,
# *Variational Inference: A Review for Statisticians* (2017, [arXiv
# 1601.00670](https://arxiv.org/abs/1601.00670)), is the statistician's view.
