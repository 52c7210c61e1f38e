"""How time and memory grow with the size of the problem.

    python benchmarks/cost.py RESULTS [--mnist FOLDER]

CPU time of one training step on one thread against batch size, width, latent size and
samples, and of one pass against the number of images; then the peak memory of training on
MNIST and of its evaluation with 5000 samples, and the time of `import minivae`. RESULTS
is a folder for cost.csv and cost.png. With `--only parts` and OPENBLAS_NUM_THREADS=2 the
parts of a step are timed by the clock on two threads.
"""

import argparse
import csv
import os
import subprocess
import sys
import time
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy is imported

import numpy as np
from engines import products

from minivae import IWAE, VAE, Adam, Tanh
from minivae.datasets.images import Images
from minivae.training import fit

SWEEPS = {  # what varies; the others stay at BASE
    "batch size B": ("B", (10, 20, 50, 100, 200, 500, 1000)),
    "width H": ("H", (50, 100, 200, 400, 800, 1600)),
    "latent size K": ("K", (2, 10, 50, 200, 1000, 4000)),
    "samples S": ("S", (1, 2, 5, 10, 20, 50)),
}
BASE = {"B": 100, "H": 200, "K": 20, "S": 1}
PARTS = [  # D, hidden, K, B
    (784, (200, 200), 50, 20),
    (784, (200, 200), 50, 100),
    (784, (500,), 20, 100),
    (784, (500,), 20, 500),
]
IMAGES = (1000, 2000, 5000, 10000, 20000)

TRAINING = """
import numpy as np
from minivae import VAE, Adam
from minivae.datasets import load_mnist
from minivae.training import fit
rng = np.random.default_rng(0)
vae = VAE.mlp(784, 50, (200, 200), rng=rng)
fit(vae, load_mnist({mnist!r}), Adam(), epochs=1, rng=rng, binarize="stochastic")
"""
EVALUATION = """
import numpy as np
from minivae import VAE
from minivae.inference.bounds import importance_log_likelihood
from minivae.datasets import load_mnist, prepare
rng = np.random.default_rng(0)
vae = VAE.mlp(784, 50, (200, 200), rng=rng)
images = load_mnist({mnist!r})
x = prepare(images.test, images.max_count, binarize="stochastic", rng=rng)
importance_log_likelihood(vae, x[:20], 5000, rng)
"""
PEAK = "\nimport resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("results", help="folder for cost.csv and cost.png")
    parser.add_argument("--mnist", help="folder with MNIST; downloaded if not given")
    parser.add_argument("--steps", type=int, default=15)
    parser.add_argument("--only", choices=("time", "parts", "memory"))
    args = parser.parse_args()
    folder = Path(args.results)
    folder.mkdir(parents=True, exist_ok=True)
    if args.only in (None, "time"):
        curves = {
            name: [(n, step_time(args.steps, **BASE | {letter: n})) for n in sizes]
            for name, (letter, sizes) in SWEEPS.items()
        }
        curves["images in a pass"] = [(n, pass_time(n)) for n in IMAGES]
        write(folder, curves)
    if args.only in (None, "parts"):
        for shape in PARTS:
            parts(*shape, args.steps)
    if args.only in (None, "memory"):
        memory(args.mnist)


def step_time(steps, B, H, K, S):
    """The least CPU seconds of a step of 784-H-K; IWAE, as its S = 1 is the VAE's bound."""
    rng = np.random.default_rng(0)
    model, optimizer = IWAE.mlp(784, K, (H,), rng=rng), Adam()
    x = (rng.random((B, 784)) < 0.2).astype(np.float32)
    times = []
    for _ in range(steps + 2):
        began = time.process_time()
        model.loss(x, rng.standard_normal((S, B, K), dtype=np.float32))
        model.backward()
        optimizer.step(model.theta, model.grad)
        times.append(time.process_time() - began)
    return min(times[2:])


def parts(D, hidden, K, B, steps):
    """Print what a step is made of, in ms: of CPU time on one thread, else by the clock."""
    one = os.environ["OPENBLAS_NUM_THREADS"] == "1"
    clock = time.process_time if one else time.perf_counter
    rng = np.random.default_rng(0)
    model, optimizer = VAE.mlp(D, K, hidden, rng=rng), Adam()
    x = (rng.random((B, D)) < 0.2).astype(np.float32)
    eps = rng.standard_normal((B, K), dtype=np.float32)
    y = rng.standard_normal((B, D), dtype=np.float32)
    hs = [(Tanh(), rng.standard_normal((B, H), dtype=np.float32)) for H in 2 * hidden]

    def adam():
        optimizer.step(model.theta, model.grad)

    def likelihood():
        model.likelihood.backward(model.likelihood.log_prob(x, y))

    works = {
        "the whole step": lambda: (model.loss(x, eps), model.backward(), adam()),
        "matrix products": products(D, hidden, K, B),
        "Adam": adam,
        "likelihood": likelihood,
        "tanh": lambda: [layer.backward(layer.forward(h)) for layer, h in hs],
        "noise": lambda: rng.standard_normal((B, K), dtype=np.float32),
    }
    least = {}
    for name, work in works.items():
        times = []
        for _ in range(10 * steps):
            began = clock()
            work()
            times.append(clock() - began)
        least[name] = 1e3 * min(times)
    text = ", ".join(f"{name} {t:.2f}" for name, t in least.items())
    print(f"{D}-{'-'.join(map(str, hidden))}-{K}, B = {B}, ms: {text}", flush=True)


def pass_time(N):
    """CPU seconds of one pass over N images, binarized anew, with a test on 100."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (N + 100, 784), dtype=np.uint8)
    images = Images(pixels[:N], pixels[N:], 255, (28, 28), "noise")
    model = IWAE.mlp(784, BASE["K"], (BASE["H"],), rng=rng)
    began = time.process_time()
    fit(model, images, Adam(), epochs=1, rng=rng, binarize="stochastic", progress=False)
    return time.process_time() - began


def write(folder, curves):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import LogLocator, NullFormatter

    with open(folder / "cost.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["against", "size", "cpu_seconds", "slope_at_the_end"])
        figure, axes = plt.subplots(1, len(curves), figsize=(13, 3.2))
        for ax, (name, points) in zip(axes, curves.items(), strict=True):
            n, seconds = np.array(points).T
            # the exponent between the last two sizes: 1 is linear
            slope = np.diff(np.log(seconds))[-1] / np.diff(np.log(n))[-1]
            writer.writerows([name, int(a), f"{b:.6g}", f"{slope:.2f}"] for a, b in points)
            print(f"{name}: {seconds[0]:.4f} to {seconds[-1]:.4f} s, exponent {slope:.2f}")
            ax.loglog(n, 1e3 * seconds, "o-", color="#0072B2", ms=4)
            ax.loglog(n, 1e3 * seconds[-1] * n / n[-1], ":", color="0.4")
            ax.set_ylim(0.7e3 * seconds.min(), 1.4e3 * seconds.max())
            for axis, subs in ((ax.xaxis, (1,)), (ax.yaxis, (1, 3))):
                axis.set_major_locator(LogLocator(subs=subs, numticks=9))
                axis.set_major_formatter("{x:g}")
                axis.set_minor_formatter(NullFormatter())
            ax.set_xlabel(name)
            ax.grid(alpha=0.3)
    axes[0].set_ylabel("CPU time, ms (dotted: linear)")
    figure.tight_layout()
    figure.savefig(folder / "cost.png", dpi=100)


def memory(mnist):
    for name, code in (("training", TRAINING), ("evaluation", EVALUATION)):
        peak = run(code.format(mnist=mnist) + PEAK)
        print(f"peak memory of {name} on MNIST: {float(peak):.0f} MB", flush=True)
    clock = (
        "import time; t = time.process_time(); import {}; print(time.process_time() - t)"
    )
    times = {
        name: min(float(run(clock.format(name))) for _ in range(5))
        for name in ("numpy", "minivae")
    }
    extra = 1e3 * (times["minivae"] - times["numpy"])
    print(f"import minivae: {extra:.0f} ms of CPU time beyond NumPy's")


def run(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout.split()[-1]


if __name__ == "__main__":
    main()
