# %% [markdown]
# # 8. The whole gradient
#
# The KL and its gradient, the path through the noise, the layers, the likelihood: here
# they become two short functions, a complete variational autoencoder and its gradient,
# checked number by number. Then we find the same lines in `minivae/vae.py`.
#
# **What you will learn**
#
# - to write down the whole backward pass of a VAE, from the loss to the first weight;
# - where gradients add up, and where factors like $\frac1B$ and $\beta$ belong;
# - to check a model parameter by parameter, and to infer the mistake from those that
#   are wrong;
# - how much each of the paths into the encoder carries.
#
# **What you need:** chapters [4](04_kl_of_two_gaussians.py),
# [5](05_reparameterization.py), [6](06_backpropagation.py) and
# [7](07_reconstruction_term.py). About an hour and a quarter.

# %%
import inspect
import math

import matplotlib.pyplot as plt
import numpy as np

from checks import BLACK, BLUE, ORANGE, VERMILLION
from checks import box, check, check_less, check_mc, generator
from checks import link, must_fail, style
from minivae import IWAE, VAE, Adam, Binomial
from minivae.datasets import load_digits
from minivae.gradcheck import check_model

style()
rng = generator(8)

# %% [markdown]
# ## The forward pass
#
# This is the smallest model that has everything: an encoder with one hidden layer of
# tanh units, two linear heads, noise, a decoder with one hidden layer, binomial pixels.
# $B$ images, $S$ samples of noise for each.
#
# | line | shape | chapter |
# |---|---|---|
# | $u = x' W_1 + b_1$, with counts scaled, $x' = x / n$ | (B, H) | 6 |
# | $h = \tanh u$ | (B, H) | 6 |
# | $\mu = h W_\mu + b_\mu$ | (B, K) | 6 |
# | $\log \sigma^2 = h W_\sigma + b_\sigma$ | (B, K) | 6 |
# | $z = \mu + \sigma \varepsilon$ | (S, B, K) | 5 |
# | $v = z W_2 + b_2$ | (S, B, H) | 6 |
# | $a = \tanh v$ | (S, B, H) | 6 |
# | $y = a W_3 + b_3$ | (S, B, D) | 6 |
# | $\mathtt{rec} = -\frac{1}{SB} \sum_{s,r} \log p(x_r \mid y_{sr})$ | one number | 7 |
# | $\mathtt{kl} = \frac{1}{B} \sum_r \sum_k \mathrm{KL}_{rk}$ | one number | 4 |
# | $\mathtt{nelbo} = \mathtt{rec} + \beta\, \mathtt{kl}$ | one number | 2 |
#
# $x$ is used twice, at the beginning and in the likelihood, but nothing needs the
# gradient of the data. Three other variables are used twice, and they matter: $h$ feeds
# both heads, $\mu$ and $\log \sigma^2$ feed both $z$ and the KL. By the chain rule
# (6.1), **what is used twice gets the sum of two gradients**.
#
# For every variable of the table, `da`, `dz`, `dmu` and so on mean the derivative of
# the *loss*, as in chapter 6: $\mathtt{da} = \partial L / \partial a$.
#
# **Predict.** Draw the graph yourself first, and mark where two arrows leave one node.

# %% tags=["hide-input", "hide-output"]
# Figure: The graph of the whole loss: x, h, mu and log sigma², z with
# its noise, a, y, rec, kl, nelbo. Gradients in red stand at the
# nodes; z, mu, log sigma² and h collect several.
fig, axes = plt.subplots(figsize=(7.6, 4.4))
nodes = {
    "x": (0, 1, "$x$", BLACK, ""),
    "h": (1.2, 1, "$h$", BLACK, "dh"),
    "mu": (2.5, 1.9, r"$\mu$", BLACK, "dmu"),
    "logvar": (2.5, 0.1, r"$\log\,\sigma^2$", BLACK, "dlogvar"),
    "eps": (5.3, -0.2, r"$\varepsilon$", ORANGE, ""),
    "z": (4.2, 1, "$z$", BLACK, "dz"),
    "a": (5.2, 1, "$a$", BLACK, "da"),
    "y": (6.2, 1, "$y$", BLACK, "dy"),
    "rec": (7.2, 1.9, "rec", BLUE, "1"),
    "kl": (5.2, 2.9, "kl", VERMILLION, r"$\beta$"),
    "nelbo": (7.2, 3.2, "nelbo", BLACK, ""),
}
edges = "x h, h mu, h logvar, mu z, logvar z, z a, a y, y rec"
edges += ", mu kl, logvar kl, rec nelbo, kl nelbo, eps z"
for pair in edges.split(", "):
    start, end = pair.split()
    dashed = start == "eps"
    link(axes, nodes[start][:2], nodes[end][:2], dashed=dashed)
red = {"color": VERMILLION, "ha": "center", "fontsize": 11}
for at_x, at_y, text, colour, gradient in nodes.values():
    box(axes, (at_x, at_y), text, colour)
    axes.text(at_x, at_y - 0.45, gradient, **red)
axes.text(3.3, 1.68, r"$\Sigma_s$ dz", **red)
axes.text(3.75, 0.12, r"$\Sigma_s$ dz · ½σε", **red)
axes.text(3.6, 2.6, "β/B · μ", **red)
axes.text(4.9, 1.75, "β/B · ½(σ²−1)", **red)
axes.set(xlim=(-0.4, 7.8), ylim=(-0.8, 3.5))
axes.set_axis_off()
axes.set_title("Forward along the arrows, gradients (red) back")
plt.show()

# %% [markdown]
# ## The backward pass, from the last line up
#
# We go through the table from below. At each line we have the gradient of its left
# side, and compute that of everything on its right side.
#
# **nelbo.** Its derivative in `rec` is one, in `kl` it is $\beta$.
#
# **rec.** A mean of $SB$ numbers with a minus: each $\log p$ gets $-\frac{1}{SB}$. Then
# the slope of the binomial, (7.9):
#
# $$
# \mathtt{dy} = -\frac{1}{SB} \left( x - n\, \mathrm{sigmoid}(y) \right) \tag{8.1}
# $$
#
# **The decoder.** Linear, tanh, linear: (6.4) to (6.7), backwards. A parameter's
# gradient sums over all rows, here all $SB$ of them, so we stack samples and images.
#
# $$
# \mathtt{dW}_3 = a^\top \mathtt{dy}, \qquad \mathtt{db}_3 = \sum \mathtt{dy} \tag{8.2}
# $$
#
# $$
# \mathtt{da} = \mathtt{dy}\, W_3^\top , \qquad \mathtt{dv} = \mathtt{da} \cdot (1 -
# a^2) \tag{8.3}
# $$
#
# $$
# \mathtt{dW}_2 = z^\top \mathtt{dv}, \qquad \mathtt{db}_2 = \sum \mathtt{dv} \tag{8.4}
# $$
#
# $$
# \mathtt{dz} = \mathtt{dv}\, W_2^\top \tag{8.5}
# $$
#
# **z and kl, together.** $\mu$ is used in $z$, where $\partial z / \partial \mu = 1$
# for each of the $S$ samples, and in `kl`, where by (4.8) the derivative is $\mu$, with
# the $\frac1B$ of the mean and the $\beta$ in front:
#
# $$
# \mathtt{dmu} = \sum_s \mathtt{dz}_s + \frac{\beta}{B}\, \mu \tag{8.6}
# $$
#
# $\log \sigma^2$ is used in the same two places, with (5.6) and (4.9):
#
# $$
# \mathtt{dlogvar} = \sum_s \mathtt{dz}_s \cdot \tfrac12 \sigma \varepsilon_s
#   + \frac{\beta}{B} \cdot \tfrac12 \left( \sigma^2 - 1 \right) \tag{8.7}
# $$
#
# Note what is *not* there: no $\frac1S$ in front of the first sums, because (8.1) has
# put it into `dy` and so into `dz`; and no $\frac1S$ in the second terms, because the
# KL does not depend on the samples.
#
# **The heads.** Two linear layers with the same input:
#
# $$
# \mathtt{dW}_\mu = h^\top \mathtt{dmu}, \qquad \mathtt{db}_\mu = \sum \mathtt{dmu}
#   \tag{8.8}
# $$
#
# $$
# \mathtt{dW}_\sigma = h^\top \mathtt{dlogvar}, \qquad
#   \mathtt{db}_\sigma = \sum \mathtt{dlogvar} \tag{8.9}
# $$
#
# and $h$, used twice, receives a sum, which then passes the tanh:
#
# $$
# \mathtt{dh} = \mathtt{dmu}\, W_\mu^\top + \mathtt{dlogvar}\, W_\sigma^\top , \qquad
#   \mathtt{du} = \mathtt{dh} \cdot (1 - h^2) \tag{8.10}
# $$
#
# **The encoder.** One more linear layer, and we are done; nothing needs `dx`.
#
# $$
# \mathtt{dW}_1 = x'^\top \mathtt{du}, \qquad \mathtt{db}_1 = \sum \mathtt{du}
#   \tag{8.11}
# $$
#
# In code, forward and backward, a line or two for each equation. `backward` also
# returns what it computes on the way, to be checked:

# %%
n = 16
n_choose = np.array([math.comb(n, k) for k in range(n + 1)])


def log_binomial(x, y):
    log_p = x * y - n * np.logaddexp(0, y)
    return (log_p + np.log(n_choose[x.astype(int)])).sum(axis=-1)


def forward(p, x, eps, beta=1.0):
    """The loss, and everything on the way that backward needs."""
    h = np.tanh(x / n @ p["W1"] + p["b1"])
    mu = h @ p["Wm"] + p["bm"]
    logvar = h @ p["Ws"] + p["bs"]
    z = mu + np.exp(logvar / 2) * eps
    a = np.tanh(z @ p["W2"] + p["b2"])
    y = a @ p["W3"] + p["b3"]
    rec = -log_binomial(x, y).mean()
    kl = 0.5 * (mu**2 + np.exp(logvar) - 1 - logvar)
    kl = kl.sum(axis=1).mean()
    return rec + beta * kl, (h, mu, logvar, z, a, y)


def backward(p, x, eps, kept, beta=1.0):
    """The gradient of every parameter, and of what lies on the way."""
    h, mu, logvar, z, a, y = kept
    S, B, K = eps.shape
    rows = S * B
    g = {}
    dy = -(x - n / (1 + np.exp(-y))) / (S * B)  # (8.1)
    dy, a, z = (
        dy.reshape(rows, -1),
        a.reshape(rows, -1),
        z.reshape(rows, K),
    )
    g["W3"], g["b3"] = a.T @ dy, dy.sum(axis=0)  # (8.2)
    da = dy @ p["W3"].T  # (8.3)
    dv = da * (1 - a**2)  # (8.3)
    g["W2"], g["b2"] = z.T @ dv, dv.sum(axis=0)  # (8.4)
    dz = (dv @ p["W2"].T).reshape(S, B, K)  # (8.5)
    half_sigma = 0.5 * np.exp(logvar / 2)
    dmu = dz.sum(axis=0)  # (8.6)
    dmu = dmu + beta / B * mu  # (8.6)
    dlogvar = (dz * half_sigma * eps).sum(axis=0)  # (8.7)
    dlogvar = dlogvar + beta / B * 0.5 * (np.exp(logvar) - 1)  # (8.7)
    g["Wm"], g["bm"] = h.T @ dmu, dmu.sum(axis=0)  # (8.8)
    g["Ws"], g["bs"] = h.T @ dlogvar, dlogvar.sum(axis=0)  # (8.9)
    dh = dmu @ p["Wm"].T + dlogvar @ p["Ws"].T  # (8.10)
    du = dh * (1 - h**2)  # (8.10)
    g["W1"], g["b1"] = (x / n).T @ du, du.sum(axis=0)  # (8.11)
    return g, {
        "y": dy,
        "a": da,
        "z": dz,
        "mu": dmu,
        "logvar": dlogvar,
        "h": dh,
    }


# %% [markdown]
# ## Every intermediate, and every parameter
#
# A small model, all sizes different: 6 pixels, 5 hidden units, 2 latent dimensions, 3
# images, 4 samples, and $\beta = 0.7$, so that no factor can hide behind a one. 110
# parameters. The noise is frozen, so the loss is an ordinary function of the
# parameters, and we take its slopes by central differences.
#
# First the intermediates, so that a mistake has a place. As a function of $a$ alone,
# the loss is the rest of the forward pass, from $a$ on. So we write down what remains
# after each variable, and differentiate that.

# %%
D, H, K, B, S, beta = 6, 5, 2, 3, 4, 0.7
shapes = {
    **{"W1": (D, H), "b1": (H,), "Wm": (H, K), "bm": (K,)},
    **{"Ws": (H, K), "bs": (K,), "W2": (K, H), "b2": (H,)},
    **{"W3": (H, D), "b3": (D,)},
}
params = {name: 0.6 * rng.normal(size=s) for name, s in shapes.items()}
x = rng.integers(0, n + 1, size=(B, D)).astype(float)
eps = rng.standard_normal((S, B, K))


def slopes(f, array, h=6e-6):
    """Central differences of f() in every entry of `array`, in place."""
    found = np.zeros(array.shape)
    for i in np.ndindex(array.shape):
        value = array[i]
        array[i] = value + h
        up = f()
        array[i] = value - h
        down = f()
        array[i] = value
        found[i] = (up - down) / (2 * h)
    return found


def after_z(z):
    return after_a(np.tanh(z @ params["W2"] + params["b2"]))


def after_a(a):
    return after_y(a @ params["W3"] + params["b3"])


def after_y(y):
    return -log_binomial(x, y).sum() / (S * B)


def after_heads(mu, logvar):
    kl = 0.5 * (mu**2 + np.exp(logvar) - 1 - logvar)
    rec = after_z(mu + np.exp(logvar / 2) * eps)
    return rec + beta * kl.sum() / B


def after_h(h):
    mu = h @ params["Wm"] + params["bm"]
    return after_heads(mu, h @ params["Ws"] + params["bs"])


loss, kept = forward(params, x, eps, beta)
grads, between = backward(params, x, eps, kept, beta)
h, mu, logvar, z, a, y = (array.copy() for array in kept)
for name, array, rest in (
    ("y", y, lambda: after_y(y)),
    ("a", a, lambda: after_a(a)),
    ("z", z, lambda: after_z(z)),
    ("mu", mu, lambda: after_heads(mu, logvar)),
    ("logvar", logvar, lambda: after_heads(mu, logvar)),
    ("h", h, lambda: after_h(h)),
):
    ours = between[name].reshape(array.shape)
    check(f"d{name}", ours, slopes(rest, array), 1e-7)

# %% [markdown]
# And the parameters, against the whole forward pass:

# %%
exact = {
    name: slopes(lambda: forward(params, x, eps, beta)[0], array)
    for name, array in params.items()
}
print(f"{sum(p.size for p in params.values())} parameters")
for name in params:
    check(f"d{name}", grads[name], exact[name], 1e-7)

# %% [markdown]
# What is this check blind to? To everything that `forward` and `backward` have in
# common: with noise of twice the size, or with $n = 20$ in both, it passes as before,
# since the gradient of the wrong loss is right. Whether the noise is standard normal is
# seen in the moments of [chapter 5](05_reparameterization.py).
#
# ## The same in `vae.py`
#
# The package's model has the same layers under longer names. We copy our parameters
# into one of its models and ask for loss and gradient.

# %%
names = {
    "encoder.1": "1",
    "mu_head": "m",
    "logvar_head": "s",
    "decoder.0": "2",
    "decoder.2": "3",
}
model = VAE.mlp(
    D, K, (H,), likelihood=Binomial(n), rng=rng, dtype=np.float64
)


def by_our_names(theirs):
    """The package's dictionary of arrays under the names of this chapter."""
    return {
        f"{kind}{ours}": theirs[f"{layer}.{kind}"]
        for layer, ours in names.items()
        for kind in ("W", "b")
    }


for name, array in by_our_names(model.params).items():
    array[...] = params[name]
package = model.loss(x, eps, beta)
model.backward()
check("the loss", package.nelbo, loss, 1e-10)
flat = np.concatenate([g.ravel() for g in grads.values()])
theirs = by_our_names(model.grads)
theirs = np.concatenate([theirs[name].ravel() for name in grads])
check("the gradient, all parameters", theirs, flat, 1e-12)

# %% [markdown]
# And here is the code. `backward` is the part to know by heart:

# %%
source = inspect.getsource(VAE.backward)
print(source[source.index("B, SB") :])

# %% [markdown]
# Line by line, from the top:
#
# - `dy` begins with $-\frac{1}{SB}$ for each $\log p$; the likelihood multiplies it by
#   its own slope. Together (8.1).
# - `dz` is what the decoder's stack returns; on the way it has written the gradients of
#   its layers, (8.2) to (8.5).
# - `reparameterize_grad` gives the first sums of (8.6) and (8.7), `kl_grad` the $\mu$
#   and the $\frac12 (\sigma^2 - 1)$ in the second; the two lines with `weight / B` add
#   them. (`weight` is $\beta$, or zero for a dimension that still has free bits:
#   exercise 3.)
# - `dh` is the sum of what the two heads return, (8.8) to (8.10), and the last line
#   sends it through the encoder, (8.11), and does not ask for `dx`.
#
# The `dh` here is our `dh`: the tanh, and so `du`, belongs to the encoder's stack.
#
# The checker takes your own VAE, too, if it has `theta`, `grad`, `loss` and `backward`:

# %%
report = check_model(model, x, eps, beta=beta)
print(report)
report.assert_ok()

# %% [markdown]
# ## Reading the pattern
#
# A gradient check says more than yes or no. **A parameter's gradient depends only on
# lines of the backward pass above it: those on the paths from the loss.** So a single
# mistake lies on a path to every wrong gradient, and on none to a right one.
#
# **Predict.** Four mistakes, each in one line of `backward`. For each: which of the
# four groups, decoder ($W_2$, $W_3$), mean head, variance head, encoder, will be wrong?
#
# 1. the KL's gradient without the $\frac1B$, in both lines;
# 2. the $\frac12$ of $\partial \sigma / \partial \log \sigma^2$ forgotten;
# 3. $h$ gets only what comes back from the mean head;
# 4. new noise drawn for the backward pass.
#
# All four can be made by calling `backward` with wrong arguments: $B$ times the
# $\beta$; twice the $\varepsilon$, which it uses in one place only, beside the
# $\frac12$; zero for $W_\sigma$, which it uses in one place, too; other noise.

# %% tags=["hide-output"]
other = rng.standard_normal(eps.shape)
no_way_back = {**params, "Ws": np.zeros((H, K))}
bugs = {
    "KL without 1/B": backward(params, x, eps, kept, beta * B),
    "missing half": backward(params, x, 2 * eps, kept, beta),
    "one head only": backward(no_way_back, x, eps, kept, beta),
    "new noise": backward(params, x, other, kept, beta),
}
groups = {
    "decoder": ["W2", "b2", "W3", "b3"],
    "mu head": ["Wm", "bm"],
    "logvar head": ["Ws", "bs"],
    "encoder": ["W1", "b1"],
}
pattern = []
for title, (g, _) in bugs.items():
    row = [
        max(np.abs(g[name] - exact[name]).max() for name in group)
        > 1e-6
        for group in groups.values()
    ]
    pattern.append(row)
    words = ["WRONG" if wrong else "right" for wrong in row]
    marks = zip(groups, words, strict=True)
    print(f"{title:15}", "  ".join(f"{k}: {v}" for k, v in marks))
expected = [
    [False, True, True, True],
    [False, False, True, True],
    [False, False, False, True],
    [False, False, True, True],
]
assert pattern == expected

# %% [markdown]
# The decoder is always right, since its gradients are finished before any of these
# lines. The encoder is always wrong, since all paths end in it. The heads in between
# tell the mistakes apart, except the second and the fourth; those differ in the
# numbers. A missing half is a factor of two, but only in the part that comes from
# `rec`; new noise is no factor at all. (Public code has drawn new noise like this:
# kwj2104/Simple-Variational-Autoencoder.)
#
# ## Who pulls how hard?
#
# Four streams run into the heads: reconstruction and KL, each through $\mu$ and through
# $\log \sigma^2$. **Predict:** which is the largest in a fresh model? And after 2,000
# steps of training, are all of them small?
#
# We take one image at a time. Then, by (8.8), the gradient in the bias $b_\mu$ is `dmu`
# itself, and that in $b_\sigma$ is `dlogvar`.

# %%
digits = load_digits()
data = digits.train.reshape(-1, 64).astype(float)
net = VAE.mlp(
    64, 8, (64,), likelihood=Binomial(16), rng=rng, dtype=np.float64
)


def streams(batch, S=200):
    """Lengths of the four gradients, averaged over much noise."""
    noise = rng.standard_normal((S, len(batch), 8))
    found = []
    for head in ("mu_head.b", "logvar_head.b"):
        per_image = []
        for i in range(len(batch)):
            one, e = batch[i : i + 1], noise[:, i : i + 1]
            net.loss(one, e, beta=0.0)
            net.backward()
            rec = net.grads[head].copy()
            net.loss(one, e, beta=1.0)
            net.backward()
            per_image.append((rec, net.grads[head] - rec))
        per_image = np.array(per_image)  # (images, 2, K)
        lengths = np.linalg.norm(per_image, axis=2).mean(axis=0)
        found += [
            *lengths,
            np.linalg.norm(per_image.sum(axis=1), axis=1).mean(),
        ]
    return found


start = streams(data[:20])
steps = 2000
adam = Adam(lr=lambda t: 4e-3 * (1 - t / steps))  # down to zero
for _ in range(steps):
    batch = data[rng.integers(len(data), size=32)]
    net.loss(batch, rng.standard_normal((32, 8)))
    net.backward()
    adam.step(net.theta, net.grad)
end = streams(data[:20])

# %% tags=["hide-output"]
print("length of the gradient of one image, nats")
print(
    "               rec, mu  kl, mu     sum   rec, lv  kl, lv     sum"
)
for title, row in (("fresh", start), ("trained", end)):
    print(f"{title:12}", "".join(f"{value:9.3f}" for value in row))
check_less("fresh: the KL is soft", start[1], start[0] / 5)
check_less("trained: mu is pulled as before", start[2] / 2, end[2])
check_less("... but logvar hardly", end[5], end[4] / 2)

# %% tags=["hide-input", "hide-output"]
# Figure: The length of the gradients of rec, KL and both, into mu and
# into log sigma², as bars. After training those into mu are as long
# as before, but into log sigma² rec and KL nearly cancel.
labels = ["rec", "KL", "both"]
colours = [BLUE, VERMILLION, BLACK]
fig, panels = plt.subplots(1, 2)
for axes, part, title in (
    (panels[0], slice(0, 3), r"into $\mu$"),
    (panels[1], slice(3, 6), r"into $\log\,\sigma^2$"),
):
    for k, (row, hatch) in enumerate(((start, "//"), (end, None))):
        place = np.arange(3) + 0.4 * k - 0.2
        axes.bar(
            place,
            row[part],
            0.36,
            color="white" if hatch else colours,
            edgecolor=colours,
            hatch=hatch,
            lw=1.5,
        )
    axes.set_xticks(range(3), labels)
    axes.set_title(title)
panels[0].set_ylabel("length of one image's gradient, nats")
fig.suptitle(
    "Left bars: fresh model. Right bars: trained", x=0.02, ha="left"
)
plt.show()

# %% [markdown]
# In a fresh model the KL's gradients are small: $q$ is not far from the prior. In the
# trained one, the two forces on $\log \sigma^2$ are of the same size and opposed: `rec`
# pulls $\sigma$ down, the KL pulls it up to 1, and they meet at the posterior's width.
# The forces on $\mu$ have *not* become small. Each image still pulls nearly as hard as
# at the beginning; but they pull in different directions, and the gradient of the bias
# that they share is their mean:

# %%
net.loss(data, rng.standard_normal((20, len(data), 8)))
net.backward()
mean_pull = np.linalg.norm(net.grads["mu_head.b"])
print(
    f"one image: {end[2]:.2f}, the mean of all images: {mean_pull:.2f}"
)
check_less("images cancel each other", mean_pull, end[2] / 5)

# %% [markdown]
# At the end of training the mean gradient is small; those of single images are not.
#
# ## What goes wrong in practice
#
# - **A reduction that differs** between the terms, $\frac1B$ here, $\frac{1}{BD}$ there
#   (chapter 7). The check with $\beta = 0.7$ and all sizes different finds it in
#   `backward`; if the loss has it too, the comparison with the package does.
# - **The graph is cut at the sample**, and no gradient of `rec` reaches the encoder
#   (pyro-ppl/pyro #1852). Then both heads and the encoder are wrong, the decoder right.
# - **`logvar` computed by the head of the mean** (OpenTalker/SadTalker #969). The
#   gradient check passes: the gradient of the wrong model is right! It takes a check
#   that the two heads are independent:

# %%
before = model.encode(x)
model.params["logvar_head.b"][...] += 1.0
after = model.encode(x)
check("mu does not move with the variance head", after[0], before[0], 0)
check("logvar does, by one", after[1] - before[1], 1, 1e-12)
model.params["logvar_head.b"][...] -= 1.0

# %% [markdown]
# - **`backward` after something else** ran through the layers, which remember the last
#   forward pass only. Then the package raises an error:

# %%
model.loss(x, eps)
model.decode(np.zeros((1, K)))
try:
    model.backward()
    raise AssertionError("a gradient of something else")
except RuntimeError as error:
    print(error)

# %% [markdown]
# ## Exercises
#
# **1. Many samples (warm-up).** Show with (8.1), (8.6) and (8.7) that the gradient with
# $S$ samples is the average of $S$ gradients with one sample each. Check it with our
# code. Why are $S$ samples at once cheaper?
#
# <details><summary>Hint</summary>
#
# Which quantities of `backward` depend on $s$, and where are they summed?
#
# </details>
#
# <details><summary>Answer</summary>
#
# In (8.1) $\frac{1}{SB}$ is $\frac1S$ times the factor of one sample, and all that
# follows is linear in `dy` and sums over $s$: the first terms are averages. The KL's
# terms are the same in each of the $S$ gradients, so their average is the term itself.
# With all $S$ samples at once the encoder runs once instead of $S$ times.
#
# </details>

# %% tags=["hide-cell"]
average = {name: np.zeros(s) for name, s in shapes.items()}
for one in eps[:, None]:
    kept_one = forward(params, x, one, beta)[1]
    for name, g in backward(params, x, one, kept_one, beta)[0].items():
        average[name] += g / S
average = np.concatenate([g.ravel() for g in average.values()])
by_groups = np.concatenate([grads[name].ravel() for name in shapes])
check("the average of all gradients", average, by_groups, 1e-12)

# %% [markdown]
# **2. Linear in β.** The gradient is $g_{\text{rec}} + \beta\, g_{\mathrm{KL}}$. Find
# both parts from two calls of `backward`, predict a third, and check it. For which
# parameters is $g_{\mathrm{KL}}$ zero, and why?
#
# <details><summary>Hint</summary>
#
# Two values of $\beta$ give two equations. Which value leaves only one unknown?
#
# </details>
#
# <details><summary>Answer</summary>
#
# $\beta = 0$ gives $g_{\text{rec}}$, and $\beta = 1$ the sum. $g_{\mathrm{KL}}$
# vanishes for the decoder: $\mathrm{KL}(q \Vert p)$ is made of $\mu$ and $\log
# \sigma^2$ alone, and no arrow of the graph leads from the decoder to kl.
#
# </details>

# %% tags=["hide-cell"]
g0, g1, g5 = (backward(params, x, eps, kept, b)[0] for b in (0, 1, 5))
for name in ("W1", "Ws"):
    line = g0[name] + 5 * (g1[name] - g0[name])
    check(f"beta = 5, d{name}", g5[name], line, 1e-12)
for name in groups["decoder"]:
    check(f"KL part of d{name}", g1[name] - g0[name], 0, 0)

# %% [markdown]
# **3. Free bits.** Replace the KL by $\sum_k \max(\lambda, \frac1B \sum_r
# \mathrm{KL}_{rk})$: each latent dimension may use $\lambda$ nats for nothing. Which
# lines of `backward` change, and how? Check against `VAE.loss(..., free_bits=λ)`.
#
# <details><summary>Hint</summary>
#
# What is the derivative of $\max(\lambda, u)$ in $u$, left and right of $\lambda$? The
# two lines with $\frac{\beta}{B}$ change, and nothing else.
#
# </details>
#
# <details><summary>Answer</summary>
#
# Where the maximum is $\lambda$, the term of $k$ is constant. In (8.6) and (8.7)
# $\beta$ becomes a vector of $K$ weights: zero for those $k$, and $\beta$ for the
# others.
#
# </details>

# %% tags=["hide-cell"]
h, mu, logvar = kept[:3]
kl_k = (0.5 * (mu**2 + np.exp(logvar) - 1 - logvar)).mean(axis=0)
free = kl_k.mean()  # above one dimension's KL, below the other's
weight = beta * (kl_k > free)
print(f"KL per dimension {kl_k.round(3)}, free {free:.3f}")
g = backward(params, x, eps, kept, weight)[0]  # beta may be a vector
model.loss(x, eps, beta, free_bits=free)
model.backward()
theirs = by_our_names(model.grads)
for name in ("W1", "Wm", "Ws"):
    check(f"free bits, d{name}", theirs[name], g[name], 1e-12)

# %% [markdown]
# **4. The importance-weighted bound.** Instead of the mean of $\log w_s$, $w_s = p(x,
# z_s) / q(z_s | x)$, take the logarithm of the mean of $w_s$ ([chapter
# 12](12_how_tight_is_the_bound.py)). Show that $\frac{\partial}{\partial \log w_s} \log
# \frac1S \sum_j w_j = w_s / \sum_j w_j$. Read `minivae/iwae.py` and check its gradient
# with `check_model`. What would the gradient be if all these quotients were $\frac1S$?
#
# <details><summary>Hint</summary>
#
# The chain rule. What is $\partial w_s / \partial \log w_s$?
#
# </details>
#
# <details><summary>Answer</summary>
#
# $\log \frac1S$ is constant; $\partial \log \sum_j w_j / \partial w_s = 1 / \sum_j
# w_j$, and $w_s = e^{\log w_s}$ is its own derivative in $\log w_s$. With equal
# quotients the gradient would be that of the mean of $\log w_s$: the ELBO, with its KL
# sampled.
#
# </details>

# %% tags=["hide-cell"]
log_w = rng.normal(size=5)
weights = np.exp(log_w) / np.exp(log_w).sum()
step = 1e-6
up = np.log(np.exp(log_w + step * np.eye(5)).mean(axis=1))
down = np.log(np.exp(log_w - step * np.eye(5)).mean(axis=1))
check("five weights", weights, (up - down) / (2 * step), 1e-8)
iwae = IWAE.mlp(D, K, (H,), Binomial(n), rng=rng, dtype=np.float64)
check_model(iwae, x, eps).assert_ok()

# %% [markdown]
# **5. A gradient without noise at the optimum (towards research).** Let the KL be
# sampled too: the loss of one draw is $\log q(z|x) - \log p(x, z)$. Its gradient has a
# part along the path $z = \mu + \sigma \varepsilon$, and a part from the $\mu$ and
# $\log \sigma^2$ in $\log q$ itself. The second is the score of chapter 5, with mean
# zero. Leave it out: the estimator stays unbiased, and if $q$ is the true posterior,
# its variance is **zero**. Show why, and check both on the linear decoder of chapter 5.
#
# <details><summary>Hint</summary>
#
# What is $\log q(z) - \log p(x, z)$, as a function of $z$, if $q$ is the posterior?
#
# </details>
#
# <details><summary>Answer</summary>
#
# If $q(z) = p(z|x)$, then $\log q(z) - \log p(x, z) = -\log p(x)$ for *every* $z$: its
# derivative in $z$ is zero, and so is each sample of the path's part. For any other $q$
# the part left out, (5.2) and (5.3), has mean zero: the mean stays right.
#
# </details>

# %% tags=["hide-cell"]
w, c, x1 = 1.5, 0.5, 1.0
variance = 1 / (1 + w**2 / c)
mean, sd = variance * w * x1 / c, np.sqrt(variance)


def path_only(mu, sigma, e):
    z = mu + sigma * e
    return -(z - mu) / sigma**2 - (x1 - w * z) * w / c + z


e = rng.standard_normal(50_000)
check("no noise at the optimum", path_only(mean, sd, e), 0, 1e-12)
mu1, sigma1 = mean + 0.3, 1.3 * sd  # somewhere else
slope = 0.3 / variance  # the exact one, (mu - mean) / variance
away = path_only(mu1, sigma1, e)
check_mc("path only, away from it", away, slope)
full = -(x1 - w * (mu1 + sigma1 * e)) * w / c + mu1
check_mc("with the analytic KL", full, slope)
full = -(x1 - w * (mean + sd * e)) * w / c + mean
with must_fail():
    check("analytic KL: noisy at the optimum", full.std(), 0, 1e-12)

# %% [markdown]
# ## Sources
#
# - D. P. Kingma, M. Welling, *Auto-Encoding Variational Bayes*, ICLR 2014, [arXiv
#   1312.6114](https://arxiv.org/abs/1312.6114): equation 10 and section 3.
# - D. J. Rezende, S. Mohamed, D. Wierstra, *Stochastic Backpropagation and Approximate
#   Inference in Deep Generative Models*, ICML 2014, [arXiv
#   1401.4082](https://arxiv.org/abs/1401.4082).
# - D. P. Kingma and others, *Improved Variational Inference with Inverse Autoregressive
#   Flow*, NeurIPS 2016, [arXiv 1606.04934](https://arxiv.org/abs/1606.04934), equation
#   15: free bits.
# - G. Roeder, Y. Wu, D. Duvenaud, *Sticking the Landing: Simple, Lower-Variance
#   Gradient Estimators for Variational Inference*, NeurIPS 2017, [arXiv
#   1703.09194](https://arxiv.org/abs/1703.09194): exercise 5.
#
# ## What to read next
#
# [Chapter 9](09_training_on_digits.py) uses this gradient to learn to write digits. A.
# Karpathy's *micrograd* computes such gradients automatically.
