"""The links that the book's own extension of Sphinx adds, on a book of three pages."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("myst_parser", reason="Sphinx and its extensions build the book only")
BOOK = Path(__file__).parents[2] / "tutorials" / "book"
PAGES = {
    "conf.py": """import sys
from pathlib import Path
sys.path.insert(0, str(Path(__file__).parent))
extensions = ["myst_parser", "sphinx.ext.mathjax", "links"]
myst_enable_extensions = ["dollarmath"]
""",
    "index.md": """# Top

```{toctree}
01_one
02_two
```

```{eval-rst}
.. py:function:: minivae.gaussian.kl(mu, logvar)
.. py:method:: minivae.encoder_decoder.EncoderDecoder.mlp(D)
```
""",
    "01_one.md": """# 1. One

`gaussian.kl(mu, logvar)`, `minivae.VAE.mlp`, `np.kl_of`; (2.1), equation 2.1, (2.7);
chapters 1, 2 and 9. Chapter 2.

## Sources

- *Adam: A Method for Stochastic Optimization*, chapter 2, equation 2.1, as (2.1).
- *A title of nobody*.
""",
    "02_two.md": """# 2. Two

$$
a = b \\tag{2.1}
$$
""",
}


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """(pages of HTML by name, what was said) of a small book."""
    source = tmp_path_factory.mktemp("source")
    for name, text in PAGES.items():
        (source / name).write_text(text, encoding="utf-8")
    for name in ("links.py", "papers.csv"):
        shutil.copy(BOOK / name, source)
    html = source / "html"
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "-W", str(source), str(html)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    pages = {path.stem: path.read_text("utf-8") for path in html.glob("*.html")}
    return pages, done.stderr


def links(html):
    """[(address, words)] of the links within the text."""
    body = html.split('role="main"')[1].split('role="navigation"')[0]
    found = re.findall(r'<a class="reference[^>]*href="([^"]+)"[^>]*>(.*?)</a>', body, re.S)
    return [(address, re.sub("<.*?>", "", words)) for address, words in found]


def test_equations_chapters_functions_and_papers_are_linked(book):
    assert links(book[0]["01_one"]) == [
        ("index.html#minivae.gaussian.kl", "gaussian.kl(mu, logvar)"),
        ("index.html#minivae.encoder_decoder.EncoderDecoder.mlp", "minivae.VAE.mlp"),
        ("02_two.html#equation-2.1", "2.1"),
        ("02_two.html#equation-2.1", "2.1"),
        ("02_two.html", "2"),
        ("02_two.html", "Chapter 2"),
        ("https://arxiv.org/abs/1412.6980", "Adam: A Method for Stochastic Optimization"),
        ("02_two.html#equation-2.1", "2.1"),
    ]


def test_a_formula_s_number_stands_beside_it(book):
    two = book[0]["02_two"]
    assert 'id="equation-2.1"' in two and '<span class="eqno">(2.1)' in two
    assert r"\[a = b\]" in two and r"\tag" not in two


def test_a_paper_that_the_table_lacks_is_told(book):
    assert book[1].strip() == "01_one: not in papers.csv: A title of nobody"
