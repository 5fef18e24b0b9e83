"""The optimizers of torch that ours are made of, each with its shorter way to a step."""

from __future__ import annotations

from typing import Any, ClassVar, cast

import torch
from torch import Tensor

from backbeat.optimizers.direct import Direct, Moves
from backbeat.optimizers.rates import Group

__all__ = ["SGD", "Adadelta", "Adagrad", "Adam", "AdamW", "NAdam", "RMSprop"]

# One call for a whole list: what torch's own optimizers are built on. On a CPU it computes what
# calls for each tensor compute, to the bit, without Python in between.
_every = cast(Any, torch)
_MOST_AT_ONCE = 1 << 20


class Adadelta(Direct, torch.optim.Adadelta):
    """torch's."""


class Adagrad(Direct, torch.optim.Adagrad):
    """torch's."""


class NAdam(Direct, torch.optim.NAdam):
    """torch's."""


class SGD(Direct, torch.optim.SGD):
    """torch's; direct without momentum, where it would step parameters one by one."""

    has_state: ClassVar = False
    ordinary: ClassVar = {
        **dict.fromkeys(("momentum", "weight_decay"), 0),
        **dict.fromkeys(("foreach", "maximize", "differentiable"), False),
        "fused": None,
    }

    def move(self, group: Group, moves: Moves) -> None:
        _every._foreach_add_(moves.parameters, moves.gradients, alpha=-group["lr"])


class RMSprop(Direct, torch.optim.RMSprop):
    """torch's; direct where it would step parameters one by one."""

    ordinary: ClassVar = {
        **dict.fromkeys(("momentum", "weight_decay"), 0),
        **dict.fromkeys(("foreach", "centered", "maximize", "differentiable", "capturable"), False),
    }

    def move(self, group: Group, moves: Moves) -> None:
        rate, alpha, epsilon = group["lr"], group["alpha"], group["eps"]
        for parameters, gradients, states in _in_parts(moves):
            averages = [state["square_avg"] for state in states]
            _every._foreach_add_([state["step"] for state in states], 1)
            _every._foreach_mul_(averages, alpha)
            _every._foreach_addcmul_(averages, gradients, gradients, 1 - alpha)
            roots = _every._foreach_sqrt(averages)
            _every._foreach_add_(roots, epsilon)
            _every._foreach_addcdiv_(parameters, gradients, roots, -rate)


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


def _in_parts(moves: Moves) -> list[Moves]:
    """`moves` in parts whose intermediate results are never much memory at once."""
    if sum(map(Tensor.numel, moves.parameters)) <= _MOST_AT_ONCE:
        return [moves]
    return [Moves([p], [g], [s]) for p, g, s in zip(*moves, strict=True)]


def _of_one_kind(moves: Moves) -> list[Moves]:
    """`moves` taken apart by device and dtype, which a kernel takes one of."""
    if len({(each.device, each.dtype) for each in moves.parameters}) == 1:
        return [moves]
    kinds: dict[tuple[torch.device, torch.dtype], Moves] = {}
    for parameter, gradient, state in zip(*moves, strict=True):
        kind = parameter.device, parameter.dtype
        own = kinds.setdefault(kind, Moves([], [], []))
        own.parameters.append(parameter)
        own.gradients.append(gradient)
        own.states.append(state)
    return list(kinds.values())
