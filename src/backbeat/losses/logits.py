"""The same loss on the values before the last softmax or sigmoid: steadier, and a kernel less."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from backbeat.losses.crossentropy import (
    binary_crossentropy,
    categorical_crossentropy,
    sparse_categorical_crossentropy,
)
from backbeat.losses.lookup import from_function, get
from backbeat.losses.loss import Loss
from backbeat.losses.loss_function import LossFunction

__all__ = ["mean_on_logits", "on_logits"]

_TWINS: dict[tuple[str | None, str | None], Callable[..., Tensor]] = {
    ("softmax", "categorical"): categorical_crossentropy,
    ("softmax", "sparse"): sparse_categorical_crossentropy,
    ("sigmoid", "binary"): binary_crossentropy,
}


def on_logits(loss: Any, activation_name: str | None) -> LossFunction | None:
    """The loss of `activation(logits)` as a per-sample function of the logits, or None.

    There is one for softmax with the (sparse) categorical cross-entropy and sigmoid with the
    binary one. It differs where a probability is within 1e-7 of 0 or 1: there the gradient of the
    usual form vanishes and this one's does not.
    """
    found = get(loss)
    twin = _TWINS.get((activation_name, found.labels))
    if twin is None or found.from_logits or found.module is not None or not _is_own(found):
        return None
    source = found.source
    arguments = source.arguments() if isinstance(source, Loss) else {}
    return from_function(twin, source, found.name, **{**arguments, "from_logits": True})


def mean_on_logits(
    loss: Any, activation_name: str | None
) -> Callable[[Tensor, Tensor], Tensor] | None:
    """Like `on_logits`, for the scalar mean over the batch, in as few kernels as torch allows."""
    twin = on_logits(loss, activation_name)
    return None if twin is None else twin.mean


def _is_own(found: LossFunction) -> bool:
    """Whether it is a plain function of ours, so that its arguments are all known."""
    return isinstance(found.source, (Loss, str)) or found.source in _TWINS.values()
