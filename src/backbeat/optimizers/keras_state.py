"""An optimizer's accumulators as a Keras 2 file holds them: names, order and orientation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from torch import Tensor

from backbeat.errors import DataError

__all__ = ["KerasState", "Scalar", "Slot", "StoredWeight"]

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


@dataclass(frozen=True)
class Scalar:
    """One number that an optimizer keeps for all parameters together."""

    name: str
    read: Callable[[], float]
    write: Callable[[float], None]


class KerasState:
    """`iterations`, then scalars, then slot by slot the accumulators of all trainable weights."""

    def __init__(
        self,
        class_name: str,
        slots: Sequence[Slot],
        weights: Sequence[StoredWeight],
        begin: Callable[[Tensor, int], None] | None = None,
        *,
        scalars: Sequence[Scalar] = (),
    ) -> None:
        self._class_name = class_name
        self._scalars = scalars
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
        named: dict[str, Array] = {
            f"{self._class_name}/iterations:0": np.asarray(iterations, dtype=np.int64)
        }
        for scalar in self._scalars:
            named[f"{self._class_name}/{scalar.name}:0"] = np.asarray(scalar.read(), np.float32)
        return named | {name: _stored(slot, weight) for name, slot, weight in self._entries}

    def load(self, arrays: Sequence[Array]) -> int:
        """Write every array where it belongs; gives the iterations. All or nothing."""
        single = 1 + len(self._scalars)
        entries = self._entries_for(len(arrays) - single)
        numbers, accumulators = arrays[:single], arrays[single:]
        for scalar, array in zip(self._scalars, numbers[1:], strict=True):
            _check(scalar.name, array, ())
        for (name, slot, weight), array in zip(entries, accumulators, strict=True):
            if slot.write is not None:
                _check(name, array, _stored(slot, weight).shape)
        iterations = int(np.asarray(numbers[0]))
        if self._begin is not None:
            for parameter in self._parameters:
                self._begin(parameter, iterations)
        for scalar, array in zip(self._scalars, numbers[1:], strict=True):
            scalar.write(float(array))
        for (_, slot, weight), array in zip(entries, accumulators, strict=True):
            if slot.write is not None:
                slot.write(weight.tensor, weight.from_keras(array).to(weight.tensor.device))
        return iterations

    def _entries_for(self, count: int) -> list[tuple[str, Slot, StoredWeight]]:
        """Those that `count` arrays are meant for: all, or without the optional ones."""
        needed = [entry for entry in self._entries if not entry[1].optional]
        for entries in (self._entries, needed):
            if len(entries) == count:
                return entries
        single = 1 + len(self._scalars)
        raise DataError(
            f"the saved state of {self._class_name} holds {count + single} arrays, but this model "
            f"needs {len(self._entries) + single}: it was saved with another optimizer or model."
        )


def _check(name: str, array: Array, wanted: tuple[int, ...]) -> None:
    if array.shape != wanted:
        raise DataError(f"{name} was saved with shape {array.shape}, but needs {wanted}.")
    if array.dtype.kind == "c":
        raise DataError(f"{name} was saved as complex numbers, but is real.")


def _stored(slot: Slot, weight: StoredWeight) -> Array:
    if slot.write is None:
        return np.zeros(1, dtype=np.float32)
    held = slot.read(weight.tensor)
    return weight.to_keras(weight.tensor.detach() * 0 if held is None else held)
