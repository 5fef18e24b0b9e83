"""Reshape: the same values of each sample in another shape."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, Unpack, cast

from torch import Tensor

from backbeat.errors import ArgumentError, DataError
from backbeat.layers._arguments import LayerArguments, Shape, whole_number
from backbeat.layers.layer import Layer

__all__ = ["Reshape"]


class Reshape(Layer):
    """(batch, …) → (batch, *target_shape); one size may be -1: what the others leave.

    >>> import torch
    >>> Reshape((3, -1))(torch.ones(2, 12)).shape
    torch.Size([2, 3, 4])
    """

    def __init__(self, target_shape: Sequence[int], **layer: Unpack[LayerArguments]) -> None:
        super().__init__(**layer)
        owner = type(self).__name__
        if not isinstance(cast(object, target_shape), Iterable) or isinstance(target_shape, str):
            raise ArgumentError(
                f"{owner}: target_shape is a tuple of sizes without the batch; got "
                f"{target_shape!r}. Write, for example, (12,) or (7, 7, 16)."
            )
        self.target_shape = tuple(
            whole_number(owner, "each size in target_shape", size, minimum=-1)
            for size in target_shape
        )
        if self.target_shape.count(-1) > 1:
            raise ArgumentError(f"{owner}: only one size may be -1; got {self.target_shape}.")

    def call(self, inputs: Tensor) -> Tensor:
        """(batch, …) → (batch, *target_shape)."""
        shape = self._filled(math.prod(inputs.shape[1:]))
        if shape is None:
            raise DataError(
                f"{self.name!r} cannot make {self.target_shape} of samples of the shape "
                f"{tuple(inputs.shape[1:])}, which hold {math.prod(inputs.shape[1:])} values."
            )
        return inputs.reshape(inputs.shape[0], *shape)

    def _filled(self, count: int) -> tuple[int, ...] | None:
        """The target for `count` values, or None if they do not fit."""
        target, rest = self.target_shape, 1
        if -1 in target:
            others = math.prod(size for size in target if size != -1)
            rest = count // others if others else 0
            target = tuple(rest if size == -1 else size for size in target)
        return target if math.prod(target) == count else None

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The target; its -1 is None where a size of the inputs is open."""
        sizes = [size for size in input_shape[1:] if size is not None]
        if len(sizes) == len(input_shape) - 1:
            filled = self._filled(math.prod(sizes))
            if filled is None:
                raise ArgumentError(
                    f"{self.name!r} cannot make {self.target_shape} of {input_shape[1:]}."
                )
            return (input_shape[0], *filled)
        return (input_shape[0], *(None if size == -1 else size for size in self.target_shape))

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as Keras 2 writes them."""
        return {**super().get_config(), "target_shape": list(self.target_shape)}
