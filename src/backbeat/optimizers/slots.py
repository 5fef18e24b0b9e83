"""One kind of accumulator in a torch optimizer's state, by Keras' name and by torch's."""

from __future__ import annotations

import torch
from torch import Tensor

from backbeat.optimizers.keras_state import Slot

__all__ = ["torch_slot"]


def torch_slot(optimizer: torch.optim.Optimizer, name: str, held: str) -> Slot:
    """The accumulator that Keras calls `name` and `optimizer` holds as `held`.

    Before its parameter's first step it reads as None; to be written it must have a state.
    """

    def read(parameter: Tensor) -> Tensor | None:
        return optimizer.state.get(parameter, {}).get(held)

    def write(parameter: Tensor, values: Tensor) -> None:
        optimizer.state[parameter][held].copy_(values)

    return Slot(name, read, write)
