"""Reading a file by its plain name in a directory, never anything that the name leads to."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Generator
from pathlib import Path
from typing import BinaryIO

from backbeat.errors import CheckpointCorruptError, CheckpointError
from backbeat.files import disk
from backbeat.files.disk import PathLike
from backbeat.files.places import resolve

__all__ = ["open_inside", "read_inside"]


@contextlib.contextmanager
def open_inside(directory: PathLike, name: str) -> Generator[BinaryIO]:
    """Open the file called `name` in `directory` for reading; for names that a file gives.

    Raises CheckpointCorruptError if `name` is more than a plain name, or leads to something that is
    no ordinary file: a link, a directory, a pipe. Raises CheckpointError if it cannot be read.
    """
    folder = resolve(directory)
    if name in ("", ".", "..") or "/" in name or "\0" in name:
        raise CheckpointCorruptError(f"{folder}: {name[:200]!r} is not the plain name of a file.")
    try:
        descriptor = disk.current.open_inside(folder, name)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise CheckpointCorruptError(f"{folder / name} is a link, not a file.") from error
        raise CheckpointError(f"{folder / name} cannot be read: {error.strerror}.") from error
    if not stat.S_ISREG(disk.current.opened(descriptor).st_mode):
        disk.current.close(descriptor)
        raise CheckpointCorruptError(f"{folder / name} is not an ordinary file.")
    with os.fdopen(descriptor, "rb") as file:
        yield file


def read_inside(directory: PathLike, name: str, *, at_most: int) -> bytes:
    """All bytes of the file called `name` in `directory`, checked as `open_inside` does.

    Raises CheckpointCorruptError also if it holds more than `at_most` bytes.
    """
    with open_inside(directory, name) as file:
        # Not more memory than there are bytes, whatever may be allowed.
        size = disk.current.opened(file.fileno()).st_size
        data = file.read(min(size, at_most) + 1)
    if len(data) > at_most:
        path = Path(resolve(directory), name)
        raise CheckpointCorruptError(f"{path} holds more than the {at_most} bytes it may have.")
    return data
