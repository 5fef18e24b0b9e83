"""Batch: what one training step receives; Source: where a whole run of them comes from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from numbers import Number
from typing import Any, NamedTuple, Protocol, cast

import torch

from backbeat.data.randomness import Randomness
from backbeat.tensors import first_leaf, is_record

__all__ = ["Batch", "Source", "size_of"]


class Batch(NamedTuple):
    """The samples of one step, on the model's device.

    Each part is a tensor or a tree (lists, tuples, dicts) of tensors whose first axis counts the
    samples. `y` and `weight` are None where the data have none. A batch owns its memory: it may
    be kept or changed without touching the user's arrays or another batch's values. Only an `x`
    in order, for a model that is known not to write into it, may be a view of the user's array.
    """

    x: Any
    y: Any
    weight: Any
    """One weight per sample, shape (size,), or a tree of such tensors, one per output."""
    size: int
    """The number of samples."""


class Source(Protocol):
    """Batches for any number of epochs, settled before the first one."""

    @property
    def samples(self) -> int | None:
        """How many samples an epoch has, or None if that is not known."""
        ...

    @property
    def batch_size(self) -> int | None:
        """How many samples a full batch has, or None if that is not known."""
        ...

    @property
    def steps(self) -> int | None:
        """How many batches an epoch has, or None if that is not known."""
        ...

    @property
    def exhausted(self) -> bool:
        """Whether it is known that no further batch will ever come."""
        ...

    @property
    def lasting(self) -> bool:
        """Whether nobody writes into the labels of a batch, however long they are kept."""
        ...

    def batches(self) -> Iterator[Batch]:
        """The batches of the next epoch, freshly shuffled if that was asked for."""
        ...

    def peek(self) -> Batch:
        """A first batch to look at before the run; it is not taken away from `batches`."""
        ...

    def epoch_ended(self) -> None:
        """To be called after each epoch; passes it on to data that have `on_epoch_end`."""
        ...

    def warn_ended(self) -> None:
        """Say, the first time it is called, that more batches were wanted than came."""
        ...

    # Going on where an earlier process was killed

    def watch(self, randomness: Randomness) -> None:
        """To be called before the first epoch of a run that `position` will be asked of."""
        ...

    def position(self, done: int, *, over: bool) -> dict[str, Any]:
        """Where it stands after `done` batches of the epoch, which is `over` or goes on."""
        ...

    def resume(self, position: Mapping[str, Any]) -> None:
        """Let `batches` go on from there; may change the state of the random generators."""
        ...

    def describe(self) -> dict[str, Any]:
        """What must be the same for a resumed run to be exact, by the words for it."""
        ...

    def doubts(self) -> list[str]:
        """Why a resumed run may not be exact, each as a few words."""
        ...

    def __iter__(self) -> Iterator[Batch]:
        """The same as `batches`."""
        ...


def size_of(batch: Any) -> int:
    """The number of samples in anyone's batch: its first tensor's first axis.

    A tuple or dict is looked into; a list of numbers or strings counts its items; a single number
    is one sample, and so is anything that has no length.

    >>> size_of((torch.zeros(8, 3), torch.zeros(8)))
    8
    """
    if isinstance(batch, torch.Tensor):
        return batch.shape[0] if batch.ndim else 1
    if isinstance(batch, Mapping):
        return size_of(next(iter(cast(Mapping[Any, Any], batch).values()), None))
    if isinstance(batch, (list, tuple)):
        return _size_of_sequence(cast(list[Any] | tuple[Any, ...], batch))
    if is_record(batch):
        return size_of(first_leaf(batch))
    return _length(batch)


def _size_of_sequence(parts: list[Any] | tuple[Any, ...]) -> int:
    if not parts:
        return 0
    if isinstance(parts, list) and isinstance(parts[0], (str, bytes, Number)):
        return len(parts)
    return size_of(parts[0])


def _length(thing: Any) -> int:
    """The first axis of an array, the length of a container, 1 for anything else."""
    shape: Any = getattr(thing, "shape", None)
    if shape is not None:
        return int(shape[0]) if len(shape) else 1
    if isinstance(thing, (str, bytes)) or not hasattr(thing, "__len__"):
        return 1
    return len(thing)
