"""LoaderSource: a torch DataLoader, passed through untouched; datasets get one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, cast

import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset, TensorDataset

from backbeat.data.array_source import Shuffle
from backbeat.data.batches import Batch
from backbeat.data.randomness import Randomness, is_generator
from backbeat.data.streams import StreamSource
from backbeat.errors import ArgumentError

__all__ = ["LoaderSource", "is_dataset", "length_of", "loader_of", "tensors_of"]


class LoaderSource(StreamSource):
    """The batches of a DataLoader. It shuffles as it was made to; workers stay its own affair."""

    def __init__(
        self,
        loader: DataLoader[Any],
        unpack: Callable[[Any], Batch],
        steps: int | None,
        training: bool,
    ) -> None:
        super().__init__(type(loader).__name__, unpack, steps, training)
        self._loader = loader
        self._training = training
        self.batch_size = loader.batch_size

    @property
    def steps(self) -> int | None:
        """`steps` as asked for, or the loader's own length if it has one."""
        return length_of(self._loader) if self._limit is None else self._limit

    @property
    def samples(self) -> int | None:
        """The samples of an epoch that is a whole pass, where the loader lets one know."""
        loader, size = self._loader, self.batch_size
        if self._limit is not None or size is None:
            return None
        counted = loader.dataset if _streams(loader.dataset) else cast(Any, loader).sampler
        whole = length_of(counted)
        if whole is None or not loader.drop_last:
            return whole
        return whole // size * size

    def open(self) -> Iterator[Any]:
        """One pass over the loader.

        A loader draws a seed for its workers from torch's global generator, even without workers.
        An evaluation leaves the generator as it was: looking must not change the training.
        """
        if self._training:
            return iter(self._loader)
        state = torch.get_rng_state()
        try:
            return iter(self._loader)
        finally:
            torch.set_rng_state(state)

    def open_at(self, skip: int) -> Iterator[Any]:
        """A pass without its first `skip` batches.

        Without workers only their indices are drawn, and no sample is loaded. Workers draw random
        numbers of their own while they load, so there the batches are loaded and thrown away.
        """
        stream = self.open()
        next_index: Callable[[], Any] | None = getattr(stream, "_next_index", None)
        indexed = not _streams(self._loader.dataset) and not self._loader.num_workers
        take = next_index if indexed and next_index is not None else lambda: next(stream)
        with suppress(StopIteration):
            for _ in range(skip):
                take()
        return stream

    def watch(self, randomness: Randomness) -> None:
        """Also watches the generators that the loader and its sampler were given."""
        loader = cast(Any, self._loader)
        held = {"loader": loader.generator, "sampler": getattr(loader.sampler, "generator", None)}
        for name, each in held.items():
            if is_generator(each):
                randomness.add(f"of the {name}", each)
        super().watch(randomness)

    def describe(self) -> dict[str, Any]:
        """What must be the same for a resumed run to be exact."""
        loader = cast(Any, self._loader)
        return super().describe() | {
            "the sampler": type(loader.sampler).__name__,
            "the number of workers": loader.num_workers,
        }

    def doubts(self) -> list[str]:
        """Workers that live on draw random numbers whose state nobody can ask for."""
        if not self._loader.persistent_workers:
            return []
        return ["the workers of the DataLoader are persistent, and draw random numbers anew"]


def is_dataset(thing: object) -> bool:
    """Whether `thing` gives single samples: torch's Dataset, or another library's like it."""
    return isinstance(thing, Dataset) or hasattr(thing, "__getitems__")


def loader_of(dataset: Any, batch_size: int, shuffle: Shuffle) -> DataLoader[Any]:
    """A DataLoader over `dataset`; an IterableDataset keeps its own order.

    Raises:
        ArgumentError: whole batches should be shuffled, which needs arrays.
    """
    if shuffle == "batch":
        raise ArgumentError(
            f"shuffle='batch' needs arrays, and x is a {type(dataset).__name__}. Give shuffle=True "
            f"or False, or a DataLoader with a batch sampler of your own."
        )
    if _streams(dataset):
        return DataLoader(dataset, batch_size=batch_size)
    # An empty dataset cannot be shuffled, and is reported when it gives no batch.
    return DataLoader(dataset, batch_size=batch_size, shuffle=shuffle and len(dataset) > 0)


def tensors_of(dataset: Any) -> tuple[tuple[Any, ...], Any] | None:
    """The tensors of a TensorDataset and the rows that count, or None if it is no such thing.

    A Subset of one, as `random_split` makes it, counts too; rows are None when all of them do.
    A subclass with its own `__getitem__` does not: it may change its samples.
    """
    if isinstance(dataset, Subset) and _reads_by(dataset, Subset):
        subset = cast(Subset[Any], dataset)
        inner = tensors_of(subset.dataset)
        if inner is None:
            return None
        tensors, rows = inner
        chosen = list(subset.indices)
        return tensors, chosen if rows is None else [rows[row] for row in chosen]
    if isinstance(dataset, TensorDataset) and _reads_by(dataset, TensorDataset):
        return dataset.tensors, None
    return None


def length_of(thing: Any) -> int | None:
    """`len(thing)`, or None where there is none."""
    try:
        return len(thing)
    except (TypeError, NotImplementedError):
        return None


def _streams(dataset: object) -> bool:
    return isinstance(dataset, IterableDataset)


def _reads_by(dataset: Any, kind: type) -> bool:
    return cast(Any, type(dataset)).__getitem__ is cast(Any, kind).__getitem__
