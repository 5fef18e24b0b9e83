"""Initializers that make a whole matrix with a property: orthogonal, identity."""

from __future__ import annotations

import torch
from torch import Tensor

from backbeat.errors import ArgumentError
from backbeat.initializers.initializer import Initializer

__all__ = ["Identity", "Orthogonal"]


class Orthogonal(Initializer):
    """An orthogonal matrix (Saxe, 2013), all axes but the last taken as one, times `gain`."""

    def __init__(self, gain: float = 1.0, seed: int | None = None) -> None:
        self.gain, self.seed = gain, seed

    def fill(self, values: Tensor) -> Tensor:
        if values.ndim < 2:
            raise _shape_error("Orthogonal", values, "at least two axes")
        matrix = values.reshape(-1, values.shape[-1])
        torch.nn.init.orthogonal_(matrix, self.gain, generator=self.generator())
        return matrix.reshape(values.shape)


class Identity(Initializer):
    """`gain` on the diagonal of a matrix, 0 elsewhere."""

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain

    def fill(self, values: Tensor) -> Tensor:
        if values.ndim != 2:
            raise _shape_error("Identity", values, "exactly two axes")
        return torch.nn.init.eye_(values).mul_(self.gain)


def _shape_error(name: str, values: Tensor, wanted: str) -> ArgumentError:
    return ArgumentError(f"{name} was asked for shape {tuple(values.shape)}: it needs {wanted}.")
