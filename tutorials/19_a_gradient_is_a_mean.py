# %% [markdown]
# # 19. A gradient is a mean
#
# Four machines can train one model together, and get the model that one machine would
# have trained. This works because the gradient of a batch is a mean over its images,
# and a mean can be computed in parts. The chapter shows when that is exact, and three
# mistakes that break it without an error message.
#
# **What you will learn**
#
# - why dividing a batch among processes changes only the rounding;
# - the weights that unequal parts need;
# - why all processes should draw the same noise for the whole batch, and take their own
#   rows of it;
# - which objectives are not means over images, and cannot be divided like this;
# - how to predict from two numbers, latency and bandwidth, when more machines stop
#   helping.
#
# **What you need:** chapter 8. About 40 minutes.

# %%
import inspect

import matplotlib.pyplot as plt
import numpy as np

from checks import BLUE, GREEN, GREY, ORANGE, VERMILLION
from checks import check, check_less, generator, must_fail, style
from minivae import VAE, Adam, Binomial
from minivae.datasets import load_digits
from minivae.training.parallel import Ranks

style()
rng = generator(19)
digits = load_digits()
x_train = digits.train.astype(float)
K = 4
model = VAE.mlp(64, K, (32,), Binomial(16), rng=rng, dtype=np.float64)


# %% [markdown]
# ## Why it is exact
#
# The loss of a batch is $L = \frac1B \sum_{r=1}^B L_r(\theta)$, where $L_r$ depends on
# image $r$ and its noise $\varepsilon_r$ alone. Divide the rows into parts $P_1,
# \ldots, P_R$ of $B_1, \ldots, B_R$ images. Each process computes the gradient of *its*
# mean,
#
# $$
# g_i = \frac1{B_i} \sum_{r \in P_i} \nabla L_r ,
# $$
#
# and since the sum over all rows is the sum of the sums over parts,
#
# $$
# \nabla L = \frac1B \sum_{r=1}^B \nabla L_r = \sum_{i=1}^R \frac{B_i}{B}\, g_i .
# \tag{19.1}
# $$
#
# So each process multiplies its gradient by its share of the rows, the results are
# added over all processes (MPI calls this *Allreduce*), and all processes take the same
# step of Adam. Nothing is approximated; only the order of additions differs.


# %% tags=["hide-input"]
# Figure: Three processes compute the gradients of their own parts,
# which are weighted by their shares, go through one sum, and give all
# processes the same step.
def draw_ranks():
    axes = plt.figure(figsize=(8.0, 2.7)).subplots()
    axes.set(xlim=(0, 10), ylim=(-0.2, 3.1))
    axes.set_axis_off()
    colours = [BLUE, ORANGE, GREEN]
    for i, colour in enumerate(colours):
        at = 2.5 - i
        axes.add_patch(
            plt.Rectangle(
                (0.2, at - 0.35), 1.0, 0.7, color=colour, alpha=0.5
            )
        )
        axes.text(0.7, at, f"$P_{i + 1}$", ha="center", va="center")
        axes.text(
            3.2,
            at,
            f"$g_{i + 1}$: its own mean",
            ha="center",
            va="center",
        )
        arrow = {"arrowstyle": "-|>", "color": GREY}
        axes.annotate("", (2.0, at), (1.3, at), arrowprops=arrow)
        axes.annotate("", (6.0, 1.5), (4.5, at), arrowprops=arrow)
        axes.annotate("", (9.0, at), (7.8, 1.5), arrowprops=arrow)
        axes.text(9.1, at, r"$\theta$", va="center")
        axes.text(
            5.2,
            (at + 1.5) / 2 + 0.12 - 0.5 * (i == 2),
            f"$B_{i + 1}/B$",
            fontsize=10,
            color=colour,
        )
    axes.text(
        6.9,
        1.5,
        "one sum",
        ha="center",
        va="center",
        bbox={"fc": "white"},
    )


draw_ranks()
plt.show()


# %% [markdown]
# We first simulate the processes in one program: the model sees the rows of one part at
# a time.


# %%
def gradient(model, x, eps, beta=1.0, free_bits=0.0):
    """The gradient of the mean over x, by the package; a copy."""
    model.loss(x, eps, beta, free_bits)
    model.backward()
    return model.grad.copy()


def divided(model, x, eps, sizes):
    """(19.1): every part by itself, weighted by its share of the rows."""
    ends = np.cumsum(sizes)
    total = np.zeros_like(model.theta)
    for start, end in zip([0, *ends[:-1]], ends, strict=True):
        share = (end - start) / len(x)
        total += share * gradient(model, x[start:end], eps[start:end])
    return total


B = 97  # the last batch of the digits, with batches of 100
x = x_train[rng.permutation(len(x_train))[:B]]
eps = rng.standard_normal((B, K))
whole = gradient(model, x, eps)
scale = np.abs(whole).max()
for sizes in ([97], [48, 49], [33, 32, 32], [1, 96], [25, 24, 24, 24]):
    error = np.abs(divided(model, x, eps, sizes) - whole).max() / scale
    check(f"parts of {sizes}, relative error", error, 0, 1e-13)

# %% [markdown]
# The package does the same with real processes, which MPI calls *ranks*. `rows` says
# which rows belong to this rank, `mean` multiplies by the share and sums:

# %%
print(inspect.getsource(Ranks.rows))
source = inspect.getsource(Ranks.mean)
print(source[: source.index('"""')] + source.split('"""')[2])

# %% [markdown]
# `mpiexec -n 4 minivae train` runs it (after `pip install 'minivae[mpi]'`). The tests
# of the package train with one process and with several, and compare the weights: for
# two processes they agree to $10^{-12}$ in float64 after a hundred steps.
#
# **Predict.** Three shortcuts look harmless: take the mean of the gradients of unequal
# parts; let every process draw its own noise from the same seed; apply free bits in
# each process. Which of them gives a gradient that is wrong even on average?
#
# ## Break 1: the mean of unequal parts
#
# Most libraries average the gradients of the processes. If all parts have one size,
# that is (19.1). But the last batch of an epoch can seldom be divided evenly: of 97
# images, four processes get 25, 24, 24 and 24.


# %% tags=["hide-output"]
def averaged(model, x, eps, sizes):
    """What a plain average of the parts' gradients gives."""
    ends = np.cumsum(sizes)
    parts = [
        gradient(model, x[end - size : end], eps[end - size : end])
        for size, end in zip(sizes, ends, strict=True)
    ]
    return np.mean(parts, axis=0)


equal = averaged(model, x[:96], eps[:96], [24] * 4)
check(
    "equal parts",
    equal,
    gradient(model, x[:96], eps[:96]),
    1e-12 * scale,
)
for sizes in ([25, 24, 24, 24], [1, 96]):
    with must_fail():
        wrong = averaged(model, x, eps, sizes)
        check(
            f"average over {sizes}", wrong / scale, whole / scale, 1e-6
        )

# %% [markdown]
# With parts of 1 and 96 the single image counts 96 times as much as any other. But if
# the order is drawn anew in every epoch, each image is equally likely to have each
# place, and the error is zero on average: this shortcut adds noise, and no bias.
#
# ## Break 2: the same noise everywhere
#
# If every process has the same seed and draws the noise for its own rows, all of them
# draw the *same* numbers: row 1 of every part gets the same $\varepsilon$. Each $\nabla
# L_r$ is still right on average, but the errors of images with the same noise are
# correlated, and cancel less.


# %% tags=["hide-output"]
def spread(draw, repeats=300):
    """Total variance of the gradient over repeated draws of the noise."""
    x = x_train[:32]
    draws = np.array(
        [gradient(model, x, draw(len(x))) for _ in range(repeats)]
    )
    centred = draws - draws.mean(axis=0)
    squares = (centred**2).sum(axis=1)
    return (
        squares.mean(),
        squares.std(ddof=1) / np.sqrt(repeats),
        draws.mean(axis=0),
    )


def fresh(B):
    return rng.standard_normal((B, K))


def same_everywhere(B, ranks=8):
    return np.tile(rng.standard_normal((B // ranks, K)), (ranks, 1))


right, right_error, right_mean = spread(fresh)
wrong, wrong_error, wrong_mean = spread(same_everywhere)
print(
    f"variance: one shared draw {right:.1f} ± {right_error:.1f}",
    end=", ",
)
print(f"the same seed on 8 ranks {wrong:.1f} ± {wrong_error:.1f}")
gap = 4 * np.hypot(right_error, wrong_error)
check_less("the same noise: more variance", right + gap, wrong)
# Both are unbiased: the means lie within four standard errors of each other.
distance = ((right_mean - wrong_mean) ** 2).sum()
check_less("but the same mean", distance, 16 * (right + wrong) / 300)

# %% [markdown]
# So the second shortcut adds no bias either, but it raises the variance, which a larger
# batch was meant to lower. In the package all ranks draw the noise of the *whole*
# batch, from generators in the same state, and take their rows of it. It is then the
# noise that one process would have used, so the division is exact.
#
# ## Break 3: an objective that is not a mean
#
# Free bits (chapter 13) are $\sum_k \max(\lambda, \frac1B \sum_r \mathrm{KL}_{rk})$: a
# maximum of a mean, which is not itself a mean over images, as (19.1) needs. To see the
# error, set $\lambda$ to the mean KL of one latent dimension, and divide the batch into
# the images with low KL and those with high KL in that dimension.


# %% tags=["hide-output"]
def with_free_bits(parts, free_bits):
    total = np.zeros_like(model.theta)
    for rows in parts:
        part = gradient(model, x[rows], eps[rows], free_bits=free_bits)
        total += len(rows) / B * part
    return total


mu, logvar = model.encode(x)
kl_rk = (mu**2 + np.exp(logvar) - 1 - logvar) / 2
order = np.argsort(kl_rk[:, 0])  # a part of low KL, and one of high KL
parts = [order[:48], order[48:]]
free_bits = kl_rk[
    :, 0
].mean()  # the first dimension lies just at its limit
one = gradient(model, x, eps, free_bits=free_bits)
two = with_free_bits(parts, free_bits)
check(
    "without free bits",
    with_free_bits(parts, 0.0),
    whole,
    1e-12 * scale,
)
with must_fail():
    check("free bits in each part", two / scale, one / scale, 1e-3)

# %% [markdown]
# Only the third shortcut is wrong on average: each process decides from its own images
# which dimensions are free. By Jensen's inequality the mean of the parts' maxima is at
# least the maximum of their mean. So the divided loss is never below the whole one, and
# no average over divisions removes the difference. With several ranks the package
# refuses free bits and says why. It could allow them if the $K$ mean KLs were summed
# over all ranks before the backward pass.
#
# ## When do more machines stop helping?
#
# A step on $R$ machines takes the time to compute the gradients of $B/R$ images, and
# the time to sum $P$ numbers, one for each parameter. In a ring Allreduce each machine
# sends $2 (R-1)/R \cdot P$ numbers of 4 bytes in $2(R-1)$ messages. With a latency of
# $\alpha$ seconds a message, a bandwidth of $w$ bytes a second, and $T_1$ for the time
# of one machine,
#
# $$
# T(R) = \frac{T_1}{R} + 2 \, \alpha + \frac{2 }{R} \cdot \frac{4 P}{w} .
# \tag{19.2}
# $$
#
# The numbers below are assumed, not measured: $\alpha$ = 50 µs and $w$ = 1.25 GB/s (10
# Gbit Ethernet), a model with 814 thousand float32 parameters, and 60 µs for each image
# on one machine.


# %%
def step_time(
    R, B, P=814_000, per_image=60e-6, alpha=50e-6, bandwidth=1.25e9
):
    """(19.2): seconds of one step on R machines."""
    messages = 2 * (R - 1) * alpha
    volume = 2 * (R - 1) / R * 4 * P / bandwidth
    return B * per_image / R + messages + volume


def ring_by_counting(R, P, alpha, bandwidth):
    """The same by messages: 2 (R - 1) rounds of P / R numbers each."""
    seconds = 0.0
    for _ in range(2 * (R - 1)):
        seconds += alpha + 4 * P / R / bandwidth
    return seconds


for R in (1, 2, 5):
    counted = ring_by_counting(R, 814_000, 50e-6, 1.25e9)
    check(f"{R} machines, the sum", step_time(R, 0), counted, 1e-12)

# %% tags=["hide-input"]
# Figure: How many times faster many machines are than one, for four
# sizes of the batch. The largest stays near the dashed diagonal
# longest; the smallest gains nothing.
machines = np.arange(1, 33)
axes = plt.figure(figsize=(6.4, 3.8)).subplots()
for B_, colour in (
    (100, VERMILLION),
    (500, ORANGE),
    (2000, BLUE),
    (10_000, GREEN),
):
    gain = step_time(1, B_) / np.array(
        [step_time(R, B_) for R in machines]
    )
    axes.plot(machines, gain, color=colour)
    axes.annotate(
        f"B = {B_}",
        (32, gain[-1]),
        (4, 0),
        textcoords="offset points",
        va="center",
        color=colour,
    )
axes.plot(machines, machines, "--", color=GREY, lw=1)
axes.set(
    xlabel="machines",
    ylabel="times faster than one",
    ylim=(0, 26),
    xlim=(1, 38),
)
axes.set_title("Small batches gain little")
plt.show()

# %% [markdown]
# At $B = 100$ one machine takes 6.0 ms; two take 3.0 ms for their images and 2.7 ms for
# the sum, so the second machine gains almost nothing. Data-parallel training needs
# large batches, and if those train worse, it does not pay. On the two cores of one
# machine it gains little over the threads of the linear algebra library, which share
# memory: `benchmarks/README.md` has the measurements.
#
# ## What goes wrong in practice
#
# - **`manual_seed(0)` in every process** of a distributed PyTorch program gives all of
#   them the same noise. Without a distributed sampler they also get the same images,
#   and $R$ machines do the work of one.
# - **Averaging losses of unequal parts** in the report: the test loss then depends on
#   the number of machines.
# - **Batch statistics** (batch normalisation, free bits, aggregate posteriors) computed
#   in each part make the model depend on the number of machines, without a message.
# - **A rank that dies.** The others wait for its part of the sum for ever, unless the
#   launcher ends them. `mpiexec` does, and the package never leaves half a checkpoint.
#
# ## Exercises
#
# **1. Write `Ranks.mean` for gradients that are sums (warm-up).** If each process
# computed $\sum_{r \in P_i} \nabla L_r$ instead of its mean, what would replace the
# weight $B_i / B$?
#
# <details><summary>Hint</summary>
#
# Write (19.1) with $B_i g_i$, which is what each process now has.
#
# </details>

# %% tags=["hide-cell"]
total = np.zeros_like(model.theta)
for rows in np.array_split(np.arange(B), 3):
    total += len(rows) * gradient(
        model, x[rows], eps[rows]
    )  # a sum over its rows
check("one division at the end", total / B, whole, 1e-12 * scale)

# %% [markdown]
# *Answer.* The factor $1/B$, applied once, after the sum: with sums, unequal parts need
# no weights.
#
# **2. Adam on slices.** Instead of every process taking the same step of Adam, process
# $i$ may keep the memory $m, v$ of a slice of the parameters only: it receives the
# summed gradient of its slice (*reduce-scatter*), takes the step there, and sends the
# new slice to all others (*all-gather*). Why is the result the same, bit for bit, and
# what is saved?
#
# <details><summary>Hint</summary>
#
# Does any line of Adam combine different parameters?
#
# </details>

# %% tags=["hide-cell"]
theta, sliced = model.theta.copy(), model.theta.copy()
Adam(1e-2).step(theta, whole)
for rows in np.array_split(np.arange(theta.size), 3):
    part = sliced[rows]
    Adam(1e-2).step(part, whole[rows])
    sliced[rows] = part
check("Adam on three slices", sliced, theta, 0)

# %% [markdown]
# *Answer.* Adam works on each parameter by itself, so a step in slices is exact. Each
# process keeps $2P/R$ numbers for $m$ and $v$ instead of $2P$ and does $1/R$ of Adam's
# arithmetic. It sends as many bytes as in the ring Allreduce, which consists of the
# same two halves.
#
# **3. The batch at which two machines break even.** From (19.2), derive the batch size
# at which two machines are as fast as one, and check it against `step_time`.
#
# <details><summary>Hint</summary>
#
# Set $T(2) = T(1)$; the compute time is proportional to $B$.
#
# </details>

# %% tags=["hide-cell"]
even = 2 * (2 * 50e-6 + 4 * 814_000 / 1.25e9) / 60e-6
print(f"two machines break even at B = {even:.0f}")
check("break even", step_time(2, even), step_time(1, even), 1e-12)
check_less(
    "a larger batch gains",
    step_time(2, 2 * even),
    step_time(1, 2 * even),
)

# %% [markdown]
# *Answer.* $T(2) = T(1)$ means $T_1 / 2 = 2\alpha + 4P/w$. With $T_1 = B t$ and $t$ the
# time of an image, $B = 2 (2 \alpha + 4 P / w) / t$, about 90.
#
# ## Sources
#
# - P. Patarasuk, X. Yuan, [*Bandwidth optimal all-reduce algorithms for clusters of
#   workstations*](https://doi.org/10.1016/j.jpdc.2008.09.002), 2009: the ring, equation
#   19.2.
# - P. Goyal and others, [*Accurate, Large Minibatch
#   SGD*](https://arxiv.org/abs/1706.02677), 2017: section 3 lists common mistakes of
#   distributed training, a sum divided by the wrong number of images among them.
# - S. Rajbhandari and others, [*ZeRO*](https://arxiv.org/abs/1910.02054), 2020: the
#   optimizer's memory divided among the processes, exercise 2.
#
# ## What to read next
#
# [Growing out of it](growing_out_of_it.md) takes the model to PyTorch, which runs on
# larger machines.
