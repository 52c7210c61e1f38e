"""A file appears whole or not at all."""

import errno

import pytest

from minivae.atomic import replacing


def test_the_new_file_is_there_when_the_block_has_ended(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with replacing(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_the_old_file_stays_when_it_fails(tmp_path, error):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(error), replacing(path) as file:
        file.write(b"ne")
        raise error
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_the_bytes_are_on_the_disk_before_the_name_is(tmp_path, monkeypatch):
    order, path = [], tmp_path / "file"
    fsync, replace = "minivae.atomic.os.fsync", "minivae.atomic.os.replace"
    monkeypatch.setattr(fsync, lambda number: order.append("fsync"))
    monkeypatch.setattr(replace, lambda part, path: order.append(part.read_bytes()))
    with replacing(path) as file:
        file.write(b"new")
    assert order == ["fsync", b"new"]


def test_a_missing_folder_is_an_error(tmp_path):
    path = tmp_path / "missing" / "file"
    with pytest.raises(FileNotFoundError) as caught, replacing(path):
        raise AssertionError("the block must not run")
    assert caught.value.filename == str(path), "it must not name the temporary file"


def test_a_full_disk_names_the_file_and_other_errors_stay_as_they_are(tmp_path):
    path = tmp_path / "file"
    with pytest.raises(OSError) as caught, replacing(path):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert (caught.value.filename, caught.value.errno) == (str(path), errno.ENOSPC)
    with pytest.raises(ConnectionError, match=r"^cut short$"), replacing(path):
        raise ConnectionError("cut short")
    assert list(tmp_path.iterdir()) == []
