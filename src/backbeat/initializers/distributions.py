"""Initializers whose values do not depend on the shape."""

from __future__ import annotations

import torch
from torch import Tensor

from backbeat.initializers.initializer import Initializer

__all__ = ["Constant", "Ones", "RandomNormal", "RandomUniform", "TruncatedNormal", "Zeros"]


class Constant(Initializer):
    """Every value is `value`."""

    def __init__(self, value: float = 0.0) -> None:
        self.value = value

    def fill(self, values: Tensor) -> Tensor:
        return values.fill_(self.value)


class Zeros(Initializer):
    """Every value is 0."""

    def fill(self, values: Tensor) -> Tensor:
        return values.zero_()


class Ones(Initializer):
    """Every value is 1."""

    def fill(self, values: Tensor) -> Tensor:
        return values.fill_(1.0)


class RandomNormal(Initializer):
    """Normally distributed values."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        self.mean, self.stddev, self.seed = mean, stddev, seed

    def fill(self, values: Tensor) -> Tensor:
        return values.normal_(self.mean, self.stddev, generator=self.generator())


class RandomUniform(Initializer):
    """Values spread evenly between `minval` and `maxval`."""

    def __init__(
        self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None
    ) -> None:
        self.minval, self.maxval, self.seed = minval, maxval, seed

    def fill(self, values: Tensor) -> Tensor:
        return values.uniform_(self.minval, self.maxval, generator=self.generator())


class TruncatedNormal(Initializer):
    """Normally distributed values, none farther than two `stddev` from `mean`."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        self.mean, self.stddev, self.seed = mean, stddev, seed

    def fill(self, values: Tensor) -> Tensor:
        low, high = self.mean - 2 * self.stddev, self.mean + 2 * self.stddev
        return torch.nn.init.trunc_normal_(
            values, self.mean, self.stddev, low, high, generator=self.generator()
        )
