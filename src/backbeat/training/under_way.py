"""Runs under way: one thread trains a model, and a callback takes part in one run at a time."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

from backbeat import forks
from backbeat.errors import StateError

__all__ = ["begin", "end"]


@dataclass(frozen=True, eq=False)
class _UnderWay:
    run: object
    host: object
    callbacks: tuple[Any, ...]
    thread: threading.Thread


class _Process:
    """What is under way in this process."""

    def __init__(self) -> None:
        self.runs: list[_UnderWay] = []

    def become_inert(self) -> None:
        """A forked child may train with what its parent trains with."""
        self.runs.clear()


_process = _Process()
forks.silence_in_children(_process)


def begin(run: object, host: object, callbacks: tuple[Any, ...]) -> None:
    """`run` trains `host` from now on, in this thread, with `callbacks`.

    Raises StateError if another thread trains it already, or if one of our callbacks takes part in
    another run: each has one model and one memory. A callback may train the model again.
    """
    here = threading.current_thread()
    for other in [each for each in _process.runs if each.thread.is_alive()]:
        if other.host is host and other.thread is not here:
            raise StateError(
                f"this model is being trained by the thread {other.thread.name!r} at this moment. "
                "Wait for that run, or train a copy: copy.deepcopy(model)."
            )
        for callback in callbacks:
            if _is_ours(callback) and any(callback is each for each in other.callbacks):
                raise StateError(
                    f"this {type(callback).__name__} takes part in another run at this moment. "
                    "Give each run one of its own."
                )
    _process.runs.append(_UnderWay(run, host, callbacks, here))


def end(run: object) -> None:
    """`run` is over."""
    left = [each for each in _process.runs if each.run is not run]
    _process.runs = [each for each in left if each.thread.is_alive()]


def _is_ours(callback: object) -> bool:
    return type(callback).__module__.startswith("backbeat.")
