"""`minivae course`: what it writes, what it leaves alone, and the wheel beside it."""

import base64
import csv
import hashlib
import json
import zipfile

import pytest

import minivae
from minivae import cli
from minivae.course import course_folder

WHEEL = f"minivae-{minivae.__version__}-py3-none-any.whl"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("a place") / "my coürse"
    assert cli.main(["course", str(folder)]) == 0
    return folder


def test_everything_is_there_but_the_solutions(folder):
    chapters = {path.name for path in course_folder().glob("[0-9][0-9]_*.py")}
    assert {path.name for path in folder.glob("[0-9][0-9]_*.py")} == chapters
    notebooks = {path.stem for path in (folder / "notebooks").glob("*.ipynb")}
    assert notebooks == {name.removesuffix(".py") for name in chapters}
    assert (folder / "exercises" / "01_linear.py").is_file()
    assert (folder / "exercises" / "digits.npz").is_file(), "the last exercise reads it"
    assert not (folder / "exercises" / "solutions").exists()
    needed = "README.md syllabus.md notation.md checks.py vae_on_one_page.py".split()
    for name in (*needed, WHEEL):
        assert (folder / name).stat().st_size > 0, name
    assert WHEEL in (folder / "README.md").read_text(encoding="utf-8")


def test_notebooks_begin_with_the_cell_that_finds_the_package(folder):
    path = next((folder / "notebooks").glob("*.ipynb"))
    first = json.loads(path.read_text(encoding="utf-8"))["cells"][0]
    assert "minivae is missing: upload" in "".join(first["source"])


def test_nothing_is_overwritten(folder, capsys):
    mine = folder / "exercises" / "01_linear.py"
    mine.write_text("my answer", encoding="utf-8")
    assert cli.main(["course", str(folder), "--solutions"]) == 0
    assert mine.read_text(encoding="utf-8") == "my answer"
    kept, *_, last = capsys.readouterr().out.splitlines()
    assert f"{mine}: kept as it is" in kept
    new = sum(path.is_file() for path in (folder / "exercises" / "solutions").rglob("*"))
    assert last == f"{folder}: {new} files written; begin with {folder / 'README.md'}"
    assert (folder / "exercises" / "solutions" / "01_linear.py").is_file()


def test_the_wheel_is_small_whole_and_lists_its_files_truly(folder):
    assert (folder / WHEEL).stat().st_size < 1_000_000
    with zipfile.ZipFile(folder / WHEEL) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    info = f"minivae-{minivae.__version__}.dist-info"
    share = f"minivae-{minivae.__version__}.data/data/share/minivae"
    for name in (
        "minivae/vae.py",
        "minivae/datasets/digits.npz",
        f"{share}/tutorials/exercises/01_linear.py",
        f"{share}/benchmarks/burda_results.csv",
        f"{info}/entry_points.txt",
    ):
        assert name in contents, f"{name} is missing in the wheel"
    assert not [name for name in contents if "__pycache__" in name or ".ipynb" in name]
    rows = list(csv.reader(contents[f"{info}/RECORD"].decode().splitlines()))
    assert [row[0] for row in rows] == list(contents)
    for name, digest, size in rows[:-1]:
        wanted = base64.urlsafe_b64encode(hashlib.sha256(contents[name]).digest())
        assert digest == f"sha256={wanted.decode().rstrip('=')}", name
        assert int(size) == len(contents[name]), name
