"""How far importance sampling falls short of annealed importance sampling, on the digits.

    python benchmarks/annealed.py RESULTS

Trains what `minivae train` trains (or reads RESULTS/digits/model.npz), and estimates
log p(x) of each of the 300 test images with 5000 importance samples and by annealing, from
the same model. Both are lower bounds in expectation. Then the sandwich: images that the
model draws itself, whose log p(x) is enclosed from both sides, with importance sampling
beside it. One row an image in RESULTS/annealed.csv and RESULTS/sandwich.csv.
"""

import argparse
import csv
from pathlib import Path

import numpy as np

from minivae import cli
from minivae.datasets import load_digits
from minivae.inference.annealed import annealed_log_likelihood, sandwich
from minivae.inference.bounds import importance_log_likelihood, mean_and_error
from minivae.training import checkpoints


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path)
    parser.add_argument("--images", type=int, default=300)
    parser.add_argument("--samples", type=int, default=5000)
    parser.add_argument("--temperatures", type=int, default=300)
    parser.add_argument("--chains", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    size = {"temperatures": arguments.temperatures, "chains": arguments.chains}
    path, rng = arguments.results / "digits", np.random.default_rng(arguments.seed)
    if not (path / "model.npz").exists():
        cli.main(["train", "--out", str(path)])
    model = checkpoints.load(path / "model.npz").model
    x = load_digits().test[: arguments.images].astype(model.dtype)
    plain = importance_log_likelihood(model, x, arguments.samples, rng)
    annealed = annealed_log_likelihood(model, x, rng, **size)
    write(arguments.results / "annealed.csv", importance=plain, **annealed._asdict())
    report(f"importance sampling, {arguments.samples} samples", plain)
    report("annealed importance sampling", annealed.log_p)
    report("  more, image by image", annealed.log_p - plain)
    print(f"  Monte-Carlo error of that mean {monte_carlo(annealed):.3f}")
    mean, least = annealed.ess.mean(), annealed.ess.min()
    print(f"  effective sample size {mean:.1f} of {arguments.chains}, least {least:.1f}")
    x, lower, upper = sandwich(model, arguments.images, rng, **size)
    plain = importance_log_likelihood(model, x, arguments.samples, rng)
    write(
        arguments.results / "sandwich.csv",
        importance=plain,
        lower=lower.log_p,
        lower_error=lower.error,
        upper=upper.log_p,
        upper_error=upper.error,
    )
    report("images drawn from the model: upper bound", upper.log_p)
    report("  upper above lower bound", upper.log_p - lower.log_p)
    report("  importance sampling below the lower bound", lower.log_p - plain)


def report(what, values):
    print("{:45} {:9.3f} ± {:.3f}".format(what, *mean_and_error(values)), flush=True)


def monte_carlo(estimate):
    """The standard error of the mean from the chains alone, these very images given."""
    return np.sqrt((estimate.error**2).sum()) / len(estimate.error)


def write(path, **columns):
    with open(path, "w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(columns)
        rows.writerows(
            [f"{value:.6f}" for value in row] for row in zip(*columns.values(), strict=True)
        )


if __name__ == "__main__":
    main()
