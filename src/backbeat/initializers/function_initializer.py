"""A plain function as an initializer."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from backbeat.errors import ArgumentError
from backbeat.initializers.initializer import Initializer, Shape
from backbeat.tensors import to_tensor

__all__ = ["FunctionInitializer"]


class FunctionInitializer(Initializer):
    """A function of yours, `function(shape)` or `function(shape, dtype=...)`, as an initializer.

    Functions of `torch.nn.init`, which fill a tensor in torch's orientation, are understood too.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self._options = _options(function)

    def __call__(self, shape: Shape, dtype: torch.dtype | None = None) -> Tensor:
        if getattr(self.function, "__module__", None) == "torch.nn.init":
            return super().__call__(shape, dtype)
        options = {"dtype": dtype} if "dtype" in self._options else {}
        values = to_tensor(self.function(tuple(shape), **options))
        if tuple(values.shape) != tuple(shape):
            name = getattr(self.function, "__name__", self.function)
            raise ArgumentError(
                f"the initializer {name} gave shape {tuple(values.shape)}, "
                f"but {tuple(shape)} was asked for."
            )
        return values.detach().to(dtype or torch.get_default_dtype())

    def fill(self, values: Tensor) -> Tensor:
        self.function(values.permute(_torch_axes(values.ndim)))
        return values


def _options(function: Callable[..., Any]) -> frozenset[str]:
    """The names of the arguments that `function` takes; none if it does not tell."""
    try:
        return frozenset(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return frozenset()


def _torch_axes(rank: int) -> tuple[int, ...]:
    """The axes that turn (*window, inputs, outputs) into torch's (outputs, inputs, *window)."""
    if rank < 2:
        return tuple(range(rank))
    return (rank - 1, rank - 2, *range(rank - 2))
