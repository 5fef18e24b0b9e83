"""Flatten: everything but the batch axis becomes one axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from backbeat.errors import ArgumentError
from backbeat.layers._arguments import Shape
from backbeat.layers.layer import Layer

__all__ = ["Flatten"]


class Flatten(Layer):
    """(batch, a, b, …) → (batch, a·b·…).

    `data_format="channels_first"` first moves axis 1 to the end, as Keras does, so that the order
    of the values is that of channels-last data. Leave it out for plain PyTorch.

    >>> Flatten()(torch.ones(2, 3, 4)).shape
    torch.Size([2, 12])
    """

    def __init__(
        self,
        data_format: Literal["channels_last", "channels_first"] | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | torch.dtype | None = None,
        input_shape: Sequence[int | None] | None = None,
        input_dim: int | None = None,
        batch_input_shape: Sequence[int | None] | None = None,
    ) -> None:
        super().__init__(
            name=name,
            trainable=trainable,
            dtype=dtype,
            input_shape=input_shape,
            input_dim=input_dim,
            batch_input_shape=batch_input_shape,
        )
        if data_format not in (None, "channels_last", "channels_first"):
            raise ArgumentError(
                f"{type(self).__name__}: data_format is 'channels_last' or 'channels_first'; got "
                f"{data_format!r}."
            )
        self.data_format = data_format or "channels_last"

    def call(self, inputs: Tensor) -> Tensor:
        """(batch, …) → (batch, features)."""
        if inputs.ndim == 1:
            return inputs.unsqueeze(1)
        if self.data_format == "channels_first":
            inputs = inputs.movedim(1, -1)
        return inputs.flatten(1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The product of all sizes but the first; None if one of them is open."""
        sizes = [size for size in input_shape[1:] if size is not None]
        known = len(sizes) == len(input_shape) - 1
        return (input_shape[0], math.prod(sizes) if known else None)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as Keras 2 writes them."""
        return {**super().get_config(), "data_format": self.data_format}
