"""Data sets: digits that ship with the package, drawn faces, MNIST, your own images.

- `digits`, `faces`, `mnist`, `own`: each loads one kind of data and returns an `Images`
- `images`: what an `Images` is, and `prepare`, which turns its mini-batches into floats
- `sources`: from files and folders of all kinds to arrays
- `files`, `download`: reading IDX and NumPy files that may be damaged; fetching them
"""

from minivae.datasets.digits import load_digits
from minivae.datasets.faces import draw_faces, load_faces
from minivae.datasets.images import Images, prepare
from minivae.datasets.mnist import load_mnist
from minivae.datasets.own import load_images

__all__ = [
    "Images",
    "draw_faces",
    "load_digits",
    "load_faces",
    "load_images",
    "load_mnist",
    "prepare",
]
