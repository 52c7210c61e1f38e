# %% [markdown]
# # 10. Autoencoder against VAE
#
# Textbooks and articles compare the two in a table: the autoencoder maps an image to a
# point, the VAE to a distribution; the latent space of the one is full of gaps, that of
# the other continuous; decoding random coordinates gives garbage here and authentic new
# images there. Every row of that table is a claim that can be measured. We do so, on
# the same architecture, the same likelihood, the same data and the same number of
# steps. Some rows come out as printed. Some come out quite differently.
#
# **What you will learn**
#
# - what noise a code can bear, with and without a KL during training;
# - to measure gaps and islands, instead of seeing them in a scatter plot;
# - what happens on the way from $\beta = 1$ to $\beta = 0$, and the formula for it;
# - a score for generated images that needs no classifier;
# - that a VAE can have islands too, and that an autoencoder can be sampled.
#
# **What you need:** chapters 4 and 9; exercise 5 of chapter 4 helps. One hour and a
# half.

# %%
import math
import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from checks import BLACK, BLUE, GREEN, GREY, VERMILLION
from checks import check, check_less, check_mc, must_fail, style
from minivae import VAE, Adam, Autoencoder, Binomial, gaussian
from minivae.datasets import Images, load_digits
from minivae.plots.drawing import show_tiles
from minivae.training import fit

style()
digits = load_digits()
x_train = digits.train.astype(np.float32)
x_test = digits.test.astype(np.float32)
N, D = x_train.shape
n = digits.max_count
print(digits)

# %% [markdown]
# ## The question
#
# Here are the claims, in our words, numbered for later:
#
# 1. *Bottleneck.* An autoencoder maps an image to a point, a VAE to a distribution.
#    (One often reads "a discrete point". There is nothing discrete about it: the code
#    is a vector of real numbers, and a smooth function of the image.)
# 2. *Latent space.* That of the autoencoder has vast gaps; that of the VAE is
#    continuous, complete, and close to a standard normal.
# 3. *Generation.* Random coordinates decode to garbage in one, and to authentic new
#    images in the other.
# 4. *Islands and memory.* Without the KL, the encoder gives every training image an
#    island of its own, reconstruction becomes perfect, and generalization is lost.
#
# Both models have 64 hidden units each way and one linear output per latent dimension;
# the VAE has a second head for $\log \sigma^2$. Two sizes: $K = 2$, which we can look
# at, and $K = 8$, in which reconstructions are good.


# %%
def train(cls, K, beta=1.0, images=digits, hidden=64, epochs=32):
    model = cls.mlp(
        D, K, (hidden,), Binomial(n), rng=np.random.default_rng(10)
    )
    settings = {} if cls is Autoencoder else {"beta": beta}
    history = fit(
        model,
        images,
        Adam(lr=5e-3),
        epochs=epochs,
        rng=np.random.default_rng(11),
        batch_size=50,
        progress=False,
        **settings,
    )
    return model, history


models, histories = {}, {}
for K in (2, 8):
    for kind, cls in (("AE", Autoencoder), ("VAE", VAE)):
        models[kind, K], histories[kind, K] = train(cls, K)


def rec_at(model, x, z):
    """-log p(x|z) of each image, in nats, at given codes."""
    return -model.likelihood.log_prob(x, model.decoder_output(z))


rec = {}
for key, model in models.items():
    rec[key] = rec_at(model, x_test, model.latent(x_test)).mean()
    print(f"{key[0]:3} K = {key[1]}: rec {rec[key]:.1f} nats (test)")

# %% [markdown]
# We compare rec, at the code of the autoencoder and at the posterior *mean* of the VAE,
# and not the losses. The autoencoder's loss has no KL in it. As a message it is
# incomplete: it tells what the image costs for somebody who already knows $z$, and
# forgets to send $z$, to unlimited precision. It is a bound on nothing.
#
# In these units the VAE gives up a few nats at $K = 2$, and nothing at $K = 8$. That is
# the first thing to keep in mind: the reconstructions of the two look alike.
#
# ## Claim 1: what noise can a code bear?
#
# A distribution in place of a point means that the decoder was trained on a *cloud*
# around each code. So it should matter less where in the cloud we are. We move the
# codes of the test images by Gaussian noise. The scale of an autoencoder's latent space
# is arbitrary (exercise 1), so the noise has to be given in units of the spread of the
# codes: the root mean square, over dimensions, of their standard deviations.
#
# **Predict.** At noise of one tenth of the spread, by how many nats does rec rise in
# the autoencoder with $K = 2$, and in the VAE?


# %%
# Figure: How much rec rises with noise on the code, on log scales.
# With K = 2 the autoencoder lies about four times above the VAE; with
# K = 8 the two lines nearly coincide.
def spread(codes):
    return np.sqrt(codes.var(axis=0).mean())


rng = np.random.default_rng(1)
noises = np.array([0.01, 0.02, 0.05, 0.1, 0.2, 0.5])
rise = {}
for key, model in models.items():
    codes = model.latent(x_test)
    size = spread(model.latent(x_train))
    rise[key] = []
    for noise in noises:
        eps = rng.standard_normal((20, *codes.shape), np.float32)
        moved = codes + noise * size * eps
        rise[key].append(rec_at(model, x_test, moved).mean() - rec[key])
    print(f"{key[0]:3} K = {key[1]}: noise 0.1 costs ", end="")
    print(f"{rise[key][3]:.1f} nats")

fig, panels = plt.subplots(1, 2, sharey=True)
for axes, K in zip(panels, (2, 8), strict=True):
    axes.loglog(noises, rise["AE", K], color=VERMILLION)
    axes.loglog(noises, rise["VAE", K], color=BLUE)
    axes.set_ylim(0.1, 300)
    axes.set_title(f"$K = {K}$")
panels[0].text(0.06, 10, "autoencoder", color=VERMILLION, ha="right")
panels[0].text(0.07, 0.6, "VAE", color=BLUE)
panels[0].set_ylabel("rise of rec, nats")
label = "noise on the code, as a share of the codes' spread"
fig.supxlabel(label, fontsize=12)
plt.show()
for K in (2, 8):
    check_less(f"VAE, K = {K}", rise["VAE", K][3], rise["AE", K][3])

# %% [markdown]
# The claim holds: the VAE pays less at every noise. But the difference is one of
# degree, a factor of two to three at $K = 2$ and less at $K = 8$, not of kind. The
# autoencoder's decoder is a smooth network too, with the same number of weights, and
# cannot change its mind from one point to the next.
#
# ## Claim 2: gaps
#
# First we look. The circles are the prior's 1, 2 and 3 standard deviations; mind the
# different scales.

# %%
# Figure: Codes of the training digits, 0, 6 and 7 in colour. The
# autoencoder's lie scattered over a large area, far beyond the
# prior's circles; the VAE's fill the circles.
_, panels = plt.subplots(1, 2, figsize=(7, 3.9))
for axes, kind in zip(panels, ("AE", "VAE"), strict=True):
    codes = models[kind, 2].latent(x_train)
    for digit, colour in ((0, BLUE), (6, VERMILLION), (7, GREEN)):
        chosen = codes[digits.train_labels == digit]
        axes.plot(*chosen.T, ".", color=colour, ms=3)
        axes.text(
            *np.median(chosen, axis=0),
            str(digit),
            color=colour,
            fontsize=20,
            fontweight="bold",
            bbox={"fc": "white", "ec": "none", "pad": 1, "alpha": 0.7},
        )
    others = codes[~np.isin(digits.train_labels, (0, 6, 7))]
    axes.plot(*others.T, ".", color=GREY, ms=2, alpha=0.5, zorder=0)
    for radius in (1, 2, 3):
        angle = np.linspace(0, 2 * np.pi, 100)
        axes.plot(
            radius * np.cos(angle),
            radius * np.sin(angle),
            color=BLACK,
            lw=1,
        )
    axes.set_aspect("equal", "datalim")
    axes.set_xlabel("$z_1$")
panels[0].set_ylabel("$z_2$")
panels[0].set_title("autoencoder")
panels[1].set_title("VAE, $K = 2$: codes $\\mu(x)$")
plt.show()

# %% tags=["hide-cell"]
# For the book alone: both models in one page that can be touched.
if "MINIVAE_BOOK" in os.environ:
    from minivae.explorer import collect, write_page

    touched = [
        collect(models[kind, 2], digits, kind, np.random.default_rng(0))
        for kind in ("AE", "VAE")
    ]
    write_page(
        Path(os.environ["MINIVAE_BOOK"], "planes.html"), *touched
    )

# %% [markdown]
# <div data-moving="planes"></div>
#
# *The book lets you touch both planes.* Try: move over the left plane, between the
# crowds of codes; the pointer on the right goes with you. Then draw a digit. You see in
# the numbers what the autoencoder does not have: a kl, and a bound.
#
# The autoencoder's codes lie somewhere, in some shape, at some scale: nothing in its
# loss cares. Those of the VAE lie in and around the circles. So far, so good. How much
# of the prior's probability is near a code? "Near" has to mean something in both models
# and at any scale, so we let the codes themselves say what is near: a point is
# **covered** if its nearest training code is no further away than 95 % of training
# codes are from *their* nearest neighbour. Codes of test images should be covered in
# about 95 % of cases; that checks the measure itself.
#
# We ask it about three places: codes of test images; points of $\mathcal{N}(0, I)$; and
# points of a Gaussian *fitted* to the training codes, with their mean and covariance.
# The last one is the fair question to an autoencoder, which was never told about
# $\mathcal{N}(0, I)$.
#
# **Predict.** Fill in the table, AE and VAE by three columns, for $K = 2$. Then once
# more for $K = 8$.


# %%
def distances(a, b):
    a, b = a.astype(np.float64), b.astype(np.float64)
    squares = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)
    return np.sqrt(np.maximum(squares - 2 * a @ b.T, 0))


def nearest_other(codes):
    d = distances(codes, codes)
    np.fill_diagonal(d, np.inf)
    return d.min(axis=1)


def fitted_gaussian(codes, count, rng):
    L = np.linalg.cholesky(np.cov(codes.T))
    noise = rng.standard_normal((count, codes.shape[1]))
    return (codes.mean(axis=0) + noise @ L.T).astype(np.float32)


rng = np.random.default_rng(2)
places = {}
covered = {}
print("covered            test codes   N(0, I)   fitted Gaussian")
for key, model in models.items():
    codes = model.latent(x_train)
    z_prior = rng.standard_normal((1000, model.K), np.float32)
    places[key] = {
        "test codes": model.latent(x_test),
        "N(0, I)": z_prior,
        "fitted": fitted_gaussian(codes, 1000, rng),
    }
    limit = np.quantile(nearest_other(codes), 0.95)
    covered[key] = {
        name: (distances(z, codes).min(axis=1) <= limit).mean()
        for name, z in places[key].items()
    }
    shares = "".join(f"{s:11.0%}" for s in covered[key].values())
    print(f"{key[0]:3} K = {key[1]}       {shares}")
    check(f"{key}: test", covered[key]["test codes"], 0.95, 0.05)
check_less(
    "K = 2, N(0, I): AE below VAE",
    covered["AE", 2]["N(0, I)"],
    covered["VAE", 2]["N(0, I)"] - 0.05,
)
check_less(
    "K = 8, VAE: most of N(0, I) is empty!",
    covered["VAE", 8]["N(0, I)"],
    0.5,
)
for K in (2, 8):
    check(
        f"K = {K}, fitted: AE and VAE alike",
        covered["AE", K]["fitted"],
        covered["VAE", K]["fitted"],
        0.15,
    )

# %% [markdown]
# In two dimensions the claim is right as it stands. In eight it is not. Four fifths of
# the prior's probability lies further from every code of the VAE than codes lie from
# each other; and once the Gaussian is *fitted*, there is no difference worth the name
# between autoencoder and VAE. The autoencoder's gaps are, for the most part, the wrong
# place and scale, which a mean and a covariance repair.
#
# ## Islands, exactly
#
# What would it mean that an image has an island of its own? That from a $z$ drawn out
# of its posterior one can tell *which image it was*. Let the image be drawn uniformly
# from the $N$ training images, and $z$ from its posterior. By Bayes' rule
#
# $$
# p(m | z) = \frac{q(z|x_m)}{\sum_{j} q(z|x_j)} \tag{10.1}
# $$
#
# is the probability that it was image $m$. The average of $p(m|z)$ for the right
# $m$ is the **share identified**: 1 for islands, $\frac1N$ for one big lake. The
# information in nats is $I = \mathbb{E} \left[ \log N + \log p(m|z) \right]$, at most
# $\log N = 7.3$. And with the *aggregate posterior* $\bar q(z) = \frac1N \sum_m
# q(z|x_m)$, the mean KL splits exactly (chapter 4, exercise 5; insert $\log \bar q -
# \log \bar q$):
#
# $$
# \frac1N \sum_m \mathrm{KL}(q(z|x_m) \Vert p) = I + \mathrm{KL}(\bar q \Vert p)
#   \tag{10.2}
# $$
#
# The second part is the distance of all codes together from the prior: how wrong it
# is to draw $z$ from $\mathcal{N}(0, I)$.
#
# **Predict.** The VAE with $K = 8$ has a KL of about 16 nats. Without running anything:
# what is the least that $\mathrm{KL}(\bar q \Vert p)$ can be?


# %%
def islands(model, rng):
    """kl, I, KL(q̄ ‖ p), share identified, neighbour distance / σ."""
    mu, logvar = (a.astype(np.float64) for a in model.encode(x_train))
    sigma = np.exp(logvar / 2)
    z = mu + sigma * rng.standard_normal(mu.shape)
    # log q(z_i | x_m), (N, N): the square in (4.1) multiplied out
    a = np.exp(-logvar)
    square = z**2 @ a.T - 2 * z @ (mu * a).T + (mu**2 * a).sum(axis=1)
    constant = (np.log(2 * np.pi) + logvar).sum(axis=1)
    log_q = -0.5 * (square + constant)
    top = log_q.max(axis=1)
    log_sum = top + np.log(np.exp(log_q - top[:, None]).sum(axis=1))
    log_share = np.diag(log_q) - log_sum  # (10.1)
    information = np.log(N) + log_share
    log_p = gaussian.log_normal(z, 0.0, 0.0).sum(axis=1)
    to_prior = log_sum - np.log(N) - log_p
    kl = gaussian.kl(mu, logvar).sum(axis=1)
    apart = np.median(nearest_other(mu) / sigma.mean(axis=1))
    one = gaussian.log_normal(z[0], mu[1], logvar[1]).sum()
    check("the square, multiplied out", log_q[0, 1] / one, 1.0, 1e-9)
    # The same z are in all three, so the difference has little noise.
    check_mc("(10.2)", information + to_prior - kl, 0.0)
    return (
        kl.mean(),
        information.mean(),
        to_prior.mean(),
        np.exp(log_share).mean(),
        apart,
    )


rng = np.random.default_rng(3)
header = "            kl      I   KL(q̄,p)   identified   neighbour/σ"
found = {K: islands(models["VAE", K], rng) for K in (2, 8)}
print(header)
for K, (kl, info, gap, share, apart) in found.items():
    print(f"K = {K}   {kl:7.1f} {info:6.2f} {gap:9.2f}", end="")
    print(f" {share:11.0%} {apart:12.1f}")
check_less("K = 2: no islands", found[2][3], 0.4)
check_less("K = 2: neighbours overlap", found[2][4], 1.0)
check_less("K = 8: islands, in a VAE", 0.9, found[8][3])
check_less("K = 8: neighbours far apart", 3.0, found[8][4])
check_less("I is at most log N", found[8][1], np.log(N))

# %% [markdown]
# At $K = 2$ neighbouring posteriors overlap: half a $\sigma$ lies between one mean and
# the next, and $z$ tells which of 1,497 images it was in one case out of eight. That is
# the continuous space that textbooks draw.
#
# At $K = 8$, with $\beta = 1$ and everything done right, **nearly every training image
# has an island of its own**: five $\sigma$ to the nearest neighbour, 97 % identified.
# An image is worth spending 16 nats of code on, and at most $\log 1497 = 7.3$ of them
# can tell images apart. By (10.2) the other 9 nats or more are distance from the prior.
# The KL regularizes each posterior; it does not promise that 1,497 of them pave an
# eight-dimensional space. With a hundred times the images the islands would be closer:
# log N grows by 4.6.
#
# So islands come from **few images in many dimensions**, and the KL's strength decides
# how many dimensions that is. What really happens when the KL goes away?
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
#   h = \mathbb{E}_{q} \left[ f''(z) \right] \tag{10.3}
# $$
#
# This is exact, and it says everything about the two models. $h$ is the mean curvature:
# how fast the picture gets worse as $z$ moves. Where the decoder does not care, $h = 0$
# and $\sigma = 1$: collapse. Where it does, $\sigma \approx \sqrt{\beta / h}$ for small
# $\beta$: **the noise goes to zero like $\sqrt \beta$, and the VAE becomes an
# autoencoder.** We check it for an image and the trained decoder, on a grid over $z_1$,
# minimizing over $\sigma$ by brute force.

# %%
decoder = models["VAE", 2].astype(np.float64)
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


betas = [1.0, 0.1, 0.01, 0.001]
for beta in betas:
    best = minimum(beta)
    h = curvature(np.sqrt(best))
    formula = beta / (beta + h)  # (10.3)
    check(f"(10.3) at beta {beta}, ratio", best / formula, 1.0, 1e-3)
with must_fail():
    check("without beta below", minimum(1.0) / (1.0 / h), 1.0, 1e-3)

# %% [markdown]
# Now whole VAEs, trained at each $\beta$ with everything else unchanged.
#
# **Predict.** As $\beta$ goes from 1 to 0: the share of images identified? The test
# reconstruction? And does the code, freed from the KL, stay where it was?

# %%
path = {1.0: models["VAE", 2]}
for beta in (0.1, 0.01, 0.001, 0.0):
    path[beta], _ = train(VAE, 2, beta, epochs=25)
rng = np.random.default_rng(4)
rows = {}
for beta, model in path.items():
    mu, logvar = model.encode(x_train)
    sigma = np.median(np.exp(logvar / 2))
    kl, info, gap, share, apart = islands(model, rng)
    test_rec = rec_at(model, x_test, model.latent(x_test)).mean()
    rows[beta] = sigma, spread(mu), share, apart, gap, test_rec
print("beta     sigma  spread  identified  neighbour/σ  KL(q̄,p)  rec")
for beta, (sigma, wide, share, apart, gap, nats) in rows.items():
    print(f"{beta:<6g} {sigma:7.3f} {wide:7.1f} {share:9.0%}", end="")
    print(f" {apart:11.1f} {gap:11.1f} {nats:8.1f}")
print(f"AE          0 {spread(models['AE', 2].latent(x_train)):9.1f}")
print(f"autoencoder's rec: {rec['AE', 2]:.1f} nats")

sigmas = [rows[b][0] for b in path]
check("sigma falls at each step", np.sign(np.diff(sigmas)), -1, 0)
check_less("spread grows", 2 * rows[1.0][1], rows[0.0][1])
check_less("at the end, islands", 0.95, rows[0.0][2])
check_less("far from the prior", 30, rows[0.0][4])
check("rec hardly changes", rows[0.0][5], rec["AE", 2], 12)

# %%
# Figure: Left, sigma of the codes against beta: dots on a line, like
# the root of beta. Right, the share of images identified falls from
# nearly all at small beta to about a tenth at beta = 1.
some = [0.001, 0.01, 0.1, 1.0]
_, (left, right) = plt.subplots(1, 2)
line = np.geomspace(1e-3, 1, 10)
theory = [np.sqrt(minimum(b)) / rows[1.0][1] for b in line]
left.loglog(line, theory, color=GREY, lw=1.5)
relative = [rows[b][0] / rows[b][1] for b in some]
left.loglog(some, relative, "o", color=BLUE, ms=8)
left.set_xlabel(r"$\beta$")
left.set_ylabel(r"$\sigma$ / spread of the codes")
left.text(1.1e-3, 0.03, "dots: trained,\nmedian", color=BLUE)
left.text(0.03, 0.003, "line: (10.3),\none image", color=GREY)
left.set_ylim(1e-3, 0.2)
left.set_title(r"noise falls like $\sqrt{\beta}$")
right.semilogx(
    some, [rows[b][2] for b in some], "o-", color=VERMILLION, ms=8
)
right.set_ylim(0, 1.03)
right.set_xlabel(r"$\beta$")
right.set_title("share of images identified")
plt.show()

# %% [markdown]
# The left panel shows the autoencoder at the end of the road. (In units of the spread,
# because the codes spread at the same time, which is the other way to make noise
# harmless.) On the right the islands appear, as claim 4 says. But the test
# reconstruction has hardly moved. Islands, in the sense of (10.1), mean that the
# *noise* is small compared with the distances. They do not mean that the codes are
# scattered: with $\beta = 0$ and in the autoencoder alike, a smooth encoder cannot tear
# similar images apart, and neighbours stay neighbours.

# %%
for kind in ("AE", "VAE"):
    codes = models[kind, 2].latent(x_train)
    d = distances(codes, codes)
    np.fill_diagonal(d, np.inf)
    partner = d.argmin(axis=1)
    pixels = np.sqrt(((x_train - x_train[partner]) ** 2).mean(axis=1))
    same = (digits.train_labels == digits.train_labels[partner]).mean()
    print(
        f"{kind:3} nearest in code: {pixels.mean():.2f} counts", end=""
    )
    print(f" per pixel apart, same digit in {same:.0%}")
    check_less(f"{kind}: neighbours show the same digit", 0.5, same)

# %% [markdown]
# ## Claim 3: decoding random coordinates
#
# "Garbage" and "authentic" need a judge. A classifier would do, but it would be one
# more network to distrust. We take two judges without one.
#
# **A reference density.** A mixture of $M = 100$ products of binomials, fitted to the
# training images by EM exactly as in chapter 20: $r$ are responsibilities, and each
# component's $p$ is the weighted mean image. It knows nothing about latent spaces. Its
# $-\log p(x)$ of an image is a score in nats, low for what looks like the data.
#
# **The nearest neighbour:** root mean square distance from the decoded mean to the
# nearest *training* image, in counts per pixel. It does not depend on the mixture,
# and exposes copying.

# %%
choose = np.log([math.comb(n, k) for k in range(n + 1)])


def component_log_p(x, P):
    """log p(x | component) of each image and component, (B, M)."""
    counts = x.astype(np.intp)
    log_p = x @ np.log(P).T + (n - x) @ np.log(1 - P).T
    return log_p + choose[counts].sum(axis=1)[:, None]


def fit_mixture(x, M, rounds, rng, a=0.5):
    start = x[rng.choice(len(x), M, replace=False)]
    P = (0.5 * start + 0.5 * x.mean(axis=0) + a) / (n + 2 * a)
    w = np.full(M, 1 / M)
    for _ in range(rounds):
        joint = component_log_p(x, P) + np.log(w)
        joint -= joint.max(axis=1, keepdims=True)
        r = np.exp(joint)
        r /= r.sum(axis=1, keepdims=True)
        size = r.sum(axis=0)
        P = (r.T @ x + a) / (n * size[:, None] + 2 * a)
        w = (size + 0.1) / (size + 0.1).sum()
    return P, w


rng = np.random.default_rng(5)
P, w = fit_mixture(x_train.astype(np.float64), 100, 20, rng)
# After an M step the components average to the mean image (but for the
# pseudo-counts a).
check("EM keeps the mean image", w @ P, x_train.mean(axis=0) / n, 0.01)


def score(x):
    """-log p(x) under the reference density, nats."""
    joint = component_log_p(x.astype(np.float64), P) + np.log(w)
    top = joint.max(axis=1)
    return -top - np.log(np.exp(joint - top[:, None]).sum(axis=1))


real = score(x_test)
limit = np.quantile(real, 0.95)
scrambled = score(rng.permuted(x_test, axis=1))
print(f"real test images: median {np.median(real):.0f} nats")
print(f"their pixels shuffled: {np.median(scrambled):.0f} nats")
check_less("the judge is no fool", limit, scrambled.min())

# %% [markdown]
# We call an image **plausible** if its score is below that of 95 % of the real test
# images' scores. What is judged are draws $x \sim p(x|z)$, for all models alike: a mean
# is no image of counts.
#
# **Predict.** The share of plausible images, for the same three places as above, AE and
# VAE, $K = 2$ and $K = 8$. Which of the twelve numbers will surprise you?

# %%
plausible, nearest, scores = {}, {}, {}
print("plausible          test codes   N(0, I)   fitted Gaussian")
for key, model in models.items():
    for name, z in places[key].items():
        x = model.likelihood.sample(model.decoder_output(z), rng)
        scores[key, name] = score(x)
        plausible[key, name] = (scores[key, name] < limit).mean()
        d = distances(model.decode(z), x_train).min(axis=1)
        nearest[key, name] = np.median(d) / np.sqrt(D)
    row = [plausible[key, name] for name in places[key]]
    print(f"{key[0]:3} K = {key[1]}       ", end="")
    print("".join(f"{share:11.0%}" for share in row))
own = np.median(distances(x_test, x_train).min(axis=1)) / np.sqrt(D)
print("\nnearest training image, counts per pixel", end="")
print(f" (real test images: {own:.2f})")
for key in models:
    row = [nearest[key, name] for name in places[key]]
    print(f"{key[0]:3} K = {key[1]}       ", end="")
    print("".join(f"{value:11.2f}" for value in row))

for K in (2, 8):
    check_less(
        f"K = {K}: N(0, I) serves the VAE better",
        plausible[("AE", K), "N(0, I)"] + 0.2,
        plausible[("VAE", K), "N(0, I)"],
    )
    check_less(
        f"K = {K}: fitting helps the AE",
        plausible[("AE", K), "N(0, I)"] + 0.2,
        plausible[("AE", K), "fitted"],
    )
check_less(
    "K = 8: a fitted AE beats the VAE's own prior",
    plausible[("VAE", 8), "N(0, I)"] + 0.1,
    plausible[("AE", 8), "fitted"],
)
check(
    "K = 8: fitted, the two are alike",
    plausible[("AE", 8), "fitted"],
    plausible[("VAE", 8), "fitted"],
    0.15,
)

# %%
# Figure: Four rows of images from random coordinates with K = 8. From
# the standard normal the autoencoder's are broken and the VAE's
# partly digits; from a Gaussian fitted to the codes both rows are
# mostly digits.
rows_of = [
    (("AE", 8), "N(0, I)"),
    (("VAE", 8), "N(0, I)"),
    (("AE", 8), "fitted"),
    (("VAE", 8), "fitted"),
]
grid = np.stack(
    [
        models[key].decode(places[key][name][:14])
        for key, name in rows_of
    ]
)
axes = plt.figure(figsize=(7, 2.2)).add_subplot()
show_tiles(axes, grid, digits.shape, (0, n), "gray_r")
for i, (key, name) in enumerate(rows_of):
    axes.text(
        -0.01,
        1 - (i + 0.5) / 4,
        f"{key[0]}, {name}",
        transform=axes.transAxes,
        ha="right",
        va="center",
    )
axes.set_title("$E[x|z]$ of random coordinates, $K = 8$")
plt.show()

# %% [markdown]
# Of the two entries in the textbook's table, the first is right only at the wrong
# place, and the second only for small $K$.
#
# - Decoding $\mathcal{N}(0, I)$ in an **autoencoder** gives garbage: yes. But
#   N(0, I) is the wrong place to look. Where its codes are, a plain autoencoder
#   generates as well as the VAE does.
# - Decoding $\mathcal{N}(0, I)$ in the **VAE** is excellent at $K = 2$, where images
#   are blurred, and plausible in fewer than half of the draws at $K = 8$. Not because
#   of a mistake: by (10.2), there are 9 nats between $\bar q$ and the prior.
#
# The VAE's true advantage is another one. Its prior is part of the model, so it has a
# likelihood, with a bound that can be computed, compared and optimized; that the codes
# come near the prior is a consequence. The autoencoder plus a Gaussian fitted
# afterwards is a generator put together from two parts, and nothing says how good it is
# until one looks. (Sources: Ghosh and others made a method of it.)
#
# The nearest neighbours show that nobody copies: images from random coordinates are no
# nearer to the training images than real test images are.

# %%
fresh = [
    nearest[key, name] for key, name in nearest if "test" not in name
]
check_less("nobody copies", own, min(fresh))

# %% [markdown]
#
# ## Claim 4: memory
#
# **Predict.** 150 training images, 192 hidden units, 130 epochs. Gap between test rec
# and training rec: autoencoder against VAE?

# %%
few = Images(
    train=digits.train[:150],
    test=digits.test,
    max_count=n,
    shape=(8, 8),
    name="few digits",
)
floor = -choose[digits.train[:150]].sum(axis=1)
q = np.clip(few.train / n, 1e-12, 1 - 1e-12)
floor = floor - (few.train * np.log(q)).sum(axis=1)
floor = (floor - ((n - few.train) * np.log(1 - q)).sum(axis=1)).mean()
print(f"the least that rec can be, at p = x / 16: {floor:.1f} nats")
gaps = {}
for name, cls, beta in (
    ("AE", Autoencoder, 0.0),
    ("VAE", VAE, 1.0),
):
    model, _ = train(cls, 8, beta, few, hidden=192, epochs=130)
    on_train, on_test = (
        rec_at(model, x, model.latent(x)).mean()
        for x in (x_train[:150], x_test)
    )
    gaps[name] = on_test - on_train, on_train, on_test
    print(
        f"{name:3} train {on_train:6.1f}, test {on_test:6.1f}", end=""
    )
    print(f", gap {on_test - on_train:5.1f} nats")
check_less("not far above the floor", gaps["AE"][1], floor + 25)
check_less(
    "the VAE's gap is smaller", gaps["VAE"][0], gaps["AE"][0] - 10
)
check_less("and its test rec better", gaps["VAE"][2], gaps["AE"][2] - 5)
check_less("but it is a gap", 15, gaps["VAE"][0])

# %% [markdown]
# Here the claim is right. With few images and a large network, the autoencoder comes
# close to the best rec there is (with $p = x/16$ in every pixel, the binomial's own
# grain still costs 38 nats), and pays on new images. The VAE, with the same weights,
# learns less by heart and reconstructs unseen images better: noise in the code is a
# regularizer. It narrows the gap without closing it, as chapter 9 saw.
#
# ## The verdict
#
# | claim | measured |
# |---|---|
# | point or distribution | right; the same noise costs a factor of 1.3 to 3 less |
# | gaps or no gaps | right at $K = 2$; at $K = 8$ most of the prior is empty in both |
# | garbage or not | right for $\mathcal{N}(0, I)$; alike from a fitted Gaussian |
# | islands without KL | right; but at $K = 8$ there are islands at $\beta = 1$ too |
# | memory without KL | right with few images; the VAE has a smaller gap, not none |
#
# ## What goes wrong in practice
#
# **Comparing the losses.** The number that training reports is far lower for the
# autoencoder. It is rec against rec + kl.

# %%
for kind, K in models:
    nats = histories[kind, K]["test_nelbo"][-1]
    print(f"{kind:3} K = {K}: 'loss' {nats:.1f} nats (test)")
lead = histories["VAE", 8]["test_nelbo"][-1]
lead = lead - histories["AE", 8]["test_nelbo"][-1]
check_less("a lead in nats, most of it kl", 10, lead)
check("while the reconstructions", rec["VAE", 8], rec["AE", 8], 8)

# %% [markdown]
# **A tiny KL weight, and the word VAE.** Where pixels are summed and latents averaged,
# or the KL has a weight of 0.001 because "it trains better", the model is an
# autoencoder in the sense of this chapter: $\sigma$ is whatever (10.3) makes of that
# $\beta$. Sampling its prior then gives what the path above shows:

# %%
model = path[0.001]
x = model.likelihood.sample(
    model.decoder_output(places["VAE", 2]["N(0, I)"]), rng
)
small_beta = (score(x) < limit).mean()
full = plausible[("VAE", 2), "N(0, I)"]
print(f"plausible at beta 0.001: {small_beta:.0%}, at 1: {full:.0%}")
check_less("the prior is no longer home", small_beta + 0.1, full)

# %% [markdown]
# **Gaps seen in a projection.** The map at $K = 2$ is the latent space. A map of two
# principal components, or of a method that arranges neighbours, shows gaps that are not
# there and hides those that are. Measure in all $K$ dimensions.
#
# **One architecture in the table, another in the code.** Give both models the same
# layers, likelihood and steps, or you compare those.
#
# ## Exercises
#
# **1. The scale that nobody chose (warm-up).** Multiply the weights and the bias of the
# autoencoder's `code_head` by 7, and divide the weights of the decoder's first layer by
# 7. What happens to codes, reconstructions and loss? What would happen in a VAE?
#
# <details><summary>Hint</summary>
#
# $\frac{W}{7} (7 z) = W z$. In a VAE the KL fixes the scale.
#
# </details>

# %% tags=["hide-cell"]
model = models["AE", 2].astype(np.float64)
before, loss = model.reconstruct(x_test), model.loss(x_test).nelbo
codes = model.latent(x_test)
model.params["code_head.W"][...] *= 7
model.params["code_head.b"][...] *= 7
model.params["decoder.0.W"][...] /= 7
check("codes", model.latent(x_test), 7 * codes, 1e-9)
check("reconstructions", model.reconstruct(x_test), before, 1e-9)
check("loss", model.loss(x_test).nelbo, loss, 1e-9)

# %% [markdown]
# **2. How much must be empty?** From a KL of 16 nats and $N = 1497$, how small can
# $\mathrm{KL}(\bar q \Vert p)$ be? And with MNIST's 60,000 images and 25 nats? Show
# from (10.2) that for *any* training set, the aggregate is at the prior only if the
# KL is at most $\log N$.
#
# <details><summary>Hint</summary>
#
# $I \le \log N$. This is about the *training* images' aggregate; that of all possible
# images is broader. Which of the two do you sample from?
#
# </details>

# %% tags=["hide-cell"]
least = found[8][0] - np.log(N)
check_less("the bound (and sampling error)", least, found[8][2] + 0.2)
check("and it is nearly met", found[8][2], least, 0.5)
print(f"MNIST: at least {25 - np.log(60_000):.1f} nats")

# %% [markdown]
# **3. Sampling from the codes themselves.** Take random training codes of the
# autoencoder with $K = 8$ and add noise of 0, 0.1, 0.2, 0.5 and 1 times the spread.
# Plot plausible share against distance to the nearest training image. Where is the
# trade-off between copying and garbage, and is a Gaussian with noise 1 about the same
# as the fitted one?
#
# <details><summary>Hint</summary>
#
# This is a kernel density estimate in latent space. At zero noise the "new" images are
# reconstructions of training images.
#
# </details>

# %% tags=["hide-cell"]
model = models["AE", 8]
codes = model.latent(x_train)
shares, near = [], []
for noise in (0, 0.1, 0.2, 0.5, 1):
    z = codes[rng.integers(N, size=1000)]
    z = z + noise * spread(codes) * rng.standard_normal(z.shape)
    x = model.likelihood.sample(model.decoder_output(z), rng)
    shares.append((score(x) < limit).mean())
    d = distances(model.decode(z), x_train).min(axis=1)
    near.append(np.median(d) / np.sqrt(D))
    print(f"noise {noise:3}: {shares[-1]:4.0%}, nearest {near[-1]:.2f}")
check_less("plausible falls with noise", shares[-1], shares[1])
check_less("distance grows", near[0], near[-1])

# %% [markdown]
# **4. Noise without a KL.** Hold $\sigma = 1$ fixed and drop the KL. (In a VAE: set the
# weights of `logvar_head` to zero, and its gradients after each `backward`; $\beta =
# 0$.) Noise alone, one may think, should pave the space. What do the codes do instead?
#
# <details><summary>Hint</summary>
#
# What harms is noise *relative* to distances between codes, and nothing holds those.
#
# </details>

# %% tags=["hide-cell"]
noisy = VAE.mlp(D, 2, (64,), Binomial(n), rng=np.random.default_rng(10))
for part in ("W", "b"):
    noisy.params[f"logvar_head.{part}"][...] = 0
adam, rng, sizes = Adam(lr=5e-3), np.random.default_rng(6), []
for t in range(600):
    x = x_train[rng.choice(N, 50, replace=False)]
    noisy.loss(x, rng.standard_normal((50, 2)), beta=0.0)
    noisy.backward()
    for part in ("W", "b"):
        noisy.grads[f"logvar_head.{part}"][...] = 0
    adam.step(noisy.theta, noisy.grad)
    if t in (150, 599):
        sizes.append(spread(noisy.latent(x_train)))
print(f"spread after 150 and 600 steps: {sizes[0]:.1f}, {sizes[1]:.1f}")
check("sigma stayed", noisy.encode(x_test)[1], 0.0, 0.0)
check_less("the codes run away", 1.2 * sizes[0], sizes[1])
in_vae = spread(models["VAE", 2].latent(x_train))
check_less("and lie wider than in the VAE", 3 * in_vae, sizes[1])

# %% [markdown]
# **5. A better home than the prior (towards research).** The plausible share of the VAE
# at $K = 8$ rose when $z$ came from a fitted Gaussian. How far can it rise? Fit a
# mixture of Gaussians to the codes (chapter 20), or learn the prior along with the
# model (chapter 4, exercise 4, for one Gaussian; Tomczak and Welling for a mixture of
# posteriors). Here, draw from $\bar q$ itself: pick a training image, then $z$ from its
# posterior. Why is the result plausible, and why is it a bad generator all the same?
#
# <details><summary>Hint</summary>
#
# 97 % identified: from $\bar q$, the model recites. Look at nearest neighbours.
#
# </details>

# %% tags=["hide-cell"]
model, rng = models["VAE", 8], np.random.default_rng(7)
mu, logvar = model.encode(x_train)
pick = rng.integers(N, size=1000)
z = mu[pick] + np.exp(logvar[pick] / 2) * rng.standard_normal((1000, 8))
x = model.likelihood.sample(model.decoder_output(z), rng)
recited = (score(x) < limit).mean()
d = distances(model.decode(z), x_train)
source = (d.argmin(axis=1) == pick).mean()
print(f"plausible {recited:.0%}; nearest is the source in {source:.0%}")
check_less("plausible", plausible[("VAE", 8), "fitted"], recited)
check_less("recited", 0.3, source)

# %% [markdown]
# ## Sources
#
# - D. P. Kingma, M. Welling, *Auto-Encoding Variational Bayes*, ICLR 2014: section 2.3
#   on the connection to autoencoders.
# - P. Ghosh, M. S. M. Sajjadi, A. Vergari, M. Black, B. Schölkopf, *From Variational to
#   Deterministic Autoencoders*, ICLR 2020: a density fitted to the codes afterwards.
# - M. D. Hoffman, M. J. Johnson, *ELBO surgery*, NIPS workshop 2016: (10.2).
# - J. M. Tomczak, M. Welling, *VAE with a VampPrior*, AISTATS 2018: exercise 5.
# - I. Higgins and others, *beta-VAE*, ICLR 2017: $\beta$.
# - R. Price, *A useful theorem for nonlinear devices having Gaussian inputs*, IRE
#   Transactions on Information Theory 4, 1958: the integration by parts behind (10.3).
#
# ## What to read next
#
# Chapter 11 walks through the latent space that we have just surveyed. Chapter 13 turns
# $\beta$ the other way. The paper by Ghosh and others is the best continuation of this
# chapter; "ELBO surgery" is six pages that change how one reads a KL.
