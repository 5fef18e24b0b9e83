"""Streams: whether somebody still reads what is printed."""

from __future__ import annotations

import io
import select
from typing import Any

__all__ = ["takes"]


def takes(stream: Any, seconds: float = 0.0) -> bool:
    """Whether a little text can be written to `stream` now, or within so many seconds.

    A pipe that nobody reads, or a terminal that was halted, does not take it: writing would wait
    for ever. Whatever is no stream of the system, such as that of a notebook, is believed to.
    """
    if not isinstance(stream, io.TextIOWrapper):
        return True
    waiting = select.poll()
    try:
        waiting.register(stream.fileno(), select.POLLOUT)
    except (OSError, ValueError):  # no file, or closed: writing will say so
        return True
    return bool(waiting.poll(seconds * 1000))
