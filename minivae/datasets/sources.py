"""From a file or a folder to arrays: NumPy's formats, IDX, CSV, folders of PNG.

`read_arrays` answers which array plays which role. What the values mean is the business
of `own`.
"""

from pathlib import Path

import numpy as np

from minivae.datasets.files import naming, npz_names, read_idx, read_npy, read_npz

# The names that NumPy files give to each role, here and in Keras, torchvision's exports
# and scikit-learn; where several are there, the first counts.
PARTS = {
    "train": ("train", "x_train", "X_train", "train_images"),
    "test": ("test", "x_test", "X_test", "test_images"),
    "train_labels": ("train_labels", "y_train"),
    "test_labels": ("test_labels", "y_test"),
}
WHOLE = {
    "train": ("images", "X", "x", "data"),
    "train_labels": ("labels", "y", "target"),
}
LABEL_COLUMNS = ("label", "labels", "class", "target", "y")
# The four files of MNIST and of all sets made in its image.
IDX_FILES = {
    "train": "train-images-idx3-ubyte",
    "train_labels": "train-labels-idx1-ubyte",
    "test": "t10k-images-idx3-ubyte",
    "test_labels": "t10k-labels-idx1-ubyte",
}
SHRINK = """\
python -c "from pathlib import Path; from PIL import Image; Path('grey').mkdir(); \
[Image.open(p).convert('L').resize((28, 28)).save('grey/' + p.stem + '.png') \
for p in Path({folder!r}).glob('*.*')]\""""


def read_arrays(path):
    """The arrays in a file or folder, by their role, and how NumPy would read them.

    Parameters
    ----------
    path : path-like
        A `.npy` or `.npz` file, an IDX file (plain or gzip), a `.csv` file, a folder
        with the four files that MNIST has, a folder of PNG files, or one whose folders,
        one for each class, hold them. Files are told apart by their first bytes.

    Returns
    -------
    arrays : dict of str to ndarray
        "train", and as far as they are there "test", "train_labels", "test_labels".
    expressions : dict of str to str
        For the same names, Python that reads them, to be pasted; not for folders.

    Raises
    ------
    OSError
        If the path is missing or cannot be opened.
    ValueError
        If it is damaged or of no such kind; the message names it.
    """
    path = Path(path)
    if path.is_dir():
        return _read_folder(path), {}
    with open(path, "rb") as file:
        start = file.read(6)
    if start == b"\x93NUMPY":
        return {"train": read_npy(path)}, {"train": f"np.load({str(path)!r})"}
    if start[:2] == b"PK":
        return _read_npz(path)
    if start[:2] in (b"\x1f\x8b", b"\0\0"):
        return {"train": read_idx(path)}, {}
    if path.suffix.lower() == ".csv":
        expression = f"np.loadtxt({str(path)!r}, delimiter=',')"
        return _read_csv(path), {"train": expression}
    raise ValueError(
        f"{path}: expected a .npy, .npz, .csv or IDX file, or a folder of PNG files, got"
        f" a file that begins {start!r}"
    )


def find_idx(folder, name):
    """The path of an IDX file in a folder, plain or packed, or None."""
    # Some archives of MNIST write a dot before idx.
    stems = (name, name.replace("-idx", ".idx"))
    paths = (folder / f"{stem}{ending}" for stem in stems for ending in ("", ".gz"))
    return next(filter(Path.is_file, paths), None)


def _read_npz(path):
    names = npz_names(path)
    roles = _first_of(PARTS, names)
    if "train" in roles:
        unknown = [n for n in names if not any(n in known for known in PARTS.values())]
        if unknown:
            raise ValueError(
                f"{path}: expected train, test and their labels, got also"
                f" {', '.join(unknown)}"
            )
    else:
        roles = _first_of(WHOLE, names)
        images = [n for n in names if n not in WHOLE["train_labels"]]
        if "train" not in roles and len(images) == 1 and images[0] not in PARTS["test"]:
            roles["train"] = images[0]
    if "train" not in roles or ("test_labels" in roles and "test" not in roles):
        raise ValueError(
            f"{path}: expected one array of images (and labels), or train, test,"
            f" train_labels and test_labels; got {', '.join(names) or 'nothing'}"
        )
    arrays = read_npz(path, set(roles.values()))
    expressions = {r: f"np.load({str(path)!r})[{n!r}]" for r, n in roles.items()}
    return {role: arrays[name] for role, name in roles.items()}, expressions


def _first_of(table, names):
    found = {role: [n for n in known if n in names] for role, known in table.items()}
    return {role: names[0] for role, names in found.items() if names}


def _read_csv(path):
    """One image a row; a line of names may come first, and one may name the labels."""
    with naming(path, "CSV"):
        with open(path, encoding="utf-8-sig") as file:
            first = file.readline()
        delimiter = next((d for d in ",;\t" if d in first), None)
        cells = [cell.strip().strip('"') for cell in first.split(delimiter)]
        if not any(cells):
            raise ValueError("expected numbers, got an empty first line")
        named = not all(map(_is_number, cells))
        values = np.loadtxt(
            path, delimiter=delimiter, skiprows=int(named), ndmin=2, encoding="utf-8-sig"
        )
        if (values == np.rint(values)).all() and np.abs(values).max(initial=0) < 2**31:
            values = values.astype(np.int32)
        labels = [i for i, c in enumerate(cells) if named and c.lower() in LABEL_COLUMNS]
        if not labels:
            return {"train": values}
        pixels = np.delete(values, labels[0], axis=1)
        return {"train": pixels, "train_labels": values[:, labels[0]]}


def _is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


def _read_folder(folder):
    found = {role: find_idx(folder, name) for role, name in IDX_FILES.items()}
    if found["train"]:
        return {role: read_idx(path) for role, path in found.items() if path}
    files, labels = _png_files(folder), None
    if not files:
        classes = [path for path in sorted(folder.iterdir()) if path.is_dir()]
        by_class = [_png_files(path) for path in classes]
        files = [file for files in by_class for file in files]
        labels = np.repeat(np.arange(len(classes)), [len(files) for files in by_class])
    if not files:
        raise ValueError(
            f"{folder}: expected PNG files or MNIST's four IDX files, found none; other"
            f" pictures become PNG by\n{SHRINK.format(folder=str(folder))}"
        )
    images = [_read_png(file) for file in files]
    for file, image in zip(files, images, strict=True):
        if image.shape != images[0].shape or image.ndim != 2:
            size = "x".join(map(str, image.shape))
            raise ValueError(
                f"{file}: expected a grey picture of the size of all others,"
                f" {images[0].shape[0]}x{images[0].shape[1]}, got {size}; make them so by"
                f"\n{SHRINK.format(folder=str(folder))}"
            )
    pixels = np.stack(images)
    counts = np.rint(255 * pixels)
    if np.abs(counts - 255 * pixels).max() < 1e-3:  # 8 bits, which come as n / 255
        pixels = counts.astype(np.uint8)
    return {"train": pixels} | ({} if labels is None else {"train_labels": labels})


def _png_files(folder):
    """Those that macOS hides beside its own (._a.png) left out."""
    shown = [path for path in sorted(folder.iterdir()) if not path.name.startswith(".")]
    return [path for path in shown if path.suffix.lower() == ".png"]


def _read_png(path):
    """Values in [0, 1], shape (rows, columns); (rows, columns, 3) if it has colours."""
    from matplotlib.image import imread

    with naming(path, "PNG"):
        image = imread(path, format="png")
    if image.ndim == 3 and image.shape[2] in (2, 4) and (image[..., -1] == 1).all():
        image = image[..., :-1]  # nothing is transparent
    if image.ndim == 3 and (image == image[..., :1]).all():
        image = image[..., 0]
    return image
