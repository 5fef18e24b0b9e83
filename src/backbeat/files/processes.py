"""Processes: whether one that wrote down its number is still alive."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["boot_id", "is_running", "number_space"]


def boot_id() -> str:
    """The system's own number for the time since it was last started; empty if it has none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return ""


def number_space() -> str:
    """Where process numbers mean the same as here: a container has its own; empty if unknown."""
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def is_running(pid: int) -> bool:
    """Whether there is a process with that number, be it the one that was meant or another."""
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)  # Signal 0 only asks.
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
