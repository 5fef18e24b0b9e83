"""Inference: modules as they are when nothing is learned."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import torch
from torch import nn

__all__ = ["inferring"]


@contextmanager
def inferring(module: nn.Module) -> Generator[None]:
    """Within it `module` is in inference mode and no gradients are kept; then all is as it was.

    >>> layer = nn.Dropout()
    >>> with inferring(layer):
    ...     layer.training
    False
    >>> layer.training
    True
    """
    modes = [(each, each.training) for each in module.modules()]
    module.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for each, mode in modes:
            each.training = mode
