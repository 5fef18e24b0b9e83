"""Compiled: what `compile` was told, settled."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any, cast

from torch import nn

from backbeat import losses, metrics, optimizers
from backbeat.errors import ArgumentTypeError
from backbeat.hooks.host import Direction
from backbeat.training.objective import Objective

__all__ = ["Compiled"]


@dataclass
class Compiled:
    """The optimizer, loss and metrics of a model: as given, and as objects."""

    optimizer: optimizers.Optimizer
    loss: Any
    loss_function: losses.LossFunction | None
    metrics: list[Any] = field(default_factory=lambda: list[Any]())
    weighted_metrics: list[Any] = field(default_factory=lambda: list[Any]())
    loss_weights: Any = None

    @staticmethod
    def of(optimizer: Any, loss: Any, given: Any, loss_weights: Any, weighted: Any) -> Compiled:
        """Settle the arguments of `compile`; every mistake in them is raised here."""
        plain, weighed = _listed("metrics", given), _listed("weighted_metrics", weighted)
        function = None if loss is None else losses.get(loss)
        made = optimizers.get(optimizer)
        return Compiled(made, loss, function, plain, weighed, loss_weights)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of a batch's values: the loss, then the metrics."""
        return self.objective(None).names

    def objective(self, head: nn.Module | None) -> Objective:
        """A fresh objective; `head` is the layer whose activation ends the model."""
        return Objective(self.loss_function, self.metrics, self.weighted_metrics, head=head)

    def test_objective(self, head: nn.Module | None) -> Objective:
        """As `objective`, with copies of metrics that run through an epoch."""
        metrics_, weighted = copy.deepcopy((self.metrics, self.weighted_metrics))
        return Objective(self.loss_function, metrics_, weighted, head=head)

    def direction(self, name: str) -> Direction | None:
        """Whether smaller or larger is better for the value called `name`, if it is known."""
        if name == "loss" or name.endswith("_loss"):
            return "min"
        given = [*self.metrics, *self.weighted_metrics]
        found = dict(zip(self.names[1:], given, strict=True)).get(name)
        return None if found is None else metrics.direction_of(found)


def _listed(argument: str, value: Any) -> list[Any]:
    if value is None:
        return []
    if isinstance(value, (list, tuple)):
        return list(cast(list[Any], value))
    if isinstance(value, str) or callable(value) or hasattr(value, "update"):
        return [value]
    raise ArgumentTypeError(f"{argument} is {value!r}; pass a list such as metrics=['acc'].")
