# %% [markdown]
# # 5. The reparameterization trick
#
# The decoder is an ordinary network, and its gradient arrives at $z$ in the ordinary
# way. But $z$ was drawn at random. What is the derivative of a random number in the
# mean of the distribution that it came from? There are two good answers. One needs no
# derivative of the decoder and is noisy; the other is one line of algebra, and it is
# what made variational autoencoders trainable.
#
# **What you will learn**
#
# - what exactly breaks when a program draws a sample, and what does not;
# - two estimators of the same gradient: the score function and the pathwise
#   derivative, both derived and both checked against an integral;
# - how their variances grow with the latent dimension, by formula and on a VAE;
# - when one sample of the noise is enough;
# - two classic mistakes: variance for standard deviation, and new noise in the backward
#   pass.
#
# **What you need:** [chapter 4](04_kl_of_two_gaussians.py) (the Gaussian and its
# logarithm), the chain rule. About 80 minutes, without the exercises.
#
# **Symbols of this chapter:** $f(z)$ the loss of one sample, $-\log p(x|z)$; $\ell$
# stands for $\log \sigma^2$; `dmu`, `dlogvar`, `dz` for $\partial L / \partial \mu$ and
# so on; $b$ a baseline; $B$ images, $S$ samples of the noise for each; $V_x$ and
# $V_\varepsilon$ the variances due to image and noise; $\delta$ a small step.

# %%
import matplotlib.pyplot as plt
import numpy as np

from checks import BLACK, BLUE, GREEN, GREY, ORANGE, VERMILLION
from checks import box, check, check_less, check_mc, generator
from checks import link, must_fail, style
from minivae import VAE, Adam, Binomial, gaussian
from minivae.datasets import load_digits

style()
rng = generator(5)

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
# the $z$ of a real model has too many dimensions for an integral.
#
# For this chapter one pixel is enough, with the decoder $y = \tanh 2z$ and half the
# squared distance from $x = 0.8$ as its loss. In one dimension we *can* integrate.

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


mu, logvar = -0.3, -0.9
sigma = np.exp(logvar / 2)


def slope_of(loss, at, d=1e-4):
    return (loss(at + d) - loss(at - d)) / (2 * d)


exact_dmu = slope_of(lambda m: exact_loss(m, logvar), mu)
exact_dlogvar = slope_of(lambda lv: exact_loss(mu, lv), logvar)
print(f"exact: dmu = {exact_dmu:.6f}, dlogvar = {exact_dlogvar:.6f}")

# %% [markdown]
# ## Where the graph breaks
#
# A program computes $L$ by drawing `z = rng.normal(mu, sigma)` and averaging `f(z)`.
# Backpropagation walks back through each line and asks for its derivative. The line
# that draws has none: run it twice with the same `mu` and it gives two different
# numbers, so `z` is not a function of `mu`. Finite differences make that visible.
#
# **Predict.** We estimate $dL/d\mu$ as $\frac{1}{2 \delta} \left( f(z') - f(z'')
# \right)$, with $z'$ drawn at $\mu + \delta$ and $z''$ at $\mu - \delta$. What happens
# to the scatter of this estimate when $\delta$ becomes small?

# %% tags=["hide-output"]
steps = 10.0 ** -np.arange(0, 5)
fresh, frozen = [], []
eps = rng.standard_normal(10_000)
print("delta    spread, fresh noise   spread, same noise")
for d in steps:
    draws = slope_of(lambda m: f(rng.normal(m, sigma, 10_000)), mu, d)
    fresh.append(draws.std())
    draws = slope_of(lambda m: f(m + sigma * eps), mu, d)
    frozen.append(draws.std())
    print(f"{d:<8g} {fresh[-1]:12.2f} {frozen[-1]:20.3f}")
check_less("a hundred times the noise", 90, fresh[3] / fresh[1])
check_less("the same noise does not care", frozen[3] / frozen[1], 1.2)

# %% [markdown]
# With fresh noise the scatter grows like $1 / \delta$. The second column shows the way
# out: both sides use **the same noise** `eps`, with $z = \mu + \sigma \varepsilon$. It
# is often said that gradients cannot pass through sampling. What has no derivative is
# the *sample*. The *average* $L$ has one, computed above; how can it be estimated?
#
# ## First way: differentiate the density
#
# In the integral, $\mu$ appears only in $q$. Move the derivative inside (allowed if the
# derivative of $q f$ in $\mu$ stays below some integrable function near $\mu$; for a
# Gaussian $q$ it does if $f$ grows at most like $e^{a z^2}$ with $a < 1 / 2 \sigma^2$;
# this $f$ may have jumps):
#
# $$
# \frac{\partial}{\partial \mu} \int q(z)\, f(z)\, dz
#   = \int \frac{\partial q(z)}{\partial \mu}\, f(z)\, dz .
# $$
#
# This is no longer an average under $q$. But $\frac{\partial \log q}{\partial \mu} =
# \frac1q \frac{\partial q}{\partial \mu}$, so $\frac{\partial q}{\partial \mu} = q\,
# \frac{\partial \log q}{\partial \mu}$, and $q$ is back:
#
# $$
# \frac{\partial L}{\partial \mu} = \mathbb{E}_q \left[ f(z) \,
#   \frac{\partial \log q(z)}{\partial \mu} \right] \tag{5.1}
# $$
#
# and the same with $\log \sigma^2$. The derivative of a log-density in a parameter is
# called the *score*, hence the name **score-function estimator**. ([Chapter
# 3](03_classical_variational_inference.py) climbs the ELBO of a black box with it.) Our
# Gaussian has $\log q = -\frac12 (\log 2 \pi + \ell + (z - \mu)^2 e^{-\ell})$, which is
# (4.1), and the derivatives are
#
# $$
# \frac{\partial \log q(z)}{\partial \mu} = \frac{z - \mu}{\sigma^2} \tag{5.2}
# $$
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
check_mc("(5.1), (5.3) and dlogvar", s_dlogvar, exact_dlogvar)

package = gaussian.log_normal_grad(z, mu, logvar)
check("package: score of mu", package[1], score(z, mu, logvar)[0], 1e-9)
check("package: of logvar", package[2], score(z, mu, logvar)[1], 1e-9)

# %% [markdown]
# The estimator does not use the derivative of $f$: the decoder may even round.
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
# does not contain them. The derivative goes inside the average **if $f$ is
# continuous**, differentiable but for isolated kinks, and $|f'|$ stays below a function
# with a finite mean (Mohamed and others, section 5.3.2). Kinks, such as those of a
# ReLU, are allowed; jumps are not, for a reason that we shall see. The chain rule does
# the rest. From (5.4), $\frac{\partial z}{\partial \mu} = 1$:
#
# $$
# \frac{\partial L}{\partial \mu} = \mathbb{E}_{\varepsilon} [ f'(z) ] \tag{5.5}
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
# In the package these are `reparameterize` and `reparameterize_grad`. The second takes
# the `dz` that the decoder sends back. With $S$ samples of noise for each image it sums
# over them, because all of them share one `mu` and one `logvar`.

# %%
package = gaussian.reparameterize(mu, logvar, eps)
check("minivae.gaussian.reparameterize", package, z, 1e-15)
dmu, dlogvar = gaussian.reparameterize_grad(f_slope(z), logvar, eps)
check("reparameterize_grad, dmu", dmu, p_dmu, 1e-15)
check("reparameterize_grad, dlogvar", dlogvar, p_dlogvar, 1e-15)

# %% [markdown]
# **A jump.** Let $f$ be a step, 1 for $z > 0$ and 0 elsewhere. Then $L$ is the
# probability of $z > 0$, and moving $\mu$ changes it by the density at the edge,
# $\partial L / \partial \mu = \mathcal{N}(0; \mu, \sigma^2)$.
#
# **Predict.** What does each of the two estimators give?


# %% tags=["hide-output"]
def step(z):
    return (z > 0).astype(float)


at_edge = np.exp(gaussian.log_normal(0.0, mu, logvar))
by_score = step(z) * score(z, mu, logvar)[0]
check_mc("a step: score function", by_score, at_edge)
step_slope = (step(z + 1e-9) - step(z - 1e-9)) / 2e-9
print(f"samples with a slope other than 0: {(step_slope != 0).sum()}")
with must_fail():
    check("a step: pathwise", np.mean(step_slope), at_edge, 0.01)

# %% [markdown]
# The slope of a step is zero at every sample, and so is the pathwise estimate, with no
# scatter to warn us. A decoder that rounds has such an $f$.
#
# The picture shows the trick. Each line belongs to one fixed $\varepsilon$, its slope;
# a change of $\sigma$ moves the sample along the line, which has a derivative. A cloud
# of points drawn anew for each $\sigma$ has none.

# %% tags=["hide-input"]
# Figure: Left, samples against sigma with the noise held fixed:
# straight lines that fan out from the mean. Right, fresh noise for
# each sigma: a cloud of points without any line.
noise = rng.standard_normal(24)
widths = np.linspace(0.05, 1.5, 30)
fig, (left, right) = plt.subplots(1, 2, sharey=True)
left.plot(widths, mu + np.outer(widths, noise), color=BLUE, lw=1)
left.plot(np.full(24, 0.75), mu + 0.75 * noise, "o", color=BLACK, ms=4)
clouds = rng.normal(mu, widths[:, None], (30, 24))
right.plot(widths, clouds, ".", color=VERMILLION, ms=4)
left.set(title="same noise: paths", xlabel=r"$\sigma$", ylabel="$z$")
right.set(title="fresh noise: no paths", xlabel=r"$\sigma$")
plt.show()

# %% [markdown]
# <div data-moving="noise"></div>
#
# *The book lets you move $\sigma$.* Try: slide it to and fro, then draw a fresh
# $\varepsilon$. The blue points move along their lines and their mean loss along a
# smooth curve; the red points and their mean loss jump.
#
# The same as graphs. Boxes are computed from their inputs; the circle is drawn at
# random. On the left the derivatives (red) stop at the draw. On the right they pass,
# because the circle is an input of its own, without parameters.

# %% tags=["hide-input"]
# Figure: Two graphs. On the left z is drawn at random from mu and
# sigma, and the derivative stops there. On the right z is computed
# from mu, sigma and epsilon, and the derivative goes on to mu and
# sigma.
fig, panels = plt.subplots(1, 2)
red = {"color": VERMILLION, "ha": "center"}
for axes, works in zip(panels, (False, True), strict=True):
    for start in ((0.1, 0.05), (0.5, 0.05), (0.95, 0.05))[: 2 + works]:
        link(axes, start, (0.5, 0.5))
    link(axes, (0.5, 0.5), (0.5, 0.95))
    box(axes, (0.1, 0.05), r"$\mu$", GREY)
    box(axes, (0.5, 0.05), r"$\sigma$", GREY)
    box(axes, (0.5, 0.95), "$f(z)$", GREY)
    axes.text(0.6, 0.7, "dz", **red)
    if works:
        circle = "circle,pad=0.3"
        box(axes, (0.95, 0.05), r"$\varepsilon$", ORANGE, circle)
        box(axes, (0.5, 0.5), r"$z = \mu + \sigma\varepsilon$", GREEN)
        axes.text(0.08, 0.27, "dz", **red)
        axes.text(0.6, 0.23, "dz · ε", **red)
    else:
        box(axes, (0.5, 0.5), "$z$", ORANGE, "circle,pad=0.35")
        axes.text(0.82, 0.46, "no derivative", **red)
    axes.set(xlim=(-0.1, 1.1), ylim=(-0.08, 1.08))
    axes.set_axis_off()
panels[0].set_title(r"$z \sim \mathcal{N}(\mu, \sigma^2)$: path ends")
panels[1].set_title(r"$z = \mu + \sigma\varepsilon$: path goes on")
plt.show()

# %% [markdown]
# ## Same mean, other variance
#
# Both estimators have the right mean. One with a hundred times the variance needs a
# hundred times the samples for the same standard error.
#
# **Predict.** For our one pixel, in one dimension: which has the larger variance, and
# by about what factor? And with 100 latent dimensions?

# %% tags=["hide-output"]
pairs = ("dmu", s_dmu, p_dmu, 2), ("dlogvar", s_dlogvar, p_dlogvar, 20)
print("variance    score function   pathwise   ratio")
for name, score_, path, least in pairs:
    a, b = score_.var(), path.var()
    print(f"{name:8} {a:17.4f} {b:10.4f} {a / b:7.1f}")
    check_less("  the path wins, ratio", least, a / b)

# %% [markdown]
# Even in one dimension the score function is 4 times as noisy in $\mu$ and 37 times in
# $\log \sigma^2$, for this $f$. How does the ratio grow with $K$? One example has a
# closed form. Take $f(z) = \frac12 \sum_k z_k^2$ in $K$ dimensions, at $\mu = 0$,
# $\sigma = 1$, so that $z = \varepsilon$. We look at the gradient in the first
# component, $\mu_1$. (Its true value is 0 here, so what we compare is pure noise.)
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
# \mathbb{E}[ T^2 z_1^2 ] = \mathbb{E}[ z_1^6 ]
#   + 2\, \mathbb{E}[ z_1^4 ]\, \mathbb{E}[R] + \mathbb{E}[z_1^2]\, \mathbb{E}[R^2] .
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
# **With a baseline** the comparison is fairer. The mean of the score is zero (exercise
# 3), so any constant $b$ may be subtracted from $f$. Here $b = \mathbb{E}[f] = K/2$
# brings (5.7) down to $(K + 4) / 2$, which grows like $K$ instead of $K^2$.
#
# At $K = 100$ the variances are 2652 without baseline, 52 with it, and 1 along the
# path. The pathwise variance does not grow at all: that estimator uses the slope of $f$
# in direction 1, while the score function sees only the value of $f$ and must find out
# by correlation which part of it is due to $z_1$.


# %%
def score_variance(K):
    return (K + 2) * (K + 4) / 4  # (5.7)


for K in (1, 10, 100):
    z = rng.standard_normal((20_000, K))
    squares = (z**2).sum(axis=1)
    plain = 0.5 * squares * z[:, 0]
    based = 0.5 * (squares - K) * z[:, 0]
    check_mc(f"(5.7) K = {K}", plain**2, score_variance(K))
    check_mc("  with baseline", based**2, (K + 4) / 2)

# %% [markdown]
# Now for a VAE. We train a small one briefly on the 8 × 8 digits and compare on 100
# images: for each image the variance of `dmu` over 400 samples of the noise. The
# baseline of each sample is the mean of $f$ over the image's *other* samples, so that
# the estimate stays unbiased ([chapter 3](03_classical_variational_inference.py) shows
# what happens otherwise).

# %%
data = load_digits().train.reshape(-1, 64).astype(np.float64)
model = VAE.mlp(64, 4, (32,), Binomial(16), rng=rng, dtype=np.float64)
adam = Adam(lr=5e-3)
for _ in range(500):
    batch = data[rng.integers(len(data), size=32)]
    model.loss(batch, rng.standard_normal((32, 4)))
    model.backward()
    adam.step(model.theta, model.grad)


def per_image(x, eps):
    """f, dy and dz of each image and sample; eps is (S, B, K)."""
    mu, logvar = model.encode(x)
    z = gaussian.reparameterize(mu, logvar, eps)
    log_p = model.likelihood.log_prob(x, model.decoder_output(z))
    dy = model.likelihood.backward(-np.ones_like(log_p))
    dz = model.decoder.backward(dy.reshape(-1, 64)).reshape(eps.shape)
    return -log_p, dy, dz


S, images = 400, data[:100]
eps = rng.standard_normal((S, 100, 4))
values, _, dz = per_image(images, eps)
sigmas = np.exp(model.encode(images)[1] / 2)
others = (values.sum(axis=0) - values) / (S - 1)
by_score = (values - others)[..., None] * eps / sigmas
gap = (by_score - dz).mean(axis=0)  # (100, 4): of mean zero
noise = (by_score - dz).std(axis=0) / np.sqrt(S)
check_mc("score and path agree", (gap / noise).ravel(), 0.0)
ratio = by_score.var(axis=0).mean(axis=1) / dz.var(axis=0).mean(axis=1)
tenth = np.quantile(ratio, 0.1)
print(
    f"variance of dmu, score over path: median {np.median(ratio):.0f}"
)
print(f"  above {tenth:.0f} on 90 % of the images")
check_less("the path wins on most images", 2, tenth)

# %% [markdown]
# So a VAE could be trained with the score function, at the price of about eight times
# the samples in four latent dimensions. For discrete latents, where there is no path,
# the score function with good baselines is still the usual unbiased estimator.
#
# ## One sample, or many?
#
# Kingma and Welling (section 2.3) found one sample per image enough, in batches of 100.
# When is it? The gradient that a step uses is an average over $B$ images *and* their
# noise. Write $G$ for the gradient of one image with one noise. The variance has two
# parts (the law of total variance), and $S$ samples of the noise reduce only the
# second:
#
# $$
# \mathrm{Var}\left[ \text{gradient} \right]
#   = \frac1B \left( V_x + \frac{V_\varepsilon}{S} \right) \tag{5.8}
# $$
#
# with $V_x = \mathrm{Var}_x[\mathbb{E}_\varepsilon\, G]$, the variance of what an image
# gives on average, and $V_\varepsilon = \mathbb{E}_x[\mathrm{Var}_\varepsilon\, G]$,
# the average variance that noise causes for one image.
#
# **Predict.** What share of the variance of one image's gradient is due to
# $\varepsilon$: at the bias of the head that makes $\mu$, at that of the head that
# makes $\log \sigma^2$, and at the last bias of the decoder?


# %%
def gradients(x, eps):
    """The gradient of three biases for each image and sample."""
    _, dy, dz = per_image(x, eps)
    mu, logvar = model.encode(x)
    dmu_kl, dlogvar_kl = gaussian.kl_grad(mu, logvar)
    dlogvar = dlogvar_kl + dz * np.exp(logvar / 2) * eps / 2
    return {
        "mu_head.b": dz + dmu_kl,
        "logvar_head.b": dlogvar,
        "decoder.2.b": dy,
    }


eps = rng.standard_normal((3, 100, 4))
model.loss(images, eps)
model.backward()
package = {part: grad.copy() for part, grad in model.grads.items()}
for part, G in gradients(images, eps).items():
    ours = G.mean(axis=(0, 1))
    check(f"minivae: {part}", ours, package[part], 1e-9)

# %% tags=["hide-output"]
V_x, V_eps, error = {}, {}, {}
print("gradient of        V_x    V_eps  share of the noise")
S, rounds = 100, 8
drawn = []
for _ in range(rounds):
    drawn.append(gradients(images, rng.standard_normal((S, 100, 4))))
for part in drawn[0]:
    G = [d[part] for d in drawn]
    V = np.array([d.var(axis=0, ddof=1).mean() for d in G])
    V_eps[part], error[part] = V.mean(), V.std() / np.sqrt(rounds - 1)
    mean = np.mean([d.mean(axis=0) for d in G], axis=0)
    V_x[part] = mean.var(axis=0).mean() - V_eps[part] / (S * rounds)
    share = V_eps[part] / (V_x[part] + V_eps[part])
    print(f"{part:14} {V_x[part]:8.2f} {V_eps[part]:8.2f} {share:9.0%}")

# %% [markdown]
# At the end of the decoder the noise hardly matters; at the head of $\log \sigma^2$ it
# is nearly everything, because by (5.6) that gradient is a product with $\varepsilon$,
# of either sign. We check (5.8) with 2000 batches for each of three ways to spend $B
# S = 16$ passes through the decoder, to four standard errors of the difference.


# %%
def gradient_variance(V_x, V_eps, B, S):
    return (V_x + V_eps / S) / B  # (5.8)


R = 2000
for B, S in ((16, 1), (4, 4), (1, 16)):
    picks = rng.integers(100, size=R * B)
    many = gradients(images[picks], rng.standard_normal((S, R * B, 4)))
    for part in ("mu_head.b", "logvar_head.b"):
        G = many[part].mean(axis=0).reshape(R, B, 4).mean(axis=1)
        squares = ((G - G.mean(axis=0)) ** 2).mean(axis=1)
        predicted = gradient_variance(V_x[part], V_eps[part], B, S)
        se = np.hypot(squares.std() / np.sqrt(R), error[part] / (B * S))
        name = f"(5.8) B = {B}, S = {S}: {part}"
        check(name, squares.mean(), predicted, 4 * se)

# %% [markdown]
# For the same number of *decoder* passes, more images beat more samples: by (5.8) an
# additional image divides both parts, an additional sample only one. But an image costs
# a pass through the encoder as well: $c_{\mathrm{enc}}$ in addition to $S$ times
# $c_{\mathrm{dec}}$. At a given total cost the number of images is proportional to $1 /
# (c_{\mathrm{enc}} + S c_{\mathrm{dec}})$, so what counts is the product
# $(c_{\mathrm{enc}} + S c_{\mathrm{dec}}) (V_x + V_\varepsilon / S)$. Its derivative in
# $S$ is $c_{\mathrm{dec}} V_x - c_{\mathrm{enc}} V_\varepsilon / S^2$ and vanishes at
#
# $$
# S^* = \sqrt{ \frac{V_\varepsilon\, c_{\mathrm{enc}}}{V_x\, c_{\mathrm{dec}}} } .
#   \tag{5.9}
# $$


# %%
def best_S(V_x, V_eps, c_enc, c_dec):
    return np.sqrt(V_eps * c_enc / (V_x * c_dec))  # (5.9)


grid = np.geomspace(0.01, 100, 20_001)
for part in V_x:
    V = V_x[part], V_eps[part]
    images_per_cost = 1 / (3.0 + grid)  # c_enc = 3, c_dec = 1
    by_search = gradient_variance(*V, images_per_cost, grid).argmin()
    S_star = best_S(*V, 3.0, 1.0)
    check(f"(5.9) {part}", S_star / grid[by_search], 1.0, 1e-3)
    print(f"  if both cost the same: {best_S(*V, 1.0, 1.0):.2f}")

# %% [markdown]
# With an encoder as costly as the decoder, one sample is best for the last bias of the
# decoder and near the best for the head of $\mu$; for the head of $\log \sigma^2$ about
# six are. All parameters share one $S$, so $S = 1$ is a compromise.
#
# ## What goes wrong in practice
#
# Let the decoder be linear, $p(x|z) = \mathcal{N}(x; W z, c)$ with one number $W$. Then
# the posterior is a Gaussian with the precision $1 / \sigma_*^2 = 1 + W^2 / c$ and the
# mean $\sigma_*^2\, W x / c$ ([chapter 2](02_the_elbo_twice.py), equations 2.6 and
# 2.7), and stochastic descent on $-$ELBO must end there.
#
# We descend with the pathwise gradient (here $f(z) = (x - W z)^2 / 2c$, and the KL's
# gradient of chapter 4), once done right, and once with each of two mistakes from
# public code:
#
# - **`exp(logvar)` where `exp(logvar / 2)` belongs**, in sampler and gradient alike
#   (seen in ddbourgin/numpy-ml and in keras-team/keras #3283);
# - **new noise** drawn for the backward pass (seen in
#   kwj2104/Simple-Variational-Autoencoder).
#
# **Predict.** Where will $\sigma$ end in each case? With the first mistake there are
# two values: the claimed one, $e^{\ell/2}$, which enters the KL, and the one with which
# samples are drawn.

# %% tags=["hide-output"]
W, c, x = 1.5, 0.5, 1.0
best_var = 1 / (1 + W**2 / c)
best_mu = best_var * W * x / c


def descend(power, fresh_noise=False, steps=4000, S=64):
    """Pathwise descent; z = mu + exp(power * logvar) * eps."""
    mu, logvar = 0.0, 0.0
    for t in range(steps):
        scale = np.exp(power * logvar)
        eps = rng.standard_normal(S)
        dz = -(x - W * (mu + scale * eps)) * W / c
        if fresh_noise:
            eps = rng.standard_normal(S)
        dmu_kl, dlogvar_kl = gaussian.kl_grad(mu, logvar)
        dmu = dz.mean() + dmu_kl
        dlogvar = (dz * power * scale * eps).mean() + dlogvar_kl
        rate = 0.05 / (1 + t / 200)
        mu, logvar = mu - rate * dmu, logvar - rate * dlogvar
    return mu, np.exp(logvar / 2), np.exp(power * logvar)


right = descend(power=0.5)
mixed = descend(power=1.0)
new = descend(power=0.5, fresh_noise=True)
best_sigma = np.sqrt(best_var)
check("mu, done right", right[0], best_mu, 0.02)
check("sigma, done right", right[1], best_sigma, 0.02)
names = "new noise", "exp(logvar), claimed", "exp(logvar), drawn"
for name, value in zip(names, (new[1], *mixed[1:]), strict=True):
    with must_fail():
        check(f"sigma, {name}", value, best_sigma, 0.02)

# %% [markdown]
# Neither crashes. **New noise: too wide.** The gradient of $\log \sigma^2$ multiplies
# $f'(z)$ by an independent $\varepsilon'$, so the product has the mean $\mathbb{E}[f']
# \cdot \mathbb{E}[\varepsilon'] = 0$. Only the KL acts on $\sigma$, and pulls it to 1.
#
# **`exp(logvar)`: claimed too wide, drawn too narrow.** The samples have the standard
# deviation $\sigma^2$ while the KL assumes $\sigma$, so what is minimised is the
# $-$ELBO of neither. Setting the derivative of $\frac{W^2}{2c} e^{2\ell} + \frac12
# (e^\ell - 1 - \ell)$ in $\ell$ to zero gives $\frac{W^2}{c} u^2 + \frac12 u -
# \frac12 = 0$ for $u = e^\ell$. So it draws with $u = 0.28$ and claims $\sqrt u =
# 0.53$; the right value is 0.43.
#
# **A gradient check with frozen noise** finds new noise at once. But with `exp(logvar)`
# loss and gradient are wrong in the same way, and the check passes! That mistake shows
# in **what is drawn**: the variance of the samples must be the $\sigma^2$ that the KL
# assumes.

# %%
u = (-0.5 + np.sqrt(0.25 + 2 * W**2 / c)) / (2 * W**2 / c)
check("where the mistake ends, drawn", mixed[2], u, 0.02)
check("  and claimed", mixed[1], np.sqrt(u), 0.02)

eps = rng.standard_normal(1000)
other = rng.standard_normal(1000)


def check_gradient(name, power, eps_backward):
    def loss(logvar):
        z = mu + np.exp(power * logvar) * eps
        return ((x - W * z) ** 2 / (2 * c)).mean()

    scale = np.exp(power * logvar)
    z = mu + scale * eps
    claimed = -(x - W * z) * W / c * power * scale * eps_backward
    check(name, claimed.mean(), slope_of(loss, logvar, 1e-5), 1e-8)


check_gradient("gradient check, done right", 0.5, eps)
check_gradient("gradient check, exp(logvar) (passes!)", 1.0, eps)
with must_fail():
    check_gradient("gradient check, new noise", 0.5, other)

drawn = (np.exp(0.5 * logvar) * eps) ** 2
check_mc("what is drawn, done right", drawn, np.exp(logvar))
drawn = (np.exp(logvar) * eps) ** 2
with must_fail():
    check_mc("what is drawn, exp(logvar)", drawn, np.exp(logvar))

# %% [markdown]
# Both checks are needed ([chapter 14](14_zoo_of_bugs.py)). The package's loss takes
# `eps` as an **argument**: a loss that draws its own noise invites the second mistake.
#
# ## Exercises
#
# **1. In $\sigma$ (warm-up).** Suppose the encoder's output were $\sigma$ itself.
# Derive both estimators of $\partial L / \partial \sigma$ and check them on the pixel
# of this chapter. How do they follow from (5.3) and (5.6) without a new derivation?
#
# <details><summary>Hint</summary>
#
# A change of variable is one more factor in the chain rule.
#
# </details>
#
# <details><summary>Answer</summary>
#
# $\log \sigma^2 = 2 \log \sigma$, so $\frac{\partial}{\partial \sigma} =
# \frac{2}{\sigma} \frac{\partial}{\partial \log \sigma^2}$. With it (5.6) becomes
# $f'(z)\, \varepsilon$ and (5.3) $(\varepsilon^2 - 1) / \sigma$.
#
# </details>

# %% tags=["hide-cell"]
x, N = 0.8, 400_000  # the pixel of the beginning
exact_dsigma = slope_of(lambda s: exact_loss(mu, 2 * np.log(s)), sigma)
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
# What is the distribution of $-\varepsilon$? Then draw $f'$ for a parabola and for our
# pixel, and mark $\mu \pm \sigma \varepsilon$.
#
# </details>
#
# <details><summary>Answer</summary>
#
# Unbiased, since $-\varepsilon$ has the same distribution. If $f'$ is linear, so that
# $f$ is a parabola, the two errors cancel exactly. If $f'$ looks the same on both sides
# of $\mu$, like a bump, the second sample repeats the first and a pair is worth one
# sample. For our pixel it is nearly so.
#
# </details>

# %% tags=["hide-cell"]
plus = pathwise(eps, mu, logvar)[0]
minus = pathwise(-eps, mu, logvar)[0]
paired = (plus + minus) / 2
check_mc("antithetic pairs are unbiased", paired, exact_dmu)
check_less("pairs do harm here", plus.var() / 2, paired.var())

# %% [markdown]
# **3. A baseline (towards research).** Show that $\mathbb{E}_q[\partial \log q /
# \partial \mu] = 0$, so that $f(z) - b$ may replace $f(z)$ in (5.1) for any constant
# $b$. Then show that in the example of (5.7), $b = K/2$ gives the variance $(K + 4)/2$.
# Is it the best constant?
#
# <details><summary>Hint</summary>
#
# For the first part differentiate $\int q = 1$. For the second, subtract from (5.7)
# what the constant changes in $\mathbb{E}[(f - b)^2 z_1^2]$.
#
# </details>
#
# <details><summary>Answer</summary>
#
# $\int q\, \partial \log q = \int \partial q = \partial \int q = \partial 1 = 0$. With
# $f = \frac12 T$, $\mathbb{E}[(f - b)^2 z_1^2] = \frac14 (K+2)(K+4) - b\, \mathbb{E}[T
# z_1^2] + b^2$, and $\mathbb{E}[T z_1^2] = 3 + (K - 1) = K + 2$. At $b = K/2$ this is
# $\frac14 (K^2 + 6K + 8 - 2K^2 - 4K + K^2) = (K + 4)/2$. The best constant is $b = (K +
# 2)/2$, with the variance $(K + 2)/2$: one less.
#
# </details>

# %% tags=["hide-cell"]
for K in (1, 10, 100):
    z = rng.standard_normal((20_000, K))
    squares = (z**2).sum(axis=1)
    estimate = 0.5 * (squares - K - 2) * z[:, 0]
    check_mc(f"best baseline, K = {K}", estimate**2, (K + 2) / 2)

# %% [markdown]
# ## Sources
#
# - D. P. Kingma, M. Welling, *Auto-Encoding Variational Bayes*, ICLR 2014, [arXiv
#   1312.6114](https://arxiv.org/abs/1312.6114), section 2.4 (the trick) and section 2.3
#   (one sample for batches of 100).
# - D. J. Rezende, S. Mohamed, D. Wierstra, *Stochastic Backpropagation and Approximate
#   Inference in Deep Generative Models*, ICML 2014, [arXiv
#   1401.4082](https://arxiv.org/abs/1401.4082): the same idea, found independently.
# - R. J. Williams, *Simple Statistical Gradient-Following Algorithms for Connectionist
#   Reinforcement Learning*, Machine Learning 8, 1992, [doi
#   10.1007/BF00992696](https://doi.org/10.1007/BF00992696): the score function as
#   REINFORCE, with baselines.
# - S. Mohamed, M. Rosca, M. Figurnov, A. Mnih, *Monte Carlo Gradient Estimation in
#   Machine Learning*, JMLR 21, 2020, [arXiv
#   1906.10652](https://arxiv.org/abs/1906.10652), sections 4 and 5: both estimators,
#   with the conditions under which the derivative may go inside.
#
# ## What to read next
#
# [Chapter 6](06_backpropagation.py) sends gradients through the layers of the networks,
# by hand. The survey by Mohamed and others covers both estimators and more.
