"""The background: one thread that writes checkpoints, one after the other, while training goes on.

Whoever reads or writes a path waits for what is on its way there.
"""

from __future__ import annotations

import atexit
import threading
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path

from backbeat import errands, forks
from backbeat.errands import Errand
from backbeat.files import PathLike
from backbeat.files.places import place_of

__all__ = ["Job", "is_on_its_way", "submit", "wait_for"]

# How often somebody who waits looks whether the thread is still alive.
_LOOK_SECONDS = 1.0


class Job:
    """Something that is being written: done at some time, and then written or failed."""

    def __init__(self, write: Callable[[], object], targets: Iterable[PathLike]) -> None:
        self.targets: frozenset[Path | str] = frozenset(place_of(target) for target in targets)
        self.error: BaseException | None = None
        """Why it failed; None if it did not, or has not yet."""
        self.abandoned = False
        """Whether this process is a child of the one that writes it."""
        self._write = write
        self._done = threading.Event()
        self._last_of: Errand | None = None

    @property
    def done(self) -> bool:
        """Whether it is over, well or not."""
        return self._done.is_set()

    def wait(self) -> None:
        """Return when it is over. What went wrong is in `error`, and is not raised."""
        while not self._done.wait(_LOOK_SECONDS):
            _writer.ensure_work()
        if self._last_of is not None and self._last_of.thread is not threading.current_thread():
            self._last_of.wait()

    def run(self) -> None:
        """Write it now, in the thread that calls this; never raises."""
        try:
            self._write()
        except BaseException as error:  # whatever it is, it belongs to the owner of the job
            self.error = error

    def finish(self, last_of: Errand | None) -> None:
        """Let those go on who wait; `last_of` is the errand that ends with this job."""
        self._last_of = last_of
        self._done.set()

    def abandon(self) -> None:
        """In a child process: leave it to the parent."""
        self.abandoned = True
        # The event of before may have been held by a thread that does not exist here.
        self._done = threading.Event()
        self._done.set()


class _Writer:
    """The queue, and the errand that empties it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: deque[Job] = deque()
        self._errand: Errand | None = None
        self._worker: threading.Thread | None = None

    def submit(self, job: Job) -> None:
        """Let the thread write `job` after those from before; in line if none can be started."""
        self._jobs.append(job)
        self.ensure_work()

    def ensure_work(self) -> None:
        """See to it that a thread is at work if there is any."""
        with self._lock:
            if not self._jobs or (self._worker is not None and self._worker.is_alive()):
                return
            try:
                self._errand = errands.send(self._work, "checkpoints")
                self._worker = self._errand.thread
                return
            except RuntimeError:  # the system gives no more threads
                self._worker, self._errand = threading.current_thread(), None
        self._work()

    def _work(self) -> None:
        # Before anything is written, by which it would be waited for.
        self._worker, is_last = threading.current_thread(), False
        while not is_last:
            job = self._jobs[0]
            job.run()
            with self._lock:
                self._jobs.popleft()
                is_last, errand = not self._jobs, self._errand
                if is_last:
                    self._worker = self._errand = None
            job.finish(errand if is_last else None)

    def finish(self) -> None:
        """Return when all is written: a program that ends at once still leaves whole files."""
        for job in tuple(self._jobs):
            job.wait()

    def wait_for(self, target: Path | str) -> None:
        """Return when nothing is on its way to `target` any more."""
        if self._worker is threading.current_thread():
            return
        for job in tuple(self._jobs):
            if target in job.targets:
                job.wait()

    def has(self, target: Path | str) -> bool:
        """Whether anything is on its way to `target`."""
        return any(target in job.targets for job in tuple(self._jobs))

    def become_inert(self) -> None:
        """In a child process: nothing of what the parent writes is written here."""
        jobs = tuple(self._jobs)
        self.__init__()
        for job in jobs:
            job.abandon()


_writer = _Writer()
forks.silence_in_children(_writer)
atexit.register(_writer.finish)


def submit(write: Callable[[], object], targets: Iterable[PathLike]) -> Job:
    """Have `write`, which writes to `targets`, called by the thread; returns at once.

    >>> job = submit(lambda: None, ["weights.h5"])
    >>> job.wait()
    >>> job.done, job.error
    (True, None)
    """
    job = Job(write, targets)
    _writer.submit(job)
    return job


def is_on_its_way(path: PathLike) -> bool:
    """Whether something is being written to `path`, or will be."""
    return _writer.has(place_of(path))


def wait_for(path: PathLike) -> None:
    """Return when nothing is on its way to `path` any more, be it written or failed."""
    _writer.wait_for(place_of(path))
