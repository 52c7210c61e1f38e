"""Chapter 13's question: does annealing the KL find a better value of the same objective?

    python benchmarks/course_13.py               seeds 0 to 4

The digits, K = 10, beta = 30 held from the start, or reached by a straight line in 600
steps or in half of all steps. Equal steps, equal batches and noise; Adam, a cosine from
3e-3 to zero. One row for each length, seed and way, with rec + 30 kl on the test and on the
training images, the rate and the active units, in benchmarks/course_13.csv.
"""

import argparse
from pathlib import Path

import numpy as np

from minivae import VAE, Adam, Binomial
from minivae.atomic import replacing
from minivae.datasets import load_digits
from minivae.inference.diagnostics import active_units
from minivae.schedules import cosine_decay, linear_warmup

BETA, D, K = 30.0, 64, 10
digits = load_digits()
train, test = digits.train.astype(np.float32), digits.test.astype(np.float32)


def train_one(beta, seed, steps):
    """A model after `steps` steps under the KL weight `beta`, a number or a schedule."""
    rng = np.random.default_rng([13, seed])
    model = VAE.mlp(D, K, (64,), Binomial(16), rng=rng)
    adam = Adam(cosine_decay(3e-3, steps))
    for t in range(steps):
        x = train[rng.integers(len(train), size=50)]
        eps = rng.standard_normal((50, K), np.float32)
        model.loss(x, eps, beta(t) if callable(beta) else beta)
        model.backward()
        adam.step(model.theta, model.grad)
    return model


def scores(model):
    """rec + 30 kl of test and training images, test rate, active units."""
    losses = []
    for x, samples in ((test, 10), (train, 4)):
        eps = np.random.default_rng(0).standard_normal((samples, len(x), K), np.float32)
        losses.append(model.loss(x, eps, BETA))
    return losses[0].nelbo, losses[1].nelbo, losses[0].kl, active_units(model, test).sum()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=5, help="how many (5)")
    options = parser.parse_args()
    text = "steps,seed,way,test,train,rate,active\n"
    for steps in (2000, 8000, 16_000):
        for seed in range(options.seeds):
            for way, beta in (
                ("constant", BETA),
                ("annealed", linear_warmup(BETA, 600)),
                ("slowly", linear_warmup(BETA, steps // 2)),
            ):
                row = scores(train_one(beta, seed, steps))
                numbers = ",".join(f"{value:.2f}" for value in row[:3])
                text += f"{steps},{seed},{way},{numbers},{row[3]}\n"
                print(text.splitlines()[-1], flush=True)
    with replacing(Path(__file__).with_name("course_13.csv")) as file:
        file.write(text.encode())


if __name__ == "__main__":
    main()
