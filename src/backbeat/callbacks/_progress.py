"""How progress is shown: a bar in a terminal or notebook, lines in a plain stream."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from typing import Any, Protocol, TextIO

from backbeat.errors import MissingPackageError

__all__ = ["BarMeter", "LineMeter", "Meter", "can_draw"]

# Often enough to look alive; seldom enough to cost nothing, over ssh too.
_SECONDS_BETWEEN_DRAWINGS = 0.1
_SECONDS_BETWEEN_HEARTBEATS = 30.0

_WITH_TARGET = (
    "{desc} {percentage:3.0f}%|{bar:20}| {n_fmt}/{total_fmt} {unit}s"
    " [{elapsed}<{remaining}{postfix}]"
)
_WITHOUT_TARGET = "{desc} {n_fmt} {unit}s [{elapsed}{postfix}]"


class Meter(Protocol):
    """Shows how far something is."""

    interval: float
    """Seconds between two calls of `show`."""

    def show(self, seen: int, seconds: float, values: str) -> None:
        """It is at `seen`, after `seconds`."""
        ...

    def finish(self, seen: int, seconds: float, values: str) -> None:
        """It ended at `seen`; whatever was drawn becomes a whole line."""
        ...


class LineMeter:
    """Writes one line at the end and, with `heartbeat`, one every half minute until then."""

    def __init__(
        self, label: str, target: int | None, unit: str, stream: Any, *, heartbeat: bool
    ) -> None:
        self.interval = _SECONDS_BETWEEN_HEARTBEATS if heartbeat else float("inf")
        self._label = label
        self._target = target
        self._unit = unit
        self._stream = stream

    def show(self, seen: int, seconds: float, values: str) -> None:
        """Say that it is still alive."""
        self._write(self._count(seen), seconds, values)

    def finish(self, seen: int, seconds: float, values: str) -> None:
        """Write the line that stays."""
        # Only where it ended early the count is news.
        early = self._target is not None and seen < self._target
        self._write(self._count(seen) if early else "", seconds, values)

    def _count(self, seen: int) -> str:
        return f" - {seen}/{self._target or '?'} {self._unit}s"

    def _write(self, count: str, seconds: float, values: str) -> None:
        time = f" - {seconds:.1f}s"
        print(f"{self._label}{count}{time}{values}", file=self._stream, flush=True)


class BarMeter:
    """Draws a bar with tqdm."""

    def __init__(self, label: str, target: int | None, unit: str, stream: Any) -> None:
        self.interval = _SECONDS_BETWEEN_DRAWINGS
        # All limits on how often it draws are off: whoever calls `show` keeps them already.
        self._bar = _bar_class()(
            total=target,
            desc=label,
            unit=unit,
            bar_format=_WITH_TARGET if target else _WITHOUT_TARGET,
            # Not tqdm's own guess: it draws nothing where a terminal does not know its size.
            ncols=shutil.get_terminal_size().columns,
            nrows=shutil.get_terminal_size().lines,
            file=stream,
            mininterval=0,
            miniters=1,
        )

    def show(self, seen: int, seconds: float, values: str) -> None:
        """Draw the bar."""
        self._bar.n = seen
        self._bar.set_postfix_str(values.removeprefix(" - "))

    def finish(self, seen: int, seconds: float, values: str) -> None:
        """Draw it a last time, as far as it really came, and end the line."""
        self._bar.n = seen
        self._bar.ncols = None  # what stays is not cut off
        self._bar.set_postfix_str(values.removeprefix(" - "), refresh=False)
        self._bar.close()
        self._bar.fp.flush()  # the end of the line must not come after what others print


def can_draw(stream: TextIO) -> bool:
    """Whether a bar can be redrawn in place on `stream`."""
    if "ipykernel" in sys.modules and type(stream).__module__.startswith("ipykernel"):
        return True
    # What somebody puts in the place of stdout, to write into a file too, may have only `write`.
    is_terminal = getattr(stream, "isatty", None)
    return is_terminal is not None and is_terminal() and os.environ.get("TERM") != "dumb"


def _bar_class() -> Any:
    try:
        from tqdm import tqdm as plain
    except ImportError:
        raise MissingPackageError(
            'The progress bar is drawn by tqdm: pip install "tqdm>=4.66", or pass verbose=2 '
            "for one line per epoch."
        ) from None

    tqdm: Any = plain
    # No thread beside the training, and no lock for other processes.
    kind = type("Bar", (tqdm,), {"monitor_interval": 0})
    kind.set_lock(threading.RLock())
    return kind
