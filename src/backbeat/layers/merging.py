"""Merging: one tensor out of several, by layer (`Add()([a, b])`) or by function (`add([a, b])`)."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, Unpack, cast

import torch
from torch import Tensor

from backbeat.layers._arguments import LayerArguments, Shape, whole_number
from backbeat.layers._merge import Merge, check_two

__all__ = [
    "Add",
    "Average",
    "Concatenate",
    "Maximum",
    "Minimum",
    "Multiply",
    "Subtract",
    "add",
    "average",
    "concatenate",
    "maximum",
    "minimum",
    "multiply",
    "subtract",
]


class _Elementwise(Merge):
    """Merges value by value."""

    def _merged(self, inputs: Sequence[Tensor]) -> Tensor:
        rank = max(tensor.ndim for tensor in inputs)
        if min(tensor.ndim for tensor in inputs) < rank:
            inputs = [_with_rank(tensor, rank) for tensor in inputs]
        return self._of(inputs)

    def _of(self, inputs: Sequence[Tensor]) -> Tensor:
        """The result for inputs of equal rank."""
        raise NotImplementedError


def _with_rank(tensor: Tensor, rank: int) -> Tensor:
    """`tensor` with new axes behind the batch, as Keras broadcasts; torch would put them first."""
    return tensor[(slice(None), *[None] * (rank - tensor.ndim))]


class Add(_Elementwise):
    """The sum of the inputs; axes of size 1 are stretched.

    >>> Add()([torch.ones(1, 2), torch.ones(1, 2)]).tolist()
    [[2.0, 2.0]]
    """

    def _of(self, inputs: Sequence[Tensor]) -> Tensor:
        return functools.reduce(torch.add, inputs)


class Subtract(_Elementwise):
    """The first of two inputs minus the second.

    >>> Subtract()([torch.ones(1, 2), torch.ones(1, 2)]).tolist()
    [[0.0, 0.0]]
    """

    def _check_count(self, inputs: Sequence[Any]) -> None:
        check_two(self, inputs)

    def _of(self, inputs: Sequence[Tensor]) -> Tensor:
        return inputs[0] - inputs[1]


class Multiply(_Elementwise):
    """The product of the inputs, value by value.

    >>> Multiply()([torch.tensor([[2.0]]), torch.tensor([[3.0]])]).tolist()
    [[6.0]]
    """

    def _of(self, inputs: Sequence[Tensor]) -> Tensor:
        return functools.reduce(torch.mul, inputs)


class Average(_Elementwise):
    """The mean of the inputs, value by value.

    >>> Average()([torch.tensor([[2.0]]), torch.tensor([[3.0]])]).tolist()
    [[2.5]]
    """

    def _of(self, inputs: Sequence[Tensor]) -> Tensor:
        return functools.reduce(torch.add, inputs) / len(inputs)


class Maximum(_Elementwise):
    """The largest of the inputs, value by value.

    >>> Maximum()([torch.tensor([[2.0]]), torch.tensor([[3.0]])]).tolist()
    [[3.0]]
    """

    def _of(self, inputs: Sequence[Tensor]) -> Tensor:
        return functools.reduce(torch.maximum, inputs)


class Minimum(_Elementwise):
    """The smallest of the inputs, value by value.

    >>> Minimum()([torch.tensor([[2.0]]), torch.tensor([[3.0]])]).tolist()
    [[2.0]]
    """

    def _of(self, inputs: Sequence[Tensor]) -> Tensor:
        return functools.reduce(torch.minimum, inputs)


class Concatenate(Merge):
    """The inputs one behind the other along `axis`.

    >>> Concatenate()([torch.ones(1, 2), torch.zeros(1, 1)]).tolist()
    [[1.0, 1.0, 0.0]]
    """

    def __init__(self, axis: int = -1, **layer: Unpack[LayerArguments]) -> None:
        super().__init__(**layer)
        self.axis = whole_number(type(self).__name__, "axis", axis, minimum=-16)

    def _merged(self, inputs: Sequence[Tensor]) -> Tensor:
        return torch.cat(list(inputs), self.axis)

    def _wanted(self) -> str:
        return f"all axes but {self.axis}, along which they are joined, must have the same sizes."

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """The first shape, with the sizes along the axis added up."""
        shapes = [list(shape) for shape in cast(Sequence[Shape], input_shape)]
        along = [shape[self.axis] for shape in shapes]
        known = [size for size in along if size is not None]
        shapes[0][self.axis] = sum(known) if len(known) == len(along) else None
        return tuple(shapes[0])

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as Keras 2 writes them."""
        return {**super().get_config(), "axis": self.axis}


def add(inputs: Sequence[Any], **layer: Unpack[LayerArguments]) -> Any:
    """The sum of `inputs`, as a layer `Add` gives it."""
    return Add(**layer)(inputs)


def subtract(inputs: Sequence[Any], **layer: Unpack[LayerArguments]) -> Any:
    """The first of two `inputs` minus the second, as a layer `Subtract` gives it."""
    return Subtract(**layer)(inputs)


def multiply(inputs: Sequence[Any], **layer: Unpack[LayerArguments]) -> Any:
    """The product of `inputs`, as a layer `Multiply` gives it."""
    return Multiply(**layer)(inputs)


def average(inputs: Sequence[Any], **layer: Unpack[LayerArguments]) -> Any:
    """The mean of `inputs`, as a layer `Average` gives it."""
    return Average(**layer)(inputs)


def maximum(inputs: Sequence[Any], **layer: Unpack[LayerArguments]) -> Any:
    """The largest of `inputs`, as a layer `Maximum` gives it."""
    return Maximum(**layer)(inputs)


def minimum(inputs: Sequence[Any], **layer: Unpack[LayerArguments]) -> Any:
    """The smallest of `inputs`, as a layer `Minimum` gives it."""
    return Minimum(**layer)(inputs)


def concatenate(inputs: Sequence[Any], axis: int = -1, **layer: Unpack[LayerArguments]) -> Any:
    """`inputs` one behind the other along `axis`, as a layer `Concatenate` gives them."""
    return Concatenate(axis, **layer)(inputs)
