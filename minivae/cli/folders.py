"""Where commands write: new files, and folders that belong to one training at a time."""

import os
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

LOCK = "training.lock"


@contextmanager
def training_folder(out, name):
    """The folder --out, or a new one under `runs` named after data and time.

    It must be new or empty, and is claimed until the block ends. What was made here and
    stayed empty is removed again.

    Raises
    ------
    ValueError
        If the folder is in use, by files or by another training.
    """
    in_use = f"--out: expected a new or an empty folder, got {out!r}"
    run = Path("runs", f"{name}-{datetime.now():%Y%m%d-%H%M%S}")
    while True:
        folder = Path(out) if out else free_path(run)
        made = [path for path in (folder, *folder.parents) if not path.exists()]
        try:
            folder.mkdir(parents=True, exist_ok=bool(out))
            break
        except FileExistsError:
            if out:  # it is a file
                raise ValueError(in_use) from None
            continue  # another training took that name in this very second
    try:
        with claimed(folder):
            if any(path.name != LOCK for path in folder.iterdir()):
                raise ValueError(in_use)
            yield folder
    finally:
        with suppress(OSError):  # something is in it
            for path in made:
                path.rmdir()


@contextmanager
def claimed(folder):
    """Keep every other training out of `folder` until the block ends, or this process.

    The claim is a lock on a file, which the system lifts when its holder ends, in
    whatever way: after a crash nothing stands in the way of the next training.
    """
    path = Path(folder, LOCK)
    try:
        with open(path, "wb") as file:
            try:
                _lock(file)
            except (BlockingIOError, PermissionError):
                path = None  # it is the other's
                raise ValueError(
                    f"{folder}: expected a folder of one training, got one that another"
                    " training writes to at this moment"
                ) from None
            except OSError:  # a file system without locks
                pass
            yield
    finally:
        if path is not None:
            with suppress(OSError):
                path.unlink()


def _lock(file):
    if os.name == "nt":
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def new_file(out, default):
    """The path --out, which must not exist yet, or the first free one like `default`."""
    if out is None:
        return free_path(Path(default))
    if Path(out).exists():
        raise ValueError(f"--out: expected a new file, got {out}, which exists")
    return Path(out)


def free_path(path):
    """`path`, or the first of path-2, path-3, ... that does not exist yet."""
    candidate, number = path, 1
    while candidate.exists():
        number += 1
        candidate = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return candidate
