"""Does the quadrature's estimate of its error hold? On models whose log p(x) is known.

    python benchmarks/quadrature.py RESULTS

1,000 linear-Gaussian models x = U diag(s) Vᵀ z + b + noise, K = 1 and 2 in turn, three x
each: s from 0.1 to 1e4 and up to 1e4 apart, rotations U and V at random, noise variance
from 0.01 to 10. The z behind x comes from the prior, from three times its width, from the
borders and corners of the scanned box, or from anywhere in [-12, 12]^K. The truth is taken
from the singular values of W, in a few lines of this file.

Then VAEs of the shipped digits, K = 1 and 2, trained here, one of them with far too little
noise and one on sixty images only. Their reference is a uniform lattice over the box
that holds all nodes of a 401^K one within 60 nats of the highest: 501^2 nodes, or 100,001,
and no hill, no covariance.

A row for each x in RESULTS/quadrature.csv. A result with an estimated error above 1e-6 nats
is refused; of the others the error may exceed the estimate by 1e-9 at most.
"""

import argparse
import csv
from pathlib import Path

import numpy as np

from minivae import VAE, Adam, Binomial, Gaussian
from minivae.datasets import load_digits
from minivae.inference.exact import quadrature
from minivae.schedules import cosine_decay

TOL, SLACK = 1e-6, 1e-9
PLACES = ("prior", "three times the prior", "border", "corner", "anywhere")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path)
    parser.add_argument("--models", type=int, default=1000)
    parser.add_argument("--images", type=int, default=5, help="0: no trained models")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    arguments.results.mkdir(parents=True, exist_ok=True)  # before the work, not after it
    rng = np.random.default_rng(arguments.seed)
    rows = []
    for i in range(arguments.models):
        rows += linear_gaussian(rng, 1 + i % 2, PLACES[i // 2 % len(PLACES)])
    for name, make in TRAINED.items() if arguments.images else ():
        rows += trained(name, make, arguments.images)
    path = arguments.results / "quadrature.csv"
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    print_table(rows)


def linear_gaussian(rng, K, place):
    """Three points of a random model: rows with truth, value and estimate."""
    D, c = int(rng.integers(K, 6)), 10 ** rng.uniform(-2, 1)
    s = 10 ** rng.uniform(-1, 4) * 10 ** np.array([0.0, -rng.uniform(0, 4)][:K])
    W = rotation(rng, D, K) * s @ rotation(rng, K, K).T
    b, z = rng.normal(size=D), rng.normal(size=(3, K))
    sign = rng.choice([-1, 1], size=(3, K))
    if place == "three times the prior":
        z *= 3
    elif place == "border":
        z[:, rng.integers(K)] = 9 * sign[:, 0]
    elif place == "corner":
        z = 9.0 * sign
    elif place == "anywhere":
        z = rng.uniform(-12, 12, (3, K))
    x = z @ W.T + b + np.sqrt(c) * rng.normal(size=(3, D))
    vae = VAE.mlp(D, K, (), Gaussian(c), rng=rng, dtype=np.float64)
    vae.params["decoder.0.W"][...], vae.params["decoder.0.b"][...] = W.T, b
    return rows_of(f"linear, K = {K}", place, vae, x, exact(W, b, c, x))


def rotation(rng, D, K):
    return np.linalg.qr(rng.normal(size=(D, K)))[0]


def exact(W, b, c, x):
    """log N(x; b, W Wᵀ + c I) from the singular values of W."""
    U, s, _ = np.linalg.svd(W, full_matrices=False)
    along = (x - b) @ U
    rest = ((x - b - along @ U.T) ** 2).sum(axis=1) / c
    log_det = np.log(s**2 + c).sum() + (len(b) - len(s)) * np.log(c)
    square = (along**2 / (s**2 + c)).sum(axis=1) + rest
    return -0.5 * (len(b) * np.log(2 * np.pi) + log_det + square)


def train(likelihood, K, hidden, activation="tanh", images=None, steps=2000):
    rng = np.random.default_rng(0)
    data = load_digits().train[:images] / (1.0 if hasattr(likelihood, "n") else 16.0)
    vae = VAE.mlp(64, K, hidden, likelihood, activation, rng=rng, dtype=np.float64)
    adam = Adam(cosine_decay(3e-3, steps))
    for _ in range(steps):
        vae.loss(data[rng.integers(len(data), size=50)], rng.standard_normal((50, K)))
        vae.backward()
        adam.step(vae.theta, vae.grad)
    return vae


TRAINED = {
    "Binomial(16), 64": lambda: train(Binomial(16), 2, (64,)),
    "Gaussian, learned c, 64": lambda: train(Gaussian(0.05, learned=True), 2, (64,)),
    "Binomial(16), 128-128": lambda: train(Binomial(16), 2, (128, 128)),
    "Binomial(16), 128, of 60 images": lambda: train(Binomial(16), 2, (128,), images=60),
    "Gaussian, c = 0.001, 128": lambda: train(Gaussian(1e-3), 2, (128,)),
    "Binomial(16), 64, relu": lambda: train(Binomial(16), 2, (64,), "relu"),
    "Binomial(16), 64, K = 1": lambda: train(Binomial(16), 1, (64,)),
}


def trained(name, make, images):
    vae = make()
    x = load_digits().test[:images] / (1.0 if hasattr(vae.likelihood, "n") else 16.0)
    return rows_of("digits", name, vae, x, reference(vae, x))


def reference(vae, x):
    """log p(x) on a uniform lattice of the box where p(x, z) is not negligible."""
    K, result = vae.K, []
    fine = 501 if K == 2 else 100_001
    scan = product(np.linspace(-12, 12, 401), K)
    for image in x[:, None]:
        joint = vae.log_joint(np.repeat(image, len(scan), axis=0), scan)
        near = scan[joint > joint.max() - 60]
        low, high = near.min(axis=0) - 0.15, near.max(axis=0) + 0.15
        axes = [np.linspace(*ends, fine) for ends in zip(low, high, strict=True)]
        top, total = joint.max(), 0.0
        for part in np.array_split(axes[0], 100):
            z = np.stack(np.meshgrid(part, *axes[1:]), axis=-1).reshape(-1, K)
            joint = vae.log_joint(np.repeat(image, len(z), axis=0), z)
            total += np.exp(joint - top).sum()
        result.append(top + np.log(total) + np.log((high - low) / (fine - 1)).sum())
    return np.array(result)


def product(axis, K):
    return np.stack(np.meshgrid(*[axis] * K), axis=-1).reshape(-1, K)


def rows_of(group, kind, vae, x, truth):
    found = quadrature.log_prob(vae, x, tol=np.inf)
    return [
        {
            "group": group,
            "kind": kind,
            "log p(x)": value,
            "error": abs(value - true),
            "estimate": estimate,
            "accepted": int(estimate <= TOL),
        }
        for value, estimate, true in zip(*found, truth, strict=True)
    ]


def print_table(rows):
    print("| models | x | refused | largest error | largest estimate | beyond by > 1e-9 |")
    print("|---|---|---|---|---|---|")
    for key in dict.fromkeys((row["group"], row["kind"]) for row in rows):
        some = [row for row in rows if (row["group"], row["kind"]) == key]
        kept = [row for row in some if row["accepted"]]
        beyond = sum(row["error"] > row["estimate"] + SLACK for row in kept)
        error, estimate = (
            max((row[name] for row in kept), default=0) for name in ("error", "estimate")
        )
        print(
            f"| {', '.join(key)} | {len(some)} | {len(some) - len(kept)} | {error:.1e}"
            f" | {estimate:.1e} | {beyond} |"
        )


if __name__ == "__main__":
    main()
