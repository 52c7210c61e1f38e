"""Whether a second thread of ours helps a step: Adam by halves, alone and in training.

    python benchmarks/threads.py [--rounds 30] [--timeouts none 10]

Adam is elementwise, so its vector can be updated by halves on two threads, to the same
bits. It is timed alone, and after the forward and backward pass it belongs to, in
turns with the plain one. The library that multiplies matrices decides what comes out:
OpenBLAS's second thread waits for the next product by spinning, 2^26 cycles unless
OPENBLAS_THREAD_TIMEOUT says another power of two, and so keeps the core that ours wants.
"""

import argparse
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

SHAPES = [  # D, hidden, K, B
    (784, (200, 200), 50, 100),
    (784, (400,), 20, 128),
    (784, (500,), 20, 100),
    (784, (500,), 20, 500),
]
SMALL = [(64, (16,), 2, 8)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--timeouts", nargs="+", default=["none", "10"])
    parser.add_argument("--small", action="store_true", help="one tiny shape, for a test")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.here:
        for shape in SMALL if args.small else SHAPES:
            report(shape, args.rounds)
        return
    rest = ["--rounds", str(args.rounds), *(["--small"] if args.small else [])]
    for timeout in args.timeouts:  # OpenBLAS reads it once, so each has its own process
        setting = {} if timeout == "none" else {"OPENBLAS_THREAD_TIMEOUT": timeout}
        environment = os.environ | {"OPENBLAS_NUM_THREADS": "2"} | setting
        print(f"\nOPENBLAS_THREAD_TIMEOUT: {timeout}; medians in ms\n")
        print(
            "| shape | Adam alone | by halves | in a step | by halves | step | by halves |"
        )
        print("|---" * 7 + "|", flush=True)
        command = [sys.executable, __file__, "--here", *rest]
        subprocess.run(command, env=environment, check=True)


def report(shape, rounds):
    """One row: six medians over the rounds, the plain way and halves in turns."""
    D, hidden, K, B = shape
    plain, halves = (step_of(shape, way)[1:] for way in (whole, by_halves))
    times = {}
    for _ in range(rounds):
        for way, (optimizer, passes) in (("whole", plain), ("halves", halves)):
            for _ in range(4):
                times.setdefault((way, "alone"), []).append(seconds(optimizer))
            for _ in range(4):
                before = seconds(passes)
                adam = seconds(optimizer)
                times.setdefault((way, "adam"), []).append(adam)
                times.setdefault((way, "step"), []).append(before + adam)
    cells = [
        f"{1e3 * np.median(times[way, what]):.2f}"
        for what in ("alone", "adam", "step")
        for way in ("whole", "halves")
    ]
    name = f"{'-'.join(map(str, (D, *hidden, K)))}, B = {B}"
    print(f"| {name} | {' | '.join(cells)} |", flush=True)


def step_of(shape, way):
    """A model, its Adam, and its forward and backward pass, without arguments."""
    from minivae import VAE, Adam

    D, hidden, K, B = shape
    rng = np.random.default_rng(1)
    model = VAE.mlp(D, K, hidden, rng=rng)
    x = (rng.random((B, D)) < 0.2).astype(np.float32)
    parts = [slice(0, model.theta.size // 2), slice(model.theta.size // 2, None)]
    parts = parts if way is by_halves else [slice(None)]
    optimizers = [Adam(1e-3) for _ in parts]
    work = [
        lambda part=part, optimizer=optimizer: optimizer.step(
            model.theta[part], model.grad[part]
        )
        for part, optimizer in zip(parts, optimizers, strict=True)
    ]

    def passes():
        model.loss(x, rng.standard_normal((B, K), dtype=np.float32))
        model.backward()

    passes()
    return model, lambda: way(*work), passes


def whole(work):
    work()


pool = ThreadPoolExecutor(1)


def by_halves(first, second):
    other = pool.submit(second)
    first()
    other.result()


def seconds(work):
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
