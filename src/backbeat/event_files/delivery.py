"""Delivery: the thread that brings the backlog to the disk, and how it ends."""

from __future__ import annotations

import atexit
import threading
import time
import weakref

from backbeat import forks
from backbeat.event_files.backlog import FINE_VALUES, Backlog
from backbeat.event_files.packing import Packer
from backbeat.event_files.report import Report
from backbeat.event_files.run_files import RunFiles

__all__ = ["Delivery"]

# Packed and written at once.
_FINE_AT_ONCE = 32_768
_COARSE_BYTES_AT_ONCE = 8 << 20
# So many fine values wake the thread before its time.
_CROWD = 8192
_LONGEST_PAUSE_SECONDS = 30.0


class Delivery:
    """Starts its thread with the first value; ends it by `close`, and at the program's exit.

    A disk that refuses is asked again, after longer and longer pauses; what the bounded backlog
    cannot hold meanwhile is dropped and counted. Nothing that happens in the thread is raised.
    """

    def __init__(self, run_files: RunFiles, flush_seconds: float, close_seconds: float) -> None:
        self.backlog = Backlog()
        self.report = Report()
        self.threshold = 0
        """How many fine values may wait before `accept` has to be asked for each further one."""
        self._files = run_files
        self._packer = Packer(self.report)
        self._flush_seconds = flush_seconds
        self._close_seconds = close_seconds
        self._pending: list[bytes] = []
        self._pause_seconds = 0.0
        self._retry_at = 0.0
        self._thread: threading.Thread | None = None
        self._ended = False
        self._closing = self._is_late = False
        self._asked = self._answered = 0
        self._succeeded = True
        self._renew_locks()

    def _renew_locks(self) -> None:
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._done = threading.Condition()

    # In the threads that train

    def accept(self) -> bool:
        """Whether there is room for one more value, and somebody to write it."""
        with self._lock:
            if self._ended or not self._is_running():
                return False
            if len(self.backlog.fine) >= _CROWD:
                self._wake.set()
            return len(self.backlog.fine) < FINE_VALUES

    def drop(self, kind: str, count: int = 1) -> None:
        """Count values that were not accepted."""
        with self._lock:
            self.report.dropped[kind] += count

    def hurry(self) -> None:
        """Deliver now rather than after the flush time."""
        self._wake.set()

    def flush(self, seconds: float | None = None) -> bool:
        """Wait until all that was given is safely on the disk; False if it is not in time."""
        with self._done:
            if self._thread is None or self._ended:
                return self._succeeded and not self.backlog and not self._pending
            self._asked += 1
            mine = self._asked
            self._wake.set()
            wait = self._close_seconds if seconds is None else seconds
            answered = self._done.wait_for(lambda: self._answered >= mine or self._ended, wait)
            return answered and self._succeeded

    def close(self, seconds: float | None = None) -> None:
        """Write what waits and end the thread; what is not written in time is counted.

        The thread of a disk that did not answer in time goes on when it does; closing again then
        waits for it.
        """
        with self._lock:
            self._ended = True
            self.threshold = 0
        _open.discard(self)
        forks.forget(self)
        if self._thread is None:
            return
        self._closing = True
        self._wake.set()
        wait = self._close_seconds if seconds is None else seconds
        self._thread.join(wait)
        if self._thread.is_alive():
            self._is_late = True
            self.report.unwritten = len(self.backlog) + len(self._pending)
            self.report.error = f"the disk did not answer within {wait:g} seconds"
            return
        if self._is_late:
            self._is_late = False
            self.report.unwritten, self.report.error = 0, ""
        self._give_up_rest()

    def _give_up_rest(self) -> None:
        self.report.unwritten += self.backlog.clear() + len(self._pending)
        self._pending.clear()

    def _is_running(self) -> bool:
        if self._thread is None:
            thread = threading.Thread(target=self._run, name="backbeat-events", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:  # no thread can be had, as at the program's exit
                self._end(error)
                return False
            self._thread = thread
            self.threshold = _CROWD
            _open.add(self)
            forks.silence_in_children(self)
        return True

    def _end(self, error: BaseException) -> None:
        self._ended = True
        self._succeeded = False
        self.threshold = 0
        self.report.error = f"the writing thread ended: {error!r}"

    def become_inert(self) -> None:
        """In a forked child: never write, and never wait for a thread that is not there."""
        _open.discard(self)
        self._ended = True
        self.threshold = 0
        self._thread = None
        self._pending = []
        self.backlog = Backlog()
        self._renew_locks()

    # In its own thread

    def _run(self) -> None:
        try:
            while not self._round():
                pass
        except BaseException as error:
            self._end(error)
            self._give_up_rest()
            with self._done:
                self._done.notify_all()

    def _round(self) -> bool:
        """Sleep and deliver; True if that was the last time."""
        self._wake.wait(self._flush_seconds)
        self._wake.clear()
        asked, closing = self._asked, self._closing
        succeeded = self._deliver(urgent=closing or asked > self._answered)
        with self._done:
            self._answered, self._succeeded = asked, succeeded
            self._done.notify_all()
        return closing

    def _deliver(self, *, urgent: bool) -> bool:
        """Write all that waits; False if the disk refuses."""
        if time.monotonic() < self._retry_at and not urgent:
            return False
        try:
            while self._pending or self._pack_some():
                self._write()
            if urgent:
                self._files.sync()
            if self._closing:
                self._files.close()
        except OSError as error:
            self._note_failure(error)
            return False
        self._pause_seconds = 0.0
        return True

    def _write(self) -> None:
        waiting = len(self._pending)
        try:
            if self._pending:
                self._files.write(self._pending)
        finally:
            self.report.written += waiting - len(self._pending)

    def _pack_some(self) -> bool:
        """Turn a part of the backlog into pending records; False if there is none."""
        items = self.backlog.take_fine(_FINE_AT_ONCE)
        self._pending = self._packer.pack(items)
        size = 0
        while size < _COARSE_BYTES_AT_ONCE and (coarse := self.backlog.take_coarse()):
            self._pending += self._packer.pack_built(coarse.build, coarse.step, coarse.wall_time)
            self.backlog.release(coarse)
            size += coarse.size
        return bool(items or size)

    def _note_failure(self, error: OSError) -> None:
        self.report.failures += 1
        self.report.error = str(error)
        self._packer.begin_file()
        pause = max(2 * self._pause_seconds, self._flush_seconds)
        self._pause_seconds = min(pause, _LONGEST_PAUSE_SECONDS)
        self._retry_at = time.monotonic() + self._pause_seconds


_open: weakref.WeakSet[Delivery] = weakref.WeakSet()


def _close_all() -> None:
    for delivery in list(_open):
        delivery.close()


atexit.register(_close_all)
