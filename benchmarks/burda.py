"""The one-layer MNIST rows of Burda et al. 2016, table 1, scaled to N passes.

    python benchmarks/burda.py RUNS --mnist FOLDER --objective iwae --samples 5 --passes 60

784-200-200-50 tanh encoder and its mirror image, pixels drawn anew in every pass, batch
20, Adam (0.9, 0.999, eps 1e-4), learning rate 1e-3·10^(-i/7) for 3^i passes, i = 0..7,
all stages shortened by N / 3280. RUNS is a folder for checkpoints and results; the same
command goes on where it was stopped. Then the test images, drawn once, get their
log-likelihood by 5000 importance samples.
"""

import argparse
import json
import platform
import shutil
import time
from pathlib import Path

import numpy as np

from minivae import IWAE, VAE, Adam
from minivae.bounds import importance_log_likelihood, mean_and_error
from minivae.datasets import load_mnist
from minivae.diagnostics import active_units
from minivae.images import prepare
from minivae.saving import load
from minivae.schedules import stages
from minivae.training import fit

STAGES = [3**i for i in range(8)]  # passes; 3280 in all
RATES = [1e-3 * 10 ** (-i / 7) for i in range(8)]


def main():
    args = parse_arguments()
    images = load_mnist(args.mnist)
    if args.images:  # for a quick look, or a test
        images = images.__class__(
            images.train[: args.images],
            images.test[: args.images],
            images.levels,
            images.shape,
            images.name,
        )
    name = f"{args.objective}-s{args.samples}-b{args.batch}-p{args.passes}-r{args.seed}"
    folder = Path(args.runs) / name
    folder.mkdir(parents=True, exist_ok=True)
    model, history = train(args, images, folder)
    write_curve(folder, history)
    result = evaluate(args, images, model, folder)
    result |= {
        "objective": args.objective,
        "samples": args.samples,
        "batch": args.batch,
        "passes": args.passes,
        "train_seconds": round(history["seconds"][-1]),
        "test_nelbo": history["test_nelbo"][-1],
        "machine": f"{platform.machine()}, NumPy {np.__version__}",
    }
    (folder / "result.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1), flush=True)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("runs", help="folder for checkpoints and results")
    parser.add_argument("--mnist", help="folder with MNIST; downloaded if not given")
    parser.add_argument("--objective", choices=("vae", "iwae"), default="vae")
    parser.add_argument("--samples", type=int, default=1, help="S (default 1)")
    parser.add_argument("--passes", type=int, default=3280)
    parser.add_argument("--batch", type=int, default=20)
    parser.add_argument("--rate", type=float, default=1.0, help="times the learning rate")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--test-samples", type=int, default=5000)
    parser.add_argument("--test-images", type=int, help="evaluate the first so many")
    parser.add_argument("--images", type=int, help="use only so many images")
    return parser.parse_args()


def train(args, images, folder):
    """Train to the end, from the last checkpoint if there is one."""
    path = folder / "last.npz"
    ends = [round(args.passes * sum(STAGES[: i + 1]) / sum(STAGES)) for i in range(8)]
    if path.exists():
        saved = load(path)
        model, optimizer, rng = saved.model, saved.optimizer, saved.rng
        history = saved.history
    else:
        rng, history = np.random.default_rng(args.seed), None
        model = build(args.objective, images, rng)
        optimizer = Adam(rates(args, len(images.train)), eps=1e-4)
    for stage, end in enumerate(ends):
        if end > (len(history) if history else 0):
            history = fit(
                model,
                images,
                optimizer,
                epochs=end,
                rng=rng,
                batch_size=args.batch,
                binarize="stochastic",
                samples=args.samples,
                history=history,
                checkpoint=path,
            )
            if history.interrupted:
                raise SystemExit("stopped; the same command goes on from here")
            shutil.copy(path, folder / f"stage{stage}.npz")
    return model, history


def build(objective, images, rng):
    """The published architecture, its output bias at the logit of the mean image."""
    cls = {"vae": VAE, "iwae": IWAE}[objective]
    model = cls.mlp(images.train.shape[1], 50, (200, 200), rng=rng)
    mean = np.clip(images.train.mean(axis=0) / images.levels, 0.001, 0.999)
    model.decoder.layers[-1].b[...] = np.log(mean / (1 - mean))
    return model


def rates(args, N):
    """The learning rate of each step; a stage may be shorter than a pass."""
    steps = args.passes * -(-N // args.batch) / sum(STAGES)
    lengths = [max(1, round(passes * steps)) for passes in STAGES]
    return stages([args.rate * rate for rate in RATES], lengths)


def evaluate(args, images, model, folder):
    """Test log-likelihood, in portions that are kept, and active units."""
    x = prepare(
        images.test, images.levels, model.dtype, "stochastic", rng=np.random.default_rng(1)
    )
    path, portion = folder / f"log_likelihood_{args.test_samples}.npy", 250
    done = np.load(path) if path.exists() else np.empty(0)
    began = time.perf_counter()
    for start in range(len(done), args.test_images or len(x), portion):
        rng = np.random.default_rng([2, start])
        part = x[start : start + portion]
        log_p = importance_log_likelihood(model, part, args.test_samples, rng)
        done = np.concatenate([done, log_p])
        np.save(path, done)
        print(f"{len(done)} of {len(x)} test images: {-done.mean():.3f} nats", flush=True)
    mean, error = mean_and_error(-done)
    return {
        "nll": mean,
        "nll_error": error,
        "test_samples": args.test_samples,
        "test_images": len(done),
        "active_units": int(active_units(model, x).sum()),
        "test_seconds": round(time.perf_counter() - began),
    }


def write_curve(folder, history):
    """Test bound against passes, for `burda_figures.py`."""
    columns = ("epoch", "lr", "test_objective", "test_nelbo", "test_kl", "seconds")
    table = np.column_stack([history[c] for c in columns])
    np.savetxt(
        folder / "curve.csv", table, "%.6g", ",", header=",".join(columns), comments=""
    )


if __name__ == "__main__":
    main()
