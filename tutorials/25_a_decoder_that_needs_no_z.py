# %% [markdown]
# # 25. A decoder that needs no z
#
# In chapter 13 latents collapsed when $\beta$ made their KL too expensive. In the
# literature, "posterior collapse" mostly means something else: $\beta = 1$, and a
# decoder that is strong by itself, because it predicts each word or pixel from those
# before it. This chapter builds a small VAE of that kind, measures how its rate (the
# mean KL) falls, and asks whether the usual remedies improve the model or only raise
# the rate.
#
# **What you will learn**
#
# - how to build an autoregressive decoder from masked layers, and to check the masks;
# - why the ELBO is best with $z$ unused, if the decoder can do without it;
# - how much rate annealing and free bits restore, and what it costs.
#
# **What you need:** [chapter 13](13_posterior_collapse.py) (rate, annealing, free bits)
# and chapter 6 (layers). About forty minutes.
#
# **Symbols of this chapter.** $x_d$ is pixel $d$ of an image, row by row, and $x_{<d}$
# the pixels before it; $y_d$ its logit, with a part $g_d$ from $z$ and a part $f_d$
# from $x_{<d}$.

# %%
import matplotlib.pyplot as plt
import numpy as np

from checks import BLACK, BLUE, ORANGE
from checks import box, check, check_less, difference, generator, link
from checks import measured, measured_row, measuring, must_fail, style
from minivae import VAE, Adam, Bernoulli, Linear, Sequential, Tanh
from minivae.datasets import load_digits
from minivae.layers import Layer
from minivae.schedules import cosine_decay, linear_warmup

style()
rng = generator(25)
digits = load_digits()
D, K = 64, 8
black_train, black_test = (
    (images >= 8).astype(np.float32)
    for images in (digits.train, digits.test)
)

# %% [markdown]
# ## The model
#
# Let each pixel be predicted from $z$ *and from the pixels before it*,
#
# $$
# p(x|z) = \prod_{d=1}^{D} p(x_d | x_{<d}, z), \qquad
# y_d = g_d(z) + f_d(x_{<d}) \tag{25.1}
# $$
#
# with $g$ the usual decoder and $f$ a network whose output $d$ depends only on the
# pixels before $d$; we call $f$ the decoder's *memory*. Any distribution of images can
# be written as such a product *without* $z$. A model that uses $z$ loses the gap
# between $q$ and the posterior; a model that ignores $z$ has no gap. So if $f$ alone
# can represent the distribution, the ELBO is best with $z$ unused (Chen and others
# 2017).
#
# We build $f$ from two layers with the masks of MADE (Germain and others 2015): each
# hidden unit belongs to one pixel and receives the pixels before that one; output $d$
# receives the hidden units of the pixels up to and including $d$. The images are the
# digits in black and white.


# %%
class Masked(Linear):
    """y = x W + b, with W zero wherever the mask is."""

    def __init__(self, mask):
        super().__init__(*mask.shape)
        self.mask = mask

    def initialise(self, rng):
        super().initialise(rng)
        self.W *= self.mask

    def backward(self, dy, need_dx=True):
        dx = super().backward(dy, need_dx)
        self.dW *= self.mask
        return dx


class Autoregression(Layer):
    """y_d = g_d + f_d(x_<d): a part from z, a part from x_<d."""

    def __init__(self, D, units):
        super().__init__()
        pixel = np.arange(D)
        of = np.repeat(pixel, units)  # the pixel of a hidden unit
        self.f = Sequential(
            Masked(pixel[:, None] < of),  # (25.1)
            Tanh(),
            Masked(of[:, None] <= pixel),  # (25.1)
        )
        self.n_in = self.n_out = D
        self.shapes, self.x = self.f.shapes, None

    def bind(self, params, grads, prefix=""):
        self.f.bind(params, grads, prefix)

    def initialise(self, rng):
        self.f.initialise(rng)

    def forward(self, g):
        f = self.f.forward(self.x)  # self.x: the images of this pass
        return g + np.tile(f, (len(g) // len(f), 1))

    def backward(self, dy):
        df = dy.reshape(-1, *self.x.shape).sum(axis=0)  # over samples
        self.f.backward(df, need_dx=False)
        return dy


def with_memory(D, K, hidden, units, dtype=np.float32):
    """A VAE whose decoder sees the pixels before; units = 0: none."""
    decoder = [Linear(K, hidden), Tanh(), Linear(hidden, D)]
    if units:
        decoder.append(Autoregression(D, units))
    encoder = Sequential(Linear(D, hidden), Tanh())
    likelihood = Bernoulli()
    return VAE(encoder, Sequential(*decoder), likelihood, rng, dtype)


def show(model, x):
    """Give the last layer the images of the next pass; return them."""
    model.decoder.layers[-1].x = x
    return x


# %% tags=["hide-input"]
# Figure: Five pixels in a row below, their logits above. An arrow
# leads from each pixel to the logits of later pixels, and one from z
# to every logit.
def draw_model():
    axes = plt.figure(figsize=(7.4, 2.8)).subplots()
    axes.set(xlim=(0, 11), ylim=(0, 3))
    axes.set_axis_off()
    at = {d: (1 + 2 * d, 0.5) for d in range(5)}
    for d, place in at.items():
        box(axes, place, f"$x_{d + 1}$", BLACK)
        box(axes, (place[0], 1.7), f"$y_{d + 1}$", BLUE)
        for later in range(d + 1, 5):
            end = (at[later][0], 1.7)
            link(axes, place, end)
    axes.text(
        5, 2.75, "$z$ reaches every $y_d$", ha="center", color=ORANGE
    )
    for d in at:
        arrow = {"arrowstyle": "-|>", "color": ORANGE}
        axes.annotate("", (at[d][0], 2.05), (5, 2.7), arrowprops=arrow)


draw_model()
plt.show()

# %% [markdown]
# Two checks. If the masks are right, (25.1) sums to one over all 64 images of six
# pixels, for every $z$. And the gradient must agree with finite differences of the
# loss.

# %%
tiny = with_memory(6, 2, 5, 3, np.float64)
tiny.theta += (
    0.3 * rng.standard_normal(tiny.theta.size) * (tiny.theta != 0)
)
every = (np.arange(64)[:, None] >> np.arange(6) & 1).astype(float)
z = np.tile(rng.standard_normal(2), (64, 1))
x = show(tiny, every)
log_p = tiny.likelihood.log_prob(x, tiny.decoder_output(z))
total = np.exp(log_p).sum()
check("(25.1) sums to one over all images", total, 1.0, 1e-12)

few, eps = show(tiny, every[20:25]), rng.standard_normal((3, 5, 2))
along = rng.standard_normal(tiny.theta.size) * (tiny.theta != 0)
tiny.loss(few, eps)
tiny.backward()
slope, start, ends = tiny.grad @ along, tiny.theta.copy(), []
for size in (1e-5, -1e-5):
    tiny.theta = start + size * along
    ends.append(tiny.loss(few, eps).nelbo)
check("slope", slope, (ends[0] - ends[1]) / 2e-5, 1e-7)

# %% [markdown]
# **Predict.** At $\beta = 1$ the plain VAE has a rate of five nats on these images.
# What will the rate be with the memory, and which of the two has the better ELBO? And
# if annealing or free bits raise the rate again, does the ELBO improve?


# %%
def collapse(units, steps, weight=1.0, free_bits=0.0):
    """(rate, test -ELBO, training -ELBO) at beta = 1, K = 8."""
    model = with_memory(D, K, 64, units)
    adam = Adam(cosine_decay(3e-3, steps))
    for t in range(steps):
        x = black_train[rng.integers(len(black_train), size=50)]
        eps = rng.standard_normal((50, K), np.float32)
        now = weight(t) if callable(weight) else weight
        model.loss(show(model, x), eps, now, free_bits)
        model.backward()
        adam.step(model.theta, model.grad)
    losses = []
    for x in (black_train, black_test):
        eps = rng.standard_normal((10, len(x), K), np.float32)
        losses.append(model.loss(show(model, x), eps))
    return losses[1].kl, losses[1].nelbo, losses[0].nelbo


arms = {
    "plain": lambda steps: collapse(0, steps),
    "memory": lambda steps: collapse(8, steps),
    "annealed": lambda steps: collapse(
        8, steps, linear_warmup(1.0, steps // 2)
    ),
    "free": lambda steps: collapse(8, steps, free_bits=0.5),
}
row = {}
for name in ("plain", "memory"):
    rate, nelbo, _ = arms[name](300)
    print(f"300 steps, {name:6}: rate {rate:.2f}, -ELBO {nelbo:.2f}")
    row[f"rate_300_{name}"] = rate, 0.5
    row[f"nelbo_300_{name}"] = nelbo, 1
LONG = {f"{name}_6000": name for name in ("memory", "annealed", "free")}
if measuring():
    runs = {name: (name, 2000) for name in arms}
    runs |= {column: (name, 6000) for column, name in LONG.items()}
    for column, (name, steps) in runs.items():
        for what, value in zip(
            ("rate", "nelbo", "training"),
            arms[name](steps),
            strict=True,
        ):
            row[f"{what}_{column}"] = value, 0
measured_row("course_25.csv", **row)

# %% [markdown]
# These were 300 steps. `python benchmarks/course.py 25 --seeds 5` measures 2,000 steps,
# and 6,000 for the three models with memory. Here is its table, with standard errors
# over the seeds. (In the annealed runs the weight of the KL rises from 0 to 1 during
# the first half.)


# %%
def over_seeds(column):
    values = np.array(
        [line[column] for line in measured("course_25.csv")]
    )
    error = values.std(ddof=1) / np.sqrt(len(values))
    return f"{values.mean():6.2f} ± {error:.2f}"


print("                 rate, nats      test -ELBO  training -ELBO")
for name in (*arms, *LONG):
    three = (f"{what}_{name}" for what in ("rate", "nelbo", "training"))
    print(f"{name:13}", *(f"{over_seeds(c):>15}" for c in three))
for name in ("annealed", "free", "annealed_6000", "free_6000"):
    memory = "memory_6000" if name in LONG else "memory"
    for what in ("nelbo", "training"):
        mean, error = difference(
            "course_25.csv", f"{what}_{name}", f"{what}_{memory}"
        )
        print(f"{what}, {name} - {memory}: {mean:.2f} ± {error:.2f}")
        check_less("the remedy costs ELBO", 4 * error, mean)
mean, error = difference("course_25.csv", "rate_plain", "rate_memory")
check_less("the memory lowers the rate", 3, mean - 4 * error)
mean, error = difference("course_25.csv", "nelbo_plain", "nelbo_memory")
check_less("and the ELBO is better", 4 * error, mean)

# %% [markdown]
# With the memory the rate falls from more than five nats to about one after 2,000 steps
# and to a third of a nat after 6,000, and after 2,000 the ELBO is *better* than without
# memory by some 1.7 nats. The remedies restore the rate, but they make the ELBO worse
# at both lengths, on unseen images and on training images alike: annealing by 0.7 and
# then 1.0 nats on test images, free bits by 0.5 and then 0.4. So this collapse is no
# failure of the optimizer: the bound prefers it. If $z$ is wanted for its own sake, as
# a short description of an image, the objective must say so, at the price in the table.
# Or the decoder must be made weaker, so that $z$ is needed for what the memory cannot
# see (Chen and others 2017).
#
# The runs have not settled, as the training column shows: between the two lengths it
# falls by one and a half nats or more. The order of the three models is the same at
# both.
#
# ## What goes wrong in practice
#
# **A mask that is off by one.** If output $d$ receives pixel $d$, a trained decoder
# copies the pixel, and the "likelihood" of every image comes near one. The sum over all
# images, here of a decoder with random weights, shows the mistake:

# %%
cheat = with_memory(6, 2, 5, 3, np.float64)
first = cheat.decoder.layers[-1].f.layers[0]
first.mask = np.arange(6)[:, None] <= np.repeat(np.arange(6), 3)
first.W[...] = first.mask * rng.standard_normal(first.W.shape)
log_p = cheat.likelihood.log_prob(
    show(cheat, every), cheat.decoder_output(z)
)
with must_fail():
    check("sum over all images", np.exp(log_p).sum(), 1.0, 1e-12)

# %% [markdown]
# **The rate is taken for the quality.** A remedy is said to work because the KL is
# larger. The table above shows what that costs.
#
# **Active units.** Even at a low rate several units may pass the threshold of chapter
# 13. Report the nats as well.
#
# **Samples in one pass.** `model.sample` is wrong for an autoregressive decoder: its
# logit for pixel $d$ needs the pixels before $d$, already drawn. Exercise 2 shows how.
#
# ## Exercises
#
# **1. Why not both? (warm-up)** Show from $\log p(x) = \mathrm{ELBO} + \mathrm{KL}(q
# \Vert p(z|x))$ that a model with $f$ alone, which ignores $z$ and has $q = p(z)$, has
# an ELBO equal to its $\log p(x)$. What must a model that uses $z$ achieve, then, to
# have the better ELBO?
#
# <details><summary>Hint</summary>
#
# What is the posterior of a $z$ that no pixel depends on?
#
# </details>
#
# <details><summary>Answer</summary>
#
# Then $p(z|x) = p(z) = q$, and the gap is zero. A model that uses $z$ has a gap
# (chapter 26 measures some), so its mean $\log p(x)$ must be higher by more than its
# mean gap. If $f$ alone can represent the distribution of the data, no higher mean
# $\log p(x)$ is possible.
#
# </details>
#
# **2. Draw an image.** Write a sampler for a trained model with memory: draw $z$ from
# the prior and then the pixels one after the other, in one pass through the decoder for
# each. Check it by the frequency of each image, in the model with six pixels.
#
# <details><summary>Hint</summary>
#
# Start with zeros. In pass $d$ only column $d$ of the logits is used, and it depends on
# no pixel that has not been drawn.
#
# </details>


# %% tags=["hide-cell"]
def draw_images(model, count):
    x = np.zeros((count, model.D), model.dtype)
    z = rng.standard_normal((count, model.K)).astype(model.dtype)
    for d in range(model.D):
        show(model, x)
        y = model.decoder_output(z)
        x[:, d] = rng.random(count) < 1 / (1 + np.exp(-y[:, d]))
    return x


drawn = draw_images(tiny, 20_000)
z = rng.standard_normal((400, 2))
show(tiny, np.repeat(every, 400, axis=0))
y = tiny.decoder_output(np.tile(z, (64, 1)))
log_p = tiny.likelihood.log_prob(np.repeat(every, 400, axis=0), y)
p = np.exp(log_p).reshape(64, 400).mean(axis=1)
seen = np.bincount(
    (drawn @ 2 ** np.arange(6)).astype(int), minlength=64
)
check("share of each of the 64 images", seen / 20_000, p, 0.03)

# %% [markdown]
# **3. Less memory.** Let the decoder remember only one pixel, the left neighbour,
# instead of all earlier ones. Which masks does that take? Between which of the measured
# rates should its rate lie?
#
# <details><summary>Hint</summary>
#
# The first mask is one where the pixel is $d - 1$ and $d$ is not the first of its row.
# With the second mask as it was, output $d$ would still receive the hidden units of all
# earlier pixels, and through them all their left neighbours. So it must change, too.
#
# </details>

# %% tags=["hide-cell"]
pixel = np.arange(D)
of = np.repeat(pixel, 8)
left = (pixel[:, None] == of - 1) & (of % 8 != 0)
own = of[:, None] == pixel
model = with_memory(D, K, 64, 8)
f = model.decoder.layers[-1].f
for layer, mask in zip(f.layers[::2], (left, own), strict=True):
    layer.mask = mask
    layer.W[...] *= mask
black = np.eye(D, dtype=np.float32)  # one black pixel each
changed = f.forward(black) - f.forward(0 * black)
by, at = np.nonzero(changed)  # by which pixel, at which logit
check("each logit depends on its left neighbour", at - by, 1, 0)
adam = Adam(cosine_decay(3e-3, 300))
for _ in range(300):
    x = black_train[rng.integers(len(black_train), size=50)]
    model.loss(show(model, x), rng.standard_normal((50, K), np.float32))
    model.backward()
    adam.step(model.theta, model.grad)
eps = rng.standard_normal((10, len(black_test), K), np.float32)
rate = model.loss(show(model, black_test), eps).kl
print(f"300 steps, one pixel of memory: rate {rate:.2f}")
check_less("more than with all pixels", row["rate_300_memory"][0], rate)

# %% [markdown]
# ## Sources
#
# - S. R. Bowman and others, [*Generating Sentences from a Continuous
#   Space*](https://arxiv.org/abs/1511.06349), CoNLL 2016: collapse in text models, and
#   annealing.
# - X. Chen and others, [*Variational Lossy
#   Autoencoder*](https://arxiv.org/abs/1611.02731), ICLR 2017: why a decoder that can
#   do without $z$ does, section 2.
# - M. Germain, K. Gregor, I. Murray, H. Larochelle, [*MADE: Masked Autoencoder for
#   Distribution Estimation*](https://arxiv.org/abs/1502.03509), ICML 2015: the masks.
# - D. P. Kingma and others, [*Improved Variational Inference with Inverse
#   Autoregressive Flow*](https://arxiv.org/abs/1606.04934), NeurIPS 2016: free bits.
#
# ## What to read next
#
# J. He and others, [*Lagging Inference Networks and Posterior Collapse in Variational
# Autoencoders*](https://arxiv.org/abs/1901.05534), ICLR 2019, on the dynamics of
# collapse.
