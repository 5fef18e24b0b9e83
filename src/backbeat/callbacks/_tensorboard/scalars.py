"""Scalars: the logged values of batches and epochs, on their way to the writers."""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Mapping
from typing import Any, cast

from backbeat.callbacks._arguments import check_whole
from backbeat.callbacks._tensorboard.layout import Layout
from backbeat.callbacks._tensorboard.runs import Runs
from backbeat.callbacks._values import number
from backbeat.errors import ArgumentError
from backbeat.hooks.later import Later
from backbeat.hooks.logs import Logs

__all__ = ["Scalars", "samples_between"]

Sink = tuple[Callable[..., None], str]
"""How to note a scalar, and its tag."""

# The dict's own: nothing is read, and no method of `Logs` is called for each value.
_unread_items = cast(Callable[[dict[str, Any]], ItemsView[str, Any]], dict[str, Any].items)

# Logged with the values of a batch, but no measurements.
_COUNTS = ("batch", "size")


class Scalars:
    """Notes numbers under the names that the layout gives them; what is no number is left out."""

    def __init__(self, layout: Layout, runs: Callable[[], Runs]) -> None:
        self._layout = layout
        self._runs = runs
        self._sinks: dict[str, Sink | None] = {}

    def write_epoch(self, logs: Mapping[str, Any], step: int) -> None:
        """Note the values of an epoch."""
        for name, given in logs.items():
            value = None if name in _COUNTS else number(given)
            if value is not None:
                run, tag = self._layout.epoch(name)
                self._runs()[run].scalar(tag, value, step)

    def write_batch(self, logs: dict[str, Any], step: int) -> None:
        """Note the values of a batch; what is still on a device is read by the writing thread."""
        sinks = self._sinks
        for name, value in _unread_items(logs):
            sink = sinks[name] if name in sinks else self._new_sink(name)
            if sink is None:
                continue
            write, tag = sink
            if type(value) is float or type(value) is Later:
                write(tag, value, step)
            elif isinstance(logs, Logs) and logs.is_late(name):
                write(tag, value, step, logs.fetch)
            elif (plain := number(value)) is not None:
                write(tag, plain, step)

    def _new_sink(self, name: str) -> Sink | None:
        """Where the batch values called `name` go; None if they are no measurements."""
        sink = None
        if name not in _COUNTS:
            run, tag = self._layout.batch(name)
            sink = self._runs()[run].scalar, tag
        self._sinks[name] = sink
        return sink


def samples_between(owner: object, update_freq: Any) -> int:
    """After how many samples batch values are written; 0 for never.

    Raises ArgumentError or ArgumentTypeError for what is neither 'batch', 'epoch' nor a number.
    """
    if isinstance(update_freq, str):
        if update_freq not in ("batch", "epoch"):
            raise ArgumentError(
                f"{type(owner).__name__}: update_freq is 'batch', 'epoch' or a number of samples; "
                f"got {update_freq!r}."
            )
        return int(update_freq == "batch")
    check_whole(owner, "update_freq", update_freq, at_least=1)
    return int(update_freq)
