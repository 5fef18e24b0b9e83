"""A shorter way to a step of torch's optimizers: the same kernels, with little around them.

Around every step torch opens a range for its profiler, looks for hooks and looks after
`torch.compile`, which takes 0.9 s to load: the first torch optimizer of a process does that.
`advance` leaves out what nobody asked for and changes the parameters bit for bit as `step` does.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple, cast

import torch
from torch import Tensor
from torch.autograd import profiler

from backbeat.optimizers.rates import Group

__all__ = ["Direct", "Moves"]

# By its name, because `torch.optim` has no stubs for it.
_registered: Any = importlib.import_module("torch.optim.optimizer")
_profiler: Any = profiler
_enable_grad = cast(Any, torch)._C._set_grad_enabled


_NOBODY: tuple[None, dict[str, Any]] = (None, {})


class Moves(NamedTuple):
    """The parameters of a group that have a gradient, with what the optimizer keeps for each."""

    parameters: list[Tensor]
    gradients: list[Tensor]
    states: list[dict[str, Any]]


class Direct(torch.optim.Optimizer):
    """Stands before one of torch's classes, whose `step` is still there for everybody else."""

    ordinary: ClassVar[dict[str, Any]] = {}
    """The settings of a group under which `move` does what torch would; empty: never."""
    has_state: ClassVar[bool] = True
    """Whether something is kept for each parameter; torch makes it in the first step."""
    _bare_step: ClassVar[Callable[..., Any]]

    # Without their wrapping, which would load torch.compile only to keep out of its way.
    add_param_group = inspect.unwrap(torch.optim.Optimizer.add_param_group)
    state_dict = inspect.unwrap(torch.optim.Optimizer.state_dict)
    load_state_dict = inspect.unwrap(torch.optim.Optimizer.load_state_dict)

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls._bare_step = inspect.unwrap(cast(Any, cls).step)

    def advance(self) -> None:
        """Change every parameter once, by the gradient in its `grad`."""
        if self._is_watched():
            cast(Any, self).step()
            return
        was_enabled = torch.is_grad_enabled()
        _enable_grad(False)  # what no_grad does, with more around it
        try:
            moves = self._moves()
            if moves is None:
                self._bare_step()
                return
            for group, move in zip(self.param_groups, moves, strict=True):
                self.move(group, move)
        finally:
            _enable_grad(was_enabled)

    def move(self, group: Group, moves: Moves) -> None:
        """Change the parameters of a group that is `ordinary`, after the first step."""
        raise NotImplementedError

    def _is_watched(self) -> bool:
        """Whether somebody listens to steps, profiles them or put another one in their place."""
        own = self.__dict__
        return bool(
            own["_optimizer_step_pre_hooks"]
            or own["_optimizer_step_post_hooks"]
            or "step" in own
            or _registered._global_optimizer_pre_hooks
            or _registered._global_optimizer_post_hooks
            or _profiler._is_profiler_enabled
        )

    def _moves(self) -> list[Moves] | None:
        """What there is for `move` to do, or None for the first step and for rare kinds of it."""
        ordinary = self.ordinary.items()
        # In the order of the parameters as a rule; torch hashes a tensor in Python.
        states = iter(self.state.items())
        found: list[Moves] = []
        for group in self.param_groups:
            if not ordinary or not ordinary <= group.items() or isinstance(group["lr"], Tensor):
                return None
            moves = Moves([], [], [])
            for parameter in group["params"]:
                gradient = parameter.grad
                if gradient is None:
                    continue
                owner, state = next(states, _NOBODY)
                if owner is not parameter:
                    state = self.state.get(parameter, {})
                if bool(state) is not self.has_state or gradient.is_sparse or gradient.is_complex():
                    return None
                moves.parameters.append(parameter)
                moves.gradients.append(gradient)
                moves.states.append(state)
            found.append(moves)
        return found
