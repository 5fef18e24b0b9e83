"""to_categorical against real Keras 3, and its errors."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from backbeat.errors import DataError
from backbeat.utils import to_categorical


@pytest.mark.parametrize(
    "labels",
    [
        [0, 2, 1],
        [[0], [2]],
        np.array([[0, 1], [2, 0]]),
        np.array([1.0, 0.0]),
        np.uint8([3]),
        [True],
    ],
)
def test_equals_keras(labels: Any) -> None:
    """Values, shape and dtype are Keras'."""
    ours, theirs = to_categorical(labels), keras.utils.to_categorical(labels)

    assert ours.dtype == np.float32
    np.testing.assert_array_equal(ours, theirs)


def test_number_of_classes_and_dtype() -> None:
    """Both can be chosen."""
    rows = to_categorical([1], num_classes=4, dtype="int8")

    assert rows.tolist() == [[0, 1, 0, 0]]
    assert rows.dtype == np.int8


@pytest.mark.parametrize(
    ("labels", "classes", "message"),
    [
        ([0, 5], 3, r"run from 0 to 5, but with num_classes=3 they must lie between 0 and 2"),
        ([-1, 1], None, r"run from -1 to 1"),
        ([0.5], None, r"whole class numbers, but was given float64 values such as 0\.5"),
        ([float("nan")], None, r"whole class numbers"),
        (["a"], None, r"whole class numbers, but was given <U1 values such as 'a'"),
    ],
)
def test_numbers_that_are_no_classes(labels: Any, classes: int | None, message: str) -> None:
    """The error names what was given and what fits."""
    with pytest.raises(DataError, match=message):
        to_categorical(labels, classes)
