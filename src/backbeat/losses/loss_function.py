"""What training asks of a loss: one value per sample, or their mean in the fewest kernels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from backbeat.errors import ArgumentTypeError, DataError
from backbeat.losses.alignment import over_samples

__all__ = ["LabelKind", "LossFunction", "per_sample"]

LabelKind = Literal["binary", "categorical", "sparse"]


@dataclass(frozen=True, eq=False, slots=True)
class LossFunction:
    """A loss as training uses it, whatever it was made from; `losses.get` makes them.

    `loss(y_true, y_pred)` gives a tensor of shape (batch,); `loss.mean(y_true, y_pred)` gives the
    scalar mean of the same, and is the fast way when no sample weights are in play.
    """

    name: str
    """Keras' name of it, or that of your function or class."""
    sample_values: Callable[[Tensor, Tensor], Tensor]
    batch_mean: Callable[[Tensor, Tensor], Tensor] | None
    source: Any
    """What the user gave, for `serialize`."""
    labels: LabelKind | None = None
    """Which labels it expects, where that is known; `'accuracy'` chooses by it."""
    from_logits: bool = False
    """Whether it takes the values before the softmax or sigmoid."""
    module: nn.Module | None = None
    """The torch module inside, which may hold tensors that must be on the model's device."""

    def __call__(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """One value per sample: shape (batch,)."""
        return self.sample_values(y_true, y_pred)

    def mean(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """The mean over the batch: a scalar tensor."""
        if self.batch_mean is None:
            return self.sample_values(y_true, y_pred).mean()
        return self.batch_mean(y_true, y_pred)


def per_sample(values: Any, y_pred: Tensor, name: str) -> Tensor:
    """What a foreign loss or metric gave, as (batch,): a single value counts for every sample."""
    batch = y_pred.shape[0] if y_pred.ndim else 1
    if not isinstance(values, Tensor):
        values = _as_tensor(values, y_pred, name)
    if not values.is_floating_point():
        values = values.float()  # hits, say, of which a mean is taken
    if values.ndim and values.shape[0] == batch:
        return over_samples(values)
    if values.numel() == 1:
        return values.reshape(()).expand(batch)
    raise DataError(
        f"{name} gave shape {tuple(values.shape)} for a batch of {batch}: it must give one value "
        f"per sample, shape ({batch},), or a single value."
    )


def _as_tensor(values: Any, y_pred: Tensor, name: str) -> Tensor:
    """Numbers that a metric gave, be it one or an array."""
    try:
        return torch.as_tensor(values, device=y_pred.device)
    except (TypeError, ValueError, RuntimeError):
        raise ArgumentTypeError(
            f"{name} gave {values!r} ({type(values).__name__}): it must give a tensor with one "
            "value per sample, or a single value."
        ) from None
