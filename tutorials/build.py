"""Run the chapters, make notebooks of them, and build the book.

    python tutorials/build.py run                 every chapter with plain Python
    python tutorials/build.py run --seeds 20      with twenty other seeds each
    python tutorials/build.py notebooks           notebooks/NN_name.ipynb, with outputs
    python tutorials/build.py notebooks --check   are they up to date with their source?
    python tutorials/build.py book                _build/html/index.html
    python tutorials/build.py book --stored       the same from the notebooks' outputs

Each takes chapter numbers (04 05), and all chapters if none are given. `run` and
`--check` need nothing beyond the package; the others need `pip install -e '.[book]'`.
"""

import argparse
import base64
import io
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
NOTEBOOKS = HERE / "notebooks"
SECONDS = 15  # of processor time: what one chapter may take
BYTES = 500_000  # what a notebook may weigh, pictures included

# The first cell of every notebook. The course knows no address: where the package is
# missing, the wheel that `minivae course` writes is uploaded with the notebook.
SETUP = """\
# Run this first: it finds the package, or installs it from the wheel
# that lies beside this notebook.
import importlib.util, subprocess, sys
from pathlib import Path

if importlib.util.find_spec("minivae") is None:
    wheels = [*Path().glob("minivae-*.whl"), *Path("..").glob("minivae-*.whl")]
    if not wheels:
        raise RuntimeError(
            "minivae is missing: upload the file minivae-...-any.whl, which the"
            " command `minivae course` wrote, beside this notebook, and run"
            " this cell again"
        )
    pip = [sys.executable, "-m", "pip", "install", "-q", str(wheels[-1])]
    subprocess.run(pip, check=True)
    importlib.invalidate_caches()
from minivae.course import course_folder

sys.path.insert(0, str(course_folder()))"""

# What a cell's tags fold in the book, and in JupyterLab.
FOLDED = {
    "hide-cell": {"source_hidden": True, "outputs_hidden": True},
    "hide-input": {"source_hidden": True},
    "hide-output": {"outputs_hidden": True},
}


def chapters(numbers=()):
    """The chapters' files in order, or those of the numbers given ("04")."""
    paths = sorted(HERE.glob("[0-9][0-9]_*.py"))
    return [
        path
        for path in paths
        if not numbers or path.name[:2] in numbers
    ]


def read_cells(text):
    """Split a chapter in percent format into cells: (kind, tags, source).

    `# %% [markdown]` begins a text cell, whose lines lose their `# `; `# %%` a code
    cell, which may carry tags: `tags=["hide-cell"]` folds a solution, "hide-input" code
    that only draws, "hide-output" what is to be predicted first. Nothing else of the
    format is used.
    """
    parts = re.split(r"^# %%(.*)\n", text, flags=re.MULTILINE)
    if parts[0].strip():
        raise ValueError(
            f"text before the first cell: {parts[0].strip()[:60]!r}"
        )
    cells = []
    for head, body in zip(parts[1::2], parts[2::2], strict=True):
        found = re.fullmatch(
            r'( \[markdown\])?( tags=(\["[\w-]+"(?:, "[\w-]+")*\]))?',
            head,
        )
        if not found:
            raise ValueError(f"not understood: # %%{head}")
        body = body.strip("\n")
        if found[1]:
            body = re.sub(r"^# ?", "", body, flags=re.MULTILINE)
        tags = json.loads(found[3] or "[]")
        cells.append(("markdown" if found[1] else "code", tags, body))
    return cells


def notebook_of(cells):
    """A notebook without outputs, as the dict that its JSON file holds."""
    written = []
    for i, (kind, tags, source) in enumerate(cells):
        cell = {
            "cell_type": kind,
            "id": f"cell-{i:02}",
            "metadata": {"tags": tags} if tags else {},
            "source": source.splitlines(keepends=True),
        }
        if kind == "code":
            cell |= {"execution_count": None, "outputs": []}
        folded = {
            k: v for t in tags for k, v in FOLDED.get(t, {}).items()
        }
        if folded:
            cell["metadata"]["jupyter"] = folded
        written.append(cell)
    kernel = {
        "display_name": "Python 3",
        "language": "python",
        "name": "python3",
    }
    return {
        "cells": written,
        "metadata": {"kernelspec": kernel},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def with_setup(path):
    """The cells of a chapter's notebook: the one that installs, then its own."""
    return [
        ("code", [], SETUP),
        *read_cells(path.read_text(encoding="utf-8")),
    ]


def processor_time():
    """Seconds used by child processes that ended; by the wall clock on Windows."""
    try:
        import resource  # not on Windows
    except ImportError:
        return time.perf_counter()
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def run_chapters(paths, seeds=(0,)):
    """Run each chapter as a script with each seed; return what went wrong."""
    bad, total = [], 0.0
    for path in paths:
        passed, longest, checks = 0, 0.0, 0
        for seed in seeds:
            before = processor_time()
            done = subprocess.run(
                [sys.executable, str(path)],
                env=os.environ
                | {
                    "MPLBACKEND": "Agg",
                    "MINIVAE_SEED": str(seed),
                    "PYTHONUTF8": "1",
                },
                capture_output=True,
                text=True,
                encoding="utf-8",
            )
            seconds = processor_time() - before
            total += seconds
            longest = max(longest, seconds)
            checks = done.stdout.count("  ok\n")
            passed += done.returncode == 0
            if done.returncode:
                which = f" with MINIVAE_SEED={seed}" if seed else ""
                bad.append(
                    f"{path.name} failed{which}:\n{done.stdout}{done.stderr}"
                )
        if longest > SECONDS:
            bad.append(
                f"{path.name}: {longest:.1f} s, expected at most {SECONDS}"
            )
        line = f"{path.stem:36} {longest:6.1f} s {checks:4} checks"
        if len(seeds) > 1:
            line += f"  {passed} of {len(seeds)} seeds pass"
        print(line, flush=True)
    print(f"{'together':36} {total:6.1f} s of processor time")
    return bad


def smaller(png):
    """A picture in base64 with a palette of 256 colours: a quarter of the bytes."""
    from PIL import Image  # matplotlib brings it

    with Image.open(io.BytesIO(base64.b64decode(png))) as image:
        few = image.convert("RGB").quantize(
            256, dither=Image.Dither.NONE
        )
    stream = io.BytesIO()
    few.save(stream, "png", optimize=True)
    return base64.b64encode(stream.getvalue()).decode()


def make_notebook(path):
    """Run a chapter as a notebook and write it with its outputs."""
    import nbformat
    from nbclient import NotebookClient

    os.environ.pop(
        "MPLBACKEND", None
    )  # the kernel draws into the notebook
    NOTEBOOKS.mkdir(exist_ok=True)
    plain = json.dumps(notebook_of(with_setup(path)))
    notebook = nbformat.reads(plain, as_version=4)
    NotebookClient(
        notebook,
        timeout=300,
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(NOTEBOOKS)}},
    ).execute()
    # The patch version of Python, which language_info names, is no one's business.
    notebook.metadata.pop("language_info", None)
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "image/png" in data:
                data["image/png"] = smaller(data["image/png"])
    target = NOTEBOOKS / f"{path.stem}.ipynb"
    nbformat.write(notebook, target)
    print(
        f"{target.name:40} {target.stat().st_size / 1000:6.0f} kB",
        flush=True,
    )


def stale_notebooks(paths):
    """What is wrong with the stored notebooks, compared with their sources."""
    bad = []
    if paths == chapters():
        known = {path.stem for path in paths}
        extra = [
            p.name
            for p in NOTEBOOKS.glob("*.ipynb")
            if p.stem not in known
        ]
        bad += [
            f"notebooks/{name} has no chapter" for name in sorted(extra)
        ]
    for path in paths:
        stored = NOTEBOOKS / f"{path.stem}.ipynb"
        if not stored.exists():
            bad.append(f"notebooks/{stored.name} is missing")
            continue
        cells = json.loads(stored.read_text(encoding="utf-8"))["cells"]
        found = [
            (
                c["cell_type"],
                c["metadata"].get("tags", []),
                "".join(c["source"]),
            )
            for c in cells
        ]
        code = [c for c in cells if c["cell_type"] == "code"]
        outputs = [
            output["output_type"]
            for c in code
            for output in c["outputs"]
        ]
        if found != with_setup(path):
            bad.append(
                f"notebooks/{stored.name} is older than {path.name}"
            )
        elif "error" in outputs or not all(
            c["execution_count"] for c in code
        ):
            bad.append(
                f"notebooks/{stored.name} did not run to its end"
            )
        if stored.stat().st_size > BYTES:
            bad.append(
                f"notebooks/{stored.name}: expected at most {BYTES} bytes"
            )
    return bad


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=["run", "notebooks", "book"])
    parser.add_argument(
        "numbers", nargs="*", help="chapters such as 04; all if none"
    )
    parser.add_argument(
        "--check", action="store_true", help="notebooks: only compare"
    )
    parser.add_argument(
        "--seeds",
        type=int,
        metavar="N",
        help="run: with N other seeds each, 1 to N",
    )
    parser.add_argument(
        "--stored",
        action="store_true",
        help="book: with the outputs of stored notebooks, where they are up to date",
    )
    parser.add_argument(
        "--open",
        action="store_true",
        help="book: show it in the browser",
    )
    options = parser.parse_args()

    paths, bad = chapters(options.numbers), []
    if options.what == "run":
        seeds = range(1, options.seeds + 1) if options.seeds else (0,)
        bad = run_chapters(paths, seeds)
    elif options.what == "book":
        sys.path.insert(0, str(HERE / "book"))
        from make import make_book

        bad = make_book(paths, options.stored, options.open)
    elif options.check:
        bad = stale_notebooks(paths)
        print(f"{len(paths)} notebooks compared with their chapters")
    else:
        for path in paths:
            make_notebook(path)
    sys.exit("\n".join(bad) or 0)


if __name__ == "__main__":
    main()
