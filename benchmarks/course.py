"""Repeat the experiments of a chapter with several seeds, and keep what it measured.

    python benchmarks/course.py 18             seeds 0 to 5
    python benchmarks/course.py 18 --seeds 10  seeds 0 to 9

A chapter that compares trained models prints a line that begins with "row" and holds its
numbers. They are written to benchmarks/course_NN.csv, a row for each seed; the chapter
reads the table, and holds its own run against the row of its seed.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from pathlib import Path

from minivae.atomic import replacing
from minivae.course import course_folder

HERE = Path(__file__).resolve().parent


def rows_of(chapter, seed):
    """The rows that one run of a chapter prints."""
    done = subprocess.run(
        [sys.executable, str(chapter)],
        env=os.environ
        | {"MINIVAE_SEED": str(seed), "MINIVAE_MEASURE": "1", "MPLBACKEND": "Agg"},
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    found = [line[4:] for line in done.stdout.splitlines() if line.startswith("row {")]
    rows = [json.loads(text) for text in found]
    said = done.stderr
    missing = re.search(r"KeyError: '(\w+)'\s*$", said) if done.returncode else None
    if missing and any(missing[1] in row for row in rows):
        said = (
            f"{chapter.name} with seed {seed}: the old table has no column"
            f" '{missing[1]}'. The rows printed before it was read are kept; a second run"
            " reads the new table.\n"
        )
    elif done.returncode:
        said += f"{chapter.name} did not run to its end with seed {seed}\n"
    sys.stderr.write(said)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("chapter", help="its number, such as 18")
    parser.add_argument("--seeds", type=int, default=6, help="how many (6)")
    options = parser.parse_args()
    [chapter] = course_folder().glob(f"{options.chapter}_*.py")
    rows = []
    for seed in range(options.seeds):
        rows += rows_of(chapter, seed)
        print(f"seed {seed}: {rows[-1] if rows else 'nothing'}", flush=True)
    if not rows:
        sys.exit(f"{chapter.name}: expected a line that begins with 'row', got none")
    text = ",".join(rows[0]) + "\n"
    for row in rows:
        text += ",".join(f"{value:.10g}" for value in row.values()) + "\n"
    with replacing(HERE / f"course_{options.chapter}.csv") as file:
        file.write(text.encode())


if __name__ == "__main__":
    main()
