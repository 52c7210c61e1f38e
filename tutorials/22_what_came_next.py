# %% [markdown]
# # 22. What came next
#
# This chapter follows five developments of the VAE. Each changes *one* part of it; we
# derive, code and check its equation.
#
# **What you will learn**
#
# - why more samples in the importance-weighted bound can make the encoder's gradient
#   worse, and the remedy;
# - how a normalizing flow bends $q$, trained on a posterior shaped like a banana;
# - what a VQ-VAE minimises, why its KL is constant, and what its gradient is worth;
# - how the KL of a hierarchy adds up, and in which sense a diffusion model is a VAE.
#
# **What you need:** [chapter 4](04_kl_of_two_gaussians.py), [chapter
# 5](05_reparameterization.py) and [chapter 12](12_how_tight_is_the_bound.py). About 75
# minutes; the five parts can be read in any order.
#
# **Symbols of this chapter.** $S$ counts samples, $w$ are importance weights; $T$
# counts the steps of a diffusion, $t$ numbers them, and $x_t$ is the image after $t$
# steps of noise; $M$ codes, each one of $C$, make the latent of a VQ-VAE. $\beta_t$ is
# a variance of noise here, and $\beta$ in (22.7) a weight, but not that of the KL.

# %%
import matplotlib.pyplot as plt
import numpy as np

from checks import BLUE, GREEN, GREY, VERMILLION
from checks import check, check_less, check_mc, difference, generator
from checks import measured_row, style, tiles
from minivae import Adam, Binomial, Linear, Sequential, Tanh, gaussian
from minivae.datasets import load_digits
from minivae.gradcheck import check_gradient
from minivae.model import Model
from minivae.numerics import log_sum_exp
from minivae.schedules import cosine_decay

style()
rng = generator(22)


# %% tags=["hide-input"]
# Figure: The boxes of a VAE in a row, x, encoder, q(z|x), z, decoder,
# x, and under or above each what came later: diffusion, flows, VQ-
# VAE, hierarchies, IWAE.
def draw_roads():
    axes = plt.figure(figsize=(7.6, 2.4)).subplots()
    axes.set(xlim=(0, 10.2), ylim=(0.2, 3.1))
    axes.set_axis_off()
    boxes = {0.4: "$x$", 2.4: "encoder", 4.5: "$q(z|x)$"}
    boxes |= {6.3: "$z$", 8.1: "decoder", 9.8: "$x$"}
    frame = {"boxstyle": "round,pad=0.35", "fc": "white", "ec": GREY}
    middle = {"ha": "center", "va": "center"}
    for at, text in boxes.items():
        axes.text(at, 2, text, bbox=frame, **middle)
    arrow = {"arrowstyle": "-|>", "color": GREY}
    for start in (0.8, 3.1, 5.1, 6.65, 8.8):
        axes.annotate(
            "", (start + 0.75, 2), (start, 2), arrowprops=arrow
        )
    for at, up, text in (
        (2.4, 1.2, "diffusion:\nnot learned"),
        (4.5, 1.2, "flow:\nbent"),
        (6.3, 1.2, "VQ-VAE:\ndiscrete"),
        (6.3, 2.8, "hierarchy: the prior"),
        (4.5, 0.4, "IWAE: the bound itself"),
    ):
        axes.text(at, up, text, color=VERMILLION, **middle)


draw_roads()
plt.show()

# %% [markdown]
# ## A tighter bound, and its gradient (2015, 2018, 2019)
#
# The importance-weighted autoencoder of Burda, Grosse and Salakhutdinov (2015) is
# trained on $L_S$, (12.3), instead of the ELBO. With $z_s = \mu + \sigma \varepsilon_s$
# and $\nabla w = w\, \nabla \log w$, the chain rule gives
#
# $$
# \nabla \log \frac1S \sum_s w_s
#   = \frac{\sum_s \nabla w_s}{\sum_r w_r}
#   = \sum_s \hat w_s\, \nabla \log w_s , \qquad
#   \hat w_s = \frac{w_s}{\sum_r w_r} , \tag{22.1}
# $$
#
# a weighted mean of one-sample gradients of the ELBO (their equation 14). As $S$ grows,
# $L_S$ tends to $\log p(x)$, which does not depend on the encoder. So the mean of the
# encoder's gradient falls like $1/S$, but its standard deviation only like $1/\sqrt S$
# (Rainforth and others, 2018).
#
# Tucker and others (2019) found a remedy. In $\nabla \log w_s$ the encoder's parameters
# $\lambda$ occur twice: through $z_s$, and directly in $-\log q_\lambda(z_s)$. For an
# $f$ without $\lambda$, $\mathbb{E}[f(z)\, \partial \log q_\lambda(z) / \partial
# \lambda]$ and $\mathbb{E}[f'(z)\, \partial z / \partial \lambda]$ are both the
# derivative of $\mathbb{E}[f(z)]$. With $f = \hat w_s$ as a function of $z_s$, whose
# derivative is $\hat w_s (1 - \hat w_s)\, \partial \log w_s / \partial z_s$, the direct
# part becomes one through $z_s$ with the weight $-\hat w_s (1 - \hat w_s)$. Added to
# the weight $\hat w_s$ it leaves $\hat w_s^2$:
#
# $$
# \nabla_\lambda L_S = \mathbb{E} \left[ \sum_s \hat w_s^2\,
#   \frac{\partial \log w_s}{\partial z_s}
#   \frac{\partial z_s}{\partial \lambda} \right] , \tag{22.2}
# $$
#
# with $\lambda$ held fixed inside $\log w$: the *doubly reparameterized* gradient.
# Where $q$ is the posterior, $w$ is constant in $z$, and (22.2) is zero for any noise.
#
# **Predict.** For $p(z) = \mathcal{N}(0, 1)$, $p(x|z) = \mathcal{N}(z, 1)$ and a $q$
# that is somewhat off, let $S$ grow from 1 to 256. What happens to the signal-to-noise
# ratio, $|\text{mean}| / \text{standard deviation}$, of the two gradients in $\mu$?

# %% tags=["hide-output"]
x_1d, mu, sigma = 1.5, 0.2, 0.9


def log_weight(z, mu):
    log_p = gaussian.log_normal(np.array([[x_1d]]), z, 0.0)
    log_p = log_p + gaussian.log_normal(z, 0.0, 0.0)
    return log_p - gaussian.log_normal(z, mu, 2 * np.log(sigma))


def two_gradients(eps):
    """(22.1) and (22.2) in mu, for eps of shape (S, n): two times (n,)."""
    z = mu + sigma * eps
    w = np.exp(log_weight(z, mu))
    w = w / w.sum(axis=0)
    through_z = (x_1d - z) - z + (z - mu) / sigma**2  # d log w / dz
    direct = -(z - mu) / sigma**2  # of -log q, at fixed z
    plain = (w * (through_z + direct)).sum(axis=0)  # (22.1)
    doubly = (w**2 * through_z).sum(axis=0)  # (22.2)
    return plain, doubly


nodes, node_weights = np.polynomial.hermite_e.hermegauss(40)
pair = np.stack(np.meshgrid(nodes, nodes)).reshape(2, -1)
pair_weights = np.outer(node_weights, node_weights).ravel()
pair_weights = pair_weights / pair_weights.sum()


def L_2(mu):
    """L_2 by quadrature over both noises."""
    log_w = log_weight(mu + sigma * pair, mu)
    return pair_weights @ np.log(np.exp(log_w).mean(axis=0))


slope = (L_2(mu + 1e-5) - L_2(mu - 1e-5)) / 2e-5
plain, doubly = two_gradients(pair)
check("(22.1) mean, by quadrature", pair_weights @ plain, slope, 1e-6)
check("(22.2) mean, by quadrature", pair_weights @ doubly, slope, 1e-6)

counts = [1, 4, 16, 64, 256]
ratios = []
for S in counts:
    both = two_gradients(rng.standard_normal((S, 10_000)))
    ratios.append([abs(g.mean()) / g.std() for g in both])
    print(f"S = {S:3}: {ratios[-1][0]:.2f} and {ratios[-1][1]:.2f}")
ratios = np.array(ratios)
check_less("plain: loses signal", 3 * ratios[3, 0], ratios[0, 0])
check_less("doubly: gains signal", 3 * ratios[0, 1], ratios[4, 1])

# %% [markdown]
# The ratio of (22.1) falls as $S$ grows; that of (22.2) rises.
#
# ## A posterior that bends: normalizing flows (2015)
#
# The contours of a Gaussian $q$ cannot bend with a curved posterior. Rezende and
# Mohamed (2015) send samples of $q$ through invertible maps. If $z = f(z_0)$ with an
# invertible $f$, the mass in a small volume stays the same while the volume changes by
# the factor $|\det|$ of the Jacobian, as in (15.3):
#
# $$
# \log q(z) = \log q_0(z_0)
#   - \log \left| \det \frac{\partial f}{\partial z_0} \right| \tag{22.3}
# $$
#
# (their section 3.1). So we need maps whose determinants are cheap to compute. The
# *coupling layer* of Dinh, Sohl-Dickstein and Bengio (2017) leaves one part $a$ of $z$
# as it is, and scales and shifts the other part $b$ by amounts that depend on $a$:
#
# $$
# a' = a , \qquad b' = b\, e^{s(a)} + t(a) , \qquad
#   \log \left| \det \frac{\partial (a', b')}{\partial (a, b)} \right|
#   = \sum_i s_i(a) . \tag{22.4}
# $$
#
# The Jacobian is triangular, with $1$ and $e^{s}$ on its diagonal, and $s$ and $t$ may
# be any networks: they are never inverted. The next layer exchanges the roles of $a$
# and $b$. The check of (22.3) needs no inverse: if $q$ is the density of $z$, then for
# every density $r$ the mean $\mathbb{E}_q [ r(z) / q(z) ] = \int r\, dz$ is 1.
#
# The loss is $-\mathrm{ELBO} = \mathbb{E}_q [\log q(z) - \log p(x, z)]$. With $db' =
# \partial L / \partial b'$ the chain rule gives $dt = db'$, $ds = db'\, b\, e^s - 1$
# (the $-1$ comes from the determinant in $\log q$), and $db = db'\, e^s$.


# %%
class Flow:
    """Coupling layers in the plane; with bend = 0 a diagonal Gaussian."""

    def __init__(self, layers, rng, bend=1):
        self.bend = bend
        self.nets = [
            Sequential(Linear(1, 16), Tanh(), Linear(16, 2))
            for _ in range(layers)
        ]
        named = {str(i): net for i, net in enumerate(self.nets)}
        self.model = Model(named, rng, np.float64)
        for net in self.nets:
            net.layers[-1].W[:] *= 0.1  # begin near the identity

    def forward(self, z0):
        """z and log det, for z0 of shape (n, 2)."""
        z, log_det, self.kept = z0.copy(), 0.0, []
        for i, net in enumerate(self.nets):
            a, b = i % 2, 1 - i % 2
            s, t = net.forward(self.bend * z[:, [a]]).T
            self.kept.append((z[:, b].copy(), np.exp(s)))
            z[:, b] = z[:, b] * np.exp(s) + t  # (22.4)
            log_det = log_det + s  # (22.4)
        return z, log_det

    def backward(self, dz):
        """Gradients of mean(log q + ...), for dz = dL/dz of each sample."""
        n, dz = len(dz), dz / len(dz)
        for i in reversed(range(len(self.nets))):
            a, b = i % 2, 1 - i % 2
            b_before, stretch = self.kept[i]
            ds = dz[:, b] * b_before * stretch - 1 / n
            da = self.nets[i].backward(np.stack([ds, dz[:, b]], axis=1))
            dz[:, [a]] += self.bend * da
            dz[:, b] = dz[:, b] * stretch

    def log_q(self, z0, log_det):
        base = gaussian.log_normal(z0, 0.0, 0.0).sum(axis=1)
        return base - log_det  # (22.3)


flow = Flow(3, rng)
flow.model.theta += 0.3 * rng.standard_normal(flow.model.theta.size)
z0 = rng.standard_normal((40_000, 2))
z, log_det = flow.forward(z0)
log_q = flow.log_q(z0, log_det)
log_r = gaussian.log_normal(z, np.median(z, axis=0), np.log(0.1))
ratio = np.exp(log_r.sum(axis=1) - log_q)
check_mc("(22.3) E_q[r / q]", ratio, 1.0)

# %% [markdown]
# **Predict.** Now a posterior like a banana: $x = z_2 + z_1^2 + 0.3\, \varepsilon$ with
# $x = 1$. The best diagonal Gaussian leaves a gap of three quarters of a nat. How much
# of it will four coupling layers close?

# %% tags=["hide-output"]
noise = 0.3


def log_joint(z):
    mean = z[:, 1] + z[:, 0] ** 2
    log_p = gaussian.log_normal(1.0, mean, 2 * np.log(noise))
    return log_p + gaussian.log_normal(z, 0.0, 0.0).sum(axis=1)


def log_joint_grad(z):
    r = (1.0 - z[:, 1] - z[:, 0] ** 2) / noise**2
    return np.stack([2 * z[:, 0] * r, r], axis=1) - z


axis, h = np.linspace(-5, 5, 801, retstep=True)
lattice = np.stack(np.meshgrid(axis, axis), axis=-1)
log_posterior = log_joint(lattice.reshape(-1, 2)).reshape(801, 801)
log_evidence = np.log(np.exp(log_posterior).sum() * h * h)


def flow_loss(theta):
    flow.model.theta[:] = theta
    z, log_det = flow.forward(z0[:20])
    return (flow.log_q(z0[:20], log_det) - log_joint(z)).mean()


theta = flow.model.theta.copy()
flow_loss(theta)
flow.backward(-log_joint_grad(flow.forward(z0[:20])[0]))
check_gradient(flow_loss, theta, flow.model.grad.copy()).assert_ok()


def fit(bend, steps=800, batch=200):
    flow, adam = Flow(4, rng, bend), Adam(cosine_decay(1e-2, steps))
    for _ in range(steps):
        z, _ = flow.forward(rng.standard_normal((batch, 2)))
        flow.backward(-log_joint_grad(z))
        adam.step(flow.model.theta, flow.model.grad)
    z0 = rng.standard_normal((20_000, 2))
    z, log_det = flow.forward(z0)
    return z, flow.log_q(z0, log_det)


gap, drawn = {}, {}
for name, bend in (("Gaussian", 0), ("flow", 1)):
    z, log_q = fit(bend)
    gap[name] = (log_q - log_joint(z)).mean() + log_evidence
    drawn[name] = z
    print(f"{name:8}: gap of the ELBO {gap[name]:.3f} nats")

# %% tags=["hide-input"]
# Figure: A posterior like a banana, as contours, and draws of two
# approximations. The Gaussian's draws are a blob across it; those of
# the flow follow the bend.
fig, both = plt.subplots(1, 2, sharey=True, figsize=(7, 3.4))
for axes, (name, z) in zip(both, drawn.items(), strict=True):
    levels = log_posterior.max() - np.array([4.5, 2.0, 0.5])
    look = {"colors": GREEN, "linestyles": "solid", "linewidths": 1.2}
    axes.contour(axis, axis, log_posterior, levels, **look)
    axes.plot(*z[:600].T, ".", color=BLUE, ms=3, alpha=0.6)
    axes.set(xlim=(-2.6, 2.6), ylim=(-3, 2.4), aspect="equal")
    axes.set_title(f"{name}: {gap[name]:.2f} nats missing")
    axes.set_xlabel("$z_1$")
both[0].set_ylabel("$z_2$")
plt.show()

# %% [markdown]
# Contours: the posterior. Dots: samples of $q$. In a VAE, $s$ and $t$ take the
# encoder's output as a second input (Kingma and others, 2016); the loss stays the same.
#
# ## Discrete codes: the VQ-VAE (2017)
#
# Van den Oord, Vinyals and Kavukcuoglu (2017) make $z$ discrete. A *codebook* holds $C$
# vectors $e_c$; the encoder's output $z_e(x)$ is replaced by the nearest of them,
#
# $$
# q(z = k|x) = 1 \quad \text{for} \quad
#   k = \arg\min_c \Vert z_e(x) - e_c \Vert , \tag{22.5}
# $$
#
# and the decoder sees $e_k$. An image gets $M$ such codes. The prior is uniform during
# training, $p(z) = C^{-M}$. Since $q$ is certain of its code, its entropy is zero and
# the KL constant:
#
# $$
# \mathrm{KL}(q(z|x) \Vert p(z)) = \log \frac{1}{C^{-M}} = M \log C , \qquad
#   -\mathrm{ELBO} = - \log p(x|e_k) + M \log C . \tag{22.6}
# $$
#
# With few codes even $\log p(x) = \log \sum_z C^{-M} p(x|z)$ can be computed, as a sum
# over all of them. The gradient is the difficulty. The code $k$ is piecewise constant
# in the encoder's parameters, so the derivative of (22.6) with respect to them is zero
# wherever it exists, and chapter 5's pathwise gradient gives no direction. The
# *straight-through* gradient (Bengio, Léonard and Courville, 2013) treats the choice of
# the nearest code as the identity and passes $\partial L / \partial e_k$ on to $z_e$.
# Two more terms pull $e_k$ and $z_e$ together, each with the other held fixed (equation
# 3 of van den Oord and others, with sg for "held fixed"):
#
# $$
# L = - \log p(x|e_k) + \Vert \mathrm{sg}[z_e] - e_k \Vert^2
#   + \beta \Vert z_e - \mathrm{sg}[e_k] \Vert^2 . \tag{22.7}
# $$

# %%
digits, likelihood = load_digits(), Binomial(16)
x_test = digits.test.astype(float)
M, C, WIDTH = 3, 8, 2


class VQVAE:
    """64-64-(M codes of WIDTH numbers)-64-64, tanh layers, binomial pixels."""

    def __init__(self, rng):
        L = M * WIDTH
        self.encoder = Sequential(Linear(64, 64), Tanh(), Linear(64, L))
        self.decoder = Sequential(Linear(L, 64), Tanh(), Linear(64, 64))
        parts = {"encoder": self.encoder, "decoder": self.decoder}
        self.model = Model(parts, rng, np.float64)
        self.codebook = 0.5 * rng.standard_normal((M, C, WIDTH))

    def nearest(self, z_e):
        apart = z_e[:, :, None] - self.codebook
        return (apart**2).sum(axis=-1).argmin(axis=-1)  # (22.5)

    def codes(self, x):
        """Codes (B, M), and the encoder's output (B, M, WIDTH)."""
        z_e = self.encoder.forward(x / 16 - 0.3).reshape(-1, M, WIDTH)
        return self.nearest(z_e), z_e

    def decode(self, codes):
        e = self.codebook[np.arange(M), codes]
        return self.decoder.forward(e.reshape(-1, M * WIDTH)), e

    def log_lik(self, x):
        return likelihood.log_prob(x, self.decode(self.codes(x)[0])[0])

    def step(self, x, straight_through, beta=1.0):
        """The gradients of (22.7): in the networks, and in the codebook."""
        B = len(x)
        codes, z_e = self.codes(x)
        y, e = self.decode(codes)
        likelihood.log_prob(x, y)
        dy = likelihood.backward(np.full(B, -1 / B))
        de = self.decoder.backward(dy).reshape(z_e.shape)
        dz_e = de + 2 * beta * (z_e - e) / B  # (22.7)
        dz_e = dz_e * straight_through  # or the encoder stays as it is
        self.encoder.backward(dz_e.reshape(B, -1), need_dx=False)
        dcodebook = np.zeros_like(self.codebook)
        pull = 2 * (e - z_e) / B  # (22.7)
        np.add.at(dcodebook, (np.arange(M), codes), pull)
        return dcodebook


def train_vq(straight_through, steps=1500):
    vq = VQVAE(rng)
    adam, book_adam = (Adam(cosine_decay(4e-3, steps)) for _ in "12")
    for _ in range(steps):
        rows = rng.integers(len(digits.train), size=50)
        x = digits.train[rows].astype(float)
        dcodebook = vq.step(x, straight_through)
        adam.step(vq.model.theta, vq.model.grad)
        book_adam.step(vq.codebook.reshape(-1), dcodebook.reshape(-1))
    return vq


all_codes = np.stack(np.meshgrid(*M * [np.arange(C)]), axis=-1)
all_codes = all_codes.reshape(-1, M)  # (C^M, M)

vq = train_vq(straight_through=True)
own = vq.nearest(np.swapaxes(vq.codebook, 0, 1))
itself = np.array(M * [np.arange(C)])
check("(22.5) a code is nearest to itself", own.T, itself, 0)
codes, _ = vq.codes(x_test)
kl = M * np.log(C)  # (22.6)
nelbo = kl - vq.log_lik(x_test)  # (22.6)
y = vq.decode(all_codes)[0][:, None]
table = [likelihood.log_prob(x[None], y)[:, 0] for x in x_test]
log_sum = log_sum_exp(np.array(table), axis=1)
log_p = log_sum - np.log(len(all_codes))
chosen = (all_codes == codes[:, None]).all(axis=2)
gap_of_q = log_sum - np.array(table)[chosen]  # -log p(code|x)
check("(22.6) nelbo - gap = -log p(x)", nelbo - gap_of_q, -log_p, 1e-8)
print(f"-ELBO {nelbo.mean():.1f}, -log p(x) {-log_p.mean():.1f} nats")

# %% [markdown]
# The check compares (22.6) with the sum over all 512 codes, through $\log p(x) =
# \mathrm{ELBO} + \mathrm{KL}(q \Vert p(z|x))$, (2.4); with $q$ certain of its code the
# KL is $-\log p(\text{code}|x)$. Finite differences agree with this gradient only if
# they, too, hold fixed the codes and whatever stands in sg.

# %%
x_few = digits.train[:20].astype(float)
dcodebook = vq.step(x_few, straight_through=True)


def pretended(h, array, k):
    """(22.7) with the codes held fixed, one number moved by h.

    The decoder sees e + z_e - sg[z_e], so that its gradient reaches z_e.
    """
    codes, fixed = vq.codes(x_few)
    e = vq.decode(codes)[1]
    array[k] += h
    z_e, moved_e = vq.codes(x_few)[1], vq.codebook[np.arange(M), codes]
    y = vq.decoder.forward((e + z_e - fixed).reshape(-1, M * WIDTH))
    array[k] -= h
    pulls = (fixed - moved_e) ** 2 + (z_e - e) ** 2
    return pulls.sum() / 20 - likelihood.log_prob(x_few, y).mean()


for array, gradient, k in (
    (vq.model.theta, vq.model.grad, 5),  # a weight of the encoder
    (vq.codebook.reshape(-1), dcodebook.reshape(-1), 3),
):
    slope = pretended(1e-5, array, k) - pretended(-1e-5, array, k)
    check("(22.7) gradient", gradient[k], slope / 2e-5, 1e-6)

# %% [markdown]
# The true derivative of $-\log p(x|e_k)$ in the encoder's weights is zero. Is the
# straight-through gradient then worth anything?
#
# **Predict.** The control is a model whose encoder stays as it was drawn at random;
# codebook and decoder are trained in both. How many nats does the straight-through
# gradient gain: none, 5, or 50?

# %% tags=["hide-output"]
frozen = train_vq(straight_through=False)
nelbo_frozen = kl - frozen.log_lik(x_test)
measured_row(
    "course_22.csv",
    gap_gaussian=(gap["Gaussian"], 0.05),
    gap_flow=(gap["flow"], 0.05),
    vq_frozen=(nelbo_frozen.mean(), 6),
    vq=(nelbo.mean(), 6),
    vq_exact=(-log_p.mean(), 6),
)

for name, worse, better in (
    ("flow over Gaussian", "gap_gaussian", "gap_flow"),
    ("straight-through over a frozen encoder", "vq_frozen", "vq"),
    ("-ELBO over -log p(x)", "vq", "vq_exact"),
):
    mean, error = difference("course_22.csv", worse, better)
    print(f"{name}: {mean:.2f} ± {error:.2f} nats")
    check_less("    by 4 standard errors", 4 * error, mean)

# %% tags=["hide-input"]
# Figure: Rows of digits and their reconstructions by two models.
# Those of the straight-through gradient follow the image; those with
# the frozen encoder are coarser.
rows = [x_test[:9]]
for model in (vq, frozen):
    y = model.decode(model.codes(x_test[:9])[0])[0]
    rows.append(likelihood.mean(y))
names = ["image", "straight-through", "frozen"]
axes = plt.figure(figsize=(7.4, 2.4)).subplots()
tiles(axes, rows, names, (8, 8), 16)
plt.show()

# %% [markdown]
# The straight-through gradient gains about fifty nats. The certainty of $q$ has a price
# as well: the nearest code has on average a log-probability of $-9$ nats under
# $p(z|x)$, so the ELBO lies nine nats below $\log p(x)$. (The runs were short.)
#
# ## Latents above latents (2016, 2020)
#
# Sønderby and others (2016), and with many more layers Vahdat and Kautz (NVAE, 2020)
# and Child (2021), change the prior: a latent above the latent, $p(z_1, z_2) = p(z_2)\,
# p(z_1|z_2)$, and an encoder $q(z_2)\, q(z_1|z_2)$ in the same order. The logarithm of
# each product is a sum, and so is the KL:
#
# $$
# \mathrm{KL}(q(z_1, z_2) \Vert p(z_1, z_2)) = \mathrm{KL}(q(z_2) \Vert p(z_2))
#   + \mathbb{E}_{q(z_2)} \left[ \mathrm{KL}(q(z_1|z_2) \Vert p(z_1|z_2)) \right] .
#   \tag{22.8}
# $$
#
# The second KL is (4.5), where a network gives the prior's mean and variance. We check
# it with linear maps: both joint densities are then Gaussian, and the left side has its
# own formula.


# %%
def kl_of(mu, var, m, s2):  # (4.5)
    return 0.5 * ((var + (mu - m) ** 2) / s2 - 1 - np.log(var / s2))


def joint(mean2, var2, a, b, var1):  # z1 ~ N(a z2 + b, var1)
    cov = np.array([[var2, a * var2], [a * var2, a * a * var2 + var1]])
    return np.array([mean2, a * mean2 + b]), cov


mq, Cq = joint(0.8, 0.3, 0.5, -0.4, 0.2)  # the encoder
mp, Cp = joint(0.0, 1.0, 0.9, 0.0, 0.6)  # the prior
P = np.linalg.inv(Cp)
log_dets = np.log(np.linalg.det(Cp) / np.linalg.det(Cq))
apart = mq - mp
left = 0.5 * (np.trace(P @ Cq) + apart @ P @ apart - 2 + log_dets)
z2 = 0.8 + np.sqrt(0.3) * rng.standard_normal(20_000)
upper = kl_of(0.8, 0.3, 0.0, 1.0)
lower = kl_of(0.5 * z2 - 0.4, 0.2, 0.9 * z2, 0.6)
check_mc("(22.8) sum over the layers", upper + lower, left)

# %% [markdown]
# ## Diffusion (2015, 2020)
#
# The diffusion model of Sohl-Dickstein and others (2015) and Ho, Jain and Abbeel (2020)
# is a hierarchy of $T$ latents, often a thousand, each as large as the image, with an
# encoder that is not learned and only adds noise,
#
# $$
# q(x_t | x_{t-1}) = \mathcal{N}(\sqrt{1 - \beta_t}\, x_{t-1},\, \beta_t I) .
# $$
#
# Let $\bar\alpha_t = \prod_{i \le t} (1 - \beta_i)$. One step multiplies the mean by
# $\sqrt{1 - \beta_t}$ and turns a variance $1 - \bar\alpha_{t-1}$ into $(1 -
# \beta_t)(1 - \bar\alpha_{t-1}) + \beta_t = 1 - \bar\alpha_t$. So all the steps
# together are one Gaussian (Ho and others, equation 4):
#
# $$
# q(x_t | x_0) = \mathcal{N} \left( \sqrt{\bar\alpha_t}\, x_0,\,
#   (1 - \bar\alpha_t) I \right) . \tag{22.9}
# $$
#
# Given $x_0$, the pair $(x_{t-1}, x_t)$ is Gaussian, and conditioning it on $x_t$ gives
# (their equations 6 and 7)
#
# $$
# q(x_{t-1} | x_t, x_0) = \mathcal{N}(a_t x_t + c_t x_0,\ \tilde\beta_t I) , \quad
#   c_t = \frac{\sqrt{\bar\alpha_{t-1}}\, \beta_t}{1 - \bar\alpha_t} , \quad
#   \tilde\beta_t = \frac{1 - \bar\alpha_{t-1}}{1 - \bar\alpha_t}\, \beta_t ,
#   \tag{22.10}
# $$
#
# with $a_t = \sqrt{1 - \beta_t}\, (1 - \bar\alpha_{t-1}) / (1 - \bar\alpha_t)$.


# %%
def schedule(T):
    """alpha-bar of steps 1 to T, and beta, a, c, beta-tilde of steps 2 to T."""
    alpha_bar = 1 / (1 + np.exp(np.linspace(-8, 8, T)))
    before, after = alpha_bar[:-1], alpha_bar[1:]
    beta = 1 - after / before  # (22.9)
    a = np.sqrt(1 - beta) * (1 - before) / (1 - after)  # (22.10)
    c = np.sqrt(before) * beta / (1 - after)  # (22.10)
    beta_tilde = (1 - before) / (1 - after) * beta  # (22.10)
    return alpha_bar, beta, a, c, beta_tilde


alpha_bar, beta, a, c, beta_tilde = schedule(20)
x0, t = 0.7, 12  # from step t to t + 1, counted from the first
x_t = np.sqrt(alpha_bar[0]) * x0
x_t = x_t + np.sqrt(1 - alpha_bar[0]) * rng.standard_normal(40_000)
for b in beta[: t + 1]:
    x_before = x_t
    noise_t = np.sqrt(b) * rng.standard_normal(40_000)
    x_t = np.sqrt(1 - b) * x_t + noise_t
check_mc("(22.9) mean", x_t, np.sqrt(alpha_bar[t + 1]) * x0)
spread = (x_t - np.sqrt(alpha_bar[t + 1]) * x0) ** 2
check_mc("(22.9) variance", spread, 1 - alpha_bar[t + 1])
rest = x_before - a[t] * x_t - c[t] * x0
check_mc("(22.10) mean", rest, 0.0)
check_mc("(22.10) independent of x_t", rest * (x_t - x_t.mean()), 0.0)
check_mc("(22.10) variance", rest**2, beta_tilde[t])

# %% [markdown]
# Factor the encoder backwards, $q(x_T|x_0) \prod_{t=2}^T q(x_{t-1}|x_t, x_0)$. Then the
# ELBO contains the KL of (22.8) for $T$ latents (their equation 5):
#
# $$
# -\mathrm{ELBO} = \mathrm{KL}(q(x_T|x_0) \Vert p(x_T))
#   + \sum_{t=2}^{T} \mathrm{KL}(q(x_{t-1}|x_t, x_0) \Vert p(x_{t-1}|x_t))
#   - \log p(x_0|x_1) ,
# $$
#
# averaged over $q$. Only the decoder, $p(x_{t-1}|x_t)$, is learned: it must guess $x_0$
# from $x_t$. Let it give the best guess, $\mathbb{E}[x_0 | x_t]$, in one dimension,
# with the mean squared error $V_t$. What does the bound cost then?
#
# - *Middle.* Both Gaussians of a KL have $a_t x_t$ in the mean; their means differ by
#   $c_t (x_0 - \mathbb{E}[x_0|x_t])$, whose mean square is $c_t^2 V_t$. By (4.5), with
#   a variance $s^2$ for $p$, the mean KL is $\frac12 ( (\tilde\beta_t + c_t^2 V_t) /
#   s^2 - 1 - \log \tilde\beta_t + \log s^2)$. At the best $s^2 = \tilde\beta_t + c_t^2
#   V_t$ the fraction is 1, and a logarithm remains.
# - *Last.* With the best guess as mean and $V_1$ as variance, $-\log p(x_0|x_1)$ is on
#   average $\frac12 \log 2 \pi e V_1$.
# - *First.* For data with mean square one, it is (4.6) with $\mu^2 + \sigma^2 =
#   \bar\alpha_T + 1 - \bar\alpha_T = 1$.
#
# $$
# -\mathrm{ELBO} = - \frac12 \log (1 - \bar\alpha_T)
#   + \sum_{t=2}^{T} \frac12 \log \left( 1 + \frac{c_t^2 V_t}{\tilde\beta_t} \right)
#   + \frac12 \log 2 \pi e V_1 . \tag{22.11}
# $$
#
# **Predict.** The data form two clumps, at $-0.9$ and $0.9$. Each step of the decoder
# is a Gaussian, with a single mode. Can a hundred such steps give two modes?


# %% tags=["hide-output"]
def best_guess(x, alpha_bar, m, s2):
    """E[x0|x_t], its mean squared error, and p(x_t), at each x.

    The data are at -m or m, each with variance s2.
    """
    root, total = np.sqrt(alpha_bar), alpha_bar * s2 + 1 - alpha_bar
    centre = np.array([[-m], [m]])
    log_p = gaussian.log_normal(x, root * centre, np.log(total))
    p = 0.5 * np.exp(log_p)  # of both clumps
    mean = centre + root * s2 / total * (x - root * centre)
    share = p / p.sum(axis=0)
    guess = (share * mean).sum(axis=0)
    variance = s2 * (1 - alpha_bar) / total
    error = (share * (variance + (mean - guess) ** 2)).sum(axis=0)
    return guess, error, p.sum(axis=0)


wide, dx = np.linspace(-7, 7, 2001, retstep=True)


def guess_errors(alpha_bar, m, s2):
    """V_t of all steps."""
    all_t = [best_guess(wide, ab, m, s2) for ab in alpha_bar]
    return np.array([(error * p).sum() * dx for _, error, p in all_t])


def diffusion_nelbo(T, m, s2):
    alpha_bar, _, _, c, beta_tilde = schedule(T)
    V = guess_errors(alpha_bar, m, s2)
    first = -0.5 * np.log(1 - alpha_bar[-1])
    middle = 0.5 * np.log(1 + c**2 * V[1:] / beta_tilde).sum()
    last = 0.5 * np.log(2 * np.pi * np.e * V[0])
    return first + middle + last  # (22.11)


gaussian_entropy = 0.5 * np.log(2 * np.pi * np.e)
for T in (2, 10):
    name = f"(22.11) Gaussian data, T = {T}: no gap"
    check(name, diffusion_nelbo(T, 0.0, 1.0), gaussian_entropy, 1e-9)

m, s2 = 0.9, 1 - 0.9**2
_, _, density = best_guess(wide, 1.0 - 1e-12, m, s2)
entropy = -(density * np.log(density)).sum() * dx
lengths = [2, 4, 8, 16, 32, 64, 128, 256]
gaps = [diffusion_nelbo(T, m, s2) - entropy for T in lengths]
for T, gap_T in zip(lengths, gaps, strict=True):
    print(f"T = {T:3}: gap {gap_T:.4f} nats")
check_less("more steps, smaller gap", max(np.diff(gaps)), 0)
check("gap from 128 to 256 steps", gaps[-1] / gaps[-2], 0.5, 0.05)

# %% [markdown]
# They can. The gap is at least the KL from the data to the model, and it falls like
# $1/T$: a small step backwards *is* nearly Gaussian (Sohl-Dickstein and others, section
# 2.2). So a diffusion model is a deep VAE with a fixed encoder. (Ho and others finally
# weight the terms differently: better images, but no bound.)
#
# ## What goes wrong in practice
#
# - **IWAE's $S$ raised without a look at the encoder.** With (22.1) the decoder's
#   gradient improves, and the encoder's may become mostly noise.
# - **The determinant with the wrong sign.** The loss still falls, but it is no bound:
#   compare it with a grid in two dimensions, or test $\mathbb{E}_q[r/q] = 1$.
# - **Dead codes.** A code nearest to no $z_e$ gets no gradient and stays unused.
# - **A weighted diffusion loss called an ELBO.** The weights of (22.11) are 1.
#
# ## Exercises
#
# **1. What the codes are worth (warm-up).** The VQ-VAE pays $\log C$ for each code, as
# if all were equally likely. Keep the model, and fit a prior with independent codes to
# their frequencies among the training images (add one to each count). How many nats
# does it save on a test image? Bound the saving on training images by an entropy.
#
# <details><summary>Hint</summary>
#
# Which term of (22.6) involves the prior?
#
# </details>

# %% tags=["hide-cell"]
train_codes, _ = vq.codes(digits.train.astype(float))
paid = 0.0
for slot in range(M):
    counted = np.bincount(train_codes[:, slot], minlength=C) + 1
    paid -= np.log(counted / counted.sum())[codes[:, slot]].mean()
print(f"{kl:.2f} nats for the codes, {paid:.2f} with the fitted prior")
check_less("it saves", paid, kl)

# %% [markdown]
# *Answer.* $-\log p(z)$ replaces $M \log C$. Its mean over the training codes is at
# least the sum $\sum H$ of the entropies of the $M$ codes, so the saving there is at
# most $M \log C - \sum H$. Van den Oord and others then fit an autoregressive prior,
# which models the dependence between codes.
#
# **2. The planar flow.** Rezende and Mohamed's own example is $f(z) = z + u
# \tanh(w^\top z + c)$. Derive its determinant. For which $u$ is it invertible?
#
# <details><summary>Hint</summary>
#
# The Jacobian is the identity plus a matrix of rank one, $I + u v^\top$. What are its
# eigenvalues?
#
# </details>
#
# *Answer.* With $v = (1 - \tanh^2(w^\top z + c))\, w$ every vector orthogonal to $v$ is
# an eigenvector with eigenvalue 1, and $u$ one with eigenvalue $1 + v^\top u$: the
# determinant is $1 + u^\top w\, (1 - \tanh^2)$. The bracket is between 0 and 1, so for
# $u^\top w \ge -1$ the determinant is negative nowhere; $w^\top f(z)$ increases
# strictly with $w^\top z$, so $f$ is invertible.
#
# **3. Two stochastic layers (towards research).** Put a second latent above the first,
# on the binarized digits of chapter 15, with (22.8) in the loss and the gradient of
# chapter 8 for each layer. Burda and others gain 1.4 to 1.9 nats on MNIST from it
# (their table 1). Which of your upper units are active? With five seeds and equal
# steps, does it gain on 8 × 8 pixels?
#
# <details><summary>Hint</summary>
#
# Check the gradient with `check_gradient` first, with two noises frozen. Upper units
# that collapse early stay so: let the KL's weight rise from 0 to 1.
#
# </details>
#
# ## Sources
#
# - Bounds: Y. Burda and others, [ICLR 2016](https://arxiv.org/abs/1509.00519); T.
#   Rainforth and others, [ICML 2018](https://arxiv.org/abs/1802.04537); G. Tucker and
#   others, [ICLR 2019](https://arxiv.org/abs/1810.04152).
# - Flows: D. J. Rezende, S. Mohamed, [ICML 2015](https://arxiv.org/abs/1505.05770); L.
#   Dinh and others, [ICLR 2017](https://arxiv.org/abs/1605.08803); D. P. Kingma and
#   others, [NIPS 2016](https://arxiv.org/abs/1606.04934).
# - Codes: A. van den Oord and others, [NIPS 2017](https://arxiv.org/abs/1711.00937); Y.
#   Bengio and others, [2013](https://arxiv.org/abs/1308.3432).
# - Hierarchies: C. K. Sønderby and others, [NIPS
#   2016](https://arxiv.org/abs/1602.02282); A. Vahdat, J. Kautz, [NeurIPS
#   2020](https://arxiv.org/abs/2007.03898); R. Child, [ICLR
#   2021](https://arxiv.org/abs/2011.10650).
# - Diffusion: J. Sohl-Dickstein and others, [ICML
#   2015](https://arxiv.org/abs/1503.03585); J. Ho and others, [NeurIPS
#   2020](https://arxiv.org/abs/2006.11239).
#
# ## What to read next
#
# D. P. Kingma, T. Salimans, B. Poole, J. Ho, [*Variational Diffusion
# Models*](https://arxiv.org/abs/2107.00630), NeurIPS 2021, which brings together much
# of this course. Then return to the chapter that you liked least.
