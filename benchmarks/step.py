"""How long one training step takes: this package, PyTorch, JAX, and bare products.

    python benchmarks/step.py RESULTS [--rounds 7] [--engines minivae "JAX jit"] [--no-adam]
    python benchmarks/step.py RESULTS --conv --threads 1

Every engine runs in a process of its own, and the engines take turns, so that whatever
else the machine does meets them all alike. A time is the median over the rounds of the
median step of a round. RESULTS is a folder for step.csv and step.png.
"""

import argparse
import csv
import multiprocessing
import os
import time
from pathlib import Path

import numpy as np

SHAPES = [  # D, hidden, K, B
    (64, (64,), 2, 32),
    (64, (128,), 10, 100),
    (784, (200, 200), 50, 20),
    (784, (200, 200), 50, 100),
    (784, (400,), 20, 128),
    (784, (500,), 20, 100),
    (784, (500,), 20, 500),
]
SMALL = [(64, (16,), 2, 8)]
CONV_SHAPES = [  # what, size, channels, K, B
    ("layer", 32, (1, 32), None, 100),
    ("layer", 16, (32, 64), None, 100),
    ("layer", 28, (1, 16), None, 100),
    ("layer", 14, (16, 32), None, 100),
    ("faces", 32, (32, 64), 16, 100),
    ("mnist", 28, (16, 32), 20, 100),
]
CONV_SMALL = [("layer", 8, (1, 2), None, 3), ("mnist", 8, (2,), 2, 3)]
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


def main():
    from engines import CONV_ENGINES, ENGINES

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("results", help="folder for step.csv and step.png")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.2, help="of each round")
    parser.add_argument("--engines", nargs="+", choices=ENGINES)
    parser.add_argument(
        "--conv", action="store_true", help="convolutions, alone and in whole models"
    )
    every = sorted({1, os.cpu_count()})
    parser.add_argument("--threads", type=int, nargs="+", default=every)
    parser.add_argument(
        "--clock",
        choices=("wall", "cpu"),
        default="wall",
        help="cpu, with --threads 1, for a machine that does other work at the same time",
    )
    parser.add_argument(
        "--no-adam", action="store_true", help="end at the gradient, to see what Adam costs"
    )
    parser.add_argument("--small", action="store_true", help="one tiny shape, for a test")
    args = parser.parse_args()
    args.engines = args.engines or list(CONV_ENGINES if args.conv else ENGINES)
    folder = Path(args.results)
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for threads in args.threads:
        rows += compare(args, threads)
    name = "step_conv" if args.conv else "step"
    write_table(folder / f"{name}.csv", rows)
    for threads in args.threads:
        some = [row for row in rows if row["threads"] == threads]
        layers = [row for row in some if row["shape"].startswith("layer")]
        for part in (layers, [row for row in some if row not in layers]):
            if part:
                print_table(part)
    draw(folder / f"{name}.png", rows)


def compare(args, threads):
    """A row for each shape: seconds by engine, on so many threads."""
    os.environ.update({name: str(threads) for name in THREADS})
    workers = {name: Worker(name, threads, args.clock, args.conv) for name in args.engines}
    shapes = (CONV_SMALL, CONV_SHAPES) if args.conv else (SMALL, SHAPES)
    rows = []
    for shape in shapes[0 if args.small else 1]:
        workers = {
            name: worker
            for name, worker in workers.items()
            if worker.build((*shape, not args.no_adam))
        }
        times = {name: [] for name in workers}
        for _ in range(args.rounds):
            for name, worker in workers.items():
                times[name].append(worker.ask(args.seconds))
        medians = {name: float(np.median(t)) for name, t in times.items()}
        rows.append({"shape": label(shape), "threads": threads} | medians)
        print(rows[-1], flush=True)
    for worker in workers.values():
        worker.end()
    return rows


def label(shape):
    if isinstance(shape[0], str):
        what, size, channels, K, B = shape
        name = f"{what} {size}x{size}, {'→'.join(map(str, channels))}, B = {B}"
        return name if K is None else f"{name}, K = {K}"
    D, hidden, K, B = shape
    return f"{'-'.join(map(str, (D, *hidden, K)))}, B = {B}"


class Worker:
    """An engine in a process of its own, which answers one question at a time."""

    def __init__(self, name, threads, clock, conv=False):
        context = multiprocessing.get_context("spawn")  # libraries read their settings anew
        self.name = name
        self.pipe, other = context.Pipe()
        self.process = context.Process(
            target=work, args=(other, name, threads, clock, conv)
        )
        self.process.start()

    def ask(self, question):
        self.pipe.send(question)
        return self.pipe.recv()

    def build(self, shape):
        """Whether the engine could be built at this shape and made its first steps."""
        problem = self.ask(shape)
        if problem:
            print(f"{self.name} is left out: {problem}", flush=True)
            self.end()
        return not problem

    def end(self):
        self.pipe.send(None)
        self.process.join()


def work(pipe, name, threads, clock, conv):
    """The worker's own process: build at a shape, or time a round of so many seconds."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    from engines import CONV_ENGINES, ENGINES

    build = (CONV_ENGINES if conv else ENGINES)[name]
    now = {"wall": time.perf_counter, "cpu": time.process_time}[clock]
    step = None
    while (question := pipe.recv()) is not None:
        if isinstance(question, float):
            times, end = [], now() + question
            while now() < end or len(times) < 3:
                began = now()
                step()
                times.append(now() - began)
            pipe.send(float(np.median(times)))
            continue
        try:
            step = build(*question)  # D, hidden, K, B, adam, or as in CONV_SHAPES
            for _ in range(5):
                step()
            pipe.send(None)
        except Exception as error:  # a peer may not be there, or find no compiler
            pipe.send(f"{type(error).__name__}: {str(error)[:80]}")


def peers(rows):
    return [k for k in rows[0] if k not in ("shape", "threads", "minivae")]


def write_table(path, rows):
    fields = list(dict.fromkeys(key for row in rows for key in row))
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fields)
        writer.writeheader()
        writer.writerows(rows)


def print_table(rows):
    """Milliseconds of this package, and how many times as long each other engine takes."""
    names = peers(rows)
    print(f"\n| {rows[0]['threads']} thread(s) | minivae, ms | {' | '.join(names)} |")
    print("|---" * (len(names) + 2) + "|")
    for row in rows:
        ratios = " | ".join(f"{row[n] / row['minivae']:.2f}" for n in names)
        print(f"| {row['shape']} | {1e3 * row['minivae']:.2f} | {ratios} |")
    means = [np.exp(np.mean([np.log(r[n] / r["minivae"]) for r in rows])) for n in names]
    print(f"| geometric mean | | {' | '.join(f'{m:.2f}' for m in means)} |", flush=True)


def draw(path, rows):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    counts = sorted({row["threads"] for row in rows})
    figure, axes = plt.subplots(
        1, len(counts), figsize=(11, 4.2), sharey=True, squeeze=False
    )
    colors = ["0.6", "#D55E00", "#E69F00", "#CC79A7", "#0072B2"]
    for ax, threads in zip(axes[0], counts, strict=True):
        part = [row for row in rows if row["threads"] == threads]
        names = peers(part)
        place = np.arange(len(part))
        for i, (name, color) in enumerate(zip(names, colors, strict=False)):
            ratio = [row[name] / row["minivae"] for row in part]
            ax.barh(place + 0.16 * (i - 2), ratio, 0.15, color=color, label=name)
        ax.axvline(1, color="black", lw=1)
        ax.set_xscale("log")
        ax.set_xticks(
            [0.1, 0.2, 0.5, 1, 2, 5, 10], ["0.1", "0.2", "0.5", "1", "2", "5", "10"]
        )
        ax.set_yticks(place, [row["shape"] for row in part])
        ax.set_xlabel("time relative to minivae's step (right of the line: slower)")
        ax.set_title("one thread" if threads == 1 else f"{threads} threads")
    axes[0, 0].invert_yaxis()
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="lower center", ncols=5)
    figure.tight_layout(rect=(0, 0.08, 1, 1))
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
