"""The same number of parameters, dense or convolutional: which VAE bounds log p(x) better?

    python benchmarks/dense_conv.py RESULTS [--seeds 0 1 2 3 4] [--steps 300 3000]
    python benchmarks/dense_conv.py RESULTS --data faces --networks dense --steps 30000

Two data sets, faces of 16x16 pixels and the shipped digits, and for each a convolutional
VAE and a dense one of (nearly) as many parameters: tanh, K = 8, batches of 100, Adam at
2e-3. The second command gives the dense network about the time that the convolutional one
takes. RESULTS is a folder for dense_conv.csv, with a row for each network after so many
steps, which grows as the runs go on.
"""

import argparse
import csv
import time
from pathlib import Path

import numpy as np

from minivae import VAE, Adam, Binomial, Gaussian
from minivae.datasets import load_digits, load_faces
from minivae.training import evaluate, fit

K, BATCH = 8, 100
CHANNELS = {"faces": (8, 16), "digits": (16, 32)}
HIDDEN = {"faces": 20, "digits": 131}  # the dense network's parameters are then as many


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("results", type=Path, help="folder for dense_conv.csv")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--steps", type=int, nargs="+", default=[300, 3000])
    parser.add_argument("--data", nargs="+", default=["faces", "digits"])
    parser.add_argument("--networks", nargs="+", default=["dense", "conv"])
    parser.add_argument("--small", action="store_true", help="few faces, for a test")
    args = parser.parse_args()
    args.results.mkdir(parents=True, exist_ok=True)
    loaders = {
        "faces": lambda: load_faces(300 if args.small else 6000, 1000, 16),
        "digits": load_digits,
    }
    for seed in args.seeds:
        for images in (loaders[name]() for name in args.data):
            for kind in args.networks:
                for row in run(images, kind, seed, args.steps):
                    append(args.results / "dense_conv.csv", row)
                    print(*row.values(), flush=True)


def build(images, kind, rng):
    """A dense or a convolutional VAE for the images."""
    counts = images.max_count is not None
    likelihood = Binomial(images.max_count) if counts else Gaussian(0.1, learned=True)
    if kind == "conv":
        return VAE.conv(images.shape, K, CHANNELS[images.name], likelihood, rng=rng)
    hidden = (HIDDEN[images.name],)
    return VAE.mlp(images.train.shape[1], K, hidden, likelihood, rng=rng)


def run(images, kind, seed, steps):
    """Rows of what one network reaches after each number of steps."""
    rng = np.random.default_rng(seed)
    model, optimizer, history = build(images, kind, rng), Adam(2e-3), None
    per_epoch = -(-len(images.train) // BATCH)
    began = time.process_time()
    for count in steps:
        epochs = -(-count // per_epoch)
        history = fit(
            model,
            images,
            optimizer,
            epochs=epochs,
            rng=rng,
            batch_size=BATCH,
            history=history,
            progress=False,
        )
        bound = {
            part: evaluate(model, images, np.random.default_rng(0), part=part, samples=4)
            for part in ("test", "train")
        }
        yield {
            "data": images.name,
            "network": kind,
            "parameters": model.theta.size,
            "seed": seed,
            "epochs": epochs,
            "steps": optimizer.t,
            "test_nelbo": bound["test"].nelbo,
            "test_rec": bound["test"].rec,
            "test_kl": bound["test"].kl,
            "train_nelbo": bound["train"].nelbo,
            "cpu_seconds": time.process_time() - began,
        }


def append(path, row):
    """Add a row, below a header if the file is new."""
    new = not path.exists()
    with open(path, "a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(row))
        if new:
            writer.writeheader()
        writer.writerow(
            {k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()}
        )


if __name__ == "__main__":
    main()
