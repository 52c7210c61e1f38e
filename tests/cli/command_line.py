"""Every command once as it is meant and once wrongly, in one process: a program.

    PYTHONIOENCODING=cp1252 python tests/cli/command_line.py "a folder"

It ends with 1, and says why, if a command raises, ends with another code than it should,
or answers a mistake with more than one line. It prints what the commands print, so that
the encoding of the output is tested as well; what they write goes to the folder, which
may have any name.
"""

import io
import os
import sys
import traceback
from pathlib import Path

from minivae import cli
from minivae.explorer import likelihood
from minivae.ladder import RUNGS
from minivae.plots import drawing

COMMANDS = (
    "train evaluate check sample explore export import zoo course exercises grade"
).split()
BUILD = """\
import numpy as np
def build():
    return lambda p: (p["θ"] ** 2).sum(), {"θ": np.ones(2)}, lambda p: {"θ": 2 * p["θ"]}
"""


def good(run):
    """Calls that have to end well, in an order in which each finds its files."""
    model, source = f"{run}/model.npz", Path(f"{run} Größe.py")
    quick = Path(f"{run} prüfen.py")
    source.write_text(BUILD, encoding="utf-8")
    quick.write_text("print('σ', __name__)\n", encoding="utf-8")
    yield from ([command, "--help"] for command in COMMANDS)
    yield from (["--help"], ["--version"])
    tiny = "--hidden 4 --latent 1 --epochs 1 --batch-size 500 --out".split()
    yield ["train", *tiny, str(run)]
    yield ["train", "--resume", model, "--epochs", "1"]
    yield ["evaluate", model, "--importance", "2", "--samples", "1"]
    yield ["check", model]
    yield ["check", f"{source}:build"]
    yield ["sample", model, "-n", "2", "--out", f"{run}/ä.npy"]
    yield ["export", model, "--out", f"{run}/ö.npz"]
    yield ["import", f"{run}/ö.npz", "--like", model, "--out", f"{run}/ü.npz"]
    yield ["explore", model, "--out", f"{run}/page.html"]
    yield ["zoo", "--list"]
    yield ["zoo", "--hunt", "7", "--run", str(quick)]
    yield ["course", f"{run}/course"]
    yield ["exercises", f"{run}/answers"]
    few = Path(f"{run}/Ämter")
    few.mkdir()
    (few / "01_linear.py").write_bytes(Path(f"{run}/answers/01_linear.py").read_bytes())
    yield ["grade", str(few), "--json", f"{few}/ë.json"]


def bad(run):
    """Mistakes; each is answered by one line and exit code 2."""
    (run / "ß.npz").write_bytes(b"no model")
    for command in ("evaluate", "sample", "explore", "export"):
        yield [command, f"{run}/nothing äöü.npz"]
        yield [command, f"{run}/ß.npz"]
    yield ["train", "--data", f"{run}/nichts für ungut"]
    yield ["train", "--likelihood", "größer"]
    yield ["train", "--latent", "½"]
    yield ["check", f"{run}/nothing.py:büild"]
    yield ["import", f"{run}/ß.npz", "--like", f"{run}/ß.npz"]
    yield ["zoo", "kein Käfer"]
    yield ["zoo", "--answer", "θ"]
    yield ["course"]
    yield ["exercises", f"{run}/ß.npz"]
    yield ["grade", f"{run}/nobody's answers"]
    yield ["grade", f"{run}/answers", "--json", f"{run}/no/ü.json"]
    yield ["Zöo"]


def ended(words):
    try:
        return cli.main(words)
    except SystemExit as stopped:  # this is how argparse ends
        return stopped.code


def mistakes(folder):
    """What went otherwise than it should, in words."""
    drawing.DPI, likelihood.QUADRATURE = 20, 0
    for number in set(RUNGS) - {2}:  # some seconds less: rung 2 prints as all others do
        RUNGS[number] = lambda model, x, rng: []
    os.environ["COLUMNS"] = "80"
    folder.mkdir(parents=True)
    for words in good(folder / "run"):
        if ended(words) != 0:
            yield f"{words}: expected exit code 0"
    for words in bad(folder):
        said, sys.stderr = sys.stderr, io.StringIO()
        try:
            code = ended(words)
            lines = sys.stderr.getvalue().count("\n")
        finally:
            sys.stderr = said
        if (code, lines) != (2, 1):
            yield f"{words}: expected exit code 2 and one line, got {code} and {lines}"


if __name__ == "__main__":
    try:
        wrong = list(mistakes(Path(sys.argv[1])))
    except Exception:
        wrong = [traceback.format_exc()]
    for one in wrong:
        sys.stderr.write(one.encode("ascii", "replace").decode() + "\n")
    sys.exit(bool(wrong))
