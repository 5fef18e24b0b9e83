"""Clipping gradients before a step, by their common norm or by value."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor

__all__ = ["clip_norm", "clip_value"]

# One kernel for a whole list: what torch's own clip_grad_norm_ and optimizers are built on.
_every = cast(Any, torch)


def clip_norm(gradients: list[Tensor], limit: float) -> None:
    """Scale all `gradients` in place so that their common norm is at most `limit`.

    The norm is that of all gradients taken as one vector, as in Keras 2.3. If it is NaN, nothing
    is changed, so that a NaN does not spread.
    """
    if not gradients:
        return
    norm = _norm(gradients)
    if norm.device.type == "cpu":
        # Reading a value costs nothing here, and most steps need no scaling.
        length = norm.item()
        if length >= limit:
            _every._foreach_mul_(gradients, limit / length)
        return
    scale = torch.where(norm >= limit, limit / norm, 1.0)
    if len({gradient.device for gradient in gradients}) == 1:
        _every._foreach_mul_(gradients, scale)
        return
    for gradient in gradients:
        gradient.mul_(scale.to(gradient.device))


def clip_value(gradients: list[Tensor], limit: float) -> None:
    """Hold every number of `gradients` in [-limit, limit], in place."""
    for gradient in gradients:
        gradient.clamp_(-limit, limit)


def _norm(gradients: list[Tensor]) -> Tensor:
    device = gradients[0].device
    lengths: list[Tensor] = list(_every._foreach_norm(gradients))
    together = torch.stack([length.to(device) for length in lengths])
    return cast(Tensor, _every.linalg.vector_norm(together))
