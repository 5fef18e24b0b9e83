"""RunLogs: what a run notes of its batches and epochs while they go on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from backbeat.errors import ArgumentTypeError, StateError
from backbeat.training.run import Run
from backbeat.training.values import settle
from backbeat.warning import warn

__all__ = ["RunLogs"]


class RunLogs(Run):
    """The part of a `Loop` that its body calls to log values."""

    _stateful: tuple[str, ...]
    """The values that run through an epoch."""
    _warns_of_nan: bool
    """Whether nobody else does."""
    _is_unchecked = True
    """Whether this is the first batch, by which a slip shows."""

    def log_epoch(self, **values: Any) -> None:
        """Add values, such as `val_loss`, to the logs of the epoch."""
        if self.epoch is None:
            raise StateError("log_epoch was called outside of an epoch of loop.epochs().")
        self._epoch_logs.update(settle(values, wait=True))

    def log_batch(self, *unnamed: Any, size: int | None = None, **values: Any) -> None:
        """Log values of the current batch; tensors on a device stay there until they are read.

        `size` is the number of samples, where it is not the length of what the loader yielded.
        Texts and arrays are for the callbacks to see: only single numbers have a mean.
        """
        logs = self.batch_logs
        if logs is None:
            raise StateError("log_batch was called outside of a batch of loop.batches(...).")
        if self._is_unchecked:
            self._is_unchecked = False
            _check(unnamed, size, values)
        if size is not None:
            logs["size"] = size
        self.log_values(settle(values))

    def log_values(self, values: dict[str, Any]) -> None:
        """Log settled values: floats, or what is to be read late."""
        logs = self.batch_logs
        assert logs is not None
        logs.weights = getattr(values, "weights", None)
        loss = values.get("loss")
        if type(loss) is not float or self._stateful:
            logs.add_late(values)
        else:
            logs.add(values, getattr(values, "late", None))
        if type(loss) is float and self._warns_of_nan and not math.isfinite(loss):
            self._warn_of(loss, f"batch {self.batch} in epoch {self.epoch}")

    def _look_at_mean(self, loss: Any) -> None:
        """Warn of an epoch that went wrong on a device, where nobody looked at its batches."""
        if self._warns_of_nan and type(loss) is float and not math.isfinite(loss):
            self._warn_of(loss, f"epoch {self.epoch}")

    def _warn_of(self, loss: float, where: str) -> None:
        self._warns_of_nan = False
        warn(
            f"The loss of {where} is {loss}. Training goes on; TerminateOnNaN() among the "
            "callbacks would end it here."
        )


def _check(unnamed: tuple[Any, ...], size: Any, values: Mapping[str, Any]) -> None:
    """Raise for arguments of `log_batch` that are a slip; warn of a loss that has no mean."""
    if unnamed:
        raise ArgumentTypeError("log_batch takes its values by name: loop.log_batch(loss=loss).")
    if size is not None and not hasattr(size, "__float__"):
        raise ArgumentTypeError(
            f"log_batch: size={size!r} is a {type(size).__name__}; pass the number of samples."
        )
    loss: Any = values.get("loss", 0.0)
    shape = tuple(np.shape(loss))
    if isinstance(loss, str) or loss is None or np.prod(shape) != 1:
        given = f"a {type(loss).__name__} of shape {shape}" if shape else repr(loss)
        warn(
            f"log_batch: loss is {given}, which has no mean over the epoch. Pass a single number, "
            "such as loss.mean()."
        )
