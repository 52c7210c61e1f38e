"""Small files for the tests, whole and damaged."""

import io
import struct

import numpy as np
from hypothesis import strategies as st


def idx_bytes(array, type_code=8):
    """An IDX file, written from the description of the format."""
    header = struct.pack(">BBBB", 0, 0, type_code, array.ndim)
    header += struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.tobytes()


def npy_bytes(array, **options):
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


def npz_bytes(**arrays):
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def flip(data, content):
    """`content` with one byte changed to another, both drawn."""
    position = data.draw(st.integers(0, len(content) - 1))
    change = data.draw(st.integers(1, 255))
    flipped = bytearray(content)
    flipped[position] ^= change
    return position, bytes(flipped)


# Four files as MNIST has them, with 9 and 3 images of 4x5.
RNG = np.random.default_rng(7)
ARRAYS = {
    "train-images-idx3-ubyte": RNG.integers(0, 256, (9, 4, 5), dtype=np.uint8),
    "train-labels-idx1-ubyte": RNG.integers(0, 10, 9, dtype=np.uint8),
    "t10k-images-idx3-ubyte": RNG.integers(0, 256, (3, 4, 5), dtype=np.uint8),
    "t10k-labels-idx1-ubyte": RNG.integers(0, 10, 3, dtype=np.uint8),
}
CONTENT = {name: idx_bytes(array) for name, array in ARRAYS.items()}
