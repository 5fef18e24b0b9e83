"""Outlet: a stream that never keeps the training waiting, however long nobody reads it."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from typing import Any, TextIO

from backbeat.files.streams import takes

__all__ = ["Outlet"]

# How long a full pipe is waited for; once that was in vain, not again until it takes something.
_PATIENCE_SECONDS = 1.0
_MOST_WAITING = 1000
# What a pipe that has any room takes at once is 4096 bytes, of which a letter needs four at most.
_LONGEST_PIECE = 1000


class Outlet:
    """What is written to it goes on to `stream` as soon as that takes it."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.lost = 0
        """Lines and drawings that were given up."""
        self._begun = ""
        self._waiting = deque[str]()
        self._patience = _PATIENCE_SECONDS

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        """Keep `text` for the next `flush`."""
        self._begun += text
        return len(text)

    def flush(self) -> None:
        """Write what waits, as far as the stream takes it; too much of it is given up."""
        text, self._begun = self._begun, ""
        if text:
            self._waiting.append(text)
        while self._waiting and self._takes():
            self._pass_on(self._waiting.popleft())
        while len(self._waiting) > _MOST_WAITING:
            self._waiting.popleft()
            self.lost += 1

    def _takes(self) -> bool:
        is_taken = takes(self.stream, self._patience)
        self._patience = _PATIENCE_SECONDS if is_taken else 0
        return is_taken

    def _pass_on(self, text: str) -> None:
        try:
            self.stream.write(text[:_LONGEST_PIECE])
            self.stream.flush()
        except BaseException:
            self._waiting.clear()  # a stream that is broken is told so once for each text
            raise
        if text[_LONGEST_PIECE:]:
            self._waiting.appendleft(text[_LONGEST_PIECE:])

    def give_up(self) -> None:
        """Write what still waits, or give it up."""
        with suppress(OSError, ValueError):  # a broken stream was told of by then
            self.flush()
        self.lost += len(self._waiting)
        self._waiting.clear()
