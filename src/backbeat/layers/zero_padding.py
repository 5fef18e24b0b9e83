"""ZeroPadding2D: a frame of zeros around images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack, cast

from torch import Tensor
from torch.nn.functional import pad

from backbeat.errors import ArgumentError
from backbeat.layers._arguments import LayerArguments, Shape
from backbeat.layers._images import misfit
from backbeat.layers._windows import CHANNELS_LAST, data_format_name, sizes
from backbeat.layers.layer import Layer

__all__ = ["ZeroPadding2D"]


class ZeroPadding2D(Layer):
    """Rows and columns of zeros around (batch, height, width, channels).

    `padding` is one number for all sides, (rows, columns), or ((top, bottom), (left, right)).

    >>> import torch
    >>> ZeroPadding2D(((1, 0), (2, 2)))(torch.ones(1, 4, 4, 3)).shape
    torch.Size([1, 5, 8, 3])
    """

    def __init__(
        self,
        padding: int | Sequence[int] | Sequence[Sequence[int]] = (1, 1),
        data_format: str | None = None,
        **layer: Unpack[LayerArguments],
    ) -> None:
        super().__init__(**layer)
        owner = type(self).__name__
        sides = list(padding) if isinstance(padding, Sequence) else [padding, padding]
        if len(sides) != 2 or isinstance(padding, str):
            raise ArgumentError(
                f"{owner}: padding is one number, (rows, columns), or ((top, bottom), (left, "
                f"right)); got {padding!r}."
            )
        rows, columns = (sizes(owner, "padding", side, 2, minimum=0) for side in sides)
        self.padding = (rows, columns)
        self.data_format = data_format_name(owner, data_format)
        self._last = self.data_format == CHANNELS_LAST

    def call(self, inputs: Tensor) -> Tensor:
        """A larger image."""
        if inputs.ndim != 4:
            raise misfit(self.name, inputs, 2, self._last) or AssertionError
        rows, columns = self.padding
        return pad(inputs, [0, 0, *columns, *rows] if self._last else [*columns, *rows])

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The input's shape with larger places."""
        first = 1 if self._last else 2
        shape = list(input_shape)
        for axis, added in enumerate(self.padding, first):
            size = shape[axis]
            shape[axis] = None if size is None else size + sum(added)
        return tuple(shape)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as Keras 2 writes them."""
        padding = [list(cast(Sequence[int], side)) for side in self.padding]
        return {**super().get_config(), "padding": padding, "data_format": self.data_format}
