"""Signals: they, and workers that die, end a run between two batches, never within a save."""

from __future__ import annotations

import _thread
import signal
import threading
from types import FrameType
from typing import Any

from backbeat import forks
from backbeat.errors import ArgumentError, ArgumentTypeError
from backbeat.hooks import StopLatch
from backbeat.training.notices import say_beside

__all__ = ["GRACE_SECONDS", "SIGNAL_NAMES", "Signals"]

GRACE_SECONDS = 20.0
"""Launchers and schedulers kill what is still there 30 seconds after a SIGTERM."""

WORKER = "SIGCHLD"
SIGNAL_NAMES = ("SIGINT", "SIGTERM", WORKER)
"""What ends a run; by these names they ask it to stop."""

_SECONDS_BEFORE_A_WORD = 1.0

_listening: list[Signals] = []


class Signals:
    """Hears SIGINT and SIGTERM while a run is on.

    The first signal raises nothing: an exception would be lost in a finalizer, or hit a save. It
    asks `latch` to stop, and `check`, called between two batches, raises for it. A second signal
    puts the old handlers back and raises at once, wherever the run is; so does the first one by
    itself when `grace` seconds later no batch has ended or, after a SIGTERM, the run has not.

    A handler that was there before is called as well. Signals that are ignored stay ignored;
    outside of the main thread, or with `grace=None`, no handler is touched.
    """

    def __init__(self, latch: StopLatch, grace: float | None = GRACE_SECONDS) -> None:
        _check_grace(grace)
        self._latch = latch
        self._grace = None if grace is None else min(float(grace), threading.TIMEOUT_MAX)
        self._handler = self._receive
        self._previous: dict[int, Any] = {}
        self._is_on = False
        self._is_leaving = False
        self._received = 0
        self._is_heeded = False
        self._worker_error: BaseException | None = None
        self.fetching = False
        """Whether a batch is being fetched: then the death of a worker is told there."""
        self._ended = threading.Event()
        self.pending: int | None = None
        """The signal that came and was not raised for yet."""
        self.raised: BaseException | None = None
        """What `check` raised."""

    def listen(self) -> None:
        """Put the handlers in place."""
        if self._grace is None or threading.current_thread() is not threading.main_thread():
            return
        self._is_on = True
        for outer in _listening:  # a run around this one that was asked to end, ends this one too
            if outer.pending is not None and outer.pending != signal.SIGCHLD:
                self._note(outer.pending)
        _listening.append(self)
        forks.silence_in_children(self)
        for number in (signal.SIGINT, signal.SIGTERM):
            previous = signal.getsignal(number)
            # None is a handler that was not set by Python, and could not be put back.
            if previous not in (None, signal.SIG_IGN):
                self._previous[number] = previous
                signal.signal(number, self._handler)

    def check(self) -> None:
        """Raise KeyboardInterrupt or SystemExit(143) if a signal came."""
        number, self.pending = self.pending, None
        if number is not None:
            self._is_heeded = True
            self.raised = self._error_of(number)
            raise self.raised

    def leave(self) -> None:
        """From now on the run is closing: a further signal interrupts nothing any more."""
        self._is_leaving = True

    def end(self, error: BaseException | None = None) -> None:
        """Put the old handlers back; raise for a signal that `error`, on its way, does not tell."""
        self._restore()
        if self.pending is not None and not isinstance(error, type(self._error_of(self.pending))):
            self.check()

    def _restore(self) -> None:
        self._is_on = False
        if self in _listening:
            _listening.remove(self)
            forks.forget(self)
        for number in self._previous:
            # A handler that somebody put over ours is theirs to remove.
            if signal.getsignal(number) is self._handler:
                signal.signal(number, self._handler_before(number))
        self._ended.set()

    def _handler_before(self, number: int) -> Any:
        previous = self._previous[number]
        owner = getattr(previous, "__self__", None)
        # That of a run which began earlier and is over: what was there before that.
        if isinstance(owner, Signals) and not owner._is_on:
            return owner._handler_before(number)
        return previous

    def become_inert(self) -> None:
        """A forked child, such as a worker of a DataLoader, is no run: signals mean the usual."""
        self._ended = threading.Event()  # a thread that is not here may hold the old one's lock
        self._restore()

    # Workers of a DataLoader

    def hear_workers(self) -> None:
        """From now on a worker that dies ends the run between two batches too, with its error.

        torch raises that error wherever the main thread is, which no resume could go on from.
        """
        previous = signal.getsignal(signal.SIGCHLD)
        if self._is_on and signal.SIGCHLD not in self._previous and callable(previous):
            self._previous[signal.SIGCHLD] = previous
            signal.signal(signal.SIGCHLD, self._handler)

    def _child_ended(self, frame: FrameType | None) -> None:
        try:
            self._handler_before(signal.SIGCHLD)(signal.SIGCHLD, frame)
        except RuntimeError as error:
            if self.raised is not None:
                return  # whatever ended the run has ended its workers too
            if self.fetching or not self._is_on or self._is_leaving:
                raise
            self._worker_error = error
            if self.pending is None:
                self.pending = signal.SIGCHLD
            self._latch.request("a worker of the DataLoader ended", by=WORKER)

    def _error_of(self, number: int) -> BaseException:
        error = self._worker_error if number == signal.SIGCHLD else None
        return _error_of(number) if error is None else error

    # When a signal comes

    def _note(self, number: int) -> None:
        self.pending = number
        self._received += 1
        self._latch.request(f"the process received {_name(number)}", by=_name(number))

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGCHLD:
            self._child_ended(frame)
            return
        if not self._is_on:  # called by a handler that was put over ours and is still there
            self._pass_on(number, frame)
            return
        self._note(number)
        if self._received == 1:
            # Not threading.Thread, whose locks the interrupted code may hold.
            _thread.start_new_thread(self._watch, (number, threading.get_ident()))
        else:
            self._restore()
        previous = self._handler_before(number)
        if previous not in (signal.SIG_DFL, signal.default_int_handler):
            previous(number, frame)
        if self._received > 1 and not self._is_leaving:
            raise _error_of(number)

    def _pass_on(self, number: int, frame: FrameType | None) -> None:
        previous = self._handler_before(number)
        if previous == signal.SIG_DFL:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        else:
            previous(number, frame)

    def _watch(self, number: int, main: int) -> None:
        """Runs beside the training: says that the signal was heard; insists after `grace`."""
        assert self._grace is not None
        word = min(_SECONDS_BEFORE_A_WORD, self._grace)
        if self._ended.wait(word):
            return
        if not self._is_heeded:
            text = (
                f"{_name(number)}: the training ends after this batch, or in {self._grace:g} s; "
                "the same signal again ends it at once."
            )
            _thread.start_new_thread(say_beside, (text,))  # which may hang in it
        if not self._ended.wait(self._grace - word) and not (
            self._is_heeded and number == signal.SIGINT
        ):
            signal.pthread_kill(main, number)


def _check_grace(grace: Any) -> None:
    if grace is None:
        return
    if not isinstance(grace, (int, float)):
        raise ArgumentTypeError(
            f"grace is a number of seconds, or None to leave signals alone; got {grace!r} "
            f"({type(grace).__name__})."
        )
    if not grace >= 0:
        raise ArgumentError(f"grace is a number of seconds, 0 or more; got {grace}.")


def _error_of(number: int) -> BaseException:
    # 143 is what a shell reports for a process that SIGTERM has ended.
    return KeyboardInterrupt() if number == signal.SIGINT else SystemExit(128 + number)


def _name(number: int) -> str:
    return signal.Signals(number).name
