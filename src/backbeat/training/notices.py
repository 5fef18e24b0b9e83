"""Notices: the few words that a run says by itself, beside its progress."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence

from backbeat.outlets import Outlet, takes

__all__ = ["say", "say_beside", "say_troubles"]


def say(text: str) -> None:
    """Write a line to stderr, if there is one that can be written to and somebody reads it."""
    if sys.stderr is not None:  # pyright: ignore[reportUnnecessaryComparison] pythonw has none
        outlet = Outlet(sys.stderr)
        outlet.write(f"{text}\n")
        outlet.give_up()


def say_beside(text: str) -> None:
    """The same from a thread that nothing waits for and that threading does not know."""
    with contextlib.suppress(AttributeError, OSError, ValueError):  # none, broken or closed
        if takes(sys.stderr):
            sys.stderr.write(f"{text}\n")
            sys.stderr.flush()


def say_troubles(troubles: Sequence[str]) -> None:
    """Say at the end of a run what was lost or not done in it; nothing if all went well."""
    if troubles:
        say("\n  ".join(["Not everything went well in this run (history.troubles):", *troubles]))
