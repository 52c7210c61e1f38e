"""One self-contained HTML file: template, style, scripts and models, put together."""

import json
from pathlib import Path

from minivae.atomic import replacing
from minivae.explorer.sources import sources
from minivae.plots.drawing import CLASS_COLOURS

HERE = Path(__file__).parent
SCRIPTS = ("engine.js", "evidence.js", "draw.js", "views.js", "app.js")
SHARED = ("data", "shape", "labels")  # what two models must have in common


def build_page(*models):
    """The HTML of one model, or of two side by side.

    Parameters
    ----------
    *models : dict
        What `collect` returned for each.

    Returns
    -------
    str
        The page asks no machine for anything: its Content-Security-Policy forbids it.

    Raises
    ------
    ValueError
        If two models do not look at the same images, or there are none or more of them.
    """
    if len(models) not in (1, 2):
        raise ValueError(f"models: expected one or two, got {len(models)}")
    for key in SHARED:
        a, b = models[0][key], models[-1][key]
        if a != b:
            what = "others" if key == "labels" else f"{a!r} and {b!r}"
            raise ValueError(f"models: expected the same {key} for both, got {what}")
    data = {
        "models": models,
        "colours": CLASS_COLOURS,
        "code": sources(model["kind"] for model in models),
    }
    page = _read("template.html")
    # "</script>" in a text must not end the script that holds it.
    text = json.dumps(data, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")
    scripts = "\n".join(_read(name) for name in SCRIPTS)
    parts = {"/*STYLE*/": _read("style.css"), "/*SCRIPTS*/": scripts, "/*DATA*/": text}
    for mark, part in parts.items():
        assert mark in page, mark
        page = page.replace(mark, part, 1)
    return page


def write_page(path, *models):
    """Write `build_page(*models)` to `path`: whole, or not at all."""
    text = build_page(*models)
    with replacing(path) as file:
        file.write(text.encode("utf-8"))


def _read(name):
    return (HERE / name).read_text(encoding="utf-8")
