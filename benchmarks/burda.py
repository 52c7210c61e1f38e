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
from minivae.atomic import replacing
from minivae.datasets import load_mnist
from minivae.datasets.images import prepare
from minivae.inference.bounds import importance_log_likelihood, mean_and_error
from minivae.inference.diagnostics import active_units
from minivae.plots import samples, save_figure
from minivae.schedules import cosine_decay, piecewise_constant
from minivae.training import fit
from minivae.training.checkpoints import load

STAGES = [3**i for i in range(8)]  # passes; 3280 in all
PORTION = 250  # test images that are evaluated, and kept, at a time
FALL = [10 ** (-i / 7) for i in range(8)]  # of the learning rate


def main():
    args = parse_arguments()
    images = load_mnist(args.mnist)
    if args.images:  # for a quick look, or a test
        images = images.__class__(
            images.train[: args.images],
            images.test[: args.images],
            images.max_count,
            images.shape,
            images.name,
        )
    folder = Path(args.runs) / (
        f"{args.objective}-s{args.samples}-b{args.batch}-p{args.passes}"
        f"-{args.schedule}{args.rate:g}-seed{args.seed}"
    )
    folder.mkdir(parents=True, exist_ok=True)
    model, history = train(args, images, folder)
    write_curve(folder, history)
    rng = np.random.default_rng(args.seed)
    save_figure(samples(model, images.shape, rng, n=100), folder / "samples.png")
    result = evaluate(args, images, model, folder)
    result |= {
        "objective": args.objective,
        "samples": args.samples,
        "batch": args.batch,
        "schedule": args.schedule,
        "rate": args.rate,
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
    parser.add_argument(
        "--schedule", choices=("piecewise_constant", "cosine"), default="piecewise_constant"
    )
    parser.add_argument("--rate", type=float, default=1e-3, help="the first (1e-3)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--test-samples", type=int, default=5000)
    parser.add_argument(
        "--backwards",
        action="store_true",
        help="evaluate from the last test image on, so"
        " that this command and the same without it share the work on two cores",
    )
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
    mean = np.clip(images.train.mean(axis=0) / images.max_count, 0.001, 0.999)
    model.decoder.layers[-1].b[...] = np.log(mean / (1 - mean))
    return model


def rates(args, N):
    """The learning rate of each step; a stage may be shorter than a pass."""
    steps = args.passes * -(-N // args.batch)
    if args.schedule == "cosine":
        return cosine_decay(args.rate, steps)
    lengths = [max(1, round(steps * passes / sum(STAGES))) for passes in STAGES]
    return piecewise_constant([args.rate * fall for fall in FALL], lengths)


def evaluate(args, images, model, folder):
    """Test log-likelihood, in portions that are kept, and active units."""
    x = prepare(
        images.test,
        images.max_count,
        model.dtype,
        "stochastic",
        rng=np.random.default_rng(1),
    )
    kept = folder / f"log_likelihood_{args.test_samples}"
    kept.mkdir(exist_ok=True)
    starts = list(range(0, args.test_images or len(x), PORTION))
    began = time.perf_counter()
    for start in reversed(starts) if args.backwards else starts:
        path = kept / f"{start}.npy"
        if not path.exists():
            part, rng = x[start : start + PORTION], np.random.default_rng([2, start])
            log_p = importance_log_likelihood(model, part, args.test_samples, rng)
            with replacing(path) as file:
                np.save(file, log_p)
            print(f"images from {start} on: {-log_p.mean():.2f} nats", flush=True)
    done = np.concatenate([np.load(kept / f"{start}.npy") for start in starts])
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
    """Test bounds against passes; `burda_curves.py` draws those of all runs."""
    columns = ("epoch", "lr", "test_objective", "test_nelbo", "test_kl", "seconds")
    table = np.column_stack([history[c] for c in columns])
    np.savetxt(
        folder / "curve.csv", table, "%.6g", ",", header=",".join(columns), comments=""
    )


if __name__ == "__main__":
    main()
