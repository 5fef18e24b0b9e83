"""RunLogs: what a run notes of its batches and epochs while they go on."""

from __future__ import annotations

import math
from typing import Any

from backbeat.errors import StateError
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

    def log_epoch(self, **values: Any) -> None:
        """Add values, such as `val_loss`, to the logs of the epoch."""
        if self.epoch is None:
            raise StateError("log_epoch was called outside of an epoch of loop.epochs().")
        self._epoch_logs.update(settle(values, wait=True))

    def log_batch(self, *, size: int | None = None, **values: Any) -> None:
        """Log values of the current batch; tensors on a device stay there until they are read.

        `size` is the number of samples, where it is not the length of what the loader yielded.
        """
        logs = self.batch_logs
        if logs is None:
            raise StateError("log_batch was called outside of a batch of loop.batches(...).")
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
            self._warn_of(loss)

    def _warn_of(self, loss: float) -> None:
        self._warns_of_nan = False
        warn(
            f"The loss of batch {self.batch} in epoch {self.epoch} is {loss}. Training goes on; "
            "TerminateOnNaN() among the callbacks would end it here."
        )
