"""Scalars: the logged values of batches and epochs, on their way to the writers."""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Mapping
from typing import Any, cast

from backbeat.callbacks._arguments import check_whole
from backbeat.callbacks._tensorboard.layout import Layout
from backbeat.callbacks._tensorboard.runs import Runs
from backbeat.callbacks._values import number
from backbeat.errors import ArgumentError
from backbeat.event_files import EventFileWriter
from backbeat.hooks.later import Later
from backbeat.hooks.logs import Logs

__all__ = ["Scalars", "samples_between"]

# The dict's own: nothing is read, and no method of `Logs` is called for each value.
_unread_items = cast(Callable[[dict[str, Any]], ItemsView[str, Any]], dict[str, Any].items)

# Logged with the values of a batch, but no measurements.
_COUNTS = ("batch", "size")


class Scalars:
    """Notes numbers under the names that the layout gives them; what is no number is left out."""

    def __init__(self, layout: Layout, runs: Callable[[], Runs]) -> None:
        self._layout = layout
        self._runs = runs
        self._writer: EventFileWriter | None = None
        self._tags: dict[str, str | None] = {}

    def write_epoch(self, logs: Mapping[str, Any], step: int) -> None:
        """Note the values of an epoch."""
        for name, given in logs.items():
            value = None if name in _COUNTS else number(given)
            if value is not None:
                run, tag = self._layout.epoch(name)
                self._runs()[run].scalar(tag, value, step)

    def write_batch(self, logs: dict[str, Any], step: int) -> None:
        """Note the values of a batch; what is still on a device is read by the writing thread."""
        tags, values = self._tags, list[tuple[str, Any]]()
        for name, value in _unread_items(logs):
            tag = tags[name] if name in tags else self._new_tag(name)
            if tag is None:
                continue
            if type(value) is float or type(value) is Later:
                values.append((tag, value))
            elif isinstance(logs, Logs) and logs.is_late(name):
                self._batch_writer().scalar(tag, value, step, logs.fetch)
            elif (plain := number(value)) is not None:
                values.append((tag, plain))
        if values:
            (self._writer or self._batch_writer()).scalars(values, step)

    def _batch_writer(self) -> EventFileWriter:
        self._writer = writer = self._writer or self._runs()[self._layout.main]
        return writer

    def _new_tag(self, name: str) -> str | None:
        """How the batch values called `name` are tagged; None if they are no measurements."""
        tag = None if name in _COUNTS else self._layout.batch(name)
        self._tags[name] = tag
        return tag


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
