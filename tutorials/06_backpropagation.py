# %% [markdown]
# # 6. Backpropagation by hand
#
# A gradient of a million parameters is made of four or five rules, each of them one
# line long. Today programs apply them for us, which is convenient until one of them is
# wrong. In this chapter we derive the rules for every layer that the VAE uses, guided
# by shapes, and then learn the art that matters even more: how to find out whether a
# gradient is right, and if it is not, where.
#
# **What you will learn**
#
# - to derive a layer's backward pass: shapes first, then indices;
# - the rules for Linear, tanh, sigmoid, softplus and ReLU, and how layers make a stack;
# - finite differences, the V-curve that tells which step to take, and the complex step,
#   which has no V;
# - the Taylor test, which needs no tolerance at all;
# - to read the report of a gradient check that fails.
#
# **What you need:** matrix products, the chain rule for functions of one variable.
# About one hour and a half.

# %%
import matplotlib.pyplot as plt
import numpy as np

import minivae
from checks import BLACK, BLUE, GREEN, GREY, VERMILLION
from checks import check, check_less, must_fail, style
from minivae.gradcheck import check_layer
from minivae.plots import taylor_test

style()
rng = np.random.default_rng(6)

# %% [markdown]
# ## One rule
#
# Everything ends in one number, the loss $L$. For any array `y` on the way we write
# `dy` for $\partial L / \partial y$: an array of **the same shape as** `y`, which says
# how much $L$ grows when an entry of `y` grows. Backpropagation answers one question,
# again and again:
#
# > Here is a step $y = f(x)$, and somebody hands us `dy`. What is `dx`?
#
# If $x_i$ moves by a small $\delta$, every $y_j$ moves by $\frac{\partial
# y_j}{\partial x_i} \delta$, and each of these moves $L$ by `dy[j]` times as much. The
# effects add up:
#
# $$
# \frac{\partial L}{\partial x_i} = \sum_j \frac{\partial L}{\partial y_j}\,
#   \frac{\partial y_j}{\partial x_i} \tag{6.1}
# $$
#
# That is the chain rule, and all of this chapter is its application to special cases.
# The matrix of the $\partial y_j / \partial x_i$ is the *Jacobian*. We never build it:
# for a layer of 500 inputs and 500 outputs and a batch of 100 it has $50000^2$ entries,
# nearly all zero. But once, for a function of three numbers, let us, and compare with
# finite differences: move each input a little to both sides,
#
# $$
# \frac{\partial f}{\partial x_i} \approx \frac{f(x + h e_i) - f(x - h e_i)}{2h}
#   \tag{6.2}
# $$


# %%
def slopes(f, x, h=6e-6):
    """Central differences of a scalar f in every entry of x."""
    d = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[i] += h
        down[i] -= h
        d[i] = (f(up) - f(down)) / (2 * h)  # (6.2)
    return d


def three_to_two(x):
    return np.array([x[0] * x[1], np.sin(x[1]) + x[2] ** 2])


x = rng.normal(size=3)
dy = rng.normal(size=2)
jacobian = np.array(
    [
        [x[1], x[0], 0],
        [0, np.cos(x[1]), 2 * x[2]],
    ]
)
dx = dy @ jacobian  # (6.1)
numeric = slopes(lambda x: dy @ three_to_two(x), x)
check("(6.1) dx from dy and the Jacobian", dx, numeric, 1e-8)
cubic = slopes(lambda x: (x**3).sum(), x)
check("(6.2) slope of a cubic", cubic, 3 * x**2, 1e-8)

# %% [markdown]
# Look at how the check is made, for we shall do it all the time. To test `dx` for a
# function with many outputs we need one number to differentiate. We take
# $L = \sum_j \mathtt{dy}_j\, y_j$ with a **random** `dy`; its gradient in `y` is just
# that `dy`. Exercise 3 shows what slips through when `dy` is all ones.
#
# ## Linear: shapes first
#
# The layer $y = xW + b$ takes a batch `x` of shape (B, n) to `y` of shape (B, m). So
# `W` is (n, m) and `b` is (m,).
#
# **Predict.** `dW` has the shape of `W`, (n, m). It must be made from `x`, (B, n), and
# `dy`, (B, m). There is only one matrix product of the two that has this shape. Which?
# And likewise `dx`, of shape (B, n), from `dy`, (B, m), and `W`, (n, m)?
#
# Shapes give the answer if B, n and m are all different, which is why we test with such
# sizes. Now the proof, with indices. One entry of the output, for image $r$ and unit
# $j$, is
#
# $$
# y_{rj} = \sum_i x_{ri} W_{ij} + b_j \tag{6.3}
# $$
#
# $W_{ij}$ occurs in the outputs $y_{rj}$ of *every* image $r$, each time multiplied by
# $x_{ri}$, and in no output of another unit. So the sum in (6.1) runs over $r$:
#
# $$
# \frac{\partial L}{\partial W_{ij}} = \sum_r x_{ri} \frac{\partial L}{\partial y_{rj}}
#   \qquad \text{that is} \qquad \mathtt{dW} = x^\top \mathtt{dy} \tag{6.4}
# $$
#
# $b_j$ occurs in the same outputs, multiplied by one:
#
# $$
# \frac{\partial L}{\partial b_j} = \sum_r \frac{\partial L}{\partial y_{rj}}
#   \qquad \text{that is} \qquad \mathtt{db} = \sum_{\text{rows}} \mathtt{dy} \tag{6.5}
# $$
#
# $x_{ri}$ occurs in all units of its own image, multiplied by $W_{ij}$:
#
# $$
# \frac{\partial L}{\partial x_{ri}} = \sum_j \frac{\partial L}{\partial y_{rj}} W_{ij}
#   \qquad \text{that is} \qquad \mathtt{dx} = \mathtt{dy}\, W^\top \tag{6.6}
# $$
#
# The sums over $r$ in (6.4) and (6.5) are sums, not averages. If the loss is a mean
# over the batch, its $\frac1B$ is in `dy` already, and a second one would be wrong.
#
# A layer is two methods: `forward` computes the output and keeps what `backward` will
# need; `backward` writes the gradients of the parameters and returns `dx`.


# %%
class Linear:
    def __init__(self, n, m):
        self.W = rng.normal(size=(n, m)) / np.sqrt(n)
        self.b = rng.normal(size=m)

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b  # (6.3)

    def backward(self, dy):
        self.dW = self.x.T @ dy  # (6.4)
        self.db = dy.sum(axis=0)  # (6.5)
        return dy @ self.W.T  # (6.6)


def check_linear(layer, x, dy):
    def loss_of_x(x):
        return (dy * layer.forward(x)).sum()

    def loss_of_W(W):
        return (dy * (x @ W + layer.b)).sum()

    def loss_of_b(b):
        return (dy * (x @ layer.W + b)).sum()

    layer.forward(x)
    dx = layer.backward(dy)
    check("(6.4) dW", layer.dW, slopes(loss_of_W, layer.W), 1e-8)
    check("(6.5) db", layer.db, slopes(loss_of_b, layer.b), 1e-8)
    check("(6.6) dx", dx, slopes(loss_of_x, x), 1e-8)
    return dx


B, n, m = 5, 3, 4
x, dy = rng.normal(size=(B, n)), rng.normal(size=(B, m))
linear = Linear(n, m)
one = [x[2] @ linear.W[:, 1] + linear.b[1]]
check(
    "(6.3) one entry", linear.forward(x)[2, 1:2], np.array(one), 1e-12
)
dx = check_linear(linear, x, dy)

# %% [markdown]
# The package's `Linear` is this class with checks at its door and a little care for
# memory. It computes the same numbers.

# %%
package = minivae.Linear(n, m)
params = {"W": linear.W, "b": linear.b}
grads = {name: np.zeros_like(p) for name, p in params.items()}
package.bind(params, grads)
check("package: y", package.forward(x), linear.forward(x), 1e-12)
check("package: dx", package.backward(dy), dx, 1e-12)
check("package: dW", grads["W"], linear.dW, 1e-12)
check("package: db", grads["b"], linear.db, 1e-12)

# %% [markdown]
# ## Activations: one number at a time
#
# An activation works on each entry by itself, so the sum in (6.1) has a single term,
# and `dx` is `dy` times the derivative, entry by entry. Four derivatives are needed.
#
# **Tanh.** $y = \sinh x / \cosh x$. The quotient rule, with $\sinh' = \cosh$ and
# $\cosh' = \sinh$, gives $(\cosh^2 x - \sinh^2 x) / \cosh^2 x$. That is one minus
# $\sinh^2 x / \cosh^2 x$:
#
# $$
# y = \tanh x, \qquad \mathtt{dx} = \mathtt{dy} \cdot (1 - y^2) \tag{6.7}
# $$
#
# **Sigmoid.** $y = (1 + e^{-x})^{-1}$. The outer derivative is $-(1 + e^{-x})^{-2} =
# -y^2$, the inner one is $-e^{-x}$, together $y^2 e^{-x}$. And $e^{-x} = \frac1y - 1$,
# from the definition. So $y^2 (\frac1y - 1) = y (1 - y)$:
#
# $$
# y = \frac{1}{1 + e^{-x}}, \qquad \mathtt{dx} = \mathtt{dy} \cdot y (1 - y) \tag{6.8}
# $$
#
# **Softplus.** $y = \log(1 + e^x)$. The outer derivative is $1 / (1 + e^x)$, the inner
# one is $e^x$. Divide both by $e^x$, and it is the sigmoid:
#
# $$
# y = \log(1 + e^x), \qquad \mathtt{dx} = \mathtt{dy} \cdot \frac{1}{1 + e^{-x}}
#   \tag{6.9}
# $$
#
# **ReLU.** $y = \max(x, 0)$ has the slope one to the right of zero and zero to the
# left. At zero it has none; we say zero, and it hardly ever matters.
#
# $$
# y = \max(x, 0), \qquad \mathtt{dx} = \mathtt{dy} \cdot [x > 0] \tag{6.10}
# $$
#
# Note which of them are written in terms of the **output** $y$ (the first two: nothing
# has to be computed again) and which in terms of the **input**.


# %%
class Tanh:
    def forward(self, x):
        self.y = np.tanh(x)
        return self.y

    def backward(self, dy):
        return dy * (1 - self.y**2)  # (6.7)


class Sigmoid:
    def forward(self, x):
        self.y = 1 / (1 + np.exp(-x))
        return self.y

    def backward(self, dy):
        return dy * self.y * (1 - self.y)  # (6.8)


class Softplus:
    def forward(self, x):
        self.x = x
        return np.log(1 + np.exp(x))

    def backward(self, dy):
        return dy / (1 + np.exp(-self.x))  # (6.9)


class ReLU:
    def forward(self, x):
        self.x = x
        return np.maximum(x, 0)

    def backward(self, dy):
        return dy * (self.x > 0)  # (6.10)


def check_activation(name, layer, x, dy):
    numeric = slopes(lambda x: (dy * layer.forward(x)).sum(), x)
    layer.forward(x)
    check(name, layer.backward(dy), numeric, 1e-8)


x, dy = rng.normal(size=(2, 5, 3))
pairs = [
    ("(6.7) tanh", Tanh(), minivae.Tanh()),
    ("(6.8) sigmoid", Sigmoid(), minivae.Sigmoid()),
    ("(6.9) softplus", Softplus(), minivae.Softplus()),
    ("(6.10) ReLU", ReLU(), minivae.ReLU()),
]
for name, layer, package in pairs:
    check_activation(name, layer, x, dy)
    check("  forward", package.forward(x), layer.forward(x), 1e-12)
    check("  backward", package.backward(dy), layer.backward(dy), 1e-12)

# %% [markdown]
# A popular mistake mixes the two kinds: the formula in terms of the output, fed with
# the input (the reverse was reported for davidrmiller/neural2d, #40). The shapes are
# right, the numbers have the right size, and the network even learns a little.


# %%
class MixedUpTanh(Tanh):
    def forward(self, x):
        self.y = x  # kept the wrong one
        return np.tanh(x)


with must_fail():
    check_activation("tanh, input for output", MixedUpTanh(), x, dy)

# %% [markdown]
# ## A stack
#
# Layers one after another: forward in order, each taking the output of the one before;
# backward in reverse order, each taking the `dx` of the one after as its `dy`. That is
# all there is to a deep network, and one such pair of passes costs about three times
# the forward pass, however many parameters there are: two matrix products backward for
# each one forward. Finite differences would need two forward passes **for each
# parameter**. For the VAE of chapter 15 that is 1.6 million passes instead of three.


# %%
class Stack:
    def __init__(self, *layers):
        self.layers = layers

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, dy):
        for layer in reversed(self.layers):
            dy = layer.backward(dy)
        return dy


net = Stack(
    Linear(3, 6), Tanh(), Linear(6, 4), Softplus(), Linear(4, 2)
)
linears = [layer for layer in net.layers if isinstance(layer, Linear)]
x, target = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))

# %% [markdown]
# All parameters go into one flat vector $\theta$, and the gradients into another in the
# same order. The loss is half the squared distance to a target, summed over outputs,
# mean over the batch, so `dy` is $(y - \text{target}) / B$.


# %%
def get_theta():
    parts = [p for layer in linears for p in (layer.W, layer.b)]
    return np.concatenate([p.ravel() for p in parts])


def loss(theta):
    at = 0
    for layer in linears:
        for name in ("W", "b"):
            shape = getattr(layer, name).shape
            size = int(np.prod(shape))
            part = theta[at : at + size].reshape(shape)
            setattr(layer, name, part)
            at += size
    return 0.5 * ((net.forward(x) - target) ** 2).sum() / len(x)


def gradient(theta):
    loss(theta)
    dy = (net.forward(x) - target) / len(x)
    net.backward(dy)
    parts = [g for layer in linears for g in (layer.dW, layer.db)]
    return np.concatenate([g.ravel() for g in parts])


theta = get_theta()
grad = gradient(theta)
print(f"{theta.size} parameters, loss {loss(theta):.4f}")
check("gradient of the whole stack", grad, slopes(loss, theta), 1e-8)

# %% [markdown]
# ## How small a step?
#
# So far we trusted $h = 6 \cdot 10^{-6}$. Where does it come from, and what accuracy
# may we expect? Taylor's formula around $x$ says
#
# $$
# f(x \pm h) = f(x) \pm h f'(x) + \frac{h^2}{2} f''(x) \pm \frac{h^3}{6} f'''(x) + \dots
# $$
#
# The one-sided difference $(f(x + h) - f(x)) / h$ leaves the second derivative behind,
# and the *truncation error* is to first order
#
# $$
# e_{\text{forward}}(h) = \frac{h}{2} \left| f''(x) \right| \tag{6.11}
# $$
#
# In $f(x + h) - f(x - h)$ all even terms cancel, what is left is $2 h f' + \frac{2
# h^3}{6} f'''$, and after division by $2h$
#
# $$
# e_{\text{central}}(h) = \frac{h^2}{6} \left| f'''(x) \right| \tag{6.12}
# $$
#
# Against this stands rounding. Each value of $f$ carries a relative error of about $u =
# 10^{-16}$, and the division by $h$ blows it up to $u |f| / h$. Small $h$ is bad for
# rounding, large $h$ for truncation, and between them is an optimum, where both are
# equal: near $\sqrt{u} = 10^{-8}$ for the forward difference, near $\sqrt[3]{u} \approx
# 5 \cdot 10^{-6}$ for the central one.
#
# **Predict.** How many right digits does each give at its best? (Insert the optimum.)
#
# There is a third way. Step in the *imaginary* direction, where $(ih)^2 = -h^2$ is
# real: $f(x + ih) = f(x) + ih f'(x) - \frac{h^2}{2} f''(x) - \dots$, so
#
# $$
# f'(x) \approx \frac{1}{h}\, \mathrm{Im}\, f(x + ih) \tag{6.13}
# $$
#
# Nothing is subtracted, so nothing cancels, and $h$ may be $10^{-30}$. It needs an $f$
# that is made of analytic functions: no `max`, no `abs`, no comparison.


# %%
def forward_error(h, f2):
    return h / 2 * abs(f2)  # (6.11)


def central_error(h, f3):
    return h**2 / 6 * abs(f3)  # (6.12)


def complex_step(f, x, h=1e-30):
    return f(x + 1j * h).imag / h  # (6.13)


at = 0.7
y = np.tanh(at)
f1 = 1 - y**2
f2 = -2 * y * f1  # the derivative of 1 - y^2
f3 = -2 * f1**2 + 4 * y**2 * f1  # and of that
h = 10.0 ** -np.arange(0.5, 15.1, 0.25)
forward = np.abs((np.tanh(at + h) - y) / h - f1)
central = np.abs((np.tanh(at + h) - np.tanh(at - h)) / (2 * h) - f1)

k = np.argmin(abs(h - 1e-3))
check("(6.11) ratio", forward[k] / forward_error(h[k], f2), 1, 0.01)
check("(6.12) ratio", central[k] / central_error(h[k], f3), 1, 0.01)
check("(6.13) complex step", complex_step(np.tanh, at), f1, 1e-15)
check_less("forward: 8 digits at best", forward.min(), 1e-7)
check_less("central: 10 digits at best", central.min(), 1e-9)
check_less("too small a step", 1e-5, central[h < 1e-13].max())

# %%
single = at + h.astype(np.float32), at - h.astype(np.float32)
single = [np.tanh(s.astype(np.float32)) for s in single]
error32 = np.abs((single[0] - single[1]) / np.float32(2 * h) - f1)

plt.figure(figsize=(7, 4.2))
plt.loglog(h, forward_error(h, f2), color=VERMILLION, lw=1, ls="--")
plt.loglog(h, central_error(h, f3), color=BLUE, lw=1, ls="--")
plt.loglog(h, forward, ".-", color=VERMILLION, lw=1.2)
plt.loglog(h, np.maximum(central, 1e-17), ".-", color=BLUE, lw=1.2)
plt.loglog(h, np.maximum(error32, 1e-17), ".-", color=GREY, lw=1.2)
plt.text(6e-7, 4e-6, "forward", color=VERMILLION)
plt.text(1.2e-4, 8e-12, "central", color=BLUE)
plt.text(2e-8, 2.5, "central, float32", color="#555555")
plt.text(4e-15, 1.5e-8, "rounding", color=BLACK)
plt.text(0.02, 1e-9, "truncation\n(dashed)", color=BLACK)
plt.ylim(1e-14, 50)
plt.xlabel("step $h$")
plt.ylabel("error of the slope of tanh at 0.7")
plt.title("The V: a step can be too large and too small")
plt.show()

# %% [markdown]
# The forward difference reaches 8 digits and the central one 10 or 11. In **float32**,
# with $u = 6 \cdot 10^{-8}$, no step gives more than about 5. Many a right gradient
# has been reported as wrong because it was checked in single precision
# (chainer #3046, PaddlePaddle #4283). Train in float32, check in float64.

# %%
check_less(
    "float32 at its very best", 1e-6, np.median(error32[h > 1e-4])
)

# %% [markdown]
# ## The Taylor test: no tolerance
#
# Is an error of $10^{-6}$ small? That depends on the scale of everything. There is a
# test that needs no such judgement. Take a direction $v$, go a distance $h$, and see
# what the loss does beyond what the gradient $g$ predicted:
#
# $$
# R(h) = \left| L(\theta + h v) - L(\theta) - h\, g \cdot v \right| \tag{6.14}
# $$
#
# By Taylor's formula this is $\frac{h^2}{2} | v^\top H v |$ to first order, with $H$
# the matrix of second derivatives. Halve $h$, and it falls to a **quarter**. But if $g$
# is wrong by an error $e$, a term $h\, |e \cdot v|$ stays in, however small $e$ may be,
# and in the end it wins: halve $h$, and $R$ falls to a **half**. Slope two
# or slope one: the slope decides, not a tolerance.


# %%
def remainders(f, theta, g, v, h):
    moved = np.array([f(theta + step * v) for step in h])
    return np.abs(moved - f(theta) - h * (g @ v))  # (6.14)


def log_slope(h, R):
    return np.polyfit(np.log(h), np.log(R), 1)[0]


v = rng.normal(size=theta.size)
v /= np.linalg.norm(v)
h = 2.0 ** -np.arange(2, 15)
wrong = grad.copy()
wrong[0] *= 0.9  # one of 62 parameters, wrong by a tenth
right_R = remainders(loss, theta, grad, v, h)
wrong_R = remainders(loss, theta, wrong, v, h)
check("slope with the right gradient", log_slope(h, right_R), 2, 0.05)
with must_fail():
    check("slope, one entry wrong", log_slope(h, wrong_R), 2, 0.05)
curvature = (
    gradient(theta + 1e-5 * v) - gradient(theta - 1e-5 * v)
) @ v
curvature /= 2e-5
expected = np.abs(curvature) / 2 * h[-1] ** 2
check("R is half the curvature", right_R[-1] / expected, 1, 0.01)

package = taylor_test(loss, theta, grad, np.random.default_rng(1))
check("minivae.plots.taylor_test", package.slope, 2, 0.05)

# %%
plt.figure()
plt.loglog(h, right_R, "o-", color=GREEN)
plt.loglog(h, wrong_R, "o-", color=VERMILLION)
plt.text(4e-4, 2.5e-9, "right: slope 2", color=GREEN)
plt.text(6e-5, 3e-6, "one entry of 62 wrong: slope 1", color=VERMILLION)
plt.xlabel("step $h$")
plt.ylabel("Taylor remainder $R(h)$")
plt.title("Two slopes, and no tolerance")
plt.show()

# %% [markdown]
# ## A check that fails, and how to read it
#
# When a check fails, the most useful thing is not the verdict but the pattern of the
# numbers. Is the error a constant factor? A two, a batch size, a minus? Is it in one
# parameter only, or in all below some layer? The package's `check_layer` looks for such
# patterns and says what it found. Here is a layer with a mistake that many have made:
# its author remembered that the loss is a mean over the batch, forgot that `dy` already
# knows, and averaged the bias gradient.
#
# **Predict.** With a batch of 5: which of `dx`, `dW` and `db` will be marked, and which
# factor will stand between what is claimed and what is expected?


# %%
class AveragedBias(minivae.Linear):
    def backward(self, dy):
        dx = super().backward(dy)
        self.db[...] = dy.mean(axis=0)
        return dx


x5 = rng.normal(size=(5, 3))
report = check_layer(AveragedBias(3, 4), x5, np.random.default_rng(2))
print(report)
marked = [
    name for name, b in report.blocks.items() if b.verdict != "ok"
]
assert marked == ["b"], marked

# %% [markdown]
# Read it from the top. The table has one row for each thing that was checked, with the
# relative error and one entry in full, claimed and expected. `x` and `W` are right, so
# `dy` came in properly and the forward pass is what we think it is. Only `b` is wrong.
# The diagnosis below names the factor, and the factor is the batch size. With a batch
# of one, or one as large as another dimension, it could not have told: choose sizes
# that are all different.
#
# A second one: the activation that was fed with the wrong variable.


# %%
class MixedUp(minivae.Tanh):
    def forward(self, x):
        y = super().forward(x)
        self.keep(x)
        return y


x9 = rng.normal(size=(3, 3))
report = check_layer(MixedUp(), x9, np.random.default_rng(3))
print(report)
assert report.verdict == "WRONG"

# %% [markdown]
# This time the report knows no cause. That, too, is information: it is no factor, no
# sign, no transposed matrix. So look at *which* entries are wrong. We sort them by the
# size of the input:

# %%
block = report.blocks["x"]
size = np.abs(x9.ravel()[block.indices])
for i in np.argsort(size):
    ratio = block.claimed[i] / block.expected[i]
    print(f"|x| = {size[i]:.3f}   claimed / expected = {ratio:7.4f}")
order = np.argsort(size)
ratios = (block.claimed / block.expected)[order]
check_less("ratio falls with |x|", np.diff(ratios).max(), 0)
expected = (1 - size[order] ** 2) / (1 - np.tanh(size[order]) ** 2)
check("it is (1 - x^2) / (1 - y^2)", ratios, expected, 1e-8)

# %% [markdown]
# Right for small inputs, and worse and worse for large ones: whatever is used in place
# of $y$ agrees with it near zero. The input does, $\tanh x \approx x$.
#
# ## What goes wrong in practice
#
# - **Square layers.** With n = m, `dy @ W` in place of `dy @ W.T` has the right shape.
#   All our sizes are different, on purpose.
# - **A batch of one.** Then every sum over the batch is right, whatever axis it is
#   taken over (rasbt/stat453-deep-learning-ss21 #5, mlpack PR #3679). Test with B > 1.
# - **Kinks.** A finite difference across the corner of a ReLU gives a half where the
#   derivative is zero or one. The gradient is right and the check is wrong
#   (pytorch #114234, chainer PR #2650):

# %%
near_kink = np.array([[1e-7]])
numeric = slopes(lambda x: ReLU().forward(x).sum(), near_kink)
print(f"slope of ReLU at 1e-7: 1, by differences: {numeric[0, 0]:.3f}")
check_less("the kink spoils the difference", numeric[0, 0], 0.6)

# %% [markdown]
# - **Noise.** If the loss draws random numbers inside, two evaluations differ for that
#   reason alone (torch/tutorials #25, on dropout). Chapter 5 measured how badly. Hand
#   the noise in.
# - **A second backward** that adds to the first one's gradients (karpathy/micrograd PRs
#   #53 and #102). Our `backward` writes, it never accumulates; then nothing has to be
#   set to zero, and nothing can be forgotten.
#
# ## Exercises
#
# **1. Counting (warm-up).** How many multiplications does `Linear` need forward, and
# how many backward, for a batch of B? What share of the backward pass can the very
# first layer of a network save, and why does `Sequential.backward` in the package have
# an argument `need_dx`?
#
# <details><summary>Hint</summary>
#
# A product of (a, b) and (b, c) needs abc multiplications. Nobody asks for the gradient
# in the data.
#
# </details>

# %% tags=["hide-cell"]
B, n, m = 100, 784, 500
forward_cost = B * n * m
dW_cost, dx_cost = n * B * m, B * m * n
check("backward over forward", (dW_cost + dx_cost) / forward_cost, 2, 0)
check("saved by the first layer", dx_cost / (dW_cost + dx_cost), 0.5, 0)

# %% [markdown]
# **2. Normalise.** The layer $y = (x - \bar x) / s$, where $\bar x$ and $s^2$ are mean
# and variance of each *row*, is the heart of layer normalisation. Derive its backward
# pass and check it. Shapes will not help here: every output depends on every input of
# its row.
#
# <details><summary>Hint</summary>
#
# $\partial \bar x / \partial x_i = \frac1n$ and $\partial s / \partial x_i =
# \frac{1}{n}\, y_i$. Then $\mathtt{dx} = \frac1s ( \mathtt{dy} -
# \overline{\mathtt{dy}} - y\, \overline{\mathtt{dy} \cdot y} )$ with means over the
# row.
#
# </details>


# %% tags=["hide-cell"]
class Normalise:
    def forward(self, x):
        self.s = x.std(axis=1, keepdims=True)
        self.y = (x - x.mean(axis=1, keepdims=True)) / self.s
        return self.y

    def backward(self, dy):
        mean = dy.mean(axis=1, keepdims=True)
        along = (dy * self.y).mean(axis=1, keepdims=True)
        return (dy - mean - self.y * along) / self.s


x, dy = rng.normal(size=(2, 5, 7))
check_activation("layer normalisation", Normalise(), x, dy)

# %% [markdown]
# **3. All ones.** The softmax of a row, $y_i = e^{x_i} / \sum_j e^{x_j}$, has the
# backward pass $\mathtt{dx} = y \cdot ( \mathtt{dy} - \sum_j \mathtt{dy}_j y_j )$;
# derive it. Then take the wrong version with the plain mean of `dy` in place of the
# weighted one. Show that a check with `dy` all ones passes it, and that a random `dy`
# does not.
#
# <details><summary>Hint</summary>
#
# The outputs of a softmax sum to one, so $L = \sum_i y_i$ is constant, and its gradient
# zero. Anything that gives zero for equal `dy`s passes.
#
# </details>


# %% tags=["hide-cell"]
class Softmax:
    def forward(self, x):
        e = np.exp(x - x.max(axis=1, keepdims=True))
        self.y = e / e.sum(axis=1, keepdims=True)
        return self.y

    def backward(self, dy):
        return self.y * (dy - (dy * self.y).sum(axis=1, keepdims=True))


class WrongSoftmax(Softmax):
    def backward(self, dy):
        return self.y * (dy - dy.mean(axis=1, keepdims=True))


check_activation("softmax, random dy", Softmax(), x, dy)
check_activation(
    "wrong, dy all ones", WrongSoftmax(), x, np.ones_like(x)
)
with must_fail():
    check_activation("wrong, random dy", WrongSoftmax(), x, dy)

# %% [markdown]
# **4. The same layer twice.** A network uses one `Linear(3, 3)` two times in a row,
# with a tanh between. What is `dW`? What happens with our class, which writes and does
# not accumulate, and what would you change?
#
# <details><summary>Hint</summary>
#
# (6.1) adds up all ways in which $W$ reaches $L$. Here there are two.
#
# </details>

# %% tags=["hide-cell"]
shared, tanh = Linear(3, 3), Tanh()
x, dy = rng.normal(size=(2, 5, 3))


def twice(W):
    return (dy * (np.tanh(x @ W + shared.b) @ W + shared.b)).sum()


h1 = tanh.forward(x @ shared.W + shared.b)
shared.x = h1
dh = shared.backward(dy)
second = shared.dW
shared.x = x
shared.backward(tanh.backward(dh))
numeric = slopes(twice, shared.W)
check("sum of both uses", shared.dW + second, numeric, 1e-8)
with must_fail():
    check("the last one alone", shared.dW, numeric, 1e-8)

# %% [markdown]
# **5. A check without the loss (towards research).** Second derivatives do not depend
# on their order, so $u^\top H v = v^\top H u$ for all $u$, $v$. With $H v \approx
# (g(\theta + hv) - g(\theta - hv)) / 2h$ this tests a gradient function $g$ without
# ever computing the loss. Does it find an entry that is wrong by a factor? A gradient
# that is *two times* the right one everywhere? Which mistakes must it miss?
#
# <details><summary>Hint</summary>
#
# It asks whether $g$ is the gradient of *some* function. Two times the right gradient
# is the gradient of two times the loss.
#
# </details>


# %% tags=["hide-cell"]
def asymmetry(g, u, v, h=1e-5):
    Hu = (g(theta + h * u) - g(theta - h * u)) / (2 * h)
    Hv = (g(theta + h * v) - g(theta - h * v)) / (2 * h)
    return u @ Hv - v @ Hu


def one_wrong(theta):
    g = gradient(theta)
    g[0] *= 0.9
    return g


u, v = rng.normal(size=(2, theta.size))
check("symmetric Hessian", asymmetry(gradient, u, v), 0, 1e-7)
with must_fail():
    check("one entry wrong", asymmetry(one_wrong, u, v), 0, 1e-7)
doubled = asymmetry(lambda theta: 2 * gradient(theta), u, v)
check("all doubled: not seen", doubled, 0, 1e-7)

# %% [markdown]
# ## Sources
#
# - D. E. Rumelhart, G. E. Hinton, R. J. Williams, *Learning representations by
#   back-propagating errors*, Nature 323, 1986.
# - A. Griewank, A. Walther, *Evaluating Derivatives*, 2nd edition, SIAM 2008: the
#   theory of forward and reverse accumulation, and what they cost.
# - W. Squire, G. Trapp, *Using complex variables to estimate derivatives of real
#   functions*, SIAM Review 40, 1998: (6.13).
# - W. H. Press and others, *Numerical Recipes*, 3rd edition 2007, section 5.7: the best
#   step, and extrapolation to better than that.
# - The mistakes: the threads are named where they are told.
#
# ## What to read next
#
# Chapter 7 derives the `dy` with which everything here begins, from what we believe
# about pixels. The notes of Stanford's course CS231n on backpropagation tell the story
# of this chapter with circuits; A. G. Baydin and others, *Automatic Differentiation in
# Machine Learning: a Survey*, JMLR 18, 2018, tells how programs do it.
