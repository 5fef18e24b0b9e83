"""Postbox: calls that may hang, made beside the training, one after another in their order."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue

__all__ = ["Postbox"]

# A server that is slower than the epochs gets the newest of them.
_MOST_WAITING = 1000


class Postbox:
    """Takes each call at once; its thread makes them. A full box drops the oldest call.

    A call that hangs is left to itself: its thread never keeps the interpreter from ending.
    """

    def __init__(self, name: str) -> None:
        self._calls = SimpleQueue[Callable[[], object] | None]()
        self._put = self._made = 0
        self._thread = threading.Thread(target=self._make, daemon=True, name=f"backbeat {name}")
        self._thread.start()

    def put(self, call: Callable[[], object]) -> None:
        """Have `call`, which raises nothing, made when those before it are over."""
        if self._calls.qsize() >= _MOST_WAITING:
            with suppress(Empty):
                self._calls.get_nowait()
        self._put += 1
        self._calls.put(call)

    def end(self, seconds: float) -> int:
        """Wait so long for the calls; how many were not made, and never will be begun."""
        self._calls.put(None)
        self._thread.join(seconds)
        with suppress(Empty):
            while self._thread.is_alive():
                self._calls.get_nowait()
        self._calls.put(None)
        return self._put - self._made

    def _make(self) -> None:
        while call := self._calls.get():
            call()
            self._made += 1
