"""Activation: a function of each value, as a layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from backbeat import activations
from backbeat.layers._arguments import Shape
from backbeat.layers.layer import Layer

__all__ = ["Activation"]


class Activation(Layer):
    """Applies `activation`: a name such as "relu", or a function of one tensor.

    >>> Activation("relu")(torch.tensor([[-1.0, 2.0]])).tolist()
    [[0.0, 2.0]]
    """

    skip_activation: bool = False
    """While True, `call` gives its inputs back (the logits)."""

    def __init__(
        self,
        activation: Any,
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
        self.activation = activations.get(activation)

    def call(self, inputs: Tensor) -> Tensor:
        """The same shape."""
        return inputs if self.skip_activation else self.activation(inputs)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The input's shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as Keras 2 writes them."""
        return {**super().get_config(), "activation": activations.serialize(self.activation)}
