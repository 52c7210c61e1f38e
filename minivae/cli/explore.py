"""`minivae explore`: a page of one model, or of two side by side."""

import webbrowser
from pathlib import Path

import numpy as np

from minivae.cli.folders import new_file
from minivae.cli.groups import add_data, add_model_file
from minivae.cli.options import colours, load_data
from minivae.training import checkpoints
from minivae.training.evaluation import scaling


def explore(arguments):
    """Write the page, say where it is, and open it if asked."""
    from minivae.explorer import collect, write_page  # which only this command needs

    path, models = new_file(arguments.out, "page.html"), []
    for file in (arguments.model, arguments.other):
        if file is None:
            continue
        saved = checkpoints.load(file)
        images = load_data(arguments, saved)
        settings = saved.settings or {}
        binarize = settings.get("binarize", "none")
        models.append(
            collect(
                saved.model,
                images,
                _title(file),
                np.random.default_rng(0),
                binarize,
                scaling(saved.model, images, binarize),
                photograph=colours(images.name) == "gray",
                note=_note(settings.get("beta", 1.0)),
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


def _note(beta):
    return "" if callable(beta) or beta == 1 else f"β = {beta:g}"


def add_explore(command):
    """Give the command its parser; `command` is the helper of `build_parser`."""
    parser = command(
        "explore", explore, "make a page in which a model, or two, can be touched"
    )
    add_model_file(parser)
    parser.add_argument(
        "other", metavar="MODEL2", nargs="?", help="a second one of the same images"
    )
    parser.add_argument(
        "-o",
        "--out",
        metavar="FILE",
        help="a new .html (default: page.html, or the next free page-2.html, ...)",
    )
    parser.add_argument("--open", action="store_true", help="open it in the browser")
    add_data(parser, "what the model was trained on")
