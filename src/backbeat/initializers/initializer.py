"""The base of all initializers: called with a shape, it gives a new tensor."""

from __future__ import annotations

import inspect
import math
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeAlias

import torch
from torch import Tensor

from backbeat.errors import ArgumentError

__all__ = ["Initializer", "Shape", "at_most"]

Shape: TypeAlias = Sequence[int]

_left: ContextVar[int | None] = ContextVar("values left to draw", default=None)


@contextmanager
def at_most(values: int) -> Generator[None]:
    """Within it initializers draw that many values together; more raise ArgumentError.

    For models that a file describes: what it describes may be larger than what it holds.
    """
    before = _left.set(values)
    try:
        yield
    finally:
        _left.reset(before)


class Initializer:
    """Base of all initializers: subclass it and fill the given tensor in `fill`.

    >>> class Sevens(Initializer):
    ...     def fill(self, values):
    ...         return values.fill_(7.0)
    >>> Sevens()((1, 2))
    tensor([[7., 7.]])
    """

    seed: int | None = None

    def __call__(self, shape: Shape, dtype: torch.dtype | None = None) -> Tensor:
        """A new CPU tensor of `shape`; the default `dtype` is torch's default one."""
        _take(shape)
        wanted = dtype or torch.get_default_dtype()
        # Half precisions are drawn in float32: rounding once is closer to the distribution.
        drawn = wanted if wanted in (torch.float32, torch.float64) else torch.float32
        with torch.no_grad():
            return self.fill(torch.empty(tuple(shape), dtype=drawn, device="cpu")).to(wanted)

    def fill(self, values: Tensor) -> Tensor:
        """Give `values` its start values in place, and return it."""
        raise NotImplementedError(f"{type(self).__name__} does not define fill(values)")

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Initializer:
        """The initializer that `get_config` described."""
        known = inspect.signature(cls).parameters
        return cls(**{name: value for name, value in config.items() if name in known})

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.get_config().items())
        return f"{type(self).__name__}({arguments})"

    def generator(self) -> torch.Generator | None:
        """A generator for `seed`; without one, None: torch's own."""
        return None if self.seed is None else torch.Generator().manual_seed(self.seed)


def _take(shape: Shape) -> None:
    """Count the values of one weight."""
    left = _left.get()
    if left is None:
        return
    if math.prod(shape) > left:
        raise ArgumentError(
            f"a weight of shape {tuple(shape)} is wanted, but only {left} values are left for it."
        )
    _left.set(left - math.prod(shape))
