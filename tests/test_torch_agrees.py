"""Another engine agrees: PyTorch, with the same weights and noise, in float64.

PyTorch's losses are written with its own distributions and differentiated by its
autograd. They share no line with ours but the names of the weights.
"""

import copy
import math

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import minivae as mv
from minivae.training.torch_weights import load_state_dict, state_dict, torch_source
from minivae.zoo import GRADIENTS, injected

torch = pytest.importorskip("torch")
from torch import distributions as dist  # noqa: E402

torch.set_num_threads(1)  # small matrices, as in conftest.py
TOLERANCE = 1e-12
D, HIDDEN, K, B = 9, (8, 7), 4, 6

# Ours, and PyTorch's p(x|z) for the decoder's output y and the module's parameters.
LIKELIHOODS = {
    "bernoulli": (mv.Bernoulli, lambda y, _: dist.Bernoulli(logits=y)),
    "cross-entropy": (
        lambda: mv.Bernoulli(grey=True),
        lambda y, _: dist.Bernoulli(logits=y, validate_args=False),
    ),
    "binomial": (lambda: mv.Binomial(16), lambda y, _: dist.Binomial(16, logits=y)),
    "gaussian": (lambda: mv.Gaussian(0.3), lambda y, _: dist.Normal(y, math.sqrt(0.3))),
    "gaussian, learned": (
        lambda: mv.Gaussian(learned=True),
        lambda y, learned: dist.Normal(y, torch.exp(0.5 * learned["log_c"])),
    ),
    "laplace": (lambda: mv.Laplace(0.3), lambda y, _: dist.Laplace(y, 0.3)),
    "laplace, learned": (
        lambda: mv.Laplace(learned=True),
        lambda y, learned: dist.Laplace(y, torch.exp(learned["log_b"])),
    ),
}
ACTIVATIONS = ("tanh", "relu", "softplus", "sigmoid")
# The class, the number of samples (None: noise of two axes), arguments of the loss.
OBJECTIVES = {
    "vae": (mv.VAE, None, {}),
    "vae, S = 1": (mv.VAE, 1, {}),
    "vae, S = 3": (mv.VAE, 3, {}),
    "vae, beta": (mv.VAE, 3, {"beta": 2.5}),
    "vae, free bits": (mv.VAE, 3, {"beta": 0.7, "free_bits": "half of them"}),
    "iwae, S = 5": (mv.IWAE, 5, {}),
    "autoencoder": (mv.Autoencoder, None, {}),
}


def torch_vae(module, p, x, eps, beta=1.0, free_bits=0.0):
    """nelbo, rec and kl of a VAE."""
    log_p, q, _ = torch_pass(module, p, x, eps)
    kl_k = dist.kl_divergence(q, dist.Normal(torch.zeros_like(q.loc), 1.0)).mean(0)
    nelbo = -log_p.mean() + beta * torch.clamp(kl_k, min=free_bits).sum()
    return nelbo, -log_p.mean(), kl_k.sum()


def torch_iwae(module, p, x, eps):
    """The importance-weighted bound; rec and kl are those of the VAE."""
    log_p, q, z = torch_pass(module, p, x, eps)
    prior = dist.Normal(torch.zeros_like(z), 1.0)
    log_w = log_p + prior.log_prob(z).sum(-1) - q.log_prob(z).sum(-1)
    bound = torch.logsumexp(log_w, 0) - math.log(len(eps))
    return -bound.mean(), *torch_vae(module, p, x, eps)[1:]


def torch_autoencoder(module, p, x):
    y = module.decoder(module.code_head(module.encoder(x)))
    rec = -p(y, getattr(module, "likelihood", None)).log_prob(x).sum(-1).mean()
    return rec, rec, torch.zeros(())


def torch_pass(module, p, x, eps):
    """log p(x|z), q(z|x), and z."""
    h = module.encoder(x)
    q = dist.Normal(module.mu_head(h), torch.exp(0.5 * module.logvar_head(h)))
    z = q.loc + q.scale * eps
    y = module.decoder(z.reshape(-1, z.shape[-1])).reshape(*z.shape[:-1], -1)
    p_x = p(y, getattr(module, "likelihood", None))
    return p_x.log_prob(x).sum(-1), q, z


TORCH_LOSS = {mv.VAE: torch_vae, mv.IWAE: torch_iwae, mv.Autoencoder: torch_autoencoder}


def torch_module(model):
    """The module whose source `minivae export` prints, with the model's weights."""
    names = {"torch": torch, "nn": torch.nn}
    exec(torch_source(model), names)
    module = names["Model"]().double()
    arrays = state_dict(model)
    module.load_state_dict({name: torch.from_numpy(a) for name, a in arrays.items()})
    return module


def draw(likelihood, rng):
    """Images in the support of the likelihood."""
    if likelihood in ("bernoulli", "binomial"):
        n = 16 if likelihood == "binomial" else 1
        return rng.integers(0, n + 1, (B, D)).astype(np.float64)
    return rng.random((B, D))


def compare(likelihood, activation, objective):
    """The relative errors, by name, of our losses and gradients against PyTorch's.

    An entry of a gradient is compared with its own size or, where that is larger, with
    the root mean square of its array: what vanishes is lost in rounding otherwise.
    """
    rng = np.random.default_rng(61)
    ours, p = LIKELIHOODS[likelihood]
    cls, S, options = OBJECTIVES[objective]
    model = cls.mlp(D, K, HIDDEN, ours(), activation, rng=rng, dtype=np.float64)
    model.theta += 0.3 * rng.standard_normal(model.theta.size)  # biases too
    x, noise = draw(likelihood, rng), []
    if cls is not mv.Autoencoder:
        noise = [rng.standard_normal((B, K) if S is None else (S, B, K))]
    if "free_bits" in options:
        kl_k = np.sort(mv.gaussian.kl(*model.encode(x)).mean(axis=0))
        options = options | {"free_bits": kl_k[K // 2 - 1 : K // 2 + 1].mean()}
    for _ in range(2):  # the second backward must not see what the first one left
        loss = model.loss(x, *noise, **options)
        model.backward()

    module = torch_module(model)
    inputs = [torch.from_numpy(array) for array in (x, *noise)]
    losses = TORCH_LOSS[cls](module, p, *inputs, **options)
    losses[0].backward()
    grads = {name: value.grad.numpy() for name, value in module.named_parameters()}
    expected = cls.mlp(D, K, HIDDEN, ours(), rng=rng, dtype=np.float64)
    load_state_dict(expected, grads)  # PyTorch's gradients under our names

    errors = {
        name: abs(came - wanted.item()) / max(abs(wanted.item()), 1e-300)
        for name, came, wanted in zip(loss._fields, loss, losses, strict=True)
    }
    for name, wanted in expected.params.items():
        size = np.maximum(np.abs(wanted), np.sqrt(np.mean(wanted**2)))
        error = np.abs(model.grads[name] - wanted) / np.maximum(size, 1e-300)
        errors[f"gradient of {name}"] = error.max()
    return errors


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_losses_and_gradients_are_those_of_pytorch(likelihood, activation, objective):
    for name, error in compare(likelihood, activation, objective).items():
        assert error < TOLERANCE, (
            f"{name}: differs from PyTorch's by {error:.2g} relative, expected less than"
            f" {TOLERANCE:g}"
        )


# One case for the layers and the VAE, one for what the first does not run through.
CASES = [("gaussian, learned", "tanh", "vae, beta"), ("binomial", "relu", "iwae, S = 5")]


@pytest.mark.parametrize("bug", GRADIENTS, ids=lambda bug: bug.name)
def test_a_wrong_gradient_of_the_zoo_disagrees(bug):
    with injected(bug):
        worst = max(max(compare(*case).values()) for case in CASES)
    assert worst > 1e-3, f"with {bug.name} all agree with PyTorch, to {worst:.2g}"


def test_weights_come_back_from_pytorch_bit_for_bit():
    rng = np.random.default_rng(0)
    one, other = (mv.VAE.mlp(D, K, HIDDEN, rng=rng) for _ in range(2))
    module = torch_module(one)
    arrays = {name: value.numpy() for name, value in module.state_dict().items()}
    load_state_dict(other, arrays)
    assert_array_equal(other.theta, one.theta)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("objective", ["vae, beta", "iwae, S = 5", "autoencoder"])
def test_a_convolutional_model_is_that_of_pytorch_on_images_channels_first(
    channels, objective
):
    rng = np.random.default_rng(62)
    cls, S, options = OBJECTIVES[objective]
    shape, likelihood = (4, 8, channels), mv.Gaussian(0.5, learned=True)
    model = cls.conv(shape, K, (3, 5), likelihood, rng=rng, dtype=np.float64)
    model.theta += 0.3 * rng.standard_normal(model.theta.size)
    x, noise = rng.random((B, *shape)), []
    if cls is not mv.Autoencoder:
        noise = [rng.standard_normal((B, K) if S is None else (S, B, K))]
    loss = model.loss(x.reshape(B, -1), *noise, **options)
    model.backward()
    module, p = torch_module(model), LIKELIHOODS["gaussian, learned"][1]
    rows = np.ascontiguousarray(np.moveaxis(x, -1, 1)).reshape(B, -1)
    inputs = [torch.from_numpy(array) for array in (rows, *noise)]
    losses = TORCH_LOSS[cls](module, p, *inputs, **options)
    losses[0].backward()
    assert loss[0] == pytest.approx(losses[0].item(), rel=TOLERANCE)
    grads = {name: value.grad.numpy() for name, value in module.named_parameters()}
    expected = copy.deepcopy(model)
    load_state_dict(expected, grads)
    for name, wanted in expected.params.items():
        size = np.maximum(np.abs(wanted), np.sqrt(np.mean(wanted**2)))
        error = (np.abs(model.grads[name] - wanted) / size).max()
        assert error < TOLERANCE, f"{name}: differs from PyTorch's by {error:.2g} relative"
