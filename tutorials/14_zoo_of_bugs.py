# %% [markdown]
# # 14. The zoo of bugs
#
# A VAE with a bug still trains. Its loss goes down, its pictures get better, and the
# bug may stay unnoticed for months. This chapter walks through a zoo of mistakes that
# were made in public code. Each is made again in our own package, one at a time and
# only inside a `with` block. You will guess which check catches which bug, and then
# measure it.
#
# **What you will learn**
#
# - the mistakes that people make in VAEs, in three families;
# - why a gradient check, the best known of all checks, is blind to half of them;
# - seven kinds of checks, what each can see, and which are worth writing first;
# - how to read a diagnosis: from "the numbers differ" to "this line, this factor";
# - false alarms: checks that fail on right code, and people who report it as wrong.
#
# **What you need:** chapters [4](04_kl_of_two_gaussians.py) to
# [8](08_whole_gradient.py), and the importance-weighted bound of [chapter
# 12](12_how_tight_is_the_bound.py). About 75 minutes. No later chapter needs this one.

# %%
import textwrap

import matplotlib.pyplot as plt
import numpy as np

from checks import BLUE, GREY, VERMILLION
from checks import check, check_less, check_mc, generator, measured
from checks import must_fail, style
from minivae import gaussian
from minivae.gradcheck import check_gradient, check_model
from minivae.ladder import RUNGS, climb, small_model
from minivae.zoo import BUGS, Bug, Edit, injected
from minivae.zoo.hunting import answer, mend, release
from minivae.zoo.matrix import hunt

style()
rng = generator(14)

# %% [markdown]
# ## One bug, by hand
#
# A bug is an edit of our own source: in a named function, one piece of text is replaced
# by another. `injected` applies the edit until the `with` block ends. Here is the most
# instructive bug, found in ddbourgin/numpy-ml and in keras-team/keras (#3283): the
# network outputs $\log \sigma^2$, and the sampler multiplies the noise by $e^{\log
# \sigma^2} = \sigma^2$ instead of $\sigma = e^{\frac12 \log \sigma^2}$.

# %%
sampler_bug = BUGS["variance-for-deviation"]
for edit in sampler_bug.edits:
    print(edit.where)
    print("    right:", edit.right)
    print("    wrong:", " ".join(edit.wrong.split()))

# %% [markdown]
# The backward pass was changed along with the forward pass: anyone who derives it from
# the wrong line gets this.
#
# **Predict.** We check every derivative of this model against finite differences of its
# loss, with the noise held fixed. What will the check say?
#
# We do it by hand, with the central differences of chapter 6, for each of the 110
# parameters of a small VAE.


# %%
def worst_slope(model, x, eps, h=1e-5):
    """Largest |claimed - numeric| over all parameters."""
    model.loss(x, eps)
    model.backward()
    claimed = model.grad.copy()
    numeric = np.zeros_like(claimed)
    for i in range(len(claimed)):
        value = model.theta[i]
        model.theta[i] = value + h
        up = model.loss(x, eps).nelbo
        model.theta[i] = value - h
        down = model.loss(x, eps).nelbo
        model.theta[i] = value
        numeric[i] = (up - down) / (2 * h)
    return np.abs(claimed - numeric).max()


model, x = small_model(rng)
eps = rng.standard_normal((len(x), model.K))
with injected(sampler_bug):
    error = worst_slope(model, x, eps)
check("with the bug, gradient against slopes", error, 0.0, 1e-8)

# %% [markdown]
# It passes, to $10^{-8}$. A gradient check compares a gradient with a loss. It does not
# ask whether the loss is the one you wanted.
#
# The KL in the same loss is that of a Gaussian with the variance $\sigma^2$. So let us
# ask whether the numbers that enter the decoder *have* that variance. This needs no
# derivative and no formula: we look at what is drawn.


# %%
def drawn_latents(model, x, count):
    """The z that enters the decoder while the loss is computed."""
    seen, forward = [], model.decoder.forward
    model.decoder.forward = lambda z: (seen.append(z), forward(z))[1]
    model.loss(x, rng.standard_normal((count, len(x), model.K)))
    del model.decoder.forward
    return seen[0].reshape(count, len(x), model.K)


mu, logvar = model.encode(x)
z = drawn_latents(model, x, 4000)
check_mc("right code, Var[z]", (z - mu) ** 2, np.exp(logvar))
with injected(sampler_bug), must_fail():
    z = drawn_latents(model, x, 4000)
    check_mc("with the bug, Var[z]", (z - mu) ** 2, np.exp(logvar))

# %% [markdown]
# A mean of squares finds what no gradient check can find. That is the idea of the
# **ladder**: checks of different kinds, ordered from the local to the global, each
# meant for what the one below lets through.
#
# | rung | what is compared | what it asks |
# |---|---|---|
# | 1 | gradients with finite differences | whether `backward` belongs to `loss` |
# | 2 | formulas with Monte Carlo | whether a formula is what it claims to be |
# | 3 | moments of what is drawn | whether samplers and densities agree |
# | 4 | ELBO + KL(q ‖ posterior) with log p(x) | whether the whole bound is the bound |
# | 5 | the linear VAE with probabilistic PCA | whether the optimum is the right one |
# | 6 | sums of probabilities, order of bounds | whether densities are densities |
# | 7 | behaviour with known outcome | whether each part acts as it must |
#
# `minivae check` climbs it from the command line, on your model.

# %%
table = climb(model, x, rng, rungs=[2, 3])
print(table)

# %% [markdown]
# ## Three families
#
# For each mistake below, `minivae zoo NAME` and `BUGS[NAME].threads` say where it was
# seen.
#
# **First family: the gradient is not that of the loss.** The forward pass is right, and
# so are samples, bounds and reports. Only the steps of the optimizer are wrong, and a
# model often learns in spite of that.
#
# | the mistake | seen in |
# |---|---|
# | noise drawn again for the backward pass | kwj2104/Simple-Variational-Autoencoder |
# | the $\frac12$ of $d\sigma / d\log \sigma^2$ forgotten | easyvae 1.3.3 |
# | a constant left in the Gaussian's gradient | y0ast/VAE-Torch #4 |
# | a derivative in the output, called with the input | davidrmiller/neural2d #40 |
# | a bias gradient right for a batch of one | mlpack/mlpack PR #3679 |
# | a second backward pass adds to the first | karpathy/micrograd PR #102 |
# | a sample that cuts the graph | pyro-ppl/pyro #1852 |
#
# **Second family: the loss is not the ELBO.** Gradient and loss agree. The largest
# group takes a mean in one term and a sum in the other. That implies a factor $\beta$
# of $D$, $1/K$ or $1/B$ on the KL; [chapter 13](13_posterior_collapse.py) shows what
# such a factor does to a model.
#
# | the mistake | seen in |
# |---|---|
# | pixels averaged, KL summed: $\beta = D$ | keras PR #3383, y0ast/VAE-Torch #11 |
# | KL averaged over dimensions: $\beta = 1/K$ | podgorskiy/VAE #1, keras #4538 |
# | pixels summed over the batch: $\beta = 1/B$ | SeldonIO/alibi-detect #90 |
# | the KL without its $\frac12$ | google-deepmind/torch-distributions PR #34 |
# | a wrong sign in the KL | FluxML/model-zoo PR #147 |
# | $(\log \sigma)^2$ for $2 \log \sigma$ | FluxML/model-zoo #73 |
# | a $\log 2\pi$ too many, a $\log \sigma$ missing | pluskid/Mocha.jl #117 |
# | tanh on the head of $\mu$ | pkmital/CADL #84 |
# | a prior of the wrong width | HIPS/autograd PR #266 |
# | cross-entropy on grey pixels as a likelihood | pytorch/examples #460 |
#
# **Third family: what is drawn, reported, updated.** Loss and gradient are right, and
# something around them is not.
#
# | the mistake | seen in |
# |---|---|
# | pixels drawn with softplus(logit) | an example in JAX's repository |
# | the sigmoid missing in the plots | FluxML/model-zoo PR #289 |
# | noise drawn once, when the model is built | tensorflow/tensorflow #36715 |
# | Adam's $\epsilon$ inside the root | CyberZHG/keras-radam #29 |
# | bias correction without the power $t$ | eriklindernoren/ML-From-Scratch #35 |
# | an ELBO that returns the loss | examples of JAX and of HIPS/autograd |
#
# We can name these mistakes only because somebody looked closely, and described in
# public what they found.
#
# ## Your guess
#
# Eight bugs will be injected. Here are their stories:

# %%
names = [
    "fresh-noise-in-backward",
    "variance-for-deviation",
    "kl-without-its-half",
    "pixels-averaged",
    "gaussian-without-two-pi",
    "average-of-the-logarithms",
    "softplus-as-probability",
    "noise-of-the-first-day",
]
for name in names:
    bug = BUGS[name]
    print(f"{name} (mistake {bug.row})")
    print(textwrap.indent(bug.story, "    "))
    print(f"    seen in: {'; '.join(bug.threads)}")

# %% [markdown]
# **Predict.** For each bug write the numbers of all rungs that you expect to fail
# between its brackets, and run the cell. A hint for rung 5: it looks at the loss, the
# ELBO and the gradient of a linear VAE with Gaussian pixels at a point where all three
# are known.

# %%
guess = {
    "fresh-noise-in-backward": [],
    "variance-for-deviation": [],
    "kl-without-its-half": [],
    "pixels-averaged": [],
    "gaussian-without-two-pi": [],
    "average-of-the-logarithms": [],
    "softplus-as-probability": [],
    "noise-of-the-first-day": [],
}

# %% [markdown]
# ## The hunt
#
# `benchmarks/zoo.py` injected each of the 47 bugs in turn and climbed the whole ladder,
# which takes about a minute; the result is a table. We read it, and repeat five of its
# rows here on rungs 2 to 7 (rung 1 is the slow one). First the control: nothing is
# injected, and nothing may fail. A check that fails on right code is worse than no
# check, because people learn to ignore it. (`minivae zoo` repeats the control with
# twenty seeds.)

# %% tags=["hide-output"]
rungs = list(RUNGS)
table = {
    row["bug"]: np.array([row[str(rung)] for rung in rungs]) == 1
    for row in measured("zoo.csv")
}
check("the table has every bug", set(table) == set(BUGS), 1, 0)
seed = int(rng.integers(1000))
control = hunt(None, seed, rungs[1:])
check("rungs that fail on the right code", sum(control), 0, 0)
for name in names[3:]:
    again = hunt(name, seed, rungs[1:])
    check(f"{name}, again", (again == table[name][1:]).all(), 1, 0)

print(" " * 27 + "  ".join(str(rung) for rung in rungs))
for name in names:
    print(f"{name:27}" + "  ".join(np.where(table[name], "x", ".")))

# %% tags=["hide-output"]
caught = np.array([table[name] for name in names])
guessed = np.array(
    [[r in guess[name] for r in rungs] for name in names]
)
print(f"hits         {(guessed & caught).sum():2} of {caught.sum()}")
print(f"missed       {(~guessed & caught).sum():2}")
print(f"false alarms {(guessed & ~caught).sum():2}")
everything = np.array(list(table.values()))
totals = dict(zip(rungs, everything.sum(axis=0).tolist(), strict=True))
print(f"all {len(table)} bugs, caught by rung:", totals)
once = everything.sum(axis=1) == 1
print(f"caught by one rung only: {once.sum()}, by none:", end=" ")
print((~everything.any(axis=1)).sum())
check("bugs that escaped", (~everything.any(axis=1)).sum(), 0, 0)
check_less("gradients see half", totals[1], 0.55 * len(table))


# %% tags=["hide-input", "hide-output"]
# Figure: A table of bugs against the seven rungs of the ladder: a
# square where the rung catches the bug, a circle where a guess was
# made. No column has a square in every row; every row has one
# somewhere.
def draw_matrix():
    """A square: caught. A circle: guessed. Red names: the eight."""
    axes = plt.figure(figsize=(7, 9.5)).subplots()
    down, across = np.nonzero(everything)
    axes.scatter(across, down, marker="s", s=62, color=BLUE, lw=0)
    for name, rungs_guessed in guess.items():
        for rung in rungs_guessed:
            at = rung - 1, list(table).index(name)
            axes.plot(*at, "o", mfc="none", mec=VERMILLION, mew=2, ms=8)
    short = ["gradients", "Monte Carlo", "moments", "exact log p"]
    short += ["linear VAE", "probability", "behaviour"]
    labels = [
        f"{r} {text}" for r, text in zip(rungs, short, strict=True)
    ]
    axes.set_xticks(
        range(7), labels, rotation=35, ha="left", rotation_mode="anchor"
    )
    axes.xaxis.tick_top()
    axes.set_yticks(range(len(table)), table, fontsize=8.5)
    for label in axes.get_yticklabels():
        if label.get_text() in names:
            label.set_color(VERMILLION)
    axes.set(xlim=(-0.5, 6.5), ylim=(len(table) - 0.5, -0.5))
    for family in (16.5, 35.5):
        axes.axhline(family, color=GREY, lw=1)
    axes.set_xticks(np.arange(8) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(table) + 1) - 0.5, minor=True)
    axes.grid(which="minor", color=GREY, lw=0.3)
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_visible(False)


draw_matrix()
plt.show()

# %% [markdown]
# ## What the matrix says
#
# The grey lines separate the three families; the eight bugs of the guess have red
# names.
#
# **Rung 1 catches 23 of 47.** It catches all 17 mistakes of the first family, and 6 of
# the other 30.
#
# **Rung 5 catches as many.** A linear VAE at a point where everything is known takes
# two milliseconds, and its check knows what no gradient check knows: the right result.
# Rung 4 is of the same kind. `pixels-averaged` passes the first three rungs: every
# formula is right, but their sum is not the ELBO. If you can afford only one check
# besides gradients, take a model so small that the truth can be computed, and compare.
#
# **Rungs 3, 6 and 7 find what no comparison of the loss could.** The sampler of pixels
# does not enter the loss. An importance-weighted bound that is in fact the ELBO is a
# valid bound; its only symptom is that more samples do not tighten it.
#
# **17 of the 47 are caught by one rung only.** In this sample only rungs 4 and 5 could
# be spared: every bug that they catch is caught by another rung too (exercise 4).

# %% [markdown]
# ## From a failure to a line
#
# A check that says "wrong" leaves you to find the mistake. For gradients one can do
# better, because a wrong factor, a missing term and a second draw of the noise leave
# different traces. `check_model` compares every derivative, says where along the
# backward pass the first wrong one stands, and then tries explanations. It prints an
# explanation only if it fits all the numbers.
#
# **Predict.** The decoder is right, the head of $\mu$ is right, the head of
# $\log \sigma^2$ is wrong, and so is the encoder below. Which lines of `backward` are
# under suspicion?

# %% tags=["hide-output"]
model, x = small_model(rng)
eps = rng.standard_normal((3, len(x), model.K))
with injected(BUGS["missing-half-of-sigma"]):
    report = check_model(model, x, eps)
print(report)

# %% [markdown]
# The KL part is right, and the reconstruction part is 2 times the right one: only one
# line of `backward` brings the reconstruction to this head, and one of its factors is
# $\frac12$. Three more bugs, diagnosis only:


# %%
def diagnosis(name):
    with injected(BUGS[name]):
        report = check_model(model, x, eps)
    text = " ".join(hint.text for hint in report.hints)
    print(f"{name}:")
    print(textwrap.fill(text, 72, initial_indent="  "))
    return text


text = diagnosis("fresh-noise-in-backward")
check("it names the noise", "drawn again" in text, 1, 0)
text = diagnosis("graph-cut-at-the-sample")
check(
    "it names the cut", "reconstruction part is missing" in text, 1, 0
)
text = diagnosis("batch-mean-forgotten")
check("it names the batch", "mean over the batch" in text, 1, 0)

# %% [markdown]
# ## False alarms
#
# A check can also be wrong about right code. Here are three ways, and a fourth in which
# it is wrong about wrong code, all seen in public; the next cell shows what our checker
# says to the first three:
#
# - **float32.** Seven digits are not enough for differences (chainer/chainer #3046,
#   PaddlePaddle/Paddle #4283).
# - **A kink.** Next to the corner of a ReLU, no difference can judge
#   (pytorch/pytorch #114234).
# - **Noise that is not frozen**, dropout for instance (torch/tutorials #25).
# - The opposite, a check that *passes* on wrong code: **an upstream gradient of all
#   ones** (in the tests of numpy-ml and of dlsyscourse/hw1).

# %%
theta = rng.normal(size=6)


def in_single(t):
    return (np.float32(t) ** 3).sum()


def noisy(t):
    return (t**2).sum() + 1e-3 * rng.normal()


def folded(t):
    return np.abs(t).sum()


at_corner = np.array([0.0, 1.0, -2.0])
alarms = {
    "float32": check_gradient(in_single, theta, 3 * theta**2),
    "noise": check_gradient(noisy, theta, 2 * theta),
    "kink": check_gradient(
        folded, at_corner, np.where(at_corner < 0, -1.0, 1.0)
    ),
}
for name, report in alarms.items():
    print(f"{name}: {report.verdict}")
    text = report.hints[0].text
    print(textwrap.indent(textwrap.fill(text, 72), "    "))
verdicts = {report.verdict for report in alarms.values()}
check("accuses right code", "WRONG" in verdicts, 0, 0)

# %% [markdown]
# Now the upstream gradient of all ones. The bug `columns-in-reverse` writes a weight
# gradient with its columns in reverse order. If the layer's output is simply summed,
# all columns of the right gradient are equal, and reversing them changes nothing.

# %%
inputs = rng.normal(size=(5, 3))
for upstream, blind in (
    (np.ones((5, 4)), 1),
    (rng.normal(size=(5, 4)), 0),
):
    right = inputs.T @ upstream
    wrong = inputs.T @ upstream[:, ::-1]
    agree = np.allclose(wrong, right)
    check("reversed columns pass", agree, blind, 0)

# %% [markdown]
# People raise false alarms too. A loss with both terms averaged over all pixels of the
# batch looks like a bug, and was reported as one (pytorch/examples #290, #294). But its
# gradient is the right one divided by a constant, which Adam cancels (up to its
# $\epsilon$). In AppliedDataSciencePartners/WorldModels #2 somebody asked for a mean
# where the sum was right. A later commit averaged both terms, and #12 reports the
# posterior collapse that followed.
#
# So compute before you open an issue. What decides is the *ratio* of the weights of the
# two terms.

# %%
eps = rng.standard_normal((len(x), model.K))
model.loss(x, eps)
model.backward()
right_gradient = model.grad.copy()
with injected(BUGS["pixels-averaged"]):
    model.loss(x, eps)
    model.backward()
wrong_gradient = model.grad.copy()


def cosine(a, b):
    return a @ b / np.linalg.norm(a) / np.linalg.norm(b)


both = right_gradient / (len(x) * model.D)  # both terms averaged
check("both averaged", cosine(both, right_gradient), 1.0, 1e-12)
turned = cosine(wrong_gradient, right_gradient)
check_less("one averaged: another direction", turned, 0.99)

# %% [markdown]
# ## In class
#
# `minivae zoo --hunt 5` starts Python with one of the 47 bugs injected and does not say
# which; the same seed gives everybody the same bug. A model, `check_model` and `climb`
# are at hand, and `answer("name-of-the-bug")` says right or wrong. In a notebook
# `release` and `answer` of `minivae.zoo.hunting` do the same:

# %%
release(5)
suspects = climb(*small_model(rng), rng, rungs=[2, 3, 5, 6])
failing = sorted(
    {row.rung for row in suspects if row.verdict == "FAILED"}
)
print("rungs of 2, 3, 5, 6 that fail:", failing)
fits = [
    name
    for name, row in table.items()
    if [r for r in (2, 3, 5, 6) if row[r - 1]] == failing
]
print("that fits", *fits, sep="\n  ")
right = [name for name in fits if answer(5, name)]
mend()
check("the bug is among them", len(right), 1, 0)

# %% [markdown]
# ## What goes wrong in practice
#
# These are mistakes in the checks themselves.
#
# **Symmetric places.** At $\mu = 0$, $\log \sigma^2 = 0$ five of the six wrong KL
# formulas of chapter 4 agree with the right one. Biases are zero before training, and a
# check at zero can miss a mistake in how they are used. Test at random points.
#
# **Friendly sizes.** With batch size $B = 1$ a missing sum over the batch does not
# show, with $D = K$ a transposed matrix, with a largest count of $n = 1$ a forgotten
# $n$. Use sizes that all differ.
#
# **Tolerances chosen afterwards.** A check that fails at $10^{-6}$ and passes at
# $10^{-2}$ has failed. Know beforehand what a right implementation reaches; here it is
# about $10^{-9}$.
#
# **One author.** Whoever derived the wrong formula will also write it into the test. A
# test is worth more if it computes the same number in another way: by an integral, from
# samples, or in a case with a known answer. All rungs but the first do that.
#
# ## Exercises
#
# **1. A batch of one (warm-up).** Inject `bias-of-one-image` and run `check_model` with
# one image, then with five. What does each say? Which other bugs do you expect to be
# invisible at $B = 1$?
#
# <details><summary>Hint</summary>
#
# Which operations do nothing if there is one image? Its sum and its mean are the same.
#
# </details>

# %% tags=["hide-cell"]
verdict = {}
for B in (1, 5):
    noise = rng.standard_normal((B, model.K))
    for name in ("bias-of-one-image", "batch-mean-forgotten"):
        with injected(BUGS[name]):
            verdict[name, B] = check_model(model, x[:B], noise).verdict
print(verdict)
hidden = sum(v == "ok" for (_, B), v in verdict.items() if B == 1)
check("hidden by B = 1", hidden, 2, 0)
found = sum(v == "WRONG" for (_, B), v in verdict.items() if B == 5)
check("found with B = 5", found, 2, 0)

# %% [markdown]
# **2. A bug of your own.** Write a `Bug` that forgets the $-1$ of the KL, in
# `gaussian:kl`. Before you inject it: will its gradient check pass? Is a constant
# harmless? Which rungs will see it?
#
# <details><summary>Hint</summary>
#
# What is the derivative of a constant? And what is the KL of the prior to itself?
#
# </details>

# %% tags=["hide-cell"]
mine = Bug(
    "kl-without-minus-one",
    "0",
    "The -1 of the KL forgotten.",
    (),
    (
        Edit(
            "gaussian:kl",
            "np.exp(logvar) - 1 - logvar",
            "np.exp(logvar) - logvar",
        ),
    ),
)
with injected(mine):
    at_prior = gaussian.kl(np.zeros(1), np.zeros(1))[0]
    check("its KL at the prior", at_prior, 0.5, 0)
    check("its gradient", worst_slope(model, x, eps), 0.0, 1e-8)
    for rung in (2, 3, 4):
        start = generator(rung)
        verdict = bool(climb(*small_model(start), start, [rung]))
        print(f"  rung {rung} passes: {verdict}")
        check(f"rung {rung}", verdict, float(rung == 3), 0)

# %% [markdown]
# *Answer.* Training is not changed at all, and the gradient check passes. But the
# reported KL is $\frac12$ nat per latent dimension too large, so the bound compares
# with no other.
#
# **3. A catch by luck.** `sign-of-log-sigma` changes the KL's value and its gradient
# together. Yet rung 1 catches it. Verify that `gaussian.kl` and `gaussian.kl_grad`
# agree while the bug is injected. Then find the line of `VAE.loss` that gives it away.
# Would you rely on that?
#
# <details><summary>Hint</summary>
#
# The wrong KL can be negative. Look for a maximum, and set `free_bits` to zero in it.
#
# </details>

# %% tags=["hide-cell"]
with injected(BUGS["sign-of-log-sigma"]):
    m, v, h = rng.normal(size=20), rng.normal(size=20), 1e-6
    slope = (gaussian.kl(m, v + h) - gaussian.kl(m, v - h)) / (2 * h)
    check(
        "value and gradient agree",
        gaussian.kl_grad(m, v)[1],
        slope,
        1e-8,
    )
    model.params["logvar_head.b"][...] -= 1  # narrow, so it shows
    loss = model.loss(x, eps)
    mu, logvar = model.encode(x)
    kl_k = gaussian.kl(mu, logvar).mean(axis=0)
    model.params["logvar_head.b"][...] += 1
    print(f"KL of each dimension: {kl_k.round(3)} nats")
    check_less("the wrong KL is negative", kl_k.min(), 0)
    # loss has max(KL_k, free_bits), and free_bits = 0 cuts it off:
    cut = loss.rec + np.maximum(kl_k, 0).sum()
    check("nelbo has the KL cut at zero", loss.nelbo, cut, 1e-12)

# %% [markdown]
# *Answer.* We would not. With a posterior a little wider the wrong KL is positive, and
# rung 1 passes. Rung 2 catches the bug whatever the posterior.
#
# **4. The smallest ladder.** Find the smallest set of rungs that catches all 47 bugs.
# Is it unique? Why does it not prove that the other rungs are superfluous?
#
# <details><summary>Hint</summary>
#
# A bug that only one rung catches leaves no choice. Try all $2^7$ subsets.
#
# </details>

# %% tags=["hide-cell"]
subsets = [
    [i for i in range(7) if mask >> i & 1] for mask in range(1, 128)
]
enough = [s for s in subsets if everything[:, s].any(axis=1).all()]
least = min(len(s) for s in enough)
smallest = [[i + 1 for i in s] for s in enough if len(s) == least]
print(f"{least} rungs: {smallest}")
forced = everything[once].any(axis=0)
check(
    "each of them is forced",
    forced[np.array(smallest[0]) - 1].all(),
    1,
    0,
)

# %% [markdown]
# *Answer.* Five rungs, each forced by a bug that only it sees, so the set is unique;
# the exact $\log p(x)$ and the linear VAE are not in it. But the set was chosen for
# these 47 bugs. The next bug may be one that only a comparison with a known truth can
# see, and these two rungs make that comparison.
#
# **5. Somebody else's VAE (towards research).** The checker needs no class of ours,
# only a function and a claimed gradient. Below is a VAE of ten lines in plain NumPy:
# one linear encoder, one linear decoder, one mistake. Let `check_gradient` find it;
# give it the sizes and the two parts of the loss, so that it can say more. Then take a
# VAE of your own, or of a repository that you use, and do the same.
#
# <details><summary>Hint</summary>
#
# `parts={"rec": ..., "kl": ...}` are functions of the same theta. Freeze the noise by
# making `eps` a global.
#
# </details>


# %% tags=["hide-cell"]
B, D, K = 7, 5, 3
data, noise = rng.normal(size=(B, D)), rng.normal(size=(B, K))
start = {
    "A": rng.normal(size=(D, K)),
    "logvar": rng.normal(size=K),
    "W": rng.normal(size=(K, D)),
}


def their_terms(t):
    mu, sigma = data @ t["A"], np.exp(t["logvar"] / 2)
    r = data - (mu + sigma * noise) @ t["W"]
    rec = 0.5 * (r**2).sum() / B
    kl = 0.5 * (mu**2).sum() / B
    return rec, kl + 0.5 * (sigma**2 - 1 - t["logvar"]).sum()


def their_gradient(t):
    mu, sigma = data @ t["A"], np.exp(t["logvar"] / 2)
    z = mu + sigma * noise
    r = data - z @ t["W"]
    dz = -r @ t["W"].T / B
    dlogvar = (dz * noise * sigma / 2).sum(axis=0)
    return {
        "W": -z.T @ r / B,
        "A": data.T @ (dz + mu),  # the mistake: mu / B belongs here
        "logvar": dlogvar + 0.5 * (sigma**2 - 1),
    }


report = check_gradient(
    lambda t: sum(their_terms(t)),
    start,
    their_gradient,
    sizes={"B": B, "D": D, "K": K},
    parts={
        "rec": lambda t: their_terms(t)[0],
        "kl": lambda t: their_terms(t)[1],
    },
)
print(report)
verdicts = {name: b.verdict for name, b in report.blocks.items()}
check("A is wrong", verdicts["A"] == "WRONG", 1, 0)
check("W is right", verdicts["W"] == "ok", 1, 0)
check("the factor is named", "= B" in report.hints[0].text, 1, 0)

# %% [markdown]
# ## Sources
#
# - The threads and files named in the text.
# - W. M. McKeeman, *Differential Testing for Software*, Digital Technical Journal 10,
#   1998: two programs that should agree, as a test.
# - R. A. DeMillo, R. J. Lipton, F. G. Sayward, *Hints on Test Data Selection: Help for
#   the Practicing Programmer*, IEEE Computer 11, 1978: mutation testing, which judges
#   tests by the bugs that they catch.
# - R. Grosse, D. K. Duvenaud, *Testing MCMC Code*, NIPS workshop 2014: the same
#   philosophy for samplers; conditionals against joint, statistics against theory.
# - Y. Burda, R. Grosse, R. Salakhutdinov, *Importance Weighted Autoencoders*, ICLR
#   2016, theorem 1: the order of bounds that rung 6 checks.
#
# ## What to read next
#
# Chapter 15 compares our numbers with published ones. Grosse and Duvenaud's few pages
# are the best next reading for anyone who writes inference code; for gradients, the
# notes of Stanford's CS231n on gradient checks list the same traps from long practice.
