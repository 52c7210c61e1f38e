"""Arrays read from files that may be cut short, damaged, or not what they claim to be.

`read_idx` reads the format of MNIST, `read_npy` and `read_npz` those of NumPy. A header
is believed only as far as the file bears it out: memory grows with the bytes that came,
not with the sizes that were promised. Nothing is ever unpickled, and whatever is wrong
ends in one ValueError that names the file.
"""

import math
import os

import numpy as np
from numpy.lib import format as npy_format

CHUNK = 1 << 20


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
        or has another hash.
    OSError
        If it is missing or cannot be opened.
    """
    import gzip
    import hashlib

    digest = hashlib.sha256()
    with open(path, "rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        try:
            stream = gzip.GzipFile(fileobj=raw) if packed else raw
            array = _parse_idx(stream, digest)
        # Flipped bits surface in gzip as EOFError, BadGzipFile or zlib.error.
        except Exception as error:
            raise ValueError(_not_sound(path, "IDX", error)) from error
    if sha256 is not None and digest.hexdigest() != sha256:
        raise ValueError(
            f"{path}: expected content with sha256 {sha256}, got {digest.hexdigest()}:"
            " another file, or a damaged one"
        )
    return array


def _parse_idx(stream, digest):
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
    data = read_exactly(stream, math.prod(shape), f"values of shape {shape}")
    # The gzip reader compares its checksum only when it is asked to read past the end.
    if stream.read(1):
        raise ValueError(f"expected {len(data)} values, {shape}, got more bytes")
    for part in (magic, header, data):
        digest.update(part)
    return np.frombuffer(data, np.uint8).reshape(shape)


def _not_sound(path, kind, error):
    reason = str(error) or type(error).__name__
    return f"{path}: not a sound {kind} file: {reason}"


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
    with open(path, "rb") as raw:
        try:
            return _parse_npy(raw, os.fstat(raw.fileno()).st_size)
        except Exception as error:
            raise ValueError(_not_sound(path, ".npy", error)) from error


def read_npz(path):
    """Read all arrays of a `.npz` file, checking the checksum of each.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    dict of str to ndarray
        In the file's order.

    Raises
    ------
    ValueError, OSError
        As `read_npy`.
    """
    import zipfile

    with open(path, "rb") as raw:
        # A damaged archive makes zipfile raise some ten kinds of exception (BadZipFile,
        # NotImplementedError, RuntimeError, EOFError, struct.error, zlib.error, ...).
        try:
            arrays = {}
            with zipfile.ZipFile(raw) as archive:
                for entry in archive.infolist():
                    name = entry.filename.removesuffix(".npy")
                    if name == entry.filename:
                        raise ValueError(f"it holds {name!r}, which is no .npy file")
                    with archive.open(entry) as stream:
                        arrays[name] = _parse_npy(stream, entry.file_size)
            return arrays
        except Exception as error:
            raise ValueError(_not_sound(path, ".npz", error)) from error


def _parse_npy(stream, size):
    """Read one array in NumPy's own format, whose header must agree with `size`."""
    version = npy_format.read_magic(stream)
    if version == (1, 0):
        shape, fortran, dtype = npy_format.read_array_header_1_0(stream)
    elif version == (2, 0):
        shape, fortran, dtype = npy_format.read_array_header_2_0(stream)
    else:
        raise ValueError(f"expected format version 1.0 or 2.0, got {version}")
    if dtype.hasobject:
        raise ValueError(
            f"expected numbers, got Python objects (dtype {dtype}), which are not read"
            " because unpickling can run any code"
        )
    wanted = math.prod(shape) * dtype.itemsize
    have = size - stream.tell()
    if wanted != have:
        raise ValueError(
            f"expected {wanted} bytes for {dtype} values of shape {shape}, got {have}"
        )
    data = read_exactly(stream, wanted, f"{dtype} values of shape {shape}")
    # zipfile compares the checksum as it hands out the last of these bytes.
    return np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")
