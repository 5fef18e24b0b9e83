"""Step: what happens to one batch: forward, loss, backward, update; settled before the loop."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

from backbeat.data import Batch
from backbeat.errors import StateError
from backbeat.hooks import CallbackList
from backbeat.optimizers import Optimizer
from backbeat.tensors import map_leaves
from backbeat.training.calls import caller
from backbeat.training.captured import Captured
from backbeat.training.jitted import Jitted
from backbeat.training.objective import Objective, Values
from backbeat.training.placement import device_of
from backbeat.training.precision import in_bfloat16
from backbeat.training.straight import straight

__all__ = ["Step", "StepSettings"]


@dataclass(frozen=True)
class StepSettings:
    """How a batch is computed, beyond the loss and the optimizer."""

    accumulate: int = 1
    """Batches whose gradients are gathered before the optimizer steps."""
    precision: Literal["bf16"] | None = None
    """The type that matrix products are computed in; the weights stay as they are."""
    jit_compile: bool = False
    """Whether forward, loss and backward are compiled by torch.compile."""
    cuda_graph: bool = False
    """Whether forward, loss and backward are recorded and replayed, on a GPU."""


class Step:
    """Trains, tests or predicts one batch. Options are settled here, so that no batch asks."""

    def __init__(
        self,
        module: nn.Module,
        objective: Objective | None = None,
        test_objective: Objective | None = None,
        optimizer: Optimizer | None = None,
        settings: StepSettings | None = None,
    ) -> None:
        self._module = module
        self._objective = objective
        # Its own, so that evaluating in mid-epoch leaves the epoch's running metrics alone.
        self._test_objective = test_objective
        self._optimizer = optimizer
        self._settings = settings or StepSettings()
        self._kind: type | None = None
        self._call: Callable[[Any], Any] = module
        self._plain_call: Callable[[Any], Any] = module
        self._gathered_batches = 0
        self._gathered_samples = 0
        self._heard: tuple[CallbackList, int, Any] | None = None
        self.names = () if objective is None else objective.names
        self.stateful_names = () if objective is None else objective.stateful_names
        if self._settings.jit_compile:
            for each in (objective, test_objective):
                if each is not None:
                    each.compile()
        self._captured: Captured | None = None
        if self._settings.accumulate > 1:
            self.train = self._train_part
        elif self._settings.cuda_graph and objective is not None:
            self._captured = Captured(self._differentiate, module)
            self.train = self._train_captured

    def reset_metrics(self, *, lasting: bool = False) -> None:
        """A new epoch begins: metrics that run through it begin anew, and nothing is gathered.

        `lasting`: whether nobody writes into the labels of a batch after it.
        """
        # A run that ended by an error may have left gradients that wait for their step.
        self._gathered_batches = self._gathered_samples = 0
        self._heard = None
        self._unsettle()
        if self._captured is not None:
            self._captured.begin_epoch()
        if self._objective is not None:
            # What is recorded has to be computed in each batch.
            self._objective.reset(lasting=lasting and self._captured is None)

    @property
    def device(self) -> torch.device:
        """Where the module computes."""
        return device_of(self._module)

    def forward(self, x: Any) -> Any:
        """The module's outputs for `x`: one tensor, a list of inputs, or a dict of them."""
        if type(x) is not self._kind:
            self._settle(x)
        return self._call(x)

    def _unsettle(self) -> None:
        """Find out anew how to call the module: since the last pass it may have been changed."""
        if not self._settings.jit_compile:
            self._kind = None

    def _settle(self, x: Any) -> None:
        call = caller(self._module, x)
        if not self._settings.jit_compile and call is self._module:
            call = straight(self._module)
        if self._settings.precision == "bf16":
            call = in_bfloat16(call, self._module)
        self._kind, self._plain_call = type(x), call
        self._call = Jitted(call) if self._settings.jit_compile else call

    def _judge(self, objective: Objective, batch: Batch) -> tuple[torch.Tensor, Values]:
        """The loss and the values of a batch."""
        if not self._settings.jit_compile or not objective.takes_outputs:
            return objective(self.forward, batch)
        # Compiled as a whole, from the inputs to the loss.
        if type(batch.x) is not self._kind:
            self._settle(batch.x)
        return objective(self._plain_call, batch)

    def train(self, batch: Batch) -> Values:  # pyright: ignore[reportRedeclaration]
        """One update; returns the batch's own values."""
        objective, optimizer = self._compiled()
        optimizer.zero_grad()
        loss, values = self._judge(objective, batch)
        try:
            loss.backward()  # pyright: ignore[reportUnknownMemberType]
        except RuntimeError as error:
            _explain(error, loss)
            raise
        optimizer.step()
        return values

    def _train_captured(self, batch: Batch) -> Values:
        assert self._captured is not None
        _, optimizer = self._compiled()
        optimizer.zero_grad()
        values = self._captured(batch)
        optimizer.step()
        return values

    def _train_part(self, batch: Batch) -> Values:
        values = self._gather(batch)
        self._advance()
        return values

    def train_heard(self, batch: Batch, hooks: CallbackList, index: int, logs: Any) -> Values:
        """As `train`, for runs in which somebody listens around the optimizer's step."""
        values = self._gather(batch)
        self._heard = hooks, index, logs
        hooks.on_backward_end(index, logs)
        if self._advance():
            hooks.on_step_end(index, logs)
        return values

    def _gather(self, batch: Batch) -> Values:
        """Add the gradients of `batch` to those that wait for the optimizer."""
        _, optimizer = self._compiled()
        if not self._gathered_batches:
            optimizer.zero_grad()
        values = (self._captured or self._differentiate)(batch)
        self._gathered_batches += 1
        self._gathered_samples += batch.size
        return values

    def _differentiate(self, batch: Batch) -> Values:
        """Add the gradients of `batch` to those that are there; returns its values."""
        objective, _ = self._compiled()
        loss, values = self._judge(objective, batch)
        if self._settings.accumulate > 1:
            # Weighted by size here, divided by all samples later: the mean over uneven batches.
            loss = loss * batch.size
        try:
            loss.backward()  # pyright: ignore[reportUnknownMemberType]
        except RuntimeError as error:
            _explain(error, loss)
            raise
        return values

    @property
    def gradient_scale(self) -> float:
        """What makes a mean of the gradients that wait for the optimizer; 1 if they are one."""
        gathers = self._settings.accumulate > 1 and self._gathered_samples > 0
        return 1 / self._gathered_samples if gathers else 1.0

    def _advance(self) -> bool:
        """Let the optimizer step if enough was gathered; says whether it did."""
        if self._gathered_batches < self._settings.accumulate:
            return False
        self._update()
        return True

    def flush(self) -> bool:
        """Step with what is left at the end of an epoch, and tell those who listen; says if so."""
        if not self._gathered_batches:
            return False
        self._update()
        if self._heard is not None:
            hooks, index, logs = self._heard
            hooks.on_step_end(index, logs)
        return True

    def _update(self) -> None:
        _, optimizer = self._compiled()
        if self._settings.accumulate > 1:
            for parameter in self._module.parameters():
                if parameter.grad is not None:
                    parameter.grad.div_(self._gathered_samples)
        self._gathered_batches = self._gathered_samples = 0
        optimizer.step()

    # Going on where an earlier process was killed

    @property
    def gathers(self) -> bool:
        """Whether gradients wait for their step."""
        return self._gathered_batches > 0

    def state_dict(self) -> dict[str, Any]:
        """What the epoch has gathered so far, but for the gradients themselves."""
        return {
            "batches": self._gathered_batches,
            "samples": self._gathered_samples,
            "metrics": [] if self._objective is None else self._objective.counts(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on gathering from there."""
        self._gathered_batches, self._gathered_samples = state["batches"], state["samples"]
        if self._objective is not None:
            self._objective.load_counts(state["metrics"])

    def test(self, batch: Batch) -> Values:
        """The values of a batch, without an update."""
        assert self._test_objective is not None
        return self._judge(self._test_objective, batch)[1]

    def predict(self, x: Any) -> Any:
        """The outputs for a batch, detached."""
        outputs = self.forward(x)
        if type(outputs) is torch.Tensor:
            return outputs.detach()
        return map_leaves(_detached, outputs)

    def _compiled(self) -> tuple[Objective, Optimizer]:
        assert self._objective is not None
        assert self._optimizer is not None
        return self._objective, self._optimizer

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
        modes = [(module, module.training) for module in self._module.modules()]
        self._module.eval()
        self._unsettle()
        try:
            with torch.no_grad():
                yield
        finally:
            for module, mode in modes:
                module.training = mode


def _detached(output: Any) -> Any:
    # Modules leave out what was not asked for: their loss, where no labels came.
    return None if output is None else output.detach()


def _explain(error: RuntimeError, loss: torch.Tensor) -> None:
    """Raise what `error` means where no way leads from the loss back to the weights."""
    if not loss.requires_grad:
        raise StateError(
            "The loss cannot be differentiated: no way leads from it back to the weights. Compute "
            "it from y_pred by torch's operations alone; numpy(), item(), detach() and argmax "
            "break the way."
        ) from error
