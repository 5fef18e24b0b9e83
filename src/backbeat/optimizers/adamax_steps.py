"""Keras' Adamax as a torch optimizer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor

from backbeat.optimizers.direct import Direct
from backbeat.optimizers.rates import Group

__all__ = ["AdamaxSteps"]

# One kernel for a whole list: what torch's own optimizers are built on.
_every = cast(Any, torch)


class AdamaxSteps(Direct):
    """Adamax with the epsilon beside the largest gradient, as in the paper and in Keras.

    The state of a parameter has torch's names: `step`, `exp_avg` and `exp_inf`.
    """

    def __init__(
        self, parameters: Any, lr: float, betas: tuple[float, float], epsilon: float
    ) -> None:
        super().__init__(parameters, {"lr": lr, "betas": betas, "eps": epsilon})

    def start(self, parameter: Tensor, iterations: int = 0) -> None:
        """Begin with empty accumulators, as if `iterations` steps had been taken."""
        self.state[parameter] = {
            "step": iterations,
            "exp_avg": torch.zeros_like(parameter),
            "exp_inf": torch.zeros_like(parameter),
        }

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # type: ignore[override]
        """Change every parameter that has a gradient; `closure` computes these anew before."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            moving = [p for p in group["params"] if p.grad is not None]
            if moving:
                self._move(moving, group)
        return loss

    def _move(self, parameters: list[Tensor], group: Group) -> None:
        states = [self._state_of(parameter) for parameter in parameters]
        gradients = [parameter.grad for parameter in parameters]
        averages = [state["exp_avg"] for state in states]
        largest = [state["exp_inf"] for state in states]
        beta_1, beta_2 = group["betas"]
        _every._foreach_lerp_(averages, gradients, 1 - beta_1)
        _every._foreach_mul_(largest, beta_2)
        _every._foreach_maximum_(largest, _every._foreach_abs(gradients))
        rate = float(group["lr"])
        sizes = [-rate / (1 - beta_1 ** state["step"]) for state in states]
        divisors = _every._foreach_add(largest, group["eps"])
        _every._foreach_addcdiv_(parameters, averages, divisors, sizes)

    def _state_of(self, parameter: Tensor) -> dict[str, Any]:
        """The state of `parameter`, which takes one more step now."""
        if not self.state[parameter]:
            self.start(parameter)
        state = self.state[parameter]
        state["step"] += 1
        return state
