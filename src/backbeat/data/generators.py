"""IteratorSource and IterableSource: generators, and whatever a `for` loop takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from backbeat.data.batches import Batch
from backbeat.data.loaders import length_of
from backbeat.data.streams import StreamSource

__all__ = ["IterableSource", "IteratorSource"]


class IterableSource(StreamSource):
    """Batches from an object that starts again each time it is iterated over."""

    def __init__(
        self,
        iterable: Iterable[Any],
        unpack: Callable[[Any], Batch],
        steps: int | None,
        training: bool,
    ) -> None:
        super().__init__(type(iterable).__name__, unpack, steps, training)
        self._iterable = iterable

    @property
    def steps(self) -> int | None:
        """`steps` as asked for, or the object's length if it has one."""
        return length_of(self._iterable) if self._limit is None else self._limit

    def open(self) -> Iterator[Any]:
        """One pass over the object."""
        return iter(self._iterable)


class IteratorSource(IterableSource):
    """Batches from a generator or another iterator, which every epoch continues.

    Without `steps` the first epoch takes all there is. Once it has ended, `exhausted` is True; an
    iterator that ends exactly with an epoch's last step is known to have ended only when the next
    epoch asks for more.
    """

    restartable = False
