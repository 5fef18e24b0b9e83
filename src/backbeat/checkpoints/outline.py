"""Outline: an HDF5 file in which only the arrays are missing, so that they are never copied."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from backbeat.checkpoints.checkpoint import Array
from backbeat.checkpoints.pieces import Buffer, gathered, pieces

__all__ = ["Outline"]

_PAGE = 1 << 16


class Outline(io.RawIOBase):
    """What h5py writes into instead of a file: keeps what it writes, and nothing of the gaps.

    The gaps are where the arrays belong. The file is then written from its beginning to its end by
    ourselves: when a disk fills up below HDF5, it crashes the process instead of raising.
    """

    def __init__(self) -> None:
        super().__init__()
        self._pages: dict[int, bytearray] = {}
        self._arrays: list[tuple[int, Array]] = []
        self._position = 0
        self._size = 0

    def place(self, offset: int | None, array: Array) -> None:
        """Remember that `array` belongs at `offset`; None if it has no bytes."""
        if offset is not None:
            self._arrays.append((offset, array))

    def pieces(self) -> Iterator[Buffer]:
        """The whole file, from beginning to end."""
        return gathered(self._parts())

    def _parts(self) -> Iterator[Buffer]:
        position = 0
        for offset, array in sorted(self._arrays, key=lambda placed: placed[0]):
            yield self._bytes(position, offset)
            yield from pieces(array)
            position = offset + array.nbytes
        yield self._bytes(position, self._size)

    def _bytes(self, begin: int, end: int) -> bytes:
        """What was written between two places; zeros where nothing was."""
        return b"".join(
            bytes(self._pages[page][part]) if page in self._pages else bytes(part.stop - part.start)
            for page, part in _on_pages(begin, end)
        )

    # What h5py asks of a file

    def seekable(self) -> bool:
        """True."""
        return True

    def readable(self) -> bool:
        """True."""
        return True

    def writable(self) -> bool:
        """True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to a place, counted from the beginning, from here, or from the end."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = start + offset
        return self._position

    def tell(self) -> int:
        """The place of the next read or write."""
        return self._position

    def readinto(self, buffer: Any, /) -> int:
        """Fill `buffer` with what was written here."""
        target = memoryview(buffer).cast("B")
        end = min(self._position + len(target), self._size)
        found = self._bytes(self._position, max(end, self._position))
        target[: len(found)] = found
        self._position += len(found)
        return len(found)

    def write(self, data: Any, /) -> int:
        """Keep `data`, which belongs here."""
        source = memoryview(data).cast("B")
        begin = self._position
        taken = 0
        for page, part in _on_pages(begin, begin + len(source)):
            count = part.stop - part.start
            self._pages.setdefault(page, bytearray(_PAGE))[part] = source[taken : taken + count]
            taken += count
        self._position = begin + taken
        self._size = max(self._size, self._position)
        return taken

    def truncate(self, size: int | None = None, /) -> int:
        """Say how long the file is."""
        self._size = self._position if size is None else size
        return self._size


def _on_pages(begin: int, end: int) -> Iterator[tuple[int, slice]]:
    """The pages between two places, and which part of each lies there."""
    while begin < end:
        page, start = divmod(begin, _PAGE)
        stop = min(_PAGE, start + end - begin)
        yield page, slice(start, stop)
        begin += stop - start
