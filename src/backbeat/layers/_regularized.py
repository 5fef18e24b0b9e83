"""What a layer adds to the loss: penalties on its weights and on what it gives out."""

from __future__ import annotations

from typing import Self

from torch import Tensor

from backbeat.layers._own_weights import OwnWeights
from backbeat.layers.symbol import SymbolicCall
from backbeat.regularizers import Penalty

__all__ = ["Regularized"]

# Of calls whose penalties nobody asks for, as while predicting, no more are remembered.
_UNASKED = 1000


class Regularized(SymbolicCall):
    """The part of a layer that knows its regularizers."""

    def __init__(self) -> None:
        super().__init__()
        self._own = OwnWeights()
        self._activity: list[Tensor] = []

    @property
    def has_penalties(self) -> bool:
        """Whether the layer adds to the loss, now or once it is built."""
        mine = vars(self)
        asked = any(mine[name] for name in mine if name.endswith("_regularizer"))
        return asked or self._own.regularized

    def penalties(self) -> list[Tensor]:
        """What to add to the loss: a tensor with one number for each regularizer.

        Frozen weights count nothing, as in Keras 3. An activity regularizer counts each call since
        it was last asked, or since `train()` or `eval()`, per sample of the batch.
        """
        activity, self._activity = self._activity, []
        return self._own.penalties(self) + activity

    def _watch(self, regularizer: Penalty, outputs: Tensor) -> None:
        """Note the penalty on `outputs`."""
        if len(self._activity) == _UNASKED:
            self._activity.clear()
        self._activity.append(regularizer(outputs) / max(len(outputs), 1))

    def train(self, mode: bool = True) -> Self:
        """Switch to training, or with False to inference."""
        self._activity.clear()
        return super().train(mode)
