"""TerminateOnNaN: ends a training whose loss is no number any more."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from backbeat.callbacks._values import number
from backbeat.hooks.callback import Callback, Role
from backbeat.hooks.host import as_host
from backbeat.outlets import tell

__all__ = ["TerminateOnNaN"]


class TerminateOnNaN(Callback):
    """Stops training at the first batch whose loss is nan or infinite.

    No later batch runs; the epoch ends normally, with that loss in its logs. Looking at every loss
    means waiting for the device at every batch.
    """

    role: ClassVar[Role | None] = "controller"

    def on_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Look at the loss of this batch."""
        loss = number((logs or {}).get("loss"))
        if loss is None or math.isfinite(loss):
            return
        tell(f"Batch {batch}: Invalid loss, terminating training")
        if self.model is not None:
            as_host(self.model).stop(f"the loss of batch {batch} is {loss}", by=self)
