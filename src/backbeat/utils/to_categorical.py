"""Class numbers as one-hot rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from backbeat.errors import DataError

__all__ = ["to_categorical"]


def to_categorical(
    y: ArrayLike, num_classes: int | None = None, dtype: DTypeLike = "float32"
) -> np.ndarray[Any, Any]:
    """Class numbers of shape (...,) or (..., 1) as rows of 0 with one 1: (..., num_classes).

    Without `num_classes` it is the largest number plus one. Raises `DataError` for a number that
    is negative, not whole or too large.

    >>> to_categorical([0, 2])
    array([[1., 0., 0.],
           [0., 0., 1.]], dtype=float32)
    """
    given = np.asarray(y)
    shape = given.shape[:-1] if given.ndim > 1 and given.shape[-1] == 1 else given.shape
    numbers = _whole(given.ravel())
    classes = num_classes or (int(numbers.max()) + 1 if numbers.size else 0)
    if numbers.size and (numbers.min() < 0 or numbers.max() >= classes):
        raise DataError(
            f"the class numbers run from {numbers.min()} to {numbers.max()}, but with "
            f"num_classes={num_classes} they must lie between 0 and {max(classes - 1, 0)}."
        )
    rows = np.zeros((numbers.size, classes), dtype=dtype)
    rows[np.arange(numbers.size), numbers] = 1
    return rows.reshape(*shape, classes)


def _whole(numbers: np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """`numbers` as integers; raises where that would change one."""
    numeric = numbers.dtype.kind in "biuf"
    with np.errstate(invalid="ignore"):
        whole = numbers.astype(np.int64) if numeric else np.zeros(0, dtype=np.int64)
    if not numeric or (numbers.dtype.kind == "f" and not np.array_equal(whole, numbers)):
        raise DataError(
            f"to_categorical needs whole class numbers, but was given {numbers.dtype} values such "
            f"as {next(iter(numbers.tolist()), None)!r}."
        )
    return whole
