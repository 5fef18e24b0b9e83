"""Mould: what all HDF5 files of one tree of names and shapes have in common, made once."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Sequence

from backbeat.checkpoints.checkpoint import Array
from backbeat.checkpoints.outline import Outline
from backbeat.checkpoints.pieces import Buffer, gathered, pieces

__all__ = ["Marks", "Mould"]


class Marks:
    """Stand for digests that are not known yet, in texts of the same length that nothing else is.

    >>> marks = Marks(2)
    >>> len(marks.texts[0]), marks.texts[0] == marks.texts[1]
    (64, False)
    """

    def __init__(self, count: int) -> None:
        self._token = secrets.token_hex(16)
        self.texts = [f"{self._token}{number:032x}" for number in range(count)]

    def find(self, data: bytes) -> list[tuple[int, int]]:
        """Where in `data` which of them stand, by their numbers."""
        pattern = re.compile(self._token.encode() + rb"([0-9a-f]{32})")
        return [(found.start(), int(found[1], 16)) for found in pattern.finditer(data)]


class Mould:
    """An outline with marks instead of digests, filled with other digests and arrays each time.

    HDF5 takes a few hundred calls to describe a small model, and describes it the same way again.
    """

    def __init__(self, outline: Outline, marks: Marks) -> None:
        self._parts = [
            part if isinstance(part, int) else (part, marks.find(part)) for part in outline.parts()
        ]

    def filled(self, digests: Sequence[str], arrays: Sequence[Array]) -> Iterator[Buffer]:
        """The whole file, from beginning to end."""
        return gathered(self._filled(digests, arrays))

    def _filled(self, digests: Sequence[str], arrays: Sequence[Array]) -> Iterator[Buffer]:
        for part in self._parts:
            if isinstance(part, int):
                yield from pieces(arrays[part])
                continue
            data = bytearray(part[0])
            for place, number in part[1]:
                data[place : place + 64] = digests[number].encode()
            yield data
