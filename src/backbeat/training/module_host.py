"""ModuleHost: what the callbacks see of a plain `nn.Module` that you train in your own loop."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from os import PathLike
from typing import Any, Protocol, cast

import torch
from torch import nn

from backbeat import optimizers
from backbeat.checkpoints import Draft, format_of
from backbeat.errors import ArgumentTypeError, StateError
from backbeat.hooks import Host, StopLatch
from backbeat.hooks.host import Direction, Resumable, is_overridden
from backbeat.tensors import to_numpy
from backbeat.training.inspection import ModuleInspection
from backbeat.training.staging import captured
from backbeat.training.weights import save_weights, weights_draft

__all__ = ["ModuleHost", "Resuming", "TrainingHost", "WeightsSnapshot"]


class TrainingHost(Host, Protocol):
    """What the loop needs of a host beyond what the callbacks ask of it."""

    history: Any
    run_in_progress: Resumable | None

    @property
    def latch(self) -> StopLatch:
        """Holds the request to stop."""
        ...

    def rate_logs(self) -> dict[str, float]:
        """The rates of all parameter groups: `lr`, `lr_1`, ..."""
        ...


class WeightsSnapshot:
    """A copy of a module's parameters and buffers; never aliases the live ones."""

    def __init__(self, module: nn.Module) -> None:
        self._state = {name: tensor.detach().clone() for name, tensor in _state(module)}

    @classmethod
    def of(cls, state: Mapping[str, torch.Tensor]) -> WeightsSnapshot:
        """The snapshot whose `state` it was."""
        snapshot = cls.__new__(cls)
        snapshot._state = dict(state)
        return snapshot

    @property
    def state(self) -> Mapping[str, torch.Tensor]:
        """The weights by name, as tensors on their device."""
        return self._state

    def arrays(self) -> Mapping[str, Any]:
        """The weights by name, as arrays on the host."""
        return {name: to_numpy(tensor) for name, tensor in self._state.items()}

    def restore(self, module: nn.Module) -> None:
        """Copy the weights back into `module`, in place."""
        with torch.no_grad():
            for name, tensor in _state(module):
                tensor.copy_(self._state[name])

    def __getstate__(self) -> dict[str, Any]:
        return {"_state": {name: tensor.cpu() for name, tensor in self._state.items()}}


def _state(module: nn.Module) -> list[tuple[str, torch.Tensor]]:
    return [*module.named_parameters(), *module.named_buffers()]


class Resuming:
    """The part of a host that a backup talks to: the run in progress answers, where there is one.

    It is `run_in_progress`, which the Loop sets and takes away.
    """

    run_in_progress: Resumable | None = None

    def capture_run(self, memory: dict[str, Any] | None = None) -> dict[str, Any] | None:
        """The whole run as plain data; None where it does not stand between two batches."""
        return None if self.run_in_progress is None else self.run_in_progress.capture_run(memory)

    def restore_run(self, state: Mapping[str, Any]) -> None:
        """Let the run go on from what `capture_run` gave; at the beginning of a run only."""
        if self.run_in_progress is None:
            raise StateError("There is no run to restore: restore_run is called in on_train_begin.")
        self.run_in_progress.restore_run(state)


class ModuleHost(Resuming):
    """A host around `module` and its torch `optimizer`; other attributes are the module's own."""

    def __init__(self, module: nn.Module, optimizer: torch.optim.Optimizer | None = None) -> None:
        self.module = module
        self.optimizer = None if optimizer is None else optimizers.get(optimizer)
        self.latch = StopLatch()
        self.history: Any = None

    @staticmethod
    def of(module: Any, optimizer: Any = None) -> TrainingHost:
        """`module` itself if it is a host already, else a ModuleHost around it."""
        if isinstance(getattr(module, "latch", None), StopLatch):
            return cast(TrainingHost, module)
        if not isinstance(module, nn.Module):
            raise ArgumentTypeError(
                f"Loop was given {module!r} to train; pass a torch.nn.Module or a backbeat Model."
            )
        if isinstance(optimizer, (list, tuple)):
            kind = type(cast(object, optimizer)).__name__
            raise ArgumentTypeError(
                f"Loop takes one optimizer, but was given a {kind}; of several pass the one whose "
                "rate callbacks watch and set, and save the others with "
                "BackupAndRestore(also=...)."
            )
        if optimizer is not None and not _steps(optimizer):
            raise ArgumentTypeError(
                f"Loop was given the optimizer {optimizer!r}; pass the very one whose step() your "
                "loop calls, such as torch.optim.Adam(module.parameters())."
            )
        return cast(TrainingHost, ModuleHost(module, optimizer))

    def __getattr__(self, name: str) -> Any:
        # Only reached for names that the host itself does not have.
        if name.startswith("__") or name == "module":
            raise AttributeError(name)
        return getattr(self.module, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the module."""
        return self.module(*args, **kwargs)

    @property
    def stop_training(self) -> bool:
        """Whether somebody asked the run to stop. Setting it to True asks."""
        return self.latch.requested

    @stop_training.setter
    def stop_training(self, value: bool) -> None:
        self.latch.set(value)

    def stop(self, reason: str, *, by: object) -> None:
        """Ask the run to stop at the next batch or epoch boundary."""
        self.latch.request(reason, by=by)

    @property
    def learning_rate(self) -> float:
        """The rate of the first parameter group. Setting it scales all groups alike."""
        return self._rated().lr

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self._rated().lr = value

    def _rated(self) -> optimizers.Optimizer:
        if self.optimizer is None:
            raise StateError(
                "A callback asked for the learning rate, but the loop was given no optimizer; "
                "write Loop(module, optimizer, ...)."
            )
        return self.optimizer

    def rate_logs(self) -> dict[str, float]:
        """The rates of all parameter groups: `lr`, `lr_1`, ..."""
        rates = self._rated().rates
        return {f"lr_{index}" if index else "lr": rate for index, rate in enumerate(rates)}

    def direction(self, name: str) -> Direction | None:
        """What is better for `name` is not known here, except for losses."""
        return "min" if name in ("loss", "val_loss") else None

    def snapshot(self) -> WeightsSnapshot:
        """A copy of the weights as they are now."""
        return WeightsSnapshot(self.module)

    def restore(self, snapshot: WeightsSnapshot) -> None:
        """Put the weights back to what they were when `snapshot` was taken."""
        snapshot.restore(self.module)

    def inspect(self) -> ModuleInspection:
        """A look at the module as it is now: weights, gradients, outputs, graph."""
        return ModuleInspection(self.module, self.optimizer)

    def check_path(self, path: str | PathLike[str], *, weights_only: bool = False) -> None:
        """Raise ArgumentError if `path` names no format that a save could write."""
        if not is_overridden(self, "save_weights" if weights_only else "save", ModuleHost):
            format_of(path)

    def save_weights(self, path: str | PathLike[str]) -> None:
        """Write the module's weights to `path`; the suffix decides the format."""
        save_weights(self.module, path)

    def capture(
        self, path: str | PathLike[str], *, weights_only: bool, reuse: Draft | None = None
    ) -> Draft | None:
        """A copy of what saving would write to `path` now; None if a subclass saves in its own way.

        The memory of `reuse`, an earlier draft, is used again.
        """
        if is_overridden(self, "save_weights" if weights_only else "save", ModuleHost):
            return None
        return captured(partial(weights_draft, self.module, path), reuse)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the module's weights to `path`: a plain module has no config to save with them."""
        save_weights(self.module, path)


def _steps(optimizer: Any) -> bool:
    return hasattr(optimizer, "step") and not isinstance(optimizer, type)
