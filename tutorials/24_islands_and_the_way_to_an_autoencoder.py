# %% [markdown]
# # 24. Islands, and the way to an autoencoder
#
# It is often said that without the KL the encoder gives every training image an
# isolated island of its own, far away from any other. [Chapter
# 10](10_autoencoder_against_vae.py) looked at the pictures. Here we derive two
# formulas. The first measures islands, also in a VAE with its KL; the second says what
# happens to $\sigma$ as the weight $\beta$ of the KL goes to zero. Then we train whole
# models with smaller and smaller $\beta$.
#
# **What you will learn**
#
# - how to compute how well $z$ identifies the image it came from, and how the KL
#   contains this;
# - that a VAE can have islands too;
# - the best $\sigma$ for a given decoder, exactly: $\sigma^2 = \beta / (\beta + h)$;
# - how conclusions about $\beta$ depended on the length of training, twice.
#
# **What you need:** chapters 4, 5 and 10; exercise 4 of chapter 4 helps. One hour.
#
# **Symbols of this chapter.** $m$ and $j$ number the $N$ training images, $\bar q$ is
# the average of their posteriors, $I$ the information in $z$ about $m$, $f(z) = -\log
# p(x|z)$ for one image, and $h$ its mean curvature.

# %%
import math
import os

import matplotlib.pyplot as plt
import numpy as np

from checks import BLUE, GREEN, GREY, SKY, VERMILLION
from checks import check, check_less, check_mc, generator, measured
from checks import measured_row, must_fail, style
from minivae import VAE, Adam, Autoencoder, Binomial, gaussian
from minivae.datasets import load_digits
from minivae.numerics import log_sum_exp
from minivae.schedules import cosine_decay
from minivae.training import fit

style()
digits = load_digits()
x_train = digits.train.astype(np.float32)
x_test = digits.test.astype(np.float32)
N, D = x_train.shape
n = digits.max_count


def train(K, beta, epochs=60):
    """A VAE trained with this beta, or if it is None an autoencoder."""
    cls, settings = VAE, {"beta": beta}
    if beta is None:
        cls, settings = Autoencoder, {}
    model = cls.mlp(D, K, (64,), Binomial(n), rng=generator(10))
    fit(
        model,
        digits,
        Adam(cosine_decay(1e-2, 30 * epochs)),
        epochs=epochs,
        rng=generator(11),
        batch_size=50,
        progress=False,
        **settings,
    )
    return model


def rec_at(model, x, z):
    """-log p(x|z) of each image, in nats, at given codes."""
    return -model.likelihood.log_prob(x, model.decoder_output(z))


models = {K: train(K, 1.0) for K in (2, 8)}

# %% [markdown]
# ## Islands, exactly
#
# An image has an island of its own if a $z$ drawn from its posterior identifies *which
# image it was*:


# %% tags=["hide-input"]
# Figure: Three posteriors along z and, above, the probability of each
# image given z. Wide posteriors overlap, and the probabilities cross
# slowly; narrow ones are islands, and each probability is one on its
# own.
def draw_idea():
    z = np.linspace(-3, 3, 600)
    look = {"sharex": True, "sharey": "row", "height_ratios": (1, 1.4)}
    _, panels = plt.subplots(2, 2, figsize=(8, 3.4), **look)
    for column, sigma in zip(panels.T, (0.6, 0.15), strict=True):
        log_q = [-((z - c) ** 2) / 2 / sigma**2 for c in (-1.2, 0, 1.5)]
        share = np.exp(log_q - log_sum_exp(np.array(log_q), axis=0))
        for one, known, colour in zip(
            log_q, share, (BLUE, VERMILLION, GREEN), strict=True
        ):
            column[0].plot(z, known, color=colour)
            column[1].plot(z, np.exp(one), color=colour)
        column[0].set(yticks=[0, 1])
        column[1].set(yticks=[], xlabel="$z$")
    panels[0, 0].set(ylabel="$p(m|z)$", title="which image was it?")
    panels[1, 0].set_ylabel("$q(z|x_m)$")
    panels[0, 1].set_title("islands: $z$ names the image")


draw_idea()
plt.show()

# %% [markdown]
# Let the image be drawn uniformly from the $N$ training images, and $z$ from its
# posterior. By Bayes' rule
#
# $$
# p(m | z) = \frac{q(z|x_m)}{\sum_{j} q(z|x_j)} \tag{24.1}
# $$
#
# is the probability that it was image $m$. The average of $p(m|z)$ for the right $m$ is
# the **share identified**: 1 for islands, $\frac1N$ if all posteriors are the same. The
# information in nats is $I = \mathbb{E} \left[ \log N + \log p(m|z) \right]$, at most
# $\log N = 7.3$. With the *aggregate posterior* $\bar q(z) = \frac1N \sum_m q(z|x_m)$,
# the mean KL splits exactly into two parts. Add and subtract $\log \bar q$:
#
# $$
# \frac1N \sum_m \mathbb{E}_{q(z|x_m)} \left[ \log \frac{q(z|x_m)}{\bar q(z)}
#   + \log \frac{\bar q(z)}{p(z)} \right] .
# $$
#
# In the first term $q(z|x_m) / \bar q(z) = N p(m|z)$, so its mean is $I$. The average
# over $m$ of the second is an expectation under $\bar q$. So
#
# $$
# \frac1N \sum_m \mathrm{KL}(q(z|x_m) \Vert p) = I + \mathrm{KL}(\bar q \Vert p)
#   \tag{24.2}
# $$
#
# The second part is the distance of all codes together from the prior: how wrong it
# is to draw $z$ from $\mathcal{N}(0, I)$.
#
# **Predict.** The VAE with $K = 8$ has a mean KL of about 16 nats. How small can
# $\mathrm{KL}(\bar q \Vert p)$ be? The answer needs no program.


# %%
def posteriors(model):
    return (a.astype(np.float64) for a in model.encode(x_train))


def log_shares(model, rng):
    """log p(m|z) of the right m, for one z from each posterior, (N,)."""
    mu, logvar = posteriors(model)
    z = mu + np.exp(logvar / 2) * rng.standard_normal(mu.shape)
    # log q(z_i | x_j), (N, N): the square in (4.1) multiplied out
    a = np.exp(-logvar)
    square = z**2 @ a.T - 2 * z @ (mu * a).T + (mu**2 * a).sum(axis=1)
    log_q = -0.5 * (square + logvar.sum(axis=1))  # but for a constant
    return np.diag(log_q) - log_sum_exp(log_q, axis=1)  # (24.1)


def islands(model):
    """Mean KL, I, their difference, share identified."""
    rng, (mu, logvar) = generator(3), posteriors(model)
    log_share = np.stack([log_shares(model, rng) for _ in range(4)])
    kl = gaussian.kl(mu, logvar).sum(axis=1).mean()
    information = np.log(N) + log_share.mean()
    return {
        "kl": kl,
        "I": information,
        "gap": kl - information,  # (24.2)
        "identified": np.exp(log_share).mean(),
    }


found = {K: islands(models[K]) for K in (2, 8)}
print("            kl      I   KL(q̄,p)   identified")
for K, row in found.items():
    print(f"K = {K}   {row['kl']:7.1f} {row['I']:6.2f} ", end="")
    print(f"{row['gap']:9.2f} {row['identified']:11.0%}")
check_less("K = 2: no islands", found[2]["identified"], 0.4)
check_less("K = 8: islands, in a VAE", 0.9, found[8]["identified"])

# %% [markdown]
# The third column was computed by (24.2), so this table cannot confirm it. At $K = 2$
# we can integrate $\mathrm{KL}(\bar q \Vert p)$ over the plane instead, without samples
# and without $p(m|z)$. On a grid $\bar q$ is one product of two matrices: each
# posterior is a density in $z_1$ times one in $z_2$.


# %%
def kl_of_aggregate(model, limit=9.0, side=901):
    """KL(q̄ ‖ p) by quadrature over the plane, and the mass of q̄."""
    mu, logvar = posteriors(model)
    line, h = np.linspace(-limit, limit, side, retstep=True)
    first, second = (
        np.exp(gaussian.log_normal(line, mu[:, [k]], logvar[:, [k]]))
        for k in range(2)
    )
    q = first.T @ second / N
    log_p = gaussian.log_normal(line, 0.0, 0.0)
    log_ratio = np.log(np.maximum(q, 1e-300)) - log_p[:, None] - log_p
    return (q * log_ratio).sum() * h**2, q.sum() * h**2


on_grid, mass = kl_of_aggregate(models[2])
check("the grid holds all of it", mass, 1.0, 1e-4)
rng, kl = generator(8), found[2]["kl"]
log_share = np.stack([log_shares(models[2], rng) for _ in range(8)])
information = (np.log(N) + log_share).ravel()
check_mc("(24.2), the second part", kl - information, on_grid)
check("and in the table", found[2]["gap"], on_grid, 0.1)
with must_fail():
    check_mc("if I were all of it", information, kl)

# %% [markdown]
# At $K = 2$ neighbouring posteriors overlap: after 60 epochs $z$ gives the right one of
# 1,497 images a mean probability of one sixth. That is the continuous space that
# textbooks draw. (Longer training sharpens it: see the tables below.)
#
# At $K = 8$ and $\beta = 1$, in a correct VAE, **nearly every training image has an
# island of its own**. The code of an image takes some 16 nats, and at most $\log 1497 =
# 7.3$ of them can tell the training images apart. By (24.2) the other 9 nats are
# distance from the prior. The KL draws each posterior towards the prior; it does not
# make 1,497 of them fill an eight-dimensional space. With a hundred times as many
# images $\log N$ would be larger by 4.6, and the least possible distance, at the same
# KL, smaller by 4.6.
#
# So a VAE, too, has islands where there are **few images in many dimensions**. What
# happens when the weight of the KL goes to zero?
#
# ## The way to $\beta = 0$
#
# Take one latent dimension of one image, and let $f(z) = -\log p(x|z)$ along it. What
# does the best $\sigma$ look like? The objective is $\mathbb{E}[f(\mu + \sigma
# \varepsilon)] + \beta\, \mathrm{KL}$, and by (5.6) and (4.9) its derivative in
# $\log \sigma^2$ vanishes where
#
# $$
# \mathbb{E}_{\varepsilon} \left[ f'(\mu + \sigma \varepsilon)\, \tfrac12 \sigma
#   \varepsilon \right] + \tfrac12 \beta \left( \sigma^2 - 1 \right) = 0 .
# $$
#
# The first term is an integral over $\varepsilon\, \phi(\varepsilon)$, with $\phi$ the
# standard normal density. Since $\phi' = -\varepsilon \phi$, we can integrate by parts,
# $\int g\, \varepsilon \phi\, d\varepsilon = -\int g\, \phi'\, d\varepsilon = \int g'
# \phi\, d\varepsilon$ (the boundary terms vanish with $\phi$). Here $g(\varepsilon) =
# f'(\mu + \sigma \varepsilon)$, whose derivative is $\sigma f''$. So the first term is
# $\frac12 \sigma^2\, \mathbb{E}[f'']$, and solving for $\sigma^2$:
#
# $$
# \sigma^2 = \frac{\beta}{\beta + h}, \qquad
#   h = \mathbb{E}_{q} \left[ f''(z) \right] \tag{24.3}
# $$
#
# This is exact along one axis, the others held fixed; since $h$ is a mean under $q$, it
# is an equation for $\sigma$. $h$ is the mean curvature: how fast the reconstruction
# gets worse as $z$ moves. Where the decoder ignores $z$, $h = 0$ and $\sigma = 1$:
# collapse. Where $h$ stays positive, $\sigma \approx \sqrt{\beta / h}$ for small
# $\beta$: **the noise goes to zero like $\sqrt \beta$, and the VAE becomes an
# autoencoder.** We check it for one image and a trained decoder: one side finds the
# lowest point of the objective by a search, the other uses only curvatures.

# %%
decoder = models[2].astype(np.float64)
x_one = x_test[:1].astype(np.float64)
mu_one = decoder.latent(x_one)[0]
nodes, weights = np.polynomial.hermite_e.hermegauss(60)
weights = weights / np.sqrt(2 * np.pi)


def f_along(z_1):
    z = np.column_stack([z_1, np.full_like(z_1, mu_one[1])])
    return rec_at(decoder, np.repeat(x_one, len(z), axis=0), z)


def objective(log_s2, beta):
    sigma = np.exp(log_s2 / 2)
    mean_f = weights @ f_along(mu_one[0] + sigma * nodes)
    return mean_f + beta * gaussian.kl(0.0, log_s2)


def curvature(sigma, step=1e-3):
    z = mu_one[0] + sigma * nodes
    second = f_along(z + step) + f_along(z - step) - 2 * f_along(z)
    return weights @ second / step**2


def minimum(beta):
    """Golden section: shrink the interval around the lowest point."""
    low, high, ratio = -14.0, 1.0, (math.sqrt(5) - 1) / 2
    while high - low > 1e-6:
        a = high - ratio * (high - low)
        b = low + ratio * (high - low)
        if objective(a, beta) < objective(b, beta):
            high = b
        else:
            low = a
    return np.exp((low + high) / 2)


for beta in (1.0, 0.1, 0.01, 0.001):
    best = minimum(beta)
    h = curvature(np.sqrt(best))
    formula = beta / (beta + h)  # (24.3)
    check(f"(24.3) at beta {beta}, ratio", best / formula, 1.0, 1e-4)
with must_fail():
    best = minimum(0.1)
    wrong = 0.1 / (1 + curvature(np.sqrt(best)))
    check("1 instead of beta below", best / wrong, 1.0, 1e-4)

# Both sides use f and the nodes, so these are checked on their own.
rec_package = decoder.loss(x_one, np.zeros((1, 2))).rec
check("f at mu", f_along(mu_one[:1])[0], rec_package, 1e-9)
moments = [weights @ nodes**k for k in (0, 2, 4)]
check("moments of the nodes", moments, np.array([1.0, 1.0, 3.0]), 1e-9)

# %% [markdown]
# ## Whole models: five seeds, two budgets
#
# An earlier version of this course trained VAEs with smaller and smaller $\beta$ at
# $K = 2$ from one seed, and concluded that without the KL the test reconstruction gets
# slightly *worse*. That was an artefact: to save time, the models with $\beta < 1$ had
# been trained for 25 epochs and the one with $\beta = 1$ for 32. Repeated with equal
# epochs, the trend was reversed: the smaller $\beta$, the *better*. But the number of
# epochs is a choice, too. So here are all models, from five seeds, trained for 60 and
# for 250 epochs (1,800 and 7,500 steps), with a learning rate that falls to zero within
# each. (`python benchmarks/course.py 24 --seeds 5` writes `benchmarks/course_24.csv`.)
#
# The training loss is much lower after 250 epochs than after 60, so neither has
# settled. No $\beta$ of this sweep was trained longer (chapter 10 has 1,000 epochs, but
# only for $\beta = 1$ and the autoencoder), so the tables do not show how these models
# end.


# %% tags=["hide-output"]
AE = -1.0  # stands for its beta in the table
betas = (1.0, 0.1, 0.01, 0.001, 0.0, None)


def row_of(model, beta, epochs):
    codes = model.latent(x_train)
    rec = {
        name: rec_at(model, x, model.latent(x)).mean()
        for name, x in (("rec_train", x_train), ("rec_test", x_test))
    }
    row = {k: (v, 4) for k, v in rec.items()}
    row["spread"] = np.sqrt(codes.var(axis=0).mean()), 1
    found = dict.fromkeys(("sigma", "kl", "gap", "identified"), 0.0)
    if beta is not None:
        found = islands(model)
        found["sigma"] = np.median(np.exp(model.encode(x_train)[1] / 2))
    row["sigma"] = found["sigma"], 0.02
    row["kl"], row["gap"] = (found["kl"], 2), (found["gap"], 2)
    row["identified"] = found["identified"], 0.15
    where = {"beta": AE if beta is None else beta, "epochs": epochs}
    measured_row("course_24.csv", where, **row)


row_of(models[2], 1.0, 60)
if os.environ.get("MINIVAE_MEASURE"):  # benchmarks/course.py
    for epochs in (60, 250):
        for beta in betas[epochs == 60 :]:
            row_of(train(2, beta, epochs), beta, epochs)
    raise SystemExit

table = measured("course_24.csv")


def over_seeds(column, beta, epochs):
    """That column of the five seeds, (5,)."""
    place = AE if beta is None else beta, epochs
    return np.array(
        [
            row[column]
            for row in table
            if (row["beta"], row["epochs"]) == place
        ]
    )


def to_one(column, beta, epochs):
    """Mean paired difference to beta = 1, and its error over seeds."""
    d = over_seeds(column, beta, epochs) - over_seeds(
        column, 1.0, epochs
    )
    return d.mean(), d.std(ddof=1) / np.sqrt(len(d))


# %% [markdown]
# **Predict.** As $\beta$ falls, does rec (the mean of $-\log p(x|z)$ at the mean code)
# on *training* images rise or fall? And on test images, after 60 epochs and after 250?

# %% tags=["hide-output"]
budgets = (60, 250)
print(17 * " " + "beta = 1, and what other betas add")
print(25 * " " + "".join(f"{b:>12}" for b in (*betas[1:-1], "AE")))
for column in ("rec_train", "rec_test"):
    for epochs in budgets:
        one = over_seeds(column, 1.0, epochs).mean()
        print(f"{column:9} {epochs:5}  {one:6.1f}  ", end="")
        for beta in betas[1:]:
            of = to_one(column, beta, epochs)
            print(" {:+5.1f} ± {:3.1f}".format(*of), end="")
        print()
print("\nepochs beta   sigma  spread    kl   KL(q̄,p)  identified")
for epochs in budgets:
    for beta in betas[:-1]:
        sigma, wide, kl, gap, known = (
            over_seeds(c, beta, epochs).mean()
            for c in ("sigma", "spread", "kl", "gap", "identified")
        )
        print(
            f"{epochs:5}  {beta:<6g}{sigma:6.3f} {wide:7.1f} ", end=""
        )
        print(f"{kl:7.1f} {gap:8.1f} {known:10.0%}")


# %% tags=["hide-input", "hide-output"]
# Figure: Left, sigma over the spread of the codes against beta, both
# logarithmic: nearly straight lines, a little steeper than the root of
# beta. Right, the share of images identified: it rises to one as beta
# falls, and is higher after 250 epochs than after 60.
def draw_way():
    """Noise and islands along beta; points are seeds."""
    _, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6))
    some = np.array([1.0, 0.1, 0.01, 0.001])
    for epochs, colour in ((60, SKY), (250, BLUE)):
        noise, wide, known = (
            np.array([over_seeds(c, b, epochs) for b in some])
            for c in ("sigma", "spread", "identified")
        )
        label = f"{epochs} epochs"
        for axes, found in ((left, noise / wide), (right, known)):
            axes.plot(some, found, "o", color=colour, ms=4)
            axes.plot(
                some, found.mean(axis=1), color=colour, label=label
            )
        start = (noise / wide).mean(axis=1)[1]
        line = start * np.sqrt(some / some[1])
        left.plot(some, line, "--", color=GREY, lw=1.5)
    left.text(3e-2, 8e-4, r"dashed: $\sqrt{\beta}$", color=GREY)
    left.set(xscale="log", yscale="log", xlabel=r"$\beta$")
    left.set_title(r"$\sigma$ / spread of the codes")
    left.legend()
    right.set(xscale="log", ylim=(0, 1.05), xlabel=r"$\beta$")
    right.set_title("share of images identified")


draw_way()
plt.show()

# %% [markdown]
# On training images the models with $\beta \le 0.01$ are better after both budgets, by
# about five nats. On test images there is no such rule. After 60 epochs $\beta = 0$ is
# better by four nats, with a standard error of one and a half. After 250 epochs the
# difference is within its standard error, with the opposite sign: the gain on training
# images does not carry over to unseen ones. So neither of the two conclusions was about
# $\beta$ alone. Both depended on the budget, and on the seed: with one of the five,
# $\beta = 0$ gains nothing even after 60 epochs.
#
# The second table and the figure show what holds at both budgets. Relative to the
# spread of the codes, the noise falls roughly like $\sqrt \beta$, as (24.3) says for
# small $\beta$. The aggregate posterior moves away from the prior, by tens of nats. And
# at $\beta = 0.01$ and below nearly every image has an island of its own. So claim 4 of
# chapter 10 is right about islands without the KL. Whether there are islands *with* it
# depends on $K$, and on the length of training: at $K = 2$ and $\beta = 1$ the share
# identified doubles between 60 and 250 epochs.

# %% tags=["hide-output"]
for epochs in budgets:
    for beta in (0.01, 0.001, 0.0):
        mean, error = to_one("rec_train", beta, epochs)
        check_less(f"train, beta {beta}, {epochs}", mean + 2 * error, 0)
    for more, less in ((0.1, 0.01), (0.01, 0.001)):
        ratio = np.mean(
            over_seeds("sigma", less, epochs)
            / over_seeds("spread", less, epochs)
        ) / np.mean(
            over_seeds("sigma", more, epochs)
            / over_seeds("spread", more, epochs)
        )
        check(f"{less} over {more}", ratio / math.sqrt(0.1), 1.0, 0.35)
    known = over_seeds("identified", 0.01, epochs)
    check_less("beta 0.01: islands", 0.9, known.min())
mean, error = to_one("rec_test", 0.0, 60)
check_less("test, beta 0, 60 epochs: better", mean + 2 * error, 0)
mean, error = to_one("rec_test", 0.0, 250)
check_less("and 250: within its error", abs(mean), 2 * error)

# %% [markdown]
# Islands, in the sense of (24.1), mean that the *noise* is small compared with the
# distances between codes. They do not mean that every code lies far away from all
# others, without order: the encoder is a smooth function, and similar images have
# nearby codes in the autoencoder too.

# %%
plain = train(2, None)
for name, model in (("autoencoder", plain), ("VAE", models[2])):
    codes = model.latent(x_train).astype(np.float64)
    d = ((codes[:, None] - codes) ** 2).sum(axis=2)
    np.fill_diagonal(d, np.inf)
    partner = d.argmin(axis=1)
    same = (digits.train_labels == digits.train_labels[partner]).mean()
    print(
        f"{name:11} the nearest code shows the same digit: {same:.0%}"
    )
    check_less("  chance would be 0.1", 0.5, same)

# %% [markdown]
# ## What goes wrong in practice
#
# **A table filled from runs of different length.** Nothing in its numbers shows it.
# Write the budget into the row, as `course_24.csv` does.
#
# **One budget.** "A smaller $\beta$ reconstructs test images better" was true after 60
# epochs and not after 250. Repeat a comparison with a longer training.
#
# **"The KL was near $\log N$, so all is well."** By (24.2) what a KL has above $\log N$
# must be distance from the prior. A KL below $\log N$ may be so as well.
#
# ## Exercises
#
# **1. Two images (warm-up).** Two images have the posteriors $\mathcal{N}(0, 1)$ and
# $\mathcal{N}(d, 1)$ in one dimension. What is $p(m|z)$ for the first? At which $d$ is
# the share identified 0.9? Compute it by quadrature.
#
# <details><summary>Hint</summary>
#
# Divide (24.1) by its numerator: which function of the log ratio appears?
#
# </details>
#
# <details><summary>Answer</summary>
#
# $p(1|z) = 1 / (1 + e^{dz - d^2/2})$, a sigmoid of a linear function of $z$. Its mean
# under the first posterior grows from ½ at $d = 0$ and passes 0.9 near $d = 3$.
#
# </details>

# %% tags=["hide-cell"]
line, h = np.linspace(-9, 9, 2001, retstep=True)
density = np.exp(gaussian.log_normal(line, 0.0, 0.0)) * h


def identified(d):
    return (density / (1 + np.exp(d * line - d**2 / 2))).sum()


check("d = 0: one half", identified(0.0), 0.5, 1e-9)
low, high = 0.0, 6.0
for _ in range(40):
    middle = (low + high) / 2
    low, high = (
        (middle, high) if identified(middle) < 0.9 else (low, middle)
    )
print(f"0.9 at d = {low:.3f}")
z = generator(20).standard_normal((100_000, 1))
pair = np.concatenate([-(z**2) / 2, -((z - low) ** 2) / 2], axis=1)
share = np.exp(pair[:, 0] - log_sum_exp(pair, axis=1))
check_mc("by samples", share, 0.9)

# %% [markdown]
# **2. How far from the prior?** With a mean KL of 16 nats and $N = 1497$, how small can
# $\mathrm{KL}(\bar q \Vert p)$ be? And with MNIST's 60,000 images and 25 nats? Show
# from (24.2) that for *any* training set, $\bar q$ can equal the prior only if the mean
# KL is at most $\log N$. Should one compare the prior with the $\bar q$ of the training
# images?
#
# <details><summary>Hint</summary>
#
# One of the two parts of (24.2) has a largest value. What is it?
#
# </details>
#
# <details><summary>Answer</summary>
#
# $p(m|z) \le 1$, so $I \le \log N$, and $\mathrm{KL}(\bar q \Vert p) \ge \mathrm{KL} -
# \log N$: at least $16 - 7.3 = 8.7$ nats here, and $25 - 11 = 14$ for MNIST. It can be
# zero only if $\mathrm{KL} \le \log N$. The average over *all* possible images would be
# broader, and its distance from the prior smaller. But the decoder was trained only on
# codes from this $\bar q$, and it is asked for samples from the prior.
#
# </details>

# %% tags=["hide-cell"]
least = found[8]["kl"] - np.log(N)
check_less("at least 8 nats", 8, least)
check_less("the bound holds", least, found[8]["gap"] + 0.01)
print(f"MNIST: at least {25 - np.log(60_000):.1f} nats")

# %% [markdown]
# **3. Noise without a KL.** Hold $\sigma = 1$ fixed and drop the KL. (In a VAE: set the
# weights of `logvar_head` to zero, and its gradients after each `backward`; $\beta =
# 0$.) One might think that the noise alone fills the gaps between the codes. What do
# the codes do instead?
#
# <details><summary>Hint</summary>
#
# What harms a reconstruction: the size of the noise, or its size relative to something?
#
# </details>
#
# <details><summary>Answer</summary>
#
# The distances between the codes keep growing, since nothing limits them, and noise of
# fixed size becomes small *relative* to them. Both parts of the KL are needed, the one
# in $\sigma$ and the one in $\mu$.
#
# </details>

# %% tags=["hide-cell"]
noisy = VAE.mlp(D, 2, (64,), Binomial(n), rng=generator(10))
for part in ("W", "b"):
    noisy.params[f"logvar_head.{part}"][...] = 0
adam, rng, sizes = Adam(lr=5e-3), generator(13), []
for t in range(600):
    x = x_train[rng.choice(N, 50, replace=False)]
    noisy.loss(x, rng.standard_normal((50, 2)), beta=0.0)
    noisy.backward()
    for part in ("W", "b"):
        noisy.grads[f"logvar_head.{part}"][...] = 0
    adam.step(noisy.theta, noisy.grad)
    if t in (150, 599):
        sizes.append(np.sqrt(noisy.latent(x_train).var(axis=0).mean()))
print(f"spread after 150 and 600 steps: {sizes[0]:.1f}, {sizes[1]:.1f}")
check("sigma stayed", noisy.encode(x_test)[1], 0.0, 0.0)
check_less("the codes run away", 1.2 * sizes[0], sizes[1])

# %% [markdown]
# ## Sources
#
# - M. D. Hoffman, M. J. Johnson, *ELBO surgery: yet another way to carve up the
#   variational evidence lower bound*, NIPS workshop 2016: (24.2).
# - I. Higgins and others, *beta-VAE*, ICLR 2017: $\beta$, there above one.
# - R. Price, *A useful theorem for nonlinear devices having Gaussian inputs*, IRE
#   Transactions on Information Theory 4, 1958: the integration by parts behind (24.3).
# - M. Zhang, P. Hayes, D. Barber, *Generalization Gap in Amortized Inference*, NeurIPS
#   2022: how the encoder of a VAE overfits.
#
# ## What to read next
#
# [Chapter 13](13_posterior_collapse.py) raises $\beta$ above one, where latents
# collapse. *ELBO surgery* by Hoffman and Johnson says more about (24.2).
