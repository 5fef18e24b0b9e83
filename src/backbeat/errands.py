"""Errands: calls that may hang, such as writes to a disk that is gone, run beside the training."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue

from backbeat import forks

__all__ = ["Errand", "Errands", "begin", "end", "send"]

_IDLE = "backbeat, idle"


class Errand:
    """A call that a thread of its own makes: over at some time, well or with an error."""

    def __init__(self, call: Callable[[], object], name: str) -> None:
        self.error: BaseException | None = None
        """What it raised, if it is over and did."""
        self.thread: threading.Thread
        """Who makes it."""
        self.name = f"backbeat {name}"
        self._call = call
        self._over = threading.Event()
        self._is_kept = False

    def wait(self, seconds: float | None = None) -> bool:
        """Whether it is over in time; its thread is gone then, or free for another one."""
        if not self._over.wait(seconds):
            return False
        if not self._is_kept:
            self.thread.join()
        return True

    def make(self, then_keep: Callable[[], bool]) -> bool:
        """Make the call, and return what `then_keep` does: whether the thread is kept."""
        try:
            self._call()
        except BaseException as error:
            self.error = error
        self.thread.name = _IDLE
        # Free before anybody learns of it, who may have another call.
        self._is_kept = is_kept = then_keep()
        self._over.set()
        return is_kept


class _Runner:
    """A thread that makes one call after another, as long as it is kept."""

    def __init__(self) -> None:
        self._errands = SimpleQueue[Errand | None]()
        # A call that hangs never keeps the interpreter from ending.
        self._thread = threading.Thread(target=self._work, daemon=True, name=_IDLE)
        self._thread.start()

    def take(self, errand: Errand | None) -> None:
        """Make the call of `errand` next; None: end, which is waited for."""
        if errand is None:
            self._errands.put(None)
            self._thread.join()
        else:
            errand.thread, self._thread.name = self._thread, errand.name
            self._errands.put(errand)

    def _work(self) -> None:
        # Nothing of an errand is held while the thread waits for the next one.
        while self._is_kept_after(self._errands.get()):
            pass

    def _is_kept_after(self, errand: Errand | None) -> bool:
        return errand is not None and errand.make(lambda: _pool.keep(self))


class _Pool:
    """Threads that have nothing to do. There are some only within a run.

    To start a thread is to wait until it runs, for which it needs the interpreter just as the
    training does: most calls are over sooner. No two calls share a thread, so that one that hangs
    holds up no other.
    """

    def __init__(self) -> None:
        self._runs = 0
        self.become_inert()

    def become_inert(self) -> None:
        """In a child process: the threads are the parent's."""
        self._lock = threading.Lock()
        self._idle: list[_Runner] = []

    def begin(self) -> None:
        """A run begins: until it ends, a thread is kept for the next call."""
        with self._lock:
            self._runs += 1

    def end(self) -> None:
        """The run is over; after the last one no thread is left but those that hang."""
        with self._lock:
            self._runs -= 1
            idle = [] if self._runs > 0 else list(self._idle)
            del self._idle[: len(idle)]
        for runner in idle:
            runner.take(None)

    def send(self, call: Callable[[], object], name: str) -> Errand:
        """Have `call` made beside the training; returns at once.

        Raises RuntimeError if the system gives no more threads.
        """
        with self._lock:
            runner = self._idle.pop() if self._idle else None
        errand = Errand(call, name)
        (runner or _Runner()).take(errand)
        return errand

    def keep(self, runner: _Runner) -> bool:
        """Whether `runner`, whose call is over, is kept for another one."""
        with self._lock:
            is_kept = self._runs > 0
            if is_kept:
                self._idle.append(runner)
        return is_kept


_pool = _Pool()
forks.silence_in_children(_pool)

begin, end, send = _pool.begin, _pool.end, _pool.send


class Errands:
    """Has one call at a time made beside the training. One that hangs is left to itself."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._errand: Errand | None = None

    def run(self, call: Callable[[], object], seconds: float) -> bool:
        """Begin `call` and wait for it; False if it is not over after so many seconds.

        Only when the call before is over; raises what `call` raises.
        """
        self._errand = send(call, self._name)
        return self.finish(seconds)

    def finish(self, seconds: float) -> bool:
        """Wait so long for the call that is still running; whether it is over, or there is none.

        Raises what the call raised, once.
        """
        if self._errand is None:
            return True
        if not self._errand.wait(seconds):
            return False
        error, self._errand = self._errand.error, None
        if error is not None:
            raise error
        return True
