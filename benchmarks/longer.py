"""Chapter 15's comparison of the ELBO and the importance-weighted bound, trained longer.

    python benchmarks/longer.py --seeds 6

Three models of the stochastically binarized digits, 64-64-10 with tanh layers: trained on
the ELBO with S = 1 and S = 10, and on L_10, for 9,600 steps each where the chapter takes
1,200. Writes longer.csv: -L_1 and -L_500 on the test images, in nats, a row for each seed.
"""

import argparse
from pathlib import Path

import numpy as np

from minivae import IWAE, VAE, Adam, Bernoulli
from minivae.atomic import replacing
from minivae.datasets import load_digits
from minivae.inference.bounds import importance_log_likelihood
from minivae.schedules import cosine_decay

K, BATCH = 10, 50


def binarized(counts, rng):
    return (16 * rng.random(counts.shape, dtype=np.float32) < counts).astype(np.float32)


def score(kind, S, seed, steps):
    """-L_1 and -L_500 on the test images of one model, trained for so many steps."""
    digits, rng = load_digits(), np.random.default_rng(seed)
    model = kind.mlp(64, K, (64,), Bernoulli(), rng=rng)
    adam = Adam(cosine_decay(5e-3, steps))
    for _ in range(steps):
        x = binarized(digits.train[rng.integers(len(digits.train), size=BATCH)], rng)
        model.loss(x, rng.standard_normal((S, BATCH, K), dtype=np.float32))
        model.backward()
        adam.step(model.theta, model.grad)
    x = binarized(digits.test, np.random.default_rng(0))
    eps = np.random.default_rng(1).standard_normal((200, len(x), K), dtype=np.float32)
    log_p = importance_log_likelihood(model, x, 500, np.random.default_rng(2))
    return -model.elbo(x, eps).mean(), -log_p.mean()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=6, help="how many (6)")
    parser.add_argument("--steps", type=int, default=9600, help="of each model (9600)")
    options = parser.parse_args()
    text = "seed,vae_elbo,vae,vae10_elbo,vae10,iwae_elbo,iwae\n"
    for seed in range(options.seeds):
        row = [seed]
        for kind, S in ((VAE, 1), (VAE, 10), (IWAE, 10)):
            row += score(kind, S, seed, options.steps)
        text += ",".join(f"{value:.6g}" for value in row) + "\n"
        print(text.splitlines()[-1], flush=True)
    with replacing(Path(__file__).parent / "longer.csv") as file:
        file.write(text.encode())


if __name__ == "__main__":
    main()
