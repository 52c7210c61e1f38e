"""What `build.py book` does: gather the sources, let Sphinx work, check the links."""

import csv
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import webbrowser
from html.parser import HTMLParser
from importlib import metadata
from pathlib import Path
from urllib.parse import unquote

HERE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HERE))
import build  # noqa: E402

PROJECT = HERE.parent
BUILD = HERE / "_build"
SOURCE, HTML = BUILD / "source", BUILD / "html"
EXPLORER = PROJECT / "minivae" / "explorer"
CODE = (
    "checks.py",
    "vae_on_one_page.py",
)  # what chapters import: pages of the book
# Links of the course's own texts, and what becomes of them in the book. What the book
# does not hold loses its link and keeps its words.
PLACES = (
    (r"(\d\d_\w+)\.py", r"\1.ipynb"),
    (r"(?:book/)?notation\.md", "notation.md"),
    (r"exercises/README\.md", "exercises.md"),
    (r"exercises/(\d\d_\w+)\.py", r"exercises.md#\1"),
    (r"(checks|vae_on_one_page)\.py", r"\1.md"),
    (r"(growing_out_of_it)\.md", r"\1.md"),
)
ELSEWHERE = r"notebooks/|mutations/|\.\./tests/\w+\.py|[\w/]*LICENSE\w*(?:\.md)?"


NOT_TEXT = shutil.ignore_patterns("__pycache__", "make.py", "ruff.toml")


def zoo_matrix():
    """The zoo's matrix, as `benchmarks/zoo.py` wrote it, as a table in Markdown."""
    with open(PROJECT / "benchmarks" / "zoo.csv", encoding="utf-8") as file:
        _, *rungs = next(rows := csv.reader(file))
        lines = ["| bug | " + " | ".join(rungs) + " |"]
        lines.append("|---|" + ":-:|" * len(rungs))
        for name, *row in rows:
            marks = " | ".join("✗" if mark == "1" else "·" for mark in row)
            lines.append(f"| {name} | {marks} |")
    return "\n".join(lines)


def relinked(text):
    """A text with its links as the book needs them."""
    for old, new in PLACES:
        text = re.sub(rf"\]\({old}\)", f"]({new})", text)
    return re.sub(rf"\[([^\]]+)\]\((?:{ELSEWHERE})\)", r"\1", text)


def caption_of(source):
    """The figure's caption: the comment `# Figure: ...` that a cell begins with."""
    found = re.match(r"# Figure: (.+\n(?:# .+\n)*)", source + "\n")
    return found and " ".join(re.sub(r"^# ", "", found[1], flags=re.M).split())


def chapter_notebook(path, stored):
    """A chapter as myst-nb reads it, with outputs if its stored notebook has them."""
    cells = build.read_cells(path.read_text(encoding="utf-8"))
    notebook, exercises = build.notebook_of(cells), False
    if stored:
        kept = json.loads((build.NOTEBOOKS / f"{path.stem}.ipynb").read_text("utf-8"))
        for cell, old in zip(notebook["cells"], kept["cells"][1:], strict=True):
            if cell["cell_type"] == "code":
                cell["outputs"], cell["execution_count"] = (
                    old["outputs"],
                    1,
                )
        notebook["metadata"]["mystnb"] = {"execution_mode": "off"}
    for number, cell in enumerate(notebook["cells"]):
        text = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            exercises |= bool(re.search(r"^(## |\*\*)Exercises", text, flags=re.M))
            text = relinked(text)
            if not number:
                text = re.sub(r"^(# .*\n)", rf"\1\n{downloads(path)}\n", text)
            cell["source"] = text
            continue
        settings = {}
        if caption := caption_of(text):
            settings |= {
                "figure": {"caption": caption},
                "image": {"alt": plain(caption)},
            }
            cell["source"] = text.split("\n", caption_lines(text))[-1]
        if exercises and "hide-cell" in cell["metadata"].get("tags", ()):
            settings |= {
                "code_prompt_show": "Solution",
                "code_prompt_hide": "Solution",
            }
        if settings:
            cell["metadata"]["mystnb"] = settings
    return notebook


def caption_lines(source):
    return len(re.match(r"(?:# .+\n)*", source + "\n")[0].splitlines())


def plain(caption):
    """A caption without its markup, as an alt text."""
    return re.sub(r"[$*`\\{}]", "", caption)


def downloads(path):
    """The line below a chapter's title."""
    return (
        "Take this chapter along as a"
        f" {{download}}`notebook <downloads/{path.stem}.ipynb>` or a"
        f" {{download}}`script <downloads/{path.name}>`."
    )


def stage(paths, stored):
    """Put everything that Sphinx reads into one folder.

    Parameters
    ----------
    paths : list of pathlib.Path
        The chapters.
    stored : set of pathlib.Path
        Those whose stored notebooks are up to date: their outputs are shown.
    """
    shutil.rmtree(SOURCE, ignore_errors=True)
    shutil.copytree(
        HERE / "book",
        SOURCE,
        ignore=NOT_TEXT,
    )
    shutil.copytree(HERE / "images", SOURCE / "images")
    texts = {
        "path.md": HERE / "README.md",
        "growing_out_of_it.md": HERE / "growing_out_of_it.md",
        "exercises.md": HERE / "exercises" / "README.md",
    }
    for name, place in texts.items():
        page = relinked(place.read_text(encoding="utf-8"))
        (SOURCE / name).write_text(page, encoding="utf-8")
    front = SOURCE / "index.md"
    text = front.read_text(encoding="utf-8").replace("<!-- matrix -->", zoo_matrix())
    front.write_text(text, encoding="utf-8")
    for name in CODE:
        shutil.copy(HERE / name, SOURCE)
        page = f"# {name}\n\n{{download}}`{name}`\n\n{included(name)}"
        (SOURCE / name).with_suffix(".md").write_text(page, encoding="utf-8")
    stage_tasks()
    folder = SOURCE / "downloads"
    folder.mkdir()
    for path in paths:
        shutil.copy(path, folder)
        notebook = build.NOTEBOOKS / f"{path.stem}.ipynb"
        if path in stored:
            shutil.copy(notebook, folder)
        else:
            text = json.dumps(build.notebook_of(build.with_setup(path)), indent=1)
            (folder / notebook.name).write_text(text, encoding="utf-8")
        text = json.dumps(chapter_notebook(path, path in stored))
        (SOURCE / f"{path.stem}.ipynb").write_text(text, encoding="utf-8")
    stage_static(SOURCE / "_static", fresh=not stored)


def included(name):
    """A file of Python, whole, as part of a page."""
    return f"```{{literalinclude}} {name}\n```\n"


def stage_tasks():
    """The exercises' page gets the task files themselves, below its own text."""
    tasks = sorted((HERE / "exercises").glob("[0-9][0-9]_*.py"))
    page = SOURCE / "exercises.md"
    text = page.read_text(encoding="utf-8") + "\n## The files\n"
    (SOURCE / "code").mkdir()
    for path in tasks:
        shutil.copy(path, SOURCE / "code")
        text = text.replace(f"| `{path.stem}` |", f"| [`{path.stem}`](#{path.stem}) |")
        text += f"\n({path.stem})=\n### {path.stem}\n\n{{download}}`code/{path.name}`\n"
        text += f"\n{included(f'code/{path.name}')}"
    page.write_text(text, encoding="utf-8")


def stage_static(static, fresh):
    """What pages load: MathJax in one file, the front page's picture and its plane."""
    [mathjax] = [
        file
        for file in metadata.files("sphinx-mathjax-offline")
        if file.name == "tex-svg.js"
    ]
    shutil.copy(mathjax.locate(), static)
    shutil.copy(HERE / "images" / "plane.png", static)
    page = planes(fresh).read_text(encoding="utf-8")
    (static / "planes.html").write_text(page, encoding="utf-8")
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])
    [spec] = [model for model in data["models"] if model["kind"] == "VAE"]
    text = json.dumps({"spec": spec, "colours": data["colours"]}).replace("<", "\\u003c")
    plane = (static / "plane.html").read_text(encoding="utf-8")
    scripts = "\n".join(
        (EXPLORER / name).read_text(encoding="utf-8")
        for name in ("engine.js", "draw.js", "views.js")
    )
    for mark, part in (("/*SCRIPTS*/", scripts), ("/*DATA*/", text)):
        before, _, after = plane.partition(mark)
        plane = before + part + after
    (static / "plane.html").write_text(plane, encoding="utf-8")


def planes(fresh):
    """The page of chapter 10's two models, which that chapter writes when it is run.

    An older one will do if not `fresh`, unless the chapter has changed since.
    """
    [chapter] = HERE.glob("10_*.py")
    page = BUILD / "planes.html"
    if fresh or not page.exists() or page.stat().st_mtime < chapter.stat().st_mtime:
        book = {
            "MINIVAE_BOOK": str(BUILD),
            "MPLBACKEND": "Agg",
            "PYTHONUTF8": "1",
        }
        subprocess.run(
            [sys.executable, str(chapter)],
            env=os.environ | book,
            stdout=subprocess.DEVNULL,
            check=True,
        )
    return page


class Links(HTMLParser):
    """The links of a page, and the places in it that links may lead to."""

    def __init__(self, text):
        super().__init__()
        self.links, self.anchors = [], {"", "top"}
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name in ("id", "name") and value:
                self.anchors.add(value)
            elif name in ("href", "src") and value:
                self.links.append(value)


def dead_links(folder):
    """What leads nowhere within the book: sentences, one for each."""
    pages = {
        path: Links(path.read_text(encoding="utf-8"))
        for path in sorted(folder.rglob("*.html"))
        if "_static" not in path.parts
    }
    bad = []
    for path, page in pages.items():
        for link in dict.fromkeys(page.links):
            if re.match(r"[a-z]+:|//", link):  # another machine, a mail, data
                continue
            name, _, anchor = link.partition("#")
            target = (
                (path.parent / unquote(name.partition("?")[0])).resolve() if name else path
            )
            if not target.is_file():
                bad.append(f"{path.name}: {link} leads to no file")
            elif target in pages and unquote(anchor) not in pages[target].anchors:
                bad.append(f"{path.name}: {link} leads to no place on its page")
    return bad


def make_book(paths, stored=False, show=False):
    """Write the HTML book; return what is wrong with it.

    Parameters
    ----------
    paths : list of pathlib.Path
        The chapters; links to those left out would be dead, and are reported.
    stored : bool
        Take the outputs of stored notebooks where they are up to date, and run only
        the other chapters.
    show : bool
        Open the book in the browser.
    """
    if not importlib.util.find_spec("sphinx"):
        return ["the book needs Sphinx: pip install -e '.[book]'"]
    os.environ.pop("MPLBACKEND", None)  # the kernel draws into the notebook
    known = {p for p in paths if stored and not build.stale_notebooks([p])}
    stage(paths, known)
    shutil.rmtree(HTML, ignore_errors=True)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "sphinx",
            "-q",
            "-W",
            "--keep-going",
            "-j",
            "2",
        ]
        + ["-d", str(BUILD / "doctrees"), str(SOURCE), str(HTML)]
    )
    if done.returncode:
        return ["the book: Sphinx found something wrong, see above"]
    bad = dead_links(HTML)
    index = HTML / "index.html"
    print(f"{len(paths)} chapters, {len(paths) - len(known)} run; the book: {index}")
    if show:
        webbrowser.open(index.as_uri())
    return bad
