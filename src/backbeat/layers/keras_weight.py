"""One weight of a torch module, as Keras would hold it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from backbeat.errors import ArgumentError
from backbeat.tensors import to_numpy, to_tensor

__all__ = ["HeldWeight", "KerasWeight"]

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class KerasWeight:
    """One weight: the live tensor in torch's orientation, and how Keras would hold it."""

    name: str
    """As in Keras, `kernel` or `moving_mean`; below a container with its layer, `fc/kernel`."""
    tensor: Tensor
    axes: tuple[int, ...] | None = None
    """The permutation from torch's axes to Keras'; None if they are the same."""
    trainable: bool = True
    """Whether it is meant to be trained; freezing a layer does not change it, nor the order."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape in Keras' orientation."""
        sizes = tuple(self.tensor.shape)
        return sizes if self.axes is None else tuple(sizes[axis] for axis in self.axes)

    def array(self) -> Array:
        """A copy of the values, in Keras' orientation; bfloat16 becomes float32."""
        return self.to_keras(self.tensor)

    def assign(self, array: Any) -> None:
        """Copy `array`, in Keras' orientation, into the live tensor.

        Raises ArgumentError if the shape differs.
        """
        values = np.asarray(array)
        if values.shape != self.shape:
            raise ArgumentError(
                f"{self.name!r} has shape {self.shape}; the given array has {values.shape}."
            )
        with torch.no_grad():
            self.tensor.copy_(self.from_keras(values))

    def to_keras(self, tensor: Tensor | Array) -> Array:
        """A copy of `tensor`, which has this weight's shape (an optimizer's slot, for example).

        One of another rank, such as a scalar, has no orientation and is copied as it is.
        """
        values = to_numpy(tensor) if isinstance(tensor, Tensor) else np.asarray(tensor)
        return np.array(self._turned(values), order="C")

    def _turned(self, values: Array) -> Array:
        """`values` in Keras' orientation, sharing their memory."""
        if self.axes is None or values.ndim != len(self.axes):
            return values
        return values.transpose(self.axes)

    def from_keras(self, array: Any) -> Tensor:
        """`array` in torch's orientation, on this weight's device, as its own memory."""
        values = np.asarray(array)
        if self.axes is not None and values.ndim == len(self.axes):
            values = values.transpose(np.argsort(self.axes))
        return to_tensor(np.array(values, order="C")).to(self.tensor.device)


@dataclass(frozen=True)
class HeldWeight(KerasWeight):
    """A weight whose values are read through `hold`, and turned only when they are written."""

    hold: Callable[[Tensor, torch.dtype], Tensor] = Tensor.to

    def to_keras(self, tensor: Tensor | Array) -> Array:
        """A view of what `hold` gives for `tensor`; no memory but that is used."""
        if not isinstance(tensor, Tensor):
            return self._turned(np.asarray(tensor))
        # HDF5 has no bfloat16.
        dtype = torch.float32 if tensor.dtype is torch.bfloat16 else tensor.dtype
        return self._turned(to_numpy(self.hold(tensor, dtype)))

    @classmethod
    def of(cls, weight: KerasWeight, hold: Callable[[Tensor, torch.dtype], Tensor]) -> HeldWeight:
        """`weight`, read through `hold`."""
        return cls(weight.name, weight.tensor, weight.axes, weight.trainable, hold)
