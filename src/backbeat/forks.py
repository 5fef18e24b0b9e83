"""Forks: a child process neither watches nor saves for the run in whose middle it was born."""

from __future__ import annotations

import os
from typing import Protocol
from weakref import WeakSet

__all__ = ["Silenceable", "forget", "silence_in_children"]


class Silenceable(Protocol):
    """Something that writes, holds or waits for what belongs to this process alone."""

    def become_inert(self) -> None:
        """Leave it all to the parent: this is a child process now."""
        ...


_watched: WeakSet[Silenceable] = WeakSet()


def silence_in_children(thing: Silenceable) -> None:
    """From now on `thing` becomes inert in every child that is forked."""
    _watched.add(thing)


def forget(thing: Silenceable) -> None:
    """It has nothing to leave to the parent any more."""
    _watched.discard(thing)


def _silence_all() -> None:
    # A worker of a DataLoader, or whatever the user's code forks, would write every row again.
    for thing in list(_watched):
        thing.become_inert()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_silence_all)
