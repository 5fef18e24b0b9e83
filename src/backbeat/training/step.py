"""Step: what happens to one batch: forward, loss, backward, update; settled before the loop."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from backbeat.data import Batch
from backbeat.hooks import CallbackList
from backbeat.optimizers import Optimizer
from backbeat.tensors import map_leaves
from backbeat.training.calls import caller
from backbeat.training.objective import Objective, Values

__all__ = ["Step"]


class Step:
    """Trains, tests or predicts one batch. Options are settled here, so that no batch asks."""

    def __init__(
        self,
        module: nn.Module,
        objective: Objective | None = None,
        test_objective: Objective | None = None,
        optimizer: Optimizer | None = None,
    ) -> None:
        self._module = module
        self._objective = objective
        # Its own, so that evaluating in mid-epoch leaves the epoch's running metrics alone.
        self._test_objective = test_objective
        self._optimizer = optimizer
        self._call: Callable[[Any], Any] | None = None
        self.names = () if objective is None else objective.names
        self.stateful_names = () if objective is None else objective.stateful_names

    def reset_metrics(self) -> None:
        """A new epoch begins: metrics that run through it begin anew."""
        if self._objective is not None:
            self._objective.reset()

    def forward(self, x: Any) -> Any:
        """The module's outputs for `x`: one tensor, a list of inputs, or a dict of them."""
        if self._call is None:
            self._call = caller(self._module, x)
        return self._call(x)

    def train(self, batch: Batch) -> Values:
        """One update; returns the batch's own values."""
        objective, optimizer = self._compiled()
        optimizer.zero_grad()
        loss, values = objective(self.forward, batch)
        loss.backward()  # pyright: ignore[reportUnknownMemberType]
        optimizer.step()
        return values

    def train_heard(self, batch: Batch, hooks: CallbackList, index: int, logs: Any) -> Values:
        """As `train`, for runs in which somebody listens around the optimizer's step."""
        objective, optimizer = self._compiled()
        optimizer.zero_grad()
        loss, values = objective(self.forward, batch)
        loss.backward()  # pyright: ignore[reportUnknownMemberType]
        hooks.on_backward_end(index, logs)
        optimizer.step()
        hooks.on_step_end(index, logs)
        return values

    def test(self, batch: Batch) -> Values:
        """The values of a batch, without an update."""
        assert self._test_objective is not None
        return self._test_objective(self.forward, batch)[1]

    def predict(self, x: Any) -> Any:
        """The outputs for a batch, detached."""
        return map_leaves(lambda output: output.detach(), self.forward(x))

    def _compiled(self) -> tuple[Objective, Optimizer]:
        assert self._objective is not None
        assert self._optimizer is not None
        return self._objective, self._optimizer

    @contextmanager
    def evaluating(self) -> Generator[Callable[[Batch], Values]]:
        """Within it the module is in inference mode and no gradients are kept; gives `test`."""
        modes = [(module, module.training) for module in self._module.modules()]
        self._module.eval()
        if self._test_objective is not None:
            self._test_objective.reset()
        try:
            with torch.no_grad():
                yield self.test
        finally:
            for module, mode in modes:
                module.training = mode
