# %% [markdown]
# # 16. The convolution and its adjoint
#
# The convolution is a layer that everybody uses and few have differentiated by hand,
# because the indices of images, kernels, strides and padding look forbidding. In this
# chapter a convolution becomes a product of two matrices, which chapter 6 has
# differentiated already. Only two things are new: a linear map that cuts an image into
# windows, and its adjoint, which puts them back.
#
# **What you will learn**
#
# - what a convolution computes, number by number, and why it is a product with patches;
# - what the adjoint of a linear map is, how to test it without a derivative, and how
#   both gradients of the convolution follow from it;
# - what a transposed convolution is, and why it is not an inverse;
# - why generated images show checkerboards, and which kernels cause them;
# - what a VAE gains from convolutions over a dense network with as many parameters.
#
# **What you need:** chapter 6 (backpropagation through `Linear`), and chapter 9 for the
# last section. About an hour and a half.

# %%
import inspect

import matplotlib.pyplot as plt
import numpy as np

from checks import check, check_less, generator, measured
from checks import must_fail, style
from minivae import VAE, Adam, Binomial, Conv2d, ConvTranspose2d
from minivae import conv
from minivae.datasets import load_digits
from minivae.model import Model
from minivae.training import evaluate, fit

style()
rng = generator(16)

# %% [markdown]
# ## One pixel, one kernel
#
# Lay a kernel $W$ of 3x3 numbers on an image $x$, multiply each number by the pixel
# that it covers, and add up: that is one number of the output $y$. Then move the
# kernel. With $k$ rows and columns in the kernel and a *stride* of $s$ pixels from one
# place to the next,
#
# $$
# y_{rc} = \sum_{i=0}^{k-1} \sum_{j=0}^{k-1} W_{ij}\; x_{sr+i,\, sc+j} \tag{16.1}
# $$
#
# **Predict.** Let the kernel hold 1 to 9 and the image of 5x5 a single bright pixel in
# the middle. The output has 3x3 numbers. Which ones, and in which order?


# %%
def convolve(x, W, s):
    """(16.1) for one image of one channel, by four loops."""
    k = len(W)
    rows, columns = ((n - k) // s + 1 for n in x.shape)
    y = np.zeros((rows, columns))
    for r in range(rows):
        for c in range(columns):
            for i in range(k):
                for j in range(k):
                    y[r, c] += W[i, j] * x[s * r + i, s * c + j]
    return y


W = np.arange(1.0, 10).reshape(3, 3)
x = np.zeros((5, 5))
x[2, 2] = 1
check("the kernel, upside down", convolve(x, W, 1), W[::-1, ::-1], 0)

# %% [markdown]
# The kernel comes out upside down and mirrored: at the first place, top left, the
# kernel's *last* number lies on the bright pixel. What mathematics calls a convolution
# turns the kernel over first, so that it comes out upright. The layers of PyTorch and
# of this package do not turn it; strictly, (16.1) is a cross-correlation. For a kernel
# that is learned this makes no difference.
#
# ## Which sizes fit
#
# The kernel has a place every $s$ pixels until it touches the far border. An image may
# get $p$ rows and columns of zeros on each side, the *padding*, so that pixels at the
# border lie in more windows. Then there are
#
# $$
# n' = \frac{n + 2p - k}{s} + 1 \tag{16.2}
# $$
#
# places in a row of $n$ pixels. If that is not a whole number, the last pixels lie in
# no window, and no gradient ever reaches them. PyTorch, for one, rounds down without a
# word; this package refuses:


# %%
def places(n, k, s, p):
    return (n + 2 * p - k) / s + 1  # (16.2)


for n, k, s, p in ((32, 4, 2, 1), (28, 3, 1, 1), (7, 5, 1, 0)):
    layer = Conv2d((n, n, 1), 1, k, s, p)
    check("places", layer.out_shape[0], places(n, k, s, p), 0)
try:
    Conv2d((28, 28, 1), 1, kernel=3, stride=2, padding=1)
except ValueError as error:
    print(error)

# %% [markdown]
# ## A product with patches
#
# Write the pixels under the kernel as a row, and the rows of all places below each
# other: a table with $n'^2$ rows and $k^2$ columns. It contains most pixels several
# times, and it depends on the image linearly. Call the map from image to table $A$.
# With the kernel written as a column, (16.1) is
#
# $$
# y = (A x)\, W \tag{16.3}
# $$
#
# which is a `Linear` layer whose batch consists of the places. If the image has $C$
# channels, a window has $k^2 C$ numbers; if the output has $C'$ channels, $W$ has $C'$
# columns. One matrix product does it all, and computers are good at matrix products.


# %%
def cut(x, k, s):
    """A x: (rows, columns, C) to (places, k * k * C)."""
    rows, columns, _ = x.shape
    return np.array(
        [
            x[r : r + k, c : c + k].ravel()
            for r in range(0, rows - k + 1, s)
            for c in range(0, columns - k + 1, s)
        ]
    )


x = rng.normal(size=(5, 5, 1))
y = cut(x, 3, 1) @ W.reshape(9, 1)  # (16.3)
check(
    "loops and patches",
    y.reshape(3, 3),
    convolve(x[..., 0], W, 1),
    1e-12,
)

# %% [markdown]
# NumPy can form the table without a copy. The window below the first one starts five
# numbers later in memory, and a view with *strides* describes all windows without
# moving a number. (The matrix product does copy them, because it is faster on a table
# without gaps.)

# %%
windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3, 1))
print(windows.shape, "steps in bytes:", windows.strides)
check("the same windows", windows.reshape(9, 9), cut(x, 3, 1), 0)

# %% [markdown]
# ## The adjoint
#
# Let $\langle a, b \rangle = \sum_m a_m b_m$ be the sum of the products of all entries.
# The *adjoint* $A^\top$ of a linear map $A$ is the linear map for which
#
# $$
# \langle A x, u \rangle = \langle x, A^\top u \rangle
#   \quad \text{for all } x, u \tag{16.4}
# $$
#
# If $A$ is a matrix, $A^\top$ is its transpose. Here the matrix would be large and
# almost all of it zero, so let us ask what its transpose does. $A$ copies pixel $m$ to
# several entries of the table, and column $m$ of the matrix has a one for each of these
# entries. So $A^\top$ *adds up* those entries of $u$ to which pixel $m$ was copied.
# With $u_{qi}$ for entry $i$ of the window at place $q$,
#
# $$
# (A^\top u)_m = \sum_{\text{copies } (q, i)\, \text{of pixel } m} u_{qi} \tag{16.5}
# $$
#
# Each window is added back where it was cut from. Where windows overlap, they add.


# %%
def paste(u, shape, k, s):
    """The adjoint of `cut`: (places, k * k * C) to (rows, columns, C)."""
    x = np.zeros(shape)
    rows, columns, _ = shape
    at = [
        (r, c)
        for r in range(0, rows - k + 1, s)
        for c in range(0, columns - k + 1, s)
    ]
    for window, (r, c) in zip(u, at, strict=True):
        x[r : r + k, c : c + k] += window.reshape(k, k, -1)  # (16.5)
    return x


u = rng.normal(size=(9, 9))
pixels = np.eye(25).reshape(25, 5, 5, 1)
A = np.array([cut(pixel, 3, 1).ravel() for pixel in pixels]).T
check(
    "paste is the transpose",
    paste(u, (5, 5, 1), 3, 1).ravel(),
    A.T @ u.ravel(),
    1e-12,
)

# %% [markdown]
# (16.4) is a test that needs neither a matrix nor a derivative, only two random arrays:
# the two inner products must agree up to rounding. It works for any linear code and its
# claimed transpose. Because both arrays are random, any wrong entry shows (with
# probability one).
#
# **Predict.** Somebody writes `=` instead of `+=` in `paste`. Do the shapes show the
# mistake?


# %%
def inner(a, b):
    return (a * b).sum()


def wrong_paste(u, shape, k, s):
    x, tables = np.zeros(shape), iter(u)
    for r in range(0, shape[0] - k + 1, s):
        for c in range(0, shape[1] - k + 1, s):
            x[r : r + k, c : c + k] = next(tables).reshape(k, k, -1)
    return x


shape, k, s = (9, 7, 2), 3, 2
x, u = rng.normal(size=shape), rng.normal(size=(12, 18))
left = inner(cut(x, k, s), u)  # (16.4)
check(
    "<A x, u> = <x, A' u>", left, inner(x, paste(u, shape, k, s)), 1e-12
)
with must_fail():
    right = inner(x, wrong_paste(u, shape, k, s))
    check("with = for +=", left, right, 1e-3)

# %% [markdown]
# ## Both gradients
#
# Change $x$ and $W$ a little in (16.3). The loss changes by $\mathrm{d}L = \langle
# \mathtt{dy}, \mathrm{d}y \rangle$, where as always `dy` means $\partial L / \partial
# y$, and $\mathrm{d}y = (A x)\, \mathrm{d}W + (A\, \mathrm{d}x)\, W$. Take the two
# parts in turn, and move everything but the change to the other side of the brackets. A
# matrix moves to the other side as its transpose, and $A$ as its adjoint, by (16.4):
#
# $$
# \langle \mathtt{dy}, (A x)\, \mathrm{d}W \rangle
#   = \langle (A x)^\top \mathtt{dy}, \mathrm{d}W \rangle
# $$
#
# $$
# \langle \mathtt{dy}, (A\, \mathrm{d}x)\, W \rangle
#   = \langle \mathtt{dy}\, W^\top, A\, \mathrm{d}x \rangle
#   = \langle A^\top (\mathtt{dy}\, W^\top), \mathrm{d}x \rangle
# $$
#
# The gradients are the factors beside $\mathrm{d}W$ and $\mathrm{d}x$:
#
# $$
# \mathtt{dW} = (A x)^\top\, \mathtt{dy} \tag{16.6}
# $$
#
# $$
# \mathtt{dx} = A^\top (\mathtt{dy}\, W^\top) \tag{16.7}
# $$
#
# Compare chapter 6, where $y = x W$ had $x^\top \mathtt{dy}$ and $\mathtt{dy}\,
# W^\top$: the table $A x$ has taken the place of $x$, and on the way back the gradient
# in the table is pasted.


# %%
def slopes(f, array, h=1e-5):
    """Central differences of f() in every entry of `array`."""
    out = np.zeros_like(array)
    for index in np.ndindex(array.shape):
        start = array[index]
        array[index] = start + h
        up = f()
        array[index] = start - h
        out[index] = (up - f()) / (2 * h)
        array[index] = start
    return out


kernel = rng.normal(size=(18, 3))  # 3x3 pixels, 2 channels to 3
dy = rng.normal(size=(12, 3))


def loss():
    return inner(dy, cut(x, k, s) @ kernel)


dW = cut(x, k, s).T @ dy  # (16.6)
dx = paste(dy @ kernel.T, shape, k, s)  # (16.7)
check("dW by differences", dW, slopes(loss, kernel), 1e-8)
check("dx by differences", dx, slopes(loss, x), 1e-8)

# %% [markdown]
# Take numbers: let `dy` be 1 at a single place and 0 elsewhere. Then (16.7) puts the
# kernel, upright this time, on the pixels of the window at that place. The backward
# pass *stamps*: every entry of `dy` adds a stamp of the kernel, multiplied by its
# value.

# %%
one = np.zeros((9, 1))
one[4] = 1  # the middle of 3x3 places
stamp = paste(one @ W.reshape(1, 9), (5, 5, 1), 3, 1)[..., 0]
print(stamp)
check("one stamp", stamp[1:4, 1:4], W, 0)

# %% [markdown]
# ## The layer in the package
#
# Here are the two maps and the layer as they run in every model. Images travel between
# layers as rows of numbers, channels last, so that the rest of the package need not
# know of images. The layer's own `cut` pads the image before it calls `patches`; its
# `paste` crops what `scatter` returns.

# %% tags=["hide-output"]
print(inspect.getsource(conv.patches))
print(inspect.getsource(conv.scatter))
print(inspect.getsource(Conv2d.forward))
print(inspect.getsource(Conv2d.backward))

# %% [markdown]
# `scatter` goes one step further than `paste`. The table $\mathtt{dy}\, W^\top$ has
# $k^2 C$ numbers for each place, and writing it to memory only to read it again would
# be slow. So `scatter` computes its columns for one $(i, j)$ of the kernel at a time:
# those numbers belong to pixels $s$ apart, and are added with one strided `+=`. Our
# loops and the layer agree:

# %%
layer = Conv2d(shape, 3, kernel=3, stride=2, padding=0)
Model({"layer": layer}, rng, np.float64)
layer.W[...] = kernel.reshape(3, 3, 2, 3)
y = layer.forward(x.reshape(1, -1))
check("y of the layer", y.reshape(12, 3), cut(x, k, s) @ kernel, 1e-12)
check("dx", layer.backward(dy.reshape(1, -1)).reshape(shape), dx, 1e-12)
check("dW", layer.dW.reshape(18, 3), dW, 1e-12)

# %% [markdown]
# ## What a transposed convolution is, and what it is not
#
# A decoder must get from few numbers to many pixels. Use (16.7) as a *forward* pass:
#
# $$
# y = A^\top (x\, W^\top) \tag{16.8}
# $$
#
# Every entry of $x$ stamps its kernel on a larger image, $s$ pixels from the next. This
# is the transposed convolution, `ConvTranspose2d`. Forward and backward have changed
# places: its gradient is $\mathtt{dx} = (A\, \mathtt{dy})\, W$, an ordinary
# convolution.
#
# **It is the adjoint** of the convolution with the same $W$; (16.4) tests that. **It is
# not the inverse**, although it is sometimes called a deconvolution: it brings back the
# *shape*, not the image.
#
# **Predict.** Convolve an image, then apply the transposed convolution with the same
# kernel. How similar is the result to the image?

# %%
down = Conv2d((8, 8, 1), 4, kernel=4, stride=2, padding=1)
up = ConvTranspose2d(down.out_shape, 1, kernel=4, stride=2, padding=1)
Model({"down": down, "up": up}, rng, np.float64)
up.W[...] = down.W
x, z = rng.normal(size=(1, 64)), rng.normal(size=(1, 64))
check(
    "adjoint",
    inner(down.forward(x), z),
    inner(x, up.forward(z)),  # (16.8)
    1e-12,
)
back = up.forward(down.forward(x))
alike = inner(back, x) / np.sqrt(inner(back, back) * inner(x, x))
print(f"cosine of image and result: {alike:.2f}")
check_less("no inverse", alike, 0.95)

# %% [markdown]
# In one case the adjoint *is* the inverse: the windows do not overlap, $s = k$, and $W$
# has orthonormal columns, as many as a window has numbers. Then $W W^\top = I$, and
# $A^\top A = I$ because every pixel lies in exactly one window. JPEG transforms blocks
# of 8x8 pixels like that.

# %%
block = Conv2d((8, 8, 1), 4, kernel=2, stride=2, padding=0)
whole = ConvTranspose2d(block.out_shape, 1, 2, 2, 0)
Model({"block": block, "whole": whole}, rng, np.float64)
Q = np.linalg.qr(rng.normal(size=(4, 4)))[0]
block.W[...] = whole.W[...] = Q.reshape(2, 2, 1, 4)
check("blocks come back", whole.forward(block.forward(x)), x, 1e-12)

# %% [markdown]
# ## Why checkerboards appear
#
# Count the stamps that a pixel gets. Along one side, place $r$ reaches pixel $m$
# through the kernel's number $i = m - s r$, if $0 \le i < k$. So the pixel gets one
# stamp for each $i$ that leaves the same remainder as $m$ on division by $s$:
#
# $$
# \text{stamps}(m) = \#\lbrace i < k : i \equiv m \ (\mathrm{mod}\ s) \rbrace \tag{16.9}
# $$
#
# away from the border. If $s$ divides $k$, that is $k / s$ for all pixels. If not, some
# pixels get one stamp more than others: with $k = 3$ and $s = 2$ the numbers along a
# side are 2, 1, 2, 1, and in two dimensions the products 4, 2, 2, 1: a checkerboard,
# before anything is learned.
#
# **Predict.** For which of the kernel sizes 2, 3, 4 and 5 with stride 2 do all pixels
# get equally many stamps?


# %%
# Figure: What a transposed convolution with stride 2 adds up to, for
# kernels of 2, 3, 4 and 5: even grey for 2 and 4, a checkerboard for
# 3 and 5.
def stamps(k, s):
    """(16.9) for m = 0, ..., s - 1."""
    return np.array([len(range(m, k, s)) for m in range(s)])  # (16.9)


fig, axes = plt.subplots(1, 4, figsize=(7, 2.2))
rough = {}
for ax, k in zip(axes, (2, 3, 4, 5), strict=True):
    layer = ConvTranspose2d((9, 9, 1), 1, kernel=k, stride=2, padding=0)
    Model({"layer": layer}, rng, np.float64)
    layer.W[...] = 1
    count = layer.forward(np.ones((1, 81))).reshape(layer.out_shape[:2])
    inside = count[6:14, 6:14]
    expected = np.outer(stamps(k, 2), stamps(k, 2))
    check(f"stamps, kernel {k}", inside, np.tile(expected, (4, 4)), 0)
    rough[k] = inside.std()
    ax.imshow(inside, vmin=0, vmax=9)
    ax.set_title(f"kernel {k}")
    ax.axis("off")
plt.show()
check("even where the stride divides", rough[2] + rough[4], 0, 0)
check_less("uneven where not", 0.5, min(rough[3], rough[5]))

# %% [markdown]
# So take a kernel that the stride divides; this package's default is 4 with stride 2.
# That removes the cause at the start of training. It does not exclude checkerboards:
# pixels in even and odd rows and columns are still made by four different parts of the
# kernel, so a kernel may learn a checkerboard if that lowers the loss. The *gradient*
# of an ordinary convolution has the same problem, because by (16.7) it is made of
# stamps: with $k = 3$ and $s = 2$, some pixels receive four times as many stamps as
# others.
#
# ## Dense or convolutional, with equally many parameters
#
# A `Linear` layer from one image to the next has a weight for every pair of pixels. A
# convolution uses the same few weights at all places. It has
#
# $$
# P = k^2\, C\, C' + C' \tag{16.10}
# $$
#
# parameters, whatever the size of the image. It assumes that a feature worth detecting
# in one place is worth detecting in another, and that pixels far from each other may be
# combined by a later layer. Where that holds, it should need fewer parameters for the
# same bound, or reach a better bound with as many.

# %%
for c_in, c_out in ((1, 16), (16, 32)):
    layer = Conv2d((8, 8, c_in), c_out)
    held = sum(int(np.prod(s)) for s in layer.shapes.values())
    check("(16.10)", held, 4**2 * c_in * c_out + c_out, 0)
    print(f"as a Linear: {layer.n_in * layer.n_out + layer.n_out:,}")

# %% [markdown]
# Does it hold for a VAE? We take two data sets, the shipped digits (8x8) and drawn
# faces of 16x16 pixels, and $K = 8$ latents. For each we train a convolutional VAE and
# a dense one with one hidden layer, whose width makes the numbers of parameters
# (nearly) equal. The long runs, five seeds each, are made by
#
#     python benchmarks/dense_conv.py RESULTS
#
# **Predict.** On which of the two does the convolution gain more? And what does it cost
# in time?

# %%
table = measured("dense_conv.csv")


def at(data, network, steps):
    """The rows of five seeds."""
    return [
        row
        for row in table
        if (row["data"], row["network"]) == (data, network)
        and row["steps"] == steps
    ]


def column(rows, name):
    return np.array([row[name] for row in rows])


def mean_and_error(values):
    return values.mean(), values.std(ddof=1) / len(values) ** 0.5


gains = {}
for data, network, steps in (
    ("faces", "dense", 3000),
    ("faces", "dense", 30_000),
    ("faces", "conv", 3000),
    ("digits", "dense", 3000),
    ("digits", "conv", 3000),
):
    rows = at(data, network, steps)
    nelbo = column(rows, "test_nelbo")
    print(
        f"{data}, {network:5}: {rows[0]['parameters']:.0f} parameters,"
        f" {rows[0]['steps']:5.0f} steps, test nelbo"
        " {:.2f} ± {:.2f},".format(*mean_and_error(nelbo)),
        f"train {column(rows, 'train_nelbo').mean():.2f},"
        f" {column(rows, 'cpu_seconds').mean():.0f} s",
    )
    if network == "dense":
        gains[data, steps] = nelbo
    else:
        for (name, more), dense in gains.items():
            if name == data:
                gain, error = mean_and_error(dense - nelbo)
                print(f"  gain over {more}: {gain:.2f} ± {error:.2f}")
                gains[name, more] = gain, error
for data in ("faces", "digits"):
    gain, error = gains[data, 3000]
    check_less(f"{data}: more than two errors", 2 * error, gain)

# %% [markdown]
# **At equal steps the convolution wins**: by some 24 nats on the faces, and by one nat
# on the digits, whose 8x8 pixels leave a feature few places to be. On the digits its
# advantage was 6 nats after 300 steps: it learns faster, and ends at nearly the same
# bound; both overfit.
#
# **At equal time it does not win.** A convolution uses each weight at many places, so
# the same number of parameters costs more arithmetic: a step took four times as long on
# the digits, ten times on the faces. In the time of the convolution the dense network
# makes 30,000 steps on the faces, and its test nelbo is then 5 ± 3 nats lower; the
# error is large because one seed learns slowly. None of the runs on the faces has
# settled. So the convolution makes better use of *parameters* and of *steps*. What it
# gains per second depends on the machine and on the size of the images.
#
# The first 300 steps of one seed on the digits come out the same here:

# %%
digits = load_digits()
for network in ("dense", "conv"):
    start = np.random.default_rng(0)
    if network == "conv":
        model = VAE.conv((8, 8), 8, (16, 32), Binomial(16), rng=start)
    else:
        model = VAE.mlp(64, 8, (131,), Binomial(16), rng=start)
    fit(model, digits, Adam(2e-3), epochs=20, rng=start, progress=False)
    (row,) = (r for r in at("digits", network, 300) if r["seed"] == 0)
    check("parameters", model.theta.size, row["parameters"], 0)
    bound = evaluate(model, digits, np.random.default_rng(0), samples=4)
    check(f"{network}, nelbo", bound.nelbo, row["test_nelbo"], 0.1)

# %% [markdown]
# ## What goes wrong in practice
#
# - **Taking the adjoint for the inverse.** The name "deconvolution" for the transposed
#   convolution suggests an inverse, but it is only the adjoint (16.4).
# - **Sizes that do not fit.** By (16.2), with $k = 3$, $s = 2$, $p = 1$ images of 27
#   and of 28 pixels a side both give 14 places in a library that rounds down, so the
#   decoder cannot know which it was; PyTorch's argument `output_padding` states it.
#   With $k = 4$ all even sizes fit.
# - **The order of the numbers.** (B, rows, columns, channels) here, (B, channels, rows,
#   columns) in PyTorch. A convolution works the same in both; a `Linear` layer behind a
#   flattened image needs its weights reordered, and no error shows that they are not.
#   `minivae export` reorders them, and says so.
# - **A gradient in the data that nobody needs.** For the first layer (16.7) would be
#   about a third of the cost; it is left out by `need_dx=False`, as in chapter 6.
#
# ## Exercises
#
# **1. By hand (warm-up).** A row of five pixels, 1 to 5, a kernel $(1, 0, -1)$, stride
# 2, no padding. What is $y$? With `dy` = (1, 10), what are `dx` and `dW`?
#
# <details><summary>Hint</summary>
#
# Two places: pixels 1 to 3, and 3 to 5. The third pixel gets two stamps.
#
# </details>

# %% tags=["hide-cell"]
x1, w1, dy1 = (
    np.arange(1.0, 6),
    np.array([1.0, 0, -1]),
    np.array([1.0, 10]),
)
table1 = np.array([x1[0:3], x1[2:5]])
dx1 = np.zeros(5)
for place, value in enumerate(dy1):
    dx1[2 * place : 2 * place + 3] += value * w1
check("y", table1 @ w1, np.array([-2.0, -2]), 0)
check("dx", dx1, np.array([1.0, 0, 9, 0, -10]), 0)
check("dW", table1.T @ dy1, np.array([31.0, 42, 53]), 0)

# %% [markdown]
# **2. Zeros between.** Show that a transposed convolution of stride $s$ is an ordinary
# convolution of stride 1: put $s - 1$ zeros between the numbers of $x$, pad with $k -
# 1$ zeros, and turn the kernel over. Why is it not computed like that?
#
# <details><summary>Hint</summary>
#
# Ask which numbers of $x$ reach pixel $m$, and through which $i$.
#
# </details>

# %% tags=["hide-cell"]
small, kernel2 = rng.normal(size=(3, 3)), rng.normal(size=(4, 4))
stuffed = np.zeros((5 + 6, 5 + 6))
stuffed[3:8:2, 3:8:2] = small
stamped = np.zeros((8, 8))
for r in range(3):
    for c in range(3):
        stamped[2 * r : 2 * r + 4, 2 * c : 2 * c + 4] += (
            small[r, c] * kernel2
        )
check(
    "stamps", convolve(stuffed, kernel2[::-1, ::-1], 1), stamped, 1e-12
)

# %% [markdown]
# *Answer.* Pixel $m$ of the stuffed and padded row has $x_r$ at $m = s r + k - 1$. The
# turned kernel at place $m$ has its number $k - 1 - j$ on pixel $m + j$. So $x_r$ meets
# the number $i = k - 1 - j$ with $m + j = s r + k - 1$, that is, $i = m - s r$, as in
# the stamps. But only about one in $s^2$ of the stuffed numbers is not zero, so most of
# the products would be with zeros.
#
# **3. The gradient's checkerboard.** For `Conv2d` with stride 2, how many entries of
# `dy` reach each pixel inside the image, for kernel sizes 3 and 4? Take `dy` and the
# kernel all ones.
#
# <details><summary>Hint</summary>
#
# (16.7) stamps, and (16.9) counts stamps.
#
# </details>

# %% tags=["hide-cell"]
for k in (3, 4):
    layer = Conv2d((2 * 8 + k - 2, 2 * 8 + k - 2, 1), 1, k, 2, 0)
    Model({"layer": layer}, rng, np.float64)
    layer.W[...] = 1
    layer.forward(np.zeros((1, layer.n_in)))
    reached = layer.backward(np.ones((1, layer.n_out)))
    reached = reached.reshape(layer.shape[:2])[4:10, 4:10]
    expected = np.tile(np.outer(stamps(k, 2), stamps(k, 2)), (3, 3))
    check(f"dy that reach a pixel, kernel {k}", reached, expected, 0)

# %% [markdown]
# **4. A convolution that is an inverse (towards research).** For the blocks above the
# transposed convolution was the inverse. With windows that overlap, stride 2 and kernel
# 4, can a convolution from 1 to 4 channels still be undone by its own adjoint? Look for
# a $W$ with $A^\top \big((A x)\, W W^\top\big) = x$ away from the border.
#
# <details><summary>Hint</summary>
#
# The kernels of 2x2 blocks, framed by zeros, solve it trivially. Daubechies' filters of
# length 4 have no zeros, and are orthogonal to themselves and to each other when
# shifted by two. Take all four products of the low-pass and the high-pass filter of one
# dimension.
#
# </details>

# %% tags=["hide-cell"]
root = np.sqrt(3)
low = np.array([1 + root, 3 + root, 3 - root, 1 - root]) / (
    4 * np.sqrt(2)
)
high = low[::-1] * np.array([1, -1, 1, -1])
filters = [np.outer(f, g) for f in (low, high) for g in (low, high)]
wavelet = Conv2d((16, 16, 1), 4)
back = ConvTranspose2d(wavelet.out_shape, 1)
Model({"wavelet": wavelet, "back": back}, rng, np.float64)
wavelet.W[...] = back.W[...] = np.stack(filters, -1)[:, :, None]
x = rng.normal(size=(1, 256))
again = back.forward(wavelet.forward(x))
inside = (slice(2, -2), slice(2, -2))
check(
    "undone away from the border",
    again.reshape(16, 16)[inside],
    x.reshape(16, 16)[inside],
    1e-12,
)

# %% [markdown]
# ## Sources
#
# - Y. LeCun and others, *Backpropagation Applied to Handwritten Zip Code Recognition*,
#   Neural Computation 1, 1989: the layer, learned.
# - V. Dumoulin, F. Visin, *A guide to convolution arithmetic for deep learning*,
#   arXiv 1603.07285, 2016: sizes, strides, padding, transposed, in pictures.
# - A. Odena, V. Dumoulin, C. Olah, *Deconvolution and Checkerboard Artifacts*, Distill,
#   2016: (16.9), and what else helps.
# - K. Chellapilla, S. Puri, P. Simard, *High Performance Convolutional Neural Networks
#   for Document Processing*, IWFHR 2006: the product with patches.
# - J. F. Claerbout, *Earth Soundings Analysis*, 1992, on adjoints: the test (16.4),
#   known in geophysics as the "dot-product test".
# - I. Daubechies, *Orthonormal bases of compactly supported wavelets*, Communications
#   on Pure and Applied Mathematics 41, 1988: exercise 4.
#
# ## What to read next
#
# Chapter 17 blends faces. Dumoulin and Visin draw what this chapter only describes. On
# strided and transposed convolutions in generators: A. Radford, L. Metz, S. Chintala,
# *Unsupervised Representation Learning with Deep Convolutional Generative Adversarial
# Networks*, ICLR 2016.
