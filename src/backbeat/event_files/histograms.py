"""Histograms: exact counts, in buckets that are eight to every doubling of the values."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Histogram", "Tally", "count"]

# Elements counted at once: few enough to stay in the processor's cache.
_BLOCK = 65_536
# Bits of the fraction that tell buckets apart: three make eight buckets of each doubling.
_FRACTION_BITS = 3


class Histogram(NamedTuple):
    """Buckets, and how many values have none."""

    rows: NDArray[np.float64]
    """Shape (buckets, 3): left edge, right edge, count. As in NumPy a value on an edge belongs to
    the bucket on its right, and the last bucket holds its right edge too."""
    non_finite: int
    """How many values were nan or infinite; they are in no bucket."""


def count(values: NDArray[Any], edges: Sequence[float] | None = None) -> Histogram:
    """Count real numbers of any shape into buckets, exactly.

    Without `edges` the buckets follow the numbers' own binary form, from the smallest number that
    occurs to the largest; neighbours without any number are one bucket. With `edges`, which
    increase, there is one bucket between any two, and numbers outside are not counted.

    >>> count(np.float32([1.0, 1.1, -3.0, np.nan])).rows.round(3).tolist()
    [[-3.25, -3.0, 1.0], [-3.0, 1.0, 0.0], [1.0, 1.125, 2.0]]
    """
    flat = _as_float(values).reshape(-1)
    if edges is not None:
        finite = flat[np.isfinite(flat)]
        counts, found = np.histogram(finite, np.asarray(edges, np.float64))
        return Histogram(_rows(found, counts), flat.size - finite.size)
    counts, non_finite = _count_by_bits(flat)
    return Histogram(_compact(_edges(flat.dtype.itemsize), counts), non_finite)


class Tally:
    """Counts real numbers that come in parts, exactly and without keeping them, in 32 bits.

    >>> tally = Tally()
    >>> tally.add(np.float32([1.0, 2.0]))
    >>> tally.add(np.float32([1.0]))
    >>> tally.histogram().rows[:, 2].tolist()
    [2.0, 0.0, 1.0]
    """

    def __init__(self) -> None:
        self._counts = np.zeros(1, np.int64)
        self._non_finite = 0

    def add(self, values: NDArray[Any]) -> None:
        """Count numbers of any shape."""
        counts, non_finite = _count_by_bits(values.astype(np.float32, copy=False).reshape(-1))
        self._counts = self._counts + counts
        self._non_finite += non_finite

    def histogram(self) -> Histogram:
        """All that was counted so far, in the buckets of `count`."""
        empty = self._counts.size == 1
        rows = np.zeros((0, 3)) if empty else _compact(_edges(4), self._counts)
        return Histogram(rows, self._non_finite)


def _as_float(values: NDArray[Any]) -> NDArray[Any]:
    """float32 and float64 as they are, whatever else as the smaller of the two that holds it."""
    if values.dtype.name in ("float32", "float64") and values.dtype.isnative:
        return values
    return values.astype(np.float32 if values.dtype == np.float16 else np.float64)


def _count_by_bits(flat: NDArray[Any]) -> tuple[NDArray[np.int64], int]:
    """The counts between the `_edges`, from left to right, and of what is not finite."""
    # Sign, exponent and the first bits of the fraction are, read as a whole number, a bucket's
    # number: no number is compared with any edge.
    bits = flat.view(np.uint32 if flat.dtype.itemsize == 4 else np.uint64)
    shift, infinity = _layout(flat.dtype.itemsize)
    half = 1 << (8 * flat.dtype.itemsize - 1 - shift)
    total = np.zeros(2 * half, np.int64)
    for start in range(0, bits.size, _BLOCK):
        keys = (bits[start : start + _BLOCK] >> bits.dtype.type(shift)).astype(np.intp)
        total += np.bincount(keys, minlength=2 * half)
    positive, negative = total[:infinity], total[half : half + infinity]
    around_zero = positive[:1] + negative[:1]
    counts = np.concatenate((negative[:0:-1], around_zero, positive[1:]))
    return counts, flat.size - int(counts.sum())


def _layout(itemsize: int) -> tuple[int, int]:
    """How far a number's bits are shifted to give its bucket, and the bucket of infinity."""
    exponent_bits, fraction_bits = (8, 23) if itemsize == 4 else (11, 52)
    infinity = ((1 << exponent_bits) - 1) << _FRACTION_BITS
    return fraction_bits - _FRACTION_BITS, infinity


@cache
def _edges(itemsize: int) -> NDArray[np.float64]:
    """All edges for numbers of that many bytes, from left to right."""
    shift, infinity = _layout(itemsize)
    unsigned, floating = (np.uint32, np.float32) if itemsize == 4 else (np.uint64, np.float64)
    starts = (np.arange(1, infinity, dtype=unsigned) << unsigned(shift)).view(floating)
    positive = np.append(starts, np.finfo(floating).max)
    # The bits of a negative number begin a bucket at its other end, so its edges are moved by the
    # least possible: -0.5 is the last number of its bucket, and an edge is the first of the next.
    negative = np.nextafter(-positive[::-1], floating(0))
    negative[0] = -positive[-1]
    return np.concatenate((negative, positive)).astype(np.float64)


def _compact(edges: NDArray[np.float64], counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """The buckets from the first to the last that hold anything, empty neighbours made one."""
    holds = counts != 0
    filled = holds.nonzero()[0]
    if filled.size == 0:
        return np.zeros((0, 3))
    first, last = filled[0], filled[-1]
    if first == last == counts.size // 2:
        # Zeros only: a bucket as narrow as theirs could not be drawn.
        return np.array([[-0.5, 0.5, counts[first]]])
    # A left edge stays where its bucket or the one before holds something, or begins it all. What
    # then begins there is one bucket that holds something, or a run that is empty.
    starts = first + 1 + (holds[first:last] | holds[first + 1 : last + 1]).nonzero()[0]
    starts = np.concatenate(([first], starts, [last + 1]))
    return _rows(edges[starts], counts[starts[:-1]])


def _rows(edges: NDArray[np.float64], counts: NDArray[Any]) -> NDArray[np.float64]:
    rows = np.empty((counts.size, 3))
    rows[:, 0], rows[:, 1], rows[:, 2] = edges[:-1], edges[1:], counts
    return rows
