"""Gradients: those of one batch or of several, until the optimizer steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from backbeat.data import Batch
from backbeat.errors import StateError
from backbeat.optimizers import Optimizer
from backbeat.training.backward import Backward
from backbeat.training.captured import Captured
from backbeat.training.forward import Forward
from backbeat.training.jitted import warn_uncompiled
from backbeat.training.objective import Objective, Values
from backbeat.training.step_settings import StepSettings

__all__ = ["Gradients"]


class Gradients:
    """Gathers the gradients of `module`, as many batches of them as the settings say."""

    def __init__(
        self,
        module: nn.Module,
        forward: Forward,
        objective: Objective,
        optimizer: Optimizer,
        settings: StepSettings,
    ) -> None:
        self._module = module
        self._forward = forward
        self._objective = objective
        self._optimizer = optimizer
        self._most = settings.accumulate
        self._captured = Captured(self._differentiate, module) if settings.cuda_graph else None
        # What is recorded has to bring all that it writes into.
        self._back = _plainly if self._captured else Backward()
        self.batches = 0
        """How many wait for the optimizer."""
        self._samples = 0

    def begin_epoch(self, *, lasting: bool) -> None:
        """Nothing is gathered, and metrics that run through an epoch begin anew.

        `lasting`: whether nobody writes into the labels of a batch after it.
        """
        # A run that ended by an error may have left gradients that wait for their step.
        self.batches = self._samples = 0
        if self._captured is not None:
            self._captured.begin_epoch()
        # What is recorded has to be computed in each batch.
        self._objective.reset(lasting=lasting and self._captured is None)

    def gather(self, batch: Batch) -> Values:
        """Add the gradients of `batch` to those that wait; returns its values."""
        if not self.batches:
            self._optimizer.zero_grad()
        values = (self._captured or self._differentiate)(batch)
        self.batches += 1
        self._samples += batch.size
        return values

    def advance(self) -> bool:
        """Let the optimizer step if enough is gathered; whether it did."""
        if self.batches < self._most:
            return False
        self.use()
        return True

    def use(self) -> None:
        """Let the optimizer step with what there is."""
        if self._most > 1:
            for parameter in self._module.parameters():
                if parameter.grad is not None:
                    parameter.grad.div_(self._samples)
        self.batches = self._samples = 0
        self._optimizer.step()

    @property
    def scale(self) -> float:
        """What makes a mean of those that wait; 1 if they are one."""
        return 1 / self._samples if self._most > 1 and self._samples else 1.0

    def _differentiate(self, batch: Batch) -> Values:
        loss, values = self._objective(self._forward, batch)
        try:
            self._backward(loss, batch.size)
        except Exception as error:
            if not loss.requires_grad:
                raise _no_way_back() from error
            if not self._objective.uncompile():
                raise
            self._differentiate_uncompiled(batch, error)
        return values

    def _backward(self, loss: torch.Tensor, size: int) -> None:
        if self._most > 1:
            # Weighted by size here, divided by all samples later: the mean over uneven batches.
            loss = loss * size
        self._back(loss)

    def _differentiate_uncompiled(self, batch: Batch, error: Exception) -> None:
        """As usual, after `error` in the backward of compiled code; nothing is measured again."""
        if self.batches:
            # What was gathered before may hold a part of this batch already.
            raise StateError(
                f"jit_compile=True: torch.compile fails in the backward of batch {self.batches + 1}"
                f" of accumulate={self._most}, which spoils the gradients gathered before. Call "
                "model.compile without jit_compile."
            ) from error
        self._optimizer.zero_grad()
        self._backward(self._objective.loss(self._forward, batch), batch.size)
        warn_uncompiled(error)

    # Going on where an earlier process was killed

    def state_dict(self) -> dict[str, Any]:
        """What the epoch has gathered so far, but for the gradients themselves."""
        counts = self._objective.counts()
        return {"batches": self.batches, "samples": self._samples, "metrics": counts}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on gathering from there."""
        self.batches, self._samples = state["batches"], state["samples"]
        self._objective.load_counts(state["metrics"])


def _plainly(loss: torch.Tensor) -> None:
    loss.backward()  # pyright: ignore[reportUnknownMemberType]


def _no_way_back() -> StateError:
    if not torch.is_grad_enabled():
        return StateError(
            "No gradients are kept here: train outside of torch.no_grad() and "
            "torch.inference_mode()."
        )
    return StateError(
        "The loss cannot be differentiated: no way leads from it back to the weights. Compute "
        "it from y_pred by torch's operations alone; numpy(), item(), detach() and argmax "
        "break the way."
    )
