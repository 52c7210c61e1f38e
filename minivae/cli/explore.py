"""`minivae explore`: a page of one model, or of two side by side."""

import webbrowser
from pathlib import Path

import numpy as np

from minivae.cli.arguments import add_data, add_model_file, add_out, adder
from minivae.cli.folders import new_file
from minivae.cli.options import Opened, colours


def explore(arguments):
    """Write the page, say where it is, and open it if asked."""
    from minivae.explorer import collect, write_page  # which only this command needs

    path, models = new_file(arguments.out, "page.html"), []
    for file in filter(None, (arguments.model, arguments.other)):
        one, rng = Opened.from_file(file, arguments), np.random.default_rng(0)
        beta = one.settings.get("beta", 1.0)
        note = "" if callable(beta) or beta == 1 else f"β = {beta:g}"
        photograph = colours(one.images.name) == "gray"
        how = one.binarize, one.scaled, photograph, note
        models.append(collect(one.model, one.images, _title(file), rng, *how))
    write_page(path, *models)
    print(f"{path}: {path.stat().st_size / 1e6:.2f} MB, all in one file")
    if arguments.open:
        webbrowser.open(path.resolve().as_uri())


def _title(file):
    """What `train` calls a model is the name of its folder."""
    path = Path(file).resolve()
    return path.parent.name if path.name == "model.npz" else path.stem


def add_to(command):
    what = "make a page in which a model, or two, can be touched"
    parser = command("explore", explore, what)
    add_model_file(parser)
    add = adder(parser)
    add("other", "a second one of the same images", metavar="MODEL2", nargs="?")
    add_out(parser, ".html", "page.html")
    add("--open", "open it in the browser", action="store_true")
    add_data(parser)
