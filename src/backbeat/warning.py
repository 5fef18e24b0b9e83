"""Warning the user, at the line of theirs that is to blame."""

from __future__ import annotations

import contextlib
import inspect
import os
import sys
import threading
import warnings
from collections.abc import Generator
from pathlib import Path
from typing import Any, cast

from backbeat.errors import BackbeatWarning
from backbeat.outlets import may_hang, outlet_of

__all__ = ["warn"]

# A `with` of the user's own reaches us by way of contextlib.
_NOT_THEIRS = (f"{Path(__file__).parent}{os.sep}", contextlib.__file__)

_alone = threading.Lock()


def warn(text: str) -> None:
    """Give a BackbeatWarning that shows the line from which backbeat was called."""
    level, frame = 1, inspect.currentframe()
    while frame is not None and frame.f_code.co_filename.startswith(_NOT_THEIRS):
        level, frame = level + 1, frame.f_back
    with _bounded():
        warnings.warn(text, BackbeatWarning, stacklevel=level)


@contextlib.contextmanager
def _bounded() -> Generator[None]:
    """Within it no stderr that nobody reads, and none on a disk that hangs, is waited for long."""
    stream = sys.stderr
    if stream is None or not may_hang(stream):  # pyright: ignore[reportUnnecessaryComparison] pythonw has none
        yield
        return
    outlet = outlet_of(stream)
    # One at a time, or the stream that is put back might be that of another thread.
    is_alone = _alone.acquire(timeout=1)
    try:
        with contextlib.redirect_stderr(cast(Any, outlet)):
            yield
    finally:
        if is_alone:
            _alone.release()
        with contextlib.suppress(OSError, ValueError):
            outlet.flush()
