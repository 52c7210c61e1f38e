# %% [markdown]
# # 18. A digit on demand
#
# A VAE samples digits, but not the digit you ask for. The *conditional* VAE does: it
# models $p(x|\ell)$, the distribution of the images with label $\ell$. The derivation
# is that of chapter 2 with one more letter, and the gradient that of chapter 8 with a
# few more columns. By Bayes' rule the model is also a classifier, although it was not
# trained as one.
#
# **What you will learn**
#
# - which conditional densities appear in the bound, and why the prior may stay
#   $\mathcal{N}(0, I)$;
# - where the columns of the condition enter the two networks, and what their gradient
#   is;
# - how to compute $\log p(x|\ell)$ by quadrature, and how to turn it into $p(\ell|x)$;
# - what the latent space describes when the label is given.
#
# **What you need:** chapters 2, 6 and 8. About one hour.
#
# **Symbols of this chapter.** $\ell$ is the condition, a label 0 to 9 or its one-hot
# row of $C = 10$ numbers; in code `labels`, since $y$ is the decoder's output.

# %%
import inspect

import matplotlib.pyplot as plt
import numpy as np

from checks import BLACK, BLUE, GREEN, GREY, ORANGE
from checks import check, check_less, difference, generator
from checks import measured, measured_row, must_fail, style
from minivae import VAE, Adam, Binomial, Condition, Linear
from minivae import Sequential, Tanh
from minivae.datasets import load_digits
from minivae.gradcheck import check_model
from minivae.inference.exact import quadrature
from minivae.model import Model
from minivae.numerics import log_sum_exp, softplus
from minivae.schedules import cosine_decay
from minivae.training import fit

style()
rng = generator(18)
digits = load_digits()
x_test = digits.test.astype(float)
y_test = digits.test_labels

# %% [markdown]
# ## The bound
#
# Every density in chapter 2 may be conditioned on a further quantity that is known. An
# image is now generated like this: given $\ell$, draw $z$ from the prior, then $x$ from
# $p(x|z, \ell)$. The prior does not depend on $\ell$, so
#
# $$
# p(x|\ell) = \int p(x|z, \ell)\, p(z)\, dz .
# $$
#
# A prior $p(z|\ell)$ would look more general but is not needed: a decoder that knows
# $\ell$ can itself move and stretch $z$. For any density $q(z|x, \ell)$, Jensen's
# inequality gives, as in (2.2),
#
# $$
# \log p(x|\ell) \ge \mathbb{E}_{q(z|x,\ell)}[\log p(x|z, \ell)]
# - \mathrm{KL}(q(z|x, \ell) \Vert p(z)) ,
# \tag{18.1}
# $$
#
# and the gap is $\mathrm{KL}(q(z|x,\ell) \Vert p(z|x,\ell))$. So the loss is the old
# one. Only the inputs of the two networks change: the encoder sees $[x, \ell]$, the
# decoder $[z, \ell]$.


# %% tags=["hide-input"]
# Figure: The condition enters twice, as boxes and arrows show: the
# label goes into the encoder beside x and into the decoder beside z.
def draw_model():
    axes = plt.figure(figsize=(7.6, 2.6)).subplots()
    axes.set(xlim=(0, 10), ylim=(0, 3))
    axes.set_axis_off()
    boxes = [
        (0.6, 2.1, "$x$", BLACK),
        (5.0, 0.6, r"$\ell$", GREEN),
        (2.8, 2.1, r"$[x, \ell]$ encoder", BLUE),
        (5.0, 2.1, "$z$", ORANGE),
        (7.2, 2.1, r"$[z, \ell]$ decoder", BLUE),
        (9.4, 2.1, "$y$", BLACK),
    ]
    for at_x, at_y, text, colour in boxes:
        look = {"boxstyle": "round,pad=0.35", "fc": "white", "lw": 2}
        look["ec"] = colour
        axes.text(at_x, at_y, text, bbox=look, ha="center", va="center")
    arrows = [
        ((0.9, 2.1), (1.6, 2.1)),
        ((4.0, 2.1), (4.7, 2.1)),
        ((5.3, 2.1), (6.0, 2.1)),
        ((8.4, 2.1), (9.1, 2.1)),
        ((4.7, 0.7), (2.8, 1.7)),
        ((5.3, 0.7), (7.2, 1.7)),
    ]
    for start, end in arrows:
        arrow = {"arrowstyle": "-|>", "color": GREY}
        axes.annotate("", end, start, arrowprops=arrow)
    axes.text(
        5.0, 2.75, r"noise $\varepsilon$", ha="center", color=ORANGE
    )


draw_model()
plt.show()

# %% [markdown]
# ## The gradient
#
# A linear layer that sees $[x, \ell]$ has a weight with $C$ more rows,
#
# $$
# a = x W_x + \ell\, W_\ell + b .
# $$
#
# The rule of chapter 6 holds for the whole weight. The labels are data, so their
# gradient is not needed. With $da = \partial L / \partial a$ for a batch, a row $r$ for
# each image, what is new is
#
# $$
# dW_\ell = \ell^\top da ,
# \qquad \text{row } c = \sum_{r:\ \ell_r = c} da_r .
# \tag{18.2}
# $$
#
# If $\ell$ is one-hot, $W_\ell$ is ten rows of biases, one for each label: row $c$
# collects the gradient of the images with label $c$ only. In the package a layer of a
# dozen lines, `Condition`, appends the columns and drops their gradient on the way
# back. The `Linear` layer after it does the rest.

# %%
print(inspect.getsource(Condition.forward).split('"""')[2])
print(inspect.getsource(Condition.backward))


# %% [markdown]
# Two checks: (18.2) against the package, with random weights and upstream gradients,
# and the gradient of a whole conditional VAE against differences of its loss.


# %%
def label_rows(labels, da, C):
    """(18.2): for each label, the sum of da over the images that carry it."""
    return np.stack([da[labels == c].sum(axis=0) for c in range(C)])


layer, after = Condition(5, 10), Linear(15, 4)
Model({"layer": after}, rng, np.float64)
few = rng.permutation(len(x_test))[:30]
labels = y_test[few]
layer.labels = np.eye(10)[labels]
after.forward(layer.forward(rng.standard_normal((30, 5))))
da = rng.standard_normal((30, 4))
dx = layer.backward(after.backward(da))
check(
    "rows of the label", after.dW[5:], label_rows(labels, da, 10), 1e-12
)
with must_fail():
    shifted = label_rows((labels + 1) % 10, da, 10)
    check("labels shifted by one", after.dW[5:], shifted, 1e-12)

tiny = VAE.mlp(
    64, 2, (3,), Binomial(16), condition=10, rng=rng, dtype=np.float64
)
eps = rng.standard_normal((4, 2))
report = check_model(tiny.given(y_test[:4]), x_test[:4], eps)
report.assert_ok()
print(str(report).splitlines()[0])

# %% [markdown]
# `model.given(labels)` is the model under a condition. It has the same weights and
# every method of a VAE, so it can be used like any VAE.
#
# ## What the label is worth
#
# **Predict.** We train two models with two latent dimensions, and only the second gets
# the label. The label itself carries at most $\log 10 = 2.3$ nats. By how many nats per
# image will the conditional model be better: less than 2.3, about 2.3, or more?


# %% tags=["hide-output"]
def train(C, epochs=60):
    """A VAE with two latent dimensions, told the label if C is 10."""
    model = VAE.mlp(64, 2, (64,), Binomial(16), condition=C, rng=rng)
    optimizer = Adam(cosine_decay(4e-3, epochs * 30))
    settings = {"batch_size": 50, "progress": False, "rng": rng}
    history = fit(model, digits, optimizer, epochs=epochs, **settings)
    return model, history


plain, told_plain = train(0)
model, told = train(10)
nelbo = {
    "plain": told_plain["test_nelbo"][-1],
    "told": told["test_nelbo"][-1],
}
for name, value in nelbo.items():
    print(f"{name:6} test nelbo {value:.1f} nats")

# %% [markdown]
# Far more than 2.3. That does not contradict information theory. The plain model could
# store the label in $z$ at a price of at most 2.3 nats of KL, but it has only two
# numbers to describe both the digit and the handwriting. The conditional model has both
# numbers for the handwriting. (Exercise 2 measures how much $z$ says of the label in
# each.) With eight latent dimensions the difference is smaller (exercise 1).

# %% [markdown]
# ## The exact log p(x|ℓ), and a classifier without training
#
# Two latent dimensions are few enough for chapter 1's quadrature, under each of the ten
# labels. With the frequencies $p(\ell)$ of the labels among the training images, Bayes'
# rule turns the ten densities of an image into probabilities of its label,
#
# $$
# p(\ell|x) = \frac{p(x|\ell)\, p(\ell)}{\sum_{\ell'} p(x|\ell')\, p(\ell')} .
# \tag{18.3}
# $$
#
# So the model classifies without having been trained to. For comparison we train a
# classifier with as many hidden units.


# %%
def log_evidence(model, x, side=201, limit=9.0):
    """log p(x|label) on a lattice in the plane, for a model under one label.

    log p(x|z) = x y - 16 log(1 + e^y) + log C(16, x), summed over pixels, is
    linear in x: one matrix product does all images and all nodes.
    """
    axis, h = np.linspace(-limit, limit, side, retstep=True)
    z = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    y = model.decoder_output(z)
    of_z = -16 * softplus(y).sum(axis=1) - (z**2).sum(axis=1) / 2
    of_z += 2 * np.log(h) - np.log(2 * np.pi)
    of_x = log_choose[x.astype(int)].sum(axis=1)
    parts = [
        log_sum_exp(part @ y.T + of_z, axis=1)
        for part in np.array_split(x, 6)
    ]
    return np.concatenate(parts) + of_x


counts = np.arange(17)
log_factorial = np.cumsum(np.log(np.maximum(counts, 1)))
log_choose = log_factorial[16] - log_factorial - log_factorial[::-1]

double = model.astype(np.float64)
log_lik = np.stack(
    [log_evidence(double.given(label), x_test) for label in range(10)],
    axis=1,
)  # log p(x|label), (300, 10)

prior = np.bincount(digits.train_labels, minlength=10) / len(
    digits.train
)


def posterior(log_lik):
    """(18.3) in logarithms: log p(label|x) from log p(x|label), (B, 10)."""
    joint = log_lik + np.log(prior)
    return joint - log_sum_exp(joint, axis=1)[:, None]


log_posterior = posterior(log_lik)

# %% [markdown]
# Is the lattice fine enough? The package's quadrature finds a lattice of its own for
# each image, and shares no code with ours. Under the right label the two agree to 0.001
# nats or better. Under a wrong label $z$ may lie far out, where our lattice is less
# exact; there we compare only $p(\ell|x)$.

# %%
some = rng.permutation(300)[:2]
package = np.empty((len(some), 10))
for label in range(10):
    under = double.given(label)
    package[:, label] = quadrature.log_prob(
        under, x_test[some], tol=0.1
    ).value
right = np.arange(len(some)), y_test[some]
check("log p(x|label)", log_lik[some][right], package[right], 1e-3)
bayes_package = np.exp(posterior(package))
check("p(label|x)", np.exp(log_posterior[some]), bayes_package, 1e-3)
check("they sum to one", np.exp(log_posterior).sum(axis=1), 1, 1e-12)
nothing_seen = posterior(np.full((1, 10), -123.0))
check(
    "equal densities leave the prior",
    np.exp(nothing_seen[0]),
    prior,
    1e-12,
)


# %% [markdown]
# The trained classifier has layers of 64, 64 and 10 units and a softmax at its end. The
# gradient of its loss in the logits is $p$ minus the one-hot label; layers and Adam are
# those of the package.


# %%
def train_classifier(epochs=60):
    net = Sequential(Linear(64, 64), Tanh(), Linear(64, 10))
    owner = Model({"net": net}, rng, np.float64)
    optimizer = Adam(cosine_decay(4e-3, epochs * 30))
    x, onehot = digits.train / 16, np.eye(10)[digits.train_labels]
    for _ in range(epochs):
        order = rng.permutation(len(x))
        for rows in np.split(order, range(50, len(x), 50)):
            logits = net.forward(x[rows])
            p = np.exp(logits - log_sum_exp(logits, axis=1)[:, None])
            net.backward((p - onehot[rows]) / len(rows), need_dx=False)
            optimizer.step(owner.theta, owner.grad)
    logits = net.forward(x_test / 16)
    return logits - log_sum_exp(logits, axis=1)[:, None]


log_trained = train_classifier()


def scores(log_p):
    """Accuracy; surprise at the right label, nats; confidence - accuracy."""
    right = log_p.argmax(axis=1) == y_test
    surprise = -log_p[np.arange(len(y_test)), y_test]
    confidence = np.exp(log_p.max(axis=1))
    return (
        right.mean(),
        surprise.mean(),
        confidence.mean() - right.mean(),
    )


bayes, trained = scores(log_posterior), scores(log_trained)
print("                accuracy  surprise  confidence - accuracy")
for name, (accuracy, surprise, excess) in (
    ("Bayes", bayes),
    ("trained", trained),
):
    print(f"{name:14} {accuracy:9.3f} {surprise:9.3f} {excess:14.3f}")

measured_row(
    "course_18.csv",
    nelbo_plain=(nelbo["plain"], 3),
    nelbo_told=(nelbo["told"], 3),
    accuracy_bayes=(100 * bayes[0], 3),
    accuracy_trained=(100 * trained[0], 3),
    surprise_bayes=(bayes[1], 1),
    surprise_trained=(trained[1], 0.1),
    excess_bayes=(100 * bayes[2], 3),
    excess_trained=(100 * trained[2], 3),
)


# %% tags=["hide-input"]
# Figure: Accuracy against confidence, two classifiers with error bars
# and the diagonal. The trained one lies on the diagonal; the one by
# Bayes' rule falls far below it where its confidence is below 1.
def draw_calibration(both):
    """How often the label is right, against how sure the model was."""
    axes = plt.figure(figsize=(4.8, 4.2)).subplots()
    axes.plot([0, 1], [0, 1], "--", color=GREY, lw=1)
    for name, log_p, colour in both:
        confidence = np.exp(log_p.max(axis=1))
        hit = log_p.argmax(axis=1) == y_test
        order = np.argsort(confidence)
        for group in np.array_split(order, 6):
            mean = hit[group].mean()
            error = np.sqrt(max(mean * (1 - mean), 0.01) / len(group))
            at = confidence[group].mean()
            axes.errorbar(
                at, mean, error, fmt="o", color=colour, capsize=3
            )
        axes.plot([], [], "o", color=colour, label=name)
    axes.set(
        xlabel="confidence, six groups of 50 images", ylabel="accuracy"
    )
    axes.set(xlim=(0.3, 1.05), ylim=(0.3, 1.05))
    axes.legend(loc="upper left")
    axes.set_title("Bayes' rule is too sure")


draw_calibration(
    [
        ("Bayes' rule", log_posterior, BLUE),
        ("trained", log_trained, ORANGE),
    ]
)
plt.show()

# %% [markdown]
# One run says little about differences of a few images in 300. The command `python
# benchmarks/course.py 18` repeats this chapter's experiment with other seeds; here are
# its means over seeds, and the differences with their standard errors.

# %%
table = measured("course_18.csv")
print(f"{len(table)} seeds")
for a, b in (
    ("nelbo_plain", "nelbo_told"),
    ("accuracy_trained", "accuracy_bayes"),
    ("surprise_trained", "surprise_bayes"),
    ("excess_trained", "excess_bayes"),
):
    means = [
        np.mean([row[column] for row in table]) for column in (a, b)
    ]
    mean, error = difference("course_18.csv", a, b)
    print(f"{a:17} {means[0]:8.3f}   {b:15} {means[1]:8.3f}", end="")
    print(f"   difference {mean:7.3f} ± {error:.3f}")
mean, error = difference("course_18.csv", "nelbo_plain", "nelbo_told")
check_less(
    "the label is worth more than its 2.3 nats",
    np.log(10),
    mean - 4 * error,
)

# %% [markdown]
# The trained classifier is better, by two percentage points of accuracy. The larger
# difference is in the surprise: Bayes' rule is often wrong with great confidence, and
# its mean confidence exceeds its accuracy by six points. A likely reason is that the
# likelihood takes the 64 pixels as independent given $z$. A decoder with two latent
# dimensions leaves much unexplained that pixels have in common, and the model counts
# this common part as new evidence at every pixel. The probabilities of a generative
# model need not be calibrated.
#
# ## Style
#
# What does $z$ describe if the label is known? Encode an image under its label, keep
# $z$, and decode it under all ten labels.
#
# **Predict.** Which properties of the handwriting will stay: slant, thickness, width?

# %% tags=["hide-input", "hide-output"]
# Figure: Six digits, each decoded under all ten labels in a row. The
# label decides the digit; slant and thickness of the first column
# stay through the row.
chosen = [
    np.flatnonzero(y_test == label)[1] for label in (0, 2, 3, 4, 6, 8)
]
fig, axes = plt.subplots(len(chosen), 11, figsize=(8.0, 4.6))
for row, image in zip(axes, chosen, strict=True):
    z = double.given(y_test[image]).posterior_mean(
        x_test[image : image + 1]
    )
    tiles = [
        x_test[image],
        *(double.given(c).decode(z)[0] for c in range(10)),
    ]
    for axis, tile in zip(row, tiles, strict=True):
        axis.imshow(tile.reshape(8, 8), vmin=0, vmax=16)
        axis.set_axis_off()
axes[0, 0].set_title("image", fontsize=10)
for label in range(10):
    axes[0, label + 1].set_title(f"as {label}", fontsize=10)
plt.show()

# %% [markdown]
# In each row $z$ is the same, and thickness and slant mostly stay while the digit
# changes. No term of the loss asks for that directly. But the KL charges for whatever
# $z$ says, so it does not pay to repeat in $z$ what $\ell$ already says. Exercise 2
# measures how much of the label is left in $z$.
#
# ## What goes wrong in practice
#
# - **The condition enters one network only.** A decoder without $\ell$ makes the model
#   an ordinary VAE whose encoder sees the label; an encoder without $\ell$ gives a
#   valid bound, but a looser one, because $q$ must cover the posteriors of all likely
#   labels.
# - **The label is passed at training and forgotten at sampling.** Zeros instead of a
#   one-hot row are an eleventh label that was never trained. The package refuses to
#   sample without labels.
# - **Labels shuffled differently from images.** The loss still falls, but no lower than
#   a plain model's, and the samples under "3" show all ten digits.
# - **S samples, B labels.** With $z$ of shape (S, B, K), flattened to S·B rows, the
#   labels must be repeated with `np.tile`. `np.repeat` gives most images another's
#   label.
#
# ## Exercises
#
# **1. More dimensions (warm-up).** Train both models with $K = 8$. How large is the
# difference now, and why is it smaller?
#
# <details><summary>Hint</summary>
#
# What does the plain model pay to store the label in $z$, and are there now enough
# dimensions for that?
#
# </details>

# %% tags=["hide-cell"]
wide = {}
for C in (0, 10):
    other = VAE.mlp(64, 8, (64,), Binomial(16), condition=C, rng=rng)
    optimizer = Adam(cosine_decay(4e-3, 30 * 30))
    settings = {"batch_size": 50, "progress": False, "rng": rng}
    history = fit(other, digits, optimizer, epochs=30, **settings)
    wide[C] = history["test_nelbo"][-1]
print(f"K = 8: plain {wide[0]:.1f}, told {wide[10]:.1f} nats")
gain = nelbo["plain"] - nelbo["told"]
check_less("K = 8 gains less than K = 2", wide[0] - wide[10], gain)

# %% [markdown]
# *Answer.* With eight numbers the plain model can describe both the digit and the
# handwriting; storing the digit costs it at most about 2.3 nats of KL. The rest of the
# difference shows that it still describes the image less well. (These models had 30
# passes, those above 60.)
#
# **2. Has z forgotten the label?** Let $z$ be the posterior mean under the right label.
# For both models, predict the label of a test image as the one whose mean $z$ over the
# training images is nearest. Which accuracy means "forgotten"?
#
# <details><summary>Hint</summary>
#
# Guessing one of ten at random is right in about 10% of the cases.
#
# </details>


# %% tags=["hide-cell"]
def nearest_mean(z_train, z_test):
    means = [
        z_train[digits.train_labels == c].mean(axis=0)
        for c in range(10)
    ]
    distance = ((z_test[:, None] - np.array(means)) ** 2).sum(axis=-1)
    return (distance.argmin(axis=1) == y_test).mean()


x_train = digits.train.astype(float)
double_plain = plain.astype(np.float64)
of_plain = nearest_mean(
    double_plain.posterior_mean(x_train),
    double_plain.posterior_mean(x_test),
)
of_told = nearest_mean(
    double.given(digits.train_labels).posterior_mean(x_train),
    double.given(y_test).posterior_mean(x_test),
)
print(f"label from z: plain {of_plain:.0%}, told {of_told:.0%}")
check_less("told knows far less of the label", of_told + 0.2, of_plain)

# %% [markdown]
# **3. One density from ten.** $p(x) = \sum_\ell p(x|\ell) p(\ell)$ is a density of
# images without labels, so it can be compared with the plain model's $p(x)$. Which is
# better, and is the difference larger or smaller than that of the two bounds? Derive
# first how large $\log p(x|\ell) - \log p(x)$ can be at the right label.
#
# <details><summary>Hint</summary>
#
# One term of a sum of positive numbers is at most the sum.
#
# </details>

# %% tags=["hide-cell"]
log_p_told = log_sum_exp(log_lik + np.log(prior), axis=1)
log_p_plain = log_evidence(double_plain, x_test)
print(
    f"log p(x): plain {log_p_plain.mean():.1f}, told {log_p_told.mean():.1f}"
)
at_most = -np.log(prior[y_test])
excess = log_lik[np.arange(300), y_test] - log_p_told - at_most
check_less("never more than -log p(label)", excess.max(), 1e-9)
check_less(
    "ten planes hold more",
    log_p_plain.mean(),
    log_p_told.mean(),
)

# %% [markdown]
# *Answer.* From $p(x) \ge p(x|\ell) p(\ell)$ it follows that $\log p(x|\ell) - \log
# p(x) \le -\log p(\ell) \approx 2.3$ nats: the label is worth no more *within one
# model*. So the two $\log p(x)$ differ by somewhat less than the two bounds. The rest
# of the difference is there because the conditional model has ten latent planes, one
# for each label, and the plain model has one.
#
# ## Sources
#
# - D. P. Kingma, D. J. Rezende, S. Mohamed, M. Welling, [*Semi-supervised Learning with
#   Deep Generative Models*](https://arxiv.org/abs/1406.5298), NeurIPS 2014: the model
#   M2 and its analogies.
# - K. Sohn, H. Lee, X. Yan, *Learning Structured Output Representation using Deep
#   Conditional Generative Models*, NeurIPS 2015: the name, and a prior that depends on
#   the condition and is learned.
#
# ## What to read next
#
# [Chapter 17](17_blending_two_faces.py) asks what is between two faces; with the faces'
# factors as the condition, `minivae train --data faces --conditional` makes a model
# that draws a face on demand.
