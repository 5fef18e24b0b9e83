"""Adagrad: every parameter's steps shrink with the sum of all its squared gradients so far."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from backbeat.optimizers import direct_rules
from backbeat.optimizers.arguments import small_number
from backbeat.optimizers.groups import tensors_of
from backbeat.optimizers.keras_state import KerasState, StoredWeight
from backbeat.optimizers.kernels import one_kernel_form
from backbeat.optimizers.optimizer import Optimizer
from backbeat.optimizers.slots import torch_slot

__all__ = ["Adagrad"]

# torch's older versions have the fused kernel for no other device.
_FUSED_DEVICES = frozenset({"cpu"})


class Adagrad(Optimizer):
    """Adagrad (Duchi, Hazan and Singer, 2011) by Keras 2.3's rule, which is torch's as well.

    `a = a + g**2`, then `p -= lr * g / (sqrt(a) + epsilon)`.
    The other arguments are those of `Optimizer`.
    """

    def __init__(
        self,
        learning_rate: float = 0.01,
        *,
        epsilon: float | None = 1e-7,
        lr: float | None = None,
        decay: float = 0.0,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
    ) -> None:
        super().__init__(learning_rate, lr=lr, decay=decay, clipnorm=clipnorm, clipvalue=clipvalue)
        self.epsilon = small_number(epsilon)

    def build(self, parameters: list[Any], lr: float) -> torch.optim.Optimizer:
        form: dict[str, Any] = one_kernel_form(
            tensors_of(parameters), devices_with_it=_FUSED_DEVICES
        )
        return direct_rules.Adagrad(parameters, lr=lr, eps=self.epsilon, **form)

    def keras_state(self, weights: Sequence[StoredWeight]) -> KerasState:
        accumulator = torch_slot(self.torch, "accumulator", "sum")
        return KerasState("Adagrad", [accumulator], weights, self._start_state)

    def _start_state(self, parameter: Tensor, iterations: int) -> None:
        """torch makes the accumulators at once, so only the count is new."""
        self.torch.state[parameter]["step"].fill_(iterations)
