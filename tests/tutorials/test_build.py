"""The course's tools: cells, notebooks, and whether those are up to date."""

import base64
import importlib.util
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

TUTORIALS = Path(__file__).parents[2] / "tutorials"
SPEC = importlib.util.spec_from_file_location("course_build", TUTORIALS / "build.py")
build = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(build)

CHAPTER = """# %% [markdown]
# # 1. Title
#
# Text with $x$,
# # and a line that begins with a hash.

# %%
def f():
    return "# %% not a cell"


# %% tags=["hide-cell"]
assert f()
"""

CELLS = [
    ("markdown", [], "# 1. Title\n\nText with $x$,\n# and a line that begins with a hash."),
    ("code", [], 'def f():\n    return "# %% not a cell"'),
    ("code", ["hide-cell"], "assert f()"),
]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A course of one chapter, with a notebook that was run."""
    monkeypatch.setattr(build, "HERE", tmp_path / "tutorials")
    monkeypatch.setattr(build, "NOTEBOOKS", tmp_path / "tutorials" / "notebooks")
    build.NOTEBOOKS.mkdir(parents=True)
    (build.HERE / "01_title.py").write_text(CHAPTER, encoding="utf-8")
    notebook = build.notebook_of(build.with_setup(build.HERE / "01_title.py"))
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["execution_count"] = 1
    stored = build.NOTEBOOKS / "01_title.ipynb"
    stored.write_text(json.dumps(notebook), encoding="utf-8")
    return stored


def complaints():
    return build.stale_notebooks(build.chapters())


def test_a_chapter_is_split_into_cells():
    assert build.read_cells(CHAPTER) == CELLS


@pytest.mark.parametrize("text", ["x = 1\n# %%\n", "# %% [raw]\n", "# %% title\nx = 1\n"])
def test_what_is_no_cell_is_refused(text):
    with pytest.raises(ValueError):
        build.read_cells(text)


def test_an_up_to_date_notebook_passes(folder):
    assert complaints() == []


def test_a_notebook_older_than_its_chapter_is_found(folder):
    (build.HERE / "01_title.py").write_text(CHAPTER + "\nx = 1\n", encoding="utf-8")
    assert complaints() == ["notebooks/01_title.ipynb is older than 01_title.py"]


def test_a_notebook_that_failed_or_never_ran_is_found(folder):
    notebook = json.loads(folder.read_text(encoding="utf-8"))
    notebook["cells"][-1]["execution_count"] = None
    folder.write_text(json.dumps(notebook), encoding="utf-8")
    assert complaints() == ["notebooks/01_title.ipynb did not run to its end"]
    notebook["cells"][-1] |= {"execution_count": 3, "outputs": [{"output_type": "error"}]}
    folder.write_text(json.dumps(notebook), encoding="utf-8")
    assert complaints() == ["notebooks/01_title.ipynb did not run to its end"]


def test_missing_superfluous_and_heavy_notebooks_are_found(folder, monkeypatch):
    monkeypatch.setattr(build, "BYTES", 100)
    assert complaints() == ["notebooks/01_title.ipynb: expected at most 100 bytes"]
    folder.rename(folder.with_name("02_other.ipynb"))
    assert complaints() == [
        "notebooks/02_other.ipynb has no chapter",
        "notebooks/01_title.ipynb is missing",
    ]


def test_pictures_become_smaller_and_keep_their_size():
    from PIL import Image

    noise = bytes(range(256)) * 3 * 16
    stream = io.BytesIO()
    Image.frombytes("RGB", (64, 64), noise).save(stream, "png")
    png = base64.b64encode(stream.getvalue()).decode()
    small = Image.open(io.BytesIO(base64.b64decode(build.smaller(png))))
    assert (small.mode, small.size) == ("P", (64, 64))
    assert build.smaller(png) == build.smaller(png)


def test_run_reports_what_fails(folder, capfd):
    assert build.run_chapters(build.chapters()) == []
    (build.HERE / "01_title.py").write_text("# %%\nassert 1 > 2, 'no'\n", encoding="utf-8")
    [bad] = build.run_chapters(build.chapters())
    assert bad.startswith("01_title.py failed") and "AssertionError: no" in bad


CHAPTERS = sorted(TUTORIALS.glob("[0-9][0-9]_*.py"))


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_every_chapter_has_its_parts(path):
    """Title and number, the fixed sections, at least three exercises, no wide code."""
    text = path.read_text(encoding="utf-8")
    cells = build.read_cells(text)
    prose = "\n".join(source for kind, _, source in cells if kind == "markdown")
    assert prose.startswith(f"# {int(path.name[:2])}. "), "the title carries the number"
    for part in ("**What you will learn**", "**What you need", "**Predict.**"):
        assert part in prose, f"{path.name}: expected {part}"
    for part in (
        "What goes wrong in practice",
        "Exercises",
        "Sources",
        "What to read next",
    ):
        found = re.search(rf"^(## |\*\*){part}", prose, flags=re.MULTILINE)
        assert found, f"{path.name}: expected a section {part!r}"
    exercises = re.findall(r"^\*\*(\d)\. ", prose, flags=re.MULTILINE)
    assert len(exercises) >= 3, f"{path.name}: expected three exercises, got {exercises}"
    assert prose.count("<details>") >= 3, f"{path.name}: expected hints"
    assert any("hide-cell" in tags for _, tags, _ in cells), "solutions are folded"
    for kind, _, source in cells:
        if kind == "code":
            wide = [line for line in source.splitlines() if len(line) > 80]
            assert not wide, f"{path.name}: expected at most 80 columns, got {wide[0]}"


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_math_that_git_hosts_and_mathjax_both_set(path):
    text = path.read_text(encoding="utf-8")
    for wrong in ("\\operatorname", "\\|", "\\{", "\\begin{align"):
        assert wrong not in text, f"{path.name}: {wrong} is not set everywhere"
    fences = re.findall(r"^.*\$\$.*$", text, flags=re.MULTILINE)
    assert all(line == "# $$" for line in fences), f"{path.name}: $$ on lines of their own"
    assert len(fences) % 2 == 0, f"{path.name}: a $$ is not closed"
    for formula in re.findall(r"^# \$\$\n(.*?)^# \$\$$", text, flags=re.M | re.S):
        both = "\\tag" in formula and "\\\\" in formula
        assert not both, f"{path.name}: a number and line breaks in one formula: {formula}"


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_no_formula_is_broken_where_markdown_sees_something_else(path):
    """A line that begins with = or - within a formula becomes a heading or a list."""
    for kind, _, source in build.read_cells(path.read_text(encoding="utf-8")):
        prose = re.sub(r"^\$\$\n.*?^\$\$$", "", source, flags=re.MULTILINE | re.DOTALL)
        prose = re.sub(r"`[^`]*`", "", prose)
        open_formula = False
        for line in prose.split("\n") if kind == "markdown" else ():
            broken = open_formula and re.match(r"\s*([-+*=>#]|\d+\.)(\s|$)", line)
            assert not broken, f"{path.name}: a formula goes on in {line!r}"
            open_formula ^= line.count("$") % 2 == 1
            cells = re.split(r"(?<!\\)\|", line) if line.startswith("|") else ()
            torn = [cell for cell in cells if cell.count("$") % 2]
            assert not torn, f"{path.name}: a bar tears a formula in {line!r}: use \\mid"
        assert not open_formula, f"{path.name}: a $ is not closed in {source[:60]!r}"


def test_tags_fold_in_the_book_and_in_jupyterlab():
    text = '# %% tags=["hide-input", "hide-output"]\nx = 1\n'
    [cell] = build.notebook_of(build.read_cells(text))["cells"]
    assert cell["metadata"]["tags"] == ["hide-input", "hide-output"]
    assert cell["metadata"]["jupyter"] == {"source_hidden": True, "outputs_hidden": True}


def test_chapters_run_with_other_seeds(folder, capfd):
    path = build.HERE / "01_title.py"
    path.write_text(
        '# %%\nimport os\n\nassert os.environ["MINIVAE_SEED"] != "2", "no luck"\n',
        encoding="utf-8",
    )
    assert build.run_chapters(build.chapters()) == []
    [bad] = build.run_chapters(build.chapters(), seeds=(1, 2, 3))
    assert bad.startswith("01_title.py failed with MINIVAE_SEED=2")
    assert "2 of 3 seeds pass" in capfd.readouterr().out


def first_cell(folder, installed):
    """Run the first cell of a notebook in `folder`, with or without the package."""
    code = "import importlib.util\nfind = importlib.util.find_spec\n"
    if not installed:
        code += "importlib.util.find_spec = lambda name: None\n"
    code += f"import subprocess\nsubprocess.run = lambda *a, **k: print(a)\n{build.SETUP}\n"
    return subprocess.run(
        [sys.executable, "-c", code + "import checks"],
        cwd=folder,
        capture_output=True,
        text=True,
    )


def test_the_first_cell_finds_the_course_or_installs_the_wheel_or_says_what_to_do(tmp_path):
    done = first_cell(tmp_path, installed=True)
    assert done.returncode == 0 and not done.stdout, done.stderr
    done = first_cell(tmp_path, installed=False)
    assert "minivae is missing: upload the file minivae-" in done.stderr
    (tmp_path / "minivae-0.1.0-py3-none-any.whl").write_bytes(b"")
    done = first_cell(tmp_path, installed=False)
    assert "'-m', 'pip', 'install', '-q', 'minivae-0.1.0-py3" in done.stdout, done.stderr
