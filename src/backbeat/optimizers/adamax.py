"""Adamax: Adam with the largest recent gradient in place of the average square."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from backbeat.optimizers.adamax_steps import AdamaxSteps
from backbeat.optimizers.arguments import share, small_number
from backbeat.optimizers.keras_state import KerasState, StoredWeight
from backbeat.optimizers.optimizer import Optimizer
from backbeat.optimizers.slots import torch_slot

__all__ = ["Adamax"]


class Adamax(Optimizer):
    """Adamax (Kingma and Ba, 2014) by Keras 2.3's rule.

    `m = beta_1 * m + (1 - beta_1) * g`, `u = max(beta_2 * u, abs(g))`, and
    `p -= lr / (1 - beta_1**t) * m / (u + epsilon)`. torch's adds the epsilon to the gradients that
    `u` is made of instead, so the steps are `AdamaxSteps`.
    The other arguments are those of `Optimizer`.
    """

    def __init__(
        self,
        learning_rate: float = 0.002,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        *,
        epsilon: float | None = 1e-7,
        lr: float | None = None,
        decay: float = 0.0,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
    ) -> None:
        super().__init__(learning_rate, lr=lr, decay=decay, clipnorm=clipnorm, clipvalue=clipvalue)
        self.beta_1 = share("beta_1", beta_1)
        self.beta_2 = share("beta_2", beta_2)
        self.epsilon = small_number(epsilon)

    def build(self, parameters: list[Any], lr: float) -> torch.optim.Optimizer:
        return AdamaxSteps(parameters, lr, (self.beta_1, self.beta_2), self.epsilon)

    def keras_state(self, weights: Sequence[StoredWeight]) -> KerasState:
        bound = self.torch
        assert isinstance(bound, AdamaxSteps)
        slots = [torch_slot(bound, "m", "exp_avg"), torch_slot(bound, "u", "exp_inf")]
        return KerasState("Adamax", slots, weights, bound.start)
