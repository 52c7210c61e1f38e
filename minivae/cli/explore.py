"""`minivae explore`: a page of one model, or of two side by side."""

import webbrowser
from pathlib import Path

import numpy as np

from minivae.cli.folders import new_file
from minivae.cli.groups import add_data, add_model_file, add_out
from minivae.cli.options import Opened, colours


def explore(arguments):
    """Write the page, say where it is, and open it if asked."""
    from minivae.explorer import collect, write_page  # which only this command needs

    path, models = new_file(arguments.out, "page.html"), []
    for file in filter(None, (arguments.model, arguments.other)):
        one, rng = Opened.from_file(file, arguments), np.random.default_rng(0)
        beta = one.settings.get("beta", 1.0)
        models.append(
            collect(
                one.model,
                one.images,
                _title(file),
                rng,
                one.binarize,
                one.scaled,
                photograph=colours(one.images.name) == "gray",
                note="" if callable(beta) or beta == 1 else f"β = {beta:g}",
            )
        )
    write_page(path, *models)
    print(f"{path}: {path.stat().st_size / 1e6:.2f} MB, all in one file")
    if arguments.open:
        webbrowser.open(path.resolve().as_uri())


def _title(file):
    """What `train` calls a model is the name of its folder."""
    path = Path(file).resolve()
    return path.parent.name if path.name == "model.npz" else path.stem


def add_to(command):
    parser = command(
        "explore", explore, "make a page in which a model, or two, can be touched"
    )
    add_model_file(parser)
    add = parser.add_argument
    add("other", metavar="MODEL2", nargs="?", help="a second one of the same images")
    add_out(parser, ".html", "page.html")
    add("--open", action="store_true", help="open it in the browser")
    add_data(parser)
