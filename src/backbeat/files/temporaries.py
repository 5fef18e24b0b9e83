"""Temporary: a new file beside a target, recognizable as left behind when its process is gone."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from pathlib import Path

from backbeat.files import disk

__all__ = ["Temporary"]


class Temporary:
    """A new, empty file beside `target`, opened for writing.

    It is locked as long as its process lives, whatever happens to that: what lies beside a target
    unlocked was left by a killed process, and is removed here first. Where the file system has no
    locks such files stay.

    Raises OSError if it cannot be created.
    """

    def __init__(self, target: Path) -> None:
        # 48 characters of UTF-8 and the random part stay below every file system's 255 bytes.
        self._beginning = f".{target.name[:48]}."
        self._guard: int | None = None
        _remove_left(target.parent, self._beginning)
        self._create(target)
        while not self._is_held():
            disk.current.close(self.descriptor)
            self._create(target)

    def _create(self, target: Path) -> None:
        self.path = target.with_name(f"{self._beginning}{secrets.token_hex(8)}.tmp")
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            self.descriptor = disk.current.open(self.path, flags)
        except BaseException:
            self.discard()
            raise

    def _is_held(self) -> bool:
        """Lock the file; False if another process took it for a left one just before."""
        try:
            if not disk.current.lock(self.descriptor):
                return False
        except OSError:
            return True
        # The lock lives until every descriptor is closed: it outlives that of the data.
        self._guard = os.dup(self.descriptor)
        if disk.current.opened(self.descriptor).st_nlink:
            return True
        self.let_go()
        return False

    def discard(self) -> None:
        """Remove the file, as far as that is possible; it may have another name by now."""
        with contextlib.suppress(OSError):
            disk.current.unlink(self.path)

    def let_go(self) -> None:
        """Unlock the file; it has its final name, or is removed."""
        guard, self._guard = self._guard, None
        if guard is not None:
            os.close(guard)


def _remove_left(directory: Path, beginning: str) -> None:
    """Remove the files that dead processes left in `directory`."""
    mine = re.compile(re.escape(beginning) + "[0-9a-f]{16}\\.tmp")
    with contextlib.suppress(OSError):
        for name in disk.current.list(directory):
            if mine.fullmatch(name):
                _remove_if_left(directory / name)


def _remove_if_left(path: Path) -> None:
    """Remove the file at `path` unless a process holds it."""
    with contextlib.suppress(OSError):
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
        descriptor = disk.current.open(path, flags)
        try:
            if disk.current.lock(descriptor):
                disk.current.unlink(path)
        finally:
            disk.current.close(descriptor)
