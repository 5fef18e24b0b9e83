"""Outline: an HDF5 file in which only the arrays are missing, so that they are never copied."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

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
        self._arrays: list[tuple[int | None, int]] = []
        self._position = 0
        self._size = 0

    def place(self, offset: int | None, size: int) -> None:
        """Leave a gap of `size` bytes at `offset` for the next array; None if it has no bytes."""
        self._arrays.append((offset, size))

    def parts(self) -> Iterator[bytes | int]:
        """The whole file, from beginning to end; for each array the number of its place call."""
        position = 0
        placed = [(at, size, number) for number, (at, size) in enumerate(self._arrays)]
        for offset, size, number in sorted(each for each in placed if each[0] is not None):
            assert offset is not None
            yield self._bytes(position, offset)
            yield number
            position = offset + size
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
