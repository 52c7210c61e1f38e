"""Arrays read from files that may be cut short, damaged, or not what they claim to be.

`read_idx` reads the format of MNIST, `read_npy` and `read_npz` those of NumPy. A header
is believed only as far as the file bears it out: the sizes promised are compared with
the bytes that are there before any memory is taken. Nothing is ever unpickled, and
whatever is wrong ends in one ValueError that names the file.
"""

import math
import os
from contextlib import contextmanager

import numpy as np
from numpy.lib import format as npy_format

CHUNK = 1 << 20
# Images pack to a tenth, sparse ones to a hundredth. What promises more, and much of it,
# is a file made to fill the memory.
MAX_RATIO, ALWAYS_FINE = 100, 1 << 26


@contextmanager
def naming(path, kind):
    """Turn whatever a damaged file makes its reader raise into a ValueError.

    gzip, zipfile and NumPy raise some ten kinds between them: BadZipFile, EOFError,
    NotImplementedError, RuntimeError, struct.error, SyntaxError, zlib.error, ...
    """
    try:
        yield
    except MemoryError:  # the machine's fault and not the file's
        raise
    except Exception as error:
        reason = str(error) or type(error).__name__
        raise ValueError(f"{path}: not a sound {kind} file: {reason}") from error


def _check_expansion(packed, size, what):
    if size > max(ALWAYS_FINE, MAX_RATIO * packed):
        raise ValueError(
            f"{what} would grow from {packed:,} to {size:,} bytes when unpacked; if that"
            " is meant, store it uncompressed"
        )


def read_idx(path, sha256=None):
    """Read an IDX file of unsigned bytes, plain or compressed with gzip.

    The format (Y. LeCun, C. Cortes and C. Burges, "The MNIST database of handwritten
    digits"): two zero bytes, a type code (8 for unsigned bytes), the number of axes,
    the length of each as a 32-bit big-endian integer, then the values in C order.

    Parameters
    ----------
    path : path-like
        The file; whether it is compressed is seen from its first bytes.
    sha256 : str, optional
        The SHA-256 that the uncompressed file must have, as 64 hexadecimal digits.

    Returns
    -------
    ndarray of uint8
        1 to 3 axes, as the header says.

    Raises
    ------
    ValueError
        If the file is no IDX file of bytes, is empty, cut short, damaged or too long,
        unpacks to a hundred times its size and more than 64 MB, or has another hash.
    OSError
        If it is missing or cannot be opened.
    """
    import gzip
    import hashlib

    digest = hashlib.sha256()
    with open(path, "rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        with naming(path, "IDX"):
            stream = gzip.GzipFile(fileobj=raw) if packed else raw
            size = os.fstat(raw.fileno()).st_size if packed else None
            array = _parse_idx(stream, digest, size)
    if sha256 is not None and digest.hexdigest() != sha256:
        raise ValueError(
            f"{path}: expected content with sha256 {sha256}, got {digest.hexdigest()}:"
            " another file, or a damaged one"
        )
    return array


def _parse_idx(stream, digest, packed=None):
    magic = read_exactly(stream, 4, "the magic number")
    if magic[:2] != b"\0\0":
        raise ValueError(f"expected two zero bytes at the start, got {bytes(magic[:2])}")
    if magic[2] != 8:
        raise ValueError(f"expected type 8 (unsigned bytes), got {magic[2]}")
    if not 1 <= magic[3] <= 3:
        raise ValueError(f"expected 1 to 3 axes, got {magic[3]}")
    header = read_exactly(stream, 4 * magic[3], "the header")
    shape = tuple(int(n) for n in np.frombuffer(header, ">u4"))
    if 0 in shape:
        raise ValueError(f"expected data, got the shape {shape}")
    if packed is not None:
        _check_expansion(packed, math.prod(shape), f"an array of shape {shape}")
    data = read_exactly(stream, math.prod(shape), f"values of shape {shape}")
    # The gzip reader compares its checksum only when it is asked to read past the end.
    if stream.read(1):
        raise ValueError(f"expected {len(data)} values, {shape}, got more bytes")
    for part in (magic, header, data):
        digest.update(part)
    return np.frombuffer(data, np.uint8).reshape(shape)


def read_exactly(stream, size, what):
    """Return the next `size` bytes of `stream`, or raise ValueError if fewer come.

    The buffer grows by what was really read, so that a header's claim of terabytes
    costs no memory.
    """
    data = bytearray()
    while len(data) < size:
        chunk = stream.read(min(CHUNK, size - len(data)))
        if not chunk:
            raise ValueError(
                f"cut short: expected {size} bytes for {what}, got {len(data)}"
            )
        data += chunk
    return data


def read_npy(path):
    """Read the one array of a `.npy` file.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    ndarray
        Any dtype but object.

    Raises
    ------
    ValueError
        If the file is no `.npy` file, is cut short, damaged or too long, or holds
        Python objects.
    OSError
        If it is missing or cannot be opened.
    """
    with open(path, "rb") as raw, naming(path, ".npy"):
        _check_header(raw, os.fstat(raw.fileno()).st_size)
        raw.seek(0)
        return np.load(raw, allow_pickle=False)


def npz_names(path):
    """The names of the arrays in a `.npz` file, in its order; nothing else is read.

    Raises
    ------
    ValueError, OSError
        As `read_npz`.
    """
    with _archive(path) as archive:
        return list(archive.files)


def read_npz(path, wanted=None):
    """Read arrays of a `.npz` file, checking the checksum of each.

    Parameters
    ----------
    path : path-like
    wanted : collection of str, optional
        Read these only, as far as they are there. What else the archive holds costs
        nothing.

    Returns
    -------
    dict of str to ndarray
        In the file's order.

    Raises
    ------
    ValueError, OSError
        As `read_npy`; ValueError also if an array unpacks to a hundred times its size
        and more than 64 MB.
    """
    arrays = {}
    with _archive(path) as archive:
        for name in archive.files:
            if wanted is not None and name not in wanted:
                continue
            if f"{name}.npy" not in archive.zip.NameToInfo:
                raise ValueError(f"it holds {name!r}, which is no .npy file")
            entry = archive.zip.getinfo(f"{name}.npy")
            _check_expansion(entry.compress_size, entry.file_size, f"{name!r}")
            with archive.zip.open(entry) as stream:
                _check_header(stream, entry.file_size)
            arrays[name] = archive[name]  # zipfile compares the checksum at its end
    return arrays


@contextmanager
def _archive(path):
    with open(path, "rb") as raw, naming(path, ".npz"):
        start = raw.read(4)
        raw.seek(0)
        if start[:2] != b"PK":  # np.load would take a .npy file too, and read all of it
            raise ValueError(f"expected a zip archive, got one that begins {start!r}")
        with np.load(raw, allow_pickle=False) as archive:
            yield archive


def _check_header(stream, size):
    """Refuse what NumPy would make room for before it looks whether the bytes are there."""
    version = npy_format.read_magic(stream)
    if version == (1, 0):
        shape, _, dtype = npy_format.read_array_header_1_0(stream)
    elif version == (2, 0):
        shape, _, dtype = npy_format.read_array_header_2_0(stream)
    else:
        raise ValueError(f"expected format version 1.0 or 2.0, got {version}")
    wanted, have = math.prod(shape) * dtype.itemsize, size - stream.tell()
    if wanted != have and not dtype.hasobject:  # objects np.load refuses by name
        raise ValueError(
            f"expected {wanted} bytes for {dtype} values of shape {shape}, got {have}"
        )
