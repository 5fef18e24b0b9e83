"""History: what every epoch logged, kept in lists."""

from __future__ import annotations

from typing import Any, ClassVar

from backbeat.callbacks._values import number
from backbeat.hooks.callback import Callback, Phase, Role
from backbeat.hooks.cost import CostTable
from backbeat.hooks.stop import Stop

__all__ = ["History"]


class History(Callback):
    """Records the logs of every epoch; `fit` returns one and keeps it as `model.history`.

    `epoch` lists the indices of the epochs, `history` maps each logged name to the list of its
    values: Python floats, so `json.dumps(history.history)` works. A value that is not a number is
    kept as it is. A name that is not logged in every epoch has a shorter list.

    `stopped` tells who ended the run early and why (None after a natural end), `cost` what every
    callback spent, `waits` how often the device was waited for and by whom, `troubles` what the
    callbacks lost or could not do. Each run begins with empty lists.

    >>> history = History()
    >>> history.on_epoch_end(0, {"loss": 0.5})
    >>> history["loss"]
    [0.5]
    """

    phase: ClassVar[Phase] = "record"
    role: ClassVar[Role | None] = "observer"

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self.epoch: list[int] = []
        self.history: dict[str, list[Any]] = {}
        self.stopped: Stop | None = None
        self.cost = CostTable()
        self.troubles: list[str] = []
        self.waits: dict[str, int] = {}

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Forget the run before."""
        self._reset()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Add the values of this epoch."""
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            as_float = number(value)
            self.history.setdefault(name, []).append(value if as_float is None else as_float)

    def __getitem__(self, name: str) -> list[Any]:
        """The values of `name`, epoch by epoch; raises KeyError if it was never logged."""
        return self.history[name]

    def __getstate__(self) -> dict[str, Any]:
        # A history is stored next to a model, not with the model inside it.
        left_out = ("model", "validation_data")
        return {name: value for name, value in vars(self).items() if name not in left_out}

    def state_dict(self) -> dict[str, Any]:
        """The epochs recorded so far."""
        return {"epoch": list(self.epoch), "history": {k: list(v) for k, v in self.history.items()}}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue the lists of an earlier run."""
        self.epoch = list(state["epoch"])
        self.history = {name: list(values) for name, values in state["history"].items()}
