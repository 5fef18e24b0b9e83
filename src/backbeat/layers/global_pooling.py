"""Global pooling: the largest value, or the mean, of each channel."""

from __future__ import annotations

from typing import Any, ClassVar, Unpack

import torch
from torch import Tensor

from backbeat.errors import ArgumentError
from backbeat.flags import flag
from backbeat.layers._arguments import LayerArguments, Shape
from backbeat.layers._images import misfit
from backbeat.layers._windows import CHANNELS_LAST, data_format_name
from backbeat.layers.layer import Layer

__all__ = [
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
]


class _GlobalPooling(Layer):
    """What global poolings of any rank share; the arguments of Keras 2.3."""

    _rank: ClassVar[int]

    def __init__(
        self,
        data_format: str | None = None,
        *,
        keepdims: bool = False,
        **layer: Unpack[LayerArguments],
    ) -> None:
        super().__init__(**layer)
        self.data_format = data_format_name(type(self).__name__, data_format)
        self.keepdims = flag(type(self).__name__, "keepdims", keepdims)
        self._last = self.data_format == CHANNELS_LAST
        first = 1 if self._last else 2
        self._axes = tuple(range(first, first + self._rank))

    def call(self, inputs: Tensor) -> Tensor:
        """(batch, …places, channels) → (batch, channels)."""
        if inputs.ndim != self._rank + 2:
            raise misfit(self.name, inputs, self._rank, self._last) or AssertionError
        return self._pooled(inputs)

    def _pooled(self, inputs: Tensor) -> Tensor:
        raise NotImplementedError

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The input's shape without its places; with `keepdims` these have size 1."""
        if len(input_shape) != self._rank + 2:
            raise ArgumentError(
                f"{self.name!r} takes inputs of {self._rank + 2} axes, not {input_shape}."
            )
        if self.keepdims:
            return tuple(1 if axis in self._axes else n for axis, n in enumerate(input_shape))
        return (input_shape[0], input_shape[-1 if self._last else 1])

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as Keras 2 writes them."""
        config = {**super().get_config(), "data_format": self.data_format}
        # Keras 2.3 does not know the word.
        return {**config, "keepdims": True} if self.keepdims else config


class _GlobalAveragePooling(_GlobalPooling):
    def _pooled(self, inputs: Tensor) -> Tensor:
        if not inputs.is_floating_point():
            inputs = inputs.to(torch.get_default_dtype())
        return inputs.mean(self._axes, keepdim=self.keepdims)


class _GlobalMaxPooling(_GlobalPooling):
    def _pooled(self, inputs: Tensor) -> Tensor:
        return inputs.amax(self._axes, keepdim=self.keepdims)


class GlobalAveragePooling1D(_GlobalAveragePooling):
    """The mean over all steps, (batch, steps, channels) → (batch, channels).

    >>> GlobalAveragePooling1D()(torch.tensor([[[1.0], [3.0]]])).tolist()
    [[2.0]]
    """

    _rank = 1


class GlobalAveragePooling2D(_GlobalAveragePooling):
    """The mean over all places, (batch, height, width, channels) → (batch, channels).

    >>> GlobalAveragePooling2D()(torch.ones(2, 7, 7, 64)).shape
    torch.Size([2, 64])
    """

    _rank = 2


class GlobalMaxPooling1D(_GlobalMaxPooling):
    """The largest value of all steps, (batch, steps, channels) → (batch, channels).

    >>> GlobalMaxPooling1D()(torch.tensor([[[1.0], [3.0]]])).tolist()
    [[3.0]]
    """

    _rank = 1


class GlobalMaxPooling2D(_GlobalMaxPooling):
    """The largest value of all places, (batch, height, width, channels) → (batch, channels).

    >>> GlobalMaxPooling2D()(torch.ones(2, 7, 7, 64)).shape
    torch.Size([2, 64])
    """

    _rank = 2
