"""Step: what happens to one batch: forward, loss, backward, update; settled before the loop."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from backbeat.data import Batch
from backbeat.hooks import CallbackList
from backbeat.layers.inference import inferring
from backbeat.optimizers import Optimizer
from backbeat.tensors import map_leaves
from backbeat.training.forward import Forward
from backbeat.training.gradients import Gradients
from backbeat.training.objective import Objective, Values
from backbeat.training.placement import device_of
from backbeat.training.step_settings import StepSettings

__all__ = ["Step"]


class Step:
    """Trains, tests or predicts one batch. Options are settled here, so that no batch asks.

    A step that only predicts has no objective.
    """

    def __init__(
        self,
        module: nn.Module,
        objective: Objective | None = None,
        test_objective: Objective | None = None,
        optimizer: Optimizer | None = None,
        settings: StepSettings | None = None,
    ) -> None:
        settings = settings or StepSettings()
        self._module = module
        # Its own, so that evaluating in mid-epoch leaves the epoch's running metrics alone.
        self._test_objective = test_objective
        self._heard: tuple[CallbackList, int, Any] | None = None
        self.names = () if objective is None else objective.names
        self.stateful_names = () if objective is None else objective.stateful_names
        for each in (objective, test_objective):
            if each is not None and settings.jit_compile:
                each.compile()
        self.forward = Forward(module, settings)
        """Gives the module's outputs for inputs."""
        self._gradients: Gradients | None = None
        if objective is not None and optimizer is not None:
            self._gradients = Gradients(module, self.forward, objective, optimizer, settings)

    @property
    def device(self) -> torch.device:
        """Where the module computes."""
        return device_of(self._module)

    @property
    def gradients(self) -> Gradients:
        """Those that wait for the optimizer, in a step that trains."""
        assert self._gradients is not None
        return self._gradients

    def begin_epoch(self, *, lasting: bool = False) -> None:
        """Metrics that run through an epoch begin anew, and nothing is gathered.

        `lasting`: whether nobody writes into the labels of a batch after it.
        """
        self._heard = None
        self.forward.unsettle()
        self.gradients.begin_epoch(lasting=lasting)

    def train(self, batch: Batch) -> Values:
        """The values of a batch; the optimizer steps as soon as enough batches are gathered."""
        gradients = self._gradients
        assert gradients is not None
        values = gradients.gather(batch)
        gradients.advance()
        return values

    def train_heard(self, batch: Batch, hooks: CallbackList, index: int, logs: Any) -> Values:
        """As `train`, for runs in which somebody listens around the optimizer's step."""
        values = self.gradients.gather(batch)
        self._heard = hooks, index, logs
        hooks.on_backward_end(index, logs)
        if self.gradients.advance():
            hooks.on_step_end(index, logs)
        return values

    def flush(self) -> bool:
        """Step with what is left at the end of an epoch, and tell those who listen; says if so."""
        if not self.gradients.batches:
            return False
        self.gradients.use()
        if self._heard is not None:
            hooks, index, logs = self._heard
            hooks.on_step_end(index, logs)
        return True

    def test(self, batch: Batch) -> Values:
        """The values of a batch, without an update."""
        assert self._test_objective is not None
        return self._test_objective(self.forward, batch)[1]

    def predict(self, x: Any) -> Any:
        """The outputs for a batch, detached."""
        outputs = self.forward(x)
        if type(outputs) is torch.Tensor:
            return outputs.detach()
        return map_leaves(_detached, outputs)

    @contextmanager
    def testing(self, *, lasting: bool = False) -> Generator[Callable[[Batch], Values]]:
        """As `evaluating`, for a pass that measures: metrics begin anew; gives `test`."""
        if self._test_objective is not None:
            self._test_objective.reset(lasting=lasting)
        with self.evaluating():
            yield self.test

    @contextmanager
    def evaluating(self) -> Generator[None]:
        """Within it the module is in inference mode and no gradients are kept."""
        self.forward.unsettle()
        with inferring(self._module):
            yield


def _detached(output: Any) -> Any:
    # Modules leave out what was not asked for: their loss, where no labels came.
    return None if output is None else output.detach()
