"""Stochastic gradient descent, plain or with momentum."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch

from backbeat.flags import flag
from backbeat.optimizers import direct_rules
from backbeat.optimizers.arguments import real_number
from backbeat.optimizers.groups import tensors_of
from backbeat.optimizers.keras_state import KerasState, Slot, StoredWeight
from backbeat.optimizers.kernels import one_kernel_form
from backbeat.optimizers.optimizer import Optimizer
from backbeat.optimizers.velocity import Velocity

__all__ = ["SGD"]


class SGD(Optimizer):
    """Stochastic gradient descent by Keras 2.3's rule.

    With `momentum` the parameter moves by a velocity `v = momentum * v - lr * g`; with `nesterov`
    by `momentum * v - lr * g` after that update. The other arguments are those of `Optimizer`.

    >>> weight = torch.nn.Parameter(torch.tensor([1.0]))
    >>> optimizer = SGD(0.1)
    >>> optimizer.bind([weight])
    >>> weight.grad = torch.tensor([2.0])
    >>> optimizer.step()
    >>> round(weight.item(), 6)
    0.8
    """

    def __init__(
        self,
        learning_rate: float = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        *,
        lr: float | None = None,
        decay: float = 0.0,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
    ) -> None:
        super().__init__(learning_rate, lr=lr, decay=decay, clipnorm=clipnorm, clipvalue=clipvalue)
        self.momentum = real_number("momentum", momentum, 0.9)
        self.nesterov = flag(type(self).__name__, "nesterov", nesterov)
        self._velocity: Velocity | None = None

    def build(self, parameters: list[Any], lr: float) -> torch.optim.Optimizer:
        rolling = self.momentum > 0
        form: dict[str, Any] = one_kernel_form(
            tensors_of(parameters), one_by_one_up_to=0 if rolling else 6
        )
        bound = direct_rules.SGD(
            parameters,
            lr=lr,
            momentum=self.momentum,
            nesterov=self.nesterov and rolling,
            **form,
        )
        self._velocity = Velocity(bound) if rolling else None
        return bound

    def preparations(self) -> Iterable[Callable[[], None]]:
        yield from super().preparations()
        if self._velocity is not None:
            yield self._velocity.follow

    def conclusions(self) -> Iterable[Callable[[], None]]:
        yield from super().conclusions()
        if self._velocity is not None:
            yield self._velocity.give_back

    def keras_state(self, weights: Sequence[StoredWeight]) -> KerasState:
        velocity = self._velocity
        if velocity is None:
            # Keras' files hold a velocity without momentum too, though nothing ever reads it.
            moment = Slot("moment", lambda _: None, lambda _parameter, _moment: None, optional=True)
        else:
            moment = Slot("moment", velocity.read, velocity.write)
        return KerasState("SGD", [moment], weights)

    def state_dict(self) -> dict[str, Any]:
        units = [] if self._velocity is None else list(self._velocity.units)
        return {**super().state_dict(), "velocity_units": units}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        super().load_state_dict(state)
        if self._velocity is not None:
            self._velocity.units = [float(unit) for unit in state.get("velocity_units", [])]
