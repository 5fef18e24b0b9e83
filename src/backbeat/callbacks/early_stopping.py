"""EarlyStopping: ends a training that has stopped getting better."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from backbeat.callbacks._arguments import check_flags, check_number
from backbeat.callbacks._improvement import is_better, worsened, worst
from backbeat.callbacks._monitor import Monitor, checked_mode, guess_direction
from backbeat.hooks.callback import Callback, Phase, Role
from backbeat.hooks.host import Direction, Snapshot, as_host
from backbeat.hooks.plan import Plan
from backbeat.outlets import tell
from backbeat.warning import warn

__all__ = ["EarlyStopping"]


class EarlyStopping(Callback):
    """Stops training when the watched value has not improved for `patience` epochs.

    Only epochs in which the value was measured count; 0 is the same as 1. An improvement is a
    change of more than `min_delta` in the right direction (a negative `min_delta` forgives a small
    change for the worse). With `baseline` the value must first get better than that. `mode="auto"`
    asks the metric for its direction, then its name. nan and infinity are never an improvement.

    `restore_best_weights=True` ends the run with the weights of the epoch whose value was the best
    finite one, whether or not it met `min_delta` and `baseline`: at once when this callback stops
    the run, else when it ends. After an error the weights are left alone, and `best_weights` holds
    the best. If the value never was finite the weights are left alone, with a warning.

    `start_from_epoch` counts from 0; earlier epochs are not looked at. A monitor that never comes
    is a warning, with `strict=True` a MonitorError.

    Readable: `wait`, `best` (what the next value is compared with), `best_epoch`, `best_weights`,
    `stopped_epoch`, all of the present run.

    >>> stopping = EarlyStopping("loss", patience=2)
    >>> for epoch, loss in enumerate([0.086, 0.1096, 0.104]):
    ...     stopping.on_epoch_end(epoch, {"loss": loss})
    >>> stopping.wait, stopping.stopped_epoch
    (2, 2)
    """

    phase: ClassVar[Phase] = "decide"
    role: ClassVar[Role | None] = "controller"

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        *,
        strict: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        self._watch = Monitor(self, monitor, strict=strict, consequence="It stops nothing.")
        check_number(self, "min_delta", min_delta)
        check_number(self, "patience", patience, at_least=0)
        check_number(self, "verbose", verbose)
        check_flags(self, restore_best_weights=restore_best_weights, strict=strict)
        check_number(self, "start_from_epoch", start_from_epoch, at_least=0)
        if baseline is not None:
            check_number(self, "baseline", baseline)
        self.monitor = monitor
        self.min_delta = min_delta
        self.patience = patience
        self.verbose = verbose
        self.mode = checked_mode(self, mode)
        self.baseline = baseline
        self.restore_best_weights = restore_best_weights
        self.strict = strict
        self.start_from_epoch = start_from_epoch
        self._reset()

    def _reset(self) -> None:
        self._is_resolved = False
        self._set_direction(guess_direction(self.monitor) if self.mode == "auto" else self.mode)
        self.wait = 0
        self.stopped_epoch = 0
        self.best_epoch: int | None = None
        self.best_weights: Snapshot | None = None
        self._best_finite: float | None = None
        self._was_trained = False
        self._has_stopped = False
        self._is_restored = False

    def _set_direction(self, direction: Any) -> None:
        self._direction: Direction = direction
        self.monitor_op = np.less if direction == "min" else np.greater
        self.best = worst(direction) if self.baseline is None else float(self.baseline)

    def _resolve_direction(self) -> None:
        """Now that the model is known, ask it which way is better."""
        if not self._is_resolved:
            self._is_resolved = True
            self._set_direction(self._watch.direction(self.model, self.mode))

    # The run

    def _check_plan(self, plan: Plan) -> None:
        self._watch.check(plan)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Forget the run before."""
        self._watch.begin()
        self._reset()
        self._resolve_direction()

    def get_monitor_value(self, logs: dict[str, Any] | None) -> float | None:
        """The watched value in the logs of an epoch; None, with a warning, if it is not there."""
        return self._watch.find(logs)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Look at the value, and stop the run if patience is over."""
        self._was_trained = True
        if epoch < self.start_from_epoch:
            return
        current = self.get_monitor_value(logs)
        if current is None:
            return
        self._resolve_direction()
        self._keep_if_best(epoch, current)
        if is_better(
            worsened(current, self.min_delta, self._direction), self.best, self._direction
        ):
            self.best = current
            self.wait = 0
            return
        self.wait += 1
        if self.wait >= self.patience:
            self._stop(epoch)

    def _keep_if_best(self, epoch: int, current: float) -> None:
        best = worst(self._direction) if self._best_finite is None else self._best_finite
        if is_better(current, best, self._direction):
            self._best_finite = current
            self.best_epoch = epoch
            if self.restore_best_weights:
                self.best_weights = as_host(self.model).snapshot()

    def _stop(self, epoch: int) -> None:
        self.stopped_epoch = epoch
        self._has_stopped = True
        if self.model is not None:
            as_host(self.model).stop(self._reason(), by=self)
        self._restore()

    def _reason(self) -> str:
        epochs = "1 epoch" if self.wait == 1 else f"{self.wait} epochs"
        reason = f"{self.monitor} did not improve for {epochs}"
        if self.best_epoch is None:
            return reason
        return f"{reason}; the best was {self._best_finite:.5g} in epoch {self.best_epoch + 1}"

    def _restore(self) -> None:
        if not self.restore_best_weights or self.best_weights is None:
            return
        if self.verbose > 0:
            tell("Restoring model weights from the end of the best epoch")
        as_host(self.model).restore(self.best_weights)
        self._is_restored = True

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Restore the best weights, if the run did not end by this callback's own stop."""
        if not self._is_restored:
            self._restore()
        if self._has_stopped and self.verbose > 0:
            tell(f"Epoch {self.stopped_epoch + 1:05d}: early stopping")
        self._say_if_nothing_was_best()

    def _say_if_nothing_was_best(self) -> None:
        is_told = self._watch.is_missed or not self._was_trained
        if self.restore_best_weights and self.best_weights is None and not is_told:
            warn(
                f"EarlyStopping restored no weights: {self.monitor} was a finite number in no "
                "epoch. The weights are those of the last one."
            )

    # State

    def state_dict(self) -> dict[str, Any]:
        """How long it has waited and for what; the best weights are kept apart."""
        return {
            "wait": self.wait,
            "best": self.best if math.isfinite(self.best) else None,
            "best_finite": self._best_finite,
            "best_epoch": self.best_epoch,
            "stopped_epoch": self.stopped_epoch,
            "has_stopped": self._has_stopped,
            "was_trained": self._was_trained,
            "is_restored": self._is_restored,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on waiting where an earlier run was."""
        self._resolve_direction()
        self.wait = state["wait"]
        self.best = worst(self._direction) if state["best"] is None else state["best"]
        self._best_finite = state["best_finite"]
        self.best_epoch = state["best_epoch"]
        self.stopped_epoch = state["stopped_epoch"]
        self._has_stopped = state["has_stopped"]
        self._was_trained = state["was_trained"]
        self._is_restored = state["is_restored"]
