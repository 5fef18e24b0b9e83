"""ReduceLROnPlateau: smaller steps when training has stopped getting better."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from backbeat.callbacks._arguments import check_flags, check_number
from backbeat.callbacks._improvement import is_better, worsened, worst
from backbeat.callbacks._monitor import Monitor, checked_mode, guess_direction
from backbeat.errors import ArgumentError
from backbeat.hooks.callback import Callback, Role
from backbeat.hooks.host import Direction, as_host
from backbeat.hooks.plan import Plan
from backbeat.outlets import tell
from backbeat.warning import warn

__all__ = ["ReduceLROnPlateau"]

# An optimizer that keeps its rate in single precision reads back 0.001 as 0.00100000005.
_SAME_RATE = 1e-6


class ReduceLROnPlateau(Callback):
    """Multiplies the learning rate by `factor` when the watched value stays where it is.

    It does so after `patience` measured epochs without an improvement of more than `min_delta`
    (0 is the same as 1), but never below `min_lr`. `mode="auto"` asks the metric for its
    direction, then its name. nan and infinity are never an improvement.

    After a reduction `cooldown` epochs pass before waiting begins again. As in the seed's system,
    the epoch in which the cooldown ends counts as waiting already, so `cooldown=1` is no cooldown.

    The epoch's logs hold `lr`, the rate of that epoch. All parameter groups keep their ratio. The
    rate stays reduced after the run. `epsilon` is the older name of `min_delta`. A monitor that
    never comes is a warning, with `strict=True` a MonitorError.

    Raises ArgumentError if `factor` is not between 0 and 1.
    """

    role: ClassVar[Role | None] = "controller"
    owns_rate: ClassVar[bool] = True

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0,
        *,
        epsilon: float | None = None,
        strict: bool = False,
    ) -> None:
        self._watch = Monitor(
            self, monitor, strict=strict, consequence="The learning rate stays as it is."
        )
        check_number(self, "factor", factor)
        if not 0 < factor < 1:
            raise ArgumentError(
                f"ReduceLROnPlateau: factor is between 0 and 1, such as 0.1; got {factor}."
            )
        if epsilon is not None:
            warn("ReduceLROnPlateau: the `epsilon` argument is deprecated; write min_delta=.")
            min_delta = epsilon
        check_number(self, "patience", patience, at_least=0)
        check_number(self, "verbose", verbose)
        check_flags(self, strict=strict)
        check_number(self, "min_delta", min_delta)
        check_number(self, "cooldown", cooldown, at_least=0)
        check_number(self, "min_lr", min_lr, at_least=0)
        self.monitor = monitor
        self.factor = factor
        self.patience = patience
        self.verbose = verbose
        self.mode = checked_mode(self, mode)
        self.min_delta = min_delta
        self.cooldown = cooldown
        self.min_lr = min_lr
        self.strict = strict
        self._reset()

    def _reset(self) -> None:
        self._is_resolved = False
        guess: Any = guess_direction(self.monitor) if self.mode == "auto" else self.mode
        self._direction: Direction = guess
        self.best = worst(guess)
        self.wait = 0
        self.cooldown_counter: float = 0

    def _resolve_direction(self) -> None:
        """Now that the model is known, ask it which way is better."""
        if not self._is_resolved:
            self._is_resolved = True
            self._direction = self._watch.direction(self.model, self.mode)
            self.best = worst(self._direction)

    # The run

    def _check_plan(self, plan: Plan) -> None:
        self._watch.check(plan)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Forget the run before; the learning rate is not put back."""
        self._watch.begin()
        self._reset()
        self._resolve_direction()

    def in_cooldown(self) -> bool:
        """Whether the last reduction is so recent that no epoch counts as waiting."""
        return self.cooldown_counter > 0

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Look at the value, and reduce the rate if patience is over."""
        logs = {} if logs is None else logs
        # The Loop has put it there already; a callback that is used by itself does it here.
        if "lr" not in logs:
            logs["lr"] = as_host(self.model).learning_rate
        current = self._watch.find(logs)
        if current is None:
            return
        self._resolve_direction()
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        threshold = worsened(self.best, -self.min_delta, self._direction)
        if is_better(current, threshold, self._direction):
            self.best = current
            self.wait = 0
        elif not self.in_cooldown():
            self.wait += 1
            if self.wait >= self.patience:
                self._reduce(epoch)

    def _reduce(self, epoch: int) -> None:
        host = as_host(self.model)
        old = host.learning_rate
        new = max(old * self.factor, float(self.min_lr))
        if new >= old or math.isclose(new, old, rel_tol=_SAME_RATE):
            return
        host.learning_rate = new
        if self.verbose > 0:
            tell(f"\nEpoch {epoch + 1:05d}: ReduceLROnPlateau reducing learning rate to {new}.")
        self.cooldown_counter = self.cooldown
        self.wait = 0

    # State

    def state_dict(self) -> dict[str, Any]:
        """How long it has waited and for what."""
        return {
            "wait": self.wait,
            "best": self.best if math.isfinite(self.best) else None,
            "cooldown_counter": self.cooldown_counter,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on waiting where an earlier run was."""
        self._resolve_direction()
        self.wait = state["wait"]
        self.best = worst(self._direction) if state["best"] is None else state["best"]
        self.cooldown_counter = state["cooldown_counter"]
