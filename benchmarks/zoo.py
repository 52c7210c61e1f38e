"""The zoo's matrix as a table, which the book's front page shows.

    python benchmarks/zoo.py            writes zoo.csv: 1 where a rung fails on a bug

About a minute on two cores. `minivae zoo` prints the same and draws it.
"""

import csv
from pathlib import Path

from minivae.zoo.matrix import compute_matrix


def main():
    matrix = compute_matrix()
    path = Path(__file__).with_suffix(".csv")
    with open(path, "w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["bug", *matrix.rungs])
        for name, row in zip(matrix.names, matrix.caught, strict=True):
            table.writerow([name, *row.astype(int)])


if __name__ == "__main__":
    main()
