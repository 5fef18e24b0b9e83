"""LearningRateScheduler: the learning rate as a function of the epoch."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any, ClassVar

from backbeat.callbacks._arguments import check_number
from backbeat.callbacks._values import number
from backbeat.errors import ArgumentError, ArgumentTypeError
from backbeat.hooks.callback import Callback, Role
from backbeat.hooks.host import as_host
from backbeat.outlets import tell

__all__ = ["LearningRateScheduler"]


class LearningRateScheduler(Callback):
    """Sets the learning rate at the beginning of every epoch.

    `schedule(epoch, rate)` gets the index of the epoch, counted from 0, and the present rate, and
    returns the new one: any real number that is neither negative nor infinite. `schedule(epoch)`
    is understood too. All parameter groups keep their ratio. The epoch's logs hold the rate as
    `lr`.

    Raises ArgumentTypeError if `schedule` cannot be called so; ArgumentError, a ValueError, when
    it returns something that is no rate.

    >>> scheduler = LearningRateScheduler(lambda epoch: 0.1 / (1 + epoch))
    """

    role: ClassVar[Role | None] = "controller"
    owns_rate: ClassVar[bool] = True

    def __init__(self, schedule: Callable[..., Any], verbose: int = 0) -> None:
        check_number(self, "verbose", verbose)
        self.schedule = schedule
        self.verbose = verbose
        self._takes_rate = _takes_rate(schedule)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Ask for the rate of this epoch and set it."""
        host = as_host(self.model)
        old = host.learning_rate
        answer = self.schedule(epoch, old) if self._takes_rate else self.schedule(epoch)
        new = _checked_rate(answer, epoch)
        host.learning_rate = new
        if self.verbose > 0:
            tell(f"\nEpoch {epoch + 1:05d}: LearningRateScheduler setting learning rate to {new}.")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Log the rate, where nobody has done so."""
        # The Loop has put it there already; a callback that is used by itself does it here.
        if logs is not None and "lr" not in logs:
            logs["lr"] = as_host(self.model).learning_rate


def _takes_rate(schedule: Any) -> bool:
    """Whether it is called with epoch and rate; raises if neither that nor the epoch alone fits."""
    if not callable(schedule):
        raise ArgumentTypeError(
            "LearningRateScheduler: schedule is a function of the epoch and the present rate; got "
            f"{schedule!r} ({type(schedule).__name__})."
        )
    try:
        signature = inspect.signature(schedule)
    except ValueError:  # some functions written in C do not tell
        return True
    for arguments in ((0, 0.1), (0,)):
        try:
            signature.bind(*arguments)
        except TypeError:
            continue
        return len(arguments) == 2
    raise ArgumentTypeError(
        "LearningRateScheduler: schedule is called as schedule(epoch, rate) or schedule(epoch); "
        f"{getattr(schedule, '__name__', repr(schedule))}{signature} fits neither."
    )


def _checked_rate(answer: Any, epoch: int) -> float:
    rate = number(answer)
    if rate is None or not math.isfinite(rate) or rate < 0:
        raise ArgumentError(
            "LearningRateScheduler: schedule returns a learning rate, a number such as 0.01; for "
            f"epoch {epoch} it returned {answer!r} ({type(answer).__name__})."
        )
    return rate
