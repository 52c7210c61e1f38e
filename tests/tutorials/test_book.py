"""How the book is put together, and what the look at it in Chromium counts as wrong."""

import base64
import csv
import doctest
import importlib.util
import json
import re
from pathlib import Path

import matplotlib
import numpy as np
from browser import BROWSER, needs_browser

from minivae.zoo import BUGS

TUTORIALS = Path(__file__).parents[2] / "tutorials"


def program(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


check_book = program(TUTORIALS / "check_book.py")
make = program(TUTORIALS / "book" / "make.py")

GOOD = {"page": "a.html", "formulas": 2, "set": 2, "errors": [], "broken": [], "cut": []}
GOOD |= {"mute": [], "faint": [], "numbers": {}}


def test_a_good_page_has_no_complaints():
    assert check_book.complaints([GOOD], []) == []


def test_everything_wrong_is_named_with_its_page():
    bad = GOOD | {
        "set": 1,
        "errors": ["Missing argument"],
        "broken": ["x.png"],
        "mute": ["<img>"],
        "cut": ["table wide"],
        "faint": ["dark: p words"],
        "numbers": {"jensen": {"logMean": np.log(0.4), "meanLog": -1.0}, "elbo": None},
    }
    came = check_book.complaints([GOOD, bad], ["http://example.org/"], ["oh"])
    assert came[:-2] == [
        "asked of another machine: http://example.org/",
        "on the console: oh",
        "a.html: 1 of 2 formulas set",
        "a.html: formula error: Missing argument",
        "a.html: picture missing: x.png",
        "a.html: picture without words: <img>",
        "a.html: too wide: table wide",
        "a.html: hard to read: dark: p words",
    ]
    assert came[-2].startswith("a.html: jensen: meanLog is -1.0, expected -1.06")
    assert came[-1] == "a.html: the figure elbo shows no numbers"


BAD = """<!doctype html><html><head><style>
body { background: white; color: black; }
body[data-theme=dark] { background: black; color: #333; } .ground { background: white; }
.scrolls { overflow-x: auto; } .wide { width: 700px; }
</style></head><body><article>
<p>words</p> <p class="wide">wide</p> <div class="scrolls"><p class="wide">scrolls</p></div>
<img src="there.png" alt="seen" class="ground"> <img src="there.png" alt="there.png">
<img src="none.png" alt="none, but told" class="ground">
<div data-moving="jensen" data-numbers='{"logMean": -0.9, "meanLog": 0}'></div>
<img src="http://192.0.2.1/x.png" alt="elsewhere" class="ground">
</article><script>console.error("it broke"); nothing.there();</script></body></html>"""


@needs_browser
def test_the_browser_sees_what_is_wrong_with_a_page(tmp_path, monkeypatch):
    monkeypatch.setattr(check_book, "HTML", tmp_path)
    (tmp_path / "bad.html").write_text(BAD, encoding="utf-8")
    pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABc3UBGAAA"
    (tmp_path / "there.png").write_bytes(base64.b64decode(pixel + "AABJRU5ErkJggg=="))
    [seen], elsewhere, errors = check_book.open_pages(BROWSER, ["bad.html"])
    assert elsewhere == ["http://192.0.2.1/x.png"]
    assert any("it broke" in e for e in errors)
    assert any("nothing is not defined" in e for e in errors)
    assert seen["broken"] == ["none.png", "http://192.0.2.1/x.png"]
    assert len(seen["mute"]) == 1 and 'alt="there.png"' in seen["mute"][0]
    assert seen["cut"] == ["390 pixels: p wide"]
    assert "dark: p words" in seen["faint"] and "light: p words" not in seen["faint"]
    assert "dark: a figure on a dark ground: there.png" in seen["faint"]
    assert seen["numbers"] == {"jensen": {"logMean": -0.9, "meanLog": 0}}


def test_only_what_a_page_asked_for_counts():
    events = [
        {"params": {"initiator": "not an origin", "url": "https://updates.example/"}},
        {"params": {"initiator": "http://127.0.0.1:1", "url": "http://example.org/x.png"}},
        {"params": {"url": "http://127.0.0.1:1/probe"}},
    ]
    compact = (json.dumps(event, separators=(",", ":")) for event in events)
    log = '{"events": [\n' + ",\n".join(compact) + "\n]}"
    assert check_book.requested_by_pages(log) == ["http://example.org/x.png"]


CHAPTER = """# %% [markdown]
# # 1. Title
#
# See [two](02_other.py), [the checks](checks.py) and [a file](mutations/).

# %%
# Figure: The curve $y = x$, from
# left to right.
plot()
# not of the caption

# %% [markdown]
# ## Exercises

# %% tags=["hide-cell"]
assert True
"""


def test_a_chapter_gets_its_downloads_links_captions_and_solutions(tmp_path):
    path = tmp_path / "01_title.py"
    path.write_text(CHAPTER, encoding="utf-8")
    notebook = make.chapter_notebook(path, stored=False)
    prose, figure, _, solution = notebook["cells"]
    assert prose["source"].startswith(
        "# 1. Title\n\nTake this chapter along as a {download}"
    )
    assert "`script <downloads/01_title.py>`" in prose["source"]
    assert "[two](02_other.ipynb), [the checks](checks.md) and a file." in prose["source"]
    assert figure["source"] == "plot()\n# not of the caption"
    assert figure["metadata"]["mystnb"] == {
        "figure": {"caption": "The curve $y = x$, from left to right."},
        "image": {"alt": "The curve y = x, from left to right."},
    }
    assert solution["metadata"]["mystnb"]["code_prompt_show"] == "Solution"
    assert "execution_mode" not in str(notebook["metadata"])


def test_every_figure_of_the_chapters_has_its_caption():
    """Which is its alt text as well: what is seen, for those who do not see it."""
    for path in make.build.chapters():
        cells = make.build.read_cells(path.read_text(encoding="utf-8"))
        code = [source for kind, _, source in cells if kind == "code"]
        # functions of the chapter that show what they draw
        shows = r"^def (\w+)\((?:.*\n(?=[ \n)]))*    plt\.show\(\)"
        names = [name for source in code for name in re.findall(shows, source, re.M)]
        calls = "|".join([r"plt\.show\(\)", *(rf"^{name}\(" for name in names)])
        for source in code:
            if re.search(calls, source, re.M):
                caption = make.caption_of(source)
                where = f"{path.name}: {source[:60]!r}"
                assert caption, f"{where}: expected a cell that begins with # Figure: ..."
                assert len(caption) > 60 and caption.endswith("."), where


def test_stored_outputs_are_shown_and_not_computed_again(tmp_path, monkeypatch):
    path = tmp_path / "01_title.py"
    path.write_text(CHAPTER, encoding="utf-8")
    kept = make.build.notebook_of(make.build.with_setup(path))
    kept["cells"][2]["outputs"] = [{"output_type": "stream", "text": "seen"}]
    (tmp_path / "01_title.ipynb").write_text(json.dumps(kept), encoding="utf-8")
    monkeypatch.setattr(make.build, "NOTEBOOKS", tmp_path)
    notebook = make.chapter_notebook(path, stored=True)
    assert notebook["metadata"]["mystnb"] == {"execution_mode": "off"}
    assert [c.get("outputs") for c in notebook["cells"]] == [
        None,
        [{"output_type": "stream", "text": "seen"}],
        None,
        [],
    ]


def test_dead_links_are_found(tmp_path):
    (tmp_path / "a.html").write_text(
        '<a href="b.html#place">1</a><a href="b.html#other">2</a><a href="c.html">3</a>'
        '<a href="#here">4</a><p id="here"><a href="https://example.org/">5</a></p>'
        '<img src="x.png"><a href="a.html?q=1#here">6</a>',
        encoding="utf-8",
    )
    (tmp_path / "b.html").write_text('<h1 id="place">b</h1>', encoding="utf-8")
    assert make.dead_links(tmp_path) == [
        "a.html: b.html#other leads to no place on its page",
        "a.html: c.html leads to no file",
        "a.html: x.png leads to no file",
    ]


def test_the_reference_s_examples_give_what_they_say():
    """Twenty things that people use: one session."""
    text = (TUTORIALS / "book" / "reference.md").read_text(encoding="utf-8")
    session = "\n".join(re.findall(r"^```pycon\n(.*?)^```$", text, re.M | re.S))
    test = doctest.DocTestParser().get_doctest(session, {}, "reference.md", None, 0)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    with matplotlib.rc_context({"backend": "agg"}):
        failed, tried = runner.run(test)
    assert tried > 25 and not failed


def test_the_front_page_s_matrix_has_every_bug_of_the_zoo():
    """Whoever adds one runs benchmarks/zoo.py again."""
    with open(TUTORIALS.parent / "benchmarks" / "zoo.csv", encoding="utf-8") as file:
        head, *rows = csv.reader(file)
    assert head == ["bug", *"1234567"]
    assert [row[0] for row in rows] == list(BUGS)
    assert all(set(row[1:]) <= {"0", "1"} and "1" in row for row in rows)
    assert f"| {rows[0][0]} |" in make.zoo_matrix()


def test_each_paper_s_address_is_an_arxiv_number_a_doi_or_a_page():
    with open(TUTORIALS / "book" / "papers.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="|"))
    good = r"arXiv:\d{4}\.\d{4,5}|doi:10\.\d{4,5}/\S+|https://\S+|"
    assert len({row["title"] for row in rows}) == len(rows) > 50
    for row in rows:
        assert re.fullmatch(good, row["link"]), row
