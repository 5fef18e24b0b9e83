"""Errands: calls that may hang, such as writes to a disk that is gone, run beside the training."""

from __future__ import annotations

import threading
from collections.abc import Callable

__all__ = ["Errands"]


class Errands:
    """Runs one call at a time, in a thread that lives no longer than the call.

    So no thread waits for work, is met by a fork or has to be stopped. A call that hangs is left
    to itself: its thread never keeps the interpreter from ending.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None

    def run(self, call: Callable[[], object], seconds: float) -> bool:
        """Start `call` and wait for it; False if it is not over after so many seconds.

        Only when the call before is over; raises what `call` raises.
        """
        self._error = None
        self._thread = threading.Thread(
            target=self._do, args=[call], daemon=True, name=f"backbeat {self._name}"
        )
        self._thread.start()
        return self.finish(seconds)

    def finish(self, seconds: float) -> bool:
        """Wait so long for the call that is still running; whether it is over, or there is none."""
        if self._thread is not None:
            self._thread.join(seconds)
            if self._thread.is_alive():
                return False
            self._thread = None
        error, self._error = self._error, None
        if error is not None:
            raise error
        return True

    def _do(self, call: Callable[[], object]) -> None:
        try:
            call()
        except BaseException as error:
            self._error = error
