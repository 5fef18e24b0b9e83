"""What layers share that make one tensor out of several."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, cast

from torch import Tensor

from backbeat.errors import ArgumentError, DataError
from backbeat.layers._arguments import Shape
from backbeat.layers.layer import Layer

__all__ = ["Merge", "check_two"]


class Merge(Layer):
    """The base of layers that are called on a list of tensors."""

    def call(self, inputs: Any, *more: Any) -> Tensor:
        """A list of tensors, or the tensors one by one → one tensor."""
        given: Sequence[Tensor] = (inputs, *more) if more else inputs
        self._check_count(given)
        try:
            return self._merged(given)
        except (RuntimeError, IndexError) as error:
            shapes = ", ".join(str(tuple(tensor.shape)) for tensor in given)
            raise DataError(
                f"{self.name!r} cannot merge inputs of the shapes {shapes}: {self._wanted()}"
            ) from error

    def _check_count(self, inputs: Sequence[Any]) -> None:
        if isinstance(inputs, Tensor) or len(inputs) < 2:
            count = "a single tensor" if isinstance(inputs, Tensor) else f"{len(inputs)} tensors"
            raise ArgumentError(
                f"{self.name!r} takes a list of at least 2 tensors; got {count}. Write "
                f"{type(self).__name__}(…)([a, b])."
            )

    def _merged(self, inputs: Sequence[Tensor]) -> Tensor:
        raise NotImplementedError

    def _wanted(self) -> str:
        """The rule for the shapes, as a sentence."""
        return "behind the batch each axis must have the same size in all of them, or the size 1."

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The common shape, axes of size 1 stretched."""
        return functools.reduce(_common_shape, cast(Sequence[Shape], input_shape))


def check_two(layer: Layer, inputs: Sequence[Any]) -> None:
    """Raise unless there are exactly two inputs."""
    if isinstance(inputs, Tensor) or len(inputs) != 2:
        count = "a single tensor" if isinstance(inputs, Tensor) else f"{len(inputs)} tensors"
        raise ArgumentError(
            f"{layer.name!r} takes a list of exactly 2 tensors; got {count}. Write "
            f"{type(layer).__name__}(…)([a, b])."
        )


def _common_shape(one: Shape, other: Shape) -> Shape:
    rank = max(len(one), len(other))
    one, other = ((each[0], *[1] * (rank - len(each)), *each[1:]) for each in (one, other))
    pairs = zip(one[1:], other[1:], strict=True)
    return (one[0], *(second if first == 1 else first for first, second in pairs))
