"""Does `minivae check` call right code wrong? The ladder on random models, right code all.

    python benchmarks/false_alarms.py RESULTS.csv --models 500

Likelihood, latent dimensions (1 to 16), activation, hidden layers, scale of the pixels,
fixed or learned, trained or not, are drawn from the model's number. A row for each model
goes to RESULTS.csv as it is finished; the same command goes on where it was stopped. The
table at the end counts the climbs, the claims, the failures and what was undecided.
"""

import argparse
import csv
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from minivae import VAE, Adam, Bernoulli, Binomial, Gaussian, Laplace
from minivae.ladder import climb
from minivae.layers import ACTIVATIONS

COLUMNS = "number,likelihood,K,activation,hidden,trained,claims,failed,undecided".split(",")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path)
    parser.add_argument("--models", type=int, default=500)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    args = parser.parse_args()
    done = {int(row["number"]) for row in read(args.results)}
    last = args.first + args.models
    todo = [i for i in range(args.first, last) if i not in done]
    with ProcessPoolExecutor(args.workers) as pool:
        for row in pool.map(one, todo):
            write(args.results, row)
    print(summary(read(args.results)))


def drawn(number):
    """The model of a number, its data, what was drawn, and the generator that drew it."""
    rng = np.random.default_rng(number)
    pick = rng.integers
    n, scale = int(pick(2, 33)), float(np.exp(rng.uniform(np.log(1e-3), np.log(3))))
    likelihood = [
        Bernoulli(),
        Bernoulli(grey=True),
        Binomial(n),
        Gaussian(scale),
        Gaussian(scale, learned=True),
        Laplace(scale),
        Laplace(scale, learned=True),
    ][number % 7]
    K, D = int(pick(1, 17)), int(pick(2, 25))
    if rng.random() < 0.3:  # as often as not the exact log p(x) is within reach
        K = int(pick(1, 3))
    hidden = tuple(int(width) for width in pick(1, 25, pick(0, 3)))
    activation = list(ACTIVATIONS)[pick(len(ACTIVATIONS))]
    model = VAE.mlp(D, K, hidden, likelihood, activation, rng=rng, dtype=np.float64)
    x = rng.random((40, D)) @ rng.random((D, D)) / D
    if isinstance(likelihood, Binomial) and not likelihood.grey:
        x = rng.binomial(likelihood.n, np.clip(x, 0, 1)).astype(float)
    x = np.clip(x, 0, 1) if getattr(likelihood, "grey", False) else x
    trained = rng.random() < 0.5
    if trained:
        adam = Adam(5e-3)
        for _ in range(300):
            model.loss(x, rng.standard_normal((len(x), K)))
            model.backward()
            adam.step(model.theta, model.grad)
    else:
        model.theta *= rng.uniform(0.5, 2)
    what = {"likelihood": repr(likelihood), "K": K, "activation": activation}
    return model, x[:8], what | {"hidden": hidden, "trained": trained}, rng


def one(number):
    """The row of one model: the table's counts, and every claim that did not hold."""
    model, x, what, rng = drawn(number)
    try:
        table = climb(model, x, rng)
    except Exception as error:
        return {"number": number, **what, "claims": 0, "failed": repr(error)}
    found = {
        verdict: "; ".join(
            f"{row.claim} ({row.figure:.3g} > {row.tolerance:.3g})"
            for row in table
            if row.verdict == verdict
        )
        for verdict in ("FAILED", "undecided")
    }
    counts = {"failed": found["FAILED"], "undecided": found["undecided"]}
    return {"number": number, **what, "claims": len(table), **counts}


def read(path):
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write(path, row):
    new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        if new:
            writer.writeheader()
        writer.writerow(row)


def summary(rows):
    """One line for each likelihood, and one for all."""
    kinds = sorted({row["likelihood"].split("(")[0] for row in rows})
    lines = [
        "| likelihood | models | claims | failed | undecided |",
        "|---|---|---|---|---|",
    ]
    for kind in [*kinds, ""]:
        chosen = [
            row for row in rows if row["likelihood"].startswith(kind + "(" * bool(kind))
        ]
        claims = sum(int(row["claims"]) for row in chosen)
        failed, undecided = (
            sum(len(row[column].split("; ")) for row in chosen if row[column])
            for column in ("failed", "undecided")
        )
        name = kind or "all"
        lines.append(f"| {name} | {len(chosen)} | {claims} | {failed} | {undecided} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
