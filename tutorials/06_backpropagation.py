# %% [markdown]
# # 6. Backpropagation by hand
#
# The gradient of a million parameters is made of four or five rules, each of them one
# line long. In this chapter we derive the rules for every layer that the VAE uses,
# guided by shapes, and learn how to find out whether a gradient is right, and if it is
# not, where the mistake is.
#
# **What you will learn**
#
# - to derive a layer's backward pass, shapes first, then indices: Linear, tanh,
#   sigmoid, softplus, ReLU, and stacks of them;
# - how large the weights should be before the first step;
# - which step finite differences need, and a test that does not depend on a scale;
# - to read the report of a gradient check that fails.
#
# **What you need:** matrix products, the chain rule for functions of one variable.
# About an hour and a half.

# %%
import inspect

import matplotlib.pyplot as plt
import numpy as np

import minivae
from checks import BLACK, BLUE, GREY, VERMILLION, box, check
from checks import check_less, check_mc, generator, link
from checks import must_fail, style
from minivae.gradcheck import check_layer
from minivae.model import Model
from minivae.plots import taylor_test

style()
rng = generator(6)

# %% [markdown]
# ## One rule
#
# Everything ends in one number, the loss $L$. For any array `y` on the way we write
# `dy` for $\partial L / \partial y$: an array of **the same shape as** `y`, which says
# how much $L$ grows when an entry of `y` grows. Backpropagation answers one question:
#
# > Here is a step $y = f(x)$, and somebody hands us `dy`. What is `dx`?
#
# If $x_i$ moves by a small $\delta$, every $y_j$ moves by $\frac{\partial y_j}{\partial
# x_i} \delta$, and each of these moves $L$ by `dy[j]` times as much. Together,
#
# $$
# \frac{\partial L}{\partial x_i} = \sum_j \frac{\partial L}{\partial y_j}\,
#   \frac{\partial y_j}{\partial x_i} \tag{6.1}
# $$
#
# That is the chain rule, and all of this chapter is its application. The matrix of the
# $\partial y_j / \partial x_i$, the *Jacobian*, is never built: for a layer of 500
# inputs and outputs and a batch of 100 it has $50000^2$ entries, nearly all zero. We
# compare what we derive with finite differences, which move each input by a small $h$
# to both sides ($e_i$ is one at entry $i$ and zero elsewhere):
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


x = rng.normal(size=3)
cubic = slopes(lambda x: (x**3).sum(), x)
check("(6.2) slope of a cubic", cubic, 3 * x**2, 1e-8)

# %% [markdown]
# ## Once with numbers
#
# Here is a network whose one weight is used twice: $s = w x$, $a = \tanh s$, $y = w a$,
# and $L = \frac12 (y - t)^2$ with the target $t = 1$. The gradients start with 1 at the
# right end, and at each box we multiply the gradient that arrives by the derivative of
# that box: $y - t$ at the loss, $w$ at the product, $1 - a^2$ at the tanh. The gradient
# reaches $w$ along **two** paths, and (6.1) adds them. Cover the red numbers, work them
# out, and compare.

# %%
w, x, t = 0.5, 2.0, 1.0
s = w * x
a = np.tanh(s)
y = w * a

dy = y - t
da, dw_late = dy * w, dy * a  # y = w a
ds = da * (1 - a**2)  # a = tanh s
dx, dw_early = ds * w, ds * x  # s = w x
dw = dw_early + dw_late  # (6.1)


def tiny(wx):
    return 0.5 * (wx[0] * np.tanh(wx[0] * wx[1]) - 1.0) ** 2


numeric = slopes(tiny, np.array([w, x]))
check("dw and dx by hand", np.array([dw, dx]), numeric, 1e-9)

# %% tags=["hide-input"]
# Figure: The graph of a small computation, x to s to a to y to L,
# with w used twice. Below each box stands its value, in black, and
# its gradient, in red; the two gradients of w add up.
fig, axes = plt.subplots(figsize=(7.4, 3.4))
nodes = [
    (0, 0, "$x$", x, dx),
    (2, 0, "$s = wx$", s, ds),
    (4, 0, r"$a = \tanh\,s$", a, da),
    (6, 0, "$y = wa$", y, dy),
    (8.4, 0, r"$L = \frac{1}{2}(y - t)^2$", dy**2 / 2, 1.0),
    (3, 1.7, "$w$", w, dw),
]
for i, j in ((0, 1), (1, 2), (2, 3), (3, 4), (5, 1), (5, 3)):
    link(axes, nodes[i][:2], nodes[j][:2], ends=(20, 34 + 9 * (j == 4)))
for at_x, at_y, name, value, back in nodes:
    box(axes, (at_x, at_y), name)
    below = -0.42 if at_y == 0 else 0.72
    place, red = (at_x, at_y + below - 0.3), {"color": VERMILLION}
    axes.text(at_x, at_y + below, f"{value:.3f}", ha="center")
    axes.text(*place, f"{back:.3f}", ha="center", **red)
axes.text(2.1, 1.1, f"{dw_early:.3f}", ha="right", **red)
axes.text(4.9, 1.1, f"{dw_late:.3f}", **red)
axes.set(xlim=(-0.8, 9.8), ylim=(-1.0, 2.7))
axes.set_axis_off()
axes.set_title("Values forwards (black), gradients backwards (red)")
plt.show()

# %% [markdown]
# ## Linear: shapes first
#
# The layer $y = xW + b$ takes a batch `x` of shape (B, n) to `y` of shape (B, m). So
# `W` is (n, m) and `b` is (m,).
#
# **Predict.** `dW` has the shape of `W`, (n, m), and must be made from `x`, (B, n), and
# `dy`, (B, m). Only one matrix product of the two has this shape. Which? And likewise
# `dx`, of shape (B, n), from `dy` and `W`?
#
# Shapes give the answer if B, n and m are all different. The proof needs indices. For
# image $r$ and unit $j$,
#
# $$
# y_{rj} = \sum_i x_{ri} W_{ij} + b_j \tag{6.3}
# $$
#
# $W_{ij}$ occurs in the outputs $y_{rj}$ of *every* image $r$, each time multiplied by
# $x_{ri}$, and in no output of another unit. So the sum in (6.1) runs over $r$; $b_j$
# occurs in the same outputs, multiplied by one:
#
# $$
# \partial L / \partial W_{ij} = \sum_r x_{ri}\, \mathtt{dy}_{rj} , \qquad
#   \mathtt{dW} = x^\top \mathtt{dy} \tag{6.4}
# $$
#
# $$
# \partial L / \partial b_j = \sum_r \mathtt{dy}_{rj} , \qquad
#   \mathtt{db} = \sum_{\text{rows}} \mathtt{dy} \tag{6.5}
# $$
#
# $x_{ri}$ occurs in all units of its own image, multiplied by $W_{ij}$:
#
# $$
# \partial L / \partial x_{ri} = \sum_j \mathtt{dy}_{rj} W_{ij} , \qquad
#   \mathtt{dx} = \mathtt{dy}\, W^\top \tag{6.6}
# $$
#
# (6.4) and (6.5) are sums over the batch, not averages. If the loss is a mean over the
# batch, its $\frac1B$ is in `dy` already. A layer is two methods: `forward` keeps what
# `backward` will need; `backward` writes the gradients of the parameters and returns
# `dx`.


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


B, n, m = 5, 3, 4
x, dy = rng.normal(size=(B, n)), rng.normal(size=(B, m))
linear = Linear(n, m)
one = sum(x[2, i] * linear.W[i, 1] for i in range(n)) + linear.b[1]
check("(6.3) one entry", linear.forward(x)[2, 1], one, 1e-12)

dx = linear.backward(dy)
for_W = slopes(lambda W: (dy * (x @ W + linear.b)).sum(), linear.W)
for_b = slopes(lambda b: (dy * (x @ linear.W + b)).sum(), linear.b)
for_x = slopes(lambda x: (dy * linear.forward(x)).sum(), x)
check("(6.4) dW", linear.dW, for_W, 1e-8)
check("(6.5) db", linear.db, for_b, 1e-8)
check("(6.6) dx", dx, for_x, 1e-8)

# %% [markdown]
# The package's `Linear` is this class with checks of its input; `out=` writes in place.

# %%
print(inspect.getsource(minivae.Linear.backward))
package = minivae.Linear(n, m)
grads = {"W": np.zeros((n, m)), "b": np.zeros(m)}
package.bind({"W": linear.W, "b": linear.b}, grads)
check("package: y", package.forward(x), linear.forward(x), 1e-12)
check("package: dx", package.backward(dy), dx, 1e-12)
check("package: dW", grads["W"], linear.dW, 1e-12)
check("package: db", grads["b"], linear.db, 1e-12)

# %% [markdown]
# ## Activations: one number at a time
#
# An activation works on each entry by itself, so the sum in (6.1) has a single term,
# and `dx` is `dy` times the derivative, entry by entry.
#
# **Tanh.** $y = \sinh x / \cosh x$. The quotient rule gives $(\cosh^2 x - \sinh^2 x) /
# \cosh^2 x$, that is, one minus the square of the tanh:
#
# $$
# y = \tanh x, \qquad \mathtt{dx} = \mathtt{dy} \cdot (1 - y^2) \tag{6.7}
# $$
#
# **Sigmoid.** $y = (1 + e^{-x})^{-1}$. The outer derivative is $-y^2$, the inner one
# $-e^{-x}$, and $e^{-x} = \frac1y - 1$ from the definition. The slope is $y^2
# (\frac1y - 1) = y (1 - y)$:
#
# $$
# y = \frac{1}{1 + e^{-x}}, \qquad \mathtt{dx} = \mathtt{dy} \cdot y (1 - y) \tag{6.8}
# $$
#
# **Softplus.** $y = \log(1 + e^x)$ has the derivative $e^x / (1 + e^x)$. Divided above
# and below by $e^x$, this is the sigmoid:
#
# $$
# y = \log(1 + e^x), \qquad \mathtt{dx} = \mathtt{dy} \cdot \frac{1}{1 + e^{-x}}
#   \tag{6.9}
# $$
#
# **ReLU.** The slope is one to the right of zero and zero to the left; at zero, where
# there is none, we choose zero. $[x > 0]$ is one where $x > 0$ and zero elsewhere:
#
# $$
# y = \max(x, 0), \qquad \mathtt{dx} = \mathtt{dy} \cdot [x > 0] \tag{6.10}
# $$
#
# The first two are written in the **output** $y$, the others in the **input**.


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
layers = Tanh(), Sigmoid(), Softplus(), ReLU()
for tag, layer in enumerate(layers, start=7):
    name = type(layer).__name__
    check_activation(f"(6.{tag}) {name}", layer, x, dy)
    package = getattr(minivae, name)()
    check("  forward", package.forward(x), layer.forward(x), 1e-12)
    check("  backward", package.backward(dy), layer.backward(dy), 1e-12)

# %% [markdown]
# ## A stack
#
# Layers one after another: forward in order, backward in reverse order, each taking the
# `dx` of the one after as its `dy`. One pair of passes costs about three times the
# forward pass: two matrix products backward for each one forward. Finite differences
# need two forward passes **for each parameter**: 850,000 for the VAE with two hidden
# layers of 200 units in [chapter 15](15_mnist_and_the_literature.py).
#
# We put all parameters into one flat vector $\theta$. The loss is half the squared
# distance to a target, averaged over the batch, so `dy` is $(y - \text{target}) / B$.


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
linears = net.layers[::2]
params = [p for layer in linears for p in (layer.W, layer.b)]
x0, target = rng.normal(size=(5, 3)), rng.normal(size=(5, 2))


def error(theta):
    """What the stack with these parameters gives, less the target."""
    at = 0
    for p in params:
        p[...] = theta[at : at + p.size].reshape(p.shape)
        at += p.size
    return net.forward(x0) - target


def loss(theta):
    return 0.5 * (error(theta) ** 2).sum() / len(x0)


def gradient(theta):
    net.backward(error(theta) / len(x0))
    parts = [g for layer in linears for g in (layer.dW, layer.db)]
    return np.concatenate([g.ravel() for g in parts])


theta = np.concatenate([p.ravel() for p in params])
grad = gradient(theta)
print(f"{theta.size} parameters, loss {loss(theta):.4f}")
check("gradient of the whole stack", grad, slopes(loss, theta), 1e-8)

# %% [markdown]
# ## Before the first step
#
# Training must not start at $W = 0$, nor at any other constant: all units of a layer
# would compute the same, receive the same gradient, and stay the same. So each entry of
# $W$ is drawn from $\mathcal{N}(0, s^2)$, and $b$ is zero. What should $s$ be?
#
# In $y_j = \sum_i x_i W_{ij}$ the weights are independent with mean zero, so in
# $\mathbb{E}[y_j^2]$ the products of two different weights vanish and $n$ squares are
# left. With $\overline{x^2}$ for the mean over the $n$ inputs,
#
# $$
# \mathbb{E} [ y_j^2 ] = n\, s^2\, \overline{x^2} \tag{6.15}
# $$
#
# On the way back, $\mathtt{dx}_i = \sum_j \mathtt{dy}_j W_{ij}$ sums over the $m$
# outputs:
#
# $$
# \mathbb{E} [ \mathtt{dx}_i^2 ] = m\, s^2\, \overline{\mathtt{dy}^2} \tag{6.16}
# $$
#
# A stack multiplies such factors: twenty layers with the factor $\frac12$ leave a
# millionth of the square. To keep the size in both directions we want $n s^2 = 1$ and
# $m s^2 = 1$; Glorot's compromise is $s^2 = \frac{2}{n + m}$. Tanh hardly changes this
# while its inputs are small. ReLU does: the distribution of $y_j$ is symmetric about
# zero, so ReLU drops half of the mean square,
#
# $$
# \mathbb{E} [ \max(y_j, 0)^2 ] = \tfrac12\, n\, s^2\, \overline{x^2} , \tag{6.17}
# $$
#
# and He's $s^2 = \frac2n$ makes up for it. We check them, and the package's draws:

# %%
n, m, s = 6, 4, 0.7
x1, dy1 = rng.normal(size=n), rng.normal(size=m)
y_square = n * s**2 * (x1**2).mean()  # (6.15)
dx_square = m * s**2 * (dy1**2).mean()  # (6.16)
relu_square = 0.5 * n * s**2 * (x1**2).mean()  # (6.17)
W = s * rng.standard_normal((40_000, n, m))
y1 = W[:, :, 0] @ x1
dx1 = W[:, 0] @ dy1
check_mc("(6.15) E[y^2]", y1**2, y_square)
check_mc("(6.16) E[dx^2]", dx1**2, dx_square)
check_mc("(6.17) after ReLU", np.maximum(y1, 0) ** 2, relu_square)

print(inspect.getsource(minivae.Linear.initialise))
for init, square in (("glorot", 2 / 250), ("he", 2 / 200)):
    layer = minivae.Linear(200, 50, init)
    Model({"layer": layer}, rng, np.float64)
    check_mc(f"{init}: s^2", layer.W.ravel() ** 2, square)

# %% [markdown]
# **Predict.** Twenty layers of 128 units, a signal of size 1 at one end, a gradient of
# size 1 at the other. What arrives with tanh and $s^2 = \frac1n$ (Glorot's for
# $n = m$), with half and with three times this $s$? And with ReLU?


# %%
def levels(activation, factor, n=128, depth=20, B=64):
    """Root mean squares of y forward and of dy backward, by layer."""
    s = factor / np.sqrt(n)
    pairs = [(Linear(n, n), activation()) for _ in range(depth)]
    x, dy = rng.standard_normal((2, B, n))
    forward, backward = [], []
    for linear, bend in pairs:
        linear.W, linear.b = s * rng.standard_normal((n, n)), 0.0
        x = bend.forward(linear.forward(x))
        forward.append(np.sqrt((x**2).mean()))
    for linear, bend in reversed(pairs):
        dy = linear.backward(bend.backward(dy))
        backward.append(np.sqrt((dy**2).mean()))
    return forward, backward[::-1]


starts = ((Tanh, 0.5), (Tanh, 1), (Tanh, 3), (ReLU, 1), (ReLU, 2**0.5))
found = [levels(*start) for start in starts]
print("s x root n   signal at the end   gradient at the start")
for (bend, factor), (ahead, back) in zip(starts, found, strict=True):
    name = f"{bend.__name__} {factor:.2f}"
    print(f"{name:10} {ahead[-1]:14.2g} {back[0]:22.2g}")
check_less("half: the gradient fades", found[0][1][0], 1e-5)
check_less("1/n: a good part arrives", 0.05, found[1][1][0])
check_less("three times: it explodes", 30, found[2][1][0])
left = [levels(ReLU, 1.0, 64, 4, 16)[0][-1] for _ in range(100)]
square = np.square(left)
check_mc("ReLU, 1/n: a half for each of 4 layers", square, 0.5**4)

# %% [markdown]
# With half the scale nothing arrives at either end. With three times the scale most
# tanh units are saturated, and yet the gradient explodes: a layer multiplies its mean
# square by $n s^2 = 9$ and by the mean of $(1 - y^2)^2$, and the unsaturated units keep
# that mean above $\frac19$. With $\frac1n$ about a sixth arrives. ReLU with $\frac1n$
# loses a factor $\sqrt2$ in every layer; He's $\frac2n$ keeps the size.
#
# ## How small a step?
#
# So far we used $h = 6 \cdot 10^{-6}$. Taylor's formula around $x$ explains it:
#
# $$
# f(x \pm h) = f(x) \pm h f'(x) + \frac{h^2}{2} f''(x) \pm \frac{h^3}{6} f'''(x) + \dots
# $$
#
# The one-sided difference $(f(x + h) - f(x)) / h$ leaves the second derivative behind:
# to first order its *truncation error* is
#
# $$
# e_{\text{forward}}(h) = \frac{h}{2} \left| f''(x) \right| \tag{6.11}
# $$
#
# In $f(x + h) - f(x - h)$ the even terms cancel. The third derivative stays; divided by
# $2h$,
#
# $$
# e_{\text{central}}(h) = \frac{h^2}{6} \left| f'''(x) \right| \tag{6.12}
# $$
#
# Rounding gives each value of $f$ a relative error of about $u = 10^{-16}$, magnified
# by the division to $u |f| / h$. The best step is near where the two errors are equal.
# If $f$ and its derivatives are of size one, that is $\sqrt{u} = 10^{-8}$ for the
# forward and $\sqrt[3]{u} \approx 5 \cdot 10^{-6}$ for the central difference.
#
# A third way is a step in the *imaginary* direction, where $(ih)^2 = -h^2$ is real:
# $f(x + ih) = f(x) + ih f'(x) - \frac{h^2}{2} f''(x) - \dots$. If $f$ is real for real
# arguments, then, up to an error of order $h^2$,
#
# $$
# f'(x) \approx \frac{1}{h}\, \mathrm{Im}\, f(x + ih) \tag{6.13}
# $$
#
# Nothing is subtracted, so nothing cancels, and $h$ may be $10^{-30}$. But $f$ must be
# made of analytic functions: no `max`, no `abs`, no comparison.
#
# **Predict.** How many digits do the two differences get right at their best?


# %% tags=["hide-output"]
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
near = [abs(np.log10(h / best)) < 0.6 for best in (1e-8, 5e-6)]
check_less("forward: 8 digits", np.median(forward[near[0]]), 2e-8)
check_less("central: 10 digits", np.median(central[near[1]]), 4e-11)
check_less("too small a step", 1e-5, central[h < 1e-13].max())

# %% tags=["hide-input", "hide-output"]
# Figure: The error of a difference quotient against the step, on log
# scales: a V for the forward and a deeper one for the central
# difference. To the left rounding, to the right truncation; in
# float32 the V lies much higher.
single = np.tanh((at + np.outer([1, -1], h)).astype(np.float32))
error32 = np.abs((single[0] - single[1]) / np.float32(2 * h) - f1)

plt.figure(figsize=(7, 4.2))
plt.loglog(h, forward_error(h, f2), color=VERMILLION, lw=1, ls="--")
plt.loglog(h, central_error(h, f3), color=BLUE, lw=1, ls="--")
plt.loglog(h, forward, ".-", color=VERMILLION, lw=1.2)
plt.loglog(h, np.maximum(central, 1e-17), ".-", color=BLUE, lw=1.2)
plt.loglog(h, np.maximum(error32, 1e-17), ".-", color=GREY, lw=1.2)
plt.text(4e-7, 3e-6, "forward", color=VERMILLION, ha="right")
plt.text(1.2e-4, 8e-12, "central", color=BLUE)
plt.text(2e-8, 2.5, "central, float32", color="#555555")
plt.text(4e-15, 1.5e-8, "rounding", color=BLACK)
plt.text(0.02, 1e-9, "truncation\n(dashed)", color=BLACK)
plt.ylim(1e-14, 50)
plt.xlabel("step $h$")
plt.ylabel("error of the slope of tanh at 0.7")
plt.title("The V: a step can be too large and too small")
plt.show()
good = error32[h > 1e-4]
check_less("float32, half of the good steps", 1e-6, np.median(good))

# %% [markdown]
# Near its best step the forward difference has 8 digits, the central one 10 to 12. In
# **float32**, with $u = 6 \cdot 10^{-8}$, expect about 5 even at a good step; right
# gradients have been reported as wrong (chainer #3046, PaddlePaddle #4283). Check in
# float64.
#
# ## The Taylor test: free of scale
#
# Is an error of $10^{-6}$ small? That depends on the scale of the gradient. This test
# does not: take a direction $v$, go a distance $h$, and compare the change of the loss
# with the one that the gradient $g$ predicts:
#
# $$
# R(h) = \left| L(\theta + h v) - L(\theta) - h\, g \cdot v \right| \tag{6.14}
# $$
#
# By Taylor's formula this is $\frac{h^2}{2} | v^\top H v |$ to first order, with $H$
# the matrix of second derivatives. Halve $h$, and it falls to a **quarter**. But if $g$
# is wrong by $e$, a term $h\, |e \cdot v|$ is left, and for small $h$ it dominates:
# halve $h$, and $R$ falls to a **half**. In a log-log plot the slope is two or one.


# %%
def remainders(f, theta, g, v, h):
    moved = np.array([f(theta + step * v) for step in h])
    return np.abs(moved - f(theta) - h * (g @ v))  # (6.14)


def log_slope(h, R):
    return np.polyfit(np.log(h), np.log(R), 1)[0]


v = rng.normal(size=theta.size)
v /= np.linalg.norm(v)
h = 2.0 ** -np.arange(5, 16)
worst = np.argmax(np.abs(grad * v))
wrong = grad.copy()
wrong[worst] *= 0.9  # one of 62 parameters, wrong by a tenth
right_R = remainders(loss, theta, grad, v, h)
wrong_R = remainders(loss, theta, wrong, v, h)
check("slope with the right gradient", log_slope(h, right_R), 2, 0.05)
with must_fail():
    check("slope, one entry wrong", log_slope(h, wrong_R), 2, 0.05)
package = taylor_test(loss, theta, grad, rng)
check("minivae.plots.taylor_test", package.slope, 2, 0.05)

# %% [markdown]
# ## A check that fails, and how to read it
#
# When a check fails, look at the pattern of the numbers. Is the error a constant
# factor: a two, a batch size, a minus? Is it in one parameter only, or in all below
# some layer? The package's `check_layer` looks for such patterns. Here the author of a
# layer forgot that `dy` already contains the $\frac1B$, and averaged the bias gradient.
#
# **Predict.** With a batch of 5: which of `dx`, `dW` and `db` will be marked, and what
# is the factor between the claimed and the expected gradient?


# %% tags=["hide-output"]
class AveragedBias(minivae.Linear):
    def backward(self, dy):
        dx = super().backward(dy)
        self.db[...] = dy.mean(axis=0)
        return dx


x5 = rng.normal(size=(5, 3))
report = check_layer(AveragedBias(3, 4), x5, rng)
print(report)
marked = [k for k, b in report.blocks.items() if b.verdict != "ok"]
assert marked == ["b"], marked

# %% [markdown]
# The table has one row for each thing that was checked, with the relative error and one
# entry in full, claimed and expected. `x` and `W` are right, so `dy` and the forward
# pass are right too. Only `b` is wrong, by a factor of 5. That this is the batch size,
# and not the width of a layer, can be seen because all sizes are different.
#
# ## What goes wrong in practice
#
# - **Input for output.** $1 - x^2$ for the slope of tanh is nearly right near zero and
#   has the right shape everywhere (davidrmiller/neural2d #40 had the reverse). Test
#   with numbers beyond one.
# - **Square layers.** With n = m, `dy @ W` instead of `dy @ W.T` has the right shape.
#   Make all sizes different.
# - **A batch of one.** Then a bias gradient that forgets the sum over the batch, or
#   averages, is right (mlpack PR #3679). Test with B > 1.
# - **Kinks.** A finite difference across the corner of a ReLU gives anything from 0 to
#   1. The gradient is right and the check is wrong (pytorch #114234, chainer PR #2650):

# %%
near_kink = np.array([[1e-7]])
numeric = slopes(lambda x: ReLU().forward(x).sum(), near_kink)
print(f"slope of ReLU at 1e-7: 1, by differences: {numeric[0, 0]:.3f}")
check_less("the kink spoils the difference", numeric[0, 0], 0.6)

# %% [markdown]
# - **Noise.** If the loss draws random numbers inside, two evaluations differ for that
#   reason alone (torch/tutorials #25, on dropout). [Chapter
#   5](05_reparameterization.py) measured how badly. Pass the noise in as an argument.
# - **A second backward** that adds to the first one's gradients (karpathy/micrograd PRs
#   #53 and #102). Our `backward` overwrites; it never accumulates.
#
# ## Exercises
#
# **1. Counting (warm-up).** How many multiplications does `Linear` need forward, and
# how many backward, for a batch of B? What does the package's argument `need_dx` save?
#
# <details><summary>Hint</summary>
#
# What does one entry of a matrix product cost? Who uses the `dx` of the first layer?
#
# </details>
#
# <details><summary>Answer</summary>
#
# Forward $Bnm$, backward twice as many, for `dW` and for `dx`. The `dx` of the first
# layer, half of its backward pass, is the gradient with respect to the data, which
# training ignores.
#
# </details>
#
# **2. Normalise.** The layer $y = (x - \bar x) / s$, where $\bar x$ and $s^2$ are mean
# and variance of each *row*, is the core of layer normalisation. Derive its backward
# pass and check it. Shapes will not help here: every output depends on every input of
# its row.
#
# <details><summary>Hint</summary>
#
# In (6.1) $x_i$ reaches $y_j$ directly if $i = j$, through $\bar x$, and through $s$.
# First show $\partial s / \partial x_i = \frac1n y_i$.
#
# </details>
#
# <details><summary>Answer</summary>
#
# $\partial y_j / \partial x_i = \frac1s ( [i = j] - \frac1n - \frac1n y_i y_j )$, and
# summed with `dy`: $\mathtt{dx} = \frac1s ( \mathtt{dy} - \overline{\mathtt{dy}} - y\,
# \overline{\mathtt{dy} \cdot y} )$, with means over the row.
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
# **3. All ones.** The softmax of a row is $y_i = e^{x_i} / \sum_j e^{x_j}$. Derive its
# backward pass. Then replace the weighted mean of `dy` in it by the plain mean. Show
# that this wrong layer passes a check with `dy` all ones and fails one with a random
# `dy`. Why?
#
# <details><summary>Hint</summary>
#
# Both $i = j$ and $i \ne j$ count in (6.1). What is $L$ if `dy` is all ones?
#
# </details>
#
# <details><summary>Answer</summary>
#
# $\partial y_j / \partial x_i = y_j ([i = j] - y_i)$, hence $\mathtt{dx}_i = y_i (
# \mathtt{dy}_i - \sum_j \mathtt{dy}_j y_j )$. The outputs sum to one: with `dy` all
# ones $L$ is constant and its gradient zero, and so is any $y_i (\mathtt{dy}_i -
# \text{some mean of } \mathtt{dy})$.
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
ones = np.ones_like(x)
check_activation("wrong, dy all ones", WrongSoftmax(), x, ones)
with must_fail():
    check_activation("wrong, random dy", WrongSoftmax(), x, dy)

# %% [markdown]
# ## Sources
#
# - D. E. Rumelhart, G. E. Hinton, R. J. Williams, *Learning representations by
#   back-propagating errors*, Nature 323, 1986, [doi
#   10.1038/323533a0](https://doi.org/10.1038/323533a0).
# - A. Griewank, A. Walther, *Evaluating Derivatives*, 2nd edition, SIAM 2008.
# - X. Glorot, Y. Bengio, [*Understanding the difficulty of training deep feedforward
#   neural networks*](https://proceedings.mlr.press/v9/glorot10a.html), 2010, equations
#   5, 6 and 12: (6.15), (6.16) and the compromise. K. He and others, [*Delving Deep
#   into Rectifiers*](https://arxiv.org/abs/1502.01852), 2015, equations 8 and 10:
#   (6.17).
# - W. Squire, G. Trapp, *Using complex variables to estimate derivatives of real
#   functions*, 1998, [doi
#   10.1137/S003614459631241X](https://doi.org/10.1137/S003614459631241X): (6.13).
# - W. H. Press and others, *Numerical Recipes*, 3rd edition 2007, section 5.7: the best
#   step.
#
# ## What to read next
#
# [Chapter 7](07_reconstruction_term.py) derives the `dy` with which every backward pass
# begins, from an assumption about the pixels. A. G. Baydin and others, *Automatic
# Differentiation in Machine Learning: a Survey*, 2018, [arXiv
# 1502.05767](https://arxiv.org/abs/1502.05767), describes how programs do it.
