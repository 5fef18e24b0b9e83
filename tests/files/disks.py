"""Disks that fail or die at an operation of your choice, and tell what was asked of them."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

from backbeat.files import Disk

WRITING = {
    "open",
    "write",
    "truncate",
    "set_mode",
    "fsync",
    "close",
    "replace",
    "unlink",
    "make_directory",
    "remove_directory",
    "fsync_directory",
}


class Killed(BaseException):
    """The process is dead: nothing it does afterwards reaches the disk."""


class RecordingDisk(Disk):
    """A real disk that notes every operation that changes something."""

    def __init__(self) -> None:
        self.operations: list[str] = []

    def __getattribute__(self, name: str) -> Any:
        operation = super().__getattribute__(name)
        if name not in WRITING:
            return operation

        def observed(*arguments: Any) -> Any:
            self.operations.append(name)
            try:
                self.before(len(self.operations), name)
            except BaseException:
                # The system closes a file even when it reports an error, or when a process dies.
                if name == "close":
                    operation(*arguments)
                raise
            return operation(*arguments)

        return observed

    def before(self, number: int, name: str) -> None:
        """Called before the `number`-th operation, counted from 1."""


class FailingDisk(RecordingDisk):
    """Its operation number `at` fails with `code`; later ones work."""

    def __init__(self, at: int, code: int = errno.ENOSPC) -> None:
        super().__init__()
        self.at, self.code = at, code

    def before(self, number: int, name: str) -> None:
        if number == self.at:
            raise OSError(self.code, os.strerror(self.code))


class DyingDisk(RecordingDisk):
    """From operation number `at` on, nothing happens any more."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at = at

    def before(self, number: int, name: str) -> None:
        if number >= self.at:
            raise Killed(name)


class MiserlyDisk(Disk):
    """Takes at most 7 bytes at a time."""

    def write(self, descriptor: int, data: memoryview) -> int:
        return super().write(descriptor, data[:7])


def names(directory: Path) -> list[str]:
    return sorted(entry.name for entry in directory.iterdir())
