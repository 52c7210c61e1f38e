# %% [markdown]
# # 3. Classical variational inference
#
# Before there were encoders, people climbed the ELBO by hand: for one data set, or one
# data point, they looked for the $q$ that makes the bound highest. In this chapter we
# do it in two ways. The first is exact algebra, for models that allow it. The second
# needs only values of $\log p(x, z)$ and random numbers. Both start anew for every data
# point; [chapter 23](23_one_network_for_all_points.py) shows what a network saves
# there.
#
# **What you will learn**
#
# - coordinate ascent (CAVI): each factor of $q$ set to its optimum in turn, derived and
#   watched until it settles;
# - black-box variational inference: the gradient of an expectation from samples, by
#   three unbiased estimators (score function, control variate, pathwise), and how their
#   variances compare.
#
# **What you need:** chapters [1](01_latent_variable_models.py) and
# [2](02_the_elbo_twice.py). About an hour and a half, without the exercises. The
# pathwise estimator is derived in [chapter 5](05_reparameterization.py) and only used
# here.
#
# **Symbols of this chapter:** $W$ the linear decoder, $\Lambda$ the precision matrix of
# its posterior and $\rho$ its correlation; $\sigma_k^2$ the variances of $q$; $\lambda$
# the parameters of $q$, $\ell = \log \sigma^2$; $h$ the score and $a$ its coefficient
# as a control variate; $w$ the importance weight of chapter 2; $\delta$ a small step.

# %%
import matplotlib.pyplot as plt
import numpy as np

from checks import BLACK, BLUE, GREEN, ORANGE, VERMILLION
from checks import check, check_less, check_mc, generator, must_fail
from checks import style
from minivae.inference.classical import bbvi, cavi
from minivae.inference.exact.linear_gaussian import LinearGaussian

style()
rng = generator(3)


def log_normal(z, mu, logvar):
    square = (z - mu) ** 2 / np.exp(logvar)
    return -0.5 * (np.log(2 * np.pi) + logvar + square)


# %% [markdown]
# ## Coordinate ascent
#
# The question: among all $q$ that are **products**, $q(z) = q_1(z_1)\, q_2(z_2)$, which
# has the highest ELBO? The shape of the factors is left open. This is the *mean-field*
# family; a VAE's diagonal Gaussian is a member of it.
#
# Hold $q_2$ fixed and look for the best $q_1$. The ELBO (2.2) is
#
# $$
# \mathrm{ELBO} = \mathbb{E}_{q_1} \left[ \mathbb{E}_{q_2} [\log p(x, z)] \right]
#   - \mathbb{E}_{q_1} [\log q_1(z_1)] - \mathbb{E}_{q_2} [\log q_2(z_2)] ,
# $$
#
# since the logarithm of a product is a sum. The last term does not contain $q_1$. The
# inner expectation of the first one is a function of $z_1$ alone; call it $t(z_1)$.
# Exponentiate and normalize it: $\tilde q(z_1) = e^{t(z_1)} / \int e^{t}$ is a density,
# $t = \log \tilde q + \text{const}$, and
#
# $$
# \mathrm{ELBO} = \mathbb{E}_{q_1} \left[ \log \tilde q(z_1) - \log q_1(z_1) \right]
#   + \text{const} = - \mathrm{KL}(q_1 \Vert \tilde q) + \text{const} .
# $$
#
# The KL is never negative, and zero only at $q_1 = \tilde q$ (chapter 2). So the best
# factor needs no derivative:
#
# $$
# \log q_1(z_1) = \mathbb{E}_{q_2(z_2)} \left[ \log p(x, z) \right] + \text{const}
#   \tag{3.1}
# $$
#
# **Coordinate ascent** uses (3.1) for each factor in turn. Each use is a maximum over
# one factor, so the ELBO cannot fall. There is no step size and no randomness, but the
# expectation must be worked out on paper.
#
# We do it for the linear model, $x = W z + \sqrt c\, \eta$, with two latents. As in
# (2.6) and (2.7), up to constants,
#
# $$
# \log p(x, z) = - \frac12 z^\top z - \frac{1}{2 c} \Vert x - W z \Vert^2 + \ldots
#   = - \frac12 z^\top \left( I + \tfrac1c W^\top W \right) z
#   + \tfrac1c x^\top W z + \ldots
# $$
#
# We give names to the matrix and to the vector:
#
# $$
# \Lambda = I + \frac1c W^\top W \tag{3.2}
# $$
#
# $$
# b = \frac1c W^\top x \tag{3.3}
# $$
#
# Now (3.1): in $-\frac12 z^\top \Lambda z + b^\top z$ the terms with $z_1$ are
# $-\frac12 \Lambda_{11} z_1^2 - \Lambda_{12} z_1 z_2 + b_1 z_1$. All that the
# expectation over $q_2$ does is to replace $z_2$ by its mean $\mu_2$:
#
# $$
# \log q_1(z_1) = - \frac12 \Lambda_{11} z_1^2 + (b_1 - \Lambda_{12} \mu_2) z_1
#   + \text{const} .
# $$
#
# This is a quadratic, so the best factor *is* a Gaussian, though we did not ask for
# one. Its precision is $\Lambda_{11}$, and its mean is where the derivative of the
# quadratic vanishes. For any number of latents, with index $k$,
#
# $$
# \sigma_k^2 = \frac{1}{\Lambda_{kk}} \tag{3.4}
# $$
#
# $$
# \mu_k = \frac{1}{\Lambda_{kk}} \left( b_k - \sum_{j \ne k} \Lambda_{kj} \mu_j \right)
#   \tag{3.5}
# $$
#
# The variances (3.4) are those of (2.10); they do not depend on the other factors and
# are final after one sweep. The means depend on each other. How fast do they settle? At
# the solution $\mu^*$ (3.5) holds with $\mu^*$ on both sides. Subtract: after the first
# half of a sweep the errors $e_k = \mu_k - \mu_k^*$ obey $e_1 = - (\Lambda_{12} /
# \Lambda_{11})\, e_2$, and after the second $e_2 = - (\Lambda_{12} / \Lambda_{22})\,
# e_1$. One sweep multiplies the error of $\mu_2$ by
#
# $$
# \rho^2 = \frac{\Lambda_{12}^2}{\Lambda_{11} \Lambda_{22}} , \tag{3.6}
# $$
#
# where $\rho$ is the correlation of the exact posterior, whose covariance is
# $\Lambda^{-1}$. To watch the ELBO rise we need its value. By (2.5), with $x - W z =
# (x - W \mu) - W (z - \mu)$, whose square has the mean $\Vert x - W \mu \Vert^2 +
# \sum_k \sigma_k^2 \Vert W_k \Vert^2$ ($W_k$ is column $k$; under a product $q$ the
# latents are uncorrelated, so there are no cross terms),
#
# $$
# \mathrm{rec} = \frac12 \left( D \log 2 \pi c + \frac1c \Vert x - W \mu \Vert^2
#   + \frac1c \sum_k \sigma_k^2 \Vert W_k \Vert^2 \right) \tag{3.7}
# $$
#
# and the ELBO is
# $-\mathrm{rec} - \sum_k \frac12 (\mu_k^2 + \sigma_k^2 - 1 - \log \sigma_k^2)$.

# %%
c = 0.25
W = np.array([[1.0, 0.9], [0.8, 1.0], [-0.3, 0.2]])
model = LinearGaussian(W, np.zeros(3), c)
x = np.array([1.6, 0.3, -0.7])

Lam = np.eye(2) + W.T @ W / c  # (3.2)
b = W.T @ x / c  # (3.3)
rho2 = Lam[0, 1] ** 2 / (Lam[0, 0] * Lam[1, 1])  # (3.6)


def update(k, mu, var):
    """The best factor k, given the others: new copies of mu and var."""
    others = Lam[k] @ mu - Lam[k, k] * mu[k]
    mu, var = mu.copy(), var.copy()
    var[k] = 1 / Lam[k, k]  # (3.4)
    mu[k] = (b[k] - others) / Lam[k, k]  # (3.5)
    return mu, var


def linear_elbo(mu, var):
    away = ((x - W @ mu) ** 2).sum()
    wobble = var @ (W**2).sum(axis=0)
    constant = len(x) * np.log(2 * np.pi * c)
    rec = 0.5 * (constant + away / c + wobble / c)  # (3.7)
    return -rec - 0.5 * (mu**2 + var - 1 - np.log(var)).sum()


# %% [markdown]
# First we check the update against (3.1) itself, on a grid: average $\log p(x, z)$ over
# a lattice for $z_2$, exponentiate, normalize, and compare with the Gaussian.

# %%
eps, eps_step = np.linspace(-9, 9, 361, retstep=True)
eps_weight = np.exp(-(eps**2) / 2) / np.sqrt(2 * np.pi) * eps_step


def best_factor(grid, mu, var):  # (3.1), for the first factor
    z2 = mu[1] + np.sqrt(var[1]) * eps
    z = np.stack(np.broadcast_arrays(grid[:, None], z2), axis=-1)
    log_p = log_normal(x, z @ W.T, np.log(c)).sum(axis=-1)
    log_p = log_p + log_normal(z, 0.0, 0.0).sum(axis=-1)
    t = log_p @ eps_weight
    density = np.exp(t - t.max())
    return density / (density.sum() * (grid[1] - grid[0]))


mu, var = np.array([-0.5, 1.5]), np.array([1.0, 0.3])
grid = np.linspace(-4, 4, 401)
new_mu, new_var = update(0, mu, var)
check(
    "(3.4) (3.5) are the best factor (3.1)",
    np.exp(log_normal(grid, new_mu[0], np.log(new_var[0]))),
    best_factor(grid, mu, var),
    1e-9,
)
package = model.elbo(x[None], mu[None], np.log(var)[None])[0]
check(
    "(3.7) against minivae's exact ELBO",
    linear_elbo(mu, var),
    package,
    1e-12,
)

# %% [markdown]
# **Predict.** The posterior of this $x$ has the correlation $\rho = -0.80$. By what
# factor does the error shrink in each sweep? Will the means arrive at those of the
# exact posterior? Will the variances?

# %% tags=["hide-output"]
mu, var = np.array([-2.2, 2.2]), np.array([1.0, 1.0])
path, climb = [mu], [linear_elbo(mu, var)]
for _ in range(30):
    for k in (0, 1):
        mu, var = update(k, mu, var)
        path.append(mu)
        climb.append(linear_elbo(mu, var))
path, climb = np.array(path), np.array(climb)

exact_mean, exact_cov = model.posterior(x[None])
log_p = model.log_prob(x[None])[0]
check_less("least gain of 60 half sweeps", -1e-12, np.diff(climb).min())
check("means of the exact posterior", mu, exact_mean[0], 1e-3)
error = path[2::2, 1] - exact_mean[0, 1]
check(
    "(3.6) error from sweep to sweep",
    error[1:10] / error[:9],
    rho2,
    1e-9,
)
check_less("variances too small", var[0], exact_cov[0, 0])
gap = -0.5 * np.log(1 - rho2)
check("the gap that stays, (2.11)", log_p - climb[-1], gap, 1e-5)
ratio = np.sqrt(exact_cov[0, 0] / var[0])
print(f"rho = {-np.sqrt(rho2):.3f}, factor {rho2:.3f} in each sweep")
print(f"standard deviation too small by a factor of {ratio:.2f}")

# %% tags=["hide-input", "hide-output"]
# Figure: Left, the path of the means, a staircase into a slanted
# ellipse, and the best product, a smaller, upright ellipse. Right,
# the ELBO of each half sweep rises towards a level half a nat below
# the exact log p(x).
fig, (left, right) = plt.subplots(1, 2, figsize=(7.6, 3.8))
angle = np.linspace(0, 2 * np.pi, 100)
ring = 2 * np.stack([np.cos(angle), np.sin(angle)])
shape = np.linalg.cholesky(exact_cov) @ ring
left.fill(*(exact_mean.T + shape), color=GREEN, alpha=0.35)
left.plot(*(mu[:, None] + np.sqrt(var)[:, None] * ring), color=BLUE)
left.plot(*path.T, color=BLACK, lw=1.4)
left.plot(*path[0], "o", color=BLACK)
left.text(-2.3, 2.4, "start")
left.text(0.9, 0.75, "exact posterior", color=GREEN)
left.text(-1.2, -1.05, "best product", color=BLUE)
left.set(xlim=(-2.6, 3), ylim=(-2.2, 2.9), aspect="equal")
left.set(xlabel="$z_1$", ylabel="$z_2$")
left.set_title("One coordinate at a time")
right.axhline(log_p, color=BLACK)
right.plot(np.arange(len(climb)) / 2, climb, ".-", color=BLUE)
right.set(xlim=(-0.3, 12), ylim=(log_p - 5, log_p + 0.6))
right.text(6, log_p + 0.12, r"exact $\log\,p(x)$")
right.text(5, log_p - 1.6, f"ends {gap:.2f} nats below", color=BLUE)
right.set_xticks([0, 3, 6, 9, 12])
right.set(xlabel="sweeps", ylabel="ELBO, nats", title="It never falls")
plt.show()

# %% [markdown]
# The means are exact; the widths are not. Each width of the product is that of the
# posterior with the other latent held fixed. In small models of this kind coordinate
# ascent is hard to beat: its steps are exact and there is nothing to tune. But it needs
# two conditions: the expectation in (3.1) must have a closed form, and the result must
# be a density of a known family, so that the next step can use it. Both hold in
# *conditionally conjugate* models. A model with a decoder network is not one of them.
# What is $\mathbb{E}[\Vert x - g(z) \Vert^2]$ for a network $g$?
#
# ## Black-box variational inference
#
# We return to the circle of chapters 1 and 2. This time we choose the family, $q =
# \mathcal{N} (\mu, \sigma^2)$, and call its parameters $\lambda = (\mu, \log
# \sigma^2)$. We want to climb the ELBO in $\lambda$ by its **gradient**, and all that
# we ask of the model is the value of $\log p(x, z)$ at points of our choice.
#
# $$
# \mathrm{ELBO}(\lambda) = \mathbb{E}_{q_\lambda(z)} \left[ \log w(z) \right] , \qquad
#   \log w(z) = \log p(x, z) - \log q_\lambda(z) .
# $$
#
# The difficulty: $\lambda$ sits in the density over which we average. A sample does not
# show how the density would have changed. Write the expectation as an integral and
# differentiate the product (the derivative may go inside since $q$ is a Gaussian and
# $\log w$ grows no faster than a polynomial; $\log p$ need not be continuous in $z$):
#
# $$
# \nabla \int q(z) \log w(z) \, dz = \int \nabla q(z) \, \log w(z) \, dz
#   + \int q(z) \, \nabla \log w(z) \, dz .
# $$
#
# *Second integral.* $\log p(x, z)$ does not contain $\lambda$, so $\nabla \log w = -
# \nabla \log q$. Because $\nabla \log q = \nabla q / q$, the integral is $-\int \nabla
# q \, dz = - \nabla \int q \, dz = - \nabla 1 = 0$. The control variate below will need
# this result by itself:
#
# $$
# \mathbb{E}_q \left[ \nabla \log q(z) \right] = 0 .
# $$
#
# *First integral.* The same identity the other way, $\nabla q = q \, \nabla \log q$,
# makes it an expectation under $q$, which samples can estimate. The vector $h(z) =
# \nabla \log q(z)$ is the *score function*:
#
# $$
# \nabla \mathrm{ELBO} = \mathbb{E}_q \left[ h(z) \, \log w(z) \right] \tag{3.8}
# $$
#
# For our Gaussian, $\log q = -\frac12 (\log 2\pi + \log \sigma^2 + (z - \mu)^2 /
# \sigma^2)$. The derivative in $\mu$ has an inner derivative of $-1$ and a 2 that
# cancels the $\frac12$; in $\ell = \log \sigma^2$, with $1 / \sigma^2 = e^{-\ell}$
# whose derivative is $-e^{-\ell}$,
#
# $$
# h_\mu(z) = \frac{z - \mu}{\sigma^2} \tag{3.9}
# $$
#
# $$
# h_\ell(z) = \frac12 \left( \frac{(z - \mu)^2}{\sigma^2} - 1 \right) \tag{3.10}
# $$
#
# So the gradient of an average over random draws can be estimated without a derivative
# of the model. The model may be a simulator, or full of ifs.
#
# **A control variate.** The price of (3.8) is its variance. Suppose $\log w$ is about
# $-100$ everywhere. Then $h \log w$ is large, of either sign, and its average is a
# small difference of large numbers. But $h$ has the mean zero, so we may subtract any
# constant multiple of it:
#
# $$
# \nabla \mathrm{ELBO} = \mathbb{E}_q \left[ h(z) \left( \log w(z) - a \right) \right] .
#   \tag{3.11}
# $$
#
# Which $a$ is best? For one component, the variance of $h \log w - a h$ is
#
# $$
# \mathrm{Var}[h \log w] - 2 a \, \mathrm{Cov}[h \log w, h] + a^2 \, \mathrm{Var}[h] ,
# $$
#
# a parabola in $a$ with its lowest point at
# $a = \mathrm{Cov}[h \log w, h] / \mathrm{Var}[h]$. Since $\mathbb{E}[h] = 0$, the
# covariance is $\mathbb{E}[h^2 \log w]$ and the variance is $\mathbb{E}[h^2]$:
#
# $$
# a^* = \frac{\mathbb{E}[h^2 \log w]}{\mathbb{E}[h^2]} \tag{3.12}
# $$
#
# These expectations, too, must be estimated from samples. For the constant $a_s$ of
# sample $s$ we use **all samples but $s$**. Then $a_s$ and $h_s$ are independent and
# $\mathbb{E}[a_s h_s] = \mathbb{E}[a_s] \, \mathbb{E}[h_s] = 0$; the mean stays what it
# was. Below we see what happens if the constant uses sample $s$ too.
#
# **Along the path.** The third estimator opens the black box: it differentiates the
# model, along $z = \mu + \sigma \varepsilon$ with $\varepsilon \sim \mathcal{N}(0, 1)$.
# [Chapter 5](05_reparameterization.py) derives it in (5.5) and (5.6), and states the
# condition that it needs. The ELBO is $\mathbb{E}_\varepsilon[\log p(x, \mu + \sigma
# \varepsilon)]$ plus the entropy $\frac12 (\log 2 \pi e + \ell)$, so
#
# $$
# \frac{\partial\, \mathrm{ELBO}}{\partial \mu} = \mathbb{E}_\varepsilon \left[
#   \frac{\partial \log p(x, z)}{\partial z} \right] \tag{3.13}
# $$
#
# $$
# \frac{\partial\, \mathrm{ELBO}}{\partial \ell} = \mathbb{E}_\varepsilon \left[
#   \frac{\partial \log p(x, z)}{\partial z} \, \frac12 \sigma \varepsilon \right]
#   + \frac12 \tag{3.14}
# $$
#
# Here, with
# $\log p(x, z) = -\frac{1}{2c} \Vert x - g(z) \Vert^2 - \frac12 z^2 + \ldots$ it is
#
# $$
# \frac{\partial \log p(x, z)}{\partial z}
#   = \frac1c \left( x - g(z) \right)^\top g'(z) - z . \tag{3.15}
# $$


# %%
def g(z):
    return 2 * np.stack([np.sin(1.5 * z), np.cos(1.5 * z)], axis=-1)


def g_prime(z):
    return 3 * np.stack([np.cos(1.5 * z), -np.sin(1.5 * z)], axis=-1)


def log_joint(x, z):
    log_lik = log_normal(x, g(z), np.log(c)).sum(axis=-1)
    return log_lik + log_normal(z, 0.0, 0.0)


def log_joint_grad(x, z):  # (3.15)
    return ((x - g(z)) * g_prime(z)).sum(axis=-1) / c - z


def scores(z, mu, logvar):
    h_mu = (z - mu) / np.exp(logvar)  # (3.9)
    h_logvar = 0.5 * ((z - mu) ** 2 / np.exp(logvar) - 1)  # (3.10)
    return np.stack([h_mu, h_logvar], axis=-1)


def score_parts(x, mu, logvar, noise):
    """h of shape (..., S, 2) and log w of shape (..., S, 1)."""
    z = mu + np.exp(logvar / 2) * noise
    log_w = log_joint(x, z) - log_normal(z, mu, logvar)
    return scores(z, mu, logvar), log_w[..., None]


def score_function(x, mu, logvar, noise):  # (3.8)
    h, log_w = score_parts(x, mu, logvar, noise)
    return h * log_w


def with_control(x, mu, logvar, noise):
    h, log_w = score_parts(x, mu, logvar, noise)
    above = (log_w * h**2).sum(axis=-2, keepdims=True) - log_w * h**2
    below = (h**2).sum(axis=-2, keepdims=True) - h**2
    a = above / below  # (3.12), from the other samples
    return h * (log_w - a)  # (3.11)


def pathwise(x, mu, logvar, noise):
    sigma = np.exp(logvar / 2)
    slope = log_joint_grad(x, mu + sigma * noise)
    dmu = slope  # (3.13)
    dlogvar = slope * 0.5 * sigma * noise + 0.5  # (3.14)
    return np.stack([dmu, dlogvar], axis=-1)


# %% [markdown]
# All three estimators must have the mean that finite differences of the exact ELBO
# give; the exact ELBO is a sum over a lattice, as in chapter 2. `noise` has the shape
# (R, S): R repetitions of an estimate from S = 8 samples. Within a repetition the terms
# with the control variate depend on each other. The R averages are independent, so
# standard errors are taken over them.


# %%
def elbo(x, mu, logvar):
    z = mu + np.exp(logvar / 2) * eps
    f = log_joint(x, z) - log_normal(z, mu, logvar)
    return eps_weight @ f


def slope_of(f, at, delta=1e-4):
    return (f(at + delta) - f(at - delta)) / (2 * delta)


x = np.array([1.4, 0.9])
mu, logvar = 0.5, -2.5
by_mu = slope_of(lambda m: elbo(x, m, logvar), mu)
by_logvar = slope_of(lambda v: elbo(x, mu, v), logvar)
exact = np.array([by_mu, by_logvar])
print(f"exact gradient: {exact[0]:.4f} in mu, {exact[1]:.4f} in logvar")

zs = np.linspace(-2, 2, 9)
slope = slope_of(lambda z: log_joint(x, z), zs)
check("(3.15) by differences", log_joint_grad(x, zs), slope, 1e-6)
h_mu = slope_of(lambda m: log_normal(zs, m, logvar), mu)
h_logvar = slope_of(lambda v: log_normal(zs, mu, v), logvar)
h = np.stack([h_mu, h_logvar], axis=-1)
check("(3.9) (3.10) by differences", scores(zs, mu, logvar), h, 1e-6)

S, R = 8, 10_000
estimators = {
    "score function": score_function,
    "with control": with_control,
    "pathwise": pathwise,
}
variance = {}
for name, estimator in estimators.items():
    terms = estimator(x, mu, logvar, rng.standard_normal((R, S)))
    draws = terms.mean(axis=1)
    check_mc(f"{name}: unbiased", draws, exact)
    squares = S * (draws - draws.mean(axis=0)) ** 2
    variance[name] = squares.mean(axis=0)
    error = squares.std(axis=0) / np.sqrt(R)
    print(
        f"  variance per sample: in mu {variance[name][0]:.4g} ±"
        f" {error[0]:.2g}, in logvar {variance[name][1]:.4g} ± {error[1]:.2g}"
    )
for k, name in enumerate(("mu", "logvar")):
    ordered = [variance[key][k] for key in estimators]
    check_less(f"{name}: control beats none", ordered[1], ordered[0])
    check_less(f"{name}: the path beats both", ordered[2], ordered[1])

# %% [markdown]
# The package's `minivae.inference.classical.bbvi` computes the same terms. The second
# half of the cell makes the mistake announced above: an $a$ that has seen its own
# sample. It looks like a harmless simplification, and it takes away 29 % of the
# gradient in $\mu$ and 44 % in $\log \sigma^2$.

# %%
noise = rng.standard_normal((S, 1))
lam = np.array([mu]), np.array([logvar])
ours = with_control(x, mu, logvar, noise[:, 0])
package = bbvi.score_terms(
    lambda z: log_joint(x, z[:, 0]), *lam, noise, control_variate=True
)
check("minivae's bbvi.score_terms", package, ours, 1e-9)
package = bbvi.pathwise_terms(
    lambda z: log_joint_grad(x, z), *lam, noise
)
ours = pathwise(x, mu, logvar, noise[:, 0])
check("minivae's bbvi.pathwise_terms", package, ours, 1e-9)


def all_samples(x, mu, logvar, noise):
    """The same control variate, its constant from all samples."""
    h, log_w = score_parts(x, mu, logvar, noise)
    above = (log_w * h**2).sum(axis=-2, keepdims=True)
    return h * (log_w - above / (h**2).sum(axis=-2, keepdims=True))


terms = all_samples(x, mu, logvar, rng.standard_normal((R, S)))
print(
    f"constant from all samples: {terms.mean(axis=(0, 1))}, exact {exact}"
)
with must_fail():
    check_mc(
        "a constant that saw its sample", terms.mean(axis=1), exact
    )

# %% [markdown]
# ## Climbing
#
# With a noisy gradient one climbs by **stochastic gradient ascent**: at step $t$,
# $\lambda \leftarrow \lambda + \eta_t \cdot$ (estimate), with steps $\eta_t$ that
# shrink like $t^{-0.7}$, slowly enough to get anywhere and fast enough for the noise to
# die out.
#
# You may find black-box inference listed under "coordinate ascent", as in "iterative
# coordinate ascent methods (like black-box variational inference)". They are different:
# coordinate ascent sets one factor to its optimum, with all others held; here all of
# $\lambda$ moves at once, by a little, in a direction that is right only on average.
# The first needs algebra for each model, the second none.
#
# **Predict.** Start at $\mu = 0.2$, $\sigma = 0.6$. The three estimators get the same 8
# samples a step and the same step sizes. Which of them comes closest within 1000 steps?

# %% tags=["hide-output"]
nodes, node_step = np.linspace(-8, 8, 401, retstep=True)
log_p = np.log(np.exp(log_joint(x, nodes)).sum() * node_step)


def climb_up(estimator, runs, steps, rng):
    """Several runs at once; the paths, (steps + 1, runs, 2)."""
    lam = np.tile([0.2, 2 * np.log(0.6)], (runs, 1))
    path = [lam]
    for t in range(steps):
        noise = rng.standard_normal((runs, S))
        terms = estimator(x, lam[:, :1], lam[:, 1:], noise)
        rate = 0.02 * (1 + t / 100) ** -0.7
        lam = lam + rate * terms.mean(axis=1)
        path.append(lam)
    return np.array(path)


shown = (0, 1, 2, 3, 5, 8, 12, 18, 27, 40, 60, 90, 130, 200, 300, 450)
shown += (700, 1000)
gaps = {}
for name, estimator in estimators.items():
    path = climb_up(estimator, 24, 1000, rng)
    gaps[name] = np.array(
        [[log_p - elbo(x, *lam) for lam in path[t]] for t in shown]
    )
    end = gaps[name][-1]
    error = end.std(ddof=1) / np.sqrt(24)
    print(f"{name}: gap at the end {end.mean():.4f} ± {error:.4f} nats")
ends = {name: gap[-1].mean() for name, gap in gaps.items()}
check_less(
    "the path beats none", ends["pathwise"], ends["score function"]
)
check_less("control wins", ends["with control"], ends["pathwise"])
lam_grid = np.mgrid[0.6:0.7:21j, -3.6:-3.2:21j].reshape(2, -1).T
floor = min(log_p - elbo(x, *lam) for lam in lam_grid)
print(f"gap of the best Gaussian: {floor:.4f} nats")
lowest = min(gap.min() for gap in gaps.values())
check_less("no run gets below it", 0.99 * floor, lowest)

# %% tags=["hide-input", "hide-output"]
# Figure: The gap against the steps, both on log scales: thin lines
# for single runs, a thick one for the median. All three fall together
# at first; in the end the score function's runs scatter most and stay
# highest.
plt.figure(figsize=(7, 4.2))
for name, colour in zip(gaps, (VERMILLION, ORANGE, BLUE), strict=True):
    plt.plot(shown, gaps[name][:, :8], color=colour, lw=1, alpha=0.3)
    middle = np.median(gaps[name], axis=1)
    plt.plot(shown, middle, color=colour, lw=3, label=name)
plt.yscale("log")
plt.xscale("symlog", linthresh=1)
plt.xlim(0, 1000)
plt.xticks([0, 1, 10, 100, 1000], ["0", "1", "10", "100", "1000"])
plt.legend(loc="upper right")
plt.xlabel("steps of stochastic gradient ascent")
plt.ylabel(r"$\log\,p(x) - $ ELBO, nats")
plt.title("Same mean, other variance: runs (thin) and median")
plt.show()

# %% [markdown]
# All three are right on average, at every step. What differs is the scatter, and with
# it how far one can trust a single step. None gets below 0.0032 nats, the gap of the
# best Gaussian; no optimizer can close it.
#
# Did you bet on the path? It had the least variance at the point where we measured. At
# the end the control variate is ahead, and there is a reason: when $q$ is nearly the
# posterior, $\log w(z)$ is nearly the same for all $z$, and so nearly equal to $a$. The
# factor $\log w - a$ vanishes and takes the noise with it, while the slope of $\log
# p(x, z)$ does not vanish along the path (Roeder and others, 2017). This is one latent
# dimension and one point. [Chapter 5](05_reparameterization.py) measures how the
# variances grow with $K$: the path's do not, those of the score function do, with a
# baseline and without.
#
# The pathwise estimator is given more than the others: the derivative of the model.
# Where that does not exist, as with discrete latents, the score function still works
# (exercise 2).
#
# ## What goes wrong in practice
#
# - **The baseline sees its own sample**, as above. The loss still falls, the variance
#   looks small, and the gradient is wrong. A test for unbiasedness finds it.
# - **Mean field and its too-small variances.** Equation (3.4) gives the variance with
#   all other latents held fixed; whenever the latents are correlated in the posterior,
#   that is less than the true one. Do not report the widths of a product $q$ as
#   uncertainties.
# - **A forgotten variance.** In hand-derived coordinate ascent the usual mistake is
#   $\mathbb{E}[z^2] = \mu^2$ instead of $\mu^2 + \sigma^2$. The ELBO shows it: if it
#   ever falls in a sweep, an update is wrong.
#
# ## Exercises
#
# **1. By hand (warm-up).** For which $W$ does a single sweep of coordinate ascent
# suffice? What is the gap then? Confirm with columns of your choice.
#
# <details><summary>Hint</summary>
#
# When is the factor (3.6) zero?
#
# </details>
#
# <details><summary>Answer</summary>
#
# It is zero if $\Lambda_{12} = 0$, that is, if the columns of $W$ are orthogonal. Then
# the posterior is a product, $q$ reaches it, and the gap is zero.
#
# </details>

# %% tags=["hide-cell"]
W = np.array([[1.0, 1.0], [1.0, -1.0], [0.5, 0.0]])
x3 = np.array([1.6, 0.3, -0.7])
Lam, b = np.eye(2) + W.T @ W / c, W.T @ x3 / c
mu1, s1 = np.array([-2.2, 2.2]), np.ones(2)
for k in (0, 1):
    mu1, s1 = update(k, mu1, s1)
orthogonal = LinearGaussian(W, np.zeros(3), c)
mean1, cov1 = orthogonal.posterior(x3[None])
check("exercise 1: the exact mean", mu1, mean1[0], 1e-12)
check("  and the exact variances", s1, np.diag(cov1), 1e-12)

# %% [markdown]
# **2. A latent without a path.** Let $z \in \lbrace 0, 1 \rbrace$ with $p(x, z{=}1) =
# 0.3$, $p(x, z{=}0) = 0.1$ (the coin of chapter 2) and $q(z{=}1) = 1 / (1 +
# e^{-\lambda})$. Derive the score $h(z) = z - q(1)$, and check that (3.8) and (3.11)
# with a constant $a$ of your choice give the exact derivative of the ELBO in $\lambda$.
# Why is there no pathwise estimator? How much variance does $a = -1$ save?
#
# <details><summary>Hint</summary>
#
# Write $\log q(z)$ as one formula for both values of $z$. For the exact derivative take
# finite differences of the ELBO, which is a sum of two terms.
#
# </details>
#
# <details><summary>Answer</summary>
#
# $\log q(z) = z \lambda - \log(1 + e^\lambda)$, so $h(z) = z - q(1)$. A path would need
# a $z$ that moves smoothly with $\lambda$; here it stays or jumps, and the derivative
# of a sample is zero wherever it exists (chapter 5 shows the same for a step). With
# $a = -1$, near the mean of $\log w$, the variance is smaller by the factor that is
# printed.
#
# </details>


# %% tags=["hide-cell"]
def coin_elbo(lam):
    p1 = 1 / (1 + np.exp(-lam))
    q = np.array([1 - p1, p1])
    return q @ (np.log([0.1, 0.3]) - np.log(q))


lam = -0.4
p1 = 1 / (1 + np.exp(-lam))
slope = slope_of(coin_elbo, lam)
z = rng.random(100_000) < p1
f = np.where(z, np.log(0.3 / p1), np.log(0.1 / (1 - p1)))
plain = (z - p1) * f
check_mc("exercise 2: score function", plain, slope)
check_mc("  with a = -1", (z - p1) * (f + 1), slope)
saved = plain.var() / ((z - p1) * (f + 1)).var()
check_less("  variance smaller by a factor", 5, saved)

# %% [markdown]
# **3. Another conjugate model.** The data are $n$ numbers $x_i \sim \mathcal{N}(m, 1 /
# \tau)$ with unknown mean $m$ *and* unknown precision $\tau$; the prior is $\tau \sim
# \mathrm{Gamma}(a_0, b_0)$ (with rate $b_0$) and $m | \tau \sim \mathcal{N}(m_0, 1 /
# (\kappa_0 \tau))$. Derive the two updates of $q(m) \, q(\tau)$ with (3.1), and compare
# with `minivae.inference.classical.cavi`, and with the exact posterior. Which
# quantities does the product get right?
#
# <details><summary>Hint</summary>
#
# Collect in (3.1) what depends on $m$, then what depends on $\tau$. Both results are of
# a known family. $\mathbb{E}[(x_i - m)^2]$ contains the variance of $m$.
#
# </details>
#
# <details><summary>Answer</summary>
#
# $q(m)$ is a Gaussian with mean $(\kappa_0 m_0 + \sum_i x_i) / (\kappa_0 + n)$ and
# precision $(\kappa_0 + n)\, \mathbb{E}[\tau]$. $q(\tau)$ is a Gamma with $a = a_0 +
# (n + 1)/2$ and $b = b_0 + \frac12 \mathbb{E}_{q(m)} [\sum_i (x_i - m)^2 + \kappa_0
# (m - m_0)^2]$, so that $\mathbb{E}[\tau] = a / b$. Both means come out right, both
# variances too small.
#
# </details>

# %% tags=["hide-cell"]
numbers = rng.normal(1.0, 2.0, 12)
prior = cavi.NormalGamma(mean=0.0, lam=0.5, a=1.5, b=1.0)
k_n, tau = 0.5 + 12, 1.0
m_q = (0.5 * 0.0 + numbers.sum()) / k_n
for _ in range(60):
    v_q = 1 / (k_n * tau)
    squares = ((numbers - m_q) ** 2).sum() + 12 * v_q
    b_q = 1.0 + 0.5 * (squares + 0.5 * (m_q**2 + v_q))
    a_q = 1.5 + 13 / 2
    tau = a_q / b_q
fit = cavi.fit(numbers, prior)
check("exercise 3: E[tau] as in minivae", fit.q.a / fit.q.b, tau, 1e-7)
check_less("  smallest gain", -1e-10, np.diff(fit.elbo).min())
truth = cavi.exact_posterior(numbers, prior)
check("  E[m] is exact", m_q, truth.mean, 1e-12)
check("  E[tau] is exact", tau, truth.a / truth.b, 1e-9)
check_less("  Var[tau] too small", a_q / b_q**2, truth.a / truth.b**2)
exact_v = truth.b / ((truth.a - 1) * truth.lam)  # of Student's t
check_less("  and Var[m]", v_q, exact_v)
left_over = cavi.log_evidence(numbers, prior) - fit.elbo[-1]
print(f"gap {left_over:.4f} nats")
check_less("  a bound", 0.0, left_over)

# %% [markdown]
# ## Sources
#
# - C. M. Bishop, *Pattern Recognition and Machine Learning*, 2006, section 10.1:
#   coordinate ascent (equation 10.9 is (3.1)), the factorized Gaussian, and the model
#   of exercise 3.
# - R. Ranganath, S. Gerrish, D. M. Blei, *Black Box Variational Inference*, AISTATS
#   2014, [arXiv 1401.0118](https://arxiv.org/abs/1401.0118): the score-function
#   gradient of the ELBO and its control variates. J. Paisley, D. Blei, M. Jordan,
#   *Variational Bayesian Inference with Stochastic Search*, ICML 2012, [arXiv
#   1206.6430](https://arxiv.org/abs/1206.6430), the same idea.
# - R. J. Williams, *Simple Statistical Gradient-Following Algorithms for Connectionist
#   Reinforcement Learning*, Machine Learning 8, 1992, [doi
#   10.1007/BF00992696](https://doi.org/10.1007/BF00992696): REINFORCE.
# - H. Robbins, S. Monro, *A Stochastic Approximation Method*, Annals of Mathematical
#   Statistics 22, 1951, [doi
#   10.1214/aoms/1177729586](https://doi.org/10.1214/aoms/1177729586): why steps must
#   shrink neither too slowly nor too fast.
# - D. P. Kingma, M. Welling, *Auto-Encoding Variational Bayes*, ICLR 2014, [arXiv
#   1312.6114](https://arxiv.org/abs/1312.6114), sections 2.2 and 2.3.
# - G. Roeder, Y. Wu, D. Duvenaud, *Sticking the Landing*, NeurIPS 2017, [arXiv
#   1703.09194](https://arxiv.org/abs/1703.09194): a pathwise gradient whose variance
#   vanishes at the end, too.
#
# **What to read next:** [chapter 23](23_one_network_for_all_points.py), one network
# instead of a search for every point, or [chapter 4](04_kl_of_two_gaussians.py), the
# term of the ELBO that needs no samples at all. D. M. Blei, A. Kucukelbir, J. D.
# McAuliffe, *Variational Inference: A Review for Statisticians* (2017), covers the
# classical methods.
