"""The test bound against passes, of all runs that `burda.py` has finished in a folder.

python benchmarks/burda_curves.py RUNS FIGURE.png
"""

import argparse
import json
from itertools import cycle
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

COLORS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("runs", help="the folder that was given to burda.py")
    parser.add_argument("figure", help="the image to write")
    args = parser.parse_args()
    draw(sorted(Path(args.runs).glob("*/result.json")), args.figure)


def draw(results, path):
    figure, ax = plt.subplots(figsize=(7, 4.2))
    for file, color in zip(results, cycle(COLORS), strict=False):
        result = json.loads(file.read_text())
        curve = np.genfromtxt(file.with_name("curve.csv"), delimiter=",", names=True)
        label = "{} S = {}, batch {}, {}: {:.2f} nats".format(
            result["objective"].upper(),
            result["samples"],
            result["batch"],
            {"piecewise_constant": "published piecewise_constant"}.get(
                result["schedule"], result["schedule"]
            ),
            result["nll"],
        )
        passes, bound = (
            np.atleast_1d(curve["epoch"]),
            np.atleast_1d(curve["test_objective"]),
        )
        ax.plot(passes, bound, color=color, label=label)
        ax.plot(passes[-1], result["nll"], "D", color=color, ms=6)
    ax.axhline(86.76, color="0.4", ls=":", label="published, VAE S = 1, 3280 passes: 86.76")
    ax.set_xscale("log")
    ax.set_ylim(84, 116)
    ax.set_xlabel("passes over the 60,000 training images")
    ax.set_ylabel("test bound, nats (diamond: -log p(x))")
    ax.legend(fontsize=8)
    ax.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
