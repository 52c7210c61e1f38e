"""Links that the chapters need not write: equations, chapters, functions, papers.

An extension of Sphinx. In a chapter's prose "(4.6)" leads to the formula with that
number, "chapter 6" to its page, a name in code style that the package defines once to
its place in the reference, `minivae/vae.py` to its source. The titles under "Sources"
lead to where `papers.csv` says that they are; one that it lacks is told.
"""

import csv
import operator
import re
import sys
from pathlib import Path

import minivae
from docutils import nodes
from sphinx.util import logging

HERE = Path(__file__).parent
WHERE = {"arXiv:": "https://arxiv.org/abs/", "doi:": "https://doi.org/"}
LAST = re.compile(r"\s*\\tag\{([\d.]+)\}")
# (4.6), equation 4.6, or the numbers after the word chapter: one, or several
MENTIONS = re.compile(
    r"(?:(?<=\()|(?P<word>\bequation\s))(?P<equation>\d{1,2}\.\d{1,2})\b"
    r"|\b[Cc]hapters?\s\d{1,2}\b(?!\.\d)(?:(?:,? (?:and|to|or) |, )\d{1,2}\b(?!\.\d))*"
)
DEFINED = re.compile(r"^\s*(?:def|class) (\w+)|^(\w+) = ", re.MULTILINE)
NO_PROSE = (
    nodes.literal,
    nodes.literal_block,
    nodes.reference,
    nodes.title,
    nodes.math,
    nodes.math_block,
)
logger = logging.getLogger(__name__)


def papers():
    """{title: address}, an address being "" for what has none."""
    with open(HERE / "papers.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="|"))
    return {row["title"]: _address(row["link"]) for row in rows}


def _address(link):
    for start, place in WHERE.items():
        if link.startswith(start):
            return place + link.removeprefix(start)
    return link


def formulas(env):
    """{number: page} of all formulas read so far."""
    return env.__dict__.setdefault("formulas", {})


def merge(app, env, docnames, other):
    """What another process has read, when the pages are read by several."""
    formulas(env).update(formulas(other))


def number_formulas(app, doctree):
    """Take the number out of a formula: a label beside it, which does not scroll."""
    known = formulas(app.env)
    for node in doctree.findall(nodes.math_block):
        text = node.astext()
        if found := LAST.search(text):
            number, docname = found[1], app.env.docname
            node[:] = [nodes.Text(text.replace(found[0], "", 1))]
            node["number"], node["ids"] = number, [f"equation-{number}"]
            if known.setdefault(number, docname) != docname:
                logger.warning("(%s) in %s and %s", number, known[number], docname)


def wrap_checks(app, doctree):
    """Give the lines of checks, which end in ok, a box of their own: there they wrap."""
    for node in list(doctree.findall(nodes.literal_block)):
        if "stream" not in node["classes"]:
            continue
        parts, before = [], None
        for line in node.astext().rstrip("\n").split("\n"):
            is_check = line.endswith("  ok")
            if is_check != before:
                parts.append([])
            parts[-1].append(line)
            before = is_check
        boxes = []
        for lines in parts:
            text = "\n".join(lines)
            kind = ["checks"] if lines[0].endswith("  ok") else []
            box = nodes.literal_block(text, text, classes=node["classes"] + kind)
            box["language"] = node.get("language", "none")
            boxes.append(box)
        node.replace_self(boxes)


def _link(app, docname, target, anchor, *children):
    uri = app.builder.get_relative_uri(docname, target) + (anchor and f"#{anchor}")
    return nodes.reference("", "", *children, internal=True, refuri=uri)


def _in_sources(node):
    while node := node.parent:
        if isinstance(node, nodes.section) and node[0].astext() == "Sources":
            return True
    return False


def link_mentions(app, doctree, docname):
    """Equations and chapters that the prose mentions."""
    numbered = (name for name in app.env.found_docs if re.match(r"\d\d_", name))
    pages = {int(name[:2]): name for name in numbered}
    for text in list(doctree.findall(nodes.Text)):
        above = text.parent
        while above is not None and not isinstance(above, NO_PROSE):
            above = above.parent
        if above is not None:
            continue
        plain, new, end = text.astext(), [], 0
        for start, stop, target, anchor in _targets(app, text, pages):
            if target != docname or anchor:
                link = _link(app, docname, target, anchor, nodes.Text(plain[start:stop]))
                new += [nodes.Text(plain[end:start]), link]
                end = stop
        if new:
            text.parent.replace(text, [*new, nodes.Text(plain[end:])])


def _targets(app, text, pages):
    """(start, stop, page, anchor) of each mention in a text, `pages` being chapters."""
    for found in MENTIONS.finditer(text.astext()):
        number = found["equation"]
        if (found["word"] or not number) and _in_sources(text):
            continue  # there they are those of books and papers
        if number:
            if page := formulas(app.env).get(number):
                yield *found.span("equation"), page, f"equation-{number}"
            continue
        several = list(re.finditer(r"\d+", found[0]))
        for each in several:
            start, stop = (found.start() + place for place in each.span())
            if page := pages.get(int(each[0])):
                yield found.start() if len(several) == 1 else start, stop, page, ""


def link_names(app, doctree, docname):
    """What the package defines once under a name, and its files."""
    objects = app.env.get_domain("py").objects
    places = app.env.__dict__.get("places")
    if places is None:
        places = app.env.places = {}
        for full in objects:
            parts = full.split(".")
            for i in range(len(parts)):
                places.setdefault(".".join(parts[i:]), set()).add(full)
    own = set()
    for block in doctree.findall(nodes.literal_block):
        own |= set(
            re.findall(
                r"^\s*(?:def|class) (\w+)|^(\w+) = ",
                block.astext(),
                re.M,
            )
        )
    own = {name for pair in own for name in pair if name}
    for node in list(doctree.findall(nodes.literal)):
        if isinstance(node.parent, nodes.reference):
            continue
        text = node.astext()
        if found := re.fullmatch(r"minivae/(\w+(?:/\w+)*)\.py", text):
            page = f"_modules/minivae/{found[1].removesuffix('/__init__')}"
            module = page.removeprefix("_modules/").replace("/", ".")
            if getattr(app.env, "_viewcode_modules", {}).get(module):
                node.replace_self(_link(app, docname, page, "", node.deepcopy()))
            continue
        name = _defined(re.sub(r"\(.*\)$", "", text))
        full = places.get(name) or places.get(_defined(f"minivae.{name}"), ())
        telling = "." in name or "_" in name or name[:1].isupper()
        if len(full) == 1 and telling and name.split(".")[0] not in own:
            [only] = full
            entry = objects[only]
            if entry.docname != docname:
                linked = _link(
                    app,
                    docname,
                    entry.docname,
                    entry.node_id,
                    node.deepcopy(),
                )
                node.replace_self(linked)


def _defined(name):
    """The name under which the package defines what is to be had as `minivae.NAME`."""
    if not re.fullmatch(r"minivae(\.\w+)+", name):
        return name
    try:
        found = operator.attrgetter(name.removeprefix("minivae."))(minivae)
    except AttributeError:
        return name
    if not hasattr(found, "__qualname__"):
        return name
    return f"{found.__module__}.{found.__qualname__}"


def link_papers(app, doctree, docname):
    """The titles under "Sources", unless they carry a link of their own."""
    table = app.env.__dict__.setdefault("papers", papers())
    for title in list(doctree.findall(nodes.emphasis)):
        if not _in_sources(title) or isinstance(title.parent, nodes.reference):
            continue
        name = title.astext().replace("\n", " ").replace("’", "'")
        if table.get(name):
            link = nodes.reference("", "", title.deepcopy(), refuri=table[name])
            title.replace_self(link)
        elif name not in table and not list(title.parent.findall(nodes.reference)):
            # no dead link, so no reason to fail
            print(f"{docname}: not in papers.csv: {name}", file=sys.stderr)


def setup(app):
    """Called by Sphinx."""
    app.connect("env-merge-info", merge)
    for change in (number_formulas, wrap_checks):
        app.connect("doctree-read", change)
    for change in (link_papers, link_mentions, link_names):
        app.connect("doctree-resolved", change)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
