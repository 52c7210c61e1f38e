"""Every public call of the heart and of inference, with right arguments by name."""

import numpy as np

from minivae import (
    IWAE,
    SGD,
    VAE,
    Adam,
    Autoencoder,
    Bernoulli,
    Binomial,
    Gaussian,
    Laplace,
)
from minivae.condition import Condition
from minivae.conv import Conv2d, ConvTranspose2d, conv_stacks, patches, scatter
from minivae.inference import annealed, bounds, diagnostics, gap
from minivae.inference.classical import bbvi, cavi
from minivae.inference.exact import linear_gaussian, mixture, quadrature
from minivae.layers import Linear, ReLU, Scale, Sequential, Sigmoid, Softplus, Tanh, mlp
from minivae.model import Model
from minivae.schedules import cosine_decay, linear_warmup, piecewise_constant

RNG = np.random.default_rng(0)
X, Y = (RNG.random((3, 4)) < 0.5).astype(float), RNG.standard_normal((3, 4))
EPS, DY = RNG.standard_normal((3, 2)), RNG.standard_normal((3, 4))
IMAGES = RNG.standard_normal((2, 4, 4, 3))


class Bare:
    """No array, no number, no model."""


def rng():
    return np.random.default_rng(1)


def model(kind=VAE, **more):
    return kind.mlp(4, 2, (3,), rng=rng(), dtype=np.float64, **more)


def owned(layer):
    Model({"layer": layer}, rng(), np.float64)
    return layer


def after_forward(layer, x=Y):
    owned(layer).forward(x)
    return layer.backward


def after_log_prob(likelihood, x=X):
    owned(likelihood).log_prob(x, Y)
    return likelihood.backward


def assign(name):
    def call(**value):
        made = model()
        setattr(made, name, value[name])
        return getattr(made, name).copy()

    size = model().theta.size
    return call, {name: np.linspace(-1, 1, size)}


def step(optimizer):
    """One step more, from a theta that the caller keeps."""
    theta = np.ones(3)
    optimizer.step(theta, np.ones(3))

    def call(theta, grad):
        before = theta.copy() if isinstance(theta, np.ndarray) else None
        kept = optimizer.state()
        try:
            optimizer.step(theta, grad)
        except Exception:
            np.testing.assert_equal(optimizer.state(), kept, "a refused step left traces")
            np.testing.assert_equal(theta if before is not None else None, before)
            raise
        return theta

    return call, {"theta": theta, "grad": np.full(3, 0.5)}


def load_state(optimizer):
    optimizer.step(np.ones(3), np.ones(3))

    def call(state=None, **vectors):
        other = type(optimizer)()
        other.load_state(optimizer.state() | vectors if state is None else state)
        return np.concatenate([[other.t], *(getattr(other, n) for n in other.memory)])

    return call, {"state": optimizer.state()} | optimizer.state()


def calls():
    """name -> () -> (call, right arguments by name), made anew for each exchange."""
    table = {
        "Model": lambda: (
            Model,
            {"parts": {"a": Linear(2, 2)}, "rng": rng(), "dtype": "f8"},
        ),
        "theta": lambda: assign("theta"),
        "grad": lambda: assign("grad"),
        "VAE": lambda: (
            VAE,
            {
                "encoder": Sequential(Linear(4, 3)),
                "decoder": Sequential(Linear(2, 4)),
                "likelihood": Bernoulli(),
                "rng": rng(),
                "dtype": np.float64,
            },
        ),
        "VAE.mlp": lambda: (
            VAE.mlp,
            {
                "D": 4,
                "K": 2,
                "hidden": (3,),
                "likelihood": Bernoulli(),
                "activation": "relu",
                "condition": 2,
                "rng": rng(),
                "dtype": np.float64,
            },
        ),
        "VAE.conv": lambda: (
            VAE.conv,
            {
                "shape": (4, 4),
                "K": 2,
                "channels": (2,),
                "likelihood": Bernoulli(),
                "activation": "relu",
                "condition": 2,
                "rng": rng(),
                "dtype": np.float64,
            },
        ),
        "conv_stacks": lambda: (
            conv_stacks,
            {"shape": (4, 4, 1), "K": 2, "channels": (2,), "activation": "relu"},
        ),
        "astype": lambda: (model().astype, {"dtype": np.float64}),
        "loss": lambda: (
            model().loss,
            {"x": X, "eps": EPS, "beta": 0.5, "free_bits": 0.1},
        ),
        "loss, labels": lambda: (
            lambda labels: model(condition=3).loss(X, EPS, labels=labels),
            {"labels": np.array([0, 1, 2])},
        ),
        "given": lambda: (
            lambda labels: model(condition=3).given(labels).encode(X),
            {"labels": 2},
        ),
        "IWAE.loss": lambda: (model(IWAE).loss, {"x": X, "eps": EPS}),
        "Autoencoder.loss": lambda: (model(Autoencoder).loss, {"x": X}),
        "Autoencoder.code": lambda: (model(Autoencoder).code, {"x": X}),
        "encode": lambda: (model().encode, {"x": X}),
        "posterior_mean": lambda: (model().posterior_mean, {"x": X}),
        "latent": lambda: (model().latent, {"x": X}),
        "sample": lambda: (model().sample, {"n": 3, "rng": rng()}),
        "log_joint": lambda: (model().log_joint, {"x": X, "z": EPS}),
        "log_weights": lambda: (model().log_weights, {"x": X, "eps": EPS}),
        "elbo": lambda: (model().elbo, {"x": X, "eps": EPS}),
        "decoder_output": lambda: (model().decoder_output, {"z": EPS}),
        "decode": lambda: (model().decode, {"z": EPS}),
        "reconstruct": lambda: (model().reconstruct, {"x": X}),
        "interpolate": lambda: (
            model().interpolate,
            {"x_a": X, "x_b": X[::-1], "steps": 3},
        ),
        "Linear": lambda: (Linear, {"n_in": 2, "n_out": 3, "init": "he"}),
        "Scale": lambda: (Scale, {"factor": 0.5}),
        "Condition": lambda: (Condition, {"n_in": 2, "C": 3}),
        "Sequential": lambda: (lambda layers: Sequential(layers), {"layers": Linear(2, 3)}),
        "mlp": lambda: (mlp, {"sizes": [4, 3, 2], "activation": "relu"}),
        "patches": lambda: (patches, {"images": IMAGES, "kernel": 2, "stride": 1}),
        "scatter": lambda: (
            scatter,
            {"maps": IMAGES, "W": np.ones((2, 2, 1, 3)), "stride": 2},
        ),
        "SGD": lambda: (SGD, {"lr": 0.1, "momentum": 0.9}),
        "Adam": lambda: (Adam, {"lr": 0.1, "beta1": 0.9, "beta2": 0.99, "eps": 1e-8}),
        "SGD.step": lambda: step(SGD(momentum=0.9)),
        "Adam.step": lambda: step(Adam()),
        "SGD.load_state": lambda: load_state(SGD(momentum=0.9)),
        "Adam.load_state": lambda: load_state(Adam()),
        "linear_warmup": lambda: (linear_warmup, {"top": 1.0, "steps": 3}),
        "cosine_decay": lambda: (cosine_decay, {"top": 1.0, "steps": 3}),
        "piecewise_constant": lambda: (
            piecewise_constant,
            {"values": [1.0, 2.0], "lengths": [1, 2]},
        ),
        "Binomial": lambda: (Binomial, {"n": 16}),
        "Gaussian": lambda: (Gaussian, {"c": 0.5}),
        "Laplace": lambda: (Laplace, {"b": 0.5}),
    }
    for kind in (Conv2d, ConvTranspose2d):
        arguments = {"shape": (4, 4, 1), "channels": 2, "kernel": 4, "stride": 2}
        arguments |= {"padding": 1, "init": "he"}
        table[kind.__name__] = lambda kind=kind, a=arguments: (kind, a)
    makers = [Tanh, Sigmoid, ReLU, Softplus, lambda: Scale(0.5), lambda: Linear(4, 4)]
    makers += [lambda: Conv2d((2, 2, 1), 4, 2, 2, 0), lambda: Sequential(Linear(4, 4))]
    makers += [lambda: ConvTranspose2d((1, 1, 4), 1, 2, 2, 0)]
    for make in makers:
        name = type(make()).__name__
        table[f"{name}.forward"] = lambda make=make: (owned(make()).forward, {"x": Y})
        table[f"{name}.backward"] = lambda make=make: (after_forward(make()), {"dy": DY})

    def condition():
        layer = Condition(2, 2)
        layer.labels = np.ones((1, 2))
        return layer

    table["Condition.forward"] = lambda: (owned(condition()).forward, {"x": EPS})
    table["Condition.backward"] = lambda: (after_forward(condition(), EPS), {"dy": DY})
    for make in (
        Bernoulli,
        lambda: Binomial(16),
        lambda: Gaussian(0.5, learned=True),
        Laplace,
    ):
        name = repr(make())
        table[f"{name}.check"] = lambda make=make: (make().check, {"x": X})
        table[f"{name}.mean"] = lambda make=make: (owned(make()).mean, {"y": Y})
        table[f"{name}.sample"] = lambda make=make: (
            owned(make()).sample,
            {"y": Y, "rng": rng()},
        )
        table[f"{name}.log_prob"] = lambda make=make: (
            owned(make()).log_prob,
            {"x": X, "y": Y},
        )
        table[f"{name}.backward"] = lambda make=make: (
            after_log_prob(make()),
            {"dlogp": np.array([0.5, -1, 2])},
        )
    return table | inference_calls()


def inference_calls():
    line = linear_gaussian.LinearGaussian(np.ones((3, 1)), np.zeros(3), 0.5)
    blobs = mixture.GaussianMixture(np.full(2, 0.5), np.eye(2), np.ones((2, 2)))
    points, row = RNG.standard_normal((6, 3)), RNG.standard_normal(5)
    prior, mu, logvar = cavi.NormalGamma(0.0, 1.0, 2.0, 2.0), np.zeros(2), np.ones(2)
    eps, few = RNG.standard_normal((4, 2)), {"temperatures": 2, "chains": 2, "leapfrog": 1}
    q = {"mu": np.zeros((3, 1)), "logvar": np.full((3, 1), -1.0)}

    def narrow():
        return VAE.mlp(4, 1, (3,), rng=rng(), dtype=np.float64)

    def log_joint(z):
        return -(z**2).sum(axis=1)

    def terms(mu, logvar, eps):
        return np.ones((len(eps), 4))

    grid = {"nodes": 41, "limit": 6.0, "tol": 0.5}
    factorized = cavi.fit(row, prior).q
    return {
        "importance_log_likelihood": lambda: (
            bounds.importance_log_likelihood,
            {"model": model(), "x": X, "samples": 3, "rng": rng(), "block": 4},
        ),
        "mean_and_error": lambda: (bounds.mean_and_error, {"values": row}),
        "annealed_log_likelihood": lambda: (
            annealed.annealed_log_likelihood,
            {"model": model(), "x": X, "rng": rng()} | few,
        ),
        "sandwich": lambda: (
            annealed.sandwich,
            {"model": model(), "n": 2, "rng": rng()} | few,
        ),
        "schedule": lambda: (annealed.schedule, {"T": 3}),
        "active_units": lambda: (
            diagnostics.active_units,
            {"model": model(), "x": X, "threshold": 0.01},
        ),
        "implied_beta": lambda: (
            diagnostics.implied_beta,
            {"rec": "sum", "kl": "mean", "D": 4, "K": 2},
        ),
        "implied_c": lambda: (diagnostics.implied_c, {"weight": 0.5}),
        "fit_posterior": lambda: (
            gap.fit_posterior,
            {"model": model(), "x": X, "rng": rng(), "steps": 2, "samples": 2},
        ),
        "gap_report": lambda: (
            lambda **a: gap.gap_report(**a).rows[0][1:],
            {"model": narrow(), "x": X, "rng": rng(), "samples": (2,), "draws": 2},
        ),
        "quadrature.log_prob": lambda: (
            quadrature.log_prob,
            {"vae": narrow(), "x": X} | grid,
        ),
        "quadrature.posterior": lambda: (
            quadrature.posterior,
            {"vae": narrow(), "x": X} | grid,
        ),
        "quadrature.elbo": lambda: (quadrature.elbo, {"vae": narrow(), "x": X} | q | grid),
        "quadrature.kl_to_posterior": lambda: (
            quadrature.kl_to_posterior,
            {"vae": narrow(), "x": X} | q | grid,
        ),
        "LinearGaussian": lambda: (
            lambda **a: linear_gaussian.LinearGaussian(**a).log_prob(points),
            {"W": np.ones((3, 1)), "b": np.zeros(3), "c": 0.5},
        ),
        "LinearGaussian.log_prob": lambda: (line.log_prob, {"x": points}),
        "LinearGaussian.posterior": lambda: (line.posterior, {"x": points}),
        "LinearGaussian.elbo": lambda: (line.elbo, {"x": points[:3]} | q),
        "LinearGaussian.kl_to_posterior": lambda: (
            line.kl_to_posterior,
            {"x": points[:3]} | q,
        ),
        "LinearGaussian.sample": lambda: (line.sample, {"n": 2, "rng": rng()}),
        "LinearGaussian.place_in": lambda: (
            line.place_in,
            {"vae": VAE.mlp(3, 1, (), Gaussian(0.5), rng=rng(), dtype=np.float64)},
        ),
        "fit_ppca": lambda: (
            lambda **a: linear_gaussian.fit_ppca(**a).W,
            {"x": points, "K": 1, "c": 0.1},
        ),
        "max_log_likelihood": lambda: (
            linear_gaussian.max_log_likelihood,
            {"x": points, "K": 1, "c": 0.1},
        ),
        "GaussianMixture": lambda: (
            lambda **a: mixture.GaussianMixture(**a).log_prob(eps),
            {"weights": np.full(2, 0.5), "means": np.eye(2), "variances": np.ones((2, 2))},
        ),
        "GaussianMixture.log_joint": lambda: (blobs.log_joint, {"x": eps}),
        "GaussianMixture.log_prob": lambda: (blobs.log_prob, {"x": eps}),
        "GaussianMixture.responsibilities": lambda: (blobs.responsibilities, {"x": eps}),
        "GaussianMixture.sample": lambda: (blobs.sample, {"n": 2, "rng": rng()}),
        "fit_mixture": lambda: (
            lambda **a: mixture.fit_mixture(**a).log_likelihood,
            {
                "x": points,
                "C": 2,
                "rng": rng(),
                "var_floor": 0.1,
                "iterations": 3,
                "tol": 0.1,
            },
        ),
        "score_terms": lambda: (
            bbvi.score_terms,
            {"log_joint": log_joint, "mu": mu, "logvar": logvar, "eps": eps},
        ),
        "pathwise_terms": lambda: (
            bbvi.pathwise_terms,
            {"log_joint_grad": lambda z: -2 * z, "mu": mu, "logvar": logvar, "eps": eps},
        ),
        "bbvi.compare": lambda: (
            bbvi.compare,
            {
                "estimator": lambda eps: np.concatenate([eps, eps], axis=1),
                "exact": np.zeros(4),
                "rng": rng(),
                "S": 2,
                "replicates": 3,
            },
        ),
        "bbvi.fit": lambda: (
            bbvi.fit,
            {
                "gradient": terms,
                "mu": mu,
                "logvar": logvar,
                "rng": rng(),
                "steps": 2,
                "S": 2,
                "rate": 0.1,
                "power": 0.7,
            },
        ),
        "exact_posterior": lambda: (cavi.exact_posterior, {"x": row, "prior": prior}),
        "log_evidence": lambda: (cavi.log_evidence, {"x": row, "prior": prior}),
        "cavi.elbo": lambda: (cavi.elbo, {"x": row, "prior": prior, "q": factorized}),
        "cavi.fit": lambda: (
            lambda **a: cavi.fit(**a).elbo,
            {"x": row, "prior": prior, "tau": 1.0, "sweeps": 2, "tol": 0.1},
        ),
    }


CALLS = calls()
