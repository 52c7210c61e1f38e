"""A training step on one and on several ranks: by one sum of the gradient, or sharded.

    python benchmarks/ranks.py [--ranks 1 2] [--seconds 2]

Needs `pip install 'minivae[mpi]'`. Every rank has one BLAS thread. Strong scaling divides
the same batch among the ranks, weak scaling gives each of them a batch. "allreduce" is
what `mpiexec -n N minivae train` does: one sum of the flat gradient, then the same Adam on
every rank. "sharded" sums each part of the gradient on the rank that keeps its m and v
(reduce-scatter), which updates it and hands it to all (all-gather): the optimizer's memory
is shared out. A time is the median over the steps of the slowest rank; "its end" is the
exchange with Adam, and the wait for the slower rank.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from step import THREADS

SHAPES = [  # D, hidden, K, B
    (784, (200, 200), 50, 100),
    (784, (500,), 20, 100),
    (784, (500,), 20, 500),
    (784, (500,), 20, 2000),
]
SMALL = [(64, (16,), 2, 8)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--seconds", type=float, default=2.0, help="for each time")
    parser.add_argument("--small", action="store_true", help="one tiny shape, for a test")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    shapes = SMALL if args.small else SHAPES
    if args.worker:
        measure(shapes, args.seconds)
        return
    rows = []
    for n in args.ranks:
        rows += [row | {"ranks": n} for row in run(n, sys.argv[1:])]
    print_table(rows)


def run(n, argv):
    """The rows that rank 0 of n prints."""
    command = [*launcher(n), sys.executable, __file__, "--worker", *argv]
    done = subprocess.run(
        command,
        env=os.environ | {name: "1" for name in THREADS},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def launcher(n):
    """The words that start n ranks."""
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    mpiexec = shutil.which("mpiexec", path=places)
    if mpiexec is None:
        sys.exit("mpiexec was not found: pip install 'minivae[mpi]'")
    return [mpiexec, "-n", str(n)]


def measure(shapes, seconds):
    """Every rank's part; rank 0 prints a line of JSON for each time."""
    from mpi4py import MPI

    ranks = MPI.COMM_WORLD
    for D, hidden, K, B in shapes:
        for scaling in ("strong", "weak") if ranks.size > 1 else ("strong",):
            total = B if scaling == "strong" else B * ranks.size
            row = time_steps(ranks, (D, hidden, K, total), seconds)
            if ranks.rank == 0:
                name = "-".join(map(str, (D, *hidden, K)))
                row |= {"shape": name, "B": B, "scaling": scaling}
                print(json.dumps(row), flush=True)


def time_steps(ranks, shape, seconds):
    """Medians in seconds of the slowest rank's steps, the two ways in turns."""
    ways = [step_of(ranks, shape, way) for way in (allreduce, sharded)]
    times, began = ([], []), time.perf_counter()
    while ranks.bcast(time.perf_counter() - began < 2 * seconds or len(times[0]) < 10):
        for (_, passes, update), some in zip(ways, times, strict=True):
            start = time.perf_counter()
            passes()
            middle = time.perf_counter()
            update()
            end = time.perf_counter()
            some.append(ranks.allgather((end - start, middle - start, end - middle)))
    (step, passes, rest), (other, _, other_rest) = (
        np.median(np.max(some, axis=1), axis=0) for some in times
    )
    names = ("step", "passes", "update", "sharded", "sharded_update")
    return dict(zip(names, (step, passes, rest, other, other_rest), strict=True))


def step_of(ranks, shape, way):
    """A model, its forward and backward pass, and its sum and Adam, without arguments."""
    from minivae import VAE
    from minivae.training.parallel import Ranks

    D, hidden, K, B = shape
    rng = np.random.default_rng(1)
    model = VAE.mlp(D, K, hidden, rng=rng)
    rows = Ranks(ranks).rows(B)
    x = (rng.random((B, D)) < 0.2).astype(np.float32)[rows]

    def passes():
        eps = rng.standard_normal((B, K), dtype=np.float32)[rows]
        model.loss(x, eps)
        model.backward()
        model.grad *= len(x) / B

    return model, passes, way(ranks, model)


def allreduce(ranks, model):
    """The sum of all gradients on every rank, and Adam on all of it."""
    from mpi4py import MPI

    from minivae import Adam

    optimizer = Adam(1e-3)

    def update():
        ranks.Allreduce(MPI.IN_PLACE, model.grad)
        optimizer.step(model.theta, model.grad)

    return update


def sharded(ranks, model):
    """The sum of a part of the gradient on each rank, Adam on that part, then all parts."""
    from mpi4py import MPI

    from minivae import Adam

    optimizer, P = Adam(1e-3), model.theta.size
    borders = [r * P // ranks.size for r in range(ranks.size + 1)]
    counts = np.diff(borders).tolist()
    mine = slice(borders[ranks.rank], borders[ranks.rank + 1])
    part = np.empty(counts[ranks.rank], model.dtype)

    def update():
        ranks.Reduce_scatter(model.grad, part, counts)
        optimizer.step(model.theta[mine], part)
        ranks.Allgatherv(MPI.IN_PLACE, [model.theta, counts, borders[:-1], MPI.FLOAT])

    return update


def print_table(rows):
    print("\n| shape | scaling | ranks | allreduce, ms | its end | sharded, ms | its end |")
    print("|---" * 7 + "|")
    for row in rows:
        names = ("step", "update", "sharded", "sharded_update")
        times = " | ".join(f"{1e3 * row[name]:.2f}" for name in names)
        name = f"{row['shape']}, B = {row['B']}"
        print(f"| {name} | {row['scaling']} | {row['ranks']} | {times} |")


if __name__ == "__main__":
    main()
