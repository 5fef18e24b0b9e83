"""Adam, and its variant AMSGrad."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from backbeat.flags import flag
from backbeat.optimizers import direct_rules
from backbeat.optimizers.arguments import share, small_number
from backbeat.optimizers.groups import tensors_of
from backbeat.optimizers.keras_state import KerasState, Slot, StoredWeight
from backbeat.optimizers.kernels import one_kernel_form
from backbeat.optimizers.optimizer import Optimizer
from backbeat.optimizers.slots import torch_slot

__all__ = ["Adam"]


class Adam(Optimizer):
    """Adam (Kingma and Ba, 2014) by Keras 2.3's rule; `amsgrad` as by Reddi et al., 2018.

    `p -= lr * sqrt(1 - beta_2**t) / (1 - beta_1**t) * m / (sqrt(v) + epsilon)`: the epsilon stands
    beside the uncorrected root, "epsilon hat" in the paper. torch's stands beside the corrected
    one, so each step is run with torch's epsilon set to `epsilon / sqrt(1 - beta_2**t)`.
    The other arguments are those of `Optimizer`.
    """

    _name_in_files: ClassVar[str] = "Adam"

    def __init__(
        self,
        learning_rate: float = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        amsgrad: bool = False,
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
        self.amsgrad = flag(type(self).__name__, "amsgrad", amsgrad)

    def build(self, parameters: list[Any], lr: float) -> torch.optim.Optimizer:
        form: dict[str, Any] = one_kernel_form(tensors_of(parameters))
        return direct_rules.Adam(
            parameters,
            lr=lr,
            betas=(self.beta_1, self.beta_2),
            eps=self.epsilon,
            amsgrad=self.amsgrad,
            **form,
        )

    def preparations(self) -> Iterable[Callable[[], None]]:
        yield from super().preparations()
        yield self._match_epsilon

    def keras_state(self, weights: Sequence[StoredWeight]) -> KerasState:
        bound = self.torch
        names = {"m": "exp_avg", "v": "exp_avg_sq", "vhat": "max_exp_avg_sq"}
        slots = [torch_slot(bound, name, held) for name, held in names.items()]
        if not self.amsgrad:
            slots[-1] = Slot("vhat", read=lambda _: None, write=None, optional=True)
        return KerasState(self._name_in_files, slots, weights, self._start_state)

    def _match_epsilon(self) -> None:
        epsilon = self.epsilon / math.sqrt(1.0 - self.beta_2 ** (self.iterations + 1))
        for group in self.torch.param_groups:
            group["eps"] = epsilon

    def _start_state(self, parameter: Tensor, iterations: int) -> None:
        """What torch itself makes before the first step, at a later count."""
        on_device = self.torch.param_groups[0].get("fused")
        state: dict[str, Tensor] = {
            "step": torch.tensor(
                float(iterations), device=parameter.device if on_device else "cpu"
            ),
            "exp_avg": torch.zeros_like(parameter),
            "exp_avg_sq": torch.zeros_like(parameter),
        }
        if self.amsgrad:
            state["max_exp_avg_sq"] = torch.zeros_like(parameter)
        self.torch.state[parameter] = state
