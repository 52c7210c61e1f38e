# %% [markdown]
# # 9. Training on digits
#
# The gradient is right: chapter 8 checked every number of it. Now we go downhill with
# it. This chapter trains a VAE on 1,497 handwritten digits, in a second or so, as often
# as we like; and because it is so cheap, we can ask the questions that are usually
# answered by habit. Which optimizer, and how big a step? What does a loss of 97 nats
# *mean*, and is it any good? When should we stop?
#
# **What you will learn**
#
# - the training loop in eight lines, and SGD, momentum and Adam in one to four each;
# - what Adam buys, measured over the whole range of learning rates and not at one;
# - to read a learning curve of two terms, of which one has to rise;
# - nats, bits per pixel, and the baselines without which neither says anything;
# - what overfitting looks like in a VAE, which term it sits in, and what stops it.
#
# **What you need:** chapters 5 and 7. Chapter 8 if you want to know what `backward`
# does. About one hour and a half.

# %%
import math

import matplotlib.pyplot as plt
import numpy as np

from checks import BLACK, BLUE, GREEN, GREY, ORANGE
from checks import check, check_less, check_mc, must_fail, style
from minivae import SGD, VAE, Adam, Binomial, Gaussian
from minivae.inference.bounds import (
    importance_log_likelihood,
    mean_and_error,
)
from minivae.datasets import Images, load_digits
from minivae.plots.drawing import show_tiles
from minivae.training.evaluation import evaluate
from minivae.training.history import History, patience
from minivae.schedules import cosine_decay
from minivae.training import fit

style()
digits = load_digits()
print(digits)
n, D = (
    digits.max_count,
    digits.train.shape[1],
)  # counts 0..16, 64 pixels
x_train = digits.train.astype(np.float32)
x_test = digits.test.astype(np.float32)

# %% [markdown]
# ## The question
#
# A pixel of these images is a count from 0 to 16: how many of the 16 dots of a finer
# scan were set. So $x$ is a vector of 64 whole numbers, $p(x)$ is a probability and
# not a density, and $-\log p(x)$ is a number of nats with a plain meaning: it is the
# length of the message, in nats (one nat is 1.44 bits), that names this image to
# somebody who has the same model. One bit is $\log 2$ nats, and an image has $D$
# pixels, so
#
# $$
# \text{bits per pixel} = \frac{-\log p(x)}{D \log 2} \tag{9.1}
# $$
#
# A model is good if its messages are short. Short compared with what? Before training
# anything, we ask what can be had for nothing, with models in which every pixel is
# independent of all others:
#
# - **uniform:** each of the 17 counts has the probability $\frac{1}{17}$;
# - **binomial:** each pixel $d$ has its own $p_d$, and $x_d \sim
#   \mathrm{Binomial}(16, p_d)$. This is what our VAE becomes when its decoder does not
#   look at $z$;
# - **histogram:** each pixel has its own table of 17 probabilities, counted off the
#   training images (plus one half each, so that none is zero).
#
# **Predict.** Put the three in order, shortest message first. One of them is a surprise
# to nearly everybody.


# %%
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
histogram = -np.log(table[digits.test, np.arange(D)]).sum(axis=1)

uniform = D * np.log(n + 1)
check("the tables add up to one", table.sum(axis=0), 1.0, 1e-12)
check("uniform, bits per pixel", bits_per_pixel(uniform), 4.0875, 1e-4)
check_less("histogram before uniform", histogram.mean(), uniform)
check_less("uniform before binomial!", uniform, binomial.mean())
for name, nats in (
    ("uniform", uniform),
    ("binomial", binomial.mean()),
    ("histogram", histogram.mean()),
):
    bits = bits_per_pixel(nats)
    print(f"{name:10} {nats:6.1f} nats, {bits:.2f} bits per pixel")

# %% [markdown]
# The binomial with its 64 fitted parameters is worse than knowing nothing at all. A
# binomial with $p = \frac12$ expects counts of $8 \pm 2$, but a pixel in the middle of
# a digit is often 0 or 16: in two of five cases. The model is sure of itself, wrongly,
# and pays; the uniform one is not sure of anything. And the histogram needs only 107
# nats, because the border of the image is always empty and costs next to nothing.
#
# Keep the three numbers. A VAE with `Binomial(16)` starts near the 254 of the second
# one, and everything below that is due to $z$. The 107 of the third it has to *earn*:
# its likelihood has one number per pixel where the histogram has a whole table.
#
# ## The loop, and three ways to take a step
#
# Take a mini-batch, draw the noise, compute the loss, send it back, take a step. The
# step is where optimizers differ. With the gradient $g$ and the learning rate $\eta$,
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
# times as large, but averaged over ten steps, so that what is noise partly cancels.
# Compare the two at $\eta$ and $\eta / 10$, or you compare two learning rates.
#
# **Adam** keeps running averages of $g$ and of $g^2$, each parameter its own:
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
# Look at the units. In (9.2) the step is proportional to the gradient, so $\eta$ has to
# know how large gradients are. In (9.6) the gradient is in numerator and denominator: a
# gradient that keeps its sign moves its parameter by $\eta$ per step, however large or
# small it is, and one that flips its sign moves it hardly at all.


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


def new_model(K=10, hidden=(64,), seed=9, dtype=np.float32):
    rng = np.random.default_rng(seed)
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
for step, optimizer, tolerance in (
    (sgd, SGD(lr=1e-3), 0.0),
    (momentum, SGD(lr=1e-4, momentum=0.9), 1e-12),
    (adam, Adam(lr=3e-3), 1e-6),
):
    by_hand, by_fit = (new_model(dtype=np.float64) for _ in "ab")
    rng = np.random.default_rng(1)
    train_by_hand(by_hand, step, optimizer.lr, 2, rng)
    rng = np.random.default_rng(1)
    fit(
        by_fit,
        digits,
        optimizer,
        epochs=2,
        rng=rng,
        batch_size=50,
        progress=False,
    )
    name = f"{step.__name__}, theta after two epochs"
    check(name, by_fit.theta, by_hand.theta, tolerance)

# %% [markdown]
# (Adam is written in another order of operations in `optim.py`, to save passes over the
# memory; there the two agree to rounding, which 60 steps of training amplify a little.)
#
# And the correction (9.5): for a gradient that is all noise around a mean of one, the
# corrected average has the mean one from the very first step. Without the correction it
# begins at a tenth.

# %%
rng = np.random.default_rng(3)
g = 1.0 + rng.standard_normal((20_000, 5))  # 20,000 runs of five steps
m = np.zeros(20_000)
for t in range(5):
    m = 0.9 * m + 0.1 * g[:, t]  # (9.4)
    check_mc(f"(9.5) step {t + 1}", m / (1 - 0.9 ** (t + 1)), 1.0)
with must_fail():
    check_mc("uncorrected, after five steps", m, 1.0)

# %% [markdown]
# ## SGD against Adam
#
# Why should parameters have step sizes of their own? Look at how different the
# gradients of the parts of one VAE are: here is the typical size (root mean square) of
# one entry, at the very beginning.

# %%
rng = np.random.default_rng(2)
model = new_model()
model.loss(x_train, rng.standard_normal((len(x_train), 10)))
model.backward()
sizes = {k: np.sqrt((g**2).mean()) for k, g in model.grads.items()}
for name, size in sizes.items():
    print(f"{name:18} {size:8.3f} nats per unit")
spread = max(sizes.values()) / min(sizes.values())
check_less("largest over smallest, at least", 5, spread)

# %% [markdown]
# A comparison at *one* learning rate shows which of two rates was better chosen. We
# take every optimizer through its whole range, with the same model, the same batches
# and the same budget of 12 epochs, 360 steps.
#
# **Predict.** Sketch test nelbo over learning rate (both from left to right) for the
# three. Which reaches lowest? Whose valley is widest? And what happens to each on the
# right, where the rate is too large?


# %%
def short_run(optimizer):
    model = new_model()
    try:
        return fit(
            model,
            digits,
            optimizer,
            epochs=12,
            rng=np.random.default_rng(1),
            batch_size=50,
            progress=False,
        )
    except FloatingPointError as error:
        print(f"{type(optimizer).__name__} {optimizer.lr:g}: {error}")
        return None


rates = {
    "SGD": [3e-4, 1e-3, 3e-3, 8e-3, 2e-2],
    "momentum": [3e-5, 1e-4, 3e-4, 1e-3, 2e-3, 5e-3],
    "Adam": [3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 2e-1],
}
makers = {
    "SGD": SGD,
    "momentum": lambda lr: SGD(lr, momentum=0.9),
    "Adam": Adam,
}
runs = {
    name: {lr: short_run(makers[name](lr)) for lr in rates[name]}
    for name in rates
}

# %% [markdown]
# A line above is a run that ended for good. Plain SGD does not become *worse* when the
# rate is too large, it explodes: a step that is too long leads to a steeper place,
# where the next is longer still. `fit` then stops, says at which step, and takes the
# model back to the end of the last whole epoch (here there was none).

# %%
colours = {"SGD": ORANGE, "momentum": GREEN, "Adam": BLUE}
final = {
    name: {lr: h["test_nelbo"][-1] for lr, h in made.items() if h}
    for name, made in runs.items()
}
best = {name: min(final[name], key=final[name].get) for name in final}
plt.figure()
for name, values in final.items():
    inside = [lr for lr in values if values[lr] < 260]
    nats = [values[lr] for lr in inside]
    plt.plot(inside, nats, "o-", color=colours[name])
    for lr in set(rates[name]) - set(inside):
        plt.plot(lr, 255, "x", color=colours[name], ms=11, mew=3)
plt.xscale("log")
plt.ylim(105, 262)
plt.text(5.6e-4, 232, "SGD", color=ORANGE)
plt.text(2.5e-5, 138, "momentum 0.9", color=GREEN)
plt.text(3.3e-4, 178, "Adam", color=BLUE)
plt.text(6e-3, 236, "crosses: beyond 255, or exploded")
plt.xlabel(r"learning rate $\eta$ (log scale)")
plt.ylabel("test nelbo, nats per image")
plt.title("360 steps: how far each optimizer gets")
plt.show()
for name, lr in best.items():
    print(f"{name:9} best at {lr:g}: {final[name][lr]:.1f} nats")

# %%
width = {}
for name, values in final.items():
    good = [lr for lr, nats in values.items() if nats < 135]
    width[name] = max(good) / min(good) if good else 0.0
    print(f"{name:9} below 135 nats over a factor of {width[name]:.1f}")
check_less("Adam's valley is wider than SGD's", width["SGD"], 5)
check_less("Adam's valley", 5, width["Adam"])
lead = min(final["SGD"].values()) - min(final["Adam"].values())
check_less("Adam ahead of plain SGD by", 5, lead)
check(
    "momentum and Adam at their best",
    min(final["momentum"].values()),
    min(final["Adam"].values()),
    8,
)

# %% [markdown]
# Well-tuned momentum is as good as Adam after the same number of steps. What Adam buys
# is that one need not tune as well: its good rates span a factor of ten. Plain SGD is
# at its best right before the cliff. And where both are stable, its curve and that of
# momentum are the same curve, moved by the factor of ten that (9.3) predicts:

# %%
for lr, tenth in ((3e-4, 3e-5), (1e-3, 1e-4), (3e-3, 3e-4)):
    ratio = final["momentum"][tenth] / final["SGD"][lr]
    check(f"momentum {tenth:g} over SGD {lr:g}", ratio, 1.0, 0.03)

# %% [markdown]
# On the far right Adam does not explode, since its steps are bounded, and that is a
# danger of its own. At $\eta = 0.2$ it runs on in the thousands of nats, with no
# error, and never recovers. The baselines tell you that this is not merely slow.

# %%
hopeless = final["Adam"][0.2]
check_less("Adam at 0.2: worse than no z", binomial.mean(), hopeless)

# %% [markdown]
# ## Two terms, two curves
#
# **Predict.** At the start the encoder's $\mu$ and $\log \sigma^2$ are small random
# numbers, so the KL is small. Sketch rec and kl over the steps. Which one falls? Does
# either go up? (The truth has one more turn than most people draw.)


# %%
def terms_by_step(step, lr, steps=360, model=None):
    model = new_model() if model is None else model
    rng, state, terms = np.random.default_rng(1), {}, []
    for t in range(1, steps + 1):
        x = x_train[rng.choice(len(x_train), 50, replace=False)]
        loss = model.loss(x, rng.standard_normal((50, model.K)))
        model.backward()
        step(model.theta, model.grad, state, t, lr)
        terms.append((loss.rec, loss.kl))
    return np.array(terms)


recipes = {"SGD": (sgd, 1e-3), "Adam": (adam, 1e-3)}
fig, (left, right) = plt.subplots(1, 2)
terms = {}
for name, (step, lr) in recipes.items():
    terms[name] = terms_by_step(step, lr)
    t = 1 + np.arange(len(terms[name]))
    left.plot(t, terms[name][:, 0], color=colours[name])
    right.plot(t, terms[name][:, 1], color=colours[name])
left.axhline(binomial.mean(), color=GREY, ls="--", lw=1.5)
left.text(1.2, 245, "binomial per pixel", color=GREY, va="top")
left.text(1.2, 420, "SGD", color=ORANGE)
left.text(20, 440, "Adam", color=BLUE)
left.set_ylim(0, 570)
left.set_title("rec: what the picture costs")
right.set_title("kl: what the code costs")
left.set_ylabel("nats per image")
for axes in (left, right):
    axes.set_xscale("log")
    axes.set_xlabel("step (log scale)")
plt.show()

# %%
for name, found in terms.items():
    kl = found[:, 1]
    peak = int(kl[:100].argmax())
    valley = peak + int(kl[peak:].argmin())
    print(f"{name}: kl peaks at step {peak + 1}, then falls, and rises")
    print(f"  from step {valley + 1} on; at the peak rec is ", end="")
    print(f"{found[peak, 0]:.0f} nats")
    check_less("first it goes up", 4 * kl[0], kl[peak])
    check_less("then down", kl[valley], 0.8 * kl[peak])
    check_less("then up again", kl[valley] + 2, kl[-10:].mean())
    check_less(
        "while rec falls", found[-10:, 0].mean(), found[0, 0] / 2
    )

# %% [markdown]
# The KL goes up, down, and up again. In the first steps the decoder has not yet learned
# what *all* digits have in common, the empty border and the ink in the middle, and it
# abuses $z$ for saying so: one large code, much the same for every image. When its
# biases have taken that over, rec stands at the dashed line, where a model without $z$
# would be, and the KL can fall. Only then does $z$ begin to carry what one digit does
# *not* share with the others, rec falls below the line, and the KL rises for good.
#
# That is a story, and a story can be checked. Split the mean square of the codes into
# that of their average and the rest, $\frac1N \sum_n \Vert \mu_n \Vert^2 = \Vert
# \bar\mu \Vert^2 + \frac1N \sum_n \Vert \mu_n - \bar\mu \Vert^2$. At the peak the first
# part, which says the same about every image, has to dominate; at the end the second.

# %%
shares = []
for steps in (41, 360):  # the peak, the end
    model = new_model()
    terms_by_step(adam, 1e-3, steps, model)
    mu, _ = model.encode(x_train)
    common = (mu.mean(axis=0) ** 2).sum()
    shares.append(common / (mu**2).sum(axis=1).mean())
    print(f"step {steps}: {shares[-1]:.0%} of it is the same for all")
check_less("at the peak, most", 0.5, shares[0])
check_less("at the end, little", shares[1], 0.45)

# %% [markdown]
#
# And it should rise. It is not an error to be brought to zero: it is what the code
# costs, and the model buys better pictures with it. A nat of KL is worth spending as
# long as it saves more than a nat of rec. Look at the two terms separately, always. A
# KL that stays near zero means that $z$ carries nothing (chapter 13), and the sum alone
# does not show it.
#
# ## A model, and what its nats mean
#
# Now a larger one, $K = 16$ and 128 hidden units, 40 epochs of Adam with a learning
# rate that falls along half a cosine to zero: big steps to get there, small ones to
# settle.

# %%
epochs, batch_size = 40, 50
steps = epochs * math.ceil(len(x_train) / batch_size)
model = new_model(K=16, hidden=(128,))
history = fit(
    model,
    digits,
    Adam(lr=cosine_decay(1e-2, steps)),
    epochs=epochs,
    rng=np.random.default_rng(1),
    batch_size=batch_size,
    progress=False,
)
print(history)

# %% [markdown]
# How certain is the number? There are two kinds of noise in it. The noise of
# $\varepsilon$ we can average away, with many samples per image. That there are only
# 300 test images we cannot: the standard error of their mean is the standard deviation
# of the per-image values divided by $\sqrt{300}$.
#
# To compare two models, look at the *difference* image by image. Some images are hard
# for everybody; that part cancels.

# %%
rng = np.random.default_rng(4)
eps = rng.standard_normal((20, len(x_test), model.K))
nelbo = -model.elbo(x_test, eps)  # 20 samples of z per image
one = evaluate(model, digits, np.random.default_rng(0)).nelbo
mean, error = mean_and_error(nelbo)
print(f"test nelbo {mean:.2f} ± {error:.2f} nats", end="")
print(f" = {bits_per_pixel(mean):.3f} bits per pixel")
check("evaluate, one sample per image", one, mean, 1.5)
saved, saved_error = mean_and_error(histogram - nelbo)
print(f"below the histogram by {saved:.2f} ± {saved_error:.2f} nats")
check_less("better by more than 4 errors", 4 * saved_error, saved)

# %% [markdown]
# So the VAE beats the histogram, by ten nats, although its likelihood is so much
# poorer. And $-$ELBO is only an upper bound on the message length. Importance sampling
# (chapter 12) tells how much of it is slack:

# %%
log_p = importance_log_likelihood(model, x_test, 200, rng)
gap, gap_error = mean_and_error(nelbo + log_p)
print(f"-log p(x) {-log_p.mean():.2f} nats, estimated from above")
print(f"slack of the bound {gap:.2f} ± {gap_error:.2f} nats")
check_less("the bound is a bound", -log_p.mean(), mean)

ladder = [
    ("binomial per pixel", binomial.mean(), GREY),
    ("uniform", uniform, GREY),
    ("histogram per pixel", histogram.mean(), GREY),
    ("VAE, nelbo", mean, BLACK),
    (r"VAE, $-$log p(x)", -log_p.mean(), BLACK),
]
plt.figure()
for i, (_, nats, colour) in enumerate(ladder):
    plt.barh(-i, nats, color=colour, height=0.55)
    bits = bits_per_pixel(nats)
    label = f"{nats:.0f} nats, {bits:.2f} bits per pixel"
    plt.text(nats + 4, -i, label, va="center")
plt.yticks(-np.arange(5), [name for name, _, _ in ladder])
plt.xlim(0, 400)
plt.xticks([0, 100, 200])
plt.gca().spines["bottom"].set_bounds(0, 260)
plt.tick_params(axis="y", length=0)
plt.xlabel("nats per test image")
plt.gca().xaxis.set_label_coords(0.33, -0.13)
plt.title("What it costs to name one image")
plt.show()

# %% [markdown]
# Three things that people trip over when they compare such numbers:
#
# - **Counts and densities are different currencies.** A Gaussian likelihood gives
#   densities, and the nats of a density depend on the unit of $x$ (exercise 4). "Bits
#   per dimension" of two papers agree only if both speak of the same discrete data.
# - **A mean over pixels is not nats.** Published losses of 0.07 or so are often this.
# - **The likelihood is part of the model.** The same $z$ with a richer likelihood per
#   pixel would have shorter messages. Our nats judge latent space and likelihood
#   together.
#
# ## Looking at it
#
# Nats are not everything: the histogram came within ten of the VAE. What does it
# *draw*? The next figure shows test images over their reconstructions $E[x|z]$ at $z =
# \mu(x)$; below that, dreams.
#
# **Predict.** What will a sample of the histogram look like?


# %%
def sheet(rows, titles, columns=12):
    """Rows of images, the title of each on its left."""
    grid = np.stack([row[:columns] for row in rows])
    axes = plt.figure(figsize=(7, 0.55 * len(rows) + 0.1)).add_subplot()
    show_tiles(axes, grid, digits.shape, (0, n), "gray_r")
    for i, title in enumerate(titles):
        y = 1 - (i + 0.5) / len(rows)
        axes.text(
            -0.01,
            y,
            title,
            transform=axes.transAxes,
            ha="right",
            va="center",
        )
    plt.show()


sheet([x_test, model.reconstruct(x_test)], ["$x$", "E[x|z]"])

# %%
dreams = 2000
u = rng.random((dreams, 1, D))
cdf = table.cumsum(axis=0).T  # (64, 17)
x_hist = (u > cdf.T).sum(axis=1).astype(np.float32)
z = rng.standard_normal((dreams, model.K)).astype(np.float32)
y = model.decoder_output(z)
x_mean = model.likelihood.mean(y)
x_drawn = model.likelihood.sample(y, rng)
sheet(
    [x_hist, x_mean, x_drawn],
    ["histogram", "E[x|z]", "x ~ p(x|z)"],
)

# %% [markdown]
# The histogram draws sand. Its pixels have the right distributions one by one, and know
# nothing of each other. Most of what it saves comes from pixels that are empty in
# nearly all images.
#
# The VAE's dreams are strokes, many of them digits, some in between. The middle row
# shows **means**, which is what papers print; the last row is what the model actually
# claims, with the grain of the binomial in it. A figure of means flatters every model.
#
# What the eye says, a number can confirm: the covariance of the pixels. We compare
# each model's $64 \times 64$ matrix with that of the test images, in units of the
# latter's size.


# %%
def covariance(x):
    return np.cov(x.T.astype(np.float64))


target = covariance(x_test)
off = ~np.eye(D, dtype=bool)  # between different pixels


def misfit(x):
    difference = (covariance(x) - target)[off]
    return np.sqrt((difference**2).sum() / (target[off] ** 2).sum())


mu, logvar = model.encode(x_train)
z = mu + np.exp(logvar / 2) * rng.standard_normal(mu.shape)
x_codes = model.likelihood.sample(model.decoder_output(z), rng)
print(f"training images         {misfit(x_train):.2f}")
print(f"histogram               {misfit(x_hist):.2f}")
print(f"VAE, z from the prior   {misfit(x_drawn):.2f}")
print(f"VAE, z from the encoder {misfit(x_codes):.2f}")
check("independent pixels miss all of it", misfit(x_hist), 1, 0.1)
check_less("the VAE gets a good part", misfit(x_drawn), 0.8)
check_less(
    "more, where the codes lie", misfit(x_codes), misfit(x_drawn)
)
check_less("300 images are not exact either", 0.1, misfit(x_train))

# %% [markdown]
# The first line is the noise of 300 test images: nothing can be expected below it. The
# histogram misses everything. The VAE's dreams miss more than half, which the eye
# hardly sees; its images from the *encoder's* $z$ for training images miss no more than
# real images do. So it is not the decoder that lacks something: $z \sim \mathcal{N}(0,
# I)$ is not quite where the codes lie. Chapter 10 measures that.
#
# ## Overfitting
#
# **Predict.** We keep only 150 training images, take 256 hidden units and train for
# 200 epochs. The noise of $\varepsilon$ and the KL hold a VAE back, it is said, so it
# cannot learn images by heart. What will the test curve do?

# %%
few = Images(
    train=digits.train[:150],
    test=digits.test,
    max_count=16,
    shape=(8, 8),
    name="few digits",
)


def overfit(images, epochs):
    model = new_model(hidden=(256,))
    rng = np.random.default_rng(1)
    h = fit(
        model,
        images,
        Adam(lr=5e-3),
        epochs=epochs,
        rng=rng,
        batch_size=50,
        progress=False,
    )
    return model, h


learned_by_heart, h = overfit(few, 200)
turn = int(h["test_nelbo"].argmin())
at_end = h["test_nelbo"][-10:].mean()  # the curve is a little rough
lowest = h["test_nelbo"][turn]
print(f"test nelbo lowest at epoch {turn + 1}: {lowest:.1f} nats")
print(f"at the end {at_end:.1f}, on training images ", end="")
print(f"{h['train_nelbo'][-1]:.1f} nats")
check_less("the test curve turned", lowest + 2, at_end)
check_less(
    "while training goes on",
    h["train_nelbo"][-1] + 5,
    h["train_nelbo"][turn],
)

plt.figure()
plt.plot(h["epoch"], h["train_nelbo"], color=ORANGE)
plt.plot(h["epoch"], h["test_nelbo"], color=BLUE)
plt.plot(turn + 1, lowest, "o", color=BLACK, ms=8)
plt.ylim(60, 220)
plt.text(turn + 1, lowest - 12, "lowest", ha="center")
place = {"ha": "right", "va": "bottom"}
plt.text(200, at_end + 4, "300 test images", color=BLUE, **place)
plt.text(200, 99, "150 training images", color=ORANGE, **place)
plt.xlabel("epoch")
plt.ylabel("nelbo, nats per image")
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
# Nearly all of it is reconstruction. The KL looks just as healthy on new images as on
# old ones: the encoder sends them to ordinary places, and the decoder draws something
# there that is not them. So a KL that looks fine does not show that the model
# generalizes.
#
# What helps? Stopping where the test curve turns; and, far better, more data. `fit(...,
# stop=patience(20))` ends a training when the test curve has not fallen for 20 epochs.
# It decides from the history alone, so we can ask it afterwards when it would have.

# %%
stop = patience(20)
when = next(k for k in range(1, 201) if stop(History(h.rows[:k])))
stopped = h["test_nelbo"][when - 1]
print(f"stopped after epoch {when}, at {stopped:.1f} nats")
check_less("it stops before the end", when, 200)
check_less("and saves some nats", stopped, at_end)
_, h_all = overfit(
    digits, 20
)  # ten times the images, a tenth of epochs
gap_few = at_end - h["train_nelbo"][-1]
gap_all = h_all["test_nelbo"][-1] - h_all["train_nelbo"][-1]
print(f"gap, 150 images {gap_few:.1f}, 1,497 images {gap_all:.1f} nats")
check_less("ten times the data, and the gap", gap_all, gap_few / 4)

# %% [markdown]
# The same number of steps on ten times the images leaves a gap of a few nats. One
# warning: whoever stops by the test images has *used* them, and the lowest point of a
# noisy curve is a little too good to be true. With enough data one keeps a third part
# for such decisions and looks at the test images once.
#
# ## What goes wrong in practice
#
# **The loss is averaged over pixels.** If *both* terms are divided by 64, nothing is
# wrong: it is the same objective in another unit. (This has been reported as a bug
# more than once, in pytorch/examples #290 and #294 for instance; it is none.) But the
# gradient is 64 times smaller, and the optimizers take that very differently.
#
# **Predict.** What does dividing the loss by 64 do to SGD, and what to Adam?


# %%
def epochs_with_scaled_gradient(step, lr, scale):
    def scaled(theta, g, *arguments):
        step(theta, g * scale, *arguments)

    model = new_model(dtype=np.float64)
    rng = np.random.default_rng(1)
    train_by_hand(model, scaled, lr, 3, rng)
    rng = np.random.default_rng(0)
    return evaluate(model, digits, rng).nelbo


for step, lr in ((sgd, 3e-3), (adam, 3e-3)):
    whole = epochs_with_scaled_gradient(step, lr, 1)
    small = epochs_with_scaled_gradient(step, lr, 1 / D)
    print(f"{step.__name__:5} sum {whole:.1f}, mean {small:.1f} nats")
    if step is adam:
        check("Adam does not notice", small, whole, 0.1)
    else:
        check_less("SGD is as good as not trained", whole + 50, small)

# %% [markdown]
# By (9.6), a factor in front of the gradient cancels, up to $\epsilon$. This is
# convenient, and it hides mistakes: with Adam, a training that works says nothing about
# the scale of the loss. A mean in **one** term and a sum in the other is another
# matter. That changes $\beta$, and no optimizer can undo it (chapter 7).
#
# **Training and test columns are not measured alike.** The training column averages
# the batches of an epoch *while the model learns*, so it lags behind by half an epoch.
# Early in a training the test loss is therefore often *below* the training loss, and
# that is no sign of a bug, nor of a miracle:

# %%
h = runs["Adam"][1e-3]
check_less("test below train", h["test_nelbo"][0], h["train_nelbo"][0])

# %% [markdown]
# **Fresh noise in each test.** A test curve that draws its own $\varepsilon$ each time
# jitters, and `argmin` picks lucky draws. `fit` tests with the same noise in each
# epoch.
#
# **Judging by pictures of the mean.** See above. **Judging by nats alone.** See the
# histogram.
#
# ## Exercises
#
# **1. Units (warm-up).** The published test bound of the VAE of Burda and others on
# binarized MNIST (784 pixels of 0 and 1) is 86.76 nats. How many bits per pixel is
# that? How many for a model that knows nothing? By which factor does the VAE compress?
#
# <details><summary>Hint</summary>
#
# (9.1) with $D = 784$. Knowing nothing costs one bit per binary pixel.
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
# At $t = 1$, $\hat m = g$ and $\hat v = g^2$. With $\epsilon$ inside the root, its
# square root $10^{-4}$ would be what small gradients are compared with.
#
# </details>

# %% tags=["hide-cell"]
theta, g = np.zeros(5), np.array([1e3, 1.0, -1e-3, -1e-6, 0.0])
adam(theta, g, {}, 1, lr=0.01)
check("first step", theta[:3], -0.01 * np.sign(g[:3]), 1e-6)
check("one per cent less at 1e-6", theta[3], 0.01 / 1.01, 1e-12)
check("no gradient, no step", theta[4], 0.0, 0.0)
inside = 0.01 * 1e-6 / np.sqrt(1e-12 + 1e-8)
check_less("with eps inside the root, 1e-6 is ignored", inside, 2e-4)

# %% [markdown]
# **3. Falling rates.** Train the small model for 12 epochs with Adam at the constant
# rates 0.01 and 0.03, and with a cosine that begins there. Which of the two gains from
# the decay? Can a decay do harm?
#
# <details><summary>Hint</summary>
#
# `cosine_decay(0.03, 360)`. A large constant rate keeps jumping about the minimum, at a
# height that grows with the rate; the decay lets it settle. A rate that is small
# already lacks steps more than it lacks calm, and a cosine halves its average.
#
# </details>

# %% tags=["hide-cell"]
gains = {}
for lr in (1e-2, 3e-2):
    decayed = short_run(Adam(lr=cosine_decay(lr, 360)))
    gains[lr] = final["Adam"][lr] - decayed["test_nelbo"][-1]
    print(f"lr {lr:g}: {gains[lr]:.1f} nats gained by decay")
check_less("the larger rate gains more", gains[1e-2] + 2, gains[3e-2])
check_less("for the smaller one it is harm", gains[1e-2], 0)

# %% [markdown]
# **4. A density in another unit.** Somebody divides the pixels by 16, adds uniform
# noise within each step so that they fill $[0, 1)$, and reports nats under a Gaussian
# likelihood. (a) Let $x' = (x + u) / 17$ with counts $x$ and $u$ uniform in $[0, 1)$,
# 17 steps in all. Show that if $p'$ is a density of $x'$, then
#
# $$
# P(x) = \int_{[0,1)^D} p'\left( \frac{x + u}{17} \right) 17^{-D}\, du
#   \quad \text{and} \quad
#   \log P(x) \ge \mathbb{E}_u \left[ \log p'(x') \right] - D \log 17 ,
# $$
#
# so the number to compare with counts is the density's nats *plus* $D \log 17$. (b)
# Check the first formula on one pixel with $p' = \mathcal{N}(0.3, 0.04)$: the 17
# numbers $P(x)$ must add up to the Gaussian's mass in $[0, 1)$. (c) Fit one Gaussian
# per pixel to the dequantized training images. Where does it stand among the baselines?
#
# <details><summary>Hint</summary>
#
# The change of variables gives the $17^{-D}$, Jensen's inequality the bound, as in
# chapter 2. For (c), floor the standard deviation: the border pixels do not vary at
# all, but for $u$.
#
# </details>

# %% tags=["hide-cell"]
u = (np.arange(1000) + 0.5) / 1000
grid = (np.arange(n + 1)[:, None] + u) / 17  # (17, 1000)
density = np.exp(-0.5 * (grid - 0.3) ** 2 / 0.04)
density /= np.sqrt(2 * np.pi * 0.04)
P = (density / 17).mean(axis=1)
inside = 0.5 * (
    math.erf(0.7 / math.sqrt(0.08)) + math.erf(0.3 / math.sqrt(0.08))
)
check("probabilities of the counts", P.sum(), inside, 1e-6)
rng = np.random.default_rng(6)
a = (x_train + rng.random(x_train.shape)) / 17
b = (x_test + rng.random(x_test.shape)) / 17
mean_d, var_d = a.mean(axis=0), a.var(axis=0)
log_density = -0.5 * ((b - mean_d) ** 2 / var_d + np.log(var_d))
log_density = (log_density - 0.5 * np.log(2 * np.pi)).sum(axis=1)
raw = -log_density.mean()
print(f"density: {raw:.1f} nats, and as counts ", end="")
print(f"{raw + D * np.log(17):.1f} nats")
check_less("below zero, and no mistake", raw, 0)
check_less("as counts", histogram.mean(), raw + D * np.log(17))
x, y = np.full((1, 1), 0.5), np.full((1, 1), 0.3)
by_package = Gaussian(c=0.04).log_prob(x, y)[0]
at_half = -0.5 - 0.5 * np.log(2 * np.pi * 0.04)
check("minivae's density at 0.5", by_package, at_half, 1e-12)

# %% [markdown]
# **5. Whose fault is the gap? (towards research).** The model that learned 150 images
# by heart has two networks, and either can be at fault on new images: the decoder
# cannot draw them, or the encoder does not find the $z$ from which the decoder could.
# Freeze the decoder and go on training *only the encoder*, on the test images. (No
# longer a test, of course: it is a diagnosis.) How much of the gap disappears?
#
# <details><summary>Hint</summary>
#
# Set `model.grads[name][...] = 0` for all names that begin with "decoder", after
# `backward` and before the step. Zhang, Hayes and Barber call the two parts the
# generalization gaps of the generative and of the inference network.
#
# </details>


# %% tags=["hide-cell"]
def test_nelbo(model):
    rng = np.random.default_rng(7)
    eps = rng.standard_normal((10, len(x_test), model.K))
    return -model.elbo(x_test, eps).mean()


by_heart = learned_by_heart
before = test_nelbo(by_heart)
kept = by_heart.params["decoder.2.W"].copy()
optimizer, rng = Adam(lr=2e-3), np.random.default_rng(8)
for _ in range(300):
    x = x_test[rng.choice(len(x_test), 100, replace=False)]
    by_heart.loss(x, rng.standard_normal((100, by_heart.K)))
    by_heart.backward()
    for name, grad in by_heart.grads.items():
        if name.startswith("decoder"):
            grad[...] = 0
    optimizer.step(by_heart.theta, by_heart.grad)
after = test_nelbo(by_heart)
check("the decoder stayed", by_heart.params["decoder.2.W"], kept, 0.0)
print(f"test nelbo {before:.1f}, with an encoder for them {after:.1f}")
print(f"share of the gap: {(before - after) / gap_few:.0%}")
check_less("a part was the encoder's", 0.1 * gap_few, before - after)
check_less("and not all of it", before - after, 0.7 * gap_few)

# %% [markdown]
# ## Sources
#
# - D. P. Kingma, J. Ba, *Adam: A Method for Stochastic Optimization*, ICLR 2015,
#   algorithm 1 for (9.4) to (9.6), and its section 3 for the bias correction.
# - B. T. Polyak, *Some methods of speeding up the convergence of iteration methods*,
#   USSR Computational Mathematics and Mathematical Physics 4, 1964: momentum.
# - I. Loshchilov, F. Hutter, *SGDR: Stochastic Gradient Descent with Warm Restarts*,
#   ICLR 2017: the cosine.
# - L. Theis, A. van den Oord, M. Bethge, *A note on the evaluation of generative
#   models*, ICLR 2016: why nats and pictures are different judges, and exercise 4.
# - M. Zhang, P. Hayes, D. Barber, *Generalization Gap in Amortized Inference*, NeurIPS
#   2022: exercise 5.
# - Y. Burda, R. Grosse, R. Salakhutdinov, *Importance Weighted Autoencoders*, ICLR
#   2016, table 1: the number of exercise 1.
# - The digits: E. Alpaydin, C. Kaynak, *Optical Recognition of Handwritten Digits*, UCI
#   Machine Learning Repository, 1998.
#
# ## What to read next
#
# Chapter 10 asks what all this is for: how does a VAE differ from a plain autoencoder,
# once each claim about it is measured? On evaluation, the note by Theis and others is
# short and saves much confusion. On optimizers, read the five pages of Kingma and Ba
# themselves.
