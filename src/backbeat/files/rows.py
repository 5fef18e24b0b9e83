"""Rows: a text file that grows row by row."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from backbeat.errors import StateError
from backbeat.files import disk
from backbeat.files.disk import PathLike, RawFile, teaching
from backbeat.files.places import permissions, resolve

__all__ = ["Rows", "open_rows"]


class Rows:
    """An open text file; every row is handed to the system whole, at once."""

    def __init__(self, descriptor: int, path: Path, size: int, *, is_new: bool) -> None:
        self.path = path
        self.size = size
        """Bytes in the file, those from before it was opened included."""
        self._raw = RawFile(descriptor, path)
        self._is_torn = False
        self._is_new = is_new

    def write_row_text(self, text: str) -> None:
        """Add `text`, which brings its own line end, as UTF-8 in one write.

        Raises CheckpointError if it cannot be written; no part of the row is left then.
        Raises StateError after `close`.
        """
        if self._raw.closed:
            raise StateError(f"{self.path} is closed; open it again with open_rows.")
        data = text.encode("utf-8", "backslashreplace")
        if self._is_torn:  # could not be taken back at once, so it is now or nothing is added
            self.cut_back(self.size)
        try:
            self._raw.write(data)
        except BaseException:
            self._is_torn = True
            with contextlib.suppress(OSError):
                self.cut_back(self.size)
            raise
        self.size += len(data)

    def cut_back(self, size: int) -> None:
        """Keep the first `size` bytes alone.

        Raises CheckpointError if the file cannot be cut.
        """
        with teaching(self.path):
            disk.current.truncate(self._raw.descriptor, size)
        self.size, self._is_torn = size, False

    def sync(self) -> None:
        """Return once the rows are on the disk.

        Raises CheckpointError if that fails.
        """
        with teaching(self.path):
            disk.current.fsync(self._raw.descriptor)
            if self._is_new:  # or a power failure leaves rows that nobody finds
                disk.current.fsync_directory(self.path.parent)
                self._is_new = False

    def is_gone(self) -> bool:
        """Whether the file was removed, or another one put in its place, since it was opened."""
        status, own = disk.current.status(self.path), disk.current.opened(self._raw.descriptor)
        return status is None or (status.st_dev, status.st_ino) != (own.st_dev, own.st_ino)

    def close(self) -> None:
        """Close the file; closing it again does nothing."""
        self._raw.close()


def open_rows(path: PathLike, append: bool = False) -> Rows:
    """Open a text file for rows: behind what is there if `append`, else emptied first.

    Raises CheckpointError if `path` cannot be written, or is a directory, a pipe or a device.
    """
    target = resolve(path)
    is_new = permissions(target) is None
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | (0 if append else os.O_TRUNC)
    with teaching(target):
        descriptor = disk.current.open(target, flags)
        status = disk.current.status(target)
    return Rows(descriptor, target, status.st_size if status else 0, is_new=is_new)
