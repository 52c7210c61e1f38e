"""Sphinx's settings for the book; `tutorials/build.py book` calls it."""

import pkgutil
import re
import sys
from pathlib import Path

import minivae

sys.path.insert(0, str(Path(__file__).parent))  # links.py

project = "minivae"
author = "the minivae authors"
copyright = author
release = minivae.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",  # [source] beside each function
    "sphinx_copybutton",
    "links",
]
exclude_patterns = ["conf.py", "images/*", "downloads/*", "code/*"]

# A chapter is run unless its notebook says "off", because it holds the outputs already.
# No cache: it would pass after the package broke.
nb_execution_mode = "force"
nb_code_prompt_show = "Show the {type}"
nb_code_prompt_hide = "Hide the {type}"
copybutton_selector = ", ".join(
    f"div.{kind} pre" for kind in ("cell_input", "highlight-python", "highlight-sh")
)
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_merge_streams = True
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 4
suppress_warnings = ["ref.python"]  # "shape" in a docstring is a word

html_use_index = html_domain_indices = False
html_theme = "furo"
pygments_dark_style = "monokai"
html_title = "minivae"
html_static_path = ["_static"]
html_css_files = ["book.css", "moving.css"]
html_js_files = ["moving.js"]
html_copy_source = False
html_show_sourcelink = False
mathjax_path = "tex-svg.js"  # one file, put into _static by build.py: no network

default_role = "code"  # `name` in a docstring
autodoc_preserve_defaults = True
autodoc_member_order = "bysource"
autodoc_default_options = {
    "members": True,
    "show-inheritance": True,
    "ignore-module-all": True,  # a name is described where it is defined, once
}
napoleon_google_docstring = False
napoleon_use_ivar = True  # attributes are listed once


def module_names():
    """The modules of the package that are not private, in alphabetical order."""
    found = pkgutil.walk_packages(minivae.__path__, "minivae.")
    names = (module.name for module in found)
    return sorted(n for n in names if not n.rpartition(".")[2].startswith("_"))


def write_api_pages(folder):
    """One page for each file of the heart and for each room, and a list of them."""
    rooms = {}
    for name in module_names():
        rooms.setdefault(name.split(".")[1], []).append(name)
    folder.mkdir(exist_ok=True)
    for room, names in rooms.items():
        page = f"# minivae.{room}\n"
        for name in names:
            page += f"\n## {name}\n" if len(names) > 1 else ""
            page += f"\n```{{eval-rst}}\n.. automodule:: {name}\n```\n"
        (folder / f"{room}.md").write_text(page, encoding="utf-8")
    index = folder.parent / "reference.md"
    text = index.read_text(encoding="utf-8")
    for kind in ("heart", "rooms"):
        listed = [r for r in rooms if (len(rooms[r]) > 1) == (kind == "rooms")]
        text = text.replace(f"<{kind}>", "\n".join(f"api/{room}" for room in listed))
    index.write_text(text, encoding="utf-8")


def plain_docstring(app, what, name, obj, options, lines):
    """Make reStructuredText of a docstring that was written to be read as it is.

    Before the first section (Parameters, Returns, ...) an indented block is a formula
    and stays as it stands, line by line; `name : meaning` is an item of a list. Bars
    and trailing underscores mean themselves everywhere.
    """
    if what == "module" and name.startswith("minivae.cli"):  # the command's help
        lines[:] = ["::", "", *("    " + line for line in lines), ""]
        return
    rules = [i for i, line in enumerate(lines) if re.fullmatch(r"-{3,}", line)]
    body = rules[0] - 1 if rules else len(lines)
    result, formula, item = [], False, False
    for i, line in enumerate(lines):
        blank, indented = not line.strip(), line.startswith("    ")
        if i < body:
            found = re.fullmatch(r"(\w+(?:, \w+)*) : (.*)", line)
            if found:
                line, item = f"- **{found[1]}**: {found[2]}", True
            elif item and indented and not formula:
                line = "  " + line.strip()
            elif indented and not formula and i and not lines[i - 1].strip():
                result += ["::", ""]
                formula = True
            elif not indented and not blank:
                formula = item = False
        if not (formula and i < body):
            line = line.replace("|", "\\|")
            line = re.sub(r"(?<=\w)_(?=[\W_]|$)", r"\\_", line)
        result.append(line)
    lines[:] = result


def skip_aliases(app, what, name, obj, skip, options):
    """Leave out the fields of a NamedTuple: its docstring has described them."""
    return True if (obj.__doc__ or "").startswith("Alias for field") else None


def setup(app):
    """Called by Sphinx before it reads anything."""
    write_api_pages(Path(app.srcdir) / "api")
    app.connect("autodoc-process-docstring", plain_docstring, priority=400)
    app.connect("autodoc-skip-member", skip_aliases)
