"""Environment: what besides the state decides whether a run goes on bit for bit."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

__all__ = ["differences", "environment_of"]


def environment_of(module: nn.Module) -> dict[str, Any]:
    """The versions, the device and the settings of torch under which `module` is trained."""
    device = next((each.device for each in module.parameters()), torch.device("cpu"))
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    cudnn = torch.backends.cudnn
    return {
        "torch": str(torch.__version__),
        "NumPy": np.__version__,
        "the device": name,
        "the number of threads": torch.get_num_threads(),
        "the number of processes": int(os.environ.get("WORLD_SIZE", "1")),
        "torch.use_deterministic_algorithms": torch.are_deterministic_algorithms_enabled(),
        "the precision of matrix products": torch.get_float32_matmul_precision(),
        "cudnn.deterministic": cudnn.deterministic,
        "cudnn.benchmark": cudnn.benchmark,
    }


def differences(saved: Mapping[str, Any], own: Mapping[str, Any]) -> list[str]:
    """In what they differ, each as a few words.

    >>> differences({"torch": "2.6"}, {"torch": "2.7"})
    ['torch was 2.6 and is 2.7']
    """
    return [
        f"{name} was {saved.get(name)} and is {own.get(name)}"
        for name in dict.fromkeys([*saved, *own])
        if saved.get(name) != own.get(name)
    ]
