"""Notices: the few words that a run says by itself, beside its progress."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from backbeat.outlets import Outlet

__all__ = ["say", "say_troubles"]


def say(text: str) -> None:
    """Write a line to stderr, if there is one that can be written to and somebody reads it."""
    if sys.stderr is not None:  # pyright: ignore[reportUnnecessaryComparison] pythonw has none
        # Its own, for it may be said in a thread beside the training.
        outlet = Outlet(sys.stderr)
        outlet.write(f"{text}\n")
        outlet.give_up()


def say_troubles(troubles: Sequence[str]) -> None:
    """Say at the end of a run what was lost or not done in it; nothing if all went well."""
    if troubles:
        say("\n  ".join(["Not everything went well in this run (history.troubles):", *troubles]))
