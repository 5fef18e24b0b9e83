"""Warning the user, at the line of theirs that is to blame."""

from __future__ import annotations

import contextlib
import inspect
import os
import warnings
from pathlib import Path

from backbeat.errors import BackbeatWarning

__all__ = ["warn"]

# A `with` of the user's own reaches us by way of contextlib.
_NOT_THEIRS = (f"{Path(__file__).parent}{os.sep}", contextlib.__file__)


def warn(text: str) -> None:
    """Give a BackbeatWarning that shows the line from which backbeat was called."""
    level, frame = 1, inspect.currentframe()
    while frame is not None and frame.f_code.co_filename.startswith(_NOT_THEIRS):
        level, frame = level + 1, frame.f_back
    warnings.warn(text, BackbeatWarning, stacklevel=level)
