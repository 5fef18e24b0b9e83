"""SequenceSource: an object with `__len__` and `__getitem__`, each item a batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, cast

import torch

from backbeat.data.array_source import Shuffle
from backbeat.data.batches import Batch
from backbeat.data.streams import StreamSource

__all__ = ["SequenceSource"]


class SequenceSource(StreamSource):
    """Numbered batches, in shuffled order if asked for; the length is read anew for each pass.

    The object's own `on_epoch_end()`, if it has one, runs once after every complete pass over it,
    whatever an epoch is: running it in the middle of one could repeat samples.
    """

    def __init__(
        self,
        sequence: Any,
        unpack: Callable[[Any], Batch],
        steps: int | None,
        training: bool,
        shuffle: Shuffle,
    ) -> None:
        super().__init__(type(sequence).__name__, unpack, steps, training)
        self._sequence, self._shuffle = sequence, shuffle
        self._pass_over = False

    @property
    def steps(self) -> int | None:
        """`steps` as asked for, or the sequence's length at this moment."""
        return len(self._sequence) if self._limit is None else self._limit

    def open(self) -> Iterator[Any]:
        """One pass over the items."""
        count = len(self._sequence)
        order: Any = range(count)
        if self._shuffle:
            order = cast(Any, torch.randperm(count)).tolist()
        for position, index in enumerate(order, 1):
            batch = self._sequence[index]
            self._pass_over = position == count
            yield batch
        self.epoch_ended()

    def epoch_ended(self) -> None:
        """Tell the object, if a pass over it is complete and it has not been told yet."""
        if self._pass_over:
            self._pass_over = False
            getattr(self._sequence, "on_epoch_end", _silence)()


def _silence() -> None: ...
