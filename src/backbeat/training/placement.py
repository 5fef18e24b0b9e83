"""Where a model computes, and what kind of numbers it wants."""

from __future__ import annotations

import torch
from torch import nn

from backbeat.data import Place
from backbeat.errors import ArgumentError
from backbeat.layers import Embedding

__all__ = ["device_of", "pick_device", "place_of"]


def pick_device(module: nn.Module, asked: str | torch.device | None) -> torch.device:
    """`asked`, or where `module` already is if that is no CPU, or an accelerator, or the CPU."""
    if asked is not None:
        return _checked(asked)
    current = device_of(module)
    if current.type == "cpu" and torch.accelerator.is_available():
        return torch.accelerator.current_accelerator() or current
    return current


def _checked(asked: str | torch.device) -> torch.device:
    """`asked` as a device that is there and can hold numbers."""
    try:
        device = torch.device(asked)
        if device.type != "meta":
            torch.empty(1, device=device)
            return device
        reason = "it holds no numbers, so nothing can be trained on it"
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
    raise ArgumentError(
        f"device={str(asked)!r} cannot be used: {reason}. Leave device= out for the best there is, "
        "or pass 'cpu'."
    )


def device_of(module: nn.Module) -> torch.device:
    """Where the parameters of `module` are; the CPU if it has none."""
    return next((each.device for each in module.parameters()), torch.device("cpu"))


def place_of(module: nn.Module, device: torch.device) -> Place:
    """How data must arrive at `module`: on its device, in the dtype of its parameters.

    Whole numbers stay whole for models that look something up by them, and are cast for others.
    """
    floating = (each.dtype for each in module.parameters() if each.dtype.is_floating_point)
    looks_up = any(
        isinstance(m, (Embedding, nn.Embedding, nn.EmbeddingBag)) for m in module.modules()
    )
    return Place(device, next(floating, torch.float32), "keep" if looks_up else "cast")
