"""Backup: carries out the saves of one run into its generations, in line or in the background."""

from __future__ import annotations

from functools import partial
from typing import Any

from backbeat import files
from backbeat.checkpoints import background
from backbeat.checkpoints.generation import Contents, Generation
from backbeat.checkpoints.generations import Generations
from backbeat.checkpoints.pending import Pending
from backbeat.errors import BackbeatError
from backbeat.warning import warn

__all__ = ["Backup"]


class Backup:
    """The generations of one run in `directory`, and what is on its way there.

    In the background only the copying is waited for, into memory that the next save uses again.
    """

    def __init__(self, directory: files.PathLike, *, keep: int, in_background: bool) -> None:
        self.failure: Exception | None = None
        """Why the last save failed; None if it did not."""
        self._generations = Generations(directory, keep=keep)
        self._in_background = in_background
        self._memory: dict[str, Any] = {}
        self._pending = Pending[list[str]]()
        self._failures = 0
        self._fitting, self._is_short = 0, False

    def open(self) -> None:
        """Take the directory for this run, and find out whether it can be written.

        Raises DirectoryInUseError if another run writes there, CheckpointError if it cannot be.
        """
        self._generations.open()
        files.probe_directory(self._generations.directory)

    def newest(self) -> Generation | None:
        """What to go on from."""
        return self._generations.newest()

    def rehearse(self, model: Any) -> None:
        """Find out before training whether the run can be saved, without writing it.

        Raises ArgumentTypeError, naming the key, for a state that no file can hold.
        """
        try:
            state = model.capture_run(self._memory)
        except Exception:  # a callback that has no state yet: the save itself will say so
            return
        if state is not None:
            self._check_room(Contents.of(state))

    def _check_room(self, contents: Contents) -> None:
        """Warn, once, if the disk has little room: at first for what there is before training."""
        size = contents.size
        if size <= self._fitting or self._is_short:
            return
        self._fitting = size
        # So many there are, for a moment, while the oldest one is not removed yet.
        most = self._generations.keep + 1
        directory = self._generations.directory
        try:
            free = files.free_bytes(directory)
        except BackbeatError:
            return
        if free < size * max(1, most - self._generations.count):
            self._is_short = True
            warn(
                f"BackupAndRestore has little room in {directory}: {free / 1e6:.1f} MB are free, "
                f"one save takes {size / 1e6:.1f} MB, and up to {most} of them are there at a time."
            )

    def save(self, model: Any) -> bool:
        """Save, if the run stands where it can be saved, and say if; waits for the save before.

        Raises ArgumentTypeError, naming the key, for a state that no file can hold.
        """
        self.take_up(wait=True)
        if self._pending.is_busy:  # Ctrl-C ended the waiting, and its memory is still read
            self._memory = {}
        try:
            state = model.capture_run(self._memory)
            if state is None:
                return False
            contents = Contents.of(state, is_finite=state["finite"])
            self._check_room(contents)
            self._start(contents)
        except (OSError, MemoryError) as error:
            self._fail(error)
        return True

    def _start(self, contents: Contents) -> None:
        remained: list[str] = []
        write = partial(self._generations.write, contents, remained)
        if self._in_background:
            self._pending.start(remained, write, [self._generations.directory])
        else:
            write()
            self._succeed(remained)

    def take_up(self, *, wait: bool = False) -> Exception | None:
        """Learn how the save in the background ended, if it has or if that is to be waited for.

        Returns `failure`.
        """
        ended = self._pending.outcome(wait=wait)
        if ended is not None:
            remained, error = ended
            if error is None:
                self._succeed(remained)
            else:
                self._fail(error)
        return self.failure

    def _succeed(self, remained: list[str]) -> None:
        self.failure = None
        for problem in remained:
            self._warn(f"BackupAndRestore: {problem}")

    def _fail(self, error: Exception) -> None:
        self.failure = error
        self._failures += 1
        if self._failures == 1:
            self._warn(
                f"BackupAndRestore could not save the run in {self._generations.directory}: "
                f"{error} What was saved before is as it was. It is tried again at the next save; "
                "further failures are only counted."
            )

    def _warn(self, text: str) -> None:
        warn(text)

    def troubles(self) -> list[str]:
        """How often it failed, and whether anything came of it in the end."""
        if not self._failures:
            return []
        times = "once" if self._failures == 1 else f"{self._failures} times"
        end = "a later save succeeded" if self.failure is None else f"lastly: {self.failure}"
        return [f"the run could not be saved {times}; {end}"]

    def close(self, *, remove: bool) -> None:
        """Wait until all is written and let others write there; `remove` all that was saved."""
        directory, self._memory = self._generations.directory, {}
        try:
            self.take_up(wait=True)
        finally:
            if background.is_on_its_way(directory):
                # Ctrl-C ended the waiting: nobody else may write there until that is done.
                background.submit(self._generations.close, [directory])
            elif remove:
                self._generations.discard()
            else:
                self._generations.close()
