"""StreamSource: batches that somebody else makes, pass after pass."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from itertools import chain, islice
from typing import Any

from backbeat.data.batches import Batch
from backbeat.errors import BackbeatWarning, DataError

__all__ = ["StreamSource"]


class StreamSource:
    """The base of all sources whose batches come ready-made.

    A subclass says how a pass is opened, and whether a second one is possible. Without `steps` an
    epoch is one pass. With `steps` it is that many batches: in training the next epoch goes on
    where this one stopped, otherwise every epoch opens a new pass, where that is possible.
    Nothing is ever taken from the data before it is wanted, so endless data are fine.
    """

    batch_size: int | None = None
    restartable = True

    def __init__(
        self, label: str, unpack: Callable[[Any], Batch], steps: int | None, training: bool
    ) -> None:
        self._label, self._unpack, self._limit = label, unpack, steps
        self._endless = self._passes() if steps is not None and training else None
        self._begun: Iterator[Any] | None = None
        self._came_before = 0
        self._warned = False
        self._last_epoch = 0
        self.exhausted = False

    @property
    def samples(self) -> int | None:
        """Not known: nobody can tell before the batches came."""
        return None

    @property
    def steps(self) -> int | None:
        """The number of batches in an epoch, if it is known."""
        return self._limit

    def open(self) -> Iterator[Any]:
        """One pass over the batches as they come."""
        raise NotImplementedError

    def batches(self) -> Iterator[Batch]:
        """The batches of the next epoch.

        Raises:
            DataError: not a single batch ever came.
        """
        stream = self._stream()
        self._came_before += self._last_epoch
        self._last_epoch = 0
        for batch in islice(stream, self._limit):
            self._last_epoch += 1
            yield self._unpack(batch)
        if self._limit is None or self._last_epoch < self._limit:
            self._ran_out()

    def peek(self) -> Batch:
        """The batch that `batches` will give first; it is kept for then.

        Raises:
            DataError: there is none.
        """
        stream = self._stream()
        for first in stream:
            self._begun = chain((first,), stream)
            return self._unpack(first)
        self._ran_out()
        raise AssertionError("unreachable: no batch at all is an error")

    def _stream(self) -> Iterator[Any]:
        """The batches as they come: those begun by `peek`, the endless ones, or a new pass."""
        begun, self._begun = self._begun, None
        if begun is not None:
            return begun
        return self.open() if self._endless is None else self._endless

    def epoch_ended(self) -> None:
        """Nothing, unless the data listen."""

    def warn_ended(self) -> None:
        """Say once that more batches were wanted than came."""
        if self._warned:
            return
        self._warned = True
        wanted = "" if self._limit is None else f" of the {self._limit} wanted"
        warnings.warn(
            f"The {self._label} ended: {self._last_epoch}{wanted} batches came in the last epoch, "
            f"{self._came_before + self._last_epoch} in all. {self._advice()}",
            BackbeatWarning,
            stacklevel=3,
        )

    def _ran_out(self) -> None:
        """Fewer batches than wanted, or the end of a pass of unknown length."""
        if not self._came_before + self._last_epoch:
            raise DataError(
                f"The {self._label} gave no batch at all. An epoch needs at least one; if it was "
                f"iterated over before, make a new one."
            )
        # An endless chain of passes stops only when a pass is empty.
        for_good = not self.restartable or self._endless is not None
        self.exhausted = for_good or not self._last_epoch
        if self._limit is not None or not self._last_epoch:
            self.warn_ended()

    def _advice(self) -> str:
        if self.restartable:
            return "Ask for fewer steps, or give more data."
        return (
            "It can be used only once: ask for fewer steps or epochs, or give a DataLoader or any "
            "other object that can be iterated over again."
        )

    def _passes(self) -> Iterator[Any]:
        """One pass after the other, as long as batches come."""
        came = True
        while came:
            came = False
            for batch in self.open():
                came = True
                yield batch
            came = came and self.restartable
