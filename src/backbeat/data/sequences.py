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
        return self._items(self._order(), 0)

    def open_at(self, skip: int) -> Iterator[Any]:
        """A pass without its first `skip` items, which are not asked for."""
        order = self._order()
        self._pass_over = skip == len(order)
        return self._items(order, skip)

    def _order(self) -> list[int]:
        """The numbers of the items in the order of a pass."""
        count = len(self._sequence)
        return cast(Any, torch.randperm(count)).tolist() if self._shuffle else list(range(count))

    def _items(self, order: list[int], skip: int) -> Iterator[Any]:
        for position, index in enumerate(order[skip:], skip + 1):
            batch = self._sequence[index]
            self._pass_over = position == len(order)
            yield batch
        self.epoch_ended()

    def describe(self) -> dict[str, Any]:
        """What must be the same for a resumed run to be exact."""
        return super().describe() | {"shuffle": self._shuffle}

    def doubts(self) -> list[str]:
        """An object that changes itself between epochs is made anew by another process."""
        if not hasattr(self._sequence, "on_epoch_end"):
            return []
        return [f"what {self._label}.on_epoch_end changed in it is not known"]

    def epoch_ended(self) -> None:
        """Tell the object, if a pass over it is complete and it has not been told yet."""
        if self._pass_over:
            self._pass_over = False
            getattr(self._sequence, "on_epoch_end", _silence)()


def _silence() -> None: ...
