"""Data sets: digits that ship with the package, MNIST, and anybody's own images.

- `digits`, `mnist`, `own`: each loads one kind of data and returns an `Images`
- `images`: what an `Images` is, and `prepare`, which turns its mini-batches into floats
- `files`, `download`: reading IDX and NumPy files that may be damaged; fetching them
"""

from minivae.datasets.digits import load_digits
from minivae.datasets.images import Images, prepare
from minivae.datasets.mnist import load_mnist
from minivae.datasets.own import load_images

__all__ = ["Images", "load_digits", "load_images", "load_mnist", "prepare"]
