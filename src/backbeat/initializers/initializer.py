"""The base of all initializers: called with a shape, it gives a new tensor."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor

__all__ = ["Initializer", "Shape"]

Shape: TypeAlias = Sequence[int]


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
