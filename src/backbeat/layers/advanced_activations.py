"""Activations that are layers in Keras: ReLU, LeakyReLU, Softmax."""

from __future__ import annotations

from functools import partial
from typing import Any, Unpack

from torch import Tensor
from torch.nn.functional import leaky_relu

from backbeat import activations
from backbeat.errors import ArgumentError
from backbeat.layers._arguments import LayerArguments, Shape, number, whole_number
from backbeat.layers.layer import Layer

__all__ = ["LeakyReLU", "ReLU", "Softmax"]


class ReLU(Layer):
    """`max(inputs, 0)`, or with arguments: bounded above, leaky below, from a threshold on.

    >>> import torch
    >>> ReLU(max_value=6.0)(torch.tensor([[-1.0, 2.0, 9.0]])).tolist()
    [[0.0, 2.0, 6.0]]
    """

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        threshold: float = 0.0,
        **layer: Unpack[LayerArguments],
    ) -> None:
        super().__init__(**layer)
        owner = type(self).__name__
        self.max_value = None if max_value is None else number(owner, "max_value", max_value)
        self.negative_slope = number(owner, "negative_slope", negative_slope)
        self.threshold = number(owner, "threshold", threshold)
        if min(self.max_value or 0.0, self.negative_slope) < 0.0:
            raise ArgumentError(f"{owner}: max_value and negative_slope must be 0 or more.")

    def call(self, inputs: Tensor) -> Tensor:
        """The same shape."""
        return activations.relu(inputs, self.negative_slope, self.max_value, self.threshold)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The input's shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as Keras 2 writes them."""
        return {
            **super().get_config(),
            "max_value": self.max_value,
            "negative_slope": self.negative_slope,
            "threshold": self.threshold,
        }


class LeakyReLU(Layer):
    """The inputs where they are positive, `alpha * inputs` elsewhere.

    >>> import torch
    >>> LeakyReLU(0.5)(torch.tensor([[-2.0, 2.0]])).tolist()
    [[-1.0, 2.0]]
    """

    def __init__(self, alpha: float = 0.3, **layer: Unpack[LayerArguments]) -> None:
        super().__init__(**layer)
        self.alpha = number(type(self).__name__, "alpha", alpha)

    def call(self, inputs: Tensor) -> Tensor:
        """The same shape."""
        return leaky_relu(inputs, self.alpha)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The input's shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as Keras 2 writes them."""
        return {**super().get_config(), "alpha": self.alpha}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Layer:
        """The layer that `get_config`, or Keras, described; Keras 3 renamed alpha."""
        renamed = {("alpha" if key == "negative_slope" else key): config[key] for key in config}
        return super().from_config(renamed)


class Softmax(Layer):
    """Positive numbers that add up to 1 along `axis`.

    >>> import torch
    >>> Softmax()(torch.zeros(1, 2)).tolist()
    [[0.5, 0.5]]
    """

    skip_activation: bool = False
    """While True, `call` gives its inputs back (the logits)."""

    def __init__(self, axis: int = -1, **layer: Unpack[LayerArguments]) -> None:
        super().__init__(**layer)
        self.axis = whole_number(type(self).__name__, "axis", axis, minimum=-16)
        softmax = activations.softmax
        # Along another axis it is not the softmax that a loss can be paired with.
        self.activation = softmax if self.axis == -1 else partial(softmax, axis=self.axis)

    def call(self, inputs: Tensor) -> Tensor:
        """The same shape."""
        return inputs if self.skip_activation else self.activation(inputs)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The input's shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as Keras 2 writes them."""
        return {**super().get_config(), "axis": self.axis}
