"""An optimizer's accumulators as a Keras 2 file holds them: names, order and orientation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from torch import Tensor

from backbeat.errors import DataError

__all__ = ["KerasState", "Slot", "StoredWeight"]

Array = np.ndarray[Any, Any]


class StoredWeight(Protocol):
    """A model's weight as files see it; `layers.keras_layout.KerasWeight` is one."""

    @property
    def tensor(self) -> Tensor:
        """The live parameter."""
        ...

    @property
    def trainable(self) -> bool:
        """Whether the optimizer changes it."""
        ...

    def to_keras(self, tensor: Any, /) -> Array:
        """A tensor of the parameter's shape as an array in Keras' orientation."""
        ...

    def from_keras(self, array: Array) -> Tensor:
        """The reverse of `to_keras`."""
        ...


@dataclass(frozen=True)
class Slot:
    """One kind of accumulator: its Keras name, and how one parameter's is read and written.

    `read` gives None where there is none yet, which is stored as zeros. A slot without `write` is
    one that Keras' files hold but this optimizer does not use: Keras keeps a single 0 there.
    """

    name: str
    read: Callable[[Tensor], Tensor | None]
    write: Callable[[Tensor, Tensor], None] | None
    optional: bool = False
    """Whether files of other Kerases may leave it out, since nothing reads it."""


class KerasState:
    """`iterations` first, then for each slot the accumulators of all trainable weights in order."""

    def __init__(
        self,
        class_name: str,
        slots: Sequence[Slot],
        weights: Sequence[StoredWeight],
        begin: Callable[[Tensor, int], None] | None = None,
    ) -> None:
        self._class_name = class_name
        self._begin = begin
        trainable = [weight for weight in weights if weight.trainable]
        self._parameters = [weight.tensor for weight in trainable]
        self._entries = [
            (f"training/{class_name}/{slot.name}_{number}_1:0", slot, weight)
            for slot in slots
            for number, weight in enumerate(trainable)
        ]

    def arrays(self, iterations: int) -> dict[str, Array]:
        """Every array by its name in the file."""
        named = {f"{self._class_name}/iterations:0": np.asarray(iterations, dtype=np.int64)}
        return named | {name: _stored(slot, weight) for name, slot, weight in self._entries}

    def load(self, arrays: Sequence[Array]) -> int:
        """Write every array where it belongs; gives the iterations. All or nothing."""
        entries = self._entries_for(len(arrays) - 1)
        for (name, slot, weight), array in zip(entries, arrays[1:], strict=True):
            wanted = _stored(slot, weight).shape
            if slot.write is not None and array.shape != wanted:
                raise DataError(f"{name} was saved with shape {array.shape}, but needs {wanted}.")
        iterations = int(np.asarray(arrays[0]))
        if self._begin is not None:
            for parameter in self._parameters:
                self._begin(parameter, iterations)
        for (_, slot, weight), array in zip(entries, arrays[1:], strict=True):
            if slot.write is not None:
                slot.write(weight.tensor, weight.from_keras(array).to(weight.tensor))
        return iterations

    def _entries_for(self, count: int) -> list[tuple[str, Slot, StoredWeight]]:
        """Those that `count` arrays are meant for: all, or without the optional ones."""
        needed = [entry for entry in self._entries if not entry[1].optional]
        for entries in (self._entries, needed):
            if len(entries) == count:
                return entries
        raise DataError(
            f"the saved state of {self._class_name} holds {count + 1} arrays, but this model needs "
            f"{len(self._entries) + 1}: it was saved with another optimizer or model."
        )


def _stored(slot: Slot, weight: StoredWeight) -> Array:
    if slot.write is None:
        return np.zeros(1, dtype=np.float32)
    held = slot.read(weight.tensor)
    return weight.to_keras(weight.tensor.detach() * 0 if held is None else held)
