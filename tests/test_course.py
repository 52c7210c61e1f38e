"""Where the course lies, and files that are written only where there is none."""

import pytest

from minivae import course


def test_a_clone_has_the_course_beside_the_package():
    folder = course.course_folder()
    assert (folder / "checks.py").is_file() and folder.name == "tutorials"


def test_an_installation_lists_it_and_a_bare_copy_says_what_to_do(tmp_path, monkeypatch):
    bare = tmp_path / "minivae"
    bare.mkdir()
    monkeypatch.setattr(course, "__file__", str(bare / "course.py"))
    monkeypatch.setattr(course.sys, "prefix", str(tmp_path / "env"))
    monkeypatch.setattr(course.metadata, "files", lambda name: None)
    with pytest.raises(FileNotFoundError, match=r"tutorials: expected .* install minivae"):
        course.course_folder()
    task = tmp_path / "env/share/minivae/tutorials/exercises/01_linear.py"
    task.parent.mkdir(parents=True)
    task.write_text("")
    assert course.course_folder() == task.parents[1]

    class Listed:
        parts = ("..", "share", "minivae", "tutorials", "exercises", "01_linear.py")

        def locate(self):
            return elsewhere

    elsewhere = tmp_path / "target/share/minivae/tutorials/exercises/01_linear.py"
    elsewhere.parent.mkdir(parents=True)
    elsewhere.write_text("")
    monkeypatch.setattr(course.metadata, "files", lambda name: [Listed()])
    assert course.course_folder() == elsewhere.parents[1]


def test_write_new_keeps_what_is_there(tmp_path):
    folder = tmp_path / "new"
    files = {"a.txt": b"1", "sub/b.txt": b"2"}
    written, kept = course.write_new(folder, files)
    assert (written, kept) == ([folder / "a.txt", folder / "sub/b.txt"], [])
    (folder / "a.txt").write_bytes(b"mine")
    assert course.write_new(folder, files) == ([], [folder / "a.txt"])
    assert (folder / "a.txt").read_bytes() == b"mine"
    assert course.write_new(folder, files, force=True)[1] == []
    assert (folder / "a.txt").read_bytes() == b"1"
