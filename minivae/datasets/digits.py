"""The handwritten digits that ship with the package."""

from pathlib import Path

import numpy as np

from minivae.datasets.images import Images

DIGITS_TRAIN = 1497  # the first rows of the shipped file; the other 300 are for test


def load_digits():
    """The 8x8 handwritten digits that ship with the package.

    1,797 images, 1,497 to train and 300 to test. A pixel counts the set bits of a 4x4
    block of a 32x32 scan, so it is a whole number 0..16, and Binomial(16) is a proper
    likelihood for it.

    The original file lists one writer after the other. The images here stand in a
    shuffled order that was drawn once and is stored with them (`order` in the data
    file), and the last 300 of it are the test part: the split is the same on every
    machine and with every NumPy, both parts hold every digit, and the 13 writers are in
    both, so the test part says how well new images by known hands are modelled.

    Returns
    -------
    Images
        `max_count` 16, `shape` (8, 8), with labels.

    Examples
    --------
    >>> from minivae import load_digits
    >>> load_digits()
    <Images 'digits': 1497 train, 300 test, 8x8 pixels of 0..16>

    References
    ----------
    E. Alpaydin and C. Kaynak (1998), Optical Recognition of Handwritten Digits, test
    portion, UCI Machine Learning Repository, https://doi.org/10.24432/C50P49, licensed
    under CC BY 4.0.
    """
    file = Path(__file__).with_name("digits.npz")
    with np.load(file, allow_pickle=False) as arrays:
        images, labels = arrays["images"], arrays["labels"]
    train, test = np.split(images, [DIGITS_TRAIN])
    train_labels, test_labels = np.split(labels, [DIGITS_TRAIN])
    return Images(train, test, 16, (8, 8), "digits", train_labels, test_labels)
