"""Locks: one run at a time in a directory or a file, freed by the system however it ends."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from backbeat import forks
from backbeat.errors import CheckpointError, DirectoryInUseError, FileInUseError
from backbeat.files import disk
from backbeat.files.disk import PathLike, teaching
from backbeat.files.places import resolve
from backbeat.files.processes import boot_id, is_running

__all__ = ["Holder", "Lock", "lock_directory", "lock_file"]

_NAME = ".lock"
_NO_LOCKS = (errno.ENOTSUP, errno.ENOSYS, errno.ENOLCK)
_LARGEST = 4096


@dataclass(frozen=True)
class Holder:
    """Who holds a lock, by its own words: text in a file, to be shown and never acted upon."""

    host: str
    pid: int
    boot: str
    """The system's own number for the time since it was last started."""
    run: str
    since: str

    def is_gone(self) -> bool:
        """Whether that process surely ended; what another machine does cannot be known."""
        if self.host != socket.gethostname():
            return False
        return self.boot != boot_id() or not is_running(self.pid)


class Lock:
    """What no other run may write to, until `release`; made by `lock_directory`, `lock_file`."""

    def __init__(self, path: Path, descriptor: int, left_by: Holder | None) -> None:
        self.path = path
        self.left_by = left_by
        """The run before, if it ended without releasing the lock: it was killed."""
        self._descriptor: int | None = descriptor
        forks.silence_in_children(self)

    def is_held(self) -> bool:
        """Whether it still keeps others out: its file was neither removed nor replaced."""
        if self._descriptor is None:
            return False
        there = disk.current.entry(self.path)
        return there is not None and os.path.samestat(there, disk.current.opened(self._descriptor))

    def release(self) -> None:
        """Let others write there; releasing again does nothing."""
        if self._descriptor is not None:
            # Removed while it is still locked: nobody else can hold a lock on this very file.
            with contextlib.suppress(OSError):
                if self.is_held():
                    disk.current.unlink(self.path)
            self.become_inert()

    def become_inert(self) -> None:
        """Let go of the file; a forked child must not keep the lock after its parent was killed."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            with contextlib.suppress(OSError):
                disk.current.close(descriptor)

    def __del__(self) -> None:
        self.become_inert()

    def __enter__(self) -> Lock:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()


def lock_directory(directory: PathLike, run: str = "") -> Lock:
    """Keep every other run out of `directory`, which exists; `run` is what they are told of you.

    The lock goes with the process, even after `kill -9`, and is then found in `left_by`. Where the
    file system has no locks, a file left by a process that ended on this machine counts as free.

    Raises DirectoryInUseError if another run is writing there, in this process or any other, and
    CheckpointError if the directory cannot be written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, lock_directory(folder, "mnist-7") as lock:
    ...     lock.path.name, lock.left_by
    ('.lock', None)
    """
    path = resolve(directory) / _NAME
    return _lock(path, run, lambda holder: _directory_in_use(path, holder))


def lock_file(file: PathLike, run: str = "") -> Lock:
    """Keep every other run from writing `file`, whose directory exists; as `lock_directory`.

    The lock is a hidden file beside `file`, which itself is not touched and need not be there.

    Raises FileInUseError if another run is writing it, and CheckpointError if no lock can be put
    beside it.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, lock_file(f"{folder}/log.csv") as lock:
    ...     lock.path.name
    '.log.csv.lock'
    """
    target = resolve(file)
    path = target.with_name(f".{target.name[:48]}{_NAME}")
    return _lock(path, run, lambda holder: _file_in_use(target, path, holder))


def _lock(path: Path, run: str, in_use: Callable[[Holder | None], CheckpointError]) -> Lock:
    with teaching(path):
        descriptor = _locked(path, in_use)
        try:
            left_by = _holder(descriptor)
            disk.current.truncate(descriptor, 0)
            disk.current.write(descriptor, memoryview(_me(run)))
        except BaseException:
            with contextlib.suppress(OSError):
                disk.current.unlink(path)
            disk.current.close(descriptor)
            raise
    return Lock(path, descriptor, left_by)


def _locked(path: Path, in_use: Callable[[Holder | None], CheckpointError]) -> int:
    """The lock file, opened and locked."""
    while True:
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
        descriptor = disk.current.open(path, flags)
        try:
            if not _take(descriptor):
                raise in_use(_holder(descriptor))
            # The holder before may have removed the file after it was opened here.
            there = disk.current.entry(path)
            if there and os.path.samestat(there, disk.current.opened(descriptor)):
                return descriptor
        except BaseException:
            disk.current.close(descriptor)
            raise
        disk.current.close(descriptor)


def _take(descriptor: int) -> bool:
    """Lock the file; where there are no locks, what is written in it decides."""
    try:
        return disk.current.lock(descriptor)
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
    holder = _holder(descriptor)
    return holder is None or holder.is_gone()


def _holder(descriptor: int) -> Holder | None:
    """What is written in the lock file, if it is what we write."""
    try:
        os.lseek(descriptor, 0, os.SEEK_SET)
        found: Any = json.loads(disk.current.read(descriptor, _LARGEST))
        texts = {name: str(found[name])[:200] for name in ("host", "boot", "run", "since")}
        return Holder(pid=int(found["pid"]), **texts)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _directory_in_use(path: Path, holder: Holder | None) -> DirectoryInUseError:
    """The error for the second run in one directory."""
    return DirectoryInUseError(
        f"{path.parent} is in use by {_told(holder)}. Give this run a directory of its own, or "
        f"wait until the other has ended; if it ended long ago, remove {path}."
    )


def _file_in_use(target: Path, path: Path, holder: Holder | None) -> FileInUseError:
    """The error for the second run that writes one file."""
    return FileInUseError(
        f"{target} is being written by {_told(holder)}. Give this run a file of its own, or wait "
        f"until the other has ended; if it ended long ago, remove {path}."
    )


def _told(holder: Holder | None) -> str:
    if holder is None:
        return "another run"
    who = f"run {holder.run!r}" if holder.run else "another run"
    return f"{who} (process {holder.pid} on {holder.host!r}, since {holder.since!r})"


def _me(run: str) -> bytes:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return json.dumps(
        asdict(Holder(socket.gethostname(), os.getpid(), boot_id(), run, now))
    ).encode()
