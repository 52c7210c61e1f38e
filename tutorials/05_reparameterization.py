# %% [markdown]
# # 5. The reparameterization trick
#
# The decoder is an ordinary network, and its gradient arrives at $z$ in the ordinary
# way. But $z$ was drawn at random. What is the derivative of a random number in the
# mean of the distribution that it came from? There are two good answers. One works for
# almost anything and is so noisy that it is hardly ever used here; the other is one
# line of algebra, and it is what made variational autoencoders trainable.
#
# **What you will learn**
#
# - what exactly breaks when a program draws a sample, and what does not;
# - two estimators of the same gradient: the score function and the pathwise
#   derivative, both derived and both checked against an integral;
# - how their variances grow with the latent dimension: a formula, and a measurement;
# - when one sample of the noise is enough, on real digits;
# - what the two classic mistakes look like: variance for standard deviation, and new
#   noise in the backward pass.
#
# **What you need:** chapter 4 (the Gaussian and its logarithm), the chain rule. About
# one hour and a half.

# %%
import math

import matplotlib.pyplot as plt
import numpy as np

from checks import BLACK, BLUE, GREEN, GREY, ORANGE, VERMILLION
from checks import check, check_less, check_mc, must_fail, style
from minivae import VAE, Adam, Binomial, gaussian
from minivae.datasets import load_digits

style()
rng = np.random.default_rng(5)

# %% [markdown]
# ## The question
#
# The reconstruction term is an average over the latent:
#
# $$
# L(\mu, \log \sigma^2) = \mathbb{E}_{q} \left[ f(z) \right]
#   = \int q(z)\, f(z) \, dz, \qquad q(z) = \mathcal{N}(z; \mu, \sigma^2) ,
# $$
#
# where $f(z) = -\log p(x|z)$ is whatever decoder and likelihood make of $z$. We want
# its derivatives in $\mu$ and in $\log \sigma^2$, and we want them from samples, since
# a real $z$ has too many dimensions for an integral.
#
# For this chapter one pixel is enough. Its decoder is $y = \tanh 2z$, and its loss
# half the squared distance from $x = 0.8$. In one dimension we *can* integrate, so we
# know what the answer has to be: the integral on a grid, moved a little both ways.

# %%
x = 0.8


def f(z):
    return 0.5 * (x - np.tanh(2 * z)) ** 2


def f_slope(z):
    y = np.tanh(2 * z)
    return -(x - y) * 2 * (1 - y**2)


def exact_loss(mu, logvar):
    z = np.linspace(mu - 10, mu + 10, 4001)
    q = np.exp(gaussian.log_normal(z, mu, logvar))
    return (q * f(z)).sum() * (z[1] - z[0])


mu, logvar, h = -0.3, -0.9, 1e-4
sigma = np.exp(logvar / 2)
up, down = exact_loss(mu + h, logvar), exact_loss(mu - h, logvar)
exact_dmu = (up - down) / (2 * h)
up, down = exact_loss(mu, logvar + h), exact_loss(mu, logvar - h)
exact_dlogvar = (up - down) / (2 * h)
print(
    f"exact: dL/dmu = {exact_dmu:.6f}, dL/dlogvar = {exact_dlogvar:.6f}"
)

# %% [markdown]
# ## Where the graph breaks
#
# A program computes $L$ by drawing `z = rng.normal(mu, sigma)` and averaging `f(z)`.
# Backpropagation walks back through each line and asks for its derivative. At this one
# there is nothing to ask: run it twice with the same `mu` and it gives two different
# numbers, so `z` is not a function of `mu`. Finite differences make that visible.
#
# **Predict.** We estimate $dL/d\mu$ as $\frac{1}{2h} \left( f(z') - f(z'') \right)$,
# with $z'$ drawn at $\mu + h$ and $z''$ at $\mu - h$. Each of the two draws has an
# error that does not care about $h$. What happens when $h$ becomes small?

# %%
steps = 10.0 ** -np.arange(0, 5)
fresh, frozen = [], []
eps = rng.standard_normal(10_000)
for h in steps:
    z_up = rng.normal(mu + h, sigma, 10_000)
    z_down = rng.normal(mu - h, sigma, 10_000)
    fresh.append(((f(z_up) - f(z_down)) / (2 * h)).std())
    z_up, z_down = mu + h + sigma * eps, mu - h + sigma * eps
    frozen.append(((f(z_up) - f(z_down)) / (2 * h)).std())
print("h        spread, fresh noise   spread, same noise")
for h, a, b in zip(steps, fresh, frozen, strict=True):
    print(f"{h:<8g} {a:12.2f} {b:20.3f}")
check_less(
    "a hundredth of h is a hundred times the noise",
    90,
    fresh[3] / fresh[1],
)
check_less("the same noise does not care", frozen[3] / frozen[1], 1.2)

# %% [markdown]
# With fresh noise the estimate is worthless, and becomes more so the closer we look.
# The second column already shows the way out: there, both sides used **the same noise**
# `eps`, and $z = \mu + \sigma \varepsilon$. But one thing at a time. It is often said
# that gradients cannot pass through sampling. What has no derivative is the *sample*.
# The *average* $L$ has a perfectly good one, we computed it above. The question is only
# how to estimate it, and the first way does not even touch $f$.
#
# ## First way: differentiate the density
#
# In the integral, $\mu$ appears only in $q$. Move the derivative inside:
#
# $$
# \frac{\partial}{\partial \mu} \int q(z)\, f(z)\, dz
#   = \int \frac{\partial q(z)}{\partial \mu}\, f(z)\, dz .
# $$
#
# This is no longer an average under $q$, and so it cannot be sampled. But the
# derivative of a logarithm is $\frac{\partial \log q}{\partial \mu} = \frac1q
# \frac{\partial q}{\partial \mu}$, so we may write $\frac{\partial q}{\partial \mu} =
# q\, \frac{\partial \log q}{\partial \mu}$, and $q$ is back:
#
# $$
# \frac{\partial L}{\partial \mu} = \mathbb{E}_q \left[ f(z) \,
#   \frac{\partial \log q(z)}{\partial \mu} \right] \tag{5.1}
# $$
#
# and the same with $\log \sigma^2$. The derivative of a log-density in a parameter is
# called the *score*, hence the name **score-function estimator**. For our Gaussian,
# $\log q = -\frac12 ( \log 2\pi + \log \sigma^2 + (z - \mu)^2 / \sigma^2 )$. In $\mu$,
# the square gives $-\frac12 \cdot 2 (z - \mu) \cdot (-1) / \sigma^2$, so
#
# $$
# \frac{\partial \log q(z)}{\partial \mu} = \frac{z - \mu}{\sigma^2} \tag{5.2}
# $$
#
# In $\ell = \log \sigma^2$, the fraction is $(z - \mu)^2 e^{-\ell}$, whose derivative
# is itself with a minus, and $\ell$ has the derivative one:
#
# $$
# \frac{\partial \log q(z)}{\partial \log \sigma^2}
#   = \frac12 \left( \frac{(z - \mu)^2}{\sigma^2} - 1 \right) \tag{5.3}
# $$


# %%
def score(z, mu, logvar):
    variance = np.exp(logvar)
    dmu = (z - mu) / variance  # (5.2)
    dlogvar = 0.5 * ((z - mu) ** 2 / variance - 1)  # (5.3)
    return dmu, dlogvar


def score_function(z, mu, logvar):
    """One estimate of the two gradients for each sample z."""
    dmu, dlogvar = score(z, mu, logvar)
    return f(z) * dmu, f(z) * dlogvar  # (5.1)


N = 400_000
z = rng.normal(mu, sigma, N)
s_dmu, s_dlogvar = score_function(z, mu, logvar)
check_mc("(5.1), (5.2) score function, dmu", s_dmu, exact_dmu)
check_mc(
    "(5.1), (5.3) score function, dlogvar", s_dlogvar, exact_dlogvar
)

package = gaussian.log_normal_grad(z, mu, logvar)
check("package: score of mu", package[1], score(z, mu, logvar)[0], 1e-9)
check("package: of logvar", package[2], score(z, mu, logvar)[1], 1e-9)

# %% [markdown]
# It works, and look at what it did *not* need: the derivative of $f$. A decoder that is
# a black box, or a game, or that rounds its output, would do. The price comes later.
#
# ## Second way: move the randomness out of the way
#
# Draw the noise first, from a distribution without parameters, and make $z$ out of it:
#
# $$
# z = \mu + \sigma\, \varepsilon, \qquad \varepsilon \sim \mathcal{N}(0, 1) \tag{5.4}
# $$
#
# **Is this the right $z$?** Its mean is $\mu + \sigma \cdot 0 = \mu$. Its variance is
# $\mathbb{E}[(\sigma \varepsilon)^2] = \sigma^2 \cdot 1$. And it is Gaussian: the
# density of $z$ is that of $\varepsilon = (z - \mu) / \sigma$, divided by the stretch
# $dz/d\varepsilon = \sigma$, which is $\frac{1}{\sigma \sqrt{2\pi}} \exp( -\frac12
# (z - \mu)^2 / \sigma^2 )$, as it should be. The average over $z$ *is* an average over
# $\varepsilon$:
#
# $$
# L(\mu, \log \sigma^2) = \mathbb{E}_{\varepsilon} \left[
#   f(\mu + \sigma\, \varepsilon) \right] .
# $$
#
# Now the parameters stand inside $f$ alone, and the distribution that we average over
# does not know them. The derivative goes inside the average, and the chain rule does
# the rest. From (5.4), $\frac{\partial z}{\partial \mu} = 1$:
#
# $$
# \frac{\partial L}{\partial \mu} = \mathbb{E}_{\varepsilon} \left[ f'(z) \right]
#   \tag{5.5}
# $$
#
# For the other we need $\sigma$ as a function of $\ell = \log \sigma^2$. Solve for
# $\sigma$: $\sigma = \sqrt{e^\ell} = e^{\ell / 2}$. Its derivative brings the one half
# down, $\frac{\partial \sigma}{\partial \ell} = \frac12 e^{\ell/2} = \frac12 \sigma$.
# With $\frac{\partial z}{\partial \sigma} = \varepsilon$ this is
#
# $$
# \frac{\partial L}{\partial \log \sigma^2} = \mathbb{E}_{\varepsilon} \left[
#   f'(z) \cdot \tfrac12\, \sigma\, \varepsilon \right] \tag{5.6}
# $$
#
# This is the **pathwise** estimator: hold the noise fixed, and follow the path of $z$
# as the parameters move.


# %%
def reparameterize(mu, logvar, eps):
    return mu + np.exp(logvar / 2) * eps  # (5.4)


def pathwise(eps, mu, logvar):
    """One estimate of the two gradients for each noise eps."""
    dz = f_slope(reparameterize(mu, logvar, eps))
    dmu = dz  # (5.5)
    dlogvar = dz * 0.5 * np.exp(logvar / 2) * eps  # (5.6)
    return dmu, dlogvar


eps = rng.standard_normal(N)
z = reparameterize(mu, logvar, eps)
check_mc("(5.4) mean of z", z, mu)
check_mc("(5.4) variance of z", (z - mu) ** 2, sigma**2)
p_dmu, p_dlogvar = pathwise(eps, mu, logvar)
check_mc("(5.5) pathwise, dmu", p_dmu, exact_dmu)
check_mc("(5.6) pathwise, dlogvar", p_dlogvar, exact_dlogvar)

# %% [markdown]
# In the package the two lines are `reparameterize` and `reparameterize_grad`. The
# second takes `dz`, whatever the decoder sent back, and with $S$ samples of noise for
# each image it adds up over them, because all of them share one `mu` and one `logvar`.

# %%
z_package = gaussian.reparameterize(mu, logvar, eps)
check("minivae.gaussian.reparameterize", z_package, z, 1e-15)
dz = f_slope(z)
dmu, dlogvar = gaussian.reparameterize_grad(dz, logvar, eps)
check("reparameterize_grad, dmu", dmu, p_dmu, 1e-15)
check("reparameterize_grad, dlogvar", dlogvar, p_dlogvar, 1e-15)

# %% [markdown]
# The picture shows the trick. Each line is one fixed $\varepsilon$; moving $\sigma$
# slides the sample along its line, and the slope of the line is $\varepsilon$. A graph
# of smooth lines can be differentiated. A cloud of points drawn anew for each $\sigma$,
# on the right, cannot.

# %%
noise = rng.standard_normal(24)
widths = np.linspace(0.05, 1.5, 30)
fig, (left, right) = plt.subplots(1, 2, sharey=True)
for e in noise:
    left.plot(widths, mu + widths * e, color=BLUE, lw=1)
left.plot(np.full(24, 0.75), mu + 0.75 * noise, "o", color=BLACK, ms=4)
left.set_title("same noise: paths")
for w in widths:
    right.plot(
        np.full(24, w),
        rng.normal(mu, w, 24),
        ".",
        color=VERMILLION,
        ms=4,
    )
right.set_title("fresh noise: no paths")
for axes in (left, right):
    axes.set_xlabel(r"$\sigma$")
left.set_ylabel("sample $z$")
plt.show()

# %% [markdown]
# And as graphs. Squares are numbers computed from their inputs, the circle is drawn at
# random. A gradient can pass a square. It cannot pass a circle, and on the right it
# need not: the circle has moved to the side, where nothing has to be learned.


# %% tags=["hide-input"]
def node(axes, place, text, colour, shape="round,pad=0.35"):
    axes.text(
        *place,
        text,
        ha="center",
        va="center",
        fontsize=14,
        bbox={
            "boxstyle": shape,
            "fc": "white",
            "ec": colour,
            "lw": 2.2,
        },
    )


def arrow(axes, start, end, colour, dashed=False):
    axes.annotate(
        "",
        end,
        start,
        arrowprops={
            "arrowstyle": "-|>",
            "color": colour,
            "lw": 2,
            "ls": "--" if dashed else "-",
            "shrinkA": 21,
            "shrinkB": 21,
        },
    )


fig, (left, right) = plt.subplots(1, 2)
for axes, works in ((left, False), (right, True)):
    z_at, f_at = (0.5, 0.5), (0.5, 0.94)
    sources = {r"$\mu$": (0.12, 0.06), r"$\sigma$": (0.5, 0.06)}
    for name, place in sources.items():
        arrow(axes, place, z_at, GREEN if works else GREY, not works)
        node(axes, place, name, GREEN if works else GREY)
    arrow(axes, z_at, f_at, GREEN)
    node(axes, f_at, "$f(z)$", GREEN)
    if works:
        arrow(axes, (0.9, 0.06), z_at, ORANGE, True)
        node(
            axes,
            (0.9, 0.06),
            r"$\varepsilon$",
            ORANGE,
            "circle,pad=0.3",
        )
        node(axes, z_at, r"$\mu + \sigma\varepsilon$", GREEN)
    else:
        node(axes, z_at, "$z$", VERMILLION, "circle,pad=0.35")
    axes.set_axis_off()
    axes.set_xlim(-0.05, 1.05)
    axes.set_ylim(-0.05, 1.05)
left.set_title(r"$z \sim \mathcal{N}(\mu, \sigma^2)$: the path ends")
right.set_title(r"$z = \mu + \sigma\varepsilon$: it goes on")
plt.show()

# %% [markdown]
# ## Same mean, other variance
#
# Both estimators have the right mean. What they cost is a matter of their variance: an
# estimator with a hundred times the variance needs a hundred times the samples for the
# same result.
#
# **Predict.** For our one pixel, in one dimension: which has the larger variance, and
# by about which factor? And with 100 latent dimensions?

# %%
print("variance of one sample       dmu   dlogvar")
print(
    f"score function          {s_dmu.var():8.4f}  {s_dlogvar.var():8.4f}"
)
print(
    f"pathwise                {p_dmu.var():8.4f}  {p_dlogvar.var():8.4f}"
)

# %% [markdown]
# In one dimension the two are of the same order; which one wins depends on $f$. With
# many dimensions it is another matter, and one example can be solved to the end. Take
# $f(z) = \frac12 \sum_k z_k^2$ in $K$ dimensions, at $\mu = 0$, $\sigma = 1$, so that
# $z = \varepsilon$. We look at the gradient in the first component, $\mu_1$.
#
# **Pathwise:** the estimate is $\partial f / \partial z_1 = z_1$, with variance
# $\mathbb{E}[z_1^2] = 1$. The other dimensions do not enter.
#
# **Score function:** the estimate is $f(z)\, z_1 = \frac12 T z_1$ with $T = \sum_k
# z_k^2$. The *whole* of $f$ multiplies the score of one dimension. Its mean is zero,
# because it changes sign with $z_1$. So its variance is $\frac14 \mathbb{E}[ T^2
# z_1^2 ]$. Split off the first dimension, $T = z_1^2 + R$, where $R$ is the sum of the
# $n = K - 1$ other squares and independent of $z_1$:
#
# $$
# \mathbb{E}\left[ T^2 z_1^2 \right] = \mathbb{E}\left[ z_1^6 \right]
#   + 2\, \mathbb{E}\left[ z_1^4 \right] \mathbb{E}\left[ R \right]
#   + \mathbb{E}\left[ z_1^2 \right] \mathbb{E}\left[ R^2 \right] .
# $$
#
# The even moments of a standard normal are $1, 3, 15$. $R$ has the mean $n$; each of
# its squares has the variance $3 - 1^2 = 2$, so $R$ has the variance $2n$ and
# $\mathbb{E}[R^2] = n^2 + 2n$. Together $15 + 6n + n^2 + 2n = (n + 3)(n + 5)$, and with
# $n = K - 1$
#
# $$
# \mathrm{Var}\left[ f(z)\, z_1 \right] = \frac{(K + 2)(K + 4)}{4} \tag{5.7}
# $$
#
# The noise of the score function grows like the *square* of the number of dimensions,
# that of the pathwise gradient not at all. The reason is visible in the algebra: the
# pathwise estimator uses the slope of $f$ in direction 1, while the score function sees
# only the value of $f$, and must find out by correlation what part of it was the doing
# of $z_1$.


# %%
def score_variance(K):
    return (K + 2) * (K + 4) / 4  # (5.7)


sizes = [1, 2, 5, 10, 20, 50, 100]
measured = []
for K in sizes:
    z = rng.standard_normal((20_000, K))
    estimate = 0.5 * (z**2).sum(axis=1) * z[:, 0]
    measured.append((estimate.var(), z[:, 0].var()))
    name = f"(5.7) variance of the score function, K = {K}"
    check_mc(name, estimate**2, score_variance(K))
measured = np.array(measured)
check_less("K = 100: thousands of times", 2000, score_variance(100))

K = np.geomspace(1, 100, 50)
plt.figure()
plt.loglog(K, score_variance(K), color=VERMILLION, lw=1.5)
plt.loglog(K, np.ones(50), color=BLUE, lw=1.5)
plt.loglog(sizes, measured[:, 0], "o", color=VERMILLION)
plt.loglog(sizes, measured[:, 1], "o", color=BLUE)
plt.text(
    7, 250, "score function\n(line: 5.7)", color=VERMILLION, ha="center"
)
plt.text(20, 1.6, "pathwise", color=BLUE)
plt.xlabel("latent dimensions $K$")
plt.ylabel("variance of one sample")
plt.title("Why nobody trains a VAE with the score function")
plt.show()

# %% [markdown]
# Exercise 3 shows how far a *baseline* helps. For discrete latents, where there is no
# path to follow, the score function with good baselines is still what one has.
#
# ## One sample, or many?
#
# The article this course grew from says that one sample per image is enough, and so
# does the paper. Why should it be? The gradient that a step uses is an average over $B$
# images *and* their noise. Write $g(x, \varepsilon)$ for the gradient of one image with
# one noise. It varies for two reasons: images differ, and noise differs. The variance
# splits accordingly (the law of total variance), and only the second part is helped by
# $S$ samples:
#
# $$
# \mathrm{Var}\left[ \text{gradient} \right]
#   = \frac1B \left( V_x + \frac{V_\varepsilon}{S} \right) \tag{5.8}
# $$
#
# with $V_x = \mathrm{Var}_x[\mathbb{E}_\varepsilon\, g]$, the variance of what an image
# gives on average, and $V_\varepsilon = \mathbb{E}_x[\mathrm{Var}_\varepsilon\, g]$,
# the average variance that noise causes for one image. The $\frac1B$ is there because
# the images of a batch are drawn independently.
#
# **Predict.** A small VAE on the 8 × 8 digits, trained for a moment. What share of the
# variance of one image's gradient is due to $\varepsilon$: at the head that makes
# $\mu$, at the head that makes $\log \sigma^2$, and in the decoder?

# %%
digits = load_digits()
data = digits.train.reshape(-1, 64).astype(np.float64)
model = VAE.mlp(
    64,
    4,
    hidden=(32,),
    likelihood=Binomial(16),
    rng=rng,
    dtype=np.float64,
)
adam = Adam(lr=5e-3)
for _ in range(500):
    batch = data[rng.integers(len(data), size=32)]
    model.loss(batch, rng.standard_normal((32, 4)))
    model.backward()
    adam.step(model.theta, model.grad)

parts = ["mu_head.b", "logvar_head.b", "decoder.0.b", "decoder.2.b"]


def gradients(batch, S):
    """The gradient of four bias vectors, with fresh noise."""
    model.loss(batch, rng.standard_normal((S, len(batch), 4)))
    model.backward()
    return [model.grads[part].copy() for part in parts]


images, repeats = data[:300], 8
single = [
    [gradients(x[None], 1) for _ in range(repeats)] for x in images
]
V_x, V_eps = {}, {}
print("gradient of        V_x    V_eps  share of the noise")
for i, part in enumerate(parts):
    g = np.array([[draw[i] for draw in row] for row in single])
    V_eps[part] = g.var(axis=1, ddof=1).mean()
    V_x[part] = g.mean(axis=1).var(axis=0, ddof=1).mean()
    V_x[part] -= V_eps[part] / repeats
    share = V_eps[part] / (V_x[part] + V_eps[part])
    print(
        f"{part:14} {V_x[part]:8.2f} {V_eps[part]:8.2f} {share:10.0%}"
    )

# %% [markdown]
# (`V_x` has that part taken off which the noise still adds to averages of only eight.)
# At the end of the decoder the noise hardly matters; at the head of $\log \sigma^2$ it
# is nearly everything, because by (5.6) that gradient is a product with $\varepsilon$,
# of whatever sign it happens to have.
#
# Now (5.8) predicts the variance for any batch and any number of samples. We measure it
# for combinations that **cost the same**: 64 passes through the decoder for each step.


# %%
def gradient_variance(V_x, V_eps, B, S):
    return (V_x + V_eps / S) / B  # (5.8)


for B, S in ((64, 1), (16, 4), (4, 16)):
    picks = rng.integers(len(images), size=(500, B))
    many = [gradients(images[pick], S) for pick in picks]
    for i in (1, 2):
        part = parts[i]
        found = np.var([draw[i] for draw in many], axis=0).mean()
        predicted = gradient_variance(V_x[part], V_eps[part], B, S)
        print(f"B = {B:2}, S = {S:2}: predicted {predicted:.4f}")
        check(f"{part}, ratio to (5.8)", found / predicted, 1.0, 0.25)

# %% [markdown]
# For the same number of decoder passes, more images beat more samples, always: by (5.8)
# an additional image divides both parts, an additional sample only one. This is why
# $S = 1$ with a decent batch is the custom. (Chapter 12 has another use for many
# samples, where they are not averaged but compete.)
#
# ## What goes wrong in practice
#
# We need a test bed whose right answer is known. Let the decoder be linear, $p(x|z) =
# \mathcal{N}(x; wz, c)$. Then the posterior is Gaussian, with
#
# $$
# \frac{1}{\sigma_*^2} = 1 + \frac{w^2}{c} \tag{5.9}
# $$
#
# $$
# \mu_* = \sigma_*^2\, \frac{w x}{c} \tag{5.10}
# $$
#
# Why: $\log p(x|z) + \log p(z) = -\frac{1}{2c}(x - wz)^2 - \frac12 z^2 +
# \text{const}$. The coefficient of $-\frac12 z^2$ is the precision, $\frac{w^2}{c} +
# 1$; that of $z$ is $\frac{wx}{c}$, and it equals precision times mean. So a VAE's $q$
# can be exactly right here, and stochastic descent on $-$ELBO has to end there.
#
# We descend with the pathwise gradient (here $f(z) = (x - wz)^2 / 2c$, and the KL's
# gradient of chapter 4), once done right, and once with each of two mistakes from
# public code:
#
# - **`exp(logvar)` where `exp(logvar / 2)` belongs**, in sampler and gradient alike
#   (seen in ddbourgin/numpy-ml and in keras-team/keras #3283);
# - **new noise** drawn for the backward pass (seen in
#   kwj2104/Simple-Variational-Autoencoder).
#
# **Predict.** Where will $\sigma$ end in each case: too wide, too narrow, untouched?

# %%
w, c, x = 1.5, 0.5, 1.0
best_variance = 1 / (1 + w**2 / c)  # (5.9)
best_mu = best_variance * w * x / c  # (5.10)
z = np.linspace(-9, 9, 4001)
joint = np.exp(
    gaussian.log_normal(x, w * z, np.log(c))
    + gaussian.log_normal(z, 0, 0)
)
posterior = joint / joint.sum()
exact_mean = (posterior * z).sum()
exact_variance = (posterior * (z - exact_mean) ** 2).sum()
check("(5.10) posterior mean", best_mu, exact_mean, 1e-10)
check("(5.9) posterior variance", best_variance, exact_variance, 1e-10)


def descend(power, fresh_noise=False, steps=4000, S=64):
    """Pathwise descent; z = mu + exp(power * logvar) * eps."""
    mu, logvar, path = 0.0, 0.0, []
    for t in range(steps):
        scale = np.exp(power * logvar)
        eps = rng.standard_normal(S)
        dz = -(x - w * (mu + scale * eps)) * w / c
        if fresh_noise:
            eps = rng.standard_normal(S)
        dmu_kl, dlogvar_kl = gaussian.kl_grad(mu, logvar)
        dmu = dz.mean() + dmu_kl
        dlogvar = (dz * power * scale * eps).mean() + dlogvar_kl
        rate = 0.05 / (1 + t / 200)
        mu, logvar = mu - rate * dmu, logvar - rate * dlogvar
        path.append((mu, np.exp(logvar / 2)))
    return np.array(path)


right = descend(power=0.5)
mixed = descend(power=1.0)
new = descend(power=0.5, fresh_noise=True)
best_sigma = np.sqrt(best_variance)
check("mu, done right", right[-1, 0], best_mu, 0.01)
check("sigma, done right", right[-1, 1], best_sigma, 0.01)
with must_fail():
    check("sigma, exp(logvar)", mixed[-1, 1], best_sigma, 0.01)
with must_fail():
    check("sigma, new noise", new[-1, 1], best_sigma, 0.01)

# %%
plt.figure()
steps = 1 + np.arange(len(right))
plt.axhline(best_sigma, color=BLACK, lw=1, ls="--")
plt.plot(steps, new[:, 1], color=VERMILLION)
plt.plot(steps, mixed[:, 1], color=ORANGE)
plt.plot(steps, right[:, 1], color=GREEN)
plt.xscale("log")
plt.ylim(0.3, 1.1)
plt.text(4200, 1.0, "new noise", color=VERMILLION, va="center")
plt.text(4200, 0.53, "exp(logvar)", color=ORANGE, va="bottom")
plt.text(4200, 0.42, "done right", color=GREEN, va="center")
plt.text(1.1, 0.38, r"dashed: $\sigma$ of the true posterior")
plt.xlim(1, 4000)
plt.gca().spines["bottom"].set_bounds(1, 4000)
plt.xlabel("step")
plt.ylabel(r"posterior $\sigma$")
plt.title("Two mistakes that train without complaint")
plt.show()

# %% [markdown]
# Neither crashes, and the loss goes down in both. **New noise:** the path of
# $\log \sigma^2$ multiplies $f'(z)$ by an $\varepsilon'$ that had no part in $z$. The
# two are independent, so the mean of the product is $\mathbb{E}[f'] \cdot
# \mathbb{E}[\varepsilon'] = 0$: pure noise, no signal. Only the KL is left to speak
# about $\sigma$, and it says 1. The means are learned correctly, so pictures look fine.
#
# **`exp(logvar)`:** the samples have the standard deviation $\sigma^2$, the KL thinks
# it is $\sigma$, and what is minimised is not a bound on anything. Setting the
# derivative of $\frac{w^2}{2c} e^{2\ell} + \frac12 (e^\ell - 1 - \ell)$ to zero gives
# $\frac{w^2}{c} u^2 + \frac12 u - \frac12 = 0$ for $u = e^\ell$, and that is where the
# descent went:

# %%
u = (-0.5 + np.sqrt(0.25 + 2 * w**2 / c)) / (2 * w**2 / c)
check("where the mistake ends", mixed[-1, 1], np.sqrt(u), 0.01)

# %% [markdown]
# Which check finds which? **A gradient check with frozen noise** asks whether the
# gradient is that of the loss. New noise fails it at once. But with `exp(logvar)` loss
# and gradient are wrong in the same way, and it passes! That one is found by looking at
# **what is drawn**: the variance of the samples must be the $\sigma^2$ that the KL
# assumes.


# %%
def loss_and_slope(logvar, eps, power, eps_backward):
    """Mean of f, and the slope in logvar that a backward pass claims."""
    scale = np.exp(power * logvar)
    z = mu + scale * eps
    slope = -(x - w * z) * w / c * power * scale * eps_backward
    return ((x - w * z) ** 2 / (2 * c)).mean(), slope.mean()


def check_gradient(name, power, eps_backward):
    h = 1e-5
    slope = loss_and_slope(logvar, eps, power, eps_backward)[1]
    up = loss_and_slope(logvar + h, eps, power, eps_backward)[0]
    down = loss_and_slope(logvar - h, eps, power, eps_backward)[0]
    check(name, slope, (up - down) / (2 * h), 1e-8)


eps = rng.standard_normal(1000)
check_gradient("gradient check, done right", 0.5, eps)
check_gradient("gradient check, exp(logvar) (passes!)", 1.0, eps)
with must_fail():
    other = rng.standard_normal(1000)
    check_gradient("gradient check, new noise", 0.5, other)

z = mu + np.exp(0.5 * logvar) * eps
check_mc("what is drawn, done right", (z - mu) ** 2, np.exp(logvar))
z = mu + np.exp(logvar) * eps
with must_fail():
    name = "what is drawn, exp(logvar)"
    check_mc(name, (z - mu) ** 2, np.exp(logvar))

# %% [markdown]
# Neither check makes the other superfluous. That is why the package's checks form a
# ladder, and why its loss takes `eps` as an **argument**: a loss that draws its own
# noise cannot be checked at all, and offers the second mistake on a plate.
#
# ## Exercises
#
# **1. In $\sigma$ (warm-up).** Suppose the encoder's output were $\sigma$ itself.
# Derive both estimators of $\partial L / \partial \sigma$ and check them on the pixel
# of this chapter. How do they follow from (5.3) and (5.6) without a new derivation?
#
# <details><summary>Hint</summary>
#
# $\log \sigma^2 = 2 \log \sigma$, so $\frac{\partial}{\partial \sigma} =
# \frac{2}{\sigma} \frac{\partial}{\partial \log \sigma^2}$.
#
# </details>

# %% tags=["hide-cell"]
x = 0.8  # the pixel of the beginning
h = 1e-4
up = exact_loss(mu, 2 * np.log(sigma + h))
down = exact_loss(mu, 2 * np.log(sigma - h))
exact_dsigma = (up - down) / (2 * h)
eps = rng.standard_normal(N)
z = mu + sigma * eps
check_mc("pathwise in sigma", f_slope(z) * eps, exact_dsigma)
check_mc("score in sigma", f(z) * (eps**2 - 1) / sigma, exact_dsigma)

# %% [markdown]
# **2. Pairs.** Use each noise twice, as $\varepsilon$ and as $-\varepsilon$
# (*antithetic* samples), and average the two pathwise gradients. Is the result still
# unbiased? For which $f$ does the variance in `dmu` vanish altogether? And for our
# pixel, is it smaller than that of two independent samples? Guess before you run.
#
# <details><summary>Hint</summary>
#
# $-\varepsilon$ has the same distribution as $\varepsilon$. If $f'$ is linear, the two
# errors cancel exactly. If $f'$ looks the same on both sides of $\mu$, like a bump,
# then the second sample only repeats the first.
#
# </details>

# %% tags=["hide-cell"]
plus, minus = (
    pathwise(eps, mu, logvar)[0],
    pathwise(-eps, mu, logvar)[0],
)
paired = (plus + minus) / 2
check_mc("antithetic pairs are unbiased", paired, exact_dmu)
check_less("pairs do harm here", plus.var() / 2, paired.var())
linear = ((mu + sigma * eps) + (mu - sigma * eps)) / 2  # f = z^2 / 2
check("no variance at all for a square", linear, mu, 1e-12)

# %% [markdown]
# **3. A baseline.** Show that $\mathbb{E}_q[\partial \log q / \partial \mu] = 0$, so
# that $f(z) - b$ may replace $f(z)$ in (5.1) for any constant $b$. Then show that in
# the example of (5.7), $b = \mathbb{E}[f] = K/2$ brings the variance down to
# $(K + 4)/2$. And what if the baseline is the average of $f$ over the $S$ samples of
# the batch, *including the one it is subtracted from*?
#
# <details><summary>Hint</summary>
#
# $\int q\, \partial \log q = \int \partial q = \partial \int q = \partial 1 = 0$. For
# the last question, write the average as $\frac1S f(z_s)$ plus the others, which are
# independent of $z_s$.
#
# </details>

# %% tags=["hide-cell"]
for K in (1, 10, 100):
    z = rng.standard_normal((20_000, K))
    squares = (z**2).sum(axis=1)
    estimate = 0.5 * (squares - K) * z[:, 0]
    check_mc(f"with baseline, K = {K}", estimate**2, (K + 4) / 2)
# The greedy baseline is biased: the gradient shrinks by 1 - 1/S.
S = 2
z = rng.normal(mu, sigma, (N, S))
values, scores = f(z), (z - mu) / sigma**2
own = values - values.mean(axis=1, keepdims=True)
estimate = (own * scores).mean(axis=1)
check_mc("sees its own sample", estimate, (1 - 1 / S) * exact_dmu)
with must_fail():
    check_mc("sees its own sample", estimate, exact_dmu)

# %% [markdown]
# **4. Other paths.** An exponential $z$ with rate $\lambda$ and density
# $\lambda e^{-\lambda z}$ can be drawn as $z = -\log(u) / \lambda$ with $u$ uniform.
# Derive the pathwise gradient of $\mathbb{E}[z^2] = 2 / \lambda^2$ in $\lambda$, and
# check it.
#
# <details><summary>Hint</summary>
#
# $\partial z / \partial \lambda = -z / \lambda$.
#
# </details>

# %% tags=["hide-cell"]
lam = 1.7
z = rng.exponential(1 / lam, N)
check_mc("exponential", 2 * z * (-z / lam), -4 / lam**3)

# %% [markdown]
# **5. Without a formula for the path (towards research).** For many distributions no
# one knows a closed path, but their distribution function $F(z; \theta)$ is known.
# Holding the noise fixed means holding $F$ fixed along the path:
#
# $$
# 0 = \frac{d}{d\theta} F(z; \theta)
#   = \frac{\partial F}{\partial \theta} + q(z)\, \frac{dz}{d\theta} .
# $$
#
# Solve for $dz / d\theta$; show that the Gaussian gives the path of (5.4) back; then
# find the gradient of $\mathbb{E}[z^2]$ in the *mixing weight* $\pi$ of the mixture
# $\pi \mathcal{N}(-1, \frac14) + (1 - \pi) \mathcal{N}(2, 1)$, whose samples jump
# from one hill to the other.
#
# <details><summary>Hint</summary>
#
# $dz/d\pi = -(F_1(z) - F_2(z)) / q(z)$ with the distribution functions of the two
# parts; `math.erf` gives them. The exact answer is the difference of the two second
# moments, $1.25 - 5$.
#
# </details>

# %% tags=["hide-cell"]
erf = np.vectorize(math.erf)


def normal_cdf(z, mean, std):
    return 0.5 * (1 + erf((z - mean) / (std * np.sqrt(2))))


pi, n = 0.4, 50_000
first = rng.random(n) < pi
z = np.where(first, rng.normal(-1, 0.5, n), rng.normal(2, 1, n))
q1 = np.exp(gaussian.log_normal(z, -1, np.log(0.25)))
q2 = np.exp(gaussian.log_normal(z, 2, 0.0))
dF = normal_cdf(z, -1, 0.5) - normal_cdf(z, 2, 1)
dz_dpi = -dF / (pi * q1 + (1 - pi) * q2)
check_mc("implicit path of a mixture", 2 * z * dz_dpi, 1.25 - 5)

# %% [markdown]
# ## Sources
#
# - D. P. Kingma, M. Welling, *Auto-Encoding Variational Bayes*, ICLR 2014, section 2.4
#   (the trick) and section 2.3 (one sample for batches of 100).
# - D. J. Rezende, S. Mohamed, D. Wierstra, *Stochastic Backpropagation and Approximate
#   Inference in Deep Generative Models*, ICML 2014: the same idea, found independently.
# - R. J. Williams, *Simple Statistical Gradient-Following Algorithms for Connectionist
#   Reinforcement Learning*, Machine Learning 8, 1992: the score function as REINFORCE.
# - S. Mohamed, M. Rosca, M. Figurnov, A. Mnih, *Monte Carlo Gradient Estimation in
#   Machine Learning*, JMLR 21, 2020, sections 4 and 5: both estimators, with proofs of
#   when the derivative may go inside.
# - M. Figurnov, S. Mohamed, A. Mnih, *Implicit Reparameterization Gradients*, NeurIPS
#   2018: exercise 5.
#
# ## What to read next
#
# Chapter 6 sends gradients through the layers of the networks, by hand. The survey by
# Mohamed and others above is the best hundred pages on everything in this chapter.
