"""RunFiles: the event files that one run writes into one directory, one after the other."""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from collections.abc import Mapping
from pathlib import Path

from backbeat import files
from backbeat.event_files import protos
from backbeat.event_files.cutting import cut_back
from backbeat.event_files.names import next_name
from backbeat.event_files.records import framed
from backbeat.files import disk
from backbeat.files.disk import teaching

__all__ = ["RunFiles"]

_VERSION = "brain.Event:2"
# No step comes later: a session that begins here replaces nothing.
_NEVER = (1 << 63) - 1


class RunFiles:
    """Opens a file when there is something to write, and a new one after each failure.

    A file is never appended to once it was closed: readers stop at a torn record for good.
    """

    def __init__(
        self,
        directory: Path,
        run: str,
        start_step: int | None = None,
        cut_to: Mapping[str, int] | None = None,
    ) -> None:
        self.directory = directory
        self.run = run
        self._cut_to = cut_to
        self.sizes: dict[str, int] = dict(cut_to or {})
        """By name, the bytes of each file that are whole records."""
        self._start_step = start_step
        self._descriptor: int | None = None
        self._name = ""
        self._opened = 0

    def write(self, records: list[bytes]) -> None:
        """Write all of `records` and empty the list.

        Raises CheckpointError if the disk refuses. The list then holds what is in no file, and
        the next call opens a new file.
        """
        head, descriptor = (b"", self._descriptor) if self._descriptor is not None else self._open()
        data = memoryview(head + b"".join(records))
        done = 0
        try:
            with teaching(self.directory / self._name):
                while done < len(data):
                    done += disk.current.write(descriptor, data[done:])
        except BaseException:
            self._abandon(is_empty=done < len(head))
            raise
        finally:
            self._forget_written(records, len(head), done)

    def _forget_written(self, records: list[bytes], head: int, done: int) -> None:
        """Remove from `records` those that are wholly among the first `done` bytes."""
        ends = list(itertools.accumulate(map(len, records), initial=head))
        whole = sum(end <= done for end in ends[1:])
        if done >= head:
            self.sizes[self._name] = self.sizes.get(self._name, 0) + ends[whole]
        del records[:whole]

    def sync(self) -> None:
        """Return once everything written is on the disk; raises CheckpointError if it refuses."""
        if self._descriptor is None:
            return
        try:
            with teaching(self.directory / self._name):
                disk.current.fsync(self._descriptor)
        except BaseException:
            # After a failed fsync the kernel may believe the pages clean: never tried again.
            self._abandon(is_empty=False)
            raise

    def close(self) -> None:
        """Close the file; the next record opens a new one."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            with teaching(self.directory / self._name):
                disk.current.close(descriptor)

    def _abandon(self, *, is_empty: bool) -> None:
        # The first error is the one to see.
        with contextlib.suppress(OSError):
            self.close()
        if is_empty:
            with contextlib.suppress(OSError):
                disk.current.unlink(self.directory / self._name)

    def _open(self) -> tuple[bytes, int]:
        """Open a new file; returns the records that every file begins with, and its descriptor."""
        if self._cut_to is not None:
            cut_back(self.directory, self.run, self._cut_to)
            self._cut_to = None
        files.make_parents(self.directory / "event file")
        with teaching(self.directory):
            existing = disk.current.list(self.directory)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        descriptor = None
        while descriptor is None:
            self._name = next_name(existing, self.run, self._opened)
            with teaching(self.directory / self._name):
                try:
                    descriptor = disk.current.open(self.directory / self._name, flags)
                except FileExistsError:  # somebody else opened it at the same moment
                    existing.append(self._name)
        self._descriptor = descriptor
        self._opened += 1
        start, self._start_step = self._start_step, None
        return _head(_NEVER if start is None else start), descriptor


def _head(start_step: int) -> bytes:
    """The version, and the beginning of a session.

    TensorBoard drops what it has at or behind the step of every such beginning but the first that
    it sees, so each file has one.
    """
    now = time.time()
    version = protos.Event(wall_time=now, file_version=_VERSION)
    start = protos.Event(wall_time=now, step=start_step, session_log={"status": "START"})
    return framed(version.SerializeToString()) + framed(start.SerializeToString())
