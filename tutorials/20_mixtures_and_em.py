# %% [markdown]
# # 20. Mixtures and EM
#
# The Gaussian mixture is an older model than the VAE, and its integral is a sum of a
# few terms. Its bound can be made to touch $\log p(x)$ exactly, and the algorithm that
# climbs it, EM, repeats two moves which the whole course uses: make the bound tight,
# and climb it. Chapters 10 and 11 judge images by a mixture that was fitted in this
# way, of binomials instead of Gaussians.
#
# **What you will learn**
#
# - the Gaussian mixture, its responsibilities, and the bound $F \le \log p(x)$ with its
#   gap;
# - EM, with its M step derived in full, and why the likelihood never falls;
# - how many components it takes to imitate a decoder, measured on new data.
#
# **What you need:** [chapter 1](01_latent_variable_models.py). About one hour, without
# the exercises.
#
# **Symbols of this chapter:** $k$ is one of $C$ components; $\pi_k$, $m_k$, $v_k$ are
# its weight, mean and variances; $q_k$ are any probabilities over $k$; $r_k$ are the
# responsibilities, the posterior; $F$ is the bound and $G$ its gap; $B$ is the number
# of data points.

# %%
import matplotlib.pyplot as plt
import numpy as np

from checks import BLACK, BLUE, GREY, ORANGE
from checks import check, check_less, check_mc, generator, style
from minivae.inference.exact.mixture import fit_mixture

style()
rng = generator(20)


def log_sum_exp(a, axis=-1):  # (1.5)
    top = a.max(axis=axis, keepdims=True)
    rest = np.log(np.exp(a - top).sum(axis=axis))
    return np.squeeze(top, axis=axis) + rest


# %% [markdown]
# ## When the integral is a sum
#
# Let the latent be one of $C$ choices instead of a real number: $k = 1 \ldots C$,
# chosen with probability $\pi_k$. Component $k$ has its own mean $m_k$ and its own
# variance $v_k$ in each data dimension. Then the integral is a sum of $C$ terms, which
# needs no approximation:
#
# $$
# p(x) = \sum_{k=1}^{C} p(x, k)
#   = \sum_{k=1}^{C} \pi_k \, \mathcal{N}(x; m_k, v_k) \tag{20.1}
# $$
#
# A VAE is a mixture too, with a component for each $z$. It has infinitely many
# components, weighted by the prior, and one decoder with finitely many parameters
# computes them all.
#
# The posterior over $k$ is a list of $C$ numbers. For a mixture they are called
# *responsibilities*:
#
# $$
# r_k = p(k|x) = \frac{\pi_k \, \mathcal{N}(x; m_k, v_k)}
#   {\sum_{j} \pi_j \, \mathcal{N}(x; m_j, v_j)} \tag{20.2}
# $$
#
# To *fit* the mixture is to make $\sum_b \log p(x_b)$ as large as possible over the
# data. The maximum of a sum of logarithms of sums has no closed form. So we maximize a
# lower bound instead, as everywhere in this course; here it has its simplest form.
# (Chapter 2 derives it for a continuous latent, where $F$ is called the ELBO.)
#
# **A bound.** Let $q_k$ be any probabilities, for one $x$. Start from $\log p(x)$,
# which does not depend on $k$, so it equals its own average under $q$. Then use $p(x) =
# p(x, k) / p(k|x)$, and insert $q_k / q_k = 1$:
#
# $$
# \log p(x) = \sum_k q_k \log p(x)
#   = \sum_k q_k \log \frac{p(x, k)}{p(k|x)}
#   = \sum_k q_k \log \left( \frac{p(x, k)}{q_k} \cdot \frac{q_k}{p(k|x)} \right) .
# $$
#
# The logarithm of the product is a sum of two logarithms, and we give names to the two
# averages:
#
# $$
# \log p(x) = F(q) + G(q)
# $$
#
# $$
# F(q) = \sum_k q_k \left( \log p(x, k) - \log q_k \right) \tag{20.3}
# $$
#
# $$
# G(q) = \sum_k q_k \left( \log q_k - \log p(k|x) \right) \tag{20.4}
# $$
#
# The second is never negative. To see this, change its sign and use $\log u \le u - 1$,
# true because the logarithm is concave and $u - 1$ is its tangent at $u = 1$:
#
# $$
# -G(q) = \sum_k q_k \log \frac{p(k|x)}{q_k}
#   \le \sum_k q_k \left( \frac{p(k|x)}{q_k} - 1 \right)
#   = \sum_k p(k|x) - \sum_k q_k = 1 - 1 = 0 .
# $$
#
# So $F(q) \le \log p(x)$ for every $q$, with equality when $q_k = p(k|x)$: then each
# logarithm in $G$ is zero. (And only then, since $\log u < u - 1$ for every other $u$.)
#
# **EM climbs in two moves.** The parameters are $\theta = (\pi, m, v)$.
#
# - *E step:* set $q_k = r_k$, the posterior under the present parameters. Now $F = \log
#   p(x)$.
# - *M step:* keep $q$ and move the parameters to where $\sum_b F$ is largest.
#
# Before the M step $\sum_b F$ equals $\sum_b \log p(x_b)$. The M step cannot lower it,
# and the new $\sum_b \log p(x_b)$ is at least the new $\sum_b F$. So the log-likelihood
# **never falls**. The drawing shows both moves for a mixture with a single unknown
# number, the distance $d$ of its two components from the origin.

# %% tags=["hide-input"]
# Figure: The log-likelihood over one parameter, and two bounds that
# touch it in dots. The top of the first bound is where the second one
# touches: each move goes up the curve.
ones = np.array([-2.3, -1.9, -1.2, 0.2, 1.3, 1.6, 2.4])
ds = np.linspace(-0.2, 3.2, 300)


def toy_joints(d):
    """log p(x, k) of the seven points, components at -d and d."""
    square = (ones[:, None] - np.array([-d, d])) ** 2
    return np.log(0.5) - 0.5 * (np.log(2 * np.pi) + square)


curve = [log_sum_exp(toy_joints(d)).sum() for d in ds]
plt.figure()
plt.plot(ds, curve, color=BLACK, lw=3)
d = 0.25
for colour in (BLUE, ORANGE):
    joints = toy_joints(d)
    r = np.exp(joints - log_sum_exp(joints)[:, None])
    F = [(r * (toy_joints(at) - np.log(r))).sum() for at in ds]
    plt.plot(ds, F, color=colour, lw=1.8)
    plt.plot(d, log_sum_exp(joints).sum(), "o", color=colour, ms=9)
    best = (r @ np.array([-1, 1]) * ones).mean()  # the M step for d
    plt.plot(
        [best, best], [max(F), np.interp(best, ds, curve)], ":k", lw=1
    )
    plt.plot(best, max(F), "v", color=colour, ms=9)
    d = best
plt.text(2.35, -13.0, r"$\log\,p$, all data")
plt.text(0.3, -21.4, "bound after\nthe first E step", color=BLUE)
plt.text(1.1, -15.2, "after the second", color=ORANGE)
plt.ylim(-23, -11.5)
plt.xlabel("the parameter $d$")
plt.ylabel("nats")
plt.title("E step: touch (dot). M step: climb (triangle)")
plt.show()

# %% [markdown]
# **The M step, mean.** Write $r_{bk}$ for the $q_k$ of data point $b$. In $F$ only
# $\log p(x, k)$ contains parameters. For one data dimension,
#
# $$
# \sum_b F_b = \sum_b \sum_k r_{bk} \left( \log \pi_k - \frac12 \log 2 \pi v_k
#   - \frac{(x_b - m_k)^2}{2 v_k} \right) + \text{(no parameters)} .
# $$
#
# Differentiate in $m_k$, which only the square contains, and set the result to zero:
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
# m_k = \frac{1}{N_k} \sum_b r_{bk} \, x_b . \tag{20.5}
# $$
#
# **Variance.** Differentiate in $v_k$: the logarithm gives $-\frac{1}{2 v_k}$, the
# fraction $+\frac{(x_b - m_k)^2}{2 v_k^2}$. Set the sum to zero and multiply by $2
# v_k^2$:
#
# $$
# \sum_b r_{bk} \left( -v_k + (x_b - m_k)^2 \right) = 0
# \quad \Longrightarrow \quad
# v_k = \frac{1}{N_k} \sum_b r_{bk} \, (x_b - m_k)^2 . \tag{20.6}
# $$
#
# For each $k$ no other $m_k$, $v_k$ have slope zero, and $\sum_b F_b \to -\infty$ as
# $v_k \to 0$ or $\infty$ or $\vert m_k \vert \to \infty$ (unless all points coincide),
# so these are the maximum.
#
# **Weights.** The $\pi_k$ must add up to one, so they cannot be moved one by one. The
# part of $\sum_b F_b$ that contains them is $\sum_k N_k \log \pi_k$. Compare any $\pi$
# with the choice $N_k / B$, where $B$ is the number of points, and use $\log u \le u -
# 1$ once more:
#
# $$
# \sum_k N_k \log \pi_k - \sum_k N_k \log \frac{N_k}{B}
#   = \sum_k N_k \log \frac{\pi_k B}{N_k}
#   \le \sum_k N_k \left( \frac{\pi_k B}{N_k} - 1 \right) = B - B = 0 .
# $$
#
# So no choice is better than
#
# $$
# \pi_k = \frac{N_k}{B} . \tag{20.7}
# $$


# %%
def log_joints(x, pi, m, v):
    """log p(x, k) for x (B, D) and C components: shape (B, C)."""
    ratio = (x[:, None, :] - m) ** 2 / v
    log_n = -0.5 * (np.log(2 * np.pi * v) + ratio).sum(axis=2)
    return np.log(pi) + log_n


def log_p_mixture(x, pi, m, v):  # (20.1)
    return log_sum_exp(log_joints(x, pi, m, v))


def responsibilities(x, pi, m, v):  # (20.2)
    joints = log_joints(x, pi, m, v)
    return np.exp(joints - log_sum_exp(joints)[:, None])


def bound(q, x, pi, m, v):  # (20.3)
    return (q * (log_joints(x, pi, m, v) - np.log(q))).sum(axis=1)


def gap(q, x, pi, m, v):  # (20.4)
    r = responsibilities(x, pi, m, v)
    return (q * (np.log(q) - np.log(r))).sum(axis=1)


def m_step(x, r):
    N = r.sum(axis=0)
    m = r.T @ x / N[:, None]  # (20.5)
    squares = (x[:, None, :] - m) ** 2
    v = (r[:, :, None] * squares).sum(axis=0) / N[:, None]  # (20.6)
    pi = N / len(x)  # (20.7)
    return pi, m, np.maximum(v, 1e-4)  # or one point may become a spike


# %% [markdown]
# The bound and the gap first, with arbitrary $q$ and arbitrary parameters. Then the M
# step: at its result, small moves of any parameter must not change $\sum_b F_b$ to
# first order, and must lower it to second. We move the weights in pairs, so that they
# still add up to one.

# %%
C = 6
theta = (
    rng.dirichlet(np.ones(C)),
    rng.normal(size=(C, 2)),
    rng.uniform(0.3, 2, (C, 2)),
)
few = 1.5 * rng.normal(size=(50, 2))
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
check("(20.1) is a density", total * cell, 1.0, 1e-9)
r = responsibilities(few, *theta)
check(
    "(20.2) closes the gap",
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


for which, name in ((1, "(20.5) mean"), (2, "(20.6) variance")):
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
check("(20.7) weights: no slope is left", np.array(slopes), 0.0, 1e-3)
check_less("  and it is a maximum", max(bends), 0.0)
check("(20.7) weights add up", best_theta[0].sum(), 1.0, 1e-12)

# %% [markdown]
# ## The fit
#
# The data are those of chapter 1: $z \sim \mathcal{N}(0, 1)$ wound around a circle,
# with Gaussian noise of variance $c = \frac14$. We start as the package does, with $C$
# different data points as means, the variance of all the data, and equal weights, and
# make 60 rounds.
#
# **Predict.** The data lie on a circle. How will six Gaussians, whose axes are parallel
# to those of the plane, arrange themselves?


# %%
c = 0.25
nodes, step = np.linspace(-8, 8, 161, retstep=True)


def g(z):
    return 2 * np.stack([np.sin(1.5 * z), np.cos(1.5 * z)], axis=-1)


def draw(count):
    place = g(rng.standard_normal(count))
    return place + np.sqrt(c) * rng.standard_normal((count, 2))


def true_log_p(x):  # (1.4)
    square = ((x[:, None] - g(nodes)) ** 2).sum(axis=-1)
    log_joint = -np.log(2 * np.pi * c) - 0.5 * square / c
    log_joint = log_joint - 0.5 * (np.log(2 * np.pi) + nodes**2)
    return log_sum_exp(log_joint) + np.log(step)


def em(x, C, iterations, chooser):
    distinct = np.unique(x, axis=0)
    chosen = chooser.choice(len(distinct), size=C, replace=False)
    path = [
        (
            np.full(C, 1 / C),
            distinct[chosen],
            np.tile(x.var(axis=0), (C, 1)),
        )
    ]
    for _ in range(iterations):
        r = responsibilities(x, *path[-1])  # E step
        path.append(m_step(x, r))  # M step
    history = [log_p_mixture(x, *theta).mean() for theta in path]
    return path, np.array(history)


data = draw(600)
path, history = em(data, 6, 60, generator(3))
gains = np.diff(history)
check_less("smallest gain of 60 iterations", -1e-12, gains.min())
check_less("first gain", 1e-3, gains[0])
fit = fit_mixture(data, 6, generator(3), iterations=60, tol=0)
theirs = fit.log_likelihood
check("minivae: fit_mixture", theirs, history[: len(theirs)], 1e-10)

# %% tags=["hide-input", "hide-output"]
# Figure: Data on a circle with six Gaussians, after 5 and after 60
# rounds: first large overlapping ellipses, then one for each part of
# the ring. Right, the log-likelihood rises and never falls.
fig, axes = plt.subplots(
    1, 3, figsize=(7.8, 3.0), width_ratios=[1, 1, 1]
)
angle = np.linspace(0, 2 * np.pi, 100)
ring = np.stack([np.cos(angle), np.sin(angle)], axis=1)
for ax, t, title in (
    (axes[0], 5, "5 rounds"),
    (axes[1], 60, "60 rounds"),
):
    ax.plot(*data.T, ".", color=GREY, ms=2)
    for _, m_k, v_k in zip(*path[t], strict=True):
        ax.plot(*(m_k + 2 * np.sqrt(v_k) * ring).T, color=BLUE)
        ax.plot(*m_k, "o", color=BLUE, ms=5)
    ax.set(xlim=(-4, 4), ylim=(-4, 4), aspect="equal", xlabel="$x_1$")
    ax.set_title(title)
axes[0].set_ylabel("$x_2$")
axes[2].plot(history, color=BLACK)
axes[2].set(xlabel="round", title="It never falls")
axes[2].set_ylabel("mean log-likelihood, nats")
plt.show()

# %% [markdown]
# The ellipses are drawn at two standard deviations of each component. They have
# arranged themselves around the circle.
#
# How good is the fit? Here we know the truth: (1.4) gives $\log p(x)$ under the model
# that made the data. We compare on 4000 *new* points. EM finds a maximum near its
# start, which need not be the best one, so we fit five times, each time to 600 points
# of its own, and give the mean with its standard error over the five.
#
# **Predict.** With how many components is the fit to new data best: 2, 8 or 64?

# %% tags=["hide-output"]
fresh = draw(4000)
truth = true_log_p(fresh)
print(f"the true model: {truth.mean():.3f} nats")
lost = {}
for C in (1, 2, 4, 8, 16, 64):
    own, new = [], []
    for _ in range(5):
        path, history = em(draw(600), C, 60, rng)
        own.append(history[-1])
        new.append((truth - log_p_mixture(fresh, *path[-1])).mean())
    lost[C] = np.array(new)
    error = lost[C].std(ddof=1) / np.sqrt(5)
    print(
        f"{C:3} components: on its own data {np.mean(own):.3f},"
        f" on new data {lost[C].mean():.3f} ± {error:.3f} below the truth"
    )
log_ratio = log_p_mixture(fresh, *em(data, 8, 60, rng)[0][-1]) - truth
check_mc("mean of the ratio of densities", np.exp(log_ratio), 1.0)
check_less("8 components beat 2", lost[8].mean(), lost[2].mean())
check_less("64 components overfit", lost[8].mean(), lost[64].mean())

# %% [markdown]
# More components help, until there are so many that each fits a few points too closely.
# (The check of the ratio compares the fit $\hat p$ with the true $p$ in another way:
# the mean of $\hat p(x) / p(x)$ over $x \sim p$ is $\int \hat p(x)\, dx = 1$.)
#
# The model that made the data has *three* parameters, the radius, the speed and the
# noise. A mixture must learn separately for every component what the decoder states
# once. That is the advantage of a decoder. Its price is the E step: for a decoder
# network, the posterior contains the integral that cannot be computed. [Chapter
# 2](02_the_elbo_twice.py) keeps the bound with another $q$, and [chapter
# 3](03_classical_variational_inference.py) climbs it.
#
# ## What goes wrong in practice
#
# - *A likelihood that climbs without end.* If the mean of a component is one of the
#   data points and its variance goes to zero, the likelihood goes to infinity (Bishop,
#   section 9.2.1). So the package keeps the variances above a floor.
# - *A likelihood that falls.* Then one of the updates is wrong: $F$ and $\log p$ cannot
#   fall in exact EM. Compute $\log p$ in every round; this check costs almost nothing.
# - *Responsibilities from densities.* In many dimensions, such as 64, all densities may
#   underflow, and (20.2) is 0/0. Use logarithms and (1.5).
# - *One start.* EM converges to a maximum near its start, or to a saddle point. Another
#   start may give another result.
#
# ## Exercises
#
# **1. By hand (warm-up).** Two components with equal weights, means $-d$ and $d$, and
# variance 1 in one dimension. Show that $r_2 = 1 / (1 + e^{-2 d x})$. Where else in
# this course does this function appear?
#
# <details><summary>Hint</summary>
#
# Divide numerator and denominator of (20.2) by the numerator.
#
# </details>
#
# <details><summary>Answer</summary>
#
# $r_2 = 1 / (1 + \mathcal{N}(x; -d, 1) / \mathcal{N}(x; d, 1))$, and the logarithm of
# the ratio is $-\frac12 (x + d)^2 + \frac12 (x - d)^2 = -2 d x$. It is the logistic
# function, by which a Bernoulli decoder turns $y$ into a probability, with $y = 2 d x$.
#
# </details>

# %% tags=["hide-cell"]
half, two = np.full(2, 0.5), np.array([[-0.8], [0.8]])
points = rng.normal(size=(9, 1))
by_rule = responsibilities(points, half, two, np.ones((2, 1)))[:, 1]
by_hand = 1 / (1 + np.exp(-2 * 0.8 * points[:, 0]))
check("exercise 1: a logistic function", by_rule, by_hand, 1e-12)

# %% [markdown]
# **2. A mixture of images.** Images of black and white pixels have no Gaussian
# components, but a mixture of *Bernoulli* components works the same: component $k$ has
# a probability $p_{kd}$ of black for each pixel. Derive its M step, and fit two
# components to images of 9 pixels that come from two templates. Does the likelihood
# rise?
#
# <details><summary>Hint</summary>
#
# $\log p(x|k) = \sum_d x_d \log p_{kd} + (1 - x_d) \log (1 - p_{kd})$. Follow the
# derivation of (20.5).
#
# </details>
#
# <details><summary>Answer</summary>
#
# The derivative of $\sum_b r_{bk} \log p(x_b|k)$ in $p_{kd}$ is $\sum_b r_{bk} (x_{bd}
# / p_{kd} - (1 - x_{bd}) / (1 - p_{kd}))$. Set it to zero and multiply by $p_{kd} (1 -
# p_{kd})$: $\sum_b r_{bk} (x_{bd} - p_{kd}) = 0$, which is (20.5) again. The weights
# are (20.7).
#
# </details>

# %% tags=["hide-cell"]
templates = np.array([[0.9, 0.1, 0.9] * 3, [0.2] * 3 + [0.8] * 6])
which = rng.integers(2, size=1000)
images = (rng.random((1000, 9)) < templates[which]).astype(float)
r = rng.dirichlet(np.ones(2), size=1000)
climb = []
for _ in range(100):
    N = r.sum(axis=0)
    p = (r.T @ images) / N[:, None]  # M step, the same as (20.5)
    joint = images @ np.log(p).T + (1 - images) @ np.log(1 - p).T
    joint = joint + np.log(N / 1000)
    climb.append(log_sum_exp(joint).mean())
    r = np.exp(joint - log_sum_exp(joint)[:, None])
print(f"from {climb[0]:.3f} to {climb[-1]:.3f} nats an image")
check_less("exercise 2: smallest gain", -1e-12, np.diff(climb).min())
found = p[np.argsort(p[:, 4])]
check("  the templates are found", found, templates, 0.15)

# %% [markdown]
# **3. From EM to k-means (towards research).** Fix all weights to $1/C$ and all
# variances to one number $v$, and let $v \to 0$. Show that the E step becomes "each
# point belongs to the nearest mean" and the M step "each mean becomes the mean of its
# points". Where is the boundary between two components at $v > 0$? Check the limit on
# the circle.
#
# <details><summary>Hint</summary>
#
# Look at the ratio of two responsibilities, as in exercise 1, and let $v$ go to zero.
#
# </details>
#
# <details><summary>Answer</summary>
#
# $\log r_j / r_k = (\Vert x - m_k \Vert^2 - \Vert x - m_j \Vert^2) / 2v$. For $v \to 0$
# it goes to $\pm \infty$, so the nearest mean has all the responsibility, and (20.5) is
# the mean of its points: k-means. The boundary, where both are equal, is the
# perpendicular bisector for every $v$; $v$ only sets the width of the transition.
#
# </details>

# %% tags=["hide-cell"]
means = data[:6].copy()
hard = means.copy()
for _ in range(20):
    joints = -((data[:, None] - means) ** 2).sum(axis=2) / (2 * 1e-5)
    r = np.exp(joints - log_sum_exp(joints)[:, None])
    means = m_step(data, r)[1]
    nearest = ((data[:, None] - hard) ** 2).sum(axis=2).argmin(axis=1)
    hard = np.array([data[nearest == k].mean(axis=0) for k in range(6)])
check("exercise 3: EM at v = 1e-5 is k-means", means, hard, 1e-2)

# %% [markdown]
# ## Sources
#
# - A. P. Dempster, N. M. Laird, D. B. Rubin, *Maximum Likelihood from Incomplete Data
#   via the EM Algorithm*, Journal of the Royal Statistical Society B 39, 1977, [doi
#   10.1111/j.2517-6161.1977.tb01600.x](https://doi.org/10.1111/j.2517-6161.1977.tb01600.x).
# - R. M. Neal, G. E. Hinton, *A View of the EM Algorithm that Justifies Incremental,
#   Sparse, and Other Variants*, in: Learning in Graphical Models, 1998, [doi
#   10.1007/978-94-011-5014-9_12](https://doi.org/10.1007/978-94-011-5014-9_12): EM as
#   climbing $F$ in $q$ and in $\theta$ by turns, as we did with (20.3) and (20.4).
# - C. M. Bishop, *Pattern Recognition and Machine Learning*, 2006, sections 9.2
#   (mixtures and their EM), 9.2.1 (the singular likelihood), 9.3.2 (k-means) and 9.4
#   (the bound).
#
# **What to read next:** [chapter 2](02_the_elbo_twice.py), the same bound for a
# continuous latent. Bishop, chapters 9 and 13, has EM for other models.
