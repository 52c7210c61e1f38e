# %% [markdown]
# # 21. The linear VAE is probabilistic PCA
#
# Remove the hidden layers from a VAE and give it Gaussian pixels. Then nothing need be
# approximated: the evidence, the posterior and the best parameters have formulas, those
# of probabilistic principal component analysis. Since the right answers are all known,
# such a VAE is a strict test of a VAE's code.
#
# **What you will learn**
#
# - the evidence and the posterior of a linear-Gaussian model, line by line;
# - the maximum-likelihood solution of Tipping and Bishop, with its proof;
# - why the ELBO of such a VAE can equal $\log p(x)$ on every image;
# - the rotation of $z$, which the evidence leaves free, and its price in the ELBO;
# - how long training takes to find the principal subspace, and how long to find the
#   axes in it.
#
# **What you need:** [chapter 12](12_how_tight_is_the_bound.py) (the two gaps), and
# eigenvalues of symmetric matrices. About one hour.
#
# **Symbols of this chapter.** $W$ is the decoder's matrix, $D \times K$, with columns
# $W_k$; $c$ the variance of the pixels' noise; $M = W^\top W + c I$; $R$ an orthogonal
# matrix, called a rotation here; $\hat S$ the covariance of the data, $\lambda_i$ its
# eigenvalues, largest first, and $U$ its first $K$ eigenvectors; $m$ and $\Sigma$ the
# mean and covariance of $p(z|x)$; $s_k$ the variances of a diagonal $q$.

# %%
import inspect

import matplotlib.pyplot as plt
import numpy as np

from checks import BLACK, BLUE, GREEN, GREY, ORANGE
from checks import check, check_less, generator, must_fail, style
from minivae import VAE, Adam, Gaussian
from minivae.datasets import load_digits
from minivae.inference.exact.linear_gaussian import (
    LinearGaussian,
    fit_ppca,
    max_log_likelihood,
)
from minivae.schedules import cosine_decay

style()
rng = generator(21)
digits = load_digits()
data = digits.train / 16  # pixels from 0 to 1
N, D, K = len(data), 64, 5

# %% [markdown]
# ## The model
#
# The decoder is $y = W z + b$, and the pixels are Gaussian around it, $p(x|z) =
# \mathcal{N}(x; W z + b, c I)$, with $z \sim \mathcal{N}(0, I)$. With two pixels and
# one latent, the model draws a point on a line through $b$, at a standard normal
# distance in units of $\Vert W \Vert$, and adds noise that is equal in all directions.


# %% tags=["hide-input"]
# Figure: Points scattered around a slanted line, the latent line b +
# Wz. For one point x beside it a green bar on the line is its
# posterior, a little nearer to b than the foot of x.
def draw_model():
    W, b, c = np.array([2.0, 1.2]), np.array([0.5, 0.0]), 0.25
    z = rng.standard_normal(400)
    points = b + z[:, None] * W
    points += np.sqrt(c) * rng.standard_normal((400, 2))
    axes = plt.figure(figsize=(6.4, 3.8)).subplots()
    axes.plot(*points.T, ".", color=GREY, ms=3)
    ends = b + np.array([[-2.8], [2.8]]) * W
    axes.plot(*ends.T, color=BLUE)
    x = np.array([2.2, 3.4])
    m = W @ (x - b) / (W @ W + c)
    foot, shrunk = b + W @ (x - b) / (W @ W) * W, b + m * W
    spread = np.sqrt(c / (W @ W + c)) * W
    bar = np.stack([shrunk - 2 * spread, shrunk + 2 * spread])
    axes.plot(*bar.T, color=GREEN, lw=6, alpha=0.6)
    axes.plot([x[0], foot[0]], [x[1], foot[1]], color=BLACK, lw=1)
    axes.plot(*x, "o", color=BLACK)
    axes.plot(*b, "o", color=BLUE)
    axes.text(x[0] - 0.2, x[1], "$x$", ha="right")
    axes.text(b[0] - 0.5, b[1] + 0.3, "$b$", color=BLUE)
    axes.text(4.9, 1.6, "$b + W z$", color=BLUE)
    axes.text(1.0, 2.3, r"$p(z|x)$", color=GREEN, ha="right")
    axes.set(aspect="equal", xlabel="$x_1$", ylabel="$x_2$")
    axes.set_title("A latent line, seen through round noise")


draw_model()
plt.show()

# %% [markdown]
# ## The evidence and the posterior
#
# $x = W z + b + \sqrt c\, \xi$ with independent standard normal $z$
# and $\xi$ is a linear map of Gaussians, so it is Gaussian. Its mean is $b$. Its
# covariance is $W\, \mathbb{E}[z z^\top]\, W^\top + c\, \mathbb{E}[\xi \xi^\top]$ (the
# mixed terms vanish, since $z$ and $\xi$ are independent with mean zero):
#
# $$
# p(x) = \mathcal{N}(x; b, C), \qquad C = W W^\top + c I \tag{21.1}
# $$
#
# As a function of $z$, $\log p(x|z) + \log p(z) = -\frac{1}{2c}
# \Vert x - b - W z \Vert^2 - \frac12 z^\top z + \text{const}$. Multiply out: the
# quadratic part is $-\frac12 z^\top (W^\top W / c + I) z$, the linear part $z^\top
# W^\top (x - b) / c$. In a Gaussian's exponent $-\frac12 (z - m)^\top \Sigma^{-1} (z -
# m)$ the quadratic part shows $\Sigma^{-1}$ and the linear part $\Sigma^{-1} m$. With
# $M = W^\top W + c I$, therefore,
#
# $$
# \Sigma = c\, M^{-1}, \qquad m = \Sigma\, W^\top (x - b) / c = M^{-1} W^\top (x - b)
#   \tag{21.2}
# $$
#
# The mean is *linear* in $x - b$, and the covariance is the same for all $x$. If $M$ is
# diagonal, a linear encoder with a diagonal $q$ can produce exactly this: the
# amortization gap and the approximation gap are both zero.
#
# ## The best W
#
# With the covariance of the data, $\hat S$ (and $b$ their mean), the
# mean log-likelihood is
#
# $$
# \frac1N \sum_n \log p(x_n) = -\frac12 \left( D \log 2\pi + \log \det C
#   + \mathrm{tr}(C^{-1} \hat S) \right) ,
# $$
#
# because $\frac1N \sum (x_n - b)^\top C^{-1} (x_n - b) = \mathrm{tr}(C^{-1} \hat S)$.
# Let $C$ have the eigenvalues $\gamma_1 \ge \dots \ge \gamma_D$ with eigenvectors
# $u_i$, and $\hat S$ the eigenvalues $\lambda_1 \ge \dots \ge \lambda_D$ with $v_j$.
# Then $\mathrm{tr}(C^{-1} \hat S) = \sum_{ij} P_{ij} \lambda_j / \gamma_i$ with
# $P_{ij} = (u_i^\top v_j)^2$. Rows and columns of $P$ sum to one, since both bases are
# orthonormal. A linear function of such matrices attains its minimum at a permutation
# matrix (these are the corners of the set; Birkhoff), and among permutations the sum is
# smallest where large $\lambda$ are paired with large $\gamma$ (the rearrangement
# inequality). So, for any given $\gamma$, the best $C$ has the eigenvectors of $\hat
# S$, in order, and what remains to be minimised is $\sum_i (\log \gamma_i + \lambda_i /
# \gamma_i)$. By (21.1), the last $D - K$ of the $\gamma_i$ equal $c$, and the first $K$
# are free to take any value from $c$ upwards. For a free one, $\frac{1}{\gamma} -
# \frac{\lambda}{\gamma^2} = 0$ gives $\gamma = \lambda$. For $c$, the derivative of
# $(D - K) \log c + \sum_{i > K} \lambda_i / c$ gives
#
# $$
# c = \frac{1}{D - K} \sum_{i > K} \lambda_i \tag{21.3}
# $$
#
# the mean of the discarded eigenvalues. It is at most $\lambda_K$, so $\gamma_i =
# \lambda_i \ge c$ was allowed. The matrix $W W^\top + c I$ has these eigenvalues
# $\lambda_i$ on the first $K$ eigenvectors, the columns of $U$, if
#
# $$
# W = U\, (\Lambda - c I)^{1/2} R \tag{21.4}
# $$
#
# with any rotation $R$, which drops out of $W W^\top$.
#
# **Predict.** The likelihood does not depend on $R$. Does the ELBO?

# %%
b = data.mean(axis=0)
values, vectors = np.linalg.eigh((data - b).T @ (data - b) / N)
values, vectors = values[::-1], vectors[:, ::-1]
c = values[K:].sum() / (D - K)  # (21.3)
U = vectors[:, :K]
W = U * np.sqrt(values[:K] - c)  # (21.4)
C = W @ W.T + c * np.eye(D)  # (21.1)
M = W.T @ W + c * np.eye(K)
m = np.linalg.solve(M, W.T @ (data - b).T).T  # (21.2)
Sigma = c * np.linalg.inv(M)  # (21.2)

r = data - b
square = (r * np.linalg.solve(C, r.T).T).sum(axis=1)
log_det = np.linalg.slogdet(C)[1]
log_p = -0.5 * (D * np.log(2 * np.pi) + log_det + square)
best = max_log_likelihood(data, K)
check("(21.1)-(21.4) pPCA: log p(x)", log_p.mean(), best, 1e-9)
exact = fit_ppca(data, K)
check(
    "  each image, by the package",
    exact.log_prob(data),
    log_p,
    1e-9,
)

# %% [markdown]
# Now the ELBO of a *VAE* with this decoder and with $q = \mathcal{N}(m,
# \mathrm{diag}(\Sigma))$, from its definition alone. The mean of $\Vert x - b - W z
# \Vert^2$ under $q$ is its value at the mean of $z$, plus $\sum_k s_k \Vert W_k
# \Vert^2$, with $s_k$ the variances and $W_k$ the columns. Nothing in the function
# below uses $C$.


# %%
def linear_elbo(x, W, mu, s):
    """E_q[log p(x|z)] - KL(q, p(z)) for q = N(mu, diag(s)), exactly."""
    residual = x - b - mu @ W.T
    spread = s @ (W**2).sum(axis=0)
    square = (residual**2).sum(axis=1) + spread
    log_lik = -0.5 * (D * np.log(2 * np.pi * c) + square / c)
    kl = 0.5 * (mu**2 + s - 1 - np.log(s)).sum(axis=1)
    return log_lik - kl


elbo = linear_elbo(data, W, m, np.diag(Sigma))
check("(21.2) ELBO = log p(x), each image", elbo, log_p, 1e-9)

linear = VAE.mlp(
    D,
    K,
    hidden=(),
    likelihood=Gaussian(exact.c, learned=True),
    rng=rng,
    dtype=np.float64,
)
exact.place_in(linear)
mu, logvar = linear.encode(data)
check("encoder's mean in vae.py", mu, m, 1e-9)
check("and its variance", np.exp(logvar[0]), np.diag(Sigma), 1e-9)

# %% [markdown]
# On every image the bound equals the evidence, to nine decimal places. Now turn the
# latent space by a rotation $R$. Then $M = R^\top (\Lambda - cI) R + cI$ is no longer
# diagonal, the contours of the posterior are tilted ellipses, and no diagonal $q$
# equals it. The best diagonal $q$ has the posterior's mean, and variances $s_k$ that
# minimise
#
# $$
# \mathrm{KL} = \frac12 \left( \sum_k \frac{M_{kk}}{c} s_k - K + \log \det \Sigma
#   - \sum_k \log s_k \right) .
# $$
#
# The derivative in $s_k$ is zero at $s_k = c / M_{kk}$. Then the first sum is $K$ and
# cancels, $\log \det \Sigma = K \log c - \log \det M$, $\sum_k \log s_k = K \log c -
# \sum_k \log M_{kk}$, and what is left is
#
# $$
# \mathrm{KL}(q^* \Vert p(z|x)) = \frac12 \left( \sum_k \log M_{kk}
#   - \log \det M \right)
#   \tag{21.5}
# $$
#
# This is the approximation gap, the same for all images. (A KL is never negative, so we
# have proved Hadamard's inequality, $\det M \le \prod_k M_{kk}$, on the way.)

# %%
R = np.linalg.qr(rng.normal(size=(K, K)))[0]
W_turned = W @ R
M_turned = W_turned.T @ W_turned + c * np.eye(K)
diagonal = np.diag(M_turned)
log_det_M = np.linalg.slogdet(M_turned)[1]
price = 0.5 * (np.log(diagonal).sum() - log_det_M)  # (21.5)
turned = linear_elbo(data, W_turned, m @ R, c / diagonal)
C_turned = W_turned @ W_turned.T + c * np.eye(D)
check("turned: the same evidence", C_turned, C, 1e-12)
check("(21.5) but not the same ELBO", log_p - turned, price, 1e-9)
print(f"the price of a rotation: {price:.3f} nats per image")

# %% [markdown]
# The evidence does not depend on $R$. The bound does: it is highest where $M$ is
# diagonal, so at $R = I$, up to the order and the signs of the columns. The best linear
# VAE therefore has the axes of PCA as well as its subspace (Lucas and others 2019).
#
# Is this $W$ the best, as the proof says? The package's `max_log_likelihood` uses the
# same eigenvalues as we do, so agreement with it is no evidence. Instead we change all
# parameters a little, twenty times: at a maximum every change must lower the
# likelihood.

# %%
inside = exact.log_prob(data).mean()
for _ in range(20):
    size = 0.01 * rng.standard_normal(3)
    moved = LinearGaussian(
        W + size[0] * rng.standard_normal(W.shape),
        b + size[1] * rng.standard_normal(D),
        c * np.exp(size[2]),
    )
    worse = moved.log_prob(data).mean()
    assert worse < inside, "(21.3), (21.4): a neighbour is better"
print("twenty neighbours, each of them worse")

# %% [markdown]
# ## Does training find it?
#
# We first train it like any other VAE: mini-batches, one sample of $z$ per image, Adam,
# and $c$ learned.
#
# **Predict.** What will have been found after 2,400 steps: the subspace that the first
# five eigenvectors span, the five axes in it, or both?

# %% tags=["hide-output"]
student = VAE.mlp(
    D,
    K,
    hidden=(),
    likelihood=Gaussian(0.1, learned=True),
    rng=rng,
    dtype=np.float64,
)
steps = 2400
adam = Adam(cosine_decay(1e-2, steps))
for _ in range(steps):
    batch = data[rng.integers(N, size=100)]
    student.loss(batch, rng.standard_normal((100, K)))
    student.backward()
    adam.step(student.theta, student.grad)
W_end = student.params["decoder.0.W"].T  # (D, K)
c_end = student.likelihood.c
found = LinearGaussian(W_end, student.params["decoder.0.b"], c_end)
draws = [
    student.elbo(data, rng.standard_normal((N, K))) for _ in range(20)
]
end, log_p_end = np.mean(draws), found.log_prob(data).mean()
print(f"maximum of log p(x), by pPCA   {best:.3f} nats")
print(f"log p(x) of the trained model  {log_p_end:.3f}")
print(f"its ELBO                       {end:.3f}")
check("log p(x) reaches the maximum", log_p_end, best, 0.3)
check_less("but nothing exceeds it", log_p_end, best)


def price_of(W, c):
    """(21.5), the gap that no diagonal q can close."""
    M = W.T @ W + c * np.eye(K)
    return 0.5 * (np.log(np.diag(M)).sum() - np.linalg.slogdet(M)[1])


def cosines(W):
    """|cosine| of each principal axis (row) with each column of W."""
    return np.abs(U.T @ W / np.linalg.norm(W, axis=0))


subspace = np.linalg.svd(U.T @ np.linalg.qr(W_end)[0])[1]
nearest = np.sort(cosines(W_end).max(axis=0))[::-1]
print("cosines, subspace with subspace:", subspace.round(3))
print("cosines, column with best axis: ", nearest.round(3))
check_less("the subspace is found", 0.9, subspace.min())
check_less("the axes are not", nearest.min(), 0.95)
gap_end, family = log_p_end - end, price_of(W_end, c_end)
print(f"gap {gap_end:.3f}, of which the family: {family:.3f} nats")
check_less("the rest is the encoder's", family, gap_end)

# %% [markdown]
# Training has found the subspace, but not all the axes. What turns the columns is the
# slope of (21.5), and the whole price is a few hundredths of a nat: the noise of the
# mini-batches may hide it. To test this explanation we remove the noise.
#
# For the linear model the ELBO can be maximised without gradient steps, by coordinate
# ascent (chapter 3), in which each of the two steps is exact. For given $W$ and $c$ the
# best diagonal $q$ is the one above, $\mu_n = M^{-1} W^\top r_n$ and $s_k = c /
# M_{kk}$, with $r_n = x_n - b$. For given $q$, the terms of the mean ELBO that contain
# $W$ are
#
# $$
# -\frac{1}{2c} \left( \frac1N \sum_n \Vert r_n - W \mu_n \Vert^2
#   + \sum_k s_k \Vert W_k \Vert^2 \right) .
# $$
#
# The derivative in $W$ is $\frac1c \left( \frac1N \sum_n r_n \mu_n^\top - W G \right)$
# with $G = \frac1N \sum_n \mu_n \mu_n^\top + \mathrm{diag}(s)$. It vanishes at
#
# $$
# W = \left( \frac1N \sum_n r_n \mu_n^\top \right) G^{-1} \tag{21.6}
# $$
#
# and the best $c$ is the large bracket divided by $D$. With $\mu_n = A r_n$ both need
# the data only through $\hat S$, because the mean of $r_n \mu_n^\top$ is $\hat S
# A^\top$. So a sweep over all 1,497 images costs a few products of matrices with five
# columns. It is EM (chapter 20) with a diagonal $q$ in the E step.
#
# **Predict.** After how many sweeps is the subspace found, and after how many the axes?


# %%
S_hat = r.T @ r / N


def m_step(A, s):
    """(W, c) of the highest ELBO for q = N(A r, diag(s))."""
    SA = S_hat @ A.T
    G = A @ SA + np.diag(s)
    W = np.linalg.solve(G, SA.T).T  # (21.6)
    left = np.trace(S_hat) - 2 * (SA * W).sum() + ((W @ G) * W).sum()
    return W, left / D


def sweeps(marks):
    """Coordinate ascent from a random W; (W, c) after each of the marks."""
    W, c, seen = 0.1 * rng.standard_normal((D, K)), 0.1, {}
    for sweep in range(1, max(marks) + 1):
        M = W.T @ W + c * np.eye(K)
        A, s = np.linalg.solve(M, W.T), c / np.diag(M)
        W, c = m_step(A, s)
        if sweep in marks:
            seen[sweep] = W, c
    return seen


# %% tags=["hide-output"]
marks = (1, 3, 10, 30, 100, 300, 1000, 3000, 10_000)
seen = sweeps(marks)
print("sweep   below the best   by (21.5)   least cosine")
curve = []
for sweep, (W_now, c_now) in seen.items():
    now = LinearGaussian(W_now, b, c_now).log_prob(data).mean()
    least = cosines(W_now).max(axis=0).min()
    turn = price_of(W_now, c_now)
    curve.append((best - now + turn, turn))
    print(f"{sweep:5} {curve[-1][0]:14.5f} {turn:14.5f} {least:14.3f}")
curve = np.array(curve)
check_less("no sweep loses", np.diff(curve[:, 0]).max(), 1e-12)
check("in the end ELBO = maximum of log p", curve[-1, 0], 0.0, 1e-3)
first = np.linalg.svd(U.T @ np.linalg.qr(seen[100][0])[0])[1]
check_less("(21.6) the subspace after 100 sweeps", 0.99, first.min())
early = cosines(seen[100][0]).max(axis=0).min()
late = cosines(seen[10_000][0]).max(axis=0)
check_less("the axes not yet", early, 0.97)
check_less("three axes after 10,000", 0.98, np.sort(late)[-3])


# %% tags=["hide-input"]
# Figure: Above, two falling curves on log scales: the ELBO is near
# its maximum early, while the price of the rotation falls only later.
# Below, the cosines of the columns of W with the principal axes at
# four times: first blurred, in the end nearly a diagonal.
def draw_training():
    fig = plt.figure(figsize=(7.4, 5.2))
    top, bottom = fig.subfigures(2, 1, height_ratios=(1.25, 1))
    axes = top.subplots()
    axes.loglog(marks, curve[:, 0], "o-", color=BLUE)
    axes.loglog(marks, curve[:, 1], "o--", color=ORANGE)
    axes.text(14, 0.4, "ELBO below its maximum", color=BLUE)
    axes.text(1.2, 0.0012, "price of the rotation (21.5)", color=ORANGE)
    axes.set(xlabel="sweeps", ylabel="nats per image")
    axes.set_title("Soon in the subspace, late on the axes")
    panels = bottom.subplots(1, 4)
    chosen = (1, 30, 300, 10_000)
    for panel, sweep in zip(panels, chosen, strict=True):
        image = cosines(seen[sweep][0])
        image = image[:, np.argsort(image.argmax(axis=0))]
        panel.imshow(image, vmin=0, vmax=1)
        panel.set(xticks=[], yticks=range(K))
        panel.set_yticklabels(range(1, K + 1) if sweep == 1 else [])
        panel.set_title(f"after {sweep:,}", fontsize=11)
        panel.set_xlabel("columns of W", fontsize=11)
    panels[0].set_ylabel("principal axis", fontsize=11)


draw_training()
plt.show()

# %% [markdown]
# The lower row shows $|U^\top W|$ with the columns of $W$ scaled to length one: black
# where a column is a principal axis. Even without noise, the subspace is found within a
# hundred sweeps, while three of the axes take up to 3,000, and the other two are still
# mixed after 10,000. So noise is not the main reason: the bound is nearly *flat* in the
# directions that turn the axes. If two columns of the best $W$ are turned into each
# other by an angle $\vartheta$, (21.5) becomes
#
# $$
# \frac12 \log \left( 1 + \frac{(\lambda_j - \lambda_k)^2}{4 \lambda_j \lambda_k}
#   \sin^2 2 \vartheta \right) ,
# $$
#
# because the diagonal elements of the turned $M$ have the product $\lambda_j
# \lambda_k + \frac14 (\lambda_j - \lambda_k)^2 \sin^2 2 \vartheta$. So the force
# depends on the *square* of the difference of two eigenvalues, and axes with close
# eigenvalues stay mixed longest:

# %%
quarter = (values[0] - values[1]) ** 2 / (4 * values[0] * values[1])
cos, sin = np.cos(0.3), np.sin(0.3)
mixed = W.copy()
mixed[:, :2] = W[:, :2] @ np.array([[cos, -sin], [sin, cos]])
formula = 0.5 * np.log1p(quarter * np.sin(0.6) ** 2)
check("two columns turned by 0.3", price_of(mixed, c), formula, 1e-12)
print("eigenvalues, kept:", values[:K].round(3))
print("each axis, best cosine:", cosines(seen[3000][0]).max(1).round(3))

# %% [markdown]
# The table shows one more thing. From the hundredth sweep on, half of the ELBO's
# deficit is the price (21.5), and the other half is missing from $\log p(x)$ itself:

# %%
for sweep, (missing, turn) in zip(marks[4:7], curve[4:7], strict=True):
    name = f"{sweep} sweeps, log p(x) below its maximum"
    check(name, (missing - turn) / turn, 1.0, 0.1)

# %% [markdown]
# With its columns turned in this way, the decoder could still reach the maximum of
# $\log p(x)$, but it would pay the full price of the rotation. Instead it gives up some
# likelihood for a posterior that is closer to a diagonal $q$. Near the optimum both
# costs are $\epsilon^2 / (2 \lambda_j \lambda_k)$, where $\epsilon$ is an off-diagonal
# element, of $M$ for the gap and of $U^\top C U$ for the likelihood. Being quadratic
# with the same factor, they have the smallest sum when the turn is shared equally
# between them. The generator has adapted to $q$: [chapter
# 26](26_two_reasons_for_one_gap.py) measures this on digits.
#
# Linear autoencoders with a non-uniform $L_2$ penalty behave in the same way: they find
# the principal axes "eventually" (Bao and others 2020). Rolínek and others (2019) argue
# that a diagonal $q$ aligns the latent units of a VAE with hidden layers, too. If the
# force is as weak there, a short training need not show it.
#
# ## The test for your own VAE
#
# The test needs a VAE with no hidden layer, a Gaussian likelihood and five lines of
# NumPy for the eigenvalues. A wrong constant, a mean instead of a sum, a variance
# instead of a standard deviation: each of these changes the ELBO, so that it no longer
# equals $\log p(x)$. In the package the test is rung 5 of `minivae ladder`; here is the
# function behind it.

# %%
print(inspect.getsource(LinearGaussian.elbo).split('"""')[2])

# %% [markdown]
# ## What goes wrong in practice
#
# **The standard deviation is passed where the variance is expected.** Then $C = W
# W^\top + \sqrt c\, I$, and the likelihood falls by 25 nats.

# %%
with must_fail():
    wrong = LinearGaussian(W, b, np.sqrt(c)).log_prob(data).mean()
    check("sqrt(c) as the variance", wrong, best, 1e-9)

# %% [markdown]
# **$D$ instead of $D - K$ in (21.3).** The noise is then too small by the factor $(D -
# K) / D$. At $K = 5$ that is 8 %, hard to see, and yet it costs a tenth of a nat of
# likelihood.
#
# **Columns compared one by one.** Two trained linear VAEs may agree in every likelihood
# and in no column of $W$: compare $W W^\top$, or subspaces.
#
# **Constant pixels.** Pixels that are zero in all images have variance zero. With one
# $c$ for all pixels that does no harm; with a separate $c$ for each pixel the
# likelihood has no maximum.
#
# ## Exercises
#
# **1. By hand (warm-up).** Data in the plane with the covariance $\mathrm{diag}(3, 1)$,
# $K = 1$. Find $c$, $W$, the variance of $p(z|x)$, and the mean log-likelihood.
#
# <details><summary>Hint</summary>
#
# (21.3) has one eigenvalue to average. At the optimum $C$ has the eigenvalues of $\hat
# S$, so the trace in the log-likelihood is $D$.
#
# </details>

# %% tags=["hide-cell"]
corners = np.array([[1.0, 1], [1, -1], [-1, 1], [-1, -1]])
plane = fit_ppca(corners * np.sqrt([3.0, 1.0]), 1)
check("c", plane.c, 1.0, 1e-12)
check("|W|", np.abs(plane.W[:, 0]), np.array([np.sqrt(2), 0]), 1e-12)
check("variance of p(z|x)", plane.posterior(corners)[1], 1 / 3, 1e-12)
mean = plane.log_prob(corners * np.sqrt([3.0, 1.0])).mean()
by_hand = -0.5 * (2 * np.log(2 * np.pi) + np.log(3) + 2)
check("mean log p(x)", mean, by_hand, 1e-12)

# %% [markdown]
# **2. Why only rotations?** (21.4) allows $W R$ with an orthogonal $R$. Why not $W B$
# with any invertible $B$, as in an autoencoder, where the encoder can undo it?
#
# <details><summary>Hint</summary>
#
# Which matrix does the evidence depend on? And what else would have to change with $B$?
#
# </details>
#
# <details><summary>Answer</summary>
#
# The evidence depends on $W W^\top$, and $W B B^\top W^\top = W W^\top$ for a $W$ of
# full rank only if $B B^\top = I$. The prior fixes the scale: the covariance of $z$ is
# $I$, and that of $B^{-1} z$ is not. An autoencoder has no prior, so nothing fixes its
# scale.
#
# </details>
#
# **3. A likelihood that rises for a wrong reason.** Fit pPCA to the training images for
# $K$ from 1 to 60 and compute the mean $\log p(x)$ of the *test* images. It rises up to
# $K = 60$. Why? Then add uniform noise to each pixel, as wide as the step between two
# counts (a pixel is a count divided by 16), and repeat the fits.
#
# <details><summary>Hint</summary>
#
# The corner pixels are zero in nearly all images. What happens to $c$ once all other
# directions are kept? And how large can the density of a number be that takes only
# seventeen values?
#
# </details>


# %% tags=["hide-cell"]
def held_out(noise):
    """Mean test log p(x) for each K, with uniform noise or without."""
    sets = []
    for counts in (digits.train, digits.test):
        shift = noise * rng.uniform(-0.5, 0.5, counts.shape)
        sets.append((counts + shift) / 16)
    return np.array(
        [fit_ppca(sets[0], k).log_prob(sets[1]).mean() for k in sizes]
    )


sizes = np.arange(1, 61)
sharp, smooth = held_out(0), held_out(1)
print(f"as they are: best K {sizes[sharp.argmax()]}, {sharp.max():.1f}")
print(
    f"with noise:  best K {sizes[smooth.argmax()]}, {smooth.max():.1f}"
)
check_less("as they are, K = 60 gains", sharp[29] + 10, sharp[-1])
gains = [scores[-1] - scores[29] for scores in (smooth, sharp)]
check_less("with noise, from K = 30 to 60", 1.5 * gains[0], gains[1])

# %% [markdown]
# *Answer.* A density has no upper limit, and that of a variable with seventeen values
# can be raised at will by narrow peaks on them: $c$ falls to the variance of pixels
# that hardly vary, and the gain says nothing about digits. With uniform noise $u$ as
# wide as the step (*dequantization*), Jensen's inequality gives, for one pixel,
# $\mathbb{E}_u[\log p(x + u)] \le \log \mathbb{E}_u[p(x + u)]$. On the right stands the
# probability that the model gives to the count, divided by the width of the step: the
# mean log-density is bounded (Theis, van den Oord and Bethge 2016, section 3.1).
#
# **4. Full covariance.** Give the linear VAE a $q$ with a full covariance instead of a
# diagonal one. Which of (21.1) to (21.6) change? Are the axes still found?
#
# <details><summary>Hint</summary>
#
# What is then the gap for a rotated $W$?
#
# </details>
#
# <details><summary>Answer</summary>
#
# $q$ can then be $\mathcal{N}(m, \Sigma)$ for every $R$: the gap (21.5) is zero, in
# (21.6) $G = \frac1N \sum_n \mu_n \mu_n^\top + \Sigma$, and the others stay. All
# rotations have the same ELBO, and nothing turns the columns towards the axes: it is
# the *restriction* of $q$ that chooses them. With the full $\Sigma$ the sweeps are the
# EM algorithm of Tipping and Bishop (1999).
#
# </details>

# %% tags=["hide-cell"]
W_full, c_full = 0.1 * rng.standard_normal((D, K)), 0.1
for _ in range(3000):
    M_full = W_full.T @ W_full + c_full * np.eye(K)
    A_full = np.linalg.solve(M_full, W_full.T)
    G_full = A_full @ S_hat @ A_full.T + c_full * np.linalg.inv(M_full)
    W_full = S_hat @ A_full.T @ np.linalg.inv(G_full)
    c_full = np.trace(S_hat - S_hat @ A_full.T @ W_full.T) / D
full = LinearGaussian(W_full, b, c_full).log_prob(data).mean()
check("EM: the maximum", full, best, 1e-6)
turned_for_ever = cosines(W_full).max(axis=0).min()
check_less("and not the axes", turned_for_ever, 0.97)

# %% [markdown]
# ## Sources
#
# - M. E. Tipping, C. M. Bishop, [*Probabilistic Principal Component
#   Analysis*](https://doi.org/10.1111/1467-9868.00196), Journal of the Royal
#   Statistical Society B 61, 1999: (21.3) and (21.4) are their equations 8 and 7. They
#   study all stationary points; our proof bounds the trace.
# - S. Roweis, *EM Algorithms for PCA and SPCA*, NIPS 1997: the same model and its EM.
# - J. Lucas, G. Tucker, R. Grosse, M. Norouzi, [*Don't Blame the ELBO! A Linear VAE
#   Perspective on Posterior Collapse*](https://arxiv.org/abs/1911.02469), NeurIPS 2019:
#   the linear VAE, and why its columns are the principal axes.
# - M. Rolínek, D. Zietlow, G. Martius, [*Variational Autoencoders Pursue PCA Directions
#   (by Accident)*](https://arxiv.org/abs/1812.06775), CVPR 2019.
# - X. Bao, J. Lucas, S. Sachdeva, R. Grosse, [*Regularized linear autoencoders recover
#   the principal components, eventually*](https://arxiv.org/abs/2007.06731), NeurIPS
#   2020.
# - L. Theis, A. van den Oord, M. Bethge, [*A note on the evaluation of generative
#   models*](https://arxiv.org/abs/1511.01844), ICLR 2016: dequantization.
#
# ## What to read next
#
# [Chapter 13](13_posterior_collapse.py) uses this model to see which latents die at
# which $\beta$. Chapter 12 of C. M. Bishop, *Pattern Recognition and Machine Learning*,
# is the textbook account. In [exercise 10](exercises/10_linear_vae.py) you write the
# linear VAE yourself.
