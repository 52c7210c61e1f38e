"""Alter the formulas of the chapters, one at a time: each alteration must be noticed.

    python tutorials/mutate.py               all alterations of all chapters
    python tutorials/mutate.py 04 05         those of two chapters
    python tutorials/mutate.py --sample 40   a fixed sample, evenly from all chapters

The alterations stand in `mutations/NN_name.txt`, in blocks of

    (4.6) KL to the prior
    - return 0.5 * (mu**2 + np.exp(logvar) - 1 - logvar)
    + return 0.5 * (mu**2 + np.exp(logvar) - 1 + logvar)
    + return 0.5 * (mu**2 + np.exp(logvar) - 1)

a line that names the equation, a piece of the chapter's code as it is (it must occur
exactly once in the code cells), and what to put in its place, one alteration a line.

An altered chapter is *caught* if it ends in an AssertionError, that is, by a check of
its own. The harness fails if one survives, or dies of something else; if a piece is not
found exactly once; or if an equation with a number, \\tag{4.6}, has no alteration.

What both sides of a check share, the check cannot see. Where a whole chapter is blind
to an alteration, the line below it says who sees it:

    + return log_prior(z)
    blind: 07 (7.5) the binomial's constant

The alteration must then survive in its own chapter, and those of chapter 07 under the
label "(7.5) the binomial's constant" are run and must be caught.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

try:
    import resource
except ImportError:  # Windows: the wall clock alone ends a chapter
    resource = None

HERE = Path(__file__).resolve().parent
SECONDS = 60  # of processor time: running for ever is no catch


@dataclass(frozen=True)
class Mutation:
    """One alteration of one chapter: `new` in place of `old`, in equation `label`.

    `seen_by` is empty, or the chapter's number and the label of the alterations that
    stand for this one, to which its own chapter is blind.
    """

    chapter: str
    label: str
    old: str
    new: str
    seen_by: str = ""


def read_mutations(path):
    """Read the alterations of the chapter that the text file `path` is named after."""
    mutations, label, old = [], None, None
    for number, line in enumerate(
        path.read_text(encoding="utf-8").splitlines(), 1
    ):
        if line.startswith("- "):
            old = line[2:]
        elif line.startswith("+ ") and label and old:
            mutations.append(Mutation(path.stem, label, old, line[2:]))
        elif line.startswith("("):
            label, old = line, None
        elif line.startswith("blind: ") and mutations and old:
            mutations[-1] = replace(
                mutations[-1], seen_by=line[7:].strip()
            )
        elif line.strip():
            raise ValueError(
                f"{path.name}, line {number}: not understood: {line!r}"
            )
    return mutations


def code_of(source):
    """The chapter's text with all comment lines, and so all prose, blanked out."""
    return "\n".join(
        " " * len(line) if line.startswith("#") else line
        for line in source.split("\n")
    )


def complaints(source, mutations, chapter):
    """What is wrong with the list itself: pieces not found once, equations left out."""
    code = code_of(source)
    found = []
    for old in dict.fromkeys(m.old for m in mutations):
        if code.count(old) != 1:
            found.append(
                f"{chapter}: found {code.count(old)} times: {old}"
            )
    labels = " ".join(m.label for m in mutations)
    for tag in re.findall(r"\\tag\{([\d.]+)\}", source):
        if f"({tag})" not in labels:
            found.append(
                f"{chapter}: equation ({tag}) has no alteration"
            )
    return found


def stand_ins(mutation):
    """The alterations of another chapter that show that somebody sees this one."""
    number, _, label = mutation.seen_by.partition(" ")
    paths = list((HERE / "mutations").glob(f"{number}_*.txt"))
    found = [
        m
        for path in paths
        for m in read_mutations(path)
        if m.label == label and not m.seen_by
    ]
    if not found:
        raise ValueError(
            f"{mutation.chapter} {mutation.label}: blind: expected a chapter's number"
            f" and the label of its alterations, got {mutation.seen_by!r}"
        )
    return found


def altered(source, mutation):
    """The chapter's source with the one alteration made."""
    at = code_of(source).index(mutation.old)
    return source[:at] + mutation.new + source[at + len(mutation.old) :]


def judge(mutation):
    """(verdict, last line, seconds); "caught" by whoever is to see the alteration."""
    verdict, last, seconds = run(mutation)
    if not mutation.seen_by:
        return verdict, last, seconds
    if verdict != "SURVIVED":
        return f"not blind, but {verdict}", last, seconds
    for other in stand_ins(mutation):
        verdict, last, more = run(other)
        seconds += more
        if verdict != "caught":
            return (
                f"not seen by {mutation.seen_by}, {verdict}",
                last,
                seconds,
            )
    return "caught", last, seconds


def run(mutation):
    """Run one altered chapter; return (verdict, last line it wrote, seconds)."""
    source = (HERE / f"{mutation.chapter}.py").read_text(
        encoding="utf-8"
    )
    environment = os.environ | {
        "MPLBACKEND": "Agg",
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parent)]),
    }
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / f"{mutation.chapter}.py"
        script.write_text(altered(source, mutation), encoding="utf-8")
        process = subprocess.Popen(
            [sys.executable, str(script)],
            cwd=folder,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        if hasattr(
            resource, "prlimit"
        ):  # a busy machine does not count
            limits = resource.RLIMIT_CPU, (SECONDS, SECONDS)
            resource.prlimit(process.pid, *limits)
        try:
            _, errors = process.communicate(timeout=20 * SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
    if process.returncode < 0:  # ended by a signal
        return "endless", "", SECONDS
    last = (errors.strip().splitlines() or [""])[-1]
    seconds = time.perf_counter() - start
    if process.returncode == 0:
        return "SURVIVED", "", seconds
    return (
        ("caught" if "AssertionError" in errors else "died"),
        last,
        seconds,
    )


def sample(mutations, count):
    """`count` of the mutations, at even distances, the same ones every time."""
    if count >= len(mutations):
        return mutations
    return [
        mutations[i * len(mutations) // count] for i in range(count)
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "chapters", nargs="*", help="numbers such as 04; all if none"
    )
    parser.add_argument(
        "--sample", type=int, metavar="N", help="run only N, spread out"
    )
    parser.add_argument(
        "--verbose",
        action="store_true",
        help="print how each one ended",
    )
    options = parser.parse_args()

    mutations, bad = [], []
    for path in sorted((HERE / "mutations").glob("*.txt")):
        if options.chapters and path.stem[:2] not in options.chapters:
            continue
        own = read_mutations(path)
        source = (HERE / f"{path.stem}.py").read_text(encoding="utf-8")
        bad += complaints(source, own, path.stem)
        mutations += own
    if bad or not mutations:
        sys.exit("\n".join(bad) or "no alterations found")

    chosen = sample(mutations, options.sample or len(mutations))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(
            zip(chosen, pool.map(judge, chosen), strict=True)
        )

    print(f"{'chapter':42} altered  caught  seconds")
    for chapter in dict.fromkeys(m.chapter for m in chosen):
        rows = [r for m, r in results if m.chapter == chapter]
        caught = sum(verdict == "caught" for verdict, _, _ in rows)
        seconds = sum(s for _, _, s in rows)
        print(f"{chapter:42} {len(rows):7} {caught:7} {seconds:8.0f}")
    for mutation, (verdict, last, _) in results:
        if verdict != "caught" or options.verbose:
            print(f"\n{verdict}: {mutation.chapter} {mutation.label}")
            print(
                f"  - {mutation.old}\n  + {mutation.new}\n  {last[:160]}"
            )
    caught = sum(verdict == "caught" for _, (verdict, _, _) in results)
    print(
        f"\n{caught} of {len(chosen)} alterations caught ({len(mutations)} in all)"
    )
    sys.exit(caught != len(chosen))


if __name__ == "__main__":
    main()
