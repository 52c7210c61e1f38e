# %% [markdown]
# # 9. Training on digits
#
# The gradient is right: chapter 8 checked every number of it. Now we go downhill with
# it. Training a VAE on 1,497 handwritten digits takes a second or so, so we can measure
# what is usually decided by habit. Which optimizer, and how big a step? What does a
# loss of 97 nats *mean*, and is it any good? When should we stop?
#
# **What you will learn**
#
# - the training loop in ten lines, and SGD, momentum and Adam in one to four each;
# - what Adam buys, measured over a range of learning rates and not at one;
# - to read a learning curve of two terms, one of which must rise;
# - nats, bits per pixel, and the baselines that give them a meaning;
# - what overfitting looks like in a VAE, which term it sits in, and what stops it.
#
# **What you need:** chapters [5](05_reparameterization.py) and
# [7](07_reconstruction_term.py); [8](08_whole_gradient.py) for `backward`. About two
# hours.
#
# **Symbols of this chapter.** $g$ is the gradient of the loss in all parameters
# $\theta$, $\eta$ the learning rate, $t$ the step; $\alpha$, $\beta_1$ and $\beta_2$
# say how slowly running averages of $g$ forget (the weight of the KL is 1 throughout);
# $m$ and $v$ are those averages; $\varepsilon$ is noise, $\epsilon$ Adam's $10^{-8}$.

# %%
import math
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np

from checks import BLACK, BLUE, GREEN, GREY, ORANGE
from checks import check, check_less, check_mc, generator, measured
from checks import measured_row, must_fail, style, tiles
from minivae import SGD, VAE, Adam, Binomial
from minivae.inference.bounds import mean_and_error
from minivae.datasets import load_digits
from minivae.training.evaluation import evaluate
from minivae.schedules import cosine_decay
from minivae.training import fit

style()
digits = load_digits()
print(digits)
n, D = digits.max_count, digits.train.shape[1]  # 16 and 64
x_train = digits.train.astype(np.float32)
x_test = digits.test.astype(np.float32)

# %% [markdown]
# ## The question
#
# A pixel of these images is a count from 0 to 16: how many of the 16 dots of a finer
# scan were set. So $x$ is a vector of 64 whole numbers, $p(x)$ is a probability and not
# a density, and $-\log p(x)$ is a number of nats with a plain meaning: it is the length
# of the message, in nats (one nat is 1.44 bits), that names this image to somebody who
# has the same model. One bit is $\log 2$ nats, and an image has $D$ pixels, so
#
# $$
# \text{bits per pixel} = \frac{-\log p(x)}{D \log 2} \tag{9.1}
# $$
#
# A model is good if its messages are short. Short compared with what? Before training
# anything, we measure three models in which every pixel is independent of all others:
#
# - **uniform:** each of the 17 counts has the probability $\frac{1}{17}$;
# - **binomial:** each pixel $d$ has its own $p_d$, and $x_d \sim \mathrm{Binomial}(16,
#   p_d)$. This is what our VAE becomes when its decoder does not look at $z$;
# - **histogram:** each pixel has its own table of 17 probabilities, counted on the
#   training images (plus one half each, so that none is zero).
#
# **Predict.** Put the three in order, shortest message first.


# %% tags=["hide-output"]
def bits_per_pixel(nats):
    return nats / (D * np.log(2))  # (9.1)


log_choose = np.log([math.comb(n, k) for k in range(n + 1)])
p = (digits.train.sum(axis=0) + 0.5) / (n * len(digits.train) + 1)
log_p = log_choose[digits.test]  # (300, 64)
log_p = log_p + x_test * np.log(p) + (n - x_test) * np.log(1 - p)
binomial = -log_p.sum(axis=1)

counts = np.arange(n + 1)[:, None, None]
table = (digits.train == counts).sum(axis=1) + 0.5  # (17, 64)
table = table / table.sum(axis=0)
by_pixel = -np.log(table[digits.test, np.arange(D)])  # (300, 64)
histogram = by_pixel.sum(axis=1)

uniform = D * np.log(n + 1)
for name, nats in (
    ("uniform", uniform),
    ("binomial", binomial.mean()),
    ("histogram", histogram.mean()),
):
    bits = bits_per_pixel(nats)
    print(f"{name:10} {nats:6.1f} nats, {bits:.2f} bits per pixel")
check_less("histogram before uniform", histogram.mean(), uniform)
check_less("uniform before binomial!", uniform, binomial.mean())

# %% [markdown]
# A missing constant in one of these would go unnoticed. So we compare the binomial with
# the package's likelihood, which chapter 7 tests, and check that the tables are
# probabilities. An image of 64 independent pixels with 17 equally likely counts takes
# $\log_2 17$ bits per pixel.

# %%
logits = np.tile(np.log(p) - np.log(1 - p), (len(x_test), 1))
by_package = Binomial(n).log_prob(x_test.astype(float), logits)
check("binomial, the package's", -by_package, binomial, 1e-3)
check("the tables add up to one", table.sum(axis=0), 1.0, 1e-12)
check("uniform", bits_per_pixel(uniform), math.log2(17), 1e-12)

saved = np.log(n + 1) - by_pixel.mean(axis=0)  # nats, by pixel
inked = (digits.train > 0).mean(axis=0)  # how often it has any ink
for what, few in (("always", inked == 0), ("nearly", inked < 0.1)):
    part = saved[few].sum() / saved.sum()
    print(f"{few.sum()} pixels {what} empty: {part:.0%} saved there")
inner = digits.train.reshape(-1, 8, 8)[:, 2:6, 2:6]
extreme = np.isin(inner, (0, n)).mean()
print(f"counts of 0 or 16 in the middle: {extreme:.0%}")

# %% [markdown]
# The binomial with its 64 fitted parameters is worse than knowing nothing at all. A
# binomial with $p = \frac12$ expects counts of $8 \pm 2$, but a pixel in the middle of
# a digit is often 0 or 16: in two of five cases. To such counts it gives a tiny
# probability. The histogram needs only 107 nats. More than half of its advantage over
# the uniform model comes from pixels that are nearly always empty.
#
# Keep the three numbers. A VAE with `Binomial(16)` that does not use $z$ can reach the
# 254 of the second one; everything below that is due to $z$. Its likelihood has one
# number per pixel where the histogram has a whole table, so even 107 takes a good $z$.
#
# ## The loop, and three ways to take a step
#
# Take a mini-batch, draw the noise, compute the loss, propagate it back, take a step.
# Optimizers differ in the step. With the gradient $g$ and the learning rate $\eta$,
# plain **SGD** (stochastic gradient descent) is
#
# $$
# \theta \leftarrow \theta - \eta\, g \tag{9.2}
# $$
#
# With **momentum** $\alpha$ the step goes along a running sum of gradients, in which
# old ones fade by $\alpha$ per step:
#
# $$
# v \leftarrow \alpha v + g, \qquad \theta \leftarrow \theta - \eta\, v \tag{9.3}
# $$
#
# If the gradient stays the same for a while, $v$ grows to $g (1 + \alpha + \alpha^2 +
# \dots) = g / (1 - \alpha)$. With the usual $\alpha = 0.9$ this is a learning rate ten
# times as large, but averaged over ten steps, so that noise partly cancels. Compare SGD
# at $\eta$ with momentum at $\eta / 10$, or you compare two learning rates.
#
# **Adam** keeps running averages of $g$ and of $g^2$ for each parameter:
#
# $$
# m \leftarrow \beta_1 m + (1 - \beta_1)\, g, \qquad
#   v \leftarrow \beta_2 v + (1 - \beta_2)\, g^2 \tag{9.4}
# $$
#
# Both start at zero, so at first they are too small. By how much? Write out the
# recursion: after $t$ steps,
#
# $$
# m_t = (1 - \beta_1) \sum_{i=1}^{t} \beta_1^{t-i} g_i .
# $$
#
# If all $g_i$ have the same mean $\bar g$, the mean of $m_t$ is $\bar g$ times
# $(1 - \beta_1)(1 + \beta_1 + \dots + \beta_1^{t-1})$. The bracket is a geometric sum,
# $(1 - \beta_1^t) / (1 - \beta_1)$, and what is left is $\bar g\, (1 - \beta_1^t)$.
# Dividing by that factor repairs the mean, and the same holds for $v$:
#
# $$
# \hat m = \frac{m}{1 - \beta_1^t}, \qquad \hat v = \frac{v}{1 - \beta_2^t} \tag{9.5}
# $$
#
# $$
# \theta \leftarrow \theta - \eta\, \frac{\hat m}{\sqrt{\hat v} + \epsilon} \tag{9.6}
# $$
#
# In (9.2) the step is proportional to the gradient, so $\eta$ must fit the size of the
# gradients. In (9.6) the gradient is in numerator and denominator: one that stays the
# same moves its parameter by $\eta$ per step, however large or small it is, and one
# that keeps flipping its sign hardly moves it at all.


# %%
def sgd(theta, g, state, t, lr):
    theta -= lr * g  # (9.2)


def momentum(theta, g, state, t, lr, alpha=0.9):
    state["v"] = alpha * state.get("v", 0) + g  # (9.3)
    theta -= lr * state["v"]


def adam(theta, g, state, t, lr, beta1=0.9, beta2=0.999, eps=1e-8):
    m = state["m"] = beta1 * state.get("m", 0) + (1 - beta1) * g
    v = state["v"] = beta2 * state.get("v", 0) + (1 - beta2) * g**2
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)  # (9.5)
    theta -= lr * m_hat / (np.sqrt(v_hat) + eps)  # (9.6)


# %% [markdown]
# A valley that is forty times steeper across than along shows the difference in twenty
# steps. SGD must take a rate that is safe *across*, so it crawls along; momentum
# overshoots across, but arrives; Adam's steps are about equally long both ways.


# %% tags=["hide-input"]
# Figure: A narrow valley as contours, and three paths of twenty steps
# towards a cross: SGD zigzags and stops halfway along the floor,
# momentum swings from side to side and arrives, Adam arrives in a
# gentle curve.
axes = plt.figure(figsize=(8, 2.9)).add_subplot()
a, b = np.mgrid[-1:9:200j, -2.6:2.2:90j]
steep = np.array([0.1, 4.0])  # curvatures along and across
height = 0.1 * a**2 / 2 + 4.0 * b**2 / 2
axes.contour(a, b, height, 12, colors=GREY, linewidths=0.5)
for step, lr, colour in (
    (sgd, 0.4, ORANGE),
    (momentum, 0.12, GREEN),
    (adam, 0.45, BLUE),
):
    path, state = [np.array([8.0, 1.6])], {}
    for t in range(1, 21):
        path.append(path[-1].copy())
        step(path[-1], steep * path[-1], state, t, lr)
    look = {"color": colour, "lw": 1.4, "label": step.__name__}
    axes.plot(*np.transpose(path), ".-", **look)
axes.plot(0, 0, "+", color=BLACK, ms=12)
axes.legend(loc="lower right", ncols=3)
axes.set(xticks=[], yticks=[])
axes.set_title("Twenty steps from the upper right to the cross")
plt.show()


# %%
def new_model(K=10, hidden=(64,), seed=9, dtype=np.float32):
    rng = generator(seed)
    return VAE.mlp(D, K, hidden, Binomial(n), rng=rng, dtype=dtype)


def train_by_hand(model, step, lr, epochs, rng, batch_size=50):
    state, t = {}, 0
    for _ in range(epochs):
        order = rng.permutation(len(digits.train))
        for start in range(0, len(order), batch_size):
            x = digits.train[order[start : start + batch_size]]
            eps = rng.standard_normal((len(x), model.K), model.dtype)
            model.loss(x.astype(model.dtype), eps)
            model.backward()
            t += 1
            step(model.theta, model.grad, state, t, lr)


# %% [markdown]
# The package's `fit` is this loop with reporting, checkpoints and a clean end on
# Ctrl-C around it. Given the same seed, it draws the same batches and the same noise;
# so for plain SGD it must arrive at the same parameters, bit for bit.


# %%
def run(model, images, optimizer, epochs):
    settings = {"batch_size": 50, "progress": False}
    settings["rng"] = generator(1)
    return fit(model, images, optimizer, epochs=epochs, **settings)


for step, optimizer, tolerance in (
    (sgd, SGD(lr=1e-3), 0.0),
    (momentum, SGD(lr=1e-4, momentum=0.9), 1e-12),
    (adam, Adam(lr=3e-3), 1e-6),
):
    by_hand, by_fit = (new_model(dtype=np.float64) for _ in "ab")
    train_by_hand(by_hand, step, optimizer.lr, 2, generator(1))
    run(by_fit, digits, optimizer, 2)
    name = f"{step.__name__}, theta after two epochs"
    check(name, by_fit.theta, by_hand.theta, tolerance)

# %% [markdown]
# (`optim.py` writes Adam in another order of operations; there the two agree to
# rounding.)
#
# Next the correction (9.5). For a gradient that is noise of variance one around a mean
# of one, the corrected averages of $g$ and $g^2$ have the means 1 and $1 + 1 = 2$ from
# the very first step. Uncorrected, they begin at a tenth and a thousandth of that.

# %%
rng = generator(3)
g = 1.0 + rng.standard_normal((20_000, 5))  # 20,000 runs of five steps
state, theta = {}, np.zeros(20_000)
for t in range(1, 6):
    adam(theta, g[:, t - 1], state, t, lr=1.0)
    check_mc(f"(9.5) m, step {t}", state["m"] / (1 - 0.9**t), 1.0)
    check_mc(f"(9.5) v, step {t}", state["v"] / (1 - 0.999**t), 2.0)
with must_fail():
    check_mc("uncorrected, after five steps", state["m"], 1.0)

# %% [markdown]
# ## SGD against Adam
#
# A comparison at *one* learning rate shows which of two rates was better chosen. We
# take every optimizer through its whole range, with the same model, the same batches
# and the same budget of 12 epochs, 360 steps. That is far from settled: the question is
# who gets how far in so many steps.
#
# **Predict.** Sketch the test nelbo against the learning rate for the three. Which
# reaches lowest? Whose valley is widest? And what happens if it is too large?


# %%
def short_run(optimizer):
    """The history of 12 epochs, or None if the training exploded."""
    try:
        return run(new_model(), digits, optimizer, 12)
    except FloatingPointError as error:
        print(f"{type(optimizer).__name__} {optimizer.lr:g}: {error}")
        return None


makers = {"SGD": SGD, "Adam": Adam}
makers["momentum"] = lambda lr: SGD(lr, momentum=0.9)
rates = {  # the rates up to the second number are safe in all seeds
    "SGD": ([3e-4, 1e-3, 3e-3, 8e-3, 2e-2], 3e-3),
    "momentum": ([3e-5, 1e-4, 3e-4, 1e-3, 2e-3, 5e-3], 1e-3),
    "Adam": ([3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 2e-1], 1e-2),
}
final = {}
for name, (choices, _safe) in rates.items():
    made = {lr: short_run(makers[name](lr)) for lr in choices}
    final[name] = {
        lr: min(h["test_nelbo"][-1], 1e4) if h else 1e4
        for lr, h in made.items()
    }

# %% [markdown]
# A line above reports a run that ended with a loss that is not finite; below, it counts
# as 10,000 nats. Plain SGD does not become *worse* when the rate is too large, it
# explodes: a step that is too long leads to a steeper place, where the next is longer
# still. `fit` then stops, and takes the model back to the end of the last whole epoch.
#
# One run near the largest usable rate says little: an earlier version of this chapter
# called momentum as good as Adam, at a rate at which one seed in six is lost. `python
# benchmarks/course.py 09` repeats the race with six seeds; the figure shows all.

# %% tags=["hide-output"]
numbers = {}
for name, by_rate in final.items():
    for lr, nats in by_rate.items():
        far = 6 if lr <= rates[name][1] else np.inf
        numbers[f"{name} {lr:g}"] = round(nats, 2), far
measured_row("course_09.csv", **numbers)
race = measured("course_09.csv")
nats_of = {
    name: {
        lr: np.array([row[f"{name} {lr:g}"] for row in race])
        for lr in rates[name][0]
    }
    for name in rates
}


# %% tags=["hide-input"]
# Figure: Test nelbo after 360 steps against the learning rate, a dot
# for each seed and a line through the medians. Each optimizer has its
# own best rate; beyond it runs are lost, and their number stands on
# top.
axes = plt.figure(figsize=(8, 4)).add_subplot()
colours = {"SGD": ORANGE, "momentum": GREEN, "Adam": BLUE}
for name, by_rate in nats_of.items():
    look = {"color": colours[name]}
    for lr, nats in by_rate.items():
        axes.plot(lr + 0 * nats, np.minimum(nats, 270), "o", **look)
        if lost := (nats >= 270).sum():
            axes.text(lr, 275, f"{lost}", ha="center", **look)
    median = {lr: np.median(nats) for lr, nats in by_rate.items()}
    median = {lr: m for lr, m in median.items() if m < 270}
    line = np.transpose(list(median.items()))
    axes.plot(*line, label=name, **look)
axes.legend(loc="lower right")
axes.set(xscale="log", ylim=(105, 290))
axes.set_xlabel(r"learning rate $\eta$")
axes.set_ylabel("test nelbo, nats per image")
axes.set_title("360 steps, six seeds (on top: how many were lost)")
plt.show()

# %% tags=["hide-output"]
reach = {}
for name, by_rate in nats_of.items():
    whole = {
        lr: v.mean() for lr, v in by_rate.items() if v.max() < 1000
    }
    good = [lr for lr, mean in whole.items() if mean < 135]
    width = max(good) / min(good) if good else 0.0
    reach[name] = min(whole.values()), min(whole, key=whole.get), width
    print(f"{name:9} best safe rate {reach[name][1]:g}: ", end="")
    print(f"{reach[name][0]:.1f} nats; good over {width:.1f}")
check_less("Adam's valley is wider", reach["SGD"][2], reach["Adam"][2])


best = nats_of["Adam"][reach["Adam"][1]]
for name in ("SGD", "momentum"):
    d = nats_of[name][reach[name][1]] - best
    mean, error = d.mean(), d.std(ddof=1) / np.sqrt(len(d))
    print(f"{name} behind Adam by {mean:.1f} ± {error:.1f} nats")
    check_less("  above zero", 4 * error, mean)

# %% [markdown]
# What Adam buys is a wide valley: rates over a factor of ten are good. Momentum at $2
# \cdot 10^{-3}$ comes as far or a little further, *if* it survives; one of the six runs
# was lost there, and at the best rate that is safe in all six seeds momentum is five to
# six nats behind. The best rate of plain SGD lies just below those at which it
# explodes. Where both are stable, its curve is that of momentum, shifted as (9.3)
# predicts:

# %%
for lr, tenth in ((3e-4, 3e-5), (1e-3, 1e-4), (3e-3, 3e-4)):
    ratio = final["momentum"][tenth] / final["SGD"][lr]
    check(f"momentum {tenth:g} over SGD {lr:g}", ratio, 1.0, 0.06)

hopeless = nats_of["Adam"][0.2].min()
check_less("Adam at 0.2: worse than no z", binomial.mean(), hopeless)

# %% [markdown]
# The last line shows a danger of Adam. Its steps are bounded, so it seldom explodes: at
# $\eta = 0.2$ it goes on at thousands of nats, in most seeds with no error.
#
# ## Two terms, two curves
#
# **Predict.** At the start the encoder's $\mu$ and $\log \sigma^2$ are small random
# numbers, so the KL is small. Sketch rec and kl over the steps. Which one falls? Does
# either go up? (The truth has one more turn than most people draw.)


# %%
def terms_by_step(steps, model):
    """rec and kl of each step of Adam, (steps, 2)."""
    rng, state, terms = generator(1), {}, []
    for t in range(1, steps + 1):
        x = x_train[rng.choice(len(x_train), 50, replace=False)]
        loss = model.loss(x, rng.standard_normal((50, model.K)))
        model.backward()
        adam(model.theta, model.grad, state, t, 1e-3)
        terms.append((loss.rec, loss.kl))
    return np.array(terms)


model = new_model()
terms = terms_by_step(360, model)

# %% tags=["hide-input", "hide-output"]
# Figure: Left, rec against the step: it falls, rests at the level of
# a binomial per pixel, and falls again. Right, kl: it rises, falls
# back and rises again.
_, panels = plt.subplots(1, 2, figsize=(8, 3.4))
titles = "rec: what the picture costs", "kl: what the code costs"
for axes, values, title in zip(panels, terms.T, titles, strict=True):
    axes.plot(1 + np.arange(len(values)), values, color=BLUE)
    axes.set(xscale="log", xlabel="step (log scale)", title=title)
panels[0].axhline(binomial.mean(), color=GREY, ls="--", lw=1.5)
panels[0].text(1.2, 245, "binomial per pixel", color=GREY, va="top")
panels[0].set(ylim=(0, 570), ylabel="nats per image")
plt.show()

# %%
rec, kl = terms.T
peak = int(kl[:100].argmax())
valley = peak + int(kl[peak:].argmin())
print(f"kl peaks at step {peak + 1}, where rec is {rec[peak]:.0f},")
print(f"falls, and rises from step {valley + 1} on")
check_less("first it goes up", 4 * kl[0], kl[peak])
check_less("then down", kl[valley], 0.8 * kl[peak])
check_less("then up again", kl[valley] + 2, kl[-10:].mean())
check_less("while rec falls", rec[-10:].mean(), rec[0] / 2)

# %% [markdown]
# The KL goes up, down, and up again. In the first steps the decoder has not yet learned
# what *all* digits have in common, the empty border and the ink in the middle, and $z$
# carries it: one large code, much the same for every image. When the decoder's biases
# have taken that over, rec stands near the dashed line, where a model without $z$ would
# be, and the KL can fall. Only then does $z$ begin to carry what one digit does *not*
# share with the others, rec falls below the line, and the KL rises for good.
#
# This explanation can be checked. Split the mean square of the codes into that of their
# average and the rest, $\frac1N \sum_n \Vert \mu_n \Vert^2 = \Vert \bar\mu \Vert^2 +
# \frac1N \sum_n \Vert \mu_n - \bar\mu \Vert^2$. At the peak the first part, which is
# the same for every image, must dominate; at the end the second.


# %%
def common_share(model):
    """Of the mean square of the codes, what is the same for all."""
    mu, _ = model.encode(x_train)
    return (mu.mean(axis=0) ** 2).sum() / (mu**2).sum(axis=1).mean()


at_peak = new_model()
terms_by_step(peak + 1, at_peak)
shares = common_share(at_peak), common_share(model)
print("the same: {:.0%} at the peak, {:.0%} later".format(*shares))
check_less("at the peak, most", 0.5, shares[0])
check_less("at the end, little", shares[1], 0.45)

# %% [markdown]
# The KL should rise: it is what the code costs, and the model spends another nat on it
# as long as that saves more than a nat of rec. Look at the two terms separately. A KL
# that stays near zero means that $z$ carries nothing ([chapter
# 13](13_posterior_collapse.py)), and the sum alone does not show it.
#
# ## A model, and what its nats mean
#
# Now a larger one, $K = 16$ and 128 hidden units, 40 epochs of Adam with a learning
# rate that falls along half a cosine to zero: big steps to get there, small ones to
# settle.

# %%
steps = 40 * math.ceil(len(x_train) / 50)
model = new_model(K=16, hidden=(128,))
history = run(model, digits, Adam(cosine_decay(1e-2, steps)), 40)
print(history)

# %% [markdown]
# How certain is the number? Many samples per image average the noise of $\varepsilon$
# away. What remains is that there are only 300 test images: the standard error of their
# mean is the standard deviation of the per-image values divided by $\sqrt{300}$. To
# compare two models, look at the *difference* image by image. Some images are hard for
# every model; this cancels.

# %%
rng = generator(4)
eps = rng.standard_normal((20, len(x_test), model.K))
nelbo = -model.elbo(x_test, eps)  # 20 samples of z per image
one = evaluate(model, digits, generator(0)).nelbo
mean, error = mean_and_error(nelbo)
print(f"test nelbo {mean:.2f} ± {error:.2f} nats", end="")
print(f" = {bits_per_pixel(mean):.3f} bits per pixel")
check("evaluate, one sample per image", one, mean, 1.5)
saved, saved_error = mean_and_error(histogram - nelbo)
print(f"below the histogram by {saved:.2f} ± {saved_error:.2f} nats")
check_less("better by more than 4 errors", 4 * saved_error, saved)

# %% [markdown]
# So the VAE beats the histogram by ten nats, with a much poorer likelihood. And $-$ELBO
# is only an upper bound on the message length ([chapter
# 12](12_how_tight_is_the_bound.py)).
#
# Three mistakes when such numbers are compared:
#
# - **Counts against densities.** A Gaussian likelihood gives densities, and the nats of
#   a density depend on the unit of $x$ (chapter 7). "Bits per dimension" of two papers
#   agree only if both speak of the same discrete data.
# - **A mean over pixels** instead of nats. Published losses of 0.07 are often this.
# - **Another likelihood.** It is part of the model: a richer one per pixel can have
#   shorter messages with the same $z$.
#
# ## Looking at it
#
# Nats are not everything: the histogram came within about ten of the VAE. What does it
# *draw*? The next figure shows test images above their reconstructions
# $\mathbb{E}[x|z]$ at $z = \mu(x)$; below them, samples of both models.
#
# **Predict.** What will a sample of the histogram look like?

# %% tags=["hide-input", "hide-output"]
# Figure: Twelve test digits above their reconstructions, as readable
# and a little smoother; then twelve samples in three rows. Those of
# the histogram look like noise, the means E[x|z] of the VAE like
# smooth digits, most of them readable, and draws from p(x|z) like the
# same with grain.
count = 12
u = rng.random((count, D))
x_hist = (u > table.cumsum(axis=0)[:, None]).sum(axis=0)
z = rng.standard_normal((count, model.K)).astype(np.float32)
y = model.decoder_output(z)
rows = {
    "$x$": x_test[:count],
    "reconstruction": model.reconstruct(x_test[:count]),
    "histogram": x_hist,
    "E[x|z]": model.likelihood.mean(y),
    "x ~ p(x|z)": model.likelihood.sample(y, rng),
}
axes = plt.figure(figsize=(9, 4.1)).add_subplot()
tiles(axes, list(rows.values()), list(rows), digits.shape, n)
plt.show()

# %% [markdown]
# The histogram draws noise: each pixel is right by itself, but none depends on another.
#
# The VAE's samples are strokes, many of them digits, some in between. The row of
# **means** is what papers print; the last row is what the model actually claims, with
# the grain of the binomial in it. A figure of means flatters every model.
#
# ## Overfitting
#
# **Predict.** We keep only 150 training images, take 256 hidden units and train for 200
# epochs. The noise and the KL, it is said, keep a VAE from learning by heart. What will
# the test curve do?

# %%
few = replace(digits, train=digits.train[:150], train_labels=None)


def overfit(images, epochs):
    return run(new_model(hidden=(256,)), images, Adam(5e-3), epochs)


h = overfit(few, 200)
turn, on_train = int(h["test_nelbo"].argmin()), h["train_nelbo"]
at_end = h["test_nelbo"][-10:].mean()  # the curve is a little rough
lowest = h["test_nelbo"][turn]
print(f"test nelbo lowest at epoch {turn + 1}: {lowest:.1f} nats; at")
print(f"the end {at_end:.1f}, training images {on_train[-1]:.1f} nats")
check_less("the test curve turned", lowest + 2, at_end)
check_less("while training goes on", on_train[-1] + 5, on_train[turn])

# %% tags=["hide-input"]
# Figure: Nelbo against the epoch. On the 150 training images it keeps
# falling; on the test images it reaches its lowest point and rises
# slowly again.
plt.figure()
plt.plot(h["epoch"], h["train_nelbo"], color=ORANGE)
plt.plot(h["epoch"], h["test_nelbo"], color=BLUE)
plt.plot(turn + 1, lowest, "o", color=BLACK, ms=8)
plt.text(120, at_end + 9, "300 test images", color=BLUE)
plt.text(120, 99, "150 training images", color=ORANGE)
plt.gca().set(ylim=(60, 220), xlabel="epoch", ylabel="nelbo, nats")
plt.title("A VAE can learn by heart as well")
plt.show()

# %% [markdown]
# Nothing in the ELBO forbids it. It is a bound on the likelihood of the *training*
# images, and a likelihood can be overfitted. Which term overfits?

# %%
rec_gap = h["test_rec"][-1] - h["train_rec"][-1]
kl_gap = h["test_kl"][-1] - h["train_kl"][-1]
print(f"test minus train at the end: rec {rec_gap:.1f}", end="")
print(f", kl {kl_gap:.1f} nats")
check_less("nearly all of it sits in rec", abs(kl_gap), 0.2 * rec_gap)

# %% [markdown]
# The KL of new images is as large as that of old ones: the encoder gives them ordinary
# codes, from which the decoder draws something else. So a KL that looks right does not
# show that the model generalizes.
#
# What helps? Stopping where the test curve turns (`fit(..., stop=patience(20))`); and,
# far better, more data: here the same number of steps on ten times the images.

# %%
h_all = overfit(digits, 20)
gap_few = at_end - h["train_nelbo"][-1]
gap_all = h_all["test_nelbo"][-1] - h_all["train_nelbo"][-1]
print(f"gap, 150 images {gap_few:.1f}, 1,497 images {gap_all:.1f} nats")
check_less("ten times the data, and the gap", gap_all, gap_few / 4)

# %% [markdown]
# One warning: whoever stops training by the test images has *used* them. With enough
# data one keeps a third part for such decisions and looks at the test images once.
#
# ## What goes wrong in practice
#
# **The loss is averaged over pixels.** If *both* terms are divided by 64, nothing is
# wrong: it is the same objective in another unit (reported as a bug more than once, in
# pytorch/examples #290 and #294 for instance). But the gradient is 64 times smaller. By
# (9.2) SGD then needs a rate 64 times as large; in (9.6) the factor cancels, up to
# $\epsilon$:


# %%
def nelbo_after(step, lr, by):
    """Test nelbo after one epoch with all gradients over `by`."""
    model = new_model(dtype=np.float64)

    def divided(theta, g, *rest):
        step(theta, g / by, *rest)

    train_by_hand(model, divided, lr, 1, generator(1))
    return evaluate(model, digits, generator(0)).nelbo


whole = nelbo_after(sgd, 3e-3, 1)
check_less("SGD: hardly trained", whole + 30, nelbo_after(sgd, 3e-3, D))
check("  64 times the rate", nelbo_after(sgd, D * 3e-3, D), whole, 1e-6)
whole = nelbo_after(adam, 3e-3, 1)
check("Adam does not notice", nelbo_after(adam, 3e-3, D), whole, 0.1)

# %% [markdown]
# So with Adam a training that works says nothing about the scale of the loss. A mean in
# **one** term and a sum in the other is another matter: that changes $\beta$, and no
# optimizer can undo it (chapter 7).
#
# **Fresh noise in each test.** A test curve that draws its own $\varepsilon$ each time
# jitters, and `argmin` picks lucky draws. `fit` tests with the same noise in each
# epoch.
#
# ## Exercises
#
# **1. Units (warm-up).** Burda and others report a test $-\log p(x)$ of 86.76 nats for
# a VAE on binarized MNIST (784 pixels of 0 and 1). How many bits per pixel is that? How
# many for a model that knows nothing? By what factor does the VAE compress?
#
# <details><summary>Hint</summary>
#
# Which equation turns nats into bits per pixel, and what is $D$ here? Knowing nothing
# costs one bit per binary pixel.
#
# </details>

# %% tags=["hide-cell"]
bits = 86.76 / (784 * np.log(2))
check("bits per binary pixel", bits, 0.15965, 1e-4)
print(f"compresses by a factor of {1 / bits:.1f}")
check_less("more than sixfold", 6, 1 / bits)

# %% [markdown]
# **2. Adam's first step.** Show that the first step of Adam moves every parameter by
# almost exactly $\eta$, whatever the gradient. What does it do to a parameter whose
# gradient is exactly zero, and why does $\epsilon$ stand outside the root?
#
# <details><summary>Hint</summary>
#
# Put $t = 1$ into (9.4) and (9.5): what are $\hat m$ and $\hat v$? For the last
# question, compare a gradient of $10^{-6}$ with $\epsilon$ and with its square root.
#
# </details>
#
# <details><summary>Answer</summary>
#
# $\hat m = g$ and $\hat v = g^2$, so the step is $-\eta\, g / (|g| + \epsilon)$: of
# length $\eta$ as long as $|g|$ is far above $10^{-8}$. A gradient of zero gives no
# step. With $\epsilon$ inside the root, gradients would be compared with
# $\sqrt{\epsilon} = 10^{-4}$ and small ones ignored.
#
# </details>

# %% tags=["hide-cell"]
theta, g = np.zeros(5), np.array([1e3, 1.0, -1e-3, -1e-6, 0.0])
adam(theta, g, {}, 1, lr=0.01)
check("first step", theta[:3], -0.01 * np.sign(g[:3]), 1e-6)
check("one per cent less at 1e-6", theta[3], 0.01 / 1.01, 1e-12)
check("no gradient, no step", theta[4], 0.0, 0.0)

# %% [markdown]
# **3. How many test images? (towards research).** Two models differ by half a nat. How
# many test images does it take to see that with four standard errors, if one compares
# means, and if one compares image by image? Take the scatter from the VAE and the
# histogram above.
#
# <details><summary>Hint</summary>
#
# A standard error is $s / \sqrt{M}$ for $M$ images. Which numbers have the standard
# deviation $s$ in the one case, and in the other?
#
# </details>
#
# <details><summary>Answer</summary>
#
# $M = (4 s / 0.5)^2$. If means are compared, $s^2$ is the sum of the two variances;
# image by image it is the variance of the difference, which is smaller the more the
# same images are hard for both models: here it halves $M$.
#
# </details>

# %% tags=["hide-cell"]
apart = np.sqrt(histogram.var(ddof=1) + nelbo.var(ddof=1))
paired = (histogram - nelbo).std(ddof=1)
for name, s in (("means", apart), ("image by image", paired)):
    print(f"{name:15} {(4 * s / 0.5) ** 2:.0f} test images")
check_less("paired needs fewer", paired, 0.9 * apart)

# %% [markdown]
# ## Sources
#
# - D. P. Kingma, J. Ba, *Adam: A Method for Stochastic Optimization*, ICLR 2015, [arXiv
#   1412.6980](https://arxiv.org/abs/1412.6980), algorithm 1 for (9.4) to (9.6), section
#   3 for the bias correction.
# - B. T. Polyak, *Some methods of speeding up the convergence of iteration methods*,
#   USSR Computational Mathematics and Mathematical Physics 4, 1964, [doi
#   10.1016/0041-5553(64)90137-5](https://doi.org/10.1016/0041-5553%2864%2990137-5):
#   momentum.
# - I. Loshchilov, F. Hutter, *SGDR: Stochastic Gradient Descent with Warm Restarts*,
#   ICLR 2017, [arXiv 1608.03983](https://arxiv.org/abs/1608.03983): the cosine.
# - L. Theis, A. van den Oord, M. Bethge, *A note on the evaluation of generative
#   models*, ICLR 2016, [arXiv 1511.01844](https://arxiv.org/abs/1511.01844): why nats
#   and pictures need not agree.
# - Y. Burda, R. Grosse, R. Salakhutdinov, *Importance Weighted Autoencoders*, ICLR
#   2016, [arXiv 1509.00519](https://arxiv.org/abs/1509.00519), table 1: the number of
#   exercise 1.
# - The digits: E. Alpaydin, C. Kaynak, *Optical Recognition of Handwritten Digits*, UCI
#   Machine Learning Repository, 1998.
#
# ## What to read next
#
# [Chapter 10](10_autoencoder_against_vae.py) compares VAE and autoencoder, claim by
# claim. On evaluation read the note by Theis and others, on optimizers Kingma and Ba.
