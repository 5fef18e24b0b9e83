"""Disks that fail, die, crawl or hang at an operation of your choice, and tell what was asked.

Set one as `files.disk.current` with monkeypatch. Count the operations with a RecordingDisk, then
loop `at` over them. What a power failure could leave is in tests/faults/worlds.py.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from pathlib import Path
from typing import Any

from backbeat.files import Disk

WRITING = {
    "open",
    "write",
    "truncate",
    "set_mode",
    "start_writeback",
    "fsync",
    "close",
    "replace",
    "link",
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
    """Its operation number `at` fails with `code`; later ones work, unless `for_ever`.

    `only` counts the operations of that name alone, such as "fsync".
    """

    def __init__(
        self,
        at: int,
        code: int = errno.ENOSPC,
        *,
        for_ever: bool = False,
        only: str | None = None,
    ) -> None:
        super().__init__()
        self.at, self.code, self.for_ever, self.only = at, code, for_ever, only
        self.failed = 0

    def before(self, number: int, name: str) -> None:
        if self.only is not None:
            number = self.operations.count(self.only) if name == self.only else 0
        if number == self.at or (self.for_ever and number > self.at):
            self.failed += 1
            raise OSError(self.code, os.strerror(self.code))


class DyingDisk(RecordingDisk):
    """From operation number `at` on, nothing happens any more."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at = at

    def before(self, number: int, name: str) -> None:
        if number >= self.at:
            raise Killed(name)


class SlowDisk(RecordingDisk):
    """Every operation, or only those of one name, takes `seconds`."""

    def __init__(self, seconds: float, only: str | None = None) -> None:
        super().__init__()
        self.seconds, self.only = seconds, only

    def before(self, number: int, name: str) -> None:
        if self.only in (None, name):
            time.sleep(self.seconds)


class HangingDisk(RecordingDisk):
    """From operation number `at` on everything waits until `release` is set."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at = at
        self.reached, self.release = threading.Event(), threading.Event()

    def before(self, number: int, name: str) -> None:
        if number >= self.at:
            self.reached.set()
            self.release.wait()


class MiserlyDisk(Disk):
    """Takes at most 7 bytes at a time."""

    def write(self, descriptor: int, data: memoryview) -> int:
        return super().write(descriptor, data[:7])


def names(directory: Path) -> list[str]:
    return sorted(entry.name for entry in directory.iterdir())
