"""StepSettings: how a batch is computed, beyond the loss and the optimizer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["StepSettings"]


@dataclass(frozen=True)
class StepSettings:
    """What `compile` was told about it."""

    accumulate: int = 1
    """Batches whose gradients are gathered before the optimizer steps."""
    precision: Literal["bf16"] | None = None
    """The type that matrix products are computed in; the weights stay as they are."""
    jit_compile: bool = False
    """Whether forward, loss and backward are compiled by torch.compile."""
    cuda_graph: bool = False
    """Whether forward, loss and backward are recorded and replayed, on a GPU."""
