"""MNIST, from files at hand or from the network, checked to the last byte."""

import os
from pathlib import Path

from minivae.datasets.download import download
from minivae.datasets.files import read_idx
from minivae.datasets.images import Images
from minivae.datasets.sources import IDX_FILES, find_idx

MNIST_URLS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)

# SHA-256 of the uncompressed files: gzip may pack the same bytes in many ways.
HASHES = (
    "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
)
MNIST_SHA256 = dict(zip(IDX_FILES.values(), HASHES, strict=True))


def load_mnist(folder=None, cache=None, base_url=None):
    """MNIST: 60,000 training and 10,000 test images of 28x28 bytes.

    Read from its four IDX files, plain or compressed with gzip, and checked against the
    known SHA-256 of the uncompressed bytes.

    Parameters
    ----------
    folder : path-like, optional
        A folder that holds the files. Nothing is downloaded then.
    cache : path-like, optional
        Without `folder`, the files are looked for in the `mnist` folder in here, and
        downloaded (11 MB) where they are missing. The default is the environment
        variable MINIVAE_CACHE, then $XDG_CACHE_HOME/minivae, then ~/.cache/minivae.
    base_url : str, optional
        The address to download from, up to and without the file's name; by default each
        of `MNIST_URLS` is tried.

    Returns
    -------
    Images
        `max_count` 255, `shape` (28, 28), with labels; 55 MB in all.

    Raises
    ------
    FileNotFoundError
        If `folder` lacks a file; the message lists what is missing.
    ConnectionError
        If a file could not be downloaded; the message says which files to put where.
    ValueError
        If a file is damaged or is not MNIST.

    References
    ----------
    Y. LeCun, L. Bottou, Y. Bengio and P. Haffner (1998), Gradient-based learning
    applied to document recognition, Proceedings of the IEEE 86(11).
    """
    may_download = folder is None
    folder = _mnist_cache(cache) if may_download else Path(folder)
    found = {name: find_idx(folder, name) for name in MNIST_SHA256}
    missing = [name for name, path in found.items() if path is None]
    if missing and not may_download:
        raise FileNotFoundError(
            f"folder: {folder} lacks {', '.join(missing)} (each may end in .gz);"
            " without a folder, they are downloaded"
        )
    found |= {name: _download_idx(folder, name, base_url) for name in missing}
    try:
        arrays = [read_idx(found[name], sha256) for name, sha256 in MNIST_SHA256.items()]
    except ValueError as error:
        raise ValueError(
            f"{error}; other sets of this form, such as Fashion-MNIST, are images of your"
            f" own: --data {folder}, or load_images"
        ) from error
    train, train_labels, test, test_labels = arrays
    shape = train.shape[1:]
    train, test = (images.reshape(len(images), -1) for images in (train, test))
    return Images(train, test, 255, shape, "mnist", train_labels, test_labels)


def _mnist_cache(cache):
    if cache is None:
        # Unset and empty mean the same: go on to the next.
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        cache = os.environ.get("MINIVAE_CACHE") or Path(base) / "minivae"
    return Path(cache) / "mnist"


def _download_idx(folder, name, base_url):
    bases = MNIST_URLS if base_url is None else (base_url,)
    if not all(str(base).startswith(("http://", "https://")) for base in bases):
        raise ValueError(f"base_url: expected http:// or https://, got {base_url!r}")
    path = folder / f"{name}.gz"
    urls = [f"{base.rstrip('/')}/{path.name}" for base in bases]
    try:
        download(urls, path, verify=lambda part: read_idx(part, MNIST_SHA256[name]))
    except ConnectionError as error:
        files = "\n".join(f"    {known}.gz" for known in MNIST_SHA256)
        raise ConnectionError(
            f"{error}\nMNIST can be put there by hand: place the files\n{files}\n"
            f"(or the same without .gz) in {folder}, or pass the folder that has them."
        ) from error
    return path
