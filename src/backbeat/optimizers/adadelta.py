"""Adadelta: steps as large as the recent ones were, so that no rate has to be found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from backbeat.optimizers import direct_rules
from backbeat.optimizers.arguments import share, small_number
from backbeat.optimizers.groups import tensors_of
from backbeat.optimizers.keras_state import KerasState, StoredWeight
from backbeat.optimizers.kernels import list_form
from backbeat.optimizers.optimizer import Optimizer
from backbeat.optimizers.slots import torch_slot

__all__ = ["Adadelta"]


class Adadelta(Optimizer):
    """Adadelta (Zeiler, 2012) by Keras 2.3's rule, which is torch's as well.

    `a = rho * a + (1 - rho) * g**2`, `u = g * sqrt(d + epsilon) / sqrt(a + epsilon)`,
    `p -= lr * u`, and then `d = rho * d + (1 - rho) * u**2`.
    The other arguments are those of `Optimizer`.
    """

    def __init__(
        self,
        learning_rate: float = 1.0,
        rho: float = 0.95,
        *,
        epsilon: float | None = 1e-7,
        lr: float | None = None,
        decay: float = 0.0,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
    ) -> None:
        super().__init__(learning_rate, lr=lr, decay=decay, clipnorm=clipnorm, clipvalue=clipvalue)
        self.rho = share("rho", rho)
        self.epsilon = small_number(epsilon)

    def build(self, parameters: list[Any], lr: float) -> torch.optim.Optimizer:
        form: dict[str, Any] = list_form(tensors_of(parameters), one_by_one_up_to=3)
        return direct_rules.Adadelta(parameters, lr=lr, rho=self.rho, eps=self.epsilon, **form)

    def keras_state(self, weights: Sequence[StoredWeight]) -> KerasState:
        slots = [
            torch_slot(self.torch, "accumulator", "square_avg"),
            torch_slot(self.torch, "delta_accumulator", "acc_delta"),
        ]
        return KerasState("Adadelta", slots, weights, self._start_state)

    def _start_state(self, parameter: Tensor, iterations: int) -> None:
        """What torch itself makes before the first step, at a later count."""
        self.torch.state[parameter] = {
            "step": torch.tensor(float(iterations)),
            "square_avg": torch.zeros_like(parameter),
            "acc_delta": torch.zeros_like(parameter),
        }
