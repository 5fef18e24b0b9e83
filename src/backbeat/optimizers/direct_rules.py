"""The optimizers of torch that ours are made of, each with its shorter way to a step."""

from __future__ import annotations

from typing import Any, ClassVar, cast

import torch

from backbeat.optimizers.direct import Direct, Moves
from backbeat.optimizers.rates import Group

__all__ = ["SGD", "Adadelta", "Adagrad", "Adam", "AdamW", "NAdam", "RMSprop"]

# One kernel for a whole list: what torch's own optimizers are built on.
_every = cast(Any, torch)


class Adadelta(Direct, torch.optim.Adadelta):
    """torch's."""


class Adagrad(Direct, torch.optim.Adagrad):
    """torch's."""


class NAdam(Direct, torch.optim.NAdam):
    """torch's."""


class SGD(Direct, torch.optim.SGD):
    """torch's; direct where parameters are stepped one by one without momentum."""

    has_state: ClassVar = False
    ordinary: ClassVar = {
        **dict.fromkeys(("momentum", "weight_decay"), 0),
        **dict.fromkeys(("foreach", "maximize", "differentiable"), False),
        "fused": None,
    }

    def move(self, group: Group, moves: Moves) -> None:
        rate = group["lr"]
        for parameter, gradient in zip(moves.parameters, moves.gradients, strict=True):
            parameter.add_(gradient, alpha=-rate)


class RMSprop(Direct, torch.optim.RMSprop):
    """torch's; direct where parameters are stepped one by one."""

    ordinary: ClassVar = {
        **dict.fromkeys(("momentum", "weight_decay"), 0),
        **dict.fromkeys(("foreach", "centered", "maximize", "differentiable", "capturable"), False),
    }

    def move(self, group: Group, moves: Moves) -> None:
        rate, alpha, epsilon = group["lr"], group["alpha"], group["eps"]
        for parameter, gradient, state in zip(*moves, strict=True):
            average = state["square_avg"]
            state["step"] += 1
            average.mul_(alpha).addcmul_(gradient, gradient, value=1 - alpha)
            parameter.addcdiv_(gradient, average.sqrt().add_(epsilon), value=-rate)


class Adam(Direct, torch.optim.Adam):
    """torch's; direct in its fused form, where all parameters are of one kind."""

    ordinary: ClassVar = {
        **dict.fromkeys(("maximize", "capturable", "differentiable", "amsgrad"), False),
        "decoupled_weight_decay": False,
        "fused": True,
    }
    _kernel: ClassVar[Any] = staticmethod(_every._fused_adam_)

    def move(self, group: Group, moves: Moves) -> None:
        beta_1, beta_2 = group["betas"]
        for each in _of_one_kind(moves):
            counts = [state["step"] for state in each.states]
            _every._foreach_add_(counts, 1)
            self._kernel(
                each.parameters,
                each.gradients,
                [state["exp_avg"] for state in each.states],
                [state["exp_avg_sq"] for state in each.states],
                [],
                counts,
                lr=group["lr"],
                beta1=beta_1,
                beta2=beta_2,
                weight_decay=group["weight_decay"],
                eps=group["eps"],
                amsgrad=False,
                maximize=False,
            )


class AdamW(Adam, torch.optim.AdamW):
    """torch's; direct as Adam is."""

    ordinary: ClassVar = {**Adam.ordinary, "decoupled_weight_decay": True}
    _kernel: ClassVar = staticmethod(_every._fused_adamw_)


def _of_one_kind(moves: Moves) -> list[Moves]:
    """`moves` taken apart by device and dtype, which a kernel takes one of."""
    kinds: dict[tuple[torch.device, torch.dtype], Moves] = {}
    for parameter, gradient, state in zip(*moves, strict=True):
        kind = parameter.device, parameter.dtype
        own = kinds.setdefault(kind, Moves([], [], []))
        own.parameters.append(parameter)
        own.gradients.append(gradient)
        own.states.append(state)
    return list(kinds.values())
