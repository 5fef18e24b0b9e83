"""Split arrays into a part to train on and a part to validate with."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any

from backbeat.data.arrays import array_tree, count_samples, is_array
from backbeat.errors import ArgumentError, ArgumentTypeError, DataError
from backbeat.tensors import map_leaves

__all__ = ["Part", "split_tail"]

Part = tuple[Any, Any, Any]


def split_tail(x: Any, y: Any, weight: Any, fraction: float) -> tuple[Part, Part]:
    """(x, y, weight) to train on, and the last `fraction` of the samples to validate with.

    The cut is made before any shuffling, after int(n * (1 - fraction)) samples; the parts are
    views, not copies. Class weights are not in `weight`, so the validation loss does not depend
    on them.

    Raises:
        ArgumentTypeError: `fraction` is no number, or `x` is not held in memory as arrays.
        ArgumentError: `fraction` is not between 0 and 1.
        DataError: the arrays do not fit together, or one of the parts would be empty.

    >>> (x, _, _), (x_val, _, _) = split_tail([1, 2, 3, 4], None, None, 0.25)
    >>> x.tolist(), x_val.tolist()
    ([1, 2, 3], [4])
    """
    _check_fraction(fraction)
    _check_in_memory(x)
    trees = (
        array_tree(x, "x"),
        array_tree(y, "y", optional=True),
        array_tree(weight, "sample_weight", optional=True),
    )
    count = count_samples(x=trees[0], y=trees[1], sample_weight=trees[2])
    cut = int(count * (1 - fraction))
    if not 0 < cut < count:
        empty = "train on" if cut == 0 else "validate with"
        raise DataError(
            f"validation_split={fraction} of {count} samples leaves none to {empty}. Give more "
            f"samples, another fraction, or validation_data=(x, y)."
        )
    return _rows(trees, slice(None, cut)), _rows(trees, slice(cut, None))


def _rows(trees: Part, rows: slice) -> Part:
    x, y, weight = (
        map_leaves(lambda leaf: None if leaf is None else leaf[rows], tree) for tree in trees
    )
    return x, y, weight


def _check_fraction(fraction: object) -> None:
    if isinstance(fraction, bool) or not isinstance(fraction, Real):
        raise ArgumentTypeError(
            f"validation_split={fraction!r} is no number. Give a fraction such as 0.2."
        )
    if not 0 < float(fraction) < 1:
        raise ArgumentError(
            f"validation_split={fraction!r} is not between 0 and 1. 0.2 keeps the last fifth of "
            f"the samples for validation; for none at all, leave it out."
        )


def _check_in_memory(x: object) -> None:
    if not (is_array(x) or isinstance(x, (list, tuple, Mapping))):
        raise ArgumentTypeError(
            f"validation_split needs arrays, and x is a {type(x).__name__}. Split it where it is "
            f"made, and give the second part as validation_data=."
        )
