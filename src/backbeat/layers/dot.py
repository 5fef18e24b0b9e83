"""Dot: products of two tensors along an axis of each, sample by sample."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Unpack, cast

import torch
from torch import Tensor
from torch.nn.functional import normalize as to_length_one

from backbeat.errors import ArgumentError
from backbeat.flags import flag
from backbeat.layers._arguments import LayerArguments, Shape
from backbeat.layers._merge import Merge, check_two
from backbeat.layers._windows import sizes

__all__ = ["Dot", "dot"]


class Dot(Merge):
    """Sums the products along `axes`, one number for both inputs or one for each.

    (batch, a, k) and (batch, k, b) with `axes=(2, 1)` give (batch, a, b); two vectors per sample
    give (batch, 1). With `normalize` the result is the cosine of the angle between them.

    >>> Dot(axes=1)([torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 4.0]])]).tolist()
    [[11.0]]
    """

    def __init__(
        self,
        axes: int | Sequence[int],
        normalize: bool = False,
        **layer: Unpack[LayerArguments],
    ) -> None:
        super().__init__(**layer)
        owner = type(self).__name__
        self._pair = sizes(owner, "axes", axes, 2, minimum=-16)
        if 0 in self._pair:
            raise ArgumentError(f"{owner}: axis 0 is the batch; axes={axes!r} cannot be summed up.")
        self.axes = list(self._pair) if isinstance(axes, Sequence) else self._pair[0]
        self.normalize = flag(owner, "normalize", normalize)

    def _check_count(self, inputs: Sequence[Any]) -> None:
        check_two(self, inputs)

    def _merged(self, inputs: Sequence[Tensor]) -> Tensor:
        first, second = (
            tensor.movedim(axis, -1) for tensor, axis in zip(inputs, self._pair, strict=True)
        )
        if self.normalize:
            first, second = to_length_one(first, dim=-1), to_length_one(second, dim=-1)
        width = first.shape[-1]
        rows = first.reshape(len(first), math.prod(first.shape[1:-1]), width)
        columns = second.reshape(len(second), math.prod(second.shape[1:-1]), width)
        products = torch.bmm(rows, columns.transpose(1, 2))
        rest = (*first.shape[1:-1], *second.shape[1:-1]) or (1,)
        return products.reshape(len(first), *rest)

    def _wanted(self) -> str:
        one, other = self._pair
        return f"axis {one} of the first and axis {other} of the second must have the same size."

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Both shapes without the axes that are summed up."""
        first, second = (
            [size for place, size in enumerate(shape) if place not in (0, axis % len(shape))]
            for shape, axis in zip(cast(Sequence[Shape], input_shape), self._pair, strict=True)
        )
        return (input_shape[0][0], *([*first, *second] or [1]))

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as Keras 2 writes them."""
        return {**super().get_config(), "axes": self.axes, "normalize": self.normalize}


def dot(
    inputs: Sequence[Any],
    axes: int | Sequence[int],
    normalize: bool = False,
    **layer: Unpack[LayerArguments],
) -> Any:
    """The products of two `inputs` along `axes`, as a layer `Dot` gives them."""
    return Dot(axes, normalize, **layer)(inputs)
