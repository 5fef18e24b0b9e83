"""Pooling: the largest value, or the mean, of each window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Unpack

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, max_pool2d

from backbeat.errors import DataError
from backbeat.layers._arguments import LayerArguments, Shape, choice
from backbeat.layers._images import from_images, misfit, to_images
from backbeat.layers._windows import (
    CHANNELS_LAST,
    data_format_name,
    same_padding,
    sizes,
    slid_shape,
)
from backbeat.layers.layer import Layer

__all__ = ["AveragePooling1D", "AveragePooling2D", "MaxPooling1D", "MaxPooling2D"]

Pair = tuple[int, int]


class _Pooling(Layer):
    """What poolings of any rank share; the arguments of Keras 2.3."""

    _rank: ClassVar[int]

    def __init__(
        self,
        pool_size: int | Sequence[int] = 2,
        strides: int | Sequence[int] | None = None,
        padding: str = "valid",
        data_format: str | None = None,
        **layer: Unpack[LayerArguments],
    ) -> None:
        super().__init__(**layer)
        owner, rank = type(self).__name__, self._rank
        self.pool_size = sizes(owner, "pool_size", pool_size, rank)
        steps = self.pool_size if strides is None else strides
        self.strides = sizes(owner, "strides", steps, rank)
        self.padding = choice(owner, "padding", padding, ("valid", "same"))
        self.data_format = data_format_name(owner, data_format)
        # torch sees a sequence as an image of height 1.
        flat = (1,) * (2 - rank)
        self._window = (*flat, *self.pool_size)
        self._steps = (*flat, *self.strides)
        self._last = self.data_format == CHANNELS_LAST

    def call(self, inputs: Tensor) -> Tensor:
        """(batch, …places, channels) → (batch, …windows, channels)."""
        try:
            images = to_images(inputs, self._rank, self._last)
            if self.padding == "valid":
                pooled = self._pooled(images, (0, 0), False)
            else:
                pooled = self._pooled_to_the_edge(images)
        except RuntimeError as error:
            raise self._explained(inputs) or error from error
        return from_images(pooled, self._rank, self._last)

    def _pooled_to_the_edge(self, images: Tensor) -> Tensor:
        """Padding "same", which torch counts by itself wherever it pads the same on both sides.

        With steps of more than 1 the odd place behind is a window that hangs over the edge, which
        torch's `ceil_mode` allows. With steps of 1 one place more before gives one output more.
        """
        beside, surplus = [0, 0], [0, 0]
        for axis, step in enumerate(self._steps):
            window = self._window[axis]
            before, behind = same_padding(images.shape[2 + axis], window, step)
            surplus[axis] = int(step == 1 and behind > before)
            beside[axis] = before + surplus[axis]
        pooled = self._pooled(images, (beside[0], beside[1]), True)
        return pooled[:, :, surplus[0] :, surplus[1] :]

    def _pooled(self, images: Tensor, beside: Pair, ceil: bool) -> Tensor:
        """Torch's kernel: `beside` is what it pads on both sides, and leaves out of the result."""
        raise NotImplementedError

    def _explained(self, inputs: Tensor) -> DataError | None:
        """The error to raise for a failed pooling, if the inputs are to blame."""
        wrong_rank = misfit(self.name, inputs, self._rank, self._last)
        shape = tuple(inputs.shape)
        if wrong_rank is not None or all((size or 0) > 0 for size in self._places(shape)):
            return wrong_rank
        return DataError(
            f"{self.name!r}: the window of {self.pool_size} does not fit into inputs of the shape "
            f"{shape}. Make it smaller, or pad with padding='same'."
        )

    def _places(self, shape: Shape) -> Shape:
        outputs = self.compute_output_shape(shape)
        return outputs[1:-1] if self._last else outputs[2:]

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """One place for each position of the window, and the channels of the inputs."""
        return slid_shape(
            input_shape,
            input_shape[-1 if self._last else 1],
            self.data_format,
            self.pool_size,
            self.padding,
            self.strides,
            (1,) * self._rank,
        )

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as Keras 2 writes them."""
        return {
            **super().get_config(),
            "pool_size": list(self.pool_size),
            "strides": list(self.strides),
            "padding": self.padding,
            "data_format": self.data_format,
        }


class _MaxPooling(_Pooling):
    def _pooled(self, images: Tensor, beside: Pair, ceil: bool) -> Tensor:
        return max_pool2d(images, self._window, self._steps, beside, ceil_mode=ceil)


class _AveragePooling(_Pooling):
    def _pooled(self, images: Tensor, beside: Pair, ceil: bool) -> Tensor:
        if not images.is_floating_point():
            images = images.to(torch.get_default_dtype())
        return avg_pool2d(images, self._window, self._steps, beside, ceil, count_include_pad=False)


class MaxPooling1D(_MaxPooling):
    """The largest value of each window of steps, (batch, steps, channels) → fewer steps.

    Args are those of Keras 2.3; `strides=None` means windows that touch.

    >>> MaxPooling1D(2)(torch.tensor([[[1.0], [3.0], [2.0], [0.0]]])).flatten().tolist()
    [3.0, 2.0]
    """

    _rank = 1


class MaxPooling2D(_MaxPooling):
    """The largest value of each window, (batch, height, width, channels) → a smaller image.

    Args are those of Keras 2.3; `strides=None` means windows that touch.

    >>> MaxPooling2D((2, 2))(torch.ones(2, 28, 28, 3)).shape
    torch.Size([2, 14, 14, 3])
    """

    _rank = 2


class AveragePooling1D(_AveragePooling):
    """The mean of each window of steps, (batch, steps, channels) → fewer steps.

    Args are those of Keras 2.3. What `padding="same"` adds does not count in the means.

    >>> AveragePooling1D(2)(torch.tensor([[[1.0], [3.0], [2.0], [0.0]]])).flatten().tolist()
    [2.0, 1.0]
    """

    _rank = 1


class AveragePooling2D(_AveragePooling):
    """The mean of each window, (batch, height, width, channels) → a smaller image.

    Args are those of Keras 2.3. What `padding="same"` adds does not count in the means.

    >>> AveragePooling2D((2, 2))(torch.ones(2, 28, 28, 3)).shape
    torch.Size([2, 14, 14, 3])
    """

    _rank = 2
