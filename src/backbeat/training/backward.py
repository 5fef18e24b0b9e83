"""Backward: from the loss of a batch back to the gradients, by the shortest way.

`Tensor.backward` makes the number 1 anew in each batch, which is a kernel, and goes through ten
functions of Python before the engine starts.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, overrides
from torch.autograd import graph

__all__ = ["Backward"]

# What `Tensor.backward` ends in; None in a torch that has it elsewhere.
_run_engine: Any = getattr(graph, "_engine_run_backward", None)
_is_watched = cast(Any, overrides).has_torch_function_unary


class Backward:
    """Does what `loss.backward()` does."""

    def __init__(self) -> None:
        self._one: Tensor | None = None

    def __call__(self, loss: Tensor) -> None:
        """Add the gradients of `loss` to those in `grad`."""
        if loss.ndim or type(loss) is not Tensor or _is_watched(loss) or _run_engine is None:
            loss.backward()  # pyright: ignore[reportUnknownMemberType]
            return
        one = self._one
        # Functions of others may have written into it; that counts its version up.
        if one is None or one._version or one.dtype is not loss.dtype or one.device != loss.device:
            one = self._one = torch.ones_like(loss)
        _run_engine((loss,), (one,), False, False, (), allow_unreachable=True, accumulate_grad=True)
