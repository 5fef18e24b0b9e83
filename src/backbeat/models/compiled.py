"""Compiled: what `compile` was told, settled."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, cast

from torch import nn

from backbeat import losses, metrics, optimizers
from backbeat.errors import ArgumentTypeError
from backbeat.hooks.host import Direction
from backbeat.models.outputs import lists_per_output, names_told_by, per_output
from backbeat.training.objective import Objective, Penalties
from backbeat.training.target import Target

__all__ = ["Compiled"]

Heads = Mapping[str, nn.Module]


class Compiled:
    """The optimizer, loss and metrics of a model: as given, and as objects.

    Every mistake in them is raised here, by `compile`. `outputs` are the names of the model's
    outputs, if it has any for them.
    """

    def __init__(
        self,
        optimizer: Any,
        loss: Any,
        given: Any,
        loss_weights: Any,
        weighted: Any,
        outputs: Sequence[str] = (),
    ) -> None:
        self.optimizer = optimizers.get(optimizer)
        self.loss, self.loss_weights = loss, loss_weights
        self.metrics, self.weighted_metrics = _kept(given), _kept(weighted)
        self.outputs = tuple(outputs) or names_told_by(loss)
        chosen = per_output("loss", loss, self.outputs)
        self._losses = [None if each is None else losses.get(each) for each in chosen]
        self._plain = lists_per_output("metrics", given, self.outputs)
        self._weighted = lists_per_output("weighted_metrics", weighted, self.outputs)
        self._shares = [
            _share(each) for each in per_output("loss_weights", loss_weights, self.outputs)
        ]
        for loss, *measured in zip(self._losses, self._plain, self._weighted, strict=True):
            for metric in (*measured[0], *measured[1]):
                metrics.get(metric, loss=loss)
        objective = self.objective()
        self.names, self.stateful_names = objective.names, objective.stateful_names

    def objective(
        self,
        heads: Heads | None = None,
        penalties: Penalties | None = None,
        *,
        copied: bool = False,
    ) -> Objective:
        """A fresh objective; `heads` are the layers whose activations end the outputs.

        With `copied`, metrics that run through an epoch are copies, which begin their own.
        """
        measured = self._plain, self._weighted
        plain, weighted = copy.deepcopy(measured) if copied else measured
        several = len(self.outputs) > 1
        targets = [
            Target(
                self._losses[index],
                plain[index],
                weighted[index],
                name=name if several else "",
                head=(heads or {}).get(name),
            )
            for index, name in enumerate(self.outputs)
        ]
        return Objective(targets, self._shares, penalties)

    def loss_modules(self) -> list[nn.Module]:
        """The losses that are modules, and so may hold tensors that must be on the device."""
        return [
            each.module for each in self._losses if each is not None and each.module is not None
        ]

    def direction(self, name: str) -> Direction | None:
        """Whether smaller or larger is better for the value called `name`, if it is known."""
        if name == "loss" or name.endswith("_loss"):
            return "min"
        given = [
            metric
            for pair in zip(self._plain, self._weighted, strict=True)
            for metric in (*pair[0], *pair[1])
        ]
        # The names end with those of the metrics, in the same order.
        known = dict(zip(self.names[len(self.names) - len(given) :], given, strict=True))
        return metrics.direction_of(known[name]) if name in known else None


def _kept(given: Any) -> Any:
    """As it was given, for files: a list or a dict."""
    if given is None:
        return []
    return cast(Any, given) if isinstance(given, (list, tuple, Mapping)) else [given]


def _share(given: Any) -> float:
    if given is None:
        return 1.0
    if isinstance(given, (str, bool)) or not hasattr(given, "__float__"):
        raise ArgumentTypeError(f"loss_weights holds {given!r}; pass numbers, such as [1.0, 0.5].")
    return float(given)
