"""Blanks: places for digests in a file that are filled when the rest of it is written.

So everything is read, turned around and digested once, while the disk is already at work.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Any

from backbeat.checkpoints.digests import Passing
from backbeat.checkpoints.pieces import Buffer, gathered

__all__ = ["Blanks", "Marks", "write_and_fill"]


class Marks:
    """Stand for digests that are not known yet, in texts of the same length that nothing else is.

    >>> marks = Marks(2)
    >>> len(marks.texts[0]), marks.texts[0] == marks.texts[1]
    (64, False)
    """

    def __init__(self, count: int) -> None:
        self._token = secrets.token_hex(16)
        self.texts = [f"{self._token}{number:032x}" for number in range(count)]

    def find(self, data: Buffer) -> list[tuple[int, int]]:
        """Where in `data` which of them stand, by their numbers."""
        pattern = re.compile(self._token.encode() + rb"([0-9a-f]{32})")
        return [(found.start(), int(found[1], 16)) for found in pattern.finditer(data)]


class Blanks:
    """Bytes of a file with marks in them, each of which will be a digest."""

    def __init__(self, data: Buffer, marks: Marks) -> None:
        self.data = data
        self._places = marks.find(data)

    def __bool__(self) -> bool:
        return bool(self._places)

    def filled(self, digests: Sequence[str]) -> bytearray:
        """The bytes with `digests`, by the numbers of their marks."""
        data = bytearray(self.data)
        for place, number in self._places:
            data[place : place + 64] = digests[number].encode()
        return data


def write_and_fill(
    file: IO[Any], parts: Iterable[Blanks | Passing], digests: Sequence[str | Passing]
) -> None:
    """Write `parts` one after the other, then `digests` into their blanks.

    Each of the `digests` is known, or that of one of the parts.
    """
    blanks: list[tuple[int, Blanks]] = []
    for piece in gathered(_bytes_of(parts, blanks)):
        file.write(piece)
    known = [each if isinstance(each, str) else each.digest for each in digests]
    for position, part in blanks:
        file.seek(position)
        file.write(part.filled(known))


def _bytes_of(
    parts: Iterable[Blanks | Passing], blanks: list[tuple[int, Blanks]]
) -> Iterator[Buffer]:
    """All the bytes; notes in `blanks` where there is something to fill."""
    position = 0
    for part in parts:
        if isinstance(part, Blanks) and part:
            blanks.append((position, part))
        for piece in [part.data] if isinstance(part, Blanks) else part:
            yield piece
            position += len(piece)
