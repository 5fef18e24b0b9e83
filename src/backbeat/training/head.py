"""Head: a final softmax or sigmoid that its cross-entropy can do without."""

from __future__ import annotations

from typing import Any

from torch import nn

from backbeat import activations, losses

__all__ = ["Head"]


class Head:
    """The last activation of a model, skipped while the loss is taken on what goes into it.

    The loss is the same, steadier near 0 and 1, and the batch is spared a softmax forth and back.
    """

    __slots__ = ("_flags", "activation", "loss")

    def __init__(
        self, layer: nn.Module, activation: activations.Activation, loss: losses.LossFunction
    ) -> None:
        # Written to directly: nn.Module.__setattr__ costs a microsecond, twice a batch.
        self._flags: dict[str, Any] = layer.__dict__
        self.activation = activation
        self.loss = loss

    @staticmethod
    def of(layer: nn.Module | None, loss: losses.LossFunction) -> Head | None:
        """The head that `layer` and `loss` make together, or None if they make none."""
        activation: Any = getattr(layer, "activation", None)
        if layer is None or activation is None or not hasattr(layer, "skip_activation"):
            return None
        if getattr(layer, "activity_regularizer", None) is not None:
            return None  # it is taken on what comes out of the activation
        twin = losses.on_logits(loss, activations.serialize(activation))
        return None if twin is None else Head(layer, activation, twin)

    def skip(self, skipped: bool) -> None:
        """Leave the activation out, or put it back."""
        self._flags["skip_activation"] = skipped
