"""Pending: what one owner has on its way to the disk, at most one write at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from backbeat.checkpoints import background
from backbeat.checkpoints.background import Job
from backbeat.files import PathLike

__all__ = ["Pending"]

Thing = TypeVar("Thing")


class Pending(Generic[Thing]):
    """The write that was started last, and how it ended, which is told once.

    >>> pending = Pending[str]()
    >>> pending.start("the first", lambda: None, ["weights.h5"])
    >>> pending.outcome(wait=True)
    ('the first', None)
    """

    def __init__(self) -> None:
        self._started: tuple[Thing, Job] | None = None
        self._last: Job | None = None

    @property
    def is_there(self) -> bool:
        """Whether there is a write whose outcome nobody took up yet."""
        return self._started is not None

    @property
    def is_busy(self) -> bool:
        """Whether the memory of the last one is still being read, also after Ctrl-C in waiting."""
        return self._last is not None and not self._last.done

    def start(self, thing: Thing, write: Callable[[], object], targets: Iterable[PathLike]) -> None:
        """Have `write`, which writes `thing` to `targets`, done in the background."""
        self._last = background.submit(write, targets)
        self._started = (thing, self._last)

    def outcome(self, *, wait: bool) -> tuple[Thing, Exception | None] | None:
        """What was started last and how it ended, once; None if it has not ended yet."""
        if self._started is None or not (wait or self._started[1].done):
            return None
        thing, job = self._started
        try:
            job.wait()
        finally:
            # Also if Ctrl-C ends the waiting: nobody waits a second time.
            self._started = None
        return None if job.abandoned else (thing, _as_exception(job.error))


def _as_exception(error: BaseException | None) -> Exception | None:
    if error is None or isinstance(error, Exception):
        return error
    return RuntimeError(f"the thread that wrote it was ended by {type(error).__name__}")
