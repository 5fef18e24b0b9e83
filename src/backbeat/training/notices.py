"""Notices: the few words that a run says by itself, beside its progress."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from backbeat.files.streams import takes

__all__ = ["say", "say_troubles"]

_PATIENCE_SECONDS = 1.0


def say(text: str) -> None:
    """Write a line to stderr, if there is one that can be written to and somebody reads it."""
    if sys.stderr is not None:  # pyright: ignore[reportUnnecessaryComparison] pythonw has none
        if not takes(sys.stderr, _PATIENCE_SECONDS):
            return
        try:
            sys.stderr.write(f"{text}\n")
            sys.stderr.flush()
        except (OSError, ValueError):  # full, broken or closed
            return


def say_troubles(troubles: Sequence[str]) -> None:
    """Say at the end of a run what was lost or not done in it; nothing if all went well."""
    if troubles:
        say("\n  ".join(["Not everything went well in this run (history.troubles):", *troubles]))
