"""The loss that a module computes itself, wherever it puts it in what it returns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import torch

from backbeat.errors import StateError

__all__ = ["loss_in"]


def loss_in(outputs: Any) -> torch.Tensor:
    """The loss in `outputs`: a single number, `outputs["loss"]`, `outputs.loss`, or the first part.

    Raises StateError if there is none.
    """
    for candidate in _candidates(outputs):
        if isinstance(candidate, torch.Tensor) and candidate.numel() == 1:
            return candidate.reshape(())
    raise StateError(
        "The model was compiled without a loss, and its forward returned a "
        f"{type(outputs).__name__} that holds none. Call model.compile(optimizer, loss), or let "
        "forward return the loss: alone, first in a tuple, or as outputs['loss'] or outputs.loss."
    )


def _candidates(outputs: Any) -> list[Any]:
    if isinstance(outputs, Mapping):
        return [cast(Mapping[str, Any], outputs).get("loss")]
    if hasattr(outputs, "loss"):
        return [outputs.loss]
    if isinstance(outputs, (tuple, list)) and outputs:
        return [cast(Any, outputs)[0]]
    return [outputs]
