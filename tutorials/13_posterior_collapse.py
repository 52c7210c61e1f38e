# %% [markdown]
# # 13. Posterior collapse
#
# Sometimes a VAE learns to ignore its latent. The encoder returns the prior for every
# image, the KL is zero, and the decoder draws the same average picture whatever $z$ is.
# The loss is flat and looks converged. In this chapter we make it happen on purpose, in
# a model where the threshold has a formula and in one where it has none; we learn to
# recognise it; and we test what each of the usual cures can do.
#
# **What you will learn**
#
# - to read the two terms of the loss as a *rate* and a *distortion*, and $\beta$ as the
#   price between them;
# - for the linear VAE, exactly: which dimensions collapse at which $\beta$, and how
#   many nats the others carry ("reverse water-filling");
# - to see collapse: the KL of each dimension, active units, the value of `rec`;
# - how a mean instead of a sum causes it, by an implied $\beta$ of $D$;
# - annealing and free bits, measured: what they change, and what they cannot.
#
# **What you need:** chapters [4](04_kl_of_two_gaussians.py) (the KL as a force) and
# [7](07_reconstruction_term.py) (sum against mean), the linear VAE of [chapter
# 21](21_linear_vae_is_ppca.py). About an hour and a half.
#
# **Symbols of this chapter.** $\beta$ is the weight of the KL, $R$ the rate, $\Delta$
# the distortion, $\tau = \beta c$ the level of the "water", $\lambda_k$ an eigenvalue
# of the data's covariance, $r_k$ the centred image along its axis, $\phi$ the free nats
# of a dimension.

# %%
from copy import deepcopy

import matplotlib.pyplot as plt
import numpy as np

from checks import BLUE, GREEN, GREY, ORANGE, VERMILLION
from checks import check, check_less, generator, measured
from checks import must_fail, style, tiles
from minivae import VAE, Adam, Binomial
from minivae import gaussian
from minivae.datasets import load_digits
from minivae.inference.diagnostics import (
    active_units,
    implied_beta,
    implied_c,
)
from minivae.inference.exact.linear_gaussian import fit_ppca
from minivae.schedules import cosine_decay, linear_warmup

style()
rng = generator(13)
digits = load_digits()
train = digits.train.astype(np.float32)
test = digits.test.astype(np.float32)
n, D, K = 16, 64, 10

# %% [markdown]
# ## The question
#
# Give the KL a weight. The loss per image becomes
#
# $$
# \mathcal{L}_\beta = \underbrace{- \mathbb{E}_q
#   \left[ \log p(x|z) \right]}_{\text{rec}}
#   + \beta\; \underbrace{\mathrm{KL}(q(z|x) \Vert p(z))}_{\text{kl}} \tag{13.1}
# $$
#
# Think of sending the image through $z$. The KL is the **rate**: the nats that $z$
# spends on this image (chapter 4, exercise 4: it is an upper bound of the information
# about $x$ that $z$ carries). The reconstruction term is the **distortion**: the nats
# that are still missing when $z$ is known. $\beta$ is the price of a nat of rate in
# nats of distortion. At $\beta = 1$ both are worth the same, and the sum is $-$ELBO.
#
# **Predict.** A VAE of the digits with ten latent dimensions. As $\beta$ goes from 1 to
# 64, does the rate shrink in all ten dimensions alike, or does it vanish in some while
# others keep theirs?
#
# ## Where the answer has a formula
#
# Take the linear VAE of chapter 21: $p(x|z) = \mathcal{N}(x; W z + b, c I)$ with a
# *fixed* $c$. Divide (13.1) by $\beta$. In the first term the weight of the squared
# error becomes $\frac{1}{2 c \beta}$, and everything else in it is a constant:
#
# $$
# \frac{\mathcal{L}_\beta}{\beta} = \mathbb{E}_q \left[ \frac{\Vert x - b - W z
#   \Vert^2}{2 \beta c} \right] + \mathrm{KL}(q \Vert p) + \text{const} .
# $$
#
# That is the ordinary loss of a model with the variance $\tau = \beta c$ instead of
# $c$. So the best $W$ is that of probabilistic PCA for the variance $\tau$ (chapter
# 21): along the principal axis $k$, whose eigenvalue of the data's covariance is
# $\lambda_k$,
#
# $$
# W_k^2 = \max(\lambda_k - \tau, 0), \qquad \tau = \beta c \tag{13.2}
# $$
#
# **An axis with $\lambda_k \le \beta c$ is switched off.** That is the optimum, not a
# failure of training. Now the axes that stay on. By chapter 21, with $M_k = W_k^2 +
# \tau = \lambda_k$, the posterior has the variance $\sigma_k^2 = \tau / M_k = \tau /
# \lambda_k$ and the mean $\mu_k = W_k r_k / \lambda_k$, where $r_k$ is the centred
# image along the axis. Over the data $r_k^2$ averages to $\lambda_k$, so
#
# $$
# \mathrm{Var}[\mu_k] = \frac{W_k^2\, \lambda_k}{\lambda_k^2}
#   = 1 - \frac{\tau}{\lambda_k} \tag{13.3}
# $$
#
# and $\mathbb{E}[\mu_k^2] + \sigma_k^2 = 1$. In the KL of chapter 4,
# $\frac12 (\mu^2 + \sigma^2 - 1 - \log \sigma^2)$, three of four terms cancel on
# average, and what is left is
#
# $$
# R_k = \frac12 \log \frac{\lambda_k}{\beta c} \tag{13.4}
# $$
#
# nats for an axis that is on, zero for one that is off. How much of the image is lost?
# The mean reconstructs $W_k \mu_k = r_k (1 - \tau / \lambda_k)$, so its error is $r_k
# \tau / \lambda_k$, with mean square $\tau^2 / \lambda_k$. The noise of $z$ adds $W_k^2
# \sigma_k^2 = (\lambda_k - \tau) \tau / \lambda_k$. Together
#
# $$
# \frac{\tau^2}{\lambda_k} + \frac{\lambda_k \tau - \tau^2}{\lambda_k} = \tau = \beta c
#   \tag{13.5}
# $$
#
# Every axis that is on keeps the *same* squared error $\tau$, whatever its $\lambda_k$;
# one that is off keeps all its $\lambda_k$. Pour water of depth $\tau$ over the
# eigenvalues: only what stands above the surface is transmitted. In information theory
# this is Shannon's rate-distortion curve of a Gaussian source, "reverse water-filling".


# %%
def water(eigenvalues, tau):
    """Var[mu], rate and squared error of each principal axis."""
    on = eigenvalues > tau  # (13.2)
    variance = np.where(on, 1 - tau / eigenvalues, 0)  # (13.3)
    rate = np.where(on, 0.5 * np.log(eigenvalues / tau), 0)  # (13.4)
    error = np.where(on, tau, eigenvalues)  # (13.5)
    return variance, rate, error


data = train.astype(float) / n
b = data.mean(axis=0)
eigenvalues, axes = np.linalg.eigh(
    (data - b).T @ (data - b) / len(data)
)
eigenvalues, axes = eigenvalues[::-1][:K], axes[:, ::-1][:, :K]
c = 0.02
for beta in (1, 5, 20):
    model = fit_ppca(data, K, c=beta * c)
    mu, Sigma = model.posterior(data)
    s = np.diag(Sigma)
    variance, rate, error = water(eigenvalues, beta * c)
    kl = 0.5 * (mu**2 + s - 1 - np.log(s)).mean(axis=0)
    lost = ((data - b - mu @ model.W.T) @ axes) ** 2
    lost = lost.mean(axis=0) + s * (model.W**2).sum(axis=0)
    print(f"beta = {beta}: {(rate > 0).sum()} of {K} axes are on")
    check("(13.3) Var[mu]", mu.var(axis=0), variance, 1e-9)
    check("(13.4) rate of each axis", kl, rate, 1e-9)
    check("(13.5) squared error", lost, error, 1e-9)
    length = (model.W**2).sum(axis=0)
    check("(13.2) columns", length, variance * eigenvalues, 1e-9)

# %% [markdown]
# Both sides of these checks assume that $\beta c$ replaces $c$. So we check (13.1)
# itself: no small change of the best $W$ and $q$ lowers it.


# %%
def weighted_loss(W, A, s, beta):
    """(13.1) of the linear model with q = N(A r, diag(s)), r = x - b."""
    mu = (data - b) @ A.T
    square = ((data - b - mu @ W.T) ** 2).sum(axis=1)
    square += s @ (W**2).sum(axis=0)
    rec = 0.5 * (D * np.log(2 * np.pi * c) + square / c)
    kl = 0.5 * (mu**2 + s - 1 - np.log(s)).sum(axis=1)
    return (rec + beta * kl).mean()


for beta in (1, 5, 20):
    model = fit_ppca(data, K, c=beta * c)
    M_inv = np.linalg.inv(model.M)
    parts = model.W, M_inv @ model.W.T, beta * c * np.diag(M_inv)
    least = weighted_loss(*parts, beta)
    near = [
        weighted_loss(
            *(p * (1 + 0.01 * rng.normal(size=p.shape)) for p in parts),
            beta,
        )
        for _ in range(10)
    ]
    check_less(f"(13.2) beta = {beta}: the least", least, min(near))

# %% tags=["hide-input"]
# Figure: The rate of each dimension of a linear VAE against beta:
# parallel falling lines, one for each principal axis, which reach
# zero one after the other, marked by dots.
betas = np.geomspace(1, 100, 300)
rates = np.array([water(eigenvalues, beta * c)[1] for beta in betas])
plt.figure()
for k in range(K):
    plt.plot(betas, rates[:, k], color=BLUE, lw=1.6)
for k in (0, 3, K - 1):
    edge = eigenvalues[k] / c
    plt.plot(edge, 0, "o", color=VERMILLION)
plt.text(1.5, rates[0, 0] - 0.08, "first principal axis", color=BLUE)
plt.text(1.0, 0.72, "tenth", color=BLUE)
plt.text(11, 0.85, r"off at $\beta = \lambda_k / c$", color=VERMILLION)
plt.annotate(
    "",
    (eigenvalues[0] / c, 0.04),
    (27, 0.8),
    arrowprops={"arrowstyle": "-|>", "color": VERMILLION},
)
plt.xscale("log")
plt.xlabel(r"$\beta$")
plt.ylabel("rate of one dimension, nats")
plt.title("Linear VAE: one dimension after the other drowns")
plt.show()

# %% [markdown]
# So in the linear model all active dimensions lose alike (the curves are parallel, half
# a nat per factor of $e$), and each goes out at its own $\beta$. It also shows what
# collapse does *not* need: a powerful decoder or a bad optimizer. Where $\beta c$
# exceeds the variance of the data along an axis, the best model ignores that axis.
#
# ## Digits
#
# Now a model with a hidden layer on each side and the binomial likelihood.


# %%
def fit_model(beta=1.0, free_bits=0.0, steps=800, model=None, lr=3e-3):
    if model is None:
        model = VAE.mlp(D, K, (64,), Binomial(n), rng=rng)
    adam = Adam(lr)
    for t in range(steps):
        x = train[rng.integers(len(train), size=50)]
        eps = rng.standard_normal((50, K), np.float32)
        weight = beta(t) if callable(beta) else beta
        model.loss(x, eps, weight, free_bits)
        model.backward()
        adam.step(model.theta, model.grad)
    return model


def look(model):
    """Test rec and kl, the KL of each dimension, active units."""
    noise = np.random.default_rng(0)  # the same for all models
    eps = noise.standard_normal((10, len(test), K), np.float32)
    loss = model.loss(test, eps)
    kl_k = gaussian.kl(*model.encode(test)).mean(axis=0)  # (4.6)
    active = int(active_units(model, test).sum())
    return loss, np.sort(kl_k)[::-1], active


prices = [0.3, 1, 3, 10, 30, 64]
models = {beta: fit_model(beta) for beta in prices}
print("beta     rec      kl     -ELBO   active")
seen = {}
for beta in prices:
    loss, kl_k, active = seen[beta] = look(models[beta])
    print(
        f"{beta:4} {loss.rec:8.2f} {loss.kl:7.2f} {loss.nelbo:8.2f} {active:5}"
    )
rates = [seen[beta][0].kl for beta in prices]
distortions = [seen[beta][0].rec for beta in prices]
check_less("a higher price, a lower rate", np.diff(rates).max(), 0)
check_less("and more distortion", 0, np.diff(distortions).min())
best = min(prices, key=lambda beta: seen[beta][0].nelbo)
check("the best ELBO is at beta", best, 1, 0)
check("active units at beta = 64", seen[64][2], 0, 0)
check_less("active units at beta = 10", 6, seen[10][2])
check_less("nats in the last dimension", seen[10][1][-1], 0.1)

# %% tags=["hide-input"]
# Figure: The KL of ten dimensions, sorted, for four values of beta.
# At 1 all carry about two nats; at 10 from one to none; at 64 none.
plt.figure()
for beta, colour, at in (
    (1, BLUE, (8, 1.86)),
    (10, ORANGE, (2.2, 1.0)),
    (30, GREEN, (1.6, 0.36)),
    (64, VERMILLION, (1.6, -0.16)),
):
    kl_k = seen[beta][1]
    plt.plot(1 + np.arange(K), kl_k, "o-", color=colour)
    plt.text(*at, rf"$\beta = {beta}$", color=colour)
plt.axhline(0, color=GREY, lw=1)
plt.ylim(-0.25, 2.2)
plt.xticks(range(1, K + 1))
plt.xlabel("latent dimension, sorted by its KL")
plt.ylabel("KL, nats per image")
plt.title("Collapse, dimension by dimension")
plt.show()

# %% [markdown]
# The nonlinear model does what the linear one predicts: at $\beta = 10$ the dimensions
# carry less, at 30 some are left, at 64 none. (These runs of 800 steps have not
# settled: at $\beta = 30$ three to five dimensions are left in the end, as we shall
# see.) Two ways to count them:
#
# - **The KL of each dimension**, averaged over images. Zero means that the posterior is
#   the prior for every image.
# - **Active units** (Burda and others): dimensions in which the posterior *mean* varies
#   over the data by more than 0.01. By (13.3), that is a dimension with $\lambda_k$ one
#   percent above the water, or $R_k = 0.005$ nats. The threshold is low: an active unit
#   may carry next to nothing.

# %%
model = models[30]
mu, logvar = model.encode(test)
by_hand = mu.var(axis=0) > 0.01
differ = (active_units(model, test) != by_hand).sum()
check("active_units, dimensions that differ", differ, 0, 0)
threshold = 1 / (1 - 0.01)  # lambda / tau at Var[mu] = 0.01
rate = water(np.array([threshold]), 1.0)[1]
check("rate at the threshold", rate, [0.005], 1e-4)

# %% [markdown]
# ## Rate against distortion
#
# We draw all models in the plane of rate and distortion. The smaller $R + \Delta$, the
# better the bound; lines of equal ELBO fall at 45 degrees. Different $\beta$ pick
# different points of one curve, and on the best possible curve the slope is known. If
# $(R, \Delta)$ minimises $\Delta + \beta R$ among all points that can be reached, then
# to first order a small step along the curve changes nothing, $d\Delta + \beta\, dR =
# 0$:
#
# $$
# \frac{d \Delta}{d R} = - \beta \tag{13.6}
# $$
#
# **Predict.** From $\beta = 10$ to $\beta = 1$ the rate grows by about 14 nats. Between
# which bounds must the distortion fall?
#
# The slope of a convex curve between two points lies between the slopes at the points.
# So each additional nat between them buys at least 1 and at most 10 nats.

# %% tags=["hide-input"]
# Figure: Distortion against rate, a falling curve with a dot for each
# beta: steep at large beta, flat at small. A dashed line touches it
# at beta = 1.
plt.figure()
plt.plot(rates, distortions, "o-", color=BLUE)
for beta, rate, distortion in zip(
    prices, rates, distortions, strict=True
):
    plt.annotate(
        rf"$\beta = {beta:g}$",
        (rate, distortion),
        (7, 6),
        textcoords="offset points",
    )
level = seen[1][0].nelbo
r = np.array([0, level - 80])
plt.plot(r, level - r, color=GREY, lw=1, ls="--")
plt.text(19, level - 42, "dashed: the ELBO of $\\beta = 1$", color=GREY)
plt.ylim(65, 275)
plt.xlim(-1, 34)
plt.xlabel("rate: kl, nats per image")
plt.ylabel("distortion: rec, nats")
plt.title("What a nat in the code buys in the picture")
plt.show()

print("between       slope")
for i in range(1, len(prices)):
    low, high = prices[i - 1], prices[i]
    slope = (distortions[i - 1] - distortions[i]) / (
        rates[i - 1] - rates[i]
    )
    print(f"{low:4} and {high:3} {slope:8.2f}")
    if low >= 1 and high < 64:
        name = f"(13.6) slope between {low} and {high}"
        check_less(name, -1.15 * high, slope)
        check_less(name, slope, -low / 1.15)

# %% [markdown]
# (We allow 15 percent, because these are short trainings, measured on test images, and
# leave out $\beta = 0.3$ and 64, which are furthest from settled.)
#
# ## Provoked by accident: a mean for a sum
#
# Hardly anyone sets $\beta = 64$ on purpose. It happens like this: the reconstruction
# is averaged over the pixels, as loss functions of libraries do by default, and the KL
# is summed over its dimensions. Divide the proper loss by $D$ and compare:
#
# $$
# \frac{\text{rec}}{D} + \text{kl} = \frac1D \left( \text{rec} + D \cdot \text{kl}
#   \right) \tag{13.7}
# $$
#
# The factor in front scales all gradients alike, which Adam does not notice (chapter
# 9). So the model is trained with $\beta = D$. (Seen in keras-team/keras PR #3383,
# y0ast/VAE-Torch #11, zdebruine/MMVAE PR #19, and many more.) The larger the images,
# the worse: 784 for MNIST. It may be why some report that "$\beta$ must be 0.001 on our
# data".

# %%
model = models[1]
x, eps = test[:20], rng.standard_normal((20, K), np.float32)


def gradient(beta):
    model.loss(x, eps, beta)
    model.backward()
    return model.grad.astype(float)


rec_only = gradient(0.0)
kl_only = gradient(1.0) - rec_only
mean_and_sum = rec_only / D + kl_only
beta = implied_beta("mean", "sum", D=D, K=K)
check("implied_beta of mean and sum", beta, D, 0)
check("(13.7)", mean_and_sum, gradient(beta) / D, 1e-4)
check("the reverse", implied_beta("sum", "mean", D=D, K=K), 1 / K, 0)

# %% [markdown]
# The same happens in disguise with squared errors. $\Vert x - y \Vert^2 + \mathrm{KL}$
# is a Gaussian with $c = \frac12$ (chapter 7), a noise of 0.7 on pixels from 0 to 1
# whose own standard deviations are about 0.3: by (13.2) an axis needs $\lambda_k >
# \frac12$.

# %%
check("implied_c of a plain square", implied_c(1.0), 0.5, 0)
on = (eigenvalues > implied_c(1.0)).sum()
print(f"axes above 1/2: {on} of {K}")
per_pixel = implied_c(1.0 / D)  # the mean over pixels
check_less("averaged: all drown", eigenvalues.max(), per_pixel)

# %% [markdown]
# ## Seen
#
# What does a collapsed VAE look like? The loss is a smooth, quickly converged curve;
# samples are all the same blur. The surest sign is in `rec`. If the decoder does not
# use $z$, its best output is one probability per pixel, and this baseline needs no
# network ([chapter 9](09_training_on_digits.py)).

# %%
p = (train.sum(axis=0) + 0.5) / (n * len(train) + 1)
y = np.log(p / (1 - p)).astype(np.float32)
blind = Binomial(n).log_prob(test, np.tile(y, (len(test), 1)))
print(f"one probability per pixel: {-blind.mean():.2f} nats")
print(f"rec at beta = 64:          {seen[64][0].rec:.2f} nats")
check("rec of the collapsed VAE", seen[64][0].rec, -blind.mean(), 1.5)
check("its KL", seen[64][0].kl, 0.0, 0.02)
mu, logvar = models[64].encode(test)
check("its posterior means, squared", (mu**2).mean(), 0.0, 0.005)
with must_fail():
    check("rec at beta = 1", seen[1][0].rec, -blind.mean(), 1.5)

# %% [markdown]
# ## At the right price
#
# In the literature, "posterior collapse" mostly means something else: $\beta = 1$, and
# a decoder that is strong by itself, since it predicts each pixel, or word, from those
# before it (Bowman and others 2016, for sentences). Then the model can do without a
# latent that costs KL. [Chapter 25](25_a_decoder_that_needs_no_z.py) builds the
# smallest such model and measures what it does to the rate, and what the cures below do
# to its ELBO.
#
# ## Cured?
#
# Three cures are in use. Whether one helps depends on *why* the latent collapsed.
#
# **Correct the loss.** If $\beta = D$ was an accident, this is the cure, and it works
# even on a collapsed model: we continue from there with $\beta = 1$.
#
# **Annealing.** In the first steps the decoder does not use $z$ yet, so only the KL
# gives a consistent gradient, towards the prior (chapter 4). A weight that *rises* from
# 0 to $\beta$ lets the decoder learn to use $z$ first (Bowman and others 2016). It
# changes the path of the training, not the objective.
#
# **Free bits.** This changes the objective: each dimension gets $\phi$ nats that cost
# nothing. The KL of the objective becomes
#
# $$
# \sum_k \max \left( \phi,\; \overline{\mathrm{KL}}_k \right) \tag{13.8}
# $$
#
# with $\overline{\mathrm{KL}}_k$ the mean over the images of the batch. Below $\phi$
# the maximum is a constant, so there the KL has no gradient.
#
# **Predict.** Three runs: (a) the collapsed model, continued with $\beta = 1$; (b)
# $\beta = 64$, annealed; (c) $\beta = 64$ with two free nats per dimension. Which will
# have active units at the end?


# %%
def objective_kl(kl_k, free_bits):
    return np.maximum(free_bits, kl_k).sum()  # (13.8)


for phi in (0.0, 1.0, 2.0):
    loss = model.loss(x, eps, 1.0, phi)
    kl_k = gaussian.kl(*model.encode(x)).mean(axis=0)
    value = loss.rec + objective_kl(kl_k, phi)
    check(f"(13.8) loss, {phi:g} free", loss.nelbo, value, 1e-3)
model.loss(x, eps, 1.0, 100.0)
model.backward()
free = np.linalg.norm(model.grad - rec_only)
check("(13.8) all free: no KL gradient", free, 0.0, 1e-3)

# %%
cures = {
    "64, constant": models[64],
    "(a) 64, then 1": fit_model(1.0, model=deepcopy(models[64])),
    "(b) 64, annealed": fit_model(linear_warmup(64.0, 600)),
    "(c) 64, 2 nats free": fit_model(64.0, free_bits=2.0),
}
result = {name: look(model) for name, model in cures.items()}
print(f"{'':20} {'rec':>8} {'kl':>7} {'-ELBO':>8}  active")
for name, (loss, _, active) in result.items():
    print(
        f"{name:20} {loss.rec:8.2f} {loss.kl:7.2f}"
        f" {loss.nelbo:8.2f} {active:5}"
    )


def price_paid(name, beta):
    loss = result[name][0]
    return loss.rec + beta * loss.kl


check_less("(a) active", 5, result["(a) 64, then 1"][2])
check_less(
    "(b) still collapsed", result["(b) 64, annealed"][0].kl, 0.05
)
check_less("(c) active", 8, result["(c) 64, 2 nats free"][2])
check_less(
    "at 64, collapsed is better",
    price_paid("64, constant", 64),
    price_paid("(c) 64, 2 nats free", 64),
)

# %% [markdown]
# (a) Collapse is reversible: with the right weight the same parameters use $z$ again.
# (b) At $\beta = 64$ annealing changes nothing; the last check shows why: by the
# objective with $\beta = 64$ the collapsed model is far better than the active one of
# (c). (c) Free bits keep all dimensions active even here, close to the two nats that
# cost nothing, because they change the objective.
#
# ## Does annealing find a better value?
#
# At $\beta = 30$ some dimensions are worth their price, and annealing may matter. An
# earlier version of this chapter compared one annealed run with one that was not, after
# 800 steps, and concluded from 0.7 nats that annealing finds a better value, and that
# eight dimensions are active. That was one seed, far from the end. `python
# benchmarks/course_13.py` repeats it: five seeds, equal steps, batches and noise, up to
# 16,000 steps with a rate that falls to zero, and the weight rising over 600 steps or,
# slowly, over half of all steps.
#
# **Predict.** Will the difference survive? Will the number of active units?


# %%
def one_run(beta, seed, steps):
    own = np.random.default_rng([13, seed])
    model = VAE.mlp(D, K, (64,), Binomial(n), rng=own)
    adam = Adam(cosine_decay(3e-3, steps))
    for t in range(steps):
        x = train[own.integers(len(train), size=50)]
        eps = own.standard_normal((50, K), np.float32)
        model.loss(x, eps, beta(t) if callable(beta) else beta)
        model.backward()
        adam.step(model.theta, model.grad)
    return look(model)[0]


table = measured("course_13.csv")


def column(steps, way, name):
    return np.array(
        [
            row[name]
            for row in table
            if (row["steps"], row["way"]) == (steps, way)
        ]
    )


again = one_run(linear_warmup(30.0, 600), 0, 2000)
stored = column(2000, "annealed", "test")[0]
check("annealed, seed 0", again.rec + 30 * again.kl, stored, 0.5)
for steps in (2000, 8000, 16_000):
    print(f"{steps} steps")
    for way in ("constant", "annealed", "slowly"):
        active = column(steps, way, "active").astype(int)
        text = f"  {way:9} active {active}"
        for name in ("test", "train"):
            gain = column(steps, way, name)
            gain = gain - column(steps, "constant", name)
            error = gain.std(ddof=1) / np.sqrt(len(gain))
            text += f"  {name} {gain.mean():5.2f} ± {error:.2f}"
        print(text)
gain = column(16_000, "annealed", "test")
gain = gain - column(16_000, "constant", "test")
error = gain.std(ddof=1) / np.sqrt(len(gain))
check_less("annealed is better in the end", gain.mean() + 4 * error, 0)
most = column(16_000, "constant", "active").max()
check_less("and few dimensions are active", most, 6)

# %% [markdown]
# The numbers are $\text{rec} + 30\, \text{kl}$, minus that of the constant weight;
# below zero annealing is better. After 2,000 steps the seeds differ, from 0.0 to 2.1
# nats. After 16,000 the annealed run is ahead in all five on the test images, by 0.9 ±
# 0.2 nats of 240; on the training images, whose objective it is, by 0.4 ± 0.3, in four
# of five: small, and not certain. Slow annealing gains no more. So the sign of the
# first conclusion was right, but one short run was no evidence for it, and its second
# half was wrong: the eight active dimensions had not yet collapsed. In the end three to
# five are left, annealed or not.
#
# So before you choose a cure, find the cause. Compute the objective, with its $\beta$,
# of the collapsed model and of one that is not collapsed. If the collapsed one is
# better, your loss asks for it.

# %% tags=["hide-input"]
# Figure: Test digits and their reconstructions in rows. At beta = 1
# they are the digits, at 30 they fade, at 64 all are the same grey
# blob; free bits bring the digits back.
picks = [0, 2, 5, 8, 11, 14, 17, 20]
rows = {
    "data": test[picks],
    "$\\beta = 1$": models[1].reconstruct(test[picks]),
    "$\\beta = 30$": models[30].reconstruct(test[picks]),
    "$\\beta = 64$": models[64].reconstruct(test[picks]),
}
freed = cures["(c) 64, 2 nats free"]
rows["64, free bits"] = freed.reconstruct(test[picks])
axes = plt.figure(figsize=(7, 4.4)).add_subplot()
tiles(axes, list(rows.values()), list(rows), (8, 8), n)
axes.set_title("Reconstructions: a collapsed VAE has one answer")
plt.show()

# %% [markdown]
# ## What goes wrong in practice
#
# **Watching the wrong number.** While the weight rises, `rec + beta * kl` can get
# *worse* as the model gets better; with a weight below 1 it is no bound at all. Report
# the ELBO at $\beta = 1$ beside the objective, as `minivae.training.fit` does (the zoo
# of [chapter 14](14_zoo_of_bugs.py) has the bug `annealed-report`).
#
# **A mean over the latent dimensions** has the opposite effect, $\beta = 1/K$: no
# collapse, sharp reconstructions, and samples from the prior that land where no code
# lies.
#
# **Counting units only.** "All ten units are active" was true at $\beta = 10$ with less
# than 0.05 nats in the last of them. Look at the KL of each.
#
# ## Exercises
#
# **1. By hand (warm-up).** An axis of the data has $\lambda = 0.5$, the likelihood has
# $c = 0.02$. At which $\beta$ does it go out? How many nats does it carry at $\beta =
# 1$, and at which $\beta$ is that halved?
#
# <details><summary>Hint</summary>
#
# (13.2) and (13.4). Halving the logarithm is a square root: $\lambda / \beta c =
# \sqrt{\lambda / c}$.
#
# </details>

# %% tags=["hide-cell"]
check("out at", 0.5 / 0.02, 25, 1e-12)
nats = water(np.array([0.5]), 0.02)[1]
check("carries", nats, [1.6094], 1e-4)
halved = water(np.array([0.5]), 5 * 0.02)[1]
check("halved at beta = 5", halved, nats / 2, 1e-12)

# %% [markdown]
# **2. A scale that is learned.** Let the linear model learn $c$ too, at $\beta = 1$. By
# chapter 21 the best $c$ is the mean of the discarded eigenvalues. Show that then none
# of the $K$ axes can collapse if $K < D$ and the eigenvalues differ. What does that say
# about the constant $c$ of a Gaussian VAE that collapses?
#
# <details><summary>Hint</summary>
#
# Where does the mean of the discarded eigenvalues lie? Then use (13.2).
#
# </details>
#
# <details><summary>Answer</summary>
#
# The discarded eigenvalues are all below $\lambda_K$, so their mean $c$ is, too, and
# $\lambda_k > c = \beta c$ for all $k \le K$. A constant $c$ that is too large acts as
# a $\beta$ that is too large: by (13.2) only their product counts.
#
# </details>

# %% tags=["hide-cell"]
learned = fit_ppca(data, K)
check_less("c is below the last kept axis", learned.c, eigenvalues[-1])
rate = water(eigenvalues, learned.c)[1]
check_less("all axes carry something", 0, rate.min())

# %% [markdown]
# **3. Free bits, finer.** (13.8) takes the maximum of the *mean* over the batch. What
# happens if the maximum is taken for every image, and then the mean? Which of the two
# is larger? Which lets the encoder spend its nats on difficult images?
#
# <details><summary>Hint</summary>
#
# Is $\max(\phi, \cdot)$ convex or concave? What does an easy image pay that uses less
# than $\phi$?
#
# </details>
#
# <details><summary>Answer</summary>
#
# It is convex, so by Jensen the mean of the maxima is the larger. Under the mean, an
# easy image that uses less than $\phi$ leaves free nats to a difficult one; image by
# image it cannot.
#
# </details>

# %% tags=["hide-cell"]
each = gaussian.kl(*models[10].encode(test))  # (300, K)
phi = 0.5
of_mean = np.maximum(phi, each.mean(axis=0)).sum()
mean_of = np.maximum(phi, each).mean(axis=0).sum()
print(f"maximum of means {of_mean:.3f}, mean of maxima {mean_of:.3f}")
check_less("Jensen", of_mean, mean_of)

# %% [markdown]
# **4. Is the code used? (towards research)** The rate is only an upper bound of the
# information about $x$ in $z$: with $\bar q(z) = \frac1N \sum_m q(z|x_m)$ it is the
# mutual information plus $\mathrm{KL}(\bar q \Vert p)$. Estimate both parts for
# $\beta = 1$ and 30, from $\log q(z|x_n) - \log \bar q(z)$ over $z \sim q(z|x_n)$, with
# all 300 test images and with 100 of them. Which of the two estimates of the
# information can be trusted?
#
# <details><summary>Hint</summary>
#
# Chapter 4, exercise 4. Since $q(z | x_n)$ itself is one of the terms of $\bar q$, no
# estimate exceeds $\log N$: 5.70 for 300 images, 4.61 for 100. One near this ceiling
# shows $N$, not the code.
#
# </details>


# %% tags=["hide-cell"]
def information(model, images):
    """Mutual information and KL(q_bar || p), from N images, nats."""
    mu, logvar = model.encode(images)
    z = mu + np.exp(logvar / 2) * rng.standard_normal(mu.shape)
    pairs = gaussian.log_normal(z[:, None], mu, logvar).sum(axis=-1)
    top = pairs.max(axis=1)
    mixture = np.log(np.exp(pairs - top[:, None]).mean(axis=1)) + top
    prior = gaussian.log_normal(z, 0.0, 0.0).sum(axis=-1)
    return (np.diag(pairs) - mixture).mean(), (mixture - prior).mean()


found = {}
for beta in (1, 30):
    for N in (100, 300):
        found[beta, N] = information(models[beta], test[:N])
        print(
            f"beta = {beta}, N = {N}: information"
            f" {found[beta, N][0]:.2f}, KL {found[beta, N][1]:.2f}"
        )
grown = {b: found[b, 300][0] - found[b, 100][0] for b in (1, 30)}
check("beta = 1: it grows with log N", grown[1], np.log(3), 0.15)
check_less("beta = 30: it hardly does", abs(grown[30]), 0.35)
check_less("beta = 30: the rest is small", abs(found[30, 300][1]), 0.3)

# %% [markdown]
# At $\beta = 1$ the estimate is at its ceiling, $\log N$, and the other part is what
# remains of the rate: both show only that the code distinguishes 300 images. At
# $\beta = 30$ it hardly changes with $N$, and nearly all of the rate is information.
#
# ## Sources
#
# - I. Higgins and others, [*beta-VAE*](https://openreview.net/forum?id=Sy2fzU9gl), ICLR
#   2017: the weight $\beta$.
# - A. A. Alemi and others, [*Fixing a Broken ELBO*](https://arxiv.org/abs/1711.00464),
#   ICML 2018: rate, distortion, and (13.6).
# - J. Lucas, G. Tucker, R. Grosse, M. Norouzi, [*Don't Blame the ELBO! A Linear VAE
#   Perspective on Posterior Collapse*](https://arxiv.org/abs/1911.02469), NeurIPS 2019:
#   collapse of the linear VAE as a property of probabilistic PCA.
# - T. M. Cover, J. A. Thomas, *Elements of Information Theory*, 2nd edition 2006,
#   section 10.3: reverse water-filling.
# - S. R. Bowman and others, [*Generating Sentences from a Continuous
#   Space*](https://arxiv.org/abs/1511.06349), CoNLL 2016: collapse in text models, and
#   annealing.
# - D. P. Kingma and others, [*Improved Variational Inference with Inverse
#   Autoregressive Flow*](https://arxiv.org/abs/1606.04934), NeurIPS 2016: free bits.
# - Y. Burda, R. Grosse, R. Salakhutdinov, [*Importance Weighted
#   Autoencoders*](https://arxiv.org/abs/1509.00519), ICLR 2016, section 5.2: active
#   units.
# - B. Dai, Z. Wang, D. Wipf, [*The Usual Suspects? Reassessing Blame for VAE Posterior
#   Collapse*](https://arxiv.org/abs/1912.10702), ICML 2020: collapse as a bad local
#   optimum of deep networks.
#
# ## What to read next
#
# [Chapter 14](14_zoo_of_bugs.py) opens the zoo, where the implied $\beta$ is one bug of
# many. Alemi and others is the paper to read after this chapter; for collapse in deep
# models, J. He and others, [*Lagging Inference Networks and Posterior
# Collapse*](https://arxiv.org/abs/1901.05534), ICLR 2019.
