"""Outlets: what backbeat prints never keeps the training waiting, however long nobody reads it.

A pipe that nobody reads, a terminal that was halted and a file on a disk that hangs are waited for
once; then what is printed waits for them, and in the end it is given up and counted.
"""

from __future__ import annotations

import contextlib
import io
import os
import select
import stat
import sys
from collections import deque
from typing import Any, TextIO, cast

from backbeat import forks
from backbeat.errands import Errands

__all__ = ["Outlet", "begin", "end", "may_hang", "outlet_of", "takes", "tell"]

# How long a stream is waited for; once that was in vain, not again until it takes something.
_PATIENCE_SECONDS = 1.0
_MOST_WAITING = 1000
# What a pipe that has any room takes at once is 4096 bytes, of which a letter needs four at most.
_LONGEST_PIECE = 1000

_kept: list[Outlet] = []
_runs: list[None] = []


def takes(stream: Any, seconds: float = 0.0) -> bool:
    """Whether a little text can be written to `stream` now, or within so many seconds.

    A pipe that nobody reads, or a terminal that was halted, does not take it: writing would wait
    for ever. Whatever is no stream of the system, such as that of a notebook, is believed to.
    """
    descriptor = _descriptor(stream)
    if descriptor is None:
        return True
    waiting = select.poll()
    waiting.register(descriptor, select.POLLOUT)
    return bool(waiting.poll(seconds * 1000))


def _descriptor(stream: Any) -> int | None:
    """That of a stream of the system; None for others, and for one that is closed."""
    if not isinstance(stream, io.TextIOWrapper):
        return None
    try:
        return stream.fileno()
    except (OSError, ValueError):  # no file, or closed: writing will say so
        return None


def _is_file(stream: Any) -> bool:
    descriptor = _descriptor(stream)
    return descriptor is not None and stat.S_ISREG(os.fstat(descriptor).st_mode)


def may_hang(stream: Any) -> bool:
    """Whether to write to `stream` directly might take for ever: a file, or one that is full."""
    return _is_file(stream) or not takes(stream)


class Outlet:
    """What is written to it goes on to `stream` as soon as that takes it.

    Whether a disk hangs is known only by trying, so a file is written by a thread of its own.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.lost = 0
        """Lines and drawings that were given up."""
        self._begun = ""
        self._waiting = deque[str]()
        self._patience = _PATIENCE_SECONDS
        self._beside = Errands("output") if _is_file(stream) else None
        forks.silence_in_children(self)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def become_inert(self) -> None:
        """What waits is the parent's to write: this is a child process now."""
        self._begun = ""
        self._waiting.clear()
        self._beside = self._beside and Errands("output")

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
        """Whether it takes something now; else it is not waited for again until it does."""
        if self._beside is None:
            is_taken = takes(self.stream, self._patience)
        else:
            is_taken = self._beside.finish(self._patience)
        self._patience = _PATIENCE_SECONDS if is_taken else 0
        return is_taken

    def _pass_on(self, text: str) -> None:
        piece, rest = text[:_LONGEST_PIECE], text[_LONGEST_PIECE:]
        try:
            if self._beside is None:
                self._write(piece)
            elif not self._beside.run(lambda: self._write_past_buffer(piece), self._patience):
                self._patience = 0
        except BaseException:
            self._waiting.clear()  # a stream that is broken is told so once for each text
            raise
        if rest:
            self._waiting.appendleft(rest)

    def _write(self, text: str) -> None:
        try:
            self.stream.write(text)
        except UnicodeEncodeError as error:  # a name of letters that this terminal does not have
            shown = text.encode(error.encoding, "backslashreplace")
            self.stream.write(shown.decode(error.encoding))
        if hasattr(self.stream, "flush"):  # what a user puts in its place may have only `write`
            self.stream.flush()

    def _write_past_buffer(self, text: str) -> None:
        """The same for a file, without the lock of its buffer in hand while the disk may hang.

        The interpreter asks for that lock when the program ends, and would wait for ever, or abort.
        """
        self.stream.flush()  # what others have printed comes first
        buffer, encoding = cast(Any, self.stream.buffer), self.stream.encoding
        raw, left = getattr(buffer, "raw", buffer), text.encode(encoding, "backslashreplace")
        while left:
            left = left[raw.write(left) :]

    def give_up(self) -> None:
        """Write what still waits, or give it up."""
        with contextlib.suppress(OSError, ValueError):  # a broken stream was told of by then
            self.flush()
            self.lost += self._beside is not None and not self._beside.finish(0)
        self.lost += len(self._waiting)
        self._waiting.clear()


def outlet_of(stream: TextIO) -> Outlet:
    """The outlet to `stream`: within a run the same for all who print, so that order is kept."""
    found = next((each for each in _kept if each.stream is stream), None)
    if found is None:
        found = Outlet(stream)
        if _runs and _descriptor(stream) is not None:
            _kept.append(found)
    return found


def tell(text: str) -> None:
    """Print a line. A stdout that is full, broken or closed loses it, and ends nothing.

    Neither does one that is somebody's own class, whatever it raises.
    """
    stream = sys.stdout
    if stream is None:  # pyright: ignore[reportUnnecessaryComparison] pythonw has none
        return
    outlet = outlet_of(stream)
    outlet.write(f"{text}\n")
    try:
        outlet.flush()
    except Exception:
        outlet.lost += 1


def begin() -> None:
    """A run begins, in which streams that took nothing are remembered."""
    _runs.append(None)


def end() -> int:
    """The run is over: what waits is written, or given up; how much was lost."""
    for outlet in _kept:
        outlet.give_up()
    lost = sum(outlet.lost for outlet in _kept)
    _runs.pop()
    if not _runs:
        _kept.clear()
    return lost
