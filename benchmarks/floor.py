"""How many nats of a binarized image are coin tossing, which no model can avoid.

    python benchmarks/floor.py --mnist FOLDER

A pixel of grey value g that is drawn black with probability g has an entropy of
h(g) = -g log g - (1 - g) log(1 - g) nats. Writes floor.csv: the mean over the test images
of the sum over pixels, and its standard error. Chapter 15 reads it.
"""

import argparse
from pathlib import Path

import numpy as np

from minivae.atomic import replacing
from minivae.datasets import load_digits, load_mnist
from minivae.inference.bounds import mean_and_error


def floor(images):
    """Mean and standard error over the test images, in nats."""
    g = images.test.astype(np.float64) / images.max_count
    g = np.clip(g, 1e-12, 1 - 1e-12)  # 0 log 0 is 0
    return mean_and_error(-(g * np.log(g) + (1 - g) * np.log1p(-g)).sum(axis=1))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--mnist", metavar="FOLDER", help="where MNIST's files lie")
    options = parser.parse_args()
    text = "images,nats,standard_error\n"
    for images in (load_digits(), load_mnist(options.mnist)):
        mean, error = floor(images)
        text += f"{images.name},{mean:.4f},{error:.4f}\n"
    with replacing(Path(__file__).parent / "floor.csv") as file:
        file.write(text.encode())
    print(text, end="")


if __name__ == "__main__":
    main()
