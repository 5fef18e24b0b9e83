"""Claim: the file that a run writes is its own, from before the first batch until it is closed."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

from backbeat import files
from backbeat.errors import CheckpointError, FileInUseError, StateError

__all__ = ["Claim"]

Run = Callable[[Callable[[], None]], object]


class Claim:
    """Keeps every other run away from one file.

    Where no lock can be had nobody is kept away. In a directory that is not there yet the file is
    locked when it is first written.
    """

    def __init__(self, owner: object, path: str | os.PathLike[str]) -> None:
        self._who = type(owner).__name__
        self.path = path
        self._lock: files.Lock | None = None
        self._mutex = threading.Lock()
        self._is_wanted = False
        self._refused: set[int] = set()

    def begin(self) -> None:
        """A run is about to begin.

        Raises StateError if the callback takes part in another run.
        """
        if self._is_wanted:
            self._refused.add(threading.get_ident())
            raise StateError(
                f"this {self._who} writes {os.fspath(self.path)} for another run at this moment. "
                f"Give each run a {self._who}, and a file, of its own."
            )
        self._is_wanted = True

    def take_if_there(self) -> None:
        """Lock the file if its directory is there.

        Raises FileInUseError if another run writes it, CheckpointError if it cannot be locked.
        """
        with self._mutex:  # a slow disk may still be at it
            if self._lock is None and files.exists(Path(self.path).parent):
                self._lock = files.lock_file(self.path)
        if not self._is_wanted:  # it did not answer before the run was over
            self.end(lambda release: release())

    def is_of_another_run(self) -> bool:
        """Once after `begin` was refused, in the same thread: it is not this run's to close."""
        was_refused = threading.get_ident() in self._refused
        self._refused.discard(threading.get_ident())
        return was_refused

    def take(self) -> None:
        """Lock the file now if it is not locked yet; its directory is created.

        Raises FileInUseError if another run writes it.
        """
        if self._is_wanted and self._lock is None:
            files.make_parents(self.path)
            try:
                self.take_if_there()
            except FileInUseError:
                raise
            except CheckpointError:  # said by whoever writes there, if it hinders that too
                pass

    def end(self, run: Run) -> None:
        """Let others write the file; `run` carries out what may hang."""
        lock, self._lock = self._lock, None
        self._is_wanted = False
        if lock is not None:
            run(lock.release)
