"""The types of inputs and weights, and which follows which."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["as_type_of", "weight_dtype"]


def as_type_of(weight: Tensor, inputs: Tensor) -> Tensor:
    """`inputs` in the type of `weight`; under autocast, floating ones as they are."""
    if inputs.is_floating_point() and torch.is_autocast_enabled(inputs.device.type):
        return inputs
    return inputs.to(weight.dtype)


def weight_dtype(inputs: Tensor) -> torch.dtype:
    """What weights that meet `inputs` first should be."""
    deliberate = inputs.is_floating_point() and inputs.dtype is not torch.float64
    # Under autocast the narrow type is temporary; the weights keep the wide one.
    if not deliberate or torch.is_autocast_enabled(inputs.device.type):
        return torch.get_default_dtype()
    return inputs.dtype
