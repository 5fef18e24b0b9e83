"""Data in the shape of MNIST, without a download: scikit-learn's digits, enlarged to 28 x 28."""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_digits

from backbeat.utils import to_categorical

HELD_OUT = 297


def load_data():
    """Images as rows of 784 numbers from 0 to 1, labels one-hot: (train, test), (x, y) each."""
    digits = load_digits()
    images = np.pad(digits.images.repeat(3, axis=1).repeat(3, axis=2), ((0, 0), (2, 2), (2, 2)))
    x = (images / 16).reshape(-1, 784).astype("float32")
    y = to_categorical(digits.target, 10)
    return (x[:-HELD_OUT], y[:-HELD_OUT]), (x[-HELD_OUT:], y[-HELD_OUT:])
