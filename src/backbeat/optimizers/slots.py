"""One parameter's accumulators in a torch optimizer's state."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["read_slot", "write_slot"]


def read_slot(optimizer: torch.optim.Optimizer, name: str, parameter: Tensor) -> Tensor | None:
    """The accumulator `name` of `parameter`, or None before its first step."""
    return optimizer.state.get(parameter, {}).get(name)


def write_slot(
    optimizer: torch.optim.Optimizer, name: str, parameter: Tensor, values: Tensor
) -> None:
    """Set the accumulator `name` of `parameter`, which must have a state."""
    optimizer.state[parameter][name].copy_(values)
