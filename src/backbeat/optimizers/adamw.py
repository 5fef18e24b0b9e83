"""AdamW: Adam that also draws every parameter towards 0, apart from the gradients."""

from __future__ import annotations

from typing import Any, ClassVar

import torch

from backbeat.optimizers import direct_rules
from backbeat.optimizers.adam import Adam
from backbeat.optimizers.arguments import real_number
from backbeat.optimizers.groups import tensors_of
from backbeat.optimizers.kernels import one_kernel_form

__all__ = ["AdamW"]


class AdamW(Adam):
    """AdamW (Loshchilov and Hutter, 2017) with Keras 3's arguments; Keras 2.3 has none.

    Before Adam's step `p -= lr * weight_decay * p`. Give parameters that are not to be drawn
    towards 0, such as biases, in a group of their own with `"weight_decay": 0`.
    `lr`, `decay`, `clipnorm` and `clipvalue` are those of `Optimizer`, for all gradients together.

    >>> weight = torch.nn.Parameter(torch.tensor([1.0]))
    >>> optimizer = AdamW(0.1, weight_decay=0.5)
    >>> optimizer.bind([weight])
    >>> weight.grad = torch.tensor([0.0])
    >>> optimizer.step()
    >>> round(weight.item(), 6)
    0.95
    """

    _name_in_files: ClassVar[str] = "AdamW"

    def __init__(
        self,
        learning_rate: float = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float | None = 1e-7,
        amsgrad: bool = False,
        *,
        lr: float | None = None,
        decay: float = 0.0,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
    ) -> None:
        super().__init__(
            learning_rate,
            beta_1,
            beta_2,
            amsgrad,
            epsilon=epsilon,
            lr=lr,
            decay=decay,
            clipnorm=clipnorm,
            clipvalue=clipvalue,
        )
        self.weight_decay = real_number("weight_decay", weight_decay, 0.004)

    def build(self, parameters: list[Any], lr: float) -> torch.optim.Optimizer:
        form: dict[str, Any] = one_kernel_form(tensors_of(parameters))
        return direct_rules.AdamW(
            parameters,
            lr=lr,
            betas=(self.beta_1, self.beta_2),
            eps=self.epsilon,
            weight_decay=self.weight_decay,
            amsgrad=self.amsgrad,
            **form,
        )
