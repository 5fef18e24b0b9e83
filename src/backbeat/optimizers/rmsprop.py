"""RMSprop: every parameter's steps are scaled by a running average of its gradients' size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from backbeat.optimizers import direct_rules
from backbeat.optimizers.arguments import real_number, small_number
from backbeat.optimizers.groups import tensors_of
from backbeat.optimizers.keras_state import KerasState, StoredWeight
from backbeat.optimizers.kernels import list_form
from backbeat.optimizers.optimizer import Optimizer
from backbeat.optimizers.slots import torch_slot

__all__ = ["RMSprop"]


class RMSprop(Optimizer):
    """RMSprop (Tieleman and Hinton, 2012) by Keras 2.3's rule, which is torch's as well.

    `a = rho * a + (1 - rho) * g**2`, then `p -= lr * g / (sqrt(a) + epsilon)`.
    The other arguments are those of `Optimizer`.
    """

    def __init__(
        self,
        learning_rate: float = 0.001,
        rho: float = 0.9,
        *,
        epsilon: float | None = 1e-7,
        lr: float | None = None,
        decay: float = 0.0,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
    ) -> None:
        super().__init__(learning_rate, lr=lr, decay=decay, clipnorm=clipnorm, clipvalue=clipvalue)
        self.rho = real_number("rho", rho, 0.9)
        self.epsilon = small_number(epsilon)

    def build(self, parameters: list[Any], lr: float) -> torch.optim.Optimizer:
        form: dict[str, Any] = list_form(tensors_of(parameters), one_by_one_up_to=4)
        return direct_rules.RMSprop(parameters, lr=lr, alpha=self.rho, eps=self.epsilon, **form)

    def keras_state(self, weights: Sequence[StoredWeight]) -> KerasState:
        accumulator = torch_slot(self.torch, "accumulator", "square_avg")
        return KerasState("RMSprop", [accumulator], weights, self._start_state)

    def _start_state(self, parameter: Tensor, iterations: int) -> None:
        """What torch itself makes before the first step, at a later count."""
        self.torch.state[parameter] = {
            "step": torch.tensor(float(iterations)),
            "square_avg": torch.zeros_like(parameter),
        }
