"""Files that appear whole or not at all."""

import errno
import os
from contextlib import contextmanager
from pathlib import Path

FULL = (errno.ENOSPC, errno.EFBIG)  # said of a write, which does not know the file's name


@contextmanager
def replacing(path):
    """Open a binary file that replaces `path` when the block has ended without an error.

    Until then it lies beside `path` under a name that ends in ".part". A crash at any
    moment leaves the old file or the new one under `path`, and never half of either: the
    bytes are on the disk (fsync) before the name is (os.replace, which is atomic).

    Parameters
    ----------
    path : path-like

    Yields
    ------
    file
        Opened for writing bytes.

    Raises
    ------
    OSError
        If the folder is missing or cannot be written to, or the disk is full; it names
        `path`, whatever name the bytes had until then.
    """
    path = Path(path)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with open(part, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as error:
        ours = error.filename is not None and Path(error.filename) == part
        if ours or (error.filename is None and error.errno in FULL):
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    finally:
        part.unlink(missing_ok=True)
