"""Lists of names as attributes: HDF5 allows one attribute 64 KiB, so long lists go in pieces."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from itertools import pairwise

from backbeat.errors import ArgumentError

__all__ = ["LARGEST_ATTRIBUTE", "get_names", "put_names"]

LARGEST_ATTRIBUTE = 64512
"""Bytes of one attribute; Keras uses the same number, so the pieces are the same too."""

Attributes = MutableMapping[str, str | list[str]]


def put_names(attributes: Attributes, key: str, names: Sequence[str]) -> None:
    """Store `names` as `key`, or in as few pieces `key0`, `key1`, … as they need.

    >>> attributes = {}
    >>> put_names(attributes, "names", ["a" * 40_000, "b" * 40_000])
    >>> list(attributes)
    ['names0', 'names1']
    """
    longest = max((len(name.encode()) for name in names), default=0)
    if longest > LARGEST_ATTRIBUTE:
        raise ArgumentError(
            f"a name of {longest} bytes does not fit into an HDF5 file; the longest may have "
            f"{LARGEST_ATTRIBUTE}."
        )
    if _packed(names) <= LARGEST_ATTRIBUTE:
        attributes[key] = list(names)
        return
    count = 2
    while any(_packed(piece) > LARGEST_ATTRIBUTE for piece in _pieces(names, count)):
        count += 1
    attributes.update({f"{key}{n}": piece for n, piece in enumerate(_pieces(names, count))})


def get_names(attributes: Mapping[str, str | list[str]], key: str) -> list[str] | None:
    """The list stored as `key`, put together from its pieces; None if there is none."""
    if key in attributes:
        return list(attributes[key])
    names: list[str] = []
    count = 0
    while (piece := attributes.get(f"{key}{count}")) is not None:
        names.extend(piece)
        count += 1
    return names if count else None


def _packed(names: Sequence[str]) -> int:
    """The bytes that `names` take: each as many as the longest."""
    return max((len(name.encode()) for name in names), default=0) * len(names)


def _pieces(names: Sequence[str], count: int) -> list[list[str]]:
    """`names` cut into `count` pieces of nearly the same number, the longer ones first."""
    size, longer = divmod(len(names), count)
    ends = [number * size + min(number, longer) for number in range(count + 1)]
    return [list(names[start:end]) for start, end in pairwise(ends)]
