"""Hosting: what a model answers when a callback asks it for something."""

from __future__ import annotations

from typing import Any

from backbeat.errors import StateError
from backbeat.hooks import StopLatch
from backbeat.hooks.host import Direction
from backbeat.layers.symbol import SymbolicCall
from backbeat.optimizers import Optimizer
from backbeat.training.module_host import Resuming, WeightsSnapshot

__all__ = ["Hosting"]


class Hosting(SymbolicCall, Resuming):
    """The part of a model that callbacks talk to: stop, rate, weights."""

    def __init__(self) -> None:
        super().__init__()
        self.latch = StopLatch()

    def _bound_optimizer(self) -> Optimizer:
        raise StateError("The model has no optimizer yet; call model.compile(...) first.")

    def _metric_direction(self, name: str) -> Direction | None:
        raise StateError(f"{name!r} is not known before model.compile(...).")

    @property
    def stop_training(self) -> bool:
        """Whether somebody asked the run to stop. Setting it to True asks; only `fit` forgets."""
        return self.latch.requested

    @stop_training.setter
    def stop_training(self, value: bool) -> None:
        self.latch.set(value)

    def stop(self, reason: str, *, by: object) -> None:
        """Ask the run to stop at the next batch or epoch boundary, saying why."""
        self.latch.request(reason, by=by)

    @property
    def learning_rate(self) -> float:
        """The rate of the first parameter group. Setting it scales all groups alike."""
        return self._bound_optimizer().lr

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self._bound_optimizer().lr = value

    def rate_logs(self) -> dict[str, float]:
        """The rates of all parameter groups: `lr`, `lr_1`, ..."""
        rates = self._bound_optimizer().rates
        return {f"lr_{index}" if index else "lr": rate for index, rate in enumerate(rates)}

    def direction(self, name: str) -> Direction | None:
        """Whether smaller or larger is better for the logged value `name`, if it is known."""
        return self._metric_direction(name.removeprefix("val_"))

    def snapshot(self) -> WeightsSnapshot:
        """A copy of the weights as they are now."""
        return WeightsSnapshot(self)

    def restore(self, snapshot: Any) -> None:
        """Put the weights back to what they were when `snapshot` was taken."""
        snapshot.restore(self)
