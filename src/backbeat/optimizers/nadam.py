"""Nadam: Adam that looks ahead along its momentum, as Nesterov's does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from backbeat.optimizers import direct_rules
from backbeat.optimizers.arguments import real_number, share, small_number
from backbeat.optimizers.groups import tensors_of
from backbeat.optimizers.keras_state import KerasState, Scalar, StoredWeight
from backbeat.optimizers.kernels import list_form
from backbeat.optimizers.optimizer import Optimizer
from backbeat.optimizers.slots import torch_slot

__all__ = ["Nadam"]


class Nadam(Optimizer):
    """Nadam (Dozat, 2016) by Keras 2.3's rule, which is torch's `NAdam` as well.

    The momentum of step t, counted from 1, is `c(t) = beta_1 * (1 - 0.5 * 0.96**(t * s))` with
    `s = schedule_decay`, which is not a decay of the rate: there is none. With `m` and `v` as in
    Adam and `C(t)` the product of all `c` up to t, the parameter moves by `-lr` times
    `(1 - c(t)) * g / (1 - C(t)) + c(t+1) * m / (1 - C(t+1))`, divided by
    `sqrt(v / (1 - beta_2**t)) + epsilon`. The other arguments are those of `Optimizer`.
    """

    def __init__(
        self,
        learning_rate: float = 0.002,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        *,
        schedule_decay: float = 0.004,
        epsilon: float | None = 1e-7,
        lr: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
    ) -> None:
        super().__init__(learning_rate, lr=lr, clipnorm=clipnorm, clipvalue=clipvalue)
        self.beta_1 = share("beta_1", beta_1)
        self.beta_2 = share("beta_2", beta_2)
        self.schedule_decay = real_number("schedule_decay", schedule_decay, 0.004)
        self.epsilon = small_number(epsilon)

    def build(self, parameters: list[Any], lr: float) -> torch.optim.Optimizer:
        form: dict[str, Any] = list_form(tensors_of(parameters), one_by_one_up_to=4)
        return direct_rules.NAdam(
            parameters,
            lr=lr,
            betas=(self.beta_1, self.beta_2),
            eps=self.epsilon,
            momentum_decay=self.schedule_decay,
            **form,
        )

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["decay"]
        return config

    def keras_state(self, weights: Sequence[StoredWeight]) -> KerasState:
        slots = [
            torch_slot(self.torch, "m", "exp_avg"),
            torch_slot(self.torch, "v", "exp_avg_sq"),
        ]
        product = Scalar("m_schedule", self._read_product, self._write_product)
        return KerasState("Nadam", slots, weights, self._start_state, scalars=[product])

    # Keras keeps the product of the momenta once, torch beside every parameter.

    def _read_product(self) -> float:
        products = [float(state["mu_product"]) for state in self.torch.state.values() if state]
        return min(products, default=1.0)

    def _write_product(self, product: float) -> None:
        for state in self.torch.state.values():
            state["mu_product"].fill_(product)

    def _start_state(self, parameter: Tensor, iterations: int) -> None:
        """What torch itself makes before the first step, at a later count."""
        self.torch.state[parameter] = {
            "step": torch.tensor(float(iterations)),
            "mu_product": torch.tensor(1.0),
            "exp_avg": torch.zeros_like(parameter),
            "exp_avg_sq": torch.zeros_like(parameter),
        }
