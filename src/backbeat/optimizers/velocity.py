"""Makes torch's momentum follow Keras' rule when the learning rate changes.

Keras 2 keeps the velocity `v = momentum * v - lr * g` and adds it to the parameter. torch keeps
`b = momentum * b + g` and subtracts `lr * b`, so `v = -lr * b`, and a new rate at once changes
the speed of what already rolls. `Velocity` remembers the rate in which each group's buffers are
expressed, its *unit*, and keeps `v = -unit * b` true through every change.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor

from backbeat.optimizers.rates import Group

__all__ = ["Velocity"]

# A unit this much larger than the rate would make the buffers overflow if they were converted.
_FARTHEST = 1e-8


class Velocity:
    """The momentum buffers of one torch SGD, in Keras' meaning."""

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self._optimizer = optimizer
        self.units: list[float] = []
        """For each group, the rate in which its buffers are expressed; empty before any step."""
        self._borrowed: list[tuple[Group, float, list[tuple[Tensor, Tensor]]]] = []

    def follow(self) -> None:
        """To be called before each step of torch's: brings the buffers to the present rates."""
        groups = self._optimizer.param_groups
        if not self.units:
            self._begin(groups)
        for number, group in enumerate(groups):
            rate, unit = group["lr"], self.units[number]
            if rate != unit:
                self._convert(number, group, float(rate), unit)

    def give_back(self) -> None:
        """To be called after each step of torch's: restores what `follow` had to borrow."""
        for group, rate, gradients in self._borrowed:
            group["lr"] = rate
            for parameter, gradient in gradients:
                parameter.grad = gradient
        self._borrowed.clear()

    def read(self, parameter: Tensor) -> Tensor | None:
        """Keras' velocity of `parameter`, or None before the first step."""
        buffer = self._optimizer.state[parameter].get("momentum_buffer")
        if buffer is None or not self.units:
            return None
        # In double precision the way to the velocity and back is exact.
        return buffer.double() * -self._unit(parameter)

    def write(self, parameter: Tensor, velocity: Tensor) -> None:
        """Set Keras' velocity of `parameter`."""
        if not self.units:
            self._begin(self._optimizer.param_groups)
        self._optimizer.state[parameter]["momentum_buffer"] = (
            velocity.double() / -self._unit(parameter)
        ).to(parameter.dtype)

    def _begin(self, groups: list[Group]) -> None:
        """Start from velocity 0 for every parameter, as Keras does.

        Were they left to torch, its fused kernel would fail on a parameter that gets its first
        gradient later than others.
        """
        self.units = [float(group["lr"]) or 1.0 for group in groups]
        for parameter in (p for group in groups for p in group["params"]):
            buffer = self._optimizer.state[parameter].get("momentum_buffer")
            if buffer is None:
                self._optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)

    def _convert(self, number: int, group: Group, rate: float, unit: float) -> None:
        if rate < unit * _FARTHEST:
            self._borrow(group, rate, unit)
            return
        buffers = [self._optimizer.state[p]["momentum_buffer"] for p in group["params"]]
        # One kernel for all; torch's own optimizers are built on the same function.
        cast(Any, torch)._foreach_mul_(buffers, unit / rate)
        self.units[number] = rate

    def _borrow(self, group: Group, rate: float, unit: float) -> None:
        """Let torch run `group` at the rate `unit` on gradients so much smaller: the same step."""
        gradients = [(p, p.grad) for p in group["params"] if p.grad is not None]
        for parameter, gradient in gradients:
            parameter.grad = gradient * (rate / unit)
        group["lr"] = unit
        self._borrowed.append((group, rate, gradients))

    def _unit(self, parameter: Tensor) -> float:
        for unit, group in zip(self.units, self._optimizer.param_groups, strict=True):
            if any(parameter is held for held in group["params"]):
                return unit
        raise KeyError("the parameter is not bound to this optimizer")
