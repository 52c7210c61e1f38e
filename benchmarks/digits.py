"""The shipped digits: what `minivae train` reaches, beside models that need no network.

    python benchmarks/digits.py

Test log-likelihood in nats per image, mean and standard error over the 300 test images.
All of these are probabilities of the same counts 0..16, so they may be compared: the two
Gaussian models, which have densities, are asked for the probability that a real-valued
pixel rounds to the count (with everything below 0.5 counted as 0, above 15.5 as 16).
Sizes of models are chosen on the last 297 training images, never on the test images.
"""

import math
import tempfile
import warnings
from pathlib import Path

import numpy as np

from minivae import cli
from minivae.datasets import load_digits
from minivae.gaussian import log_normal
from minivae.inference.bounds import importance_log_likelihood, mean_and_error
from minivae.inference.exact.linear_gaussian import fit_ppca
from minivae.inference.exact.mixture import fit_mixture
from minivae.numerics import log_mean_exp, log_sum_exp
from minivae.training import checkpoints

N = 16  # the largest count
LOG_CHOOSE = np.array([math.log(math.comb(N, k)) for k in range(N + 1)])
normal_cdf = np.vectorize(lambda t: 0.5 * math.erfc(-t / math.sqrt(2)), otypes=[float])


def main():
    images = load_digits()
    train, test = images.train.astype(int), images.test.astype(int)
    rows = [("each pixel by itself: Binomial(16)", independent_binomial(train, test))]
    rows.append(("each pixel by itself: a histogram", histogram(train, test)))
    floors = (0.01, 0.02, 0.05, 0.1)
    for name, model, sizes in (
        ("mixture of {} binomials", binomial_mixture, [(40,), (80,), (160,), (320,)]),
        (
            "mixture of {} diagonal Gaussians, variances at least {}",
            gaussian_mixture,
            [(C, floor) for C in (10, 20, 40, 80) for floor in floors],
        ),
        ("probabilistic PCA, K = {}", ppca, [(10,), (15,), (20,), (25,), (30,)]),
    ):
        fit, held_out = train[:1200], train[1200:]
        scores = [model(fit, held_out, *size).mean() for size in sizes]
        size = sizes[int(np.argmax(scores))]
        rows.append((name.format(*size), model(train, test, *size)))
    rows.append(("`minivae train`: 5000 importance samples, at least", vae(images)))
    print("| model of the 8x8 digits | test log-likelihood, nats | standard error |")
    print("|---|---|---|")
    for name, log_p in rows:
        print("| {} | {:.2f} | {:.2f} |".format(name, *mean_and_error(log_p)))
    best = max(log_p.mean() for _, log_p in rows[:-1])
    paired = rows[-1][1] - next(log_p for _, log_p in rows if log_p.mean() == best)
    gain, error = mean_and_error(paired)
    print(
        "\nthe VAE above the best of the others, image by image: at least"
        f" {gain:.2f} ± {error:.2f}"
    )


def independent_binomial(train, test):
    p = (train.sum(axis=0) + 1) / (N * len(train) + 2)
    return (LOG_CHOOSE[test] + test * np.log(p) + (N - test) * np.log1p(-p)).sum(axis=1)


def histogram(train, test):
    seen = np.stack([(train == count).sum(axis=0) for count in range(N + 1)]) + 0.1
    log_p = np.log(seen / seen.sum(axis=0))
    return log_p[test, np.arange(test.shape[1])].sum(axis=1)


def binomial_mixture(train, test, C):
    """EM, with one success and one failure added to every pixel of every component."""
    rng = np.random.default_rng(0)
    r = rng.dirichlet(np.full(C, 0.1), len(train))
    for _ in range(100):
        weights = r.mean(axis=0)
        p = (r.T @ train + 1) / (N * r.sum(axis=0)[:, None] + 2)
        joint = (
            np.log(weights + 1e-300) + train @ np.log(p).T + (N - train) @ np.log1p(-p).T
        )
        r = np.exp(joint - log_sum_exp(joint, axis=1)[:, None])
    joint = np.log(weights + 1e-300) + test @ np.log(p).T + (N - test) @ np.log1p(-p).T
    return log_sum_exp(joint, axis=1) + LOG_CHOOSE[test].sum(axis=1)


def log_bin(x, mean, sigma):
    """log P(a normal variable rounds to the count x), the ends taking their tails."""
    low = np.where(x == 0, -np.inf, (x - 0.5 - mean) / sigma)
    high = np.where(x == N, np.inf, (x + 0.5 - mean) / sigma)
    # in the lower tail, where a difference of two probabilities near one loses nothing
    flip = low > 0
    low, high = np.where(flip, -high, low), np.where(flip, -low, high)
    return np.log(np.maximum(normal_cdf(high) - normal_cdf(low), 1e-300))


def gaussian_mixture(train, test, C, floor):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a component may end on a single point
        fit = fit_mixture(train.astype(float), C, np.random.default_rng(0), floor)
    mixture = fit.mixture
    log_p = [
        log_bin(test, mean, np.sqrt(variance)).sum(axis=1)
        for mean, variance in zip(mixture.means, mixture.variances, strict=True)
    ]
    with np.errstate(divide="ignore"):  # a component may have died
        return log_sum_exp(np.stack(log_p, axis=1) + np.log(mixture.weights), axis=1)


def ppca(train, test, K, samples=200):
    """Its latents by importance sampling from their exact posterior given the count."""
    model, rng = fit_ppca(train.astype(float), K), np.random.default_rng(0)
    mean, covariance = model.posterior(test.astype(float))
    L = np.linalg.cholesky(covariance)
    eps = rng.standard_normal((samples, len(test), K))
    z = mean + eps @ L.T
    log_q = log_normal(eps, 0.0, 0.0).sum(axis=-1) - np.log(np.diag(L)).sum()
    log_prior = log_normal(z, 0.0, 0.0).sum(axis=-1)
    log_p = np.stack(
        [log_bin(test, y, math.sqrt(model.c)).sum(axis=-1) for y in z @ model.W.T + model.b]
    )
    return log_mean_exp(log_p + log_prior - log_q, axis=0)


def vae(images):
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "digits"
        cli.main(["train", "--out", str(out)])
        model = checkpoints.load(out / "model.npz").model
    x = images.test.astype(model.dtype)
    return importance_log_likelihood(model, x, 5000, np.random.default_rng(0))


if __name__ == "__main__":
    main()
