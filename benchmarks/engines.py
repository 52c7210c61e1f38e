"""One training step of the same VAE in several engines, for `step.py` to time.

The functions for convolutions stand at the end. Each of the others takes (D, hidden, K,
B, adam) and returns a step without arguments: noise, forward, backward, Adam, in
float32; with adam=False it ends at the gradient. All have tanh layers, Bernoulli pixels
and one sample of z; each draws its noise by its own generator, keeps its own weights,
and computes the loss besides the gradient, as whoever trains wants to see it. An engine
that is not installed raises ImportError.
"""

from itertools import pairwise

import numpy as np


def batch(D, B):
    return (np.random.default_rng(0).random((B, D)) < 0.2).astype(np.float32)


def minivae(D, hidden, K, B, adam=True):
    from minivae import VAE, Adam

    rng = np.random.default_rng(1)
    model, optimizer, x = VAE.mlp(D, K, hidden, rng=rng), Adam(1e-3), batch(D, B)

    def step():
        model.loss(x, rng.standard_normal((B, K), dtype=np.float32))
        model.backward()
        if adam:
            optimizer.step(model.theta, model.grad)

    return step


def products(D, hidden, K, B, adam=True):
    """The matrix products of the step and nothing else: what no NumPy code can beat."""
    sizes = [D, *hidden]
    layers = [*pairwise(sizes), (sizes[-1], K), (sizes[-1], K)]
    back = [K, *hidden[::-1], D]
    layers += pairwise(back)
    rng = np.random.default_rng(1)
    arrays = [
        [rng.standard_normal(shape, dtype=np.float32) for shape in ((B, n), (n, m), (B, m))]
        for n, m in layers
    ]
    outs = [[np.empty_like(dy), np.empty_like(W), np.empty_like(x)] for x, W, dy in arrays]

    def step():
        for i, ((x, W, dy), (y, dW, dx)) in enumerate(zip(arrays, outs, strict=True)):
            np.matmul(x, W, out=y)
            np.matmul(x.T, dy, out=dW)
            if i > 0:  # nobody needs the gradient in the data
                np.matmul(dy, W.T, out=dx)

    return step


def torch(D, hidden, K, B, adam=True, fused=None, compiled=False):
    import torch
    from torch import nn

    def stack(sizes):
        return [f for n, m in pairwise(sizes) for f in (nn.Linear(n, m), nn.Tanh())]

    torch.manual_seed(1)
    encoder = nn.Sequential(*stack([D, *hidden]))
    mu_head, logvar_head = nn.Linear(hidden[-1], K), nn.Linear(hidden[-1], K)
    decoder = nn.Sequential(*stack([K, *hidden[::-1]]), nn.Linear(hidden[0], D))
    model = nn.ModuleList([encoder, mu_head, logvar_head, decoder])
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=fused)
    x = torch.from_numpy(batch(D, B))

    def loss():
        h = encoder(x)
        mu, logvar = mu_head(h), logvar_head(h)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        rec = nn.functional.binary_cross_entropy_with_logits(decoder(z), x, reduction="sum")
        return (rec + 0.5 * (mu * mu + logvar.exp() - 1 - logvar).sum()) / B

    if compiled:
        loss = torch.compile(loss)

    def step():
        optimizer.zero_grad()
        loss().backward()
        if adam:
            optimizer.step()

    return step


def torch_fused(*arguments):
    """PyTorch with Adam in one kernel, which one has to ask for."""
    return torch(*arguments, fused=True)


def torch_compile(*arguments):
    return torch(*arguments, fused=True, compiled=True)


def jax(D, hidden, K, B, adam=True):
    import jax
    import jax.numpy as jnp

    sizes, back = [D, *hidden], [K, *hidden[::-1], D]
    layers = [*pairwise(sizes), (sizes[-1], K), (sizes[-1], K)]
    layers += pairwise(back)
    rng = np.random.default_rng(1)
    theta = [
        (
            jnp.asarray(rng.normal(0, (2 / (n + m)) ** 0.5, (n, m)), jnp.float32),
            jnp.zeros(m),
        )
        for n, m in layers
    ]
    x, first_head = jnp.asarray(batch(D, B)), len(hidden)

    def loss(theta, eps):
        h = x
        for W, b in theta[:first_head]:
            h = jnp.tanh(h @ W + b)
        mu, logvar = (h @ W + b for W, b in theta[first_head : first_head + 2])
        h = mu + jnp.exp(0.5 * logvar) * eps
        for W, b in theta[first_head + 2 : -1]:
            h = jnp.tanh(h @ W + b)
        y = h @ theta[-1][0] + theta[-1][1]
        rec = jnp.sum(jax.nn.softplus(y) - x * y)
        return (rec + 0.5 * (mu * mu + jnp.exp(logvar) - 1 - logvar).sum()) / B

    def update(state):
        theta, m, v, t, key = state
        key, new = jax.random.split(key)
        value, grad = jax.value_and_grad(loss)(theta, jax.random.normal(new, (B, K)))
        if not adam:
            return (theta, m, v, t, key), (value, grad)
        t += 1
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, grad)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, grad)
        rate, root = 1e-3 / (1 - 0.9**t), 1 - 0.999**t
        theta = jax.tree.map(
            lambda p, m, v: p - rate * m / (jnp.sqrt(v / root) + 1e-8), theta, m, v
        )
        return (theta, m, v, t, key), value

    update = jax.jit(update, donate_argnums=0)
    zeros = jax.tree.map(jnp.zeros_like, theta)
    state = [theta, zeros, jax.tree.map(jnp.copy, zeros), jnp.float32(0), jax.random.key(1)]

    def step():
        state[:], result = update(tuple(state))
        jax.block_until_ready((state, result))

    return step


ENGINES = {
    "minivae": minivae,
    "matrix products": products,
    "PyTorch eager": torch,
    "PyTorch eager, fused Adam": torch_fused,
    "torch.compile": torch_compile,
    "JAX jit": jax,
}


def minivae_conv(what, size, channels, K, B, adam=True):
    """A convolution 4x4 of stride 2, forward and backward, or a step of a whole model."""
    from minivae import VAE, Adam, Bernoulli, Conv2d, Gaussian
    from minivae.model import Model

    rng = np.random.default_rng(1)
    if what == "layer":
        c_in, c_out = channels
        layer = Conv2d((size, size, c_in), c_out)
        Model({"layer": layer}, rng, np.float32)
        x = rng.standard_normal((B, layer.n_in), dtype=np.float32)
        dy = rng.standard_normal((B, layer.n_out), dtype=np.float32)

        def step():
            layer.forward(x)
            layer.backward(dy)

        return step
    likelihood = Gaussian(0.1, learned=True) if what == "faces" else Bernoulli()
    model = VAE.conv((size, size), K, channels, likelihood, rng=rng)
    optimizer, x = Adam(1e-3), batch(size * size, B)

    def step():
        model.loss(x, rng.standard_normal((B, K), dtype=np.float32))
        model.backward()
        if adam:
            optimizer.step(model.theta, model.grad)

    return step


def torch_conv(what, size, channels, K, B, adam=True):
    import torch
    from torch import nn

    torch.manual_seed(1)
    if what == "layer":
        c_in, c_out = channels
        layer = nn.Conv2d(c_in, c_out, 4, 2, 1)
        x = torch.randn(B, c_in, size, size, requires_grad=True)
        dy = torch.randn(B, c_out, size // 2, size // 2)

        def step():
            layer.zero_grad()
            x.grad = None
            layer(x).backward(dy)

        return step
    small = size // 2 ** len(channels)
    flat, ends = channels[-1] * small**2, list(pairwise((1, *channels)))
    down = [f for n, m in ends for f in (nn.Conv2d(n, m, 4, 2, 1), nn.Tanh())]
    up = [f for n, m in ends[::-1] for f in (nn.Tanh(), nn.ConvTranspose2d(m, n, 4, 2, 1))]
    encoder = nn.Sequential(nn.Unflatten(1, (1, size, size)), *down, nn.Flatten())
    mu_head, logvar_head = nn.Linear(flat, K), nn.Linear(flat, K)
    unflatten = nn.Unflatten(1, (channels[-1], small, small))
    decoder = nn.Sequential(nn.Linear(K, flat), unflatten, *up, nn.Flatten())
    log_c = nn.Parameter(torch.tensor(-2.3))
    model = nn.ModuleList([encoder, mu_head, logvar_head, decoder])
    parameters = [*model.parameters(), log_c]
    optimizer = torch.optim.Adam(parameters, lr=1e-3)
    x = torch.from_numpy(batch(size * size, B))

    def step():
        optimizer.zero_grad()
        h = encoder(x)
        mu, logvar = mu_head(h), logvar_head(h)
        y = decoder(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu))
        if what == "faces":
            rec = 0.5 * (((x - y) ** 2).sum() / log_c.exp() + x.numel() * log_c)
        else:
            rec = nn.functional.binary_cross_entropy_with_logits(y, x, reduction="sum")
        loss = (rec + 0.5 * (mu * mu + logvar.exp() - 1 - logvar).sum()) / B
        loss.backward()
        if adam:
            optimizer.step()

    return step


CONV_ENGINES = {"minivae": minivae_conv, "PyTorch eager": torch_conv}
