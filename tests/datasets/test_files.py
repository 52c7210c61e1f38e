"""Files of arrays: right ones are read, damaged ones are named and cost no memory."""

import gzip
import io
import struct
import tracemalloc
import zipfile
from hashlib import sha256

import numpy as np
import pytest
from file_examples import flip, idx_bytes, npy_bytes, npz_bytes
from hypothesis import given
from hypothesis import strategies as st
from numpy.lib import format as npy_format

from minivae.datasets import files
from minivae.datasets.files import npz_names, read_idx, read_npy, read_npz

VALUES = np.arange(60, dtype=np.uint8).reshape(5, 4, 3)


def peak_of(function, *arguments):
    """What `function` raised, and the peak of the memory it allocated, in bytes."""
    tracemalloc.start()
    try:
        with pytest.raises(ValueError) as caught:
            function(*arguments)
        return str(caught.value), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """One path for all the examples of a module; hypothesis writes it anew each time."""
    return tmp_path_factory.mktemp("files") / "some.file"


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("array", [VALUES, VALUES[:, :, 0], VALUES[:, 0, 0]])
def test_idx_is_read_plain_or_packed(file, pack, array):
    content = idx_bytes(np.ascontiguousarray(array))
    file.write_bytes(pack(content))
    came = read_idx(file, sha256(content).hexdigest())
    assert came.dtype == np.uint8
    np.testing.assert_array_equal(came, array)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ["magic number", "4 bytes", "got 0"]),
        (b"\0\0\x08", ["magic number", "4 bytes", "got 3"]),
        (b"\x01" + idx_bytes(VALUES)[1:], ["two zero bytes"]),
        (idx_bytes(VALUES, type_code=13), ["type 8", "got 13"]),
        (b"\0\0\x08\0", ["1 to 3 axes", "got 0"]),
        (b"\0\0\x08\x04" + bytes(16), ["1 to 3 axes", "got 4"]),
        (idx_bytes(VALUES)[:10], ["header", "12 bytes", "got 6"]),
        (idx_bytes(VALUES[:0]), ["expected data", "(0, 4, 3)"]),
        (idx_bytes(VALUES)[:-1], ["60 bytes", "(5, 4, 3)", "got 59"]),
        (idx_bytes(VALUES) + b"\0", ["60 values", "more bytes"]),
        (b"<!DOCTYPE html><html>", ["two zero bytes", "<!"]),
    ],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_wrong_idx_files_are_named(file, content, words, pack):
    file.write_bytes(pack(content))
    with pytest.raises(ValueError) as caught:
        read_idx(file)
    for word in [str(file), *words]:
        assert word in str(caught.value), f"no {word!r} in: {caught.value}"


def test_idx_with_another_hash_is_refused(file):
    content = idx_bytes(VALUES)
    file.write_bytes(content)
    wanted, got = "0" * 64, sha256(content).hexdigest()
    with pytest.raises(ValueError, match=f"{wanted}, got {got}"):
        read_idx(file, wanted)


def test_missing_files_and_folders_stay_what_they_are(tmp_path):
    for read in (read_idx, read_npy, read_npz):
        with pytest.raises(FileNotFoundError):
            read(tmp_path / "none")
        with pytest.raises(OSError):
            read(tmp_path)


def test_a_header_that_promises_terabytes_costs_no_memory(file):
    header = struct.pack(">BBBBIII", 0, 0, 8, 3, 2**32 - 1, 2**16, 2**8)
    npy = npy_bytes(np.zeros(10)).replace(b"(10,), ", b"(9" + b"0" * 12 + b",), ")
    npy = npy[:8] + struct.pack("<H", len(npy) - 80 - 10) + npy[10:]
    cases = [
        (read_idx, header + bytes(100)),
        (read_npy, npy),
    ]
    for read, content in cases:
        file.write_bytes(content)
        message, peak = peak_of(read, file)
        assert "expected" in message and "bytes for" in message
        assert peak < 3e6, f"{read.__name__}: {peak / 1e6:.1f} MB for {message}"


def test_a_member_that_promises_terabytes_costs_no_memory(file):
    npy = npy_bytes(np.zeros(10)).replace(b"(10,), ", b"(9" + b"0" * 12 + b",), ")
    npy = npy[:8] + struct.pack("<H", len(npy) - 80 - 10) + npy[10:]
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("train.npy", npy)
    message, peak = peak_of(read_npz, file)
    assert "bytes for float64 values" in message
    assert peak < 3e6, f"{peak / 1e6:.1f} MB for {message}"


def zeros_in_a_bomb(size):
    """A packed .npy member of `size` zeros, as bytes of an archive of some thousandth."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("bomb.npy", "w", force_zip64=True) as member:
            npy_format.write_array_header_1_0(
                member, {"descr": "|u1", "fortran_order": False, "shape": (size,)}
            )
            for _ in range(size >> 20):
                member.write(bytes(1 << 20))
        archive.writestr("theta.npy", npy_bytes(VALUES))
    return packed.getvalue()


def test_a_bomb_is_refused_before_it_is_unpacked(file):
    size = 100 << 20
    packed_idx = gzip.compress(struct.pack(">BBBBI", 0, 0, 8, 1, size) + bytes(100))
    for read, content in ((read_npz, zeros_in_a_bomb(size)), (read_idx, packed_idx)):
        file.write_bytes(content)
        message, peak = peak_of(read, file)
        assert str(file) in message and f"{size:,}"[:3] in message
        assert "when unpacked" in message, message
        assert peak < 5e6, f"{read.__name__}: {peak / 1e6:.1f} MB for {message}"


def test_only_the_wanted_members_are_read(file):
    file.write_bytes(zeros_in_a_bomb(100 << 20))
    assert npz_names(file) == ["bomb", "theta"]
    tracemalloc.start()
    try:
        came = read_npz(file, {"theta", "another"})
        assert tracemalloc.get_traced_memory()[1] < 5e6
    finally:
        tracemalloc.stop()
    assert list(came) == ["theta"]
    np.testing.assert_array_equal(came["theta"], VALUES)


def test_much_that_was_not_packed_is_read(file, monkeypatch):
    monkeypatch.setattr(files, "ALWAYS_FINE", 10)
    file.write_bytes(npy_bytes(np.zeros(1000)))
    assert read_npy(file).size == 1000
    np.savez(file.with_suffix(".npz"), a=np.zeros(1000))
    assert read_npz(file.with_suffix(".npz"))["a"].size == 1000
    file.write_bytes(npz_bytes(a=np.zeros(10_000)))
    with pytest.raises(ValueError, match=r"'a' would grow from .* to 80,128 bytes"):
        read_npz(file)


@given(data=st.data(), pack=st.sampled_from([bytes, gzip.compress]))
def test_a_cut_idx_file_is_an_error(file, data, pack):
    content = pack(idx_bytes(VALUES))
    length = data.draw(st.integers(0, len(content) - 1))
    file.write_bytes(content[:length])
    with pytest.raises(ValueError, match=r"some\.file: not a sound IDX file: \w"):
        read_idx(file)


@given(st.data())
def test_a_flipped_byte_of_a_plain_idx_header_is_an_error(file, data):
    content = idx_bytes(VALUES)
    _, header = flip(data, content[:16])
    file.write_bytes(header + content[16:])
    with pytest.raises(ValueError, match=r"some\.file: not a sound IDX file: \w"):
        read_idx(file)


@given(st.data())
def test_the_hash_catches_a_flipped_byte_anywhere(file, data):
    content = idx_bytes(VALUES)
    _, flipped = flip(data, content)
    file.write_bytes(flipped)
    with pytest.raises(ValueError, match=r"some\.file"):
        read_idx(file, sha256(content).hexdigest())


@given(st.data())
def test_a_flipped_byte_of_a_packed_idx_file_never_changes_values(file, data):
    """Error, or, in gzip's unchecked fields such as its time stamp, the same values."""
    _, flipped = flip(data, gzip.compress(idx_bytes(VALUES)))
    file.write_bytes(flipped)
    try:
        came = read_idx(file)
    except ValueError as error:
        assert str(file) in str(error)
    else:
        np.testing.assert_array_equal(came, VALUES)


@pytest.mark.parametrize(
    "array",
    [
        VALUES,
        np.asfortranarray(VALUES),
        np.linspace(0, 1, 12).reshape(3, 4),
        np.arange(6, dtype=">i4").reshape(2, 3),
        np.array("a line of text"),
        np.zeros((0, 4)),
        np.array([True, False]),
    ],
)
def test_npy_and_npz_give_back_what_numpy_wrote(file, array):
    file.write_bytes(npy_bytes(array))
    alone = read_npy(file)
    file.write_bytes(npz_bytes(first=array, second=VALUES))
    packed = read_npz(file)
    assert list(packed) == ["first", "second"]
    for came in (alone, packed["first"]):
        assert came.dtype == array.dtype
        np.testing.assert_array_equal(came, array)
    np.testing.assert_array_equal(packed["second"], VALUES)


def test_python_objects_are_never_unpickled(file):
    array = np.array([{"a": 1}], dtype=object)
    file.write_bytes(npy_bytes(array, allow_pickle=True))
    with pytest.raises(ValueError, match="Object arrays cannot be loaded"):
        read_npy(file)
    file.write_bytes(npz_bytes(train=array))
    with pytest.raises(ValueError, match="Object arrays cannot be loaded"):
        read_npz(file)


@pytest.mark.parametrize(
    ("read", "content", "words"),
    [
        (read_npy, b"", ["magic"]),
        (read_npy, npy_bytes(VALUES)[:-1], ["60 bytes", "got 59"]),
        (read_npy, npy_bytes(VALUES) + b"\0", ["60 bytes", "got 61"]),
        (read_npy, npy_bytes(VALUES).replace(b"Y\x01", b"Y\x09"), ["(9, 0)"]),
        (read_npz, npz_bytes(a=VALUES)[:-30], ["not a zip file"]),
    ],
)
def test_wrong_npy_and_npz_files_are_named(file, read, content, words):
    file.write_bytes(content)
    with pytest.raises(ValueError) as caught:
        read(file)
    for word in [str(file), *words]:
        assert word in str(caught.value), f"no {word!r} in: {caught.value}"


def test_an_archive_of_other_files_is_refused(file):
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("notes.txt", "hello")
    with pytest.raises(ValueError, match=r"notes\.txt"):
        read_npz(file)


@given(data=st.data(), packed=st.booleans())
def test_a_cut_npy_or_npz_file_is_an_error(file, data, packed):
    content = npz_bytes(a=VALUES, b=VALUES) if packed else npy_bytes(VALUES)
    length = data.draw(st.integers(0, len(content) - 1))
    file.write_bytes(content[:length])
    with pytest.raises(ValueError, match=r"some\.file: not a sound .np[yz] file: \w"):
        (read_npz if packed else read_npy)(file)


# A damaged header can look like one of an old Python to NumPy, which then warns.
@pytest.mark.filterwarnings("ignore")
@given(data=st.data())
def test_a_flipped_byte_of_an_npy_file_is_an_error_or_another_array(file, data):
    """The format has no checksum: a flip in the values cannot be seen."""
    content = npy_bytes(VALUES)
    position, flipped = flip(data, content)
    file.write_bytes(flipped)
    try:
        came = read_npy(file)
    except ValueError as error:
        assert str(file) in str(error)
        assert position < len(content) - VALUES.size
    else:
        assert came.nbytes == VALUES.nbytes and not came.dtype.hasobject


@pytest.mark.filterwarnings("ignore")
@given(data=st.data())
def test_a_flipped_byte_of_an_npz_file_never_changes_values(file, data):
    """Error, or, in the archive's unchecked fields such as its dates, the same values."""
    _, flipped = flip(data, npz_bytes(train=VALUES))
    file.write_bytes(flipped)
    try:
        arrays = read_npz(file)
    except ValueError as error:
        assert str(file) in str(error)
    else:
        for came in arrays.values():
            np.testing.assert_array_equal(came, VALUES)


def test_a_stream_that_gives_little_at_a_time_is_read_to_the_byte():
    class Slow(io.BytesIO):
        def read(self, size=-1):
            return super().read(min(size, 2))

    stream = Slow(b"abcdef")
    assert files.read_exactly(stream, 3, "three bytes") == b"abc"
    assert stream.read(9) == b"de"
