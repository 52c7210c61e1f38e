# %% [markdown]
# # 4. The KL of two Gaussians
#
# The loss of a VAE has two terms. One of them needs samples, noise and a whole
# decoder. The other is a formula of one line, exact, with a gradient of one line more.
# In this chapter we derive that formula, and then try to prove it wrong: with integrals
# on a grid, with random samples, and with finite differences.
#
# **What you will learn**
#
# - to compute $\mathrm{KL}(q \Vert p)$ of two Gaussians term by term, and what each
#   term does;
# - why a sum over latent dimensions is right, and an average is not;
# - the gradient in $\mu$ and in $\log \sigma^2$, and where it drives a posterior that
#   nothing else holds;
# - to tell a right formula from six wrong ones, all found in public code, by random
#   samples, and to choose the point at which to test.
#
# **What you need:** chapter 2 (the ELBO), logarithms, and the variance of a random
# variable. About 70 minutes, without the exercises.
#
# **Symbols of this chapter:** $\mu$, $\sigma^2$ of the posterior $q$ and $m$, $s^2$ of
# another Gaussian $p$: $s$ is a standard deviation, as $\sigma$ is; $\ell = \log
# \sigma^2$; $H$ the entropy; $S$ the number of samples; $\delta$ a small step.

# %%
import inspect

import matplotlib.pyplot as plt
import numpy as np

from checks import BLACK, BLUE, GREY, ORANGE, VERMILLION
from checks import check, check_less, check_mc, generator, must_fail
from checks import style
from minivae import gaussian

style()
rng = generator(4)

# %% [markdown]
# ## The question
#
# The encoder answers an image $x$ with a Gaussian $q(z) = \mathcal{N}(z; \mu,
# \sigma^2)$, one for each latent dimension; for the moment we look at one dimension and
# drop the $x$ from the notation. Before it saw any image, it would have said $p(z) =
# \mathcal{N}(z; 0, 1)$, the prior. The KL divergence is how much larger $\log q$ is
# than $\log p$ at a draw of $q$, on average, in nats:
#
# $$
# \mathrm{KL}(q \Vert p) = \mathbb{E}_{q} \left[ \log q(z) - \log p(z) \right]
#   = \int q(z) \log \frac{q(z)}{p(z)} \, dz .
# $$
#
# **Predict.** Three posteriors leave the prior in three ways: one moves its mean to
# $\mu = 1$, one halves its standard deviation to $\sigma = \frac12$, one doubles it to
# $\sigma = 2$. Which costs least, and which most? Write down an order before you read
# on.
#
# ## The derivation
#
# We do it for two Gaussians of any mean and variance, $q = \mathcal{N}(\mu, \sigma^2)$
# and $p = \mathcal{N}(m, s^2)$, since that is no more work. The density of a Gaussian,
# and its logarithm:
#
# $$
# q(z) = \frac{1}{\sqrt{2 \pi \sigma^2}}
#   \exp\left( - \frac{(z - \mu)^2}{2 \sigma^2} \right)
# $$
#
# $$
# \log q(z) = - \frac12 \left( \log 2 \pi + \log \sigma^2
#   + \frac{(z - \mu)^2}{\sigma^2} \right) \tag{4.1}
# $$
#
# by $\log \sqrt{a} = \frac12 \log a$ and $\log \frac1a = - \log a$. We need the mean of
# this under $q$ itself, then the mean of $\log p$ under $q$.
#
# **First mean: under $q$ itself.** Only $(z - \mu)^2$ is random in (4.1), and its mean
# is $\sigma^2$: that is what a variance is. The fraction becomes 1. With the sign
# reversed this mean is called the *entropy* of $q$:
#
# $$
# H(q) = - \mathbb{E}_{q} \left[ \log q(z) \right]
#   = \frac12 \left( \log 2 \pi + \log \sigma^2 + 1 \right) \tag{4.2}
# $$
#
# **Second mean: $\log p$ under $q$.** Here the random part is $(z - m)^2$, with the
# mean of the other distribution in it. We add and subtract $\mu$, and expand the
# square:
#
# $$
# (z - m)^2 = \left( (z - \mu) + (\mu - m) \right)^2
#   = (z - \mu)^2 + 2 (z - \mu)(\mu - m) + (\mu - m)^2 .
# $$
#
# Under $q$ the first part has the mean $\sigma^2$, again by definition. In the second,
# $2 (\mu - m)$ is a constant and $z - \mu$ has the mean zero. The third is a constant.
# So
#
# $$
# \mathbb{E}_{q} \left[ (z - m)^2 \right] = \sigma^2 + (\mu - m)^2 \tag{4.3}
# $$
#
# and the mean of $\log p$, which is (4.1) with $m$ and $s$ instead of $\mu$ and
# $\sigma$, is
#
# $$
# \mathbb{E}_{q} \left[ \log p(z) \right]
#   = - \frac12 \left( \log 2 \pi + \log s^2
#   + \frac{\sigma^2 + (\mu - m)^2}{s^2} \right) \tag{4.4}
# $$
#
# **Together.** $\mathrm{KL} = \mathbb{E}_q[\log q] - \mathbb{E}_q[\log p]$ is minus
# (4.2) minus (4.4). The two $\log 2 \pi$ cancel:
#
# $$
# \mathrm{KL}(q \Vert p) = \frac12 \left( \frac{\sigma^2 + (\mu - m)^2}{s^2} - 1
#   - \log \sigma^2 + \log s^2 \right) \tag{4.5}
# $$
#
# For the standard-normal prior, $m = 0$ and $s = 1$, whose logarithm is zero:
#
# $$
# \mathrm{KL}(q \Vert p) = \frac12 \left( \mu^2 + \sigma^2 - 1 - \log \sigma^2 \right)
#   \tag{4.6}
# $$
#
# That is the regulariser of the VAE. You will also meet it as $-\frac12 (1 + \log
# \sigma^2 - \mu^2 - \sigma^2)$, with all four signs reversed and a minus in front. It
# is the same, and copying it with only some of the signs reversed is a classic mistake.
#
# In code, one function for each equation. We write the networks' own variable, $\log
# \sigma^2$, as `logvar`; then $\sigma^2$ is `np.exp(logvar)`.


# %%
def log_normal(z, mu, logvar):  # (4.1)
    square = (z - mu) ** 2 / np.exp(logvar)
    return -0.5 * (np.log(2 * np.pi) + logvar + square)


def entropy(logvar):  # (4.2)
    return 0.5 * (np.log(2 * np.pi) + logvar + 1)


def mean_square(mu, logvar, m):  # (4.3)
    return np.exp(logvar) + (mu - m) ** 2


def mean_log_p(mu, logvar, m, log_s2):  # (4.4)
    ratio = mean_square(mu, logvar, m) / np.exp(log_s2)
    return -0.5 * (np.log(2 * np.pi) + log_s2 + ratio)


def kl_any(mu, logvar, m, log_s2):  # (4.5)
    ratio = (np.exp(logvar) + (mu - m) ** 2) / np.exp(log_s2)
    return 0.5 * (ratio - 1 - logvar + log_s2)


def kl(mu, logvar):  # (4.6)
    return 0.5 * (mu**2 + np.exp(logvar) - 1 - logvar)


# %% [markdown]
# ## Against integrals
#
# The KL is an integral over one variable, and a computer can do such an integral: cut
# the axis into small steps and add up. For these functions, smooth and fading to zero
# at both ends, 2,000 steps are exact to rounding (chapter 1 has more on this sum).
#
# We check **every equation on its own**, not only the last. When the last one fails,
# you want to know which step it was. And we check at a point with no symmetry: at
# $\mu = 0$, $\sigma = 1$ many wrong formulas give the right answer.

# %%
mu, logvar = 0.7, -1.3  # the posterior q: sigma is 0.522
m, log_s2 = -0.4, 0.9  # another Gaussian p

z = np.linspace(mu - 12, mu + 12, 2001)
dz = z[1] - z[0]
log_q = log_normal(z, mu, logvar)
log_p = log_normal(z, m, log_s2)
ratio = log_q - log_normal(z, 0.0, 0.0)  # to the prior
q = np.exp(log_q)


def integral(f):
    return f.sum() * dz


def check_integral(name, formula, f):
    check(name, formula, integral(f), 1e-12)


check_integral("(4.1) density integrates to one", 1.0, q)
square = q * (z - mu) ** 2
check_integral("(4.1) variance is exp(logvar)", np.exp(logvar), square)
check_integral("(4.2) entropy", entropy(logvar), -q * log_q)
value, square = mean_square(mu, logvar, m), q * (z - m) ** 2
check_integral("(4.3) mean square around m", value, square)
value = mean_log_p(mu, logvar, m, log_s2)
check_integral("(4.4) mean of log p under q", value, q * log_p)
value = kl_any(mu, logvar, m, log_s2)
check_integral("(4.5) KL of two Gaussians", value, q * (log_q - log_p))
check_integral("(4.6) KL to the prior", kl(mu, logvar), q * ratio)

# %% [markdown]
# The same formula as it stands in the package, in `minivae/gaussian.py`:

# %%
print(inspect.getsource(gaussian.kl))
package = gaussian.kl(mu, logvar)
check("minivae.gaussian.kl", package, kl(mu, logvar), 1e-15)

# %% [markdown]
# Now the prediction:

# %% tags=["hide-output"]
print(f"mean moved to 1:    {kl(1.0, 0.0):.3f} nats")
print(f"sigma halved:       {kl(0.0, np.log(0.5**2)):.3f} nats")
print(f"sigma doubled:      {kl(0.0, np.log(2.0**2)):.3f} nats")
check("mean moved by one costs", kl(1.0, 0.0), 0.5, 1e-15)
check_less("halving costs less", kl(0.0, np.log(0.25)), 0.5)
check_less("doubling costs more", 0.5, kl(0.0, np.log(4.0)))

# %% [markdown]
# Doubling $\sigma$ costs more than halving it, because $q$ then visits places where the
# prior has hardly any mass. The figure takes (4.6) apart at $\mu = 0$. The quadratic
# $\frac12 \sigma^2$ keeps the posterior from spreading, the logarithm $-\log \sigma$
# keeps it from shrinking to a point, and the $-\frac12$ only makes the sum zero where
# the two pulls are equal.

# %% tags=["hide-input"]
# Figure: Half sigma squared rises, minus log sigma falls, and their
# sum, less a half, is a valley that touches zero at sigma = 1.
sigma = np.linspace(0.08, 2.6, 400)
plt.figure()
plt.plot(sigma, sigma**2 / 2, color=BLUE)
plt.plot(sigma, -np.log(sigma), color=ORANGE)
plt.plot(sigma, kl(0.0, np.log(sigma**2)), color=VERMILLION, lw=4)
plt.axhline(0, color=GREY, lw=1)
plt.plot([1], [0], "o", color=BLACK)
plt.text(2.63, 3.3, r"$\frac{1}{2}\sigma^2$", color=BLUE)
plt.text(2.63, -1.0, r"$-\log\,\sigma$", color=ORANGE)
plt.text(2.63, 1.75, "KL, the sum\nless a half", color=VERMILLION)
plt.text(0.95, -0.75, "zero at $\\sigma = 1$", ha="right")
plt.xlim(0, 3.4)
plt.xlabel(r"posterior $\sigma$, at $\mu = 0$")
plt.ylabel("nats")
plt.title("One term forbids spreading, one forbids shrinking")
plt.show()

# %% [markdown]
# ## It is never negative
#
# $\mu^2$ is not. For the rest, write $u = \log \sigma^2$; then $\sigma^2 - 1 - \log
# \sigma^2 = e^u - 1 - u$. The exponential is convex, so it lies above its tangent at
# zero, $1 + u$. So $e^u - 1 - u \ge 0$, with equality only at $u = 0$: the KL is zero
# exactly at the prior. If (4.6) comes out below zero, by more than rounding, the code
# has a bug; an estimate from samples may fall below zero.

# %%
mus = rng.normal(scale=3, size=100_000)
logvars = rng.normal(scale=3, size=100_000)
check_less("smallest KL of 100,000", 0, kl(mus, logvars).min())
check("KL at the prior", kl(0.0, 0.0), 0.0, 0.0)

# %% [markdown]
# ## Many dimensions: a sum
#
# With $K$ latent dimensions both $q$ and $p$ are products of one-dimensional
# Gaussians, $q(z) = \prod_k q_k(z_k)$, and the logarithm of a product is a sum:
#
# $$
# \mathbb{E}_q \left[ \log \frac{\prod_k q_k(z_k)}{\prod_k p_k(z_k)} \right]
#   = \mathbb{E}_q \left[ \sum_k \log \frac{q_k(z_k)}{p_k(z_k)} \right]
#   = \sum_k \mathbb{E}_{q_k} \left[ \log \frac{q_k(z_k)}{p_k(z_k)} \right] .
# $$
#
# The last step takes the sum out of the expectation, which is linear, and then
# integrates out all dimensions but $k$, each of which contributes a factor of one.
# So
#
# $$
# \mathrm{KL}(q \Vert p) = \frac12 \sum_{k=1}^{K}
#   \left( \mu_k^2 + \sigma_k^2 - 1 - \log \sigma_k^2 \right) \tag{4.7}
# $$
#
# A *sum*. Where the average over $k$ is taken instead, the KL is too small by a factor
# of $K$, and what is trained is a model with $\beta = 1/K$. The check is an integral
# over the plane:


# %%
def kl_vector(mu, logvar):  # (4.7)
    return kl(mu, logvar).sum(axis=-1)


mu2, logvar2 = np.array([0.7, -1.1]), np.array([-1.3, 0.4])
axis = np.linspace(-12, 12, 601)
grid = np.stack(np.meshgrid(axis, axis), axis=-1)  # (601, 601, 2)
log_q2 = log_normal(grid, mu2, logvar2).sum(axis=-1)
log_p2 = log_normal(grid, 0.0, 0.0).sum(axis=-1)
area = (axis[1] - axis[0]) ** 2
by_sum = (np.exp(log_q2) * (log_q2 - log_p2)).sum() * area
check("(4.7) two dimensions", kl_vector(mu2, logvar2), by_sum, 1e-10)

# %% [markdown]
# ## Against random samples
#
# Most expectations in this course have no formula, and then samples are all we have.
# Here we have both, so we can learn what samples are worth. Draw $z$ from $q$ and
# average the bracket of the definition:
#
# $$
# \mathrm{KL}(q \Vert p) \approx \frac1S \sum_{s=1}^{S}
#   \left( \log q(z_s) - \log p(z_s) \right), \qquad
#   z_s = \mu + \sigma \varepsilon_s, \quad \varepsilon_s \sim \mathcal{N}(0, 1) .
# $$
#
# An average of random numbers is a random number. It is worth something only with its
# *standard error*, the standard deviation of the samples divided by $\sqrt S$. The
# check prints both, and how many standard errors lie between the average and the
# formula. Up to 4 we call it agreement; a right formula goes beyond that once in
# 16,000 tries.

# %%
eps = rng.standard_normal(100_000)
z = mu + np.exp(logvar / 2) * eps
samples = log_normal(z, mu, logvar) - log_normal(z, 0.0, 0.0)
check_mc("sampled KL against (4.6)", samples, kl(mu, logvar))

# %% [markdown]
# **Predict.** The KL above is 0.531 nats, and the samples scatter with a standard
# deviation of about 0.6 around it. How many samples do we need for two right digits,
# that is, for a standard error of 0.005?

# %% tags=["hide-output"]
needed = (samples.std() / 0.005) ** 2
print(f"samples for a standard error of 0.005: {needed:.0f}")

# %% [markdown]
# The error falls like $1/\sqrt S$: ten times the precision costs a hundred times the
# samples. Here it is more than ten thousand, for one image, one dimension and two
# digits, and the formula is one line. This is why a VAE computes its KL by the formula;
# the reconstruction term, which has none, is the noisy part of the gradient.
#
# ## The gradient
#
# To train we need the derivatives of the KL with respect to the encoder's outputs,
# $\mu$ and $\ell = \log \sigma^2$. We write (4.6) in these two, $\frac12 (\mu^2 +
# e^\ell - 1 - \ell)$. In $\mu$, only $\frac12 \mu^2$ counts:
#
# $$
# \frac{\partial\, \mathrm{KL}}{\partial \mu} = \mu \tag{4.8}
# $$
#
# In $\ell$, the exponential is its own derivative and $-\ell$ gives $-1$:
#
# $$
# \frac{\partial\, \mathrm{KL}}{\partial \log \sigma^2}
#   = \frac12 \left( \sigma^2 - 1 \right) \tag{4.9}
# $$
#
# Descent turns them into forces. A mean is pulled to zero in proportion to its
# distance, as by a spring. A variance above one is pushed down and one below one is
# pushed up, but not equally hard: the push from above grows without bound, the push
# from below is never more than a half.
#
# Finite differences check both: move the input a little both ways.


# %%
def kl_grad(mu, logvar):
    dmu = mu  # (4.8)
    dlogvar = 0.5 * (np.exp(logvar) - 1)  # (4.9)
    return dmu, dlogvar


mus, logvars = rng.normal(size=(2, 50))
dmu, dlogvar = kl_grad(mus, logvars)
delta = 1e-5
up, down = kl(mus + delta, logvars), kl(mus - delta, logvars)
slope = (up - down) / (2 * delta)
check("(4.8) finite difference in mu", dmu, slope, 1e-8)
up, down = kl(mus, logvars + delta), kl(mus, logvars - delta)
slope = (up - down) / (2 * delta)
check("(4.9) finite difference in logvar", dlogvar, slope, 1e-8)

package = gaussian.kl_grad(mus, logvars)
check("minivae.gaussian.kl_grad, dmu", package[0], dmu, 1e-15)
check("minivae.gaussian.kl_grad, dlogvar", package[1], dlogvar, 1e-15)

# %% [markdown]
# The encoder could compute $\sigma$ itself. Then the gradient would be $\sigma -
# 1/\sigma$, which explodes for small $\sigma$, and a step could make $\sigma$ negative.
# The logarithm may be any real number. One danger remains: `np.exp(logvar)` overflows
# above 709 in float64 and above 88 in float32, which happens when an encoder diverges.
# The package then refuses the loss, with a message that names where it began.
#
# ## What the KL does to a posterior on its own
#
# Suppose the decoder ignores one latent dimension. Then the KL is the only force on
# $\mu$ and $\ell$ there, and gradient descent in small steps follows
#
# $$
# \frac{d\mu}{dt} = -\mu, \qquad
# \frac{d\ell}{dt} = -\frac12 \left( e^{\ell} - 1 \right) .
# $$
#
# Both can be solved. The first is exponential decay:
#
# $$
# \mu(t) = \mu_0 \, e^{-t} \tag{4.10}
# $$
#
# For the second, look at $1/\sigma^2 = e^{-\ell}$. By the chain rule
#
# $$
# \frac{d}{dt} e^{-\ell} = - e^{-\ell} \frac{d\ell}{dt}
#   = \frac12 e^{-\ell} \left( e^{\ell} - 1 \right)
#   = \frac12 \left( 1 - e^{-\ell} \right) ,
# $$
#
# so $1 - e^{-\ell}$ has the derivative $-\frac12 (1 - e^{-\ell})$ and decays like
# $e^{-t/2}$, half as fast as the mean:
#
# $$
# \frac{1}{\sigma^2(t)} = 1 + \left( \frac{1}{\sigma_0^2} - 1 \right) e^{-t/2}
#   \tag{4.11}
# $$
#
# **Predict.** Two posteriors start at $\sigma = 4$ and at $\sigma = \frac14$, both a
# factor of four away from the prior. Which is back first?


# %% tags=["hide-output"]
def mu_at(t, mu0):  # (4.10)
    return mu0 * np.exp(-t)


def sigma_at(t, sigma0):  # (4.11)
    precision = 1 + (1 / sigma0**2 - 1) * np.exp(-t / 2)
    return 1 / np.sqrt(precision)


def descend(mu, logvar, steps, rate):
    """Plain gradient descent on the KL; returns the path."""
    path = [(mu, logvar)]
    for _ in range(steps):
        dmu, dlogvar = kl_grad(mu, logvar)
        mu, logvar = mu - rate * dmu, logvar - rate * dlogvar
        path.append((mu, logvar))
    return np.array(path)


rate = 1e-3
starts = [(-2.6, 4.0), (1.2, 4.0), (-2.2, 0.25), (2.6, 0.25)]
starts += [(2.8, 2.0), (-2.9, 1.5)]
paths = [descend(mu0, 2 * np.log(s0), 9000, rate) for mu0, s0 in starts]
time = rate * np.arange(9001)
for i in (0, 2):  # one that starts wide, one that starts narrow
    (mu0, sigma0), path = starts[i], paths[i]
    sigma = np.exp(path[:, 1] / 2)
    check(f"(4.10) mu from {mu0}", path[:, 0], mu_at(time, mu0), 2e-3)
    formula = sigma_at(time, sigma0)
    check(f"(4.11) sigma from {sigma0}", sigma, formula, 6e-3)
    home = time[np.abs(np.log(sigma)) < np.log(1.1)][0]
    print(f"  within 10 % of sigma = 1 at t = {home:.2f}")

# %% [markdown]
# The wide one needs $t = 3.4$, the narrow one $8.5$. From far above, the variance falls
# at once, whatever it was. From far below, the push is never more than a half.
#
# The map shows both variables at once. All six paths run to the cross, the prior. This
# is **posterior collapse** in its purest form: a latent dimension that the decoder
# ignores costs nothing only at $q = p$, and there it carries no information about $x$.
# Chapter 13 asks when that happens to dimensions that were needed.

# %% tags=["hide-input"]
# Figure: Contours of the KL over mean and width, and six paths of
# gradient descent that run down from all sides into the lowest point,
# the prior.
mus = np.linspace(-3.2, 3.2, 200)
sigmas = np.exp(np.linspace(np.log(0.18), np.log(5), 200))
values = kl(mus[None, :], np.log(sigmas[:, None] ** 2))
plt.figure(figsize=(7, 4.4))
look = {"levels": [0.1, 0.5, 1, 2, 4, 8], "colors": GREY}
lines = plt.contour(mus, sigmas, values, linewidths=1, **look)
plt.clabel(lines, fmt="%g", fontsize=11)
arrow = {"arrowstyle": "-|>", "color": VERMILLION, "mutation_scale": 18}
for path in paths:
    points = np.stack([path[:, 0], np.exp(path[:, 1] / 2)], axis=1)
    plt.plot(*points.T, color=VERMILLION)
    plt.plot(*points[0], "o", color=VERMILLION)
    plt.annotate("", points[1060], points[1000], arrowprops=arrow)
plt.plot(0, 1, "P", color=BLACK, ms=11)
plt.text(0.2, 0.83, "the prior")
plt.text(0, 0.2, "contours: KL in nats", color=GREY, ha="center")
plt.yscale("log")
plt.yticks([0.25, 0.5, 1, 2, 4], ["¼", "½", "1", "2", "4"])
plt.minorticks_off()
plt.xlabel(r"posterior mean $\mu$")
plt.ylabel(r"posterior $\sigma$ (log scale)")
plt.title("Left alone with the KL, all return to the prior")
plt.show()

# %% [markdown]
# <div data-moving="flow"></div>
#
# *The book lets you choose the start and the time.* Try: the same $\mu$ with $\sigma$ a
# factor of four above the prior, then a factor of four below. Move the time, and see in
# which of the two the variance is still far from 1 when the mean is almost zero.
#
# ## What goes wrong in practice
#
# All of the following were found in public code. Each formula is rewritten here in our
# own symbols.
#
# | in place of (4.7) | seen in (the number is that of a thread) |
# |---|---|
# | the $\frac12$ forgotten | SupaeroDataScience/deep-learning #6 |
# | a mean over $k$ for the sum | podgorskiy/VAE #1 |
# | wrong sign of the logarithm | FluxML/model-zoo #147 |
# | $(\log \sigma)^2$ for $2 \log \sigma$ | FluxML/model-zoo #73 |
# | log-variance for log-std | KarenUllrich/Tutorial_BayesianCompressionForDL #1 |
# | a $\log 2\pi$ too many, a $\log \sigma$ missing | pluskid/Mocha.jl #117 |
#
# A gradient check finds none of them if the gradient was derived from the wrong
# formula: it only asks whether the two agree. Samples use only the densities, and can
# disagree with a formula. Whether they *do* depends on two choices: where one tests,
# and with how many samples.
#
# **Predict.** At which point would you test? Which of the six are right at $\mu = 0$,
# $\log \sigma^2 = 0$?


# %%
def forgotten_half(mu, logvar):
    return (mu**2 + np.exp(logvar) - 1 - logvar).sum()


def mean_for_sum(mu, logvar):
    return kl(mu, logvar).mean()


def sign_of_log(mu, logvar):
    return 0.5 * (mu**2 + np.exp(logvar) - 1 + logvar).sum()


def log_squared(mu, logvar):
    return 0.5 * (mu**2 + np.exp(logvar) - 1 - (logvar / 2) ** 2).sum()


def logvar_as_log_sigma(mu, logvar):
    return kl(mu, 2 * logvar).sum()


def extra_log_2pi(mu, logvar):
    constant = np.log(2 * np.pi)
    return 0.5 * (mu**2 + np.exp(logvar) - 1 + constant).sum()


wrong = [forgotten_half, mean_for_sum, sign_of_log]
wrong += [log_squared, logvar_as_log_sigma, extra_log_2pi]

# %% tags=["hide-output"]
K = 4
at_prior = [f(np.zeros(K), np.zeros(K)) for f in wrong]
right_there = sum(value == 0 for value in at_prior)
print(f"right at the prior: {right_there} of {len(wrong)}")
check("wrong formulas that are right there", right_there, 5, 0)

# %% [markdown]
# Five of six wrong formulas are right at the prior: symmetry hides mistakes. A random
# point is better, but a matter of luck. Take `sign_of_log`: it is wrong by $\sum_k \log
# \sigma_k^2$, and where these logarithms nearly cancel, no number of samples that we
# can afford shows it. We measure how often each mistake is caught by a test at four
# standard errors, at 200 random points with 300 samples each.


# %%
def log_ratio(mu, logvar, count):
    """count samples of log q(z) - log p(z)."""
    e = rng.standard_normal((count, len(mu)))
    z = mu + np.exp(logvar / 2) * e
    ratio = log_normal(z, mu, logvar) - log_normal(z, 0.0, 0.0)
    return ratio.sum(axis=1)


caught = np.zeros(6)
for _ in range(200):
    mu_k, logvar_k = rng.normal(size=(2, K))
    ratio = log_ratio(mu_k, logvar_k, 300)
    se = ratio.std() / np.sqrt(300)
    z_scores = [(f(mu_k, logvar_k) - ratio.mean()) / se for f in wrong]
    caught += np.abs(z_scores) > 4
for formula, share in zip(wrong, caught / 200, strict=True):
    print(f"{formula.__name__:20} caught at {share:4.0%} of the points")
check_less("one is often missed", caught.min() / 200, 0.9)

# %% [markdown]
# So choose the point **on purpose**, so that every term counts and none cancels
# another: all means different from zero; all log-variances of the *same sign*, so that
# no sum of them vanishes; different sizes, so that their squares, halves and doubles
# are different numbers. Here is one, with 5000 samples:

# %%
mu_k = np.array([0.7, -1.1, 1.6, 0.4])
logvar_k = np.array([-1.3, -2.2, -0.8, -1.7])
samples = log_ratio(mu_k, logvar_k, 5000)
check_mc("the right formula", samples, kl_vector(mu_k, logvar_k))
se = samples.std() / np.sqrt(5000)
for formula in wrong:
    away = formula(mu_k, logvar_k) - kl_vector(mu_k, logvar_k)
    print(f"wrong by {away:6.2f} nats, {abs(away) / se:.0f} errors")
    with must_fail():
        check_mc(formula.__name__, samples, formula(mu_k, logvar_k))

# %% [markdown]
# All six are caught there, the closest by about 30 standard errors, so with any seed.
#
# The KL is **not symmetric**: $\mathrm{KL}(p \Vert q)$ is another number, which (4.5)
# gives with the roles exchanged. And everything here assumes that the network's output
# is $\log \sigma^2$. If it is $\log \sigma$, (4.6) stays right, but the derivative is
# $\sigma^2 - 1$.

# %%
forward = kl_any(0.0, np.log(0.25), 0.0, 0.0)  # q narrow, p wide
backward = kl_any(0.0, 0.0, 0.0, np.log(0.25))
print(f"KL(q, p) = {forward:.3f}, KL(p, q) = {backward:.3f} nats")
check_less("they differ", forward, backward)

# %% [markdown]
# ## Exercises
#
# **1. By hand (warm-up).** At $\sigma = 1$, which mean costs one nat? Which costs one
# bit, that is $\log 2$ nats? Use paper, then compare.
#
# <details><summary>Hint</summary>
#
# Which terms of (4.6) are left at $\sigma = 1$?
#
# </details>

# %% tags=["hide-cell"]
check("one nat at mu = sqrt(2)", kl(np.sqrt(2), 0.0), 1.0, 1e-12)
one_bit = np.sqrt(2 * np.log(2))
check("one bit at mu = 1.1774", kl(one_bit, 0.0), np.log(2), 1e-12)

# %% [markdown]
# **2. One nat of width.** At $\mu = 0$ there are two values of $\sigma$ whose KL is
# exactly one nat, one above and one below 1. Find both with Newton's method, using
# (4.9) as the derivative. Why does the method need different starts?
#
# <details><summary>Hint</summary>
#
# Newton's step for $f(\ell) = 0$ is $\ell \leftarrow \ell - f(\ell) / f'(\ell)$. Where
# does the derivative of your $f$ vanish?
#
# </details>
#
# <details><summary>Answer</summary>
#
# $f(\ell) = \mathrm{KL} - 1$ with the derivative (4.9), which vanishes at $\ell = 0$,
# between the two roots. $f$ is convex, so a start on one side never crosses to the
# other. The roots are $\sigma = 0.2291$ and $\sigma = 2.1226$.
#
# </details>

# %% tags=["hide-cell"]
for u in (-4.0, 2.0):
    for _ in range(20):
        u -= (kl(0.0, u) - 1) / kl_grad(0.0, u)[1]
    check("KL at the root", kl(0.0, u), 1.0, 1e-12)
    print(f"  sigma = {np.exp(u / 2):.4f}")

# %% [markdown]
# **3. Full covariance.** Let $q = \mathcal{N}(\mu, \Sigma)$ with any covariance matrix
# $\Sigma$ in $K$ dimensions. Derive
#
# $$
# \mathrm{KL} = \frac12 \left( \mu^\top \mu + \mathrm{tr}\, \Sigma - K
#   - \log \det \Sigma \right) ,
# $$
#
# show that it becomes (4.7) for a diagonal $\Sigma$, and check it with samples.
#
# <details><summary>Hint</summary>
#
# Follow (4.2) to (4.6); what was $(z - \mu)^2 / \sigma^2$ is a quadratic form now. To
# sample, use $z = \mu + L \varepsilon$ with the Cholesky factor $L L^\top = \Sigma$.
#
# </details>
#
# <details><summary>Answer</summary>
#
# $$
# \log q = -\frac12 \left( K \log 2 \pi + \log \det \Sigma
#   + (z - \mu)^\top \Sigma^{-1} (z - \mu) \right) ,
# $$
#
# and the mean of the quadratic form is $\mathrm{tr}(\Sigma^{-1} \Sigma) = K$. In $\log
# p$ the form is $z^\top z$, with the mean $\mu^\top \mu + \mathrm{tr}\, \Sigma$. In the
# difference $K \log 2 \pi$ cancels, which leaves the formula. For a diagonal $\Sigma$
# trace and determinant are the sum and the product of the $\sigma_k^2$: (4.7).
#
# </details>


# %% tags=["hide-cell"]
def kl_full(mu, Sigma):
    log_det = np.linalg.slogdet(Sigma)[1]
    return 0.5 * (mu @ mu + np.trace(Sigma) - len(mu) - log_det)


diagonal = kl_full(mu_k, np.diag(np.exp(logvar_k)))
check("diagonal case", diagonal, kl_vector(mu_k, logvar_k), 1e-12)
A = rng.normal(size=(3, 3))
Sigma, mu3 = A @ A.T + 0.1 * np.eye(3), rng.normal(size=3)
L = np.linalg.cholesky(Sigma)
eps = rng.standard_normal((20_000, 3))
z = mu3 + eps @ L.T
log_det = np.linalg.slogdet(Sigma)[1]
log_q = -0.5 * (log_det + (eps**2).sum(axis=1))  # without 2 pi,
log_p = -0.5 * (z**2).sum(axis=1)  # which cancels
check_mc("full covariance", log_q - log_p, kl_full(mu3, Sigma))

# %% [markdown]
# **4. What the KL measures (towards research).** Average the KL over all images and
# call $\bar q(z) = \frac1N \sum_n q(z|x_n)$ the *aggregate posterior*. Show that
#
# $$
# \frac1N \sum_n \mathrm{KL}(q(z|x_n) \Vert p) = I + \mathrm{KL}(\bar q \Vert p),
# \qquad I = \frac1N \sum_n \mathrm{KL}(q(z|x_n) \Vert \bar q) ,
# $$
#
# where $I$ is the information that $z$ carries about which image it came from. So the
# regulariser penalises two things: codes that together differ from the prior, as we
# want, and any information in them, which we want to keep. Check the identity on a grid
# with three posteriors, then find out how large $I$ can become with $N$ images, and
# what follows for a KL of 25 nats on MNIST's 60,000 images.
#
# <details><summary>Hint</summary>
#
# Add and subtract $\log \bar q(z)$ in the integral. For the bound on $I$: by how much
# can $q_n$ exceed $\bar q$?
#
# </details>
#
# <details><summary>Answer</summary>
#
# $\log q_n - \log p = (\log q_n - \log \bar q) + (\log \bar q - \log p)$; averaged over
# $q_n$ and $n$ the first bracket is $I$, and the second, which no longer contains $n$,
# is $\mathrm{KL}(\bar q \Vert p)$. Since $\bar q \ge q_n / N$, $\log (q_n / \bar q) \le
# \log N$, and so $I \le \log N$, with equality if the $q_n$ do not overlap. With 60,000
# images $\log N$ is 11 nats. Of a KL of 25 nats at least 14 are $\mathrm{KL}(\bar q
# \Vert p)$: the codes of the training set, taken together, are that far from the prior,
# from which we sample. (For a KL averaged over other images, $N$ is their number.)
#
# </details>

# %% tags=["hide-cell"]
z = np.linspace(-14, 14, 4001)
dz = z[1] - z[0]
mu_n = np.array([[-2.0], [0.3], [1.5]])
logvar_n = np.array([[-1.0], [-2.0], [-0.5]])
log_q_n = log_normal(z, mu_n, logvar_n)  # (3, 4001)
q_n = np.exp(log_q_n)
q_bar = q_n.mean(axis=0)
log_p = log_normal(z, 0.0, 0.0)
information = integral(q_n * (log_q_n - np.log(q_bar))) / 3
marginal = integral(q_bar * (np.log(q_bar) - log_p))
total = information + marginal
check("mean KL, two parts", kl(mu_n, logvar_n).mean(), total, 1e-10)
check_less("I is at most log N", information, np.log(3))

# %% [markdown]
# ## Sources
#
# - D. P. Kingma, M. Welling, *Auto-Encoding Variational Bayes*, ICLR 2014, [arXiv
#   1312.6114](https://arxiv.org/abs/1312.6114), appendix B: (4.7), from the two means
#   (4.2) and (4.4).
# - S. Kullback, R. A. Leibler, *On Information and Sufficiency*, Annals of Mathematical
#   Statistics 22, 1951, [doi
#   10.1214/aoms/1177729694](https://doi.org/10.1214/aoms/1177729694): where the
#   divergence comes from.
# - T. M. Cover, J. A. Thomas, *Elements of Information Theory*, 2nd edition 2006,
#   [doi 10.1002/047174882X](https://doi.org/10.1002/047174882X), chapters 2 and 8:
#   entropy, and why KL is never negative for any two densities.
# - M. D. Hoffman, M. J. Johnson, *ELBO surgery: yet another way to carve up the
#   variational evidence lower bound*, NIPS workshop 2016: exercise 4.
# - (4.10) and (4.11) are our own integration of two textbook differential equations.
#
# ## What to read next
#
# [Chapter 5](05_reparameterization.py) takes the gradient of the other term through its
# samples. For the information theory behind this one, read chapter 2 of Cover and
# Thomas; for other divergences, section 10.1 of C. M. Bishop, *Pattern Recognition and
# Machine Learning*, 2006.
