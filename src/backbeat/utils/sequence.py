"""Sequence: numbered batches, made when they are asked for."""

from __future__ import annotations

from typing import Any

__all__ = ["Sequence"]


class Sequence:
    """The base of a class that makes batch number `index` of `len(self)`, for `fit` and the rest.

    An item is `(x, y)` or `(x, y, sample_weight)`. Any class with these two methods will do; one
    that has `on_epoch_end()` too is told when all its batches were used.

    >>> class Squares(Sequence):
    ...     def __len__(self):
    ...         return 2
    ...     def __getitem__(self, index):
    ...         return [[index]], [[index**2]]
    >>> [batch for batch in Squares()]
    [([[0]], [[0]]), ([[1]], [[1]])]
    """

    def __len__(self) -> int:
        """The number of batches."""
        raise NotImplementedError(f"{type(self).__name__} does not define __len__()")

    def __getitem__(self, index: int) -> Any:
        """The batch with this number, counted from 0."""
        raise NotImplementedError(f"{type(self).__name__} does not define __getitem__(index)")

    def __iter__(self) -> Any:
        """All batches in order."""
        return (self[index] for index in range(len(self)))
