"""BaseLogger: turns the values of the batches into the means of the epoch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from backbeat.callbacks._arguments import names_in
from backbeat.callbacks._values import number
from backbeat.hooks.averages import Averages
from backbeat.hooks.callback import Callback, Phase
from backbeat.hooks.logs import Fetch

__all__ = ["BaseLogger"]


class BaseLogger(Callback):
    """Puts the means of the epoch into its logs; every run has one already.

    A mean weighs each batch by its size. Metrics in `stateful_metrics`, any iterable of names (a
    text is one name), are not averaged: their last value counts. Where `params["metrics"]` says
    what is measured only that is averaged, otherwise every number that the batches log. A value
    that is in the epoch's logs already was given on purpose and stays.

    `averages` holds the running means.

    >>> logger, logs = BaseLogger(), {}
    >>> logger.on_batch_end(0, {"size": 3, "loss": 1.0})
    >>> logger.on_batch_end(1, {"size": 1, "loss": 2.0})
    >>> logger.on_epoch_end(0, logs)
    >>> logs
    {'loss': 1.25}
    """

    phase: ClassVar[Phase] = "average"

    def __init__(self, stateful_metrics: Iterable[str] | None = None) -> None:
        self.stateful_metrics = names_in(self, "stateful_metrics", stateful_metrics)
        self.averages = Averages(self.stateful_metrics)

    @property
    def fetch(self) -> Fetch:
        """How values are read from their device."""
        return self.averages.fetch

    @fetch.setter
    def fetch(self, fetch: Fetch) -> None:
        self.averages.fetch = fetch

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Begin new means."""
        # The same object for good: the logs of batches refer to it.
        self.averages.reset()
        names = [name for name in self.params.get("metrics") or () if not name.startswith("val_")]
        self.averages.names = tuple(names) or None

    def on_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Take in the values of a batch."""
        if logs:
            self.averages.add(logs)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write the means, as Python floats."""
        if logs is None:
            return
        for name, value in self.averages.read().items():
            as_float = number(value)
            logs.setdefault(name, value if as_float is None else as_float)

    # State

    def state_dict(self) -> dict[str, Any]:
        """The means of the epoch so far."""
        return self.averages.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with the epoch of an earlier run."""
        self.averages.load_state_dict(state)

    def __getstate__(self) -> dict[str, Any]:
        # The means of a batch may hold tensors of a device, and are worth nothing elsewhere.
        return vars(self) | {"averages": Averages(self.stateful_metrics)}
