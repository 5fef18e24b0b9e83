"""Forks: a child process neither watches nor saves for the run in whose middle it was born."""

from __future__ import annotations

import os
from typing import Protocol
from weakref import WeakSet

__all__ = ["Running", "is_over", "is_running"]


class Running(Protocol):
    """Something that writes while a run is on."""

    def become_inert(self) -> None:
        """Never write again: this is a child process now."""
        ...


_running: WeakSet[Running] = WeakSet()


def is_running(run: Running) -> None:
    """From now on a forked child lets it become inert there."""
    _running.add(run)


def is_over(run: Running) -> None:
    """It has nothing to write any more."""
    _running.discard(run)


def _silence_in_child() -> None:
    # A worker of a DataLoader, or whatever the user's code forks, would write every row again.
    for run in list(_running):
        run.become_inert()
    _running.clear()


os.register_at_fork(after_in_child=_silence_in_child)
