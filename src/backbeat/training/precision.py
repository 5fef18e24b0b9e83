"""Mixed precision: matrix products in bfloat16, weights and losses in float32."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from backbeat.tensors import map_leaves

__all__ = ["in_bfloat16"]


def in_bfloat16(call: Callable[[Any], Any], module: nn.Module) -> Callable[[Any], Any]:
    """`call` under torch's autocast on the device of `module`; gives float32 outputs."""
    device = next((each.device.type for each in module.parameters()), "cpu")
    autocast = torch.autocast(device, dtype=torch.bfloat16)

    def cast(inputs: Any) -> Any:
        with autocast:
            outputs = call(inputs)
        # The loss is taken in float32, where small differences still count.
        return map_leaves(_widened, outputs)

    return cast


def _widened(output: Any) -> Any:
    is_narrow = isinstance(output, torch.Tensor) and output.dtype is torch.bfloat16
    return output.float() if is_narrow else output
